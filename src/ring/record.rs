//! Records in the memory of a ring, whose end is followed by its start: a head of six bytes, then the line with its
//! newline.
//!
//! The head holds a check sum of all the rest (31 bits; the 32nd bit is set if the stamp is settled), then the line's
//! length less one and its thin level. In an undamaged ring a newline only ends a line, so the record after a damaged one
//! can be found.

#[cfg(test)]
use super::tests::fuse;
use super::words::{self, is_lost};
use super::{LINE_MAX, Ring};

/// Bytes before a line.
pub(super) const HEAD: usize = 6;
/// The longest record.
pub(super) const RECORD_MAX: usize = HEAD + LINE_MAX;

/// The level of a line that is never thinned.
pub const THIN_LEVEL_MAX: u8 = 31;

const SETTLED: u32 = 1 << 31;
const LENGTH_BITS: u32 = 11;
const _: () = assert!(LINE_MAX == 1 << LENGTH_BITS);

/// Changes with the format of a record, so that records of another format are invalid.
const SEED: u32 = 0x6d6d_0001;
/// 2^32 divided by the golden ratio, made odd: a product spreads each bit of the other factor.
const FACTOR: u32 = 0x9e37_79b9;

/// The head of a record.
#[derive(Clone, Copy)]
pub(super) struct Head {
    size: u16,
    /// The stamp does not change any more: the line is of an earlier boot, or was sent.
    pub(super) is_settled: bool,
}

impl Head {
    /// Creates the head of a line of 1 to [`LINE_MAX`] bytes, its newline included. Levels above [`THIN_LEVEL_MAX`] count
    /// as this.
    pub(super) fn new(length: usize, thin_level: u8) -> Self {
        Self {
            size: (length.wrapping_sub(1) as u16) | u16::from(thin_level.min(THIN_LEVEL_MAX)) << LENGTH_BITS,
            is_settled: false,
        }
    }

    pub(super) fn length(self) -> usize {
        usize::from(self.size & ((1 << LENGTH_BITS) - 1)) + 1
    }

    pub(super) fn thin_level(self) -> u8 {
        (self.size >> LENGTH_BITS) as u8
    }

    /// Returns the bytes before the line.
    pub(super) fn encode(self, line: &[u8]) -> [u8; HEAD] {
        let settled = if self.is_settled { SETTLED } else { 0 };
        let check = check(settled | u32::from(self.size), line) & !SETTLED | settled;
        let mut head = [0; HEAD];
        let (first, rest) = head.split_at_mut(size_of_val(&check));
        first.copy_from_slice(&check.to_le_bytes());
        rest.copy_from_slice(&self.size.to_le_bytes());
        head
    }

    /// Reads the bytes before a line, without the check. (The first three are part of the check sum.)
    pub(super) fn decode([_, _, _, settled, low, high]: [u8; HEAD]) -> Self {
        Self {
            size: u16::from_le_bytes([low, high]),
            is_settled: settled >= 1 << 7,
        }
    }
}

/// Returns a check sum of the line. It takes four bytes a step; each step is reversible, so that one changed word always
/// changes the sum. The byte order is the same on all processors, since a spool may move to another one.
fn check(start: u32, line: &[u8]) -> u32 {
    let step = |sum: u32, word: u32| (sum.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    let (words, rest) = line.as_chunks::<4>();
    let mut sum = step(SEED, start);
    for word in words {
        sum = step(sum, u32::from_le_bytes(*word));
    }
    for byte in rest {
        sum = step(sum, u32::from(*byte));
    }
    sum ^ sum >> 15
}

impl Ring<'_> {
    /// Writes a record after the newest, where it fits, and validates it.
    pub(super) fn append(&mut self, head: Head, line: &[u8]) {
        let checked = if self.policy.is_checked { line } else { b"" };
        let head = head.encode(checked);
        self.write(self.newest + HEAD, line);
        self.commit(head, line.len());
    }

    /// Writes the head of a line that is in its place, and validates the record.
    pub(super) fn commit(&mut self, head: [u8; HEAD], length: usize) {
        self.write(self.newest, &head);
        self.newest += HEAD + length;
        self.words.newest.set(self.index(self.newest));
    }

    /// Advances the start of the oldest record to this position.
    pub(super) fn advance(&mut self, position: usize) {
        self.start = self.index(position);
        self.newest -= position;
        self.words.oldest.set(self.start);
        // Until then these lie outside and are ignored.
        if self.sent_mark < position {
            self.words.sent_mark.set(self.start);
        }
        if self.ever_acked < position {
            self.words.ever_acked.set(self.start);
        }
        self.sent_mark = self.sent_mark.saturating_sub(position);
        self.ever_acked = self.ever_acked.saturating_sub(position);
    }

    pub(super) fn set_ever_acked(&mut self, position: usize) {
        if position != self.ever_acked {
            self.ever_acked = position;
            self.words.ever_acked.set(self.index(position));
        }
    }

    pub(super) fn head(&self, position: usize) -> Head {
        let at = self.index(position);
        let mut bytes = [0; HEAD];
        match self.memory.get(at..).and_then(<[u8]>::first_chunk) {
            Some(head) => bytes = *head,
            None => words::read(self.memory, at, &mut bytes),
        }
        #[cfg(test)]
        fuse::after_read(at, &mut bytes, self.memory.len());
        Head::decode(bytes)
    }

    /// Returns the end of the record at this position. In damaged memory, too, it is not after the newest.
    pub(super) fn end_of(&self, position: usize) -> usize {
        (position + HEAD + self.head(position).length()).min(self.newest)
    }

    /// Returns the length of the line at this position, and its end. A line in lost memory is longer than any, so that
    /// no position passes it.
    pub(super) fn line(&self, position: usize) -> (usize, usize) {
        let end = self.end_of(position);
        let length = end.saturating_sub(position + HEAD);
        (if is_lost() { usize::MAX } else { length }, end)
    }

    pub(super) fn write(&mut self, position: usize, bytes: &[u8]) {
        let at = self.index(position);
        #[cfg(test)]
        fuse::burn();
        #[cfg(test)]
        fuse::before_write(self.memory);
        if let Some(whole) = self.memory.get_mut(at..at + bytes.len()) {
            return whole.copy_from_slice(bytes);
        }
        let (head, tail) = bytes.split_at(self.memory.len() - at);
        self.memory[at..].copy_from_slice(head);
        self.memory[..tail.len()].copy_from_slice(tail);
    }

    pub(super) fn read(&self, position: usize, bytes: &mut [u8]) {
        words::read(self.memory, self.index(position), bytes);
        #[cfg(test)]
        fuse::after_read(self.index(position), bytes, self.memory.len());
    }

    /// Returns the index of a position in the memory.
    pub(super) fn index(&self, position: usize) -> usize {
        // Both are below the capacity, which is at most 1 GiB and a record: no overflow on 32 bits.
        let at = self.start + position;
        if at < self.memory.len() {
            at
        } else {
            at - self.memory.len()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_is_the_same_on_all_processors() {
        let head = Head::new(7, 3);
        assert_eq!(head.encode(b"abcdef\n"), [18, 199, 233, 123, 6, 24]);
    }
}
