//! The command line.

use super::apply::apply;
use super::flags::Flag;
use super::takes::Takes;
use super::{Config, Find, value};
use crate::base::packed::{packed, put_line};
use crate::base::text::Text;

/// What is wrong with the command line. Borrowed from it.
#[derive(Clone, Copy)]
pub enum Error<'a> {
    /// No flag has that name.
    Unknown(&'a [u8]),
    /// Not a flag.
    Stray(&'a [u8]),
    /// Nothing stands behind a flag that takes something.
    Missing(Flag),
    /// The flag does not take that value.
    Invalid(Flag, &'a [u8]),
    /// Endpoint and tags do not fit into a line.
    TooLong,
    /// No family runs.
    NothingRuns,
}

/// What is said before what the user wrote, and behind it.
const ERRORS: &[u8] = packed!(
    "flag provided but not defined: \n (-h lists all flags)\n\
     unexpected argument \n (-h lists all flags)\n\
     invalid value \n for flag -\n\
     flag needs an argument: -\n\
     -metrics: no family is left (process runs with -process)\n\
     -endpoint and -tag: together they take at most 1000 bytes in a line\n"
);

impl Error<'_> {
    /// Writes the error as one line, without its newline.
    pub fn describe(&self, text: &mut Text) {
        let (line, written, flag) = match *self {
            Self::Unknown(name) => (0, Some(name), None),
            Self::Stray(argument) => (2, Some(argument), None),
            Self::Invalid(flag, value) => (4, Some(value), Some(flag)),
            Self::Missing(flag) => (6, None, Some(flag)),
            Self::NothingRuns => (7, None, None),
            Self::TooLong => (8, None, None),
        };
        text.put(b"mini-monitor: ");
        put_line(text, ERRORS, line);
        if let Some(written) = written {
            quote(text, written);
            put_line(text, ERRORS, line + 1);
        }
        if let Some(flag) = flag {
            text.put(flag.name());
            text.put(b": it takes ");
            flag.takes.put(text, false);
            text.put(b" (try ");
            flag.takes.put(text, true);
            text.put(b")");
        }
    }
}

/// Writes what the user wrote, as much of it as a line has room for.
fn quote(text: &mut Text, bytes: &[u8]) {
    text.put(b"\"");
    put_bounded(text, bytes);
    text.put(b"\"");
}

/// Writes what the user wrote, without quotes.
pub(super) fn put_bounded(text: &mut Text, bytes: &[u8]) {
    const SHOWN: usize = 80;
    text.put(bytes.get(..SHOWN).unwrap_or(bytes));
    if bytes.len() > SHOWN {
        text.put(b"...");
    }
}

/// Reads the arguments behind the program's name.
pub fn parse<'a>(
    config: &mut Config<'a>,
    arguments: impl IntoIterator<Item = &'a [u8]>,
    find: Find,
) -> Result<(), Error<'a>> {
    read(config, &mut arguments.into_iter(), find)
}

#[inline(never)]
fn read<'a>(
    config: &mut Config<'a>,
    arguments: &mut dyn Iterator<Item = &'a [u8]>,
    find: Find,
) -> Result<(), Error<'a>> {
    let mut given: u32 = 0;
    while let Some(argument) = arguments.next() {
        let (name, inline) = split(argument).ok_or(Error::Stray(argument))?;
        let flag = Flag::of(name).ok_or(Error::Unknown(argument))?;
        let value = match inline {
            Some(value) => value,
            None if flag.takes == Takes::Switch => b"true",
            None => arguments.next().ok_or(Error::Missing(flag))?,
        };
        if given & 1 << flag.sets as u32 == 0 || !flag.is_repeated() {
            given |= 1 << flag.sets as u32;
            flag.forget(config);
        }
        apply(config, flag, value, find).ok_or(Error::Invalid(flag, value))?;
    }
    Ok(())
}

/// `-name`, `--name`, `-name=value`: the name, and the value if it is there.
fn split(argument: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let one = argument.strip_prefix(b"-")?;
    let flag = one.strip_prefix(b"-").unwrap_or(one);
    if flag.is_empty() {
        return None;
    }
    Some(match value::pair(flag) {
        Some((name, value)) => (name, Some(value)),
        None => (flag, None),
    })
}
