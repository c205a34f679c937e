//! A JSON document as a row of tokens: miniserde reads it, and its strings come out without escapes.

use crate::base::decimal::{DIGITS_MAX, format_u64};
use crate::base::fields::take;
use alloc::boxed::Box;
use alloc::vec::Vec;
use miniserde::de::{Deserialize, Map, Seq, Visitor};
use miniserde::{Error, Result, json};

/// Objects and lists that may be in one another.
pub(super) const DEPTH_MAX: usize = 5;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The key of what follows.
    Key,
    /// A text.
    Text,
    /// A number; of one with a fraction, or too large a one, the digits are not there.
    Number,
    /// `true`, `false` or `null`.
    Word,
    /// An object begins.
    Object,
    /// An object ends.
    ObjectEnd,
    /// A list begins.
    List,
    /// Its text is that of the list's items, with commas between, if all of them are texts.
    ListEnd,
}

const KINDS: [Kind; 8] = [
    Kind::Key,
    Kind::Text,
    Kind::Number,
    Kind::Word,
    Kind::Object,
    Kind::ObjectEnd,
    Kind::List,
    Kind::ListEnd,
];

/// A token, with its text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token<'a> {
    pub(crate) kind: Kind,
    pub(crate) text: &'a [u8],
}

/// The tokens of a document: a byte of kind, two of length, the text.
#[derive(Clone)]
pub(crate) struct Tokens<'a> {
    /// What has not been taken.
    pub(super) rest: &'a [u8],
    /// Tokens that have been taken.
    pub(super) taken: usize,
}

impl<'a> Tokens<'a> {
    /// None.
    pub(super) const NONE: Self = Self { rest: b"", taken: 0 };

    /// All of them.
    pub(crate) fn new(tape: &'a [u8]) -> Self {
        Self { rest: tape, taken: 0 }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    #[inline(never)]
    fn next(&mut self) -> Option<Token<'a>> {
        let [kind, low, high] = *take(&mut self.rest, 3)?.first_chunk()?;
        let length = u16::from_le_bytes([low, high]);
        self.taken += 1;
        Some(Token {
            kind: *KINDS.get(usize::from(kind))?,
            text: take(&mut self.rest, length.into())?,
        })
    }
}

/// The tokens of a text, for [`Tokens`], if miniserde takes it. It does not say what is wrong otherwise.
pub(crate) fn tape_of(text: &[u8]) -> Option<Vec<u8>> {
    let tape: Tape = json::from_str(core::str::from_utf8(text).ok()?).ok()?;
    Some(tape.bytes)
}

/// Takes the tokens as miniserde tells them.
struct Tape {
    bytes: Vec<u8>,
    depth: usize,
}

impl Tape {
    #[inline(never)]
    fn put(&mut self, kind: Kind, text: &[u8]) -> Result<()> {
        let [low, high] = u16::try_from(text.len()).map_err(|_| Error)?.to_le_bytes();
        self.bytes.extend_from_slice(&[kind as u8, low, high]);
        self.bytes.extend_from_slice(text);
        Ok(())
    }

    fn put_number(&mut self, is_negative: bool, amount: u64) -> Result<()> {
        let mut text = [b'-'; DIGITS_MAX + 1];
        let mut digits = [0; DIGITS_MAX];
        let digits = format_u64(amount, &mut digits);
        let sign = usize::from(is_negative);
        let place = text.get_mut(sign..sign + digits.len()).ok_or(Error)?;
        place.copy_from_slice(digits);
        self.put(Kind::Number, text.get(..sign + digits.len()).ok_or(Error)?)
    }

    #[inline(never)]
    fn begin(&mut self, kind: Kind) -> Result<Box<Nest<'_>>> {
        self.put(kind, b"")?;
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(Error);
        }
        let start = self.bytes.len();
        Ok(Box::new(Nest { tape: self, start }))
    }
}

impl Deserialize for Tape {
    fn begin(out: &mut Option<Self>) -> &mut dyn Visitor {
        out.insert(Self {
            bytes: Vec::new(),
            depth: 0,
        })
    }
}

impl Visitor for Tape {
    fn null(&mut self) -> Result<()> {
        self.put(Kind::Word, b"null")
    }

    fn boolean(&mut self, is_true: bool) -> Result<()> {
        let word: &[u8] = if is_true { b"true" } else { b"false" };
        self.put(Kind::Word, word)
    }

    fn string(&mut self, text: &str) -> Result<()> {
        self.put(Kind::Text, text.as_bytes())
    }

    fn negative(&mut self, number: i64) -> Result<()> {
        self.put_number(true, number.unsigned_abs())
    }

    fn nonnegative(&mut self, number: u64) -> Result<()> {
        self.put_number(false, number)
    }

    fn float(&mut self, _: f64) -> Result<()> {
        self.put(Kind::Number, b"")
    }

    fn seq(&mut self) -> Result<Box<dyn Seq + '_>> {
        Ok(self.begin(Kind::List)?)
    }

    fn map(&mut self) -> Result<Box<dyn Map + '_>> {
        Ok(self.begin(Kind::Object)?)
    }
}

/// An object or a list that is being told.
struct Nest<'t> {
    tape: &'t mut Tape,
    /// Where its own tokens begin.
    start: usize,
}

impl Nest<'_> {
    /// The items with commas between; nothing if there is more in the list than texts.
    fn joined(&self) -> Vec<u8> {
        let mut joined = Vec::new();
        for token in Tokens::new(self.tape.bytes.get(self.start..).unwrap_or_default()) {
            if token.kind != Kind::Text {
                return Vec::new();
            }
            if !joined.is_empty() {
                joined.push(b',');
            }
            joined.extend_from_slice(token.text);
        }
        joined
    }
}

impl Seq for Nest<'_> {
    fn element(&mut self) -> Result<&mut dyn Visitor> {
        Ok(self.tape)
    }

    fn finish(&mut self) -> Result<()> {
        self.tape.depth -= 1;
        let joined = self.joined();
        self.tape.put(Kind::ListEnd, &joined)
    }
}

impl Map for Nest<'_> {
    fn key(&mut self, key: &str) -> Result<&mut dyn Visitor> {
        self.tape.put(Kind::Key, key.as_bytes())?;
        Ok(self.tape)
    }

    fn finish(&mut self) -> Result<()> {
        self.tape.depth -= 1;
        self.tape.put(Kind::ObjectEnd, b"")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Option<String> {
        let tape = tape_of(text.as_bytes())?;
        let told = Tokens::new(&tape).map(|Token { kind, text }| format!("{kind:?} {}", text.escape_ascii()));
        Some(told.collect::<Vec<_>>().join("; "))
    }

    #[test]
    fn tokens_come_in_the_order_of_the_text_and_without_escapes() {
        assert_eq!(
            tokens(
                r#" {"a": [1, -2], "z": ["x\"\u00e9\u0000", "y"], "b\n": true, "c": {"d": null, "e": 0.5}}"#
            )
            .unwrap(),
            "Object ; Key a; List ; Number 1; Number -2; ListEnd ; Key z; List ; Text x\\\"\\xc3\\xa9\\x00; Text y; \
             ListEnd x\\\"\\xc3\\xa9\\x00,y; Key b\\n; Word true; Key c; Object ; Key d; Word null; Key e; \
             Number ; ObjectEnd ; ObjectEnd "
        );
        assert_eq!(
            tokens("-9223372036854775808").unwrap(),
            "Number -9223372036854775808"
        );
        assert_eq!(
            tokens("18446744073709551615").unwrap(),
            "Number 18446744073709551615"
        );
        assert_eq!(tokens("18446744073709551616").unwrap(), "Number ");
        assert_eq!(tokens("-9223372036854775809").unwrap(), "Number ");
    }

    #[test]
    fn what_is_no_document_or_too_deep_or_too_long_gives_none() {
        for text in ["", "{", "[1,]", "{\"a\" 1}", "01", "\"\\x\"", "[1] 2"] {
            assert_eq!(tokens(text), None, "{text}");
        }
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(tokens(&nested(DEPTH_MAX)).is_some());
        assert!(tokens(&nested(DEPTH_MAX + 1)).is_none());
        let long = |length: usize| format!("\"{}\"", "a".repeat(length));
        assert!(tokens(&long(65_535)).is_some());
        assert!(tokens(&long(65_536)).is_none());
    }
}
