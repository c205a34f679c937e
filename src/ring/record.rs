//! Records of the ring: a head of six bytes, then the line with its newline.
//!
//! The head holds a check sum of all the rest (31 bits; the 32nd bit is set if the stamp is settled), then the line's
//! length less one and its thin level. In an undamaged ring a newline only ends a line, so the record after a damaged one
//! can be found.

use super::LINE_MAX;

/// Bytes before a line.
pub(super) const HEAD: usize = 6;
/// The longest record.
pub const RECORD_MAX: usize = HEAD + LINE_MAX;

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
    /// Creates the head of a line of 1 to [`LINE_MAX`] bytes, its newline included, with a level of 0 to
    /// [`THIN_LEVEL_MAX`].
    pub(super) fn new(length: usize, thin_level: u8) -> Self {
        Self {
            size: (length.wrapping_sub(1) as u16) | u16::from(thin_level) << LENGTH_BITS,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn record_is_the_same_on_all_processors() {
        let head = Head::new(7, 3);
        assert_eq!(head.encode(b"abcdef\n"), [18, 199, 233, 123, 6, 24]);
    }
}
