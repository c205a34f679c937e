//! Files below `/sys` that hold one value each, and names that hold a number.

use crate::sys::{Directory, File};
use crate::text::Text;

/// Room for a value: names and labels are shorter, numbers even more so.
pub(super) type Room = [u8; 64];
pub(super) const ROOM: Room = [0; 64];

/// What the attribute holds, without blanks around it; `None` if it is not there or cannot be read.
pub(super) fn attribute<'b>(sys: &Directory, path: &[&[u8]], room: &'b mut Room) -> Option<&'b [u8]> {
    value(&open(sys, path)?, room)
}

/// Opens the file whose path has these parts.
pub(super) fn open(sys: &Directory, path: &[&[u8]]) -> Option<File> {
    let mut buffer = [0; 128];
    let mut text = Text::new(&mut buffer);
    for part in path {
        text.put(part);
    }
    if text.is_cut() {
        return None;
    }
    sys.open_path(text.bytes()).ok()
}

/// What an open attribute holds, without blanks around it.
pub(super) fn value<'b>(file: &File, room: &'b mut Room) -> Option<&'b [u8]> {
    let length = file.read_at(room, 0).ok()?;
    Some(room.get(..length)?.trim_ascii())
}

/// Numbers that are counted from 0.
#[derive(Clone, Copy, Default)]
pub(super) struct Numbers {
    words: [u64; 4],
    /// There was one that is too large.
    pub(super) is_over: bool,
}

impl Numbers {
    /// Takes the number of a name that is made of this prefix, a number and this suffix.
    pub(super) fn take(&mut self, name: &[u8], prefix: &[u8], suffix: &[u8]) {
        let digits = name
            .strip_prefix(prefix)
            .and_then(|rest| rest.strip_suffix(suffix));
        let Some(number) = digits.and_then(crate::num::parse_u64) else {
            return;
        };
        match self.words.get_mut((number / 64) as usize) {
            Some(word) => *word |= 1 << (number % 64),
            None => self.is_over = true,
        }
    }

    /// All of them, the lowest first.
    pub(super) fn ascending(self) -> impl Iterator<Item = u64> {
        let has = move |number: &u64| {
            let word = self.words.get((*number / 64) as usize);
            word.is_some_and(|word| word & (1 << (*number % 64)) != 0)
        };
        (0..64 * self.words.len() as u64).filter(has)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_in_order_and_those_too_large_are_told() {
        let mut numbers = Numbers::default();
        for name in [
            "temp10_input",
            "temp2_input",
            "temp255_input",
            "temp2_label",
            "temp_input",
            "temp-1_input",
            "tempx_input",
            "fan3_input",
        ] {
            numbers.take(name.as_bytes(), b"temp", b"_input");
        }
        assert_eq!(numbers.ascending().collect::<Vec<_>>(), [2, 10, 255]);
        assert!(!numbers.is_over);
        numbers.take(b"temp256_input", b"temp", b"_input");
        numbers.take(b"temp18446744073709551615_input", b"temp", b"_input");
        assert!(numbers.is_over);
        assert_eq!(numbers.ascending().count(), 3);
    }
}
