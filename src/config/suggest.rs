//! Suggestions for misspelt names.

/// Longest known name that is compared.
const NAME_MAX: usize = 16;

/// Returns the name with the smallest edit distance (Levenshtein) to what was written, if that is at most half the
/// length of the shorter of the two.
pub(super) fn suggest(
    written: &[u8],
    names: &mut dyn Iterator<Item = &'static [u8]>,
) -> Option<&'static [u8]> {
    let (distance, name) = names
        .filter_map(|name| Some((distance(written, name)?, name)))
        .min_by_key(|(distance, _)| *distance)?;
    (distance <= name.len().min(written.len()) / 2).then_some(name)
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
        let names = ["flush", "interval", "trans", "tag", "h"];
        let suggested = |written: &str| {
            let mut names = names.iter().map(|name| name.as_bytes());
            suggest(written.as_bytes(), &mut names).map(|name| std::str::from_utf8(name).unwrap())
        };
        for (written, expected) in [
            ("flush", Some("flush")),
            ("fluhs", Some("flush")),
            ("flsh", Some("flush")),
            ("intervall", Some("interval")),
            ("Interval", Some("interval")),
            ("transfer", None),
            ("transfers", None),
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
