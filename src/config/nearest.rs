//! The name that somebody may have meant.

/// Longer names are not looked at.
const NAME_MAX: usize = 16;

/// Of these names the one with the fewest letters to change, to add and to leave out (Levenshtein's
/// distance), if they are few enough for a slip.
#[inline(never)]
pub(super) fn nearest(
    written: &[u8],
    names: &mut dyn Iterator<Item = &'static [u8]>,
) -> Option<&'static [u8]> {
    let (distance, name) = names
        .filter_map(|name| Some((distance(written, name)?, name)))
        .min_by_key(|(distance, _)| *distance)?;
    (distance <= name.len() / 2).then_some(name)
}

fn distance(written: &[u8], name: &[u8]) -> Option<usize> {
    // The distance of what has been looked at to each beginning of the name.
    let mut row = [0; NAME_MAX + 1];
    let row = row.get_mut(..=name.len())?;
    for (number, place) in row.iter_mut().enumerate() {
        *place = number;
    }
    for (number, letter) in written.iter().take(2 * NAME_MAX).enumerate() {
        let (mut before, mut last) = (number, number + 1);
        if let Some(first) = row.first_mut() {
            *first = last;
        }
        for (place, wanted) in row.iter_mut().skip(1).zip(name) {
            let changed = before + usize::from(letter != wanted);
            before = *place;
            last = changed.min(before + 1).min(last + 1);
            *place = last;
        }
    }
    row.last().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_told_from_another_word() {
        let names = ["flush", "interval", "trans", "tag", "h"];
        let nearest = |written: &str| {
            let mut names = names.iter().map(|name| name.as_bytes());
            nearest(written.as_bytes(), &mut names).map(|name| std::str::from_utf8(name).unwrap())
        };
        for (written, meant) in [
            ("flush", Some("flush")),
            ("fluhs", Some("flush")),
            ("flsh", Some("flush")),
            ("intervall", Some("interval")),
            ("Interval", Some("interval")),
            ("transfer", None),
            ("transfers", None),
            ("tags", Some("tag")),
            ("", None),
            ("wholly-different-and-much-longer-than-any-name", None),
        ] {
            assert_eq!(nearest(written), meant, "{written}");
        }
    }

    #[test]
    fn distances_are_those_of_the_definition() {
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
