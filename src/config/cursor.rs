//! Goes through a document from token to token, and knows where it is.

use super::nearest::nearest;
use super::tape::{Kind, Token, Tokens};
use super::wrong::{Said, Why};
use crate::base::fields::lines;
use crate::base::text::place_of;

/// The key of what is for people; it may be there again and again.
const COMMENT: &[u8] = b"//";

/// Objects in one another, each with a key.
pub(super) const KEYS_MAX: usize = 3;

/// Takes what is behind a key; answers a number for the key.
pub(super) type TakeKey<'t, 'a> = &'t mut dyn FnMut(&mut Cursor<'a>, &'a [u8]) -> Result<usize, Why>;

/// Where a reader is in a document.
pub(super) struct Cursor<'a> {
    pub(super) tokens: Tokens<'a>,
    /// The keys that lead there; nothing for those that are not there.
    pub(super) keys: [&'a [u8]; KEYS_MAX],
    /// The token that an error is about.
    pub(super) at: usize,
    /// The name that may have been meant by what nobody knows.
    pub(super) meant: Option<&'static [u8]>,
    /// Nobody else can write to the document: it may have commands, which run as the agent's user.
    pub(super) is_private: bool,
}

impl<'a> Cursor<'a> {
    /// At the first of these.
    pub(super) fn new(tokens: Tokens<'a>) -> Self {
        Self {
            tokens,
            keys: [b""; KEYS_MAX],
            at: 0,
            meant: None,
            is_private: true,
        }
    }

    #[inline(never)]
    pub(super) fn take(&mut self) -> Token<'a> {
        self.at = self.tokens.taken;
        // A document ends with the end of its object, behind which nobody looks.
        let end = Token {
            kind: Kind::ObjectEnd,
            text: b"",
        };
        self.tokens.next().unwrap_or(end)
    }

    /// Takes an object, whose keys are at that depth: `take` answers a number for each, and none comes twice.
    pub(super) fn object(&mut self, depth: usize, take: TakeKey<'_, 'a>) -> Result<(), Why> {
        match self.take().kind {
            Kind::Object => self.inside(depth, take),
            _ => Err(Said::NoObject.into()),
        }
    }

    /// The same behind the object's start.
    pub(super) fn inside(&mut self, depth: usize, take: TakeKey<'_, 'a>) -> Result<(), Why> {
        let mut taken: u64 = 0;
        loop {
            let key = self.take();
            if key.kind == Kind::ObjectEnd {
                return Ok(());
            }
            let at = self.at;
            self.set_key(depth, key.text);
            if key.text == COMMENT {
                self.comment()?;
                continue;
            }
            let number = 1 << take(self, key.text)?;
            if taken & number != 0 {
                self.at = at;
                return Err(Said::Twice.into());
            }
            taken |= number;
            self.set_key(depth, b"");
        }
    }

    /// The document may have a command.
    pub(super) fn check_exec(&self, has_command: bool) -> Result<(), Why> {
        if has_command && !self.is_private {
            return Err(Said::ForeignExec.into());
        }
        Ok(())
    }

    /// Passes by a value.
    pub(super) fn pass(&mut self) {
        let mut depth = 0_usize;
        loop {
            match self.take().kind {
                Kind::Object | Kind::List => depth += 1,
                Kind::ObjectEnd | Kind::ListEnd => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    fn comment(&mut self) -> Result<(), Why> {
        if self.take().kind != Kind::Text {
            return Err(Said::NoText.into());
        }
        Ok(())
    }

    fn set_key(&mut self, depth: usize, key: &'a [u8]) {
        if let Some(place) = self.keys.get_mut(depth) {
            *place = key;
        }
    }

    /// Takes a list of texts, whose start has just been taken: its items with commas between. `None` if there is
    /// something else in it, which an error is about then.
    pub(super) fn list_text(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        loop {
            let token = self.take();
            match token.kind {
                Kind::Text => {}
                Kind::ListEnd => {
                    self.at = start;
                    return Some(token.text);
                }
                _ => return None,
            }
        }
    }

    /// The place of a key among the lines of `known`.
    #[inline(never)]
    pub(super) fn place_of_key(&mut self, key: &[u8], known: &'static str) -> Result<usize, Why> {
        place_of(known, key).ok_or_else(|| self.unknown(Said::Unknown, key, &mut lines(known.as_bytes())))
    }

    /// Nobody knows this name, but these.
    pub(super) fn unknown(
        &mut self,
        said: Said,
        name: &[u8],
        known: &mut dyn Iterator<Item = &'static [u8]>,
    ) -> Why {
        self.meant = nearest(name, known);
        said.into()
    }
}
