//! The configuration file: from its bytes to a document.

use super::cursor::Cursor;
use super::place::{Place, flaw_of, place_of};
use super::tape::tape_of;
use super::wrong::{Why, Wrong};
use super::{Config, Find, settings};
use crate::scan::lines;
use crate::sys::{Errno, File};

/// Bytes of the longest file that is read.
const FILE_MAX: usize = 32 << 10;
/// Memory for a file and its tokens, of which none takes more than three bytes and its text, nor a list's end
/// more than the list once again.
pub const DOCUMENT_MAX: usize = 8 * FILE_MAX;

/// A file that is JSON, in memory.
#[derive(Clone, Copy)]
pub struct Document<'a> {
    path: &'a [u8],
    text: &'a [u8],
    tape: &'a [u8],
}

impl<'a> Document<'a> {
    /// Reads the file into the memory, which is [`DOCUMENT_MAX`] long.
    #[inline(never)]
    pub fn load(path: &'a [u8], memory: &'a mut [u8]) -> Result<Self, Wrong<'a>> {
        match read(path, memory) {
            Ok(length) => Self::parse(path, memory, length),
            Err(errno) => Err(Wrong::of_file(path, Why::System(errno))),
        }
    }

    /// Takes so many bytes of the memory for what the file holds.
    pub fn parse(path: &'a [u8], memory: &'a mut [u8], length: usize) -> Result<Self, Wrong<'a>> {
        let wrong = |why| Wrong::of_file(path, why);
        if length > FILE_MAX {
            return Err(wrong(Why::TooLong));
        }
        let (text, rest) = memory.split_at_mut(length);
        let text = &*text;
        match core::str::from_utf8(text) {
            Ok(words) => {
                if let Some(place) = tape_of(words).as_deref().and_then(|tape| keep(tape, rest)) {
                    return Ok(Self {
                        path,
                        text,
                        tape: place,
                    });
                }
                let (place, flaw) = flaw_of(text).ok_or(wrong(Why::NumberTooLarge))?;
                Err(Wrong::at(path, place, Why::Flaw(flaw)))
            }
            Err(error) => {
                let line = lines(text.get(..error.valid_up_to()).unwrap_or_default()).count() + 1;
                Err(Wrong::at(path, Place { line, text: b"" }, Why::NotUtf8))
            }
        }
    }

    /// Sets what the file says.
    #[inline(never)]
    pub fn apply(&self, config: &mut Config<'a>, find: Find) -> Result<(), Wrong<'a>> {
        let mut cursor = Cursor::new(self.tape);
        settings::read(&mut cursor, config, find).map_err(|why| {
            let place = place_of(self.text, cursor.at);
            Wrong::at(self.path, place, why).below(cursor.keys)
        })
    }
}

/// The file's bytes, as many as have room: how many.
fn read(path: &[u8], memory: &mut [u8]) -> Result<usize, Errno> {
    let file = File::open(path)?;
    let mut length = 0;
    loop {
        let place = memory.get_mut(length..).unwrap_or_default();
        match file.read_at(place, length as u64)? {
            0 => return Ok(length),
            count => length += count,
        }
    }
}

fn keep<'a>(tape: &[u8], memory: &'a mut [u8]) -> Option<&'a [u8]> {
    let place = memory.get_mut(..tape.len())?;
    place.copy_from_slice(tape);
    Some(place)
}
