//! A JSON document as a row of tokens: its strings are without quotes and escapes there.

use crate::scan::take;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The key of what follows.
    Key,
    /// A text.
    Text,
    /// A number, as it stands there.
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

/// Where tokens are written. What has no room is left out.
pub(super) struct Tape<'m> {
    memory: &'m mut [u8],
    pub(super) length: usize,
}

impl<'m> Tape<'m> {
    pub(super) fn new(memory: &'m mut [u8]) -> Self {
        Self { memory, length: 0 }
    }

    /// Writes what belongs to the last token.
    #[inline(never)]
    pub(super) fn put(&mut self, bytes: &[u8]) {
        let room = self.memory.get_mut(self.length..).unwrap_or_default();
        if let Some(place) = room.get_mut(..bytes.len()) {
            place.copy_from_slice(bytes);
            self.length += bytes.len();
        }
    }

    /// Writes a token: where its text begins.
    #[inline(never)]
    pub(super) fn token(&mut self, kind: Kind, text: &[u8]) -> usize {
        let [low, high] = (text.len() as u16).to_le_bytes();
        self.put(&[kind as u8, low, high]);
        let start = self.length;
        self.put(text);
        start
    }

    /// What has been written from there on is the text of the last token.
    pub(super) fn end(&mut self, start: usize) {
        let length = (self.length - start) as u16;
        let place = self.memory.get_mut(..start).unwrap_or_default();
        if let Some(place) = place.last_chunk_mut() {
            *place = length.to_le_bytes();
        }
    }

    /// Ends the list whose items begin there.
    pub(super) fn end_list(&mut self, start: usize) {
        let mut at = start;
        let end = self.length;
        let text = self.token(Kind::ListEnd, b"");
        while at < end {
            let mut item = Tokens::new(self.memory.get(at..end).unwrap_or_default());
            let Some(token) = item.next().filter(|token| token.kind == Kind::Text) else {
                self.length = text;
                break;
            };
            let length = token.text.len();
            at = end - item.rest.len();
            if self.length > text {
                self.put(b",");
            }
            let room = self.memory.len() - self.length;
            if length <= room {
                self.memory.copy_within(at - length..at, self.length);
                self.length += length;
            }
        }
        self.end(text);
    }
}
