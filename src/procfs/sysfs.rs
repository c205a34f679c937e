//! Files below `/sys` that hold one value each, and names that hold a number.

use crate::base::bit_set::BitSet;
use crate::base::decimal::parse_u64;
use crate::base::text::Text;
use crate::platform::{Directory, File};

/// Room for a value: names and labels are shorter, numbers even more so.
pub(super) type Room = [u8; 64];
pub(super) const ROOM: Room = [0; 64];

/// What the attribute holds, without blanks around it; `None` if it is not there or cannot be read.
#[inline(never)]
pub(super) fn attribute<'b>(sys: &Directory, path: &[&[u8]], room: &'b mut Room) -> Option<&'b [u8]> {
    value(&open(sys, path)?, room)
}

/// Opens the file whose path has these parts.
#[inline(never)]
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
#[inline(never)]
pub(super) fn value<'b>(file: &File, room: &'b mut Room) -> Option<&'b [u8]> {
    let length = file.read_at(room, 0).ok()?;
    Some(room.get(..length)?.trim_ascii())
}

/// Takes the number of a name that is made of this prefix, a number and this suffix; says whether it is not
/// too large.
#[inline(never)]
pub(super) fn take_number(numbers: &mut BitSet, name: &[u8], prefix: &[u8], suffix: &[u8]) -> bool {
    let digits = name
        .strip_prefix(prefix)
        .and_then(|rest| rest.strip_suffix(suffix));
    digits
        .and_then(parse_u64)
        .is_none_or(|number| numbers.insert(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_in_order_and_those_too_large_are_told() {
        let mut numbers = BitSet::EMPTY;
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
            assert!(
                take_number(&mut numbers, name.as_bytes(), b"temp", b"_input"),
                "{name}"
            );
        }
        let all = |numbers: BitSet| numbers.iter().collect::<Vec<_>>();
        assert_eq!(all(numbers), [2, 10, 255]);
        for large in ["temp256_input", "temp18446744073709551615_input"] {
            assert!(!take_number(&mut numbers, large.as_bytes(), b"temp", b"_input"));
        }
        assert_eq!(all(numbers).len(), 3);
    }
}
