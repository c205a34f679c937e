//! Suggestions for misspelt names.

use super::error::Hint;
use super::{FamilyTable, NameAt};

/// Longest known name that is compared.
const NAME_MAX: usize = 16;

/// Shortest known name that a longer one is compared with by its start.
const PREFIX_MIN: usize = 3;

/// Returns what is accepted in place of what was written: a similar name, or one of the names.
pub(super) fn hint(written: &[u8], name: NameAt) -> Hint {
    suggest(written, name).map_or(Hint::OneOf(name), Hint::Similar)
}

/// Returns what is accepted in place of an unknown family: one whose metrics have such a name, or one with a similar name.
pub(super) fn family_hint(written: &[u8], families: &FamilyTable) -> Hint {
    let similar = (families.find_by_metric)(written).and_then(families.name);
    similar.map_or_else(|| hint(written, families.name), Hint::Similar)
}

/// Returns the name with the smallest edit distance (Levenshtein) to what was written, if that is at most half the
/// length of the shorter of the two; otherwise the only name that begins with it, or that it begins with.
pub(super) fn suggest(written: &[u8], name: NameAt) -> Option<&'static [u8]> {
    let names = || (0..).map_while(name);
    let (least, similar) = names()
        .filter_map(|name| Some((distance(written, name)?, name)))
        .min_by_key(|(distance, _)| *distance)?;
    if least <= similar.len().min(written.len()) / 2 {
        return Some(similar);
    }
    let mut extended = names().filter(|name| {
        let begins = name.len() >= PREFIX_MIN && written.starts_with(name);
        begins || !written.is_empty() && name.starts_with(written)
    });
    extended.next().filter(|_| extended.next().is_none())
}

fn distance(written: &[u8], name: &[u8]) -> Option<usize> {
    // The distances of the letters so far to each prefix of the name.
    let mut row = [0; NAME_MAX + 1];
    let row = row.get_mut(..=name.len())?;
    for (index, slot) in row.iter_mut().enumerate() {
        *slot = index;
    }
    for (index, letter) in written.iter().take(2 * NAME_MAX).enumerate() {
        let (mut before, mut last) = (index, index + 1);
        if let Some(first) = row.first_mut() {
            *first = last;
        }
        for (slot, wanted) in row.iter_mut().skip(1).zip(name) {
            let changed = before + usize::from(letter != wanted);
            before = *slot;
            last = changed.min(before + 1).min(last + 1);
            *slot = last;
        }
    }
    row.last().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn misspelt_name_is_suggested_and_another_word_is_not() {
        const NAMES: [&str; 6] = ["flush", "interval", "trans", "tag", "h", "version"];
        let suggested = |written: &str| {
            let name = |index| NAMES.get(index).map(|name: &&str| name.as_bytes());
            suggest(written.as_bytes(), name).map(|name| std::str::from_utf8(name).unwrap())
        };
        for (written, expected) in [
            ("flush", Some("flush")),
            ("fluhs", Some("flush")),
            ("flsh", Some("flush")),
            ("intervall", Some("interval")),
            ("Interval", Some("interval")),
            ("transfers", Some("trans")),
            ("v", Some("version")),
            ("t", None),
            ("hello", None),
            ("tags", Some("tag")),
            ("", None),
            ("x", None),
            ("wholly-different-and-much-longer-than-any-name", None),
        ] {
            assert_eq!(suggested(written), expected, "{written}");
        }
    }

    #[test]
    fn distance_is_that_of_the_definition() {
        fn naive(a: &[u8], b: &[u8]) -> usize {
            match (a, b) {
                ([], rest) | (rest, []) => rest.len(),
                ([x, a_rest @ ..], [y, b_rest @ ..]) => (naive(a_rest, b_rest) + usize::from(x != y))
                    .min(naive(a, b_rest) + 1)
                    .min(naive(a_rest, b) + 1),
            }
        }
        let words = ["", "a", "ab", "ba", "abc", "cab", "bbb", "abcab"];
        for a in words.map(str::as_bytes) {
            for b in words.map(str::as_bytes) {
                assert_eq!(distance(a, b), Some(naive(a, b)));
            }
        }
        assert_eq!(distance(b"a", &[b'a'; NAME_MAX + 1]), None);
    }
}
