//! The configuration file: from its bytes to a document.

use super::cursor::Cursor;
use super::grammar::flaw_of;
use super::place::{Place, place_of};
use super::tape::{Tokens, tape_of};
use super::wrong::{Said, Why, Wrong};
use super::{Config, Find, Name, custom, settings};
use crate::base::fields::lines;
use crate::platform::{Errno, File};

/// Bytes of the longest file that is read.
const FILE_MAX: usize = 32 << 10;
/// Memory for a file and its tokens: these take at most twice as much (`[],` are two of three bytes), and the
/// ends of lists what is in them once again.
pub const DOCUMENT_MAX: usize = 4 * FILE_MAX;

/// A file that has been read.
#[derive(Clone, Copy)]
pub struct Document<'a> {
    path: &'a [u8],
    text: &'a [u8],
    tape: Option<&'a [u8]>,
    is_private: bool,
}

/// Where a file is in the memory that it was read into, and its tokens, if it is JSON.
#[derive(Clone, Copy)]
pub struct Lengths {
    text: usize,
    tape: Option<usize>,
    /// Nobody else can write to the file.
    is_private: bool,
}

/// Reads the file into the memory, which is [`DOCUMENT_MAX`] long.
#[inline(never)]
pub fn load<'a>(path: &'a [u8], memory: &mut [u8]) -> Result<Lengths, Wrong<'a>> {
    match read(path, memory) {
        Ok((length, _)) if length > FILE_MAX => Err(Wrong::of_file(path, Said::TooLong.into())),
        Ok((length, is_private)) => Ok(Lengths {
            is_private,
            ..parse(memory, length)
        }),
        Err(Errno::NO_PLACES) => Err(Wrong::of_file(path, Said::NoFile.into())),
        Err(errno) => Err(Wrong::of_file(path, Why::System(errno))),
    }
}

/// Takes so many bytes of the memory, at most 32 KB, for what the file holds.
pub fn parse(memory: &mut [u8], length: usize) -> Lengths {
    let (text, rest) = memory.split_at_mut_checked(length).unwrap_or_default();
    let kept = tape_of(text).and_then(|tape| {
        rest.get_mut(..tape.len())?.copy_from_slice(&tape);
        Some(tape.len())
    });
    Lengths {
        text: text.len(),
        tape: kept,
        is_private: true,
    }
}

impl<'a> Document<'a> {
    /// The document that has been read into that memory.
    pub fn new(path: &'a [u8], memory: &'a [u8], lengths: Lengths) -> Self {
        let (text, rest) = memory.split_at_checked(lengths.text).unwrap_or_default();
        Self {
            path,
            text,
            tape: lengths.tape.and_then(|length| rest.get(..length)),
            is_private: lengths.is_private,
        }
    }

    /// Sets what the file says.
    #[inline(never)]
    pub fn apply(&self, config: &mut Config<'a>, find: Find, name: Name) -> Result<(), Wrong<'a>> {
        let mut cursor = Cursor::new(Tokens::new(self.tape.ok_or_else(|| self.flaw())?));
        cursor.is_private = self.is_private;
        settings::read(&mut cursor, config, (find, name)).map_err(|why| self.wrong(&cursor, why))
    }

    /// Whether what it says can be done with all else that is asked for.
    #[inline(never)]
    pub fn check(&self, config: &Config<'a>) -> Result<(), Wrong<'a>> {
        let mut cursor = Cursor::new(config.custom.clone());
        custom::check_timeouts(&mut cursor, config.interval).map_err(|why| self.wrong(&cursor, why))
    }

    /// Endpoint and tags are too long, as they are in the file.
    pub fn name_too_long(&self, config: &Config) -> Wrong<'a> {
        let place = place_of(self.text, config.name_at);
        Wrong::at(self.path, place, Said::NameTooLong.into())
    }

    /// All families are off.
    pub fn nothing_runs(&self) -> Wrong<'a> {
        Wrong::of_file(self.path, Said::NothingRuns.into())
    }

    fn wrong(&self, cursor: &Cursor<'a>, why: Why) -> Wrong<'a> {
        let place = place_of(self.text, cursor.at);
        Wrong::at(self.path, place, why).below(cursor.keys, cursor.meant)
    }

    /// Why it is not JSON.
    fn flaw(&self) -> Wrong<'a> {
        if let Err(error) = core::str::from_utf8(self.text) {
            let before = self.text.get(..error.valid_up_to()).unwrap_or_default();
            let line = lines(before).count() + 1;
            return Wrong::at(self.path, Place { line, text: b"" }, Said::NotUtf8.into());
        }
        match flaw_of(self.text) {
            Some(flaw) => Wrong::at(self.path, flaw.place, flaw.why).below(flaw.keys, None),
            // What is not JSON has a flaw.
            None => Wrong::of_file(self.path, Said::NoValue.into()),
        }
    }
}

/// The file's bytes, as many as have room: how many, and whether nobody else can write to it.
fn read(path: &[u8], memory: &mut [u8]) -> Result<(usize, bool), Errno> {
    let file = File::open(path)?;
    let mut length = 0;
    loop {
        let place = memory.get_mut(length..).unwrap_or_default();
        match file.read_at(place, length as u64)? {
            0 => return Ok((length, file.is_private())),
            count => length += count,
        }
    }
}
