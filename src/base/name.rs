//! Short names in fixed memory.

/// A name of at most `N` bytes (at most 255), such as that of an interface. An empty name stands for none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Name<const N: usize> {
    bytes: [u8; N],
    length: u8,
}

impl<const N: usize> Name<N> {
    /// No name.
    pub const NONE: Self = Self {
        bytes: [0; N],
        length: 0,
    };

    /// Returns a copy of a name, or [`Name::NONE`] if it is too long.
    pub fn new(name: &[u8]) -> Self {
        let mut copy = Self::NONE;
        if let Some(bytes) = copy.bytes.get_mut(..name.len()) {
            bytes.copy_from_slice(name);
            copy.length = name.len() as u8;
        }
        copy
    }

    /// Returns a copy of the bytes at the start that fit.
    pub fn start_of(bytes: &[u8]) -> Self {
        Self::new(bytes.get(..N).unwrap_or(bytes))
    }

    /// Returns the name.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }

    /// Returns whether there is no name.
    pub fn is_none(&self) -> bool {
        self.length == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_is_kept_whole_or_not_at_all() {
        assert_eq!(Name::<4>::new(b"eth0").bytes(), b"eth0");
        assert!(Name::<4>::new(b"eth10").is_none());
        assert_eq!(Name::<4>::new(b""), Name::NONE);
    }
}
