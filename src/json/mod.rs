//! The JSON reader (RFC 8259) of the configuration file and of received lines: `miniserde` parses, and each event
//! comes with its source.
//!
//! The heap is in use as long as the [`Document`] is: less than 1 MB for a text of 32 KB.

mod lexer;
mod syntax;
#[cfg(test)]
mod tests;
mod tokens;

pub use lexer::{Token, put_shortened};
pub(crate) use syntax::SyntaxErrorKind;
pub use syntax::{KeyPath, Place, SyntaxError, place};

use lexer::Lexer;
use tokens::Tokens;

/// Objects and lists that may be nested in one another.
pub const DEPTH_MAX: usize = 5;

/// The kind of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The key of the value that follows.
    Key,
    /// A string.
    Text,
    /// A number.
    Number,
    /// `true`, `false` or `null`.
    Word,
    /// The start of an object.
    ObjectStart,
    /// The end of an object.
    ObjectEnd,
    /// The start of a list.
    ListStart,
    /// The end of a list.
    ListEnd,
}

/// A part of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event<'t, 'd> {
    /// What it is.
    pub kind: Kind,
    /// The text of a key or a string, without escapes.
    pub text: &'d [u8],
    /// Its token in the source.
    pub source: &'t [u8],
}

/// A text that is JSON.
pub struct Document<'t> {
    text: &'t [u8],
    tokens: Tokens,
}

impl<'t> Document<'t> {
    /// Parses a text.
    pub fn parse(text: &'t [u8]) -> Result<Self, SyntaxError<'t>> {
        if let Err(error) = core::str::from_utf8(text) {
            return Err(syntax::not_utf8(text, error.valid_up_to()));
        }
        match tokens::parse(text) {
            Ok(tokens) => Ok(Self { text, tokens }),
            Err(count) => Err(syntax::explain(text, count)),
        }
    }

    /// Returns the events, in the order of the text.
    pub fn events(&self) -> Events<'t, '_> {
        Events {
            kinds: self.tokens.kinds.iter(),
            text: &self.tokens.text,
            lexer: Lexer::new(self.text),
            count: 0,
        }
    }
}

/// The events of a document.
#[derive(Clone)]
pub struct Events<'t, 'd> {
    kinds: core::slice::Iter<'d, (Kind, u32)>,
    text: &'d [u8],
    lexer: Lexer<'t>,
    /// Events that it has returned.
    pub count: u32,
}

impl<'t, 'd> Iterator for Events<'t, 'd> {
    type Item = Event<'t, 'd>;

    fn next(&mut self) -> Option<Event<'t, 'd>> {
        let (kind, length) = *self.kinds.next()?;
        let (text, rest) = self.text.split_at_checked(length as usize)?;
        self.text = rest;
        self.count += 1;
        let source = self.lexer.next_value().text;
        Some(Event { kind, text, source })
    }
}
