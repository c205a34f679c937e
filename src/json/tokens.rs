//! Parses a document with miniserde, into its tokens in order.

use super::{DEPTH_MAX, Kind};
use alloc::boxed::Box;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU32, Ordering::Relaxed};
use miniserde::de::{Deserialize, Map, Seq, Visitor};
use miniserde::{Error, Result, json};

/// Tokens that the last parse accepted. miniserde creates the visitor itself and drops it on an error, so that the
/// count has to be kept outside; the program has one thread.
static ACCEPTED: AtomicU32 = AtomicU32::new(0);

/// The tokens of a document, on the heap: 8 bytes for each, and the bytes of the strings.
pub(super) struct Tokens {
    /// Each token's kind, and the length of its text.
    pub(super) kinds: Vec<(Kind, u32)>,
    /// The texts of keys and strings, without escapes.
    pub(super) text: Vec<u8>,
    depth: usize,
}

/// Parses a text. The error is the number of tokens before the first one that is not accepted.
pub(super) fn parse(text: &[u8]) -> core::result::Result<Tokens, u32> {
    #[cfg(test)]
    let _guard = super::tests::ONE_PARSE.lock();
    ACCEPTED.store(0, Relaxed);
    let text = core::str::from_utf8(text).unwrap_or_default();
    json::from_str(text).map_err(|Error| ACCEPTED.load(Relaxed))
}

impl Tokens {
    fn push(&mut self, kind: Kind, text: &str) {
        self.kinds.push((kind, text.len() as u32));
        self.text.extend_from_slice(text.as_bytes());
        ACCEPTED.store(self.kinds.len() as u32, Relaxed);
    }

    fn open(&mut self, kind: Kind) -> Result<Box<Nested<'_>>> {
        if self.depth == DEPTH_MAX {
            return Err(Error);
        }
        self.push(kind, "");
        self.depth += 1;
        Ok(Box::new(Nested(self)))
    }

    fn close(&mut self, kind: Kind) {
        self.depth -= 1;
        self.push(kind, "");
    }
}

impl Deserialize for Tokens {
    fn begin(out: &mut Option<Self>) -> &mut dyn Visitor {
        out.insert(Self {
            kinds: Vec::new(),
            text: Vec::new(),
            depth: 0,
        })
    }
}

impl Visitor for Tokens {
    fn null(&mut self) -> Result<()> {
        self.push(Kind::Word, "");
        Ok(())
    }

    fn boolean(&mut self, _: bool) -> Result<()> {
        self.push(Kind::Word, "");
        Ok(())
    }

    fn string(&mut self, text: &str) -> Result<()> {
        self.push(Kind::Text, text);
        Ok(())
    }

    fn negative(&mut self, _: i64) -> Result<()> {
        self.push(Kind::Number, "");
        Ok(())
    }

    fn nonnegative(&mut self, _: u64) -> Result<()> {
        self.push(Kind::Number, "");
        Ok(())
    }

    fn float(&mut self, _: f64) -> Result<()> {
        self.push(Kind::Number, "");
        Ok(())
    }

    fn seq(&mut self) -> Result<Box<dyn Seq + '_>> {
        Ok(self.open(Kind::ListStart)?)
    }

    fn map(&mut self) -> Result<Box<dyn Map + '_>> {
        Ok(self.open(Kind::ObjectStart)?)
    }
}

/// An open object or list.
struct Nested<'t>(&'t mut Tokens);

impl Seq for Nested<'_> {
    fn element(&mut self) -> Result<&mut dyn Visitor> {
        Ok(self.0)
    }

    fn finish(&mut self) -> Result<()> {
        self.0.close(Kind::ListEnd);
        Ok(())
    }
}

impl Map for Nested<'_> {
    fn key(&mut self, key: &str) -> Result<&mut dyn Visitor> {
        self.0.push(Kind::Key, key);
        Ok(self.0)
    }

    fn finish(&mut self) -> Result<()> {
        self.0.close(Kind::ObjectEnd);
        Ok(())
    }
}
