//! Sets of small numbers.

/// A set of numbers from 0 to 255.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BitSet([u32; 8]);

impl BitSet {
    /// The empty set.
    pub const EMPTY: Self = Self([0; 8]);

    /// Adds a number. Returns false if it is above 255.
    pub fn insert(&mut self, number: u64) -> bool {
        let word = usize::try_from(number / 32)
            .ok()
            .and_then(|index| self.0.get_mut(index));
        let Some(word) = word else { return false };
        *word |= 1 << (number % 32);
        true
    }

    /// Returns whether the number is in the set.
    pub fn contains(&self, number: usize) -> bool {
        let word = self.0.get(number / 32);
        word.is_some_and(|word| word >> (number % 32) & 1 != 0)
    }

    /// Removes the lowest number and returns it.
    pub fn pop_first(&mut self) -> Option<usize> {
        let (index, word) = self.0.iter_mut().enumerate().find(|(_, word)| **word != 0)?;
        let number = 32 * index + word.trailing_zeros() as usize;
        *word &= *word - 1;
        Some(number)
    }
}

/// A set of timers below 32, timer `n` as bit `n`.
pub type Timers = u32;

/// Returns the numbers of the bits that are set, lowest first.
pub fn set_bits(mut word: u32) -> impl Iterator<Item = usize> {
    core::iter::from_fn(move || {
        let bit = word.trailing_zeros();
        word &= word.wrapping_sub(1);
        (bit < u32::BITS).then_some(bit as usize)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_kept_once_and_in_order() {
        let mut set = BitSet::EMPTY;
        for number in [255, 2, 31, 32, 2, 0] {
            assert!(set.insert(number));
        }
        let contained = (0..300).filter(|number| set.contains(*number));
        assert_eq!(contained.collect::<Vec<_>>(), [0, 2, 31, 32, 255]);
        let numbers = std::iter::from_fn(|| set.pop_first());
        assert_eq!(numbers.collect::<Vec<_>>(), [0, 2, 31, 32, 255]);
    }

    #[test]
    fn number_above_255_is_refused() {
        let mut set = BitSet::EMPTY;
        assert!(!set.insert(256) && !set.insert(u64::MAX));
        assert_eq!(set, BitSet::EMPTY);
    }
}
