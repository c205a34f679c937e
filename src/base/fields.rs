//! Lines and fields of a byte slice.

use super::decimal::leading_u64;

/// The lines of a text.
pub struct Lines<'t>(&'t [u8]);

/// The fields of a line.
pub struct Fields<'t>(&'t [u8]);

/// Returns the lines of `text`, without their `\n`. A last line without one is incomplete and left out.
pub fn lines(text: &[u8]) -> Lines<'_> {
    Lines(text)
}

/// Returns the fields of a line, which are separated by spaces and tabs.
pub fn fields(line: &[u8]) -> Fields<'_> {
    Fields(line)
}

/// Returns the text before the first `wanted`, or all of it without one.
pub fn until(text: &[u8], wanted: u8) -> &[u8] {
    let end = text.iter().position(|byte| *byte == wanted);
    text.get(..end.unwrap_or(text.len())).unwrap_or_default()
}

/// Splits `count` bytes off the front of `rest`.
pub fn take<'t>(rest: &mut &'t [u8], count: usize) -> Option<&'t [u8]> {
    let (front, back) = rest.split_at_checked(count)?;
    *rest = back;
    Some(front)
}

/// Bytes of a word of the processor.
const WORD: usize = size_of::<usize>();
const ONES: usize = usize::from_ne_bytes([1; WORD]);
const HIGH: usize = usize::from_ne_bytes([0x80; WORD]);

/// Returns whether there is a byte of 0 in the word.
fn has_zero(word: usize) -> bool {
    word.wrapping_sub(ONES) & !word & HIGH != 0
}

fn may_have_newline(word: usize) -> bool {
    has_zero(word ^ usize::from_ne_bytes([b'\n'; WORD]))
}

/// Returns whether there may be a space, a tab or another byte below 0x21 in the word.
fn may_have_blank(word: usize) -> bool {
    word.wrapping_sub(usize::from_ne_bytes([b' ' + 1; WORD])) & !word & HIGH != 0
}

fn is_blank(byte: u8) -> bool {
    byte == b' ' || byte == b'\t'
}

/// Returns the index of the first byte of a kind. Most work of a turn, outside the kernel, is the search for the ends of
/// lines and fields. So whole words are tested first, and the bytes only of a word that may have one.
#[inline]
fn find(text: &[u8], may_have: fn(usize) -> bool, is_it: impl Fn(u8) -> bool) -> Option<usize> {
    let (words, rest) = text.as_chunks::<WORD>();
    for (number, word) in words.iter().enumerate() {
        if may_have(usize::from_ne_bytes(*word))
            && let Some(at) = word.iter().position(|&byte| is_it(byte))
        {
            return Some(WORD * number + at);
        }
    }
    let at = rest.iter().position(|&byte| is_it(byte))?;
    Some(text.len() - rest.len() + at)
}

/// Returns the position of the first newline.
pub fn newline(text: &[u8]) -> Option<usize> {
    find(text, may_have_newline, |byte| byte == b'\n')
}

impl Fields<'_> {
    /// Parses the next field as a decimal number below 2⁶⁴. Any other field is skipped.
    pub fn next_u64(&mut self) -> Option<u64> {
        self.skip_blanks();
        let (number, length) = leading_u64(self.0);
        let rest = self.0.get(length..)?;
        if length > 0 && rest.first().is_none_or(|byte| is_blank(*byte)) {
            self.0 = rest;
            number
        } else {
            self.next()?;
            None
        }
    }

    /// Returns whether there is no further field.
    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|byte| is_blank(*byte))
    }

    fn skip_blanks(&mut self) {
        while let [blank, rest @ ..] = self.0
            && is_blank(*blank)
        {
            self.0 = rest;
        }
    }
}

impl<'t> Iterator for Lines<'t> {
    type Item = &'t [u8];

    fn next(&mut self) -> Option<&'t [u8]> {
        let end = newline(self.0)?;
        let (line, rest) = self.0.split_at_checked(end)?;
        self.0 = rest.get(1..)?;
        Some(line)
    }
}

impl<'t> Iterator for Fields<'t> {
    type Item = &'t [u8];

    fn next(&mut self) -> Option<&'t [u8]> {
        self.skip_blanks();
        let end = find(self.0, may_have_blank, is_blank).unwrap_or(self.0.len());
        let (field, rest) = self.0.split_at_checked(end)?;
        self.0 = rest;
        (!field.is_empty()).then_some(field)
    }
}

/// Returns whether the byte is in the text.
pub fn has(text: &[u8], byte: u8) -> bool {
    until(text, byte).len() < text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn last_line_without_newline_is_left_out() {
        let all = |text: &'static str| lines(text.as_bytes()).collect::<Vec<_>>();
        assert_eq!(all("a\nb\n"), [b"a", b"b"]);
        assert_eq!(all("a\nb"), [b"a"]);
        assert_eq!(all("\n\n"), [b"", b""]);
        assert!(all("").is_empty());
    }

    #[test]
    fn ends_of_lines_and_fields_are_found_at_any_offset() {
        for other in [b'a', 0x0b, 0x1f, 0x21, 0x8a, 0xa0, 0xff, 0] {
            for length in 0..30 {
                for at in 0..=length {
                    let mut text = vec![other; length + 9];
                    text[at] = b'\n';
                    assert_eq!(lines(&text).next().unwrap().len(), at, "{other}");
                    for blank in [b' ', b'\t'] {
                        text[at] = blank;
                        text[at + 3] = blank;
                        let lengths: Vec<_> = fields(&text).map(<[u8]>::len).collect();
                        let expected = [at, 2, length + 5 - at];
                        assert_eq!(
                            lengths,
                            if at > 0 { &expected[..] } else { &expected[1..] },
                            "{other}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn numbers_are_parsed_up_to_the_next_blank() {
        for number in [0, 7, 999_999_999, 1_000_000_000, u64::from(u32::MAX), u64::MAX] {
            let text = format!(" \t{number} 5");
            let mut fields = fields(text.as_bytes());
            assert_eq!((fields.next_u64(), fields.next_u64()), (Some(number), Some(5)));
            assert!(fields.is_empty() && fields.next_u64().is_none());
        }
        for bad in [
            "-1",
            "+1",
            "1.0",
            "18446744073709551616",
            "99999999999999999999999",
            "1a",
            "x",
        ] {
            let text = format!("{bad} 5\t");
            let mut fields = fields(text.as_bytes());
            assert_eq!((fields.next_u64(), fields.next_u64()), (None, Some(5)), "{bad}");
            assert!(fields.is_empty());
        }
    }

    #[test]
    fn blanks_between_fields_are_skipped() {
        let found: Vec<_> = fields(b"  cpu  1\t2 ").collect();
        assert_eq!(found, [b"cpu".as_slice(), b"1", b"2"]);
        assert_eq!(fields(b" ").count(), 0);
    }
}
