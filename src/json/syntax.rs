//! Explains why a text is not JSON, from the number of tokens that miniserde accepted.

use super::lexer::{Lexer, Token};
use super::{DEPTH_MAX, tokens};
use crate::base::text::Text;

/// Keys of a path that a message shows.
const KEYS_MAX: usize = 3;

/// The keys that lead to a token, from the outermost object inwards; unused ones are empty.
pub type KeyPath<'t> = [&'t [u8]; KEYS_MAX];

/// A token, and the keys that lead to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place<'t> {
    /// The token.
    pub token: Token<'t>,
    /// The keys.
    pub keys: KeyPath<'t>,
}

/// What may follow at a position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    Value,
    FirstItem,
    Key,
    FirstKey,
    Colon,
    CommaOrBrace,
    CommaOrBracket,
    End,
}

impl Expected {
    fn text(self) -> &'static str {
        match self {
            Self::Value => "a value",
            Self::FirstItem => "a value or ]",
            Self::Key => "a quoted key",
            Self::FirstKey => "a quoted key or }",
            Self::Colon => "a colon",
            Self::CommaOrBrace => "a comma or }",
            Self::CommaOrBracket => "a comma or ]",
            Self::End => "the end of the file",
        }
    }
}

/// The first error of a text that is not JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyntaxError<'t> {
    /// The token that is wrong.
    pub place: Place<'t>,
    /// What is wrong with it.
    pub(crate) kind: SyntaxErrorKind,
}

/// What is wrong with a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SyntaxErrorKind {
    NotUtf8,
    Unexpected(Expected),
    TooDeep,
    UnclosedString,
    InvalidString,
    InvalidNumber,
    InvalidValue,
}

impl SyntaxErrorKind {
    /// Writes what is wrong with the token.
    pub(crate) fn describe(self, token: &Token, text: &mut Text) {
        let message = match self {
            Self::NotUtf8 => return text.put(b"not UTF-8"),
            Self::Unexpected(expected) => {
                text.put(b"expected ");
                text.put(expected.text().as_bytes());
                text.put(b", found ");
                return token.put(text);
            }
            Self::TooDeep => " is nested too deeply",
            Self::UnclosedString => " has no closing quote",
            Self::InvalidString => " has an invalid escape or a control character",
            Self::InvalidNumber => " is not a number, or out of range",
            Self::InvalidValue => " is not a value (text needs quotes)",
        };
        token.put(text);
        text.put(message.as_bytes());
    }
}

/// A position in a document: the open brackets, their keys, and what may follow.
struct Position<'t> {
    /// Whether each open bracket is that of an object.
    open: [bool; DEPTH_MAX],
    depth: usize,
    keys: KeyPath<'t>,
    expected: Expected,
}

impl<'t> Position<'t> {
    /// The start of a document.
    const START: Self = Self {
        open: [false; DEPTH_MAX],
        depth: 0,
        keys: [b""; KEYS_MAX],
        expected: Expected::Value,
    };

    /// Moves past a token that is neither a comma nor a colon and stands where it may.
    fn advance(&mut self, token: Token<'t>) {
        let is_key = matches!(self.expected, Expected::FirstKey | Expected::CommaOrBrace);
        self.expected = match token.text {
            b"{" => self.open(true),
            b"[" => self.open(false),
            b"}" | b"]" => {
                self.set_key(b"");
                self.depth = self.depth.saturating_sub(1);
                self.after_value()
            }
            [b'"', key @ .., b'"'] if is_key => {
                self.set_key(key);
                Expected::Colon
            }
            _ => self.after_value(),
        };
    }

    fn open(&mut self, is_object: bool) -> Expected {
        if let Some(slot) = self.open.get_mut(self.depth) {
            *slot = is_object;
            self.depth += 1;
        }
        if is_object {
            Expected::FirstKey
        } else {
            Expected::FirstItem
        }
    }

    fn all_open(&self) -> &[bool] {
        self.open.get(..self.depth).unwrap_or_default()
    }

    fn after_value(&self) -> Expected {
        match self.all_open().last() {
            Some(true) => Expected::CommaOrBrace,
            Some(false) => Expected::CommaOrBracket,
            None => Expected::End,
        }
    }

    /// Sets the key of the innermost bracket, if that is an object's.
    fn set_key(&mut self, key: &'t [u8]) {
        if self.all_open().last() == Some(&true) {
            let objects = self.all_open().iter().filter(|is_object| **is_object).count();
            if let Some(slot) = self.keys.get_mut(objects - 1) {
                *slot = key;
            }
        }
    }
}

/// Describes a text that is not UTF-8 after its first `valid` bytes.
pub(super) fn not_utf8(text: &[u8], valid: usize) -> SyntaxError<'_> {
    let before = text.get(..valid).unwrap_or_default();
    let mut place = Place::default();
    place.token.line = before.split(|byte| *byte == b'\n').count() as u32;
    SyntaxError {
        place,
        kind: SyntaxErrorKind::NotUtf8,
    }
}

/// Moves past the first `count` tokens, commas and colons apart, which stand where they may. Returns the last of them.
fn skip<'t>(count: u32, lexer: &mut Lexer<'t>, position: &mut Position<'t>) -> Token<'t> {
    let mut last = Token::default();
    for _ in 0..count {
        last = lexer.next_value();
        position.advance(last);
    }
    last
}

/// Returns the place of the event of that number, from 1 up, in a document.
pub fn place(text: &[u8], number: u32) -> Place<'_> {
    let mut position = Position::START;
    let token = skip(number, &mut Lexer::new(text), &mut position);
    let keys = position.keys;
    Place { token, keys }
}

/// Finds the error in a text of which miniserde accepted `count` tokens, commas and colons apart.
pub(super) fn explain(text: &[u8], count: u32) -> SyntaxError<'_> {
    let mut lexer = Lexer::new(text);
    let mut position = Position::START;
    let last = skip(count, &mut lexer, &mut position);
    // miniserde accepts the 5 of `5s` as a number, before it finds the s.
    let (token, kind) = if is_scalar(last) && tokens::parse(last.text).is_err() {
        (last, invalid_scalar(last.text))
    } else {
        unexpected(&mut lexer, &mut position)
    };
    let keys = position.keys;
    SyntaxError {
        place: Place { token, keys },
        kind,
    }
}

/// Returns the next token that may not stand there.
fn unexpected<'t>(lexer: &mut Lexer<'t>, position: &mut Position<'t>) -> (Token<'t>, SyntaxErrorKind) {
    let mut token = lexer.next();
    if position.expected == Expected::CommaOrBrace {
        // What follows is no part of the last member.
        position.set_key(b"");
    }
    let next = match (position.expected, token.text) {
        (Expected::CommaOrBrace, b",") => Some(Expected::Key),
        (Expected::CommaOrBracket, b",") | (Expected::Colon, b":") => Some(Expected::Value),
        _ => None,
    };
    if let Some(next) = next {
        position.expected = next;
        token = lexer.next();
    }
    let kind = match (position.expected, token.text) {
        (Expected::Value | Expected::FirstItem, b"{" | b"[") => SyntaxErrorKind::TooDeep,
        (Expected::Value | Expected::FirstItem, text) if is_scalar(token) => invalid_scalar(text),
        (Expected::Key | Expected::FirstKey, text @ [b'"', ..]) => invalid_scalar(text),
        (expected, _) => SyntaxErrorKind::Unexpected(expected),
    };
    (token, kind)
}

/// Whether the token is neither a bracket, a comma, a colon nor the end.
fn is_scalar(token: Token) -> bool {
    !matches!(token.text, [] | [b'{' | b'}' | b'[' | b']' | b',' | b':'])
}

fn invalid_scalar(text: &[u8]) -> SyntaxErrorKind {
    match text {
        [b'"', .., b'"'] => SyntaxErrorKind::InvalidString,
        [b'"', ..] => SyntaxErrorKind::UnclosedString,
        _ if text.iter().all(|byte| b"0123456789.-+eE".contains(byte)) => SyntaxErrorKind::InvalidNumber,
        _ => SyntaxErrorKind::InvalidValue,
    }
}
