//! Values that are known by their names, whatever their order.

/// The names that are of use, one behind the other in one text.
pub(super) struct Names<const N: usize> {
    pub(super) text: &'static str,
    pub(super) lengths: [u8; N],
}

macro_rules! names {
    ($($name:literal),* $(,)?) => {
        $crate::host::linux::names::Names {
            text: concat!($($name),*),
            lengths: [$($name.len() as u8),*],
        }
    };
}

pub(super) use names;

impl<const N: usize> Names<N> {
    /// Which one it is.
    pub(super) fn number(&self, name: &[u8]) -> Option<usize> {
        number(self.text.as_bytes(), &self.lengths, name)
    }

    /// The place of the value of that name.
    pub(super) fn place<'v, V>(&self, name: Option<&[u8]>, values: &'v mut [V; N]) -> Option<&'v mut V> {
        values.get_mut(self.number(name?)?)
    }
}

#[inline(never)]
fn number(text: &[u8], lengths: &[u8], name: &[u8]) -> Option<usize> {
    let mut rest = text;
    for (number, length) in lengths.iter().enumerate() {
        let (known, behind) = rest.split_at_checked(usize::from(*length))?;
        if known == name {
            return Some(number);
        }
        rest = behind;
    }
    None
}
