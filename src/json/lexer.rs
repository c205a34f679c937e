//! The tokens of a JSON text as they stand in the source, valid or not.

use crate::base::text::Text;

/// Bytes of a token that an error message shows.
const SHOWN_MAX: usize = 80;

/// A token in the source.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Token<'t> {
    /// The number of its line, from 1 up.
    pub line: u32,
    /// The token itself, a string with its quotes; empty at the end of the text.
    pub text: &'t [u8],
}

impl Token<'_> {
    /// Writes the token for an error message, shortened if it is long.
    pub fn put(&self, text: &mut Text) {
        if self.text.is_empty() {
            return text.put(b"the end of the file");
        }
        put_shortened(text, self.text);
    }
}

/// Writes the first 80 bytes of user input, and `...` if there are more.
pub fn put_shortened(text: &mut Text, bytes: &[u8]) {
    text.put(bytes.get(..SHOWN_MAX).unwrap_or(bytes));
    if bytes.len() > SHOWN_MAX {
        text.put(b"...");
    }
}

/// Splits a text into brackets, commas, colons, strings, and runs of other bytes.
#[derive(Clone)]
pub(super) struct Lexer<'t> {
    rest: &'t [u8],
    line: u32,
}

impl<'t> Lexer<'t> {
    pub(super) fn new(text: &'t [u8]) -> Self {
        Self { rest: text, line: 1 }
    }

    /// Returns the next token, or an empty one at the end.
    pub(super) fn next(&mut self) -> Token<'t> {
        while let [blank @ (b' ' | b'\t' | b'\r' | b'\n'), rest @ ..] = self.rest {
            self.line += u32::from(*blank == b'\n');
            self.rest = rest;
        }
        let (text, rest) = self.rest.split_at_checked(length(self.rest)).unwrap_or_default();
        self.rest = rest;
        Token {
            line: self.line,
            text,
        }
    }

    /// Returns the next token that is neither a comma nor a colon.
    pub(super) fn next_value(&mut self) -> Token<'t> {
        loop {
            let token = self.next();
            if !matches!(token.text, b"," | b":") {
                return token;
            }
        }
    }
}

fn is_mark(byte: u8) -> bool {
    b"{}[],:".contains(&byte)
}

/// Returns the length of the token at the start of the text, which has no blank there.
fn length(text: &[u8]) -> usize {
    let ends = |byte: &u8| byte.is_ascii_whitespace() || *byte == b'"' || is_mark(*byte);
    match text {
        [] => 0,
        [b'"', rest @ ..] => string_length(rest) + 1,
        [first, rest @ ..] if !is_mark(*first) => rest.iter().position(ends).unwrap_or(rest.len()) + 1,
        _ => 1,
    }
}

/// Returns the length of a string after its first quote; the end of the line ends an unclosed one.
fn string_length(text: &[u8]) -> usize {
    let mut is_escaped = false;
    for (index, byte) in text.iter().enumerate() {
        match byte {
            b'\n' => return index,
            b'"' if !is_escaped => return index + 1,
            _ => is_escaped = *byte == b'\\' && !is_escaped,
        }
    }
    text.len()
}
