//! Memory of a configuration: the text of its file, strings without escapes, joined lists, and custom metrics.

use super::custom_keys::{CUSTOM_MAX, Custom, LIST};
use super::error::ErrorKind;
use crate::platform::{Errno, File, Slot};

/// Bytes of the longest file that is read.
const FILE_MAX: usize = 32 << 10;
const TEXT_MEMORY: usize = 2 * FILE_MAX + CUSTOM_MAX * LIST.len();

/// Memory for a configuration.
#[repr(C)]
pub struct ConfigMemory {
    /// The text of the file, and after it the strings of the configuration: those of the file are shorter than its text,
    /// but for what runs a list.
    pub text: [u8; TEXT_MEMORY],
    custom: [CustomSlot; CUSTOM_MAX],
}

/// Memory for a custom metric.
type CustomSlot = Slot<{ size_of::<Custom>() }>;

/// The text of a file at the start of its memory.
#[derive(Clone, Copy)]
pub struct FileText {
    /// Its length.
    pub length: usize,
    /// Whether only the agent's user and root can write to the file.
    pub is_private: bool,
}

impl ConfigMemory {
    /// No file was read. All bytes are zero, so that those that are never written take no memory.
    // Statics have it, and no stack.
    #[allow(clippy::large_stack_arrays)]
    pub const EMPTY: Self = Self {
        text: [0; TEXT_MEMORY],
        custom: [CustomSlot::EMPTY; CUSTOM_MAX],
    };

    /// Returns the text of that length at the start, and the memory after it.
    pub fn split(&mut self, length: usize) -> (&[u8], FreeMemory<'_>) {
        let (text, free) = self.text.split_at_mut_checked(length).unwrap_or_default();
        let custom = self.custom.iter_mut();
        let free = FreeMemory {
            free,
            length: 0,
            custom,
        };
        (text, free)
    }
}

/// Reads the file into the memory.
pub(crate) fn load(path: &[u8], memory: &mut ConfigMemory) -> Result<FileText, ErrorKind> {
    match read(path, &mut memory.text) {
        Ok(text) if text.length <= FILE_MAX => Ok(text),
        Ok(_) => Err(ErrorKind::FileTooLong),
        Err(Errno::NO_PLACES) => Err(ErrorKind::Pipe),
        Err(errno) => Err(ErrorKind::System(errno)),
    }
}

/// Reads as much of the file as fits.
fn read(path: &[u8], memory: &mut [u8]) -> Result<FileText, Errno> {
    let file = File::open(path)?;
    let mut length = 0;
    loop {
        let rest = memory.get_mut(length..).unwrap_or_default();
        let count = file.read_at(rest, length as u64)?;
        length += count;
        if count == 0 {
            let is_private = file.is_private();
            return Ok(FileText { length, is_private });
        }
    }
}

/// Memory that a configuration may fill.
pub struct FreeMemory<'a> {
    free: &'a mut [u8],
    /// Bytes of the string that is being written.
    length: usize,
    custom: core::slice::IterMut<'a, CustomSlot>,
}

impl<'a> FreeMemory<'a> {
    /// Appends bytes to the string that is being written.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.length + bytes.len();
        self.free.get_mut(self.length..end)?.copy_from_slice(bytes);
        self.length = end;
        Some(())
    }

    /// Ends the string.
    pub(super) fn finish(&mut self) -> &'a [u8] {
        let free = core::mem::take(&mut self.free);
        let (text, rest) = free
            .split_at_mut_checked(core::mem::take(&mut self.length))
            .unwrap_or_default();
        self.free = rest;
        text
    }

    /// Copies a string.
    pub(super) fn keep(&mut self, bytes: &[u8]) -> Option<&'a [u8]> {
        self.push(bytes)?;
        Some(self.finish())
    }

    /// Returns a list with the items of both, which are separated by commas.
    pub(super) fn join(&mut self, first: &'a [u8], second: &'a [u8]) -> Option<&'a [u8]> {
        if first.is_empty() {
            return Some(second);
        }
        self.push(first)?;
        self.push(b",")?;
        self.keep(second)
    }

    /// Returns a custom metric without keys, unless there are [`CUSTOM_MAX`].
    pub(super) fn next_custom(&mut self) -> Option<&'a mut Custom<'a>> {
        Some(self.custom.next()?.put(Custom::NONE))
    }
}
