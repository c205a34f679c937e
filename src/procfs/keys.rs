//! Values known by name, such as the lines of `meminfo`.

/// Names that a file is searched for, each with what it stands for.
///
/// Most names of a file are none of them: masks of the lengths, first and last bytes reject these at little cost.
pub struct Keys<T: 'static> {
    entries: &'static [(&'static str, T)],
    masks: Masks,
}

struct Masks {
    lengths: u32,
    first: u32,
    last: u32,
}

impl<T> Keys<T> {
    /// Keys of at least one byte.
    pub const fn new(entries: &'static [(&'static str, T)]) -> Self {
        let mut masks = Masks {
            lengths: 0,
            first: 0,
            last: 0,
        };
        let mut index = 0;
        while index < entries.len() {
            let key = entries[index].0.as_bytes();
            masks.lengths |= 1 << (key.len() % 32);
            masks.first |= 1 << (key[0] % 32);
            masks.last |= 1 << (key[key.len() - 1] % 32);
            index += 1;
        }
        Self { entries, masks }
    }

    /// Returns how many keys there are.
    pub const fn count(&self) -> usize {
        self.entries.len()
    }

    /// Returns how many keys start with this.
    pub fn count_starting_with(&self, start: &str) -> usize {
        let keys = self.entries.iter().map(|(key, _)| key);
        keys.filter(|key| key.starts_with(start)).count()
    }

    /// Returns what the key `section name` stands for.
    pub fn find_in(&self, section: &[u8], name: &[u8]) -> Option<&'static T> {
        let is_it = |key: &str| {
            let rest = key.as_bytes().strip_prefix(section);
            rest.and_then(|rest| rest.strip_prefix(b" ")) == Some(name)
        };
        let entry = self.entries.iter().find(|(key, _)| is_it(key));
        entry.map(|(_, value)| value)
    }

    /// Returns what the name stands for.
    pub fn find(&self, name: &[u8]) -> Option<&'static T> {
        let [first, ..] = name else { return None };
        let last = name.last()?;
        let Masks {
            lengths,
            first: firsts,
            last: lasts,
        } = self.masks;
        if lengths >> (name.len() % 32) & firsts >> (first % 32) & lasts >> (last % 32) & 1 == 0 {
            return None;
        }
        let entry = self.entries.iter().find(|(key, _)| key.as_bytes() == name);
        entry.map(|(_, value)| value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_equal_names_are_found() {
        let keys = Keys::new(&[("MemTotal:", 1), ("x", 2), ("MemFree:", 3)]);
        assert_eq!(keys.count(), 3);
        for (name, expected) in [
            ("MemTotal:", Some(&1)),
            ("x", Some(&2)),
            ("MemFree:", Some(&3)),
            ("", None),
            ("MxmFree:", None),
            ("MemTotal", None),
            ("X", None),
            (&"x".repeat(33), None),
        ] {
            assert_eq!(keys.find(name.as_bytes()), expected, "{name}");
        }
    }
}
