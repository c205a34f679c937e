//! A list in fixed memory.

/// A list of up to `MAX` values.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct List<T, const MAX: usize> {
    items: [T; MAX],
    count: usize,
}

impl<T: Copy, const MAX: usize> List<T, MAX> {
    /// An empty list, whose memory has copies of a value.
    pub(super) const fn empty(unused: T) -> Self {
        Self {
            items: [unused; MAX],
            count: 0,
        }
    }

    /// A list of one value.
    pub(super) const fn one(item: T) -> Self {
        Self {
            items: [item; MAX],
            count: 1,
        }
    }

    /// Returns the values, in the order in which they were pushed.
    pub(super) fn all(&self) -> &[T] {
        self.items.get(..self.count).unwrap_or_default()
    }

    /// Appends a value; `None` if the list is full.
    pub(super) fn push(&mut self, item: T) -> Option<()> {
        *self.items.get_mut(self.count)? = item;
        self.count += 1;
        Some(())
    }

    /// Removes all values.
    pub(super) fn clear(&mut self) {
        self.count = 0;
    }
}
