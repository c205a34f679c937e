//! What is wrong with a configuration file, in a line that a person can act on.

use super::command_line::put_bounded;
use super::cursor::KEYS_MAX;
use super::grammar::Next;
use super::place::Place;
use super::takes::Takes;
use crate::base::packed::{packed, put_line};
use crate::base::text::Text;
use crate::platform::{Errno, describe};

/// What is wrong: words that are lines of one text.
macro_rules! said {
    ($($said:ident $words:literal;)*) => {
        /// What is wrong, in words that are always the same.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd)]
        pub(crate) enum Said {
            $(#[doc = $words] $said),*
        }

        const WORDS: &[u8] = packed!(concat!($($words, "\n"),*));
    };
}

said! {
    Unclosed "has no second quote";
    BadString "has an escape or a byte that JSON does not have";
    NoValue "is not a value (a text needs quotes)";
    BadNumber "is not a number, or too large a one";
    TooDeep "is nested too deep";
    NoObject "is not an object";
    NoList "is not a list";
    NoText "is not a text";
    NoPatterns "is not a list of patterns (try \"eth*,br-lan\")";
    NoUser "is no user of this machine";
    OtherKind "is not for what the keys before it are for: a number of a file, or a script";
    TooSlow "is more than half the interval";
    NameTooLong "is too long: endpoint and tags together take at most 1000 bytes in a line";
    // Those up to here are said of what stands there.
    TooLong "longer than 32 KB";
    NoFile "a pipe, not a file";
    NotUtf8 "not UTF-8";
    ForeignExec "exec, in a file that others own or can write to (try chown root, chmod go-w)";
    NothingRuns "no family is left (process runs with process)";
    NoInstances "this family has no instances to choose from";
    NoFamily "no such family";
    Twice "given twice";
    LineAndKey "line and key are both given, of which it takes one";
    TooMany "more than 32";
    Incomplete "it needs a metric and a file, or exec";
    CommandLine "for the command line alone";
    Unknown "unknown key";
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// It cannot be read.
    System(Errno),
    /// It is something else than this.
    Value(Takes),
    /// It stands in place of this.
    Instead(Next),
    /// This.
    Of(Said),
}

impl From<Said> for Why {
    fn from(said: Said) -> Self {
        Self::Of(said)
    }
}

/// What is wrong with a configuration file, and where.
#[derive(Clone, Copy)]
pub struct Wrong<'a> {
    path: &'a [u8],
    /// Nothing stands there if it is about the whole file.
    place: Option<Place<'a>>,
    /// The keys that lead there.
    keys: [&'a [u8]; KEYS_MAX],
    /// The name that may have been meant.
    meant: Option<&'static [u8]>,
    why: Why,
}

impl<'a> Wrong<'a> {
    /// It is about the whole file.
    pub(super) fn of_file(path: &'a [u8], why: Why) -> Self {
        Self {
            path,
            place: None,
            keys: [b""; KEYS_MAX],
            meant: None,
            why,
        }
    }

    /// It is at that place.
    pub(super) fn at(path: &'a [u8], place: Place<'a>, why: Why) -> Self {
        Self {
            place: Some(place),
            ..Self::of_file(path, why)
        }
    }

    /// These keys lead to the place, and a name may have been meant.
    pub(super) fn below(self, keys: [&'a [u8]; KEYS_MAX], meant: Option<&'static [u8]>) -> Self {
        Self { keys, meant, ..self }
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
            Why::Instead(wanted) => {
                self.put_found(text);
                text.put(b" in place of ");
                text.put(wanted.text());
            }
            Why::Of(said) => {
                if said <= Said::NameTooLong {
                    self.put_found(text);
                    text.put(b" ");
                }
                put_line(text, WORDS, said as usize);
            }
        }
        if let Some(name) = self.meant {
            text.put(b" (");
            text.put(name);
            text.put(b"?)");
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
        let is_json = match self.why {
            Why::Instead(_) => false,
            Why::Of(said) => said > Said::TooDeep,
            _ => true,
        };
        match self.place.map_or(b"".as_slice(), |place| place.text) {
            b"" => text.put(b"the end of the file"),
            b"{" if is_json => text.put(b"an object"),
            b"[" if is_json => text.put(b"this list"),
            found => put_bounded(text, found),
        }
    }
}
