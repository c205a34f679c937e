//! Patterns with `*` and `?`, in lists, that choose instances by their names.

/// Which instances of a family the user wants.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Filter<'a> {
    /// Only those whose name matches one of these patterns, also those that are left out by default.
    pub only: Option<&'a [u8]>,
    /// Those whose name matches one of these patterns are left out, too.
    pub ignore: &'a [u8],
}

impl Filter<'_> {
    /// Returns whether the instance of that name is wanted. `ignored` is the list of patterns that are left out by default.
    pub fn wants(&self, name: &[u8], ignored: &[u8]) -> bool {
        let is_in = match self.only {
            Some(list) => is_in_list(list, name),
            None => !is_in_list(ignored, name),
        };
        is_in && !is_in_list(self.ignore, name)
    }

    /// Returns all patterns.
    pub fn patterns(&self) -> impl Iterator<Item = &[u8]> {
        items(self.only.unwrap_or_default()).chain(items(self.ignore))
    }

    /// Returns whether the user has asked for this name itself, not only by a pattern.
    pub fn names(&self, name: &[u8]) -> bool {
        self.only
            .is_some_and(|list| items(list).any(|item| item == name && !is_pattern(item)))
    }
}

/// Returns the items of a list, which are separated by commas; empty ones are left out.
pub fn items(list: &[u8]) -> Items<'_> {
    Items(list)
}

/// See [`items`].
pub struct Items<'l>(&'l [u8]);

impl<'l> Iterator for Items<'l> {
    type Item = &'l [u8];

    fn next(&mut self) -> Option<&'l [u8]> {
        while let [b',', after @ ..] = self.0 {
            self.0 = after;
        }
        let end = self.0.iter().position(|&byte| byte == b',');
        let (item, after) = self.0.split_at_checked(end.unwrap_or(self.0.len()))?;
        self.0 = after;
        (!item.is_empty()).then_some(item)
    }
}

/// Returns whether the name matches a pattern of the list.
pub fn is_in_list(list: &[u8], name: &[u8]) -> bool {
    items(list).any(|pattern| fits(pattern, name))
}

/// Returns whether an item may match more than one name.
pub fn is_pattern(item: &[u8]) -> bool {
    item.iter().any(|byte| matches!(byte, b'*' | b'?'))
}

/// Returns whether the whole text matches the pattern: `*` stands for any bytes or none, `?` for any one byte.
pub fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut pattern, mut text) = (pattern, text);
    // The pattern after the last star, and the text after what this star stands for.
    let mut last_star: Option<(&[u8], &[u8])> = None;
    loop {
        match (pattern.split_first(), text.split_first()) {
            (Some((b'*', after)), _) => {
                last_star = Some((after, text));
                pattern = after;
            }
            (Some((wanted, after)), Some((byte, rest))) if *wanted == b'?' || wanted == byte => {
                (pattern, text) = (after, rest);
            }
            (None, None) => return true,
            _ => {
                // The last star stands for one byte more; a longer match of an earlier one would not help.
                let Some((after, from)) = last_star else {
                    return false;
                };
                let Some((_, rest)) = from.split_first() else {
                    return false;
                };
                last_star = Some((after, rest));
                (pattern, text) = (after, rest);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The same by definition.
    fn fits_naively(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([b'*', after @ ..], _) => (0..=text.len()).any(|at| fits_naively(after, &text[at..])),
            ([wanted, after @ ..], [byte, rest @ ..]) => {
                (*wanted == b'?' || wanted == byte) && fits_naively(after, rest)
            }
            _ => pattern.is_empty() && text.is_empty(),
        }
    }

    /// Every text of up to `length` of these bytes.
    fn texts(bytes: &[u8], length: u32) -> Vec<Vec<u8>> {
        let mut all = vec![vec![]];
        let mut from = 0;
        for _ in 0..length {
            let to = all.len();
            for index in from..to {
                for byte in bytes {
                    let mut longer = all[index].clone();
                    longer.push(*byte);
                    all.push(longer);
                }
            }
            from = to;
        }
        all
    }

    #[test]
    fn short_patterns_match_like_a_naive_matcher() {
        for pattern in texts(b"ab*?", 5) {
            for text in texts(b"ab", 5) {
                let expected = fits_naively(&pattern, &text);
                assert_eq!(fits(&pattern, &text), expected, "{pattern:?} {text:?}");
            }
        }
    }

    #[test]
    fn only_puts_the_usual_aside_and_ignore_always_counts() {
        let wanted = |only: Option<&'static str>, ignore: &'static str| {
            let filter = Filter {
                only: only.map(str::as_bytes),
                ignore: ignore.as_bytes(),
            };
            ["lo", "eth0", "eth1", "veth7"]
                .into_iter()
                .filter(|name| filter.wants(name.as_bytes(), b"lo,veth*"))
                .collect::<Vec<_>>()
                .join(" ")
        };
        assert_eq!(wanted(None, ""), "eth0 eth1");
        assert_eq!(wanted(None, "eth1"), "eth0");
        assert_eq!(wanted(Some("*"), ""), "lo eth0 eth1 veth7");
        assert_eq!(wanted(Some("lo,?eth*"), ""), "lo veth7");
        assert_eq!(wanted(Some("*"), "*eth?"), "lo");
        assert_eq!(wanted(Some(""), ""), "");
    }

    #[test]
    fn a_name_is_asked_for_literally() {
        let names = |only: &'static str, name: &str| {
            let filter = Filter {
                only: Some(only.as_bytes()),
                ignore: b"",
            };
            filter.names(name.as_bytes())
        };
        assert!(names("/,/mnt/nfs", "/mnt/nfs"));
        assert!(!names("/,/mnt/*", "/mnt/nfs"));
        assert!(!names("/mnt/*", "/mnt/*"));
        assert!(!Filter::default().names(b"/"));
    }
}
