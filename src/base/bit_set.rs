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

    /// Removes the lowest number and returns it.
    pub fn pop_first(&mut self) -> Option<usize> {
        let (index, word) = self.0.iter_mut().enumerate().find(|(_, word)| **word != 0)?;
        let number = 32 * index + word.trailing_zeros() as usize;
        *word &= *word - 1;
        Some(number)
    }

    /// Returns whether a number is in the set.
    pub fn contains(&self, number: usize) -> bool {
        let word = self.0.get(number / 32).copied().unwrap_or_default();
        word >> (number % 32) & 1 != 0
    }

    /// Returns the numbers in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = usize> {
        let words = self.0.into_iter().enumerate();
        words.flat_map(|(index, word)| {
            (0..32)
                .filter(move |bit| word >> bit & 1 != 0)
                .map(move |bit| 32 * index + bit)
        })
    }
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
        assert_eq!(set.iter().collect::<Vec<_>>(), [0, 2, 31, 32, 255]);
        assert_eq!((set.pop_first(), set.pop_first()), (Some(0), Some(2)));
        assert!(set.contains(31) && !set.contains(30) && !set.contains(300));
    }

    #[test]
    fn number_above_255_is_refused() {
        let mut set = BitSet::EMPTY;
        assert!(!set.insert(256) && !set.insert(u64::MAX));
        assert_eq!(set, BitSet::EMPTY);
    }
}
