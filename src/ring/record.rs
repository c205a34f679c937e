//! A line as it lies in the ring: a head of six bytes, then the line with its newline.
//!
//! The head has a check over all the rest (31 bits, and one that says whether the stamp is settled), then
//! the line's length, less one, and its rank. A newline is the end of a line and, in a sound ring, of
//! nothing else: so the record behind a damaged one can be found.

use super::LINE_MAX;

/// Bytes before a line.
pub(super) const HEAD: usize = 6;
/// The longest record.
pub const RECORD_MAX: usize = HEAD + LINE_MAX;

/// The rank of a line that is never thinned.
pub const RANK_MAX: u8 = 31;

const SETTLED: u32 = 1 << 31;
const LENGTH_BITS: u32 = 11;
const _: () = assert!(LINE_MAX == 1 << LENGTH_BITS);

/// Changes with the shape of a record, so that one of another shape is none.
const SEED: u32 = 0x6d6d_0001;
/// 2^32 by the golden ratio, odd: each bit of what it multiplies reaches many others.
const FACTOR: u32 = 0x9e37_79b9;

/// What is known of a line beside its text.
#[derive(Clone, Copy)]
pub(super) struct Head {
    size: u16,
    /// The stamp is what it will always be: of an earlier boot, or sent.
    pub(super) is_settled: bool,
}

impl Head {
    /// Of a line of 1 to [`LINE_MAX`] bytes, its newline included, and a rank of 0 to [`RANK_MAX`].
    pub(super) fn new(length: usize, rank: u8) -> Self {
        Self {
            size: (length.wrapping_sub(1) as u16) | u16::from(rank) << LENGTH_BITS,
            is_settled: false,
        }
    }

    pub(super) fn length(self) -> usize {
        usize::from(self.size & ((1 << LENGTH_BITS) - 1)) + 1
    }

    pub(super) fn rank(self) -> u8 {
        (self.size >> LENGTH_BITS) as u8
    }

    /// As it stands before the line.
    pub(super) fn encode(self, line: &[u8]) -> [u8; HEAD] {
        let settled = if self.is_settled { SETTLED } else { 0 };
        let check = check(settled | u32::from(self.size), line) & !SETTLED | settled;
        let mut head = [0; HEAD];
        let (first, rest) = head.split_at_mut(size_of_val(&check));
        first.copy_from_slice(&check.to_le_bytes());
        rest.copy_from_slice(&self.size.to_le_bytes());
        head
    }

    /// What these bytes say, be it true or not. (The first three are of the check.)
    pub(super) fn decode([_, _, _, settled, low, high]: [u8; HEAD]) -> Self {
        Self {
            size: u16::from_le_bytes([low, high]),
            is_settled: settled >= 1 << 7,
        }
    }
}

/// Four bytes a step: each step can be undone, so that one changed word always shows. Their order is the same on
/// all processors: a spool may come to another one.
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
    fn a_record_is_the_same_on_all_processors() {
        let head = Head::new(7, 3);
        assert_eq!(head.encode(b"abcdef\n"), [18, 199, 233, 123, 6, 24]);
    }
}
