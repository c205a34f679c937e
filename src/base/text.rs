//! A writer of text into a fixed buffer.

use crate::base::decimal::{DIGITS_MAX, Fixed, digit_count, write_digits};

/// Receives a long text piece by piece.
pub type Put<'p> = &'p mut dyn FnMut(&[u8]);

/// A text in a buffer. Bytes that do not fit are left out, which [`Text::is_cut`] returns.
pub struct Text<'b> {
    buffer: &'b mut [u8],
    length: usize,
    cut: bool,
}

impl<'b> Text<'b> {
    /// Creates an empty text that may grow to the buffer's length.
    pub fn new(buffer: &'b mut [u8]) -> Self {
        Self {
            buffer,
            length: 0,
            cut: false,
        }
    }

    /// Appends the bytes, or as many of them as fit.
    // Inlined into its many callers it takes 10 KB, 5 % of the binary.
    #[inline(never)]
    pub fn put(&mut self, bytes: &[u8]) {
        let free = self.buffer.get_mut(self.length..).unwrap_or_default();
        if let Some(target) = free.get_mut(..bytes.len()) {
            target.copy_from_slice(bytes);
            self.length += bytes.len();
        } else {
            self.fill(bytes);
        }
    }

    #[cold]
    fn fill(&mut self, bytes: &[u8]) {
        let free = self.buffer.get_mut(self.length..).unwrap_or_default();
        for (target, byte) in free.iter_mut().zip(bytes) {
            *target = *byte;
        }
        self.length = self.buffer.len();
        self.cut = true;
    }

    /// Appends an array; for short ones faster than [`Text::put`].
    #[inline]
    pub fn put_array<const N: usize>(&mut self, bytes: &[u8; N]) {
        let rest = self.buffer.get_mut(self.length..).unwrap_or_default();
        if let Some(target) = rest.first_chunk_mut() {
            *target = *bytes;
            self.length += N;
        } else {
            self.fill(bytes);
        }
    }

    /// Appends a whole number.
    pub fn number(&mut self, number: u64) {
        self.padded(number, 1);
    }

    /// Appends a whole number with zeros before it, up to `width` digits.
    pub fn padded(&mut self, number: u64, width: usize) {
        let width = digit_count(number).max(width);
        let rest = self.buffer.get_mut(self.length..).unwrap_or_default();
        if let Some(target) = rest.get_mut(..width) {
            write_digits(number, target);
            self.length += width;
        } else {
            let mut digits = [0; DIGITS_MAX];
            let digits = digits.get_mut(..width).unwrap_or_default();
            write_digits(number, digits);
            self.fill(digits);
        }
    }

    /// Appends milliseconds as a duration: `5s`, or `20ms`.
    pub fn duration(&mut self, millis: u32) {
        let is_whole = millis.is_multiple_of(1_000);
        self.number((if is_whole { millis / 1_000 } else { millis }).into());
        self.put(if is_whole { b"s" } else { b"ms" });
    }

    /// Appends a decimal number, such as `-12.5`; it is a JSON number (RFC 8259, section 6).
    pub fn fixed(&mut self, value: Fixed) {
        let (whole, fraction, scale) = value.parts();
        if value.is_negative() {
            self.put_array(b"-");
        }
        self.number(whole);
        if scale > 0 {
            self.put_array(b".");
            self.padded(fraction, usize::from(scale));
        }
    }

    /// Takes back all but the first `length` bytes.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
        self.cut = false;
    }

    /// Returns how many bytes fit.
    pub fn free(&self) -> usize {
        self.buffer.len() - self.length
    }

    /// Puts bytes before those from `start` on.
    pub fn insert(&mut self, start: usize, bytes: &[u8]) {
        let end = self.length;
        self.put(bytes);
        if start <= end && !self.cut {
            self.buffer.copy_within(start..end, start + bytes.len());
            if let Some(target) = self.buffer.get_mut(start..start + bytes.len()) {
                target.copy_from_slice(bytes);
            }
        }
    }

    /// Marks the text as cut.
    pub fn cut(&mut self) {
        self.cut = true;
    }

    /// Returns whether bytes were left out.
    pub fn is_cut(&self) -> bool {
        self.cut
    }

    /// Returns the text.
    pub fn bytes(&self) -> &[u8] {
        self.buffer.get(..self.length).unwrap_or_default()
    }

    /// Ends the text as a line for people: control characters, which a terminal might obey, and bytes that are not UTF-8
    /// become `?`, and a newline follows, in target of the last byte of a full buffer.
    pub fn into_line(self) -> &'b [u8] {
        let text_max = self.buffer.len().saturating_sub(1);
        let length = self.length.min(text_max);
        mask(self.buffer.get_mut(..length).unwrap_or_default());
        if let Some(end) = self.buffer.get_mut(length) {
            *end = b'\n';
        }
        self.buffer.get(..=length).unwrap_or_default()
    }

    /// Returns the text for the life of the buffer.
    pub fn into_bytes(self) -> &'b [u8] {
        self.buffer.get(..self.length).unwrap_or_default()
    }
}

/// Returns the FNV-1a hash of 32 bits, which is the same on any machine.
pub fn hash(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(*byte)).wrapping_mul(0x0100_0193)
    })
}

/// Returns the length of the character at the start, or of its valid prefix (the Unicode Standard, table 3-7), and whether
/// it is whole.
pub fn character(bytes: &[u8]) -> (usize, bool) {
    let (whole, mut low, mut high) = match bytes.first() {
        Some(0..0x80) => (1, 0, 0),
        Some(0xc2..0xe0) => (2, 0x80, 0xbf),
        Some(0xe0) => (3, 0xa0, 0xbf),
        Some(0xed) => (3, 0x80, 0x9f),
        Some(0xe1..0xf0) => (3, 0x80, 0xbf),
        Some(0xf0) => (4, 0x90, 0xbf),
        Some(0xf1..0xf4) => (4, 0x80, 0xbf),
        Some(0xf4) => (4, 0x80, 0x8f),
        Some(_) => return (1, false),
        None => return (0, true),
    };
    for length in 1..whole {
        if bytes.get(length).is_none_or(|byte| !(low..=high).contains(byte)) {
            return (length, false);
        }
        (low, high) = (0x80, 0xbf);
    }
    (whole, true)
}

/// Replaces by `?` each byte of the control characters (U+0000 to U+001F, U+007F to U+009F) and each that is not
/// UTF-8.
fn mask(text: &mut [u8]) {
    let mut rest = text;
    while !rest.is_empty() {
        let (length, is_whole) = character(rest);
        let (one, after) = rest.split_at_mut(length);
        if !is_whole || matches!(one, [..0x20 | 0x7f] | [0xc2, ..0xa0]) {
            one.fill(b'?');
        }
        rest = after;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: Fixed) -> String {
        let mut buffer = [0; 40];
        let mut text = Text::new(&mut buffer);
        text.fixed(value);
        String::from_utf8(text.into_bytes().to_vec()).unwrap()
    }

    #[test]
    fn decimals_keep_zeros_after_the_point() {
        assert_eq!(written(Fixed::new(153_846, 4)), "15.3846");
        assert_eq!(written(Fixed::new(10_050, 4)), "1.005");
        assert_eq!(written(Fixed::new(5, 4)), "0.0005");
        assert_eq!(written(Fixed::new(500_000, 4)), "50");
        assert_eq!(written(Fixed::whole(u64::MAX)), u64::MAX.to_string());
        assert_eq!(written(Fixed::parse(b"-0.50").unwrap()), "-0.5");
    }

    #[test]
    fn line_for_people_has_no_control_characters_and_one_newline() {
        let line = |text: &[u8], length: usize| {
            let mut buffer = vec![0; length];
            let mut line = Text::new(&mut buffer);
            line.put(text);
            line.into_line().to_vec()
        };
        let masked = |text: &[u8]| String::from_utf8(line(text, 40)).unwrap();
        assert_eq!(masked(b"a\nb\r\t\0\x1b[31m\x7f~"), "a?b????[31m?~\n");
        assert_eq!(
            masked("\u{80}\u{9f}\u{a0}\u{e9}\u{1f600}".as_bytes()),
            "????\u{a0}\u{e9}\u{1f600}\n"
        );
        assert_eq!(masked(b"\xff\xc2x\xe2\x82"), "??x??\n");
        // A character that does not fit is not UTF-8 any more.
        assert_eq!(line("ab\u{20ac}".as_bytes(), 5), b"ab??\n");
        assert_eq!(line(b"abc", 3), b"ab\n");
        assert_eq!((line(b"a", 1), line(b"a", 0)), (b"\n".to_vec(), vec![]));
    }

    #[test]
    fn text_longer_than_the_buffer_is_cut() {
        let mut buffer = [0; 5];
        let mut text = Text::new(&mut buffer);
        text.put(b"abc");
        assert!(!text.is_cut());
        text.put(b"defg");
        assert!(text.is_cut());
        assert_eq!(text.bytes(), b"abcde");
        text.put(b"h");
        assert_eq!(text.bytes(), b"abcde");
    }

    #[test]
    fn numbers_are_padded_and_cut_like_any_text() {
        let written = |length: usize, width: usize| {
            let mut buffer = vec![0; length];
            let mut text = Text::new(&mut buffer);
            text.padded(1_234, width);
            (
                text.is_cut(),
                String::from_utf8(text.into_bytes().to_vec()).unwrap(),
            )
        };
        assert_eq!(written(6, 6), (false, "001234".into()));
        assert_eq!(written(6, 2), (false, "1234".into()));
        assert_eq!(written(5, 6), (true, "00123".into()));
        assert_eq!(written(3, 1), (true, "123".into()));
        let mut buffer = [0; 4];
        let mut text = Text::new(&mut buffer);
        text.put_array(b"abc");
        text.put_array(b"de");
        assert!(text.is_cut());
        assert_eq!(text.bytes(), b"abcd");
    }
}
