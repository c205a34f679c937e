//! A file of `/proc` that stays open: one system call reads it again.

use crate::host::{Fault, Trouble};
use crate::sys::{Directory, File};
use core::ffi::CStr;

pub(super) struct Kept {
    name: &'static CStr,
    file: Option<File>,
}

/// How much of a file is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// As many of its first lines as fit into the buffer.
    Head,
    /// All of it: a longer one is an error.
    Whole,
}

/// Reads whole lines of a file's text; the error says in words what is missing.
pub(super) type Parser<T> = fn(&[u8]) -> Result<T, &'static str>;

impl Kept {
    pub(super) fn new(name: &'static CStr) -> Self {
        Self { name, file: None }
    }

    /// Reads the file once and parses it. After an error it is opened anew.
    pub(super) fn read<T>(
        &mut self,
        root: &Directory,
        buffer: &mut [u8],
        extent: Extent,
        parse: Parser<T>,
    ) -> Result<T, Fault> {
        let text = self.text(root, buffer, extent);
        let parsed = text.and_then(|text| parse(text).map_err(Trouble::Content));
        parsed.map_err(|trouble| {
            self.file = None;
            Fault {
                file: self.name,
                trouble,
            }
        })
    }

    fn text<'b>(
        &mut self,
        root: &Directory,
        buffer: &'b mut [u8],
        extent: Extent,
    ) -> Result<&'b [u8], Trouble> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(root.open_file(self.name)?),
        };
        let length = file.read_from_start(buffer)?;
        let is_full = length == buffer.len();
        let text = buffer.get(..length).unwrap_or_default();
        // The kernel shows these files in one piece: only a full buffer leaves something behind.
        match text.last() {
            None => Err(Trouble::Content("empty")),
            _ if is_full && extent == Extent::Whole => Err(Trouble::Content("too long")),
            Some(b'\n') => Ok(text),
            _ if is_full => Ok(text),
            _ => Err(Trouble::Content("cut short")),
        }
    }
}
