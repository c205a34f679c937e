//! The JSON reader (RFC 8259) of the configuration file and of received lines: `miniserde` parses, and each event
//! comes with its token in the source.
//!
//! The heap is in use as long as the [`Document`] is: less than 1 MB for a text of 32 KB.

mod lexer;
mod syntax;
mod tape;

#[cfg(test)]
mod tests;

pub use lexer::{Token, put_shortened};
pub(crate) use syntax::SyntaxErrorKind;
pub use syntax::{Keys, SyntaxError};

use lexer::Lexer;
use syntax::Position;
use tape::Tape;

/// Objects and lists that may be nested in one another.
pub const DEPTH_MAX: usize = 5;

/// The kind of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The key of the value that follows.
    Key,
    /// A string.
    Text,
    /// A number, as the token has it.
    Number,
    /// `true`, `false` or `null`, as the token has it.
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
    /// The same in the source.
    pub token: Token<'t>,
}

/// A text that is JSON.
pub struct Document<'t> {
    text: &'t [u8],
    tape: Tape,
}

impl<'t> Document<'t> {
    /// Parses a text.
    pub fn parse(text: &'t [u8]) -> Result<Self, SyntaxError<'t>> {
        if let Err(error) = core::str::from_utf8(text) {
            return Err(syntax::not_utf8(text, error.valid_up_to()));
        }
        match tape::parse(text) {
            Ok(tape) => Ok(Self { text, tape }),
            Err(count) => Err(syntax::explain(text, count)),
        }
    }

    /// Returns the events, in the order of the text.
    pub fn events(&self) -> Events<'t, '_> {
        Events {
            tokens: self.tape.tokens.iter(),
            text: &self.tape.text,
            lexer: Lexer::new(self.text),
            position: Position::START,
        }
    }
}

/// The events of a document.
#[derive(Clone)]
pub struct Events<'t, 'd> {
    tokens: core::slice::Iter<'d, (Kind, u32)>,
    text: &'d [u8],
    lexer: Lexer<'t>,
    position: Position<'t>,
}

impl<'t> Events<'t, '_> {
    /// Returns the keys that lead to the last event, as the source has them.
    pub fn keys(&self) -> Keys<'t> {
        self.position.keys()
    }
}

impl<'t, 'd> Iterator for Events<'t, 'd> {
    type Item = Event<'t, 'd>;

    fn next(&mut self) -> Option<Event<'t, 'd>> {
        let (kind, length) = *self.tokens.next()?;
        let (text, rest) = self.text.split_at_checked(length as usize)?;
        self.text = rest;
        let token = self.lexer.next_value();
        self.position.advance(token);
        Some(Event { kind, text, token })
    }
}
