//! What is wrong with a configuration file, in a line that a person can act on.

use super::cursor::KEYS_MAX;
use super::flags::{Takes, put_bounded};
use super::grammar::Flaw;
use super::place::Place;
use crate::packed::{packed, put_line};
use crate::sys::{Errno, describe};
use crate::text::Text;

/// What is wrong.
#[derive(Clone, Copy)]
pub(super) enum Why {
    /// It cannot be read.
    System(Errno),
    TooLong,
    NotUtf8,
    Flaw(Flaw),
    /// It is something else than this.
    Value(Takes),
    NoObject,
    NoList,
    NoText,
    NoPatterns,
    /// Nothing is to be chosen in this family.
    NoInstances,
    /// There is none of that name; this is a similar one.
    NoFamily(Option<&'static [u8]>),
    Twice,
    TooMany,
    Incomplete,
    NoUser,
    CommandLine,
    /// Nobody knows this key; this is a similar one.
    Unknown(Option<&'static [u8]>),
}

/// What is wrong with a configuration file, and where.
#[derive(Clone, Copy)]
pub struct Wrong<'a> {
    path: &'a [u8],
    /// Nothing stands there if it is about the whole file.
    place: Option<Place<'a>>,
    /// The keys that lead there.
    keys: [&'a [u8]; KEYS_MAX],
    why: Why,
}

/// Lines in the order of [`Why::line`].
const WORDS: &[u8] = packed!(
    "longer than 32 KB\n\
     not UTF-8\n\
     has no second quote\n\
     has an escape or a byte that JSON does not have\n\
     is not a value (a text needs quotes)\n\
     is nested too deep\n\
     is not an object\n\
     is not a list\n\
     is not a text\n\
     is not a list of patterns (try \"eth*,br-lan\")\n\
     this family has no instances to choose from\n\
     no such family\n\
     given twice\n\
     more than 32\n\
     it needs a metric and a file, with what is of files, or exec, with what is of scripts\n\
     no such user\n\
     for the command line alone\n\
     unknown key\n"
);

impl Why {
    /// Its line, and whether it speaks of what stands there.
    fn line(self) -> Option<(usize, bool)> {
        Some(match self {
            Self::TooLong => (0, false),
            Self::NotUtf8 => (1, false),
            Self::Flaw(Flaw::Unclosed) => (2, true),
            Self::Flaw(Flaw::BadString) => (3, true),
            Self::Flaw(Flaw::NoValue) => (4, true),
            Self::Flaw(Flaw::TooDeep) => (5, true),
            Self::NoObject => (6, true),
            Self::NoList => (7, true),
            Self::NoText => (8, true),
            Self::NoPatterns => (9, true),
            Self::NoInstances => (10, false),
            Self::NoFamily(_) => (11, false),
            Self::Twice => (12, false),
            Self::TooMany => (13, false),
            Self::Incomplete => (14, false),
            Self::NoUser => (15, false),
            Self::CommandLine => (16, false),
            Self::Unknown(_) => (17, false),
            Self::System(_) | Self::Value(_) | Self::Flaw(Flaw::Instead(_)) => return None,
        })
    }
}

impl<'a> Wrong<'a> {
    pub(super) fn of_file(path: &'a [u8], why: Why) -> Self {
        Self {
            path,
            place: None,
            keys: [b""; KEYS_MAX],
            why,
        }
    }

    pub(super) fn at(path: &'a [u8], place: Place<'a>, why: Why) -> Self {
        Self {
            place: Some(place),
            ..Self::of_file(path, why)
        }
    }

    /// The keys that lead to the place.
    pub(super) fn below(self, keys: [&'a [u8]; KEYS_MAX]) -> Self {
        Self { keys, ..self }
    }

    /// Whether there is no such file.
    pub fn is_missing(&self) -> bool {
        matches!(self.why, Why::System(Errno::NOT_FOUND))
    }

    /// Writes the error as one line, without its newline.
    pub fn describe(&self, text: &mut Text) {
        put_bounded(text, self.path);
        if let Some(place) = self.place {
            text.put(b":");
            text.number(place.line as u64);
        }
        text.put(b": ");
        self.put_keys(text);
        match self.why {
            Why::System(errno) => describe(text, errno),
            Why::Value(takes) => {
                self.put_found(text);
                text.put(b" is not ");
                takes.put(text, false);
                let quote: &[u8] = if takes.is_text() { b"\"" } else { b"" };
                text.put(b" (try ");
                text.put(quote);
                takes.put(text, true);
                text.put(quote);
                text.put(b")");
            }
            Why::Flaw(Flaw::Instead(wanted)) => {
                self.put_found(text);
                text.put(b" in place of ");
                text.put(wanted);
            }
            why => {
                let (line, speaks_of_it) = why.line().unwrap_or_default();
                if speaks_of_it {
                    self.put_found(text);
                    text.put(b" ");
                }
                put_line(text, WORDS, line);
                if let Why::Unknown(Some(name)) | Why::NoFamily(Some(name)) = why {
                    text.put(b" (");
                    text.put(name);
                    text.put(b"?)");
                }
            }
        }
    }

    fn put_keys(&self, text: &mut Text) {
        let mut behind: &[u8] = b"";
        for key in self.keys.into_iter().take_while(|key| !key.is_empty()) {
            text.put(behind);
            put_bounded(text, key);
            behind = b".";
        }
        if !behind.is_empty() {
            text.put(b": ");
        }
    }

    fn put_found(&self, text: &mut Text) {
        match (self.place.map_or(b"".as_slice(), |place| place.text), self.why) {
            (b"", _) => text.put(b"the end of the file"),
            (found, Why::Flaw(_)) => put_bounded(text, found),
            (b"{", _) => text.put(b"an object"),
            (b"[", _) => text.put(b"this list"),
            (found, _) => put_bounded(text, found),
        }
    }
}
