//! The tokens of a text as they stand there, JSON or not, and where they are.

/// A token of the text as it stands there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place<'t> {
    /// From 1 up.
    pub line: usize,
    /// Nothing at the end of the text.
    pub text: &'t [u8],
}

/// All tokens of a text, whether it is JSON or not: brackets, commas and colons, strings with their quotes,
/// and runs of other bytes.
pub(super) struct Scan<'t> {
    text: &'t [u8],
    at: usize,
    line: usize,
}

fn is_mark(byte: u8) -> bool {
    b"{}[],:".contains(&byte)
}

/// Bytes of the token that the text begins with.
fn length(text: &[u8]) -> usize {
    let ends = |byte: u8| byte.is_ascii_whitespace() || byte == b'"' || is_mark(byte);
    match text {
        [b'"', behind @ ..] => string_length(behind) + 1,
        [mark, ..] if is_mark(*mark) => 1,
        _ => text.iter().position(|byte| ends(*byte)).unwrap_or(text.len()),
    }
}

/// Bytes of a string behind its first quote; it ends with its line if nothing else does.
fn string_length(text: &[u8]) -> usize {
    let mut is_escaped = false;
    for (number, byte) in text.iter().enumerate() {
        match byte {
            b'\n' => return number,
            b'"' if !is_escaped => return number + 1,
            _ => is_escaped = *byte == b'\\' && !is_escaped,
        }
    }
    text.len()
}

impl<'t> Scan<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self { text, at: 0, line: 1 }
    }

    fn rest(&self) -> &'t [u8] {
        self.text.get(self.at..).unwrap_or_default()
    }

    /// The next token, or the end.
    pub(super) fn take(&mut self) -> Place<'t> {
        while let Some(b' ' | b'\t' | b'\r' | b'\n') = self.rest().first() {
            self.line += usize::from(self.rest().first() == Some(&b'\n'));
            self.at += 1;
        }
        let text = self.rest();
        let text = text.get(..length(text).max(1)).unwrap_or_default();
        self.at += text.len();
        Place {
            line: self.line,
            text,
        }
    }
}

/// The token of that number among those that `Tokens` has too: all but commas and colons. The end if there are
/// not so many.
pub(crate) fn place_of(text: &[u8], number: usize) -> Place<'_> {
    let mut scan = Scan::new(text);
    let mut left = number;
    loop {
        let place = scan.take();
        match place.text {
            b"," | b":" => {}
            b"" => return place,
            _ if left == 0 => return place,
            _ => left -= 1,
        }
    }
}
