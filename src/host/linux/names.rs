//! Values that are known by their names, whatever their order.

/// The names that are of use.
pub(super) struct Names<const N: usize>(pub(super) [&'static [u8]; N]);

impl<const N: usize> Names<N> {
    /// Which one it is.
    pub(super) fn number(&self, name: &[u8]) -> Option<usize> {
        self.0.iter().position(|known| *known == name)
    }

    /// The place of the value of that name.
    pub(super) fn place<'v, V>(&self, name: Option<&[u8]>, values: &'v mut [V; N]) -> Option<&'v mut V> {
        values.get_mut(self.number(name?)?)
    }
}
