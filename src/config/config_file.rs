//! The configuration file.

use super::error::{ConfigError, ErrorKind};
use super::file_reader::Reader;
use super::{Config, Find, Name};
use crate::json::{Document, Keys};
use crate::platform::{Errno, File};

/// Bytes of the longest file that is read.
const FILE_MAX: usize = 32 << 10;
/// Memory for a file: its text, and the strings in it without escapes, which are shorter.
pub const FILE_MEMORY: usize = 2 * FILE_MAX;

/// The text of a file at the start of the memory that it was read into.
#[derive(Clone, Copy)]
pub struct FileText {
    /// Its length.
    pub length: usize,
    /// Whether only the agent's user and root can write to the file.
    pub is_private: bool,
}

/// A configuration file in memory.
pub struct ConfigFile<'a> {
    path: &'a [u8],
    text: &'a [u8],
    /// Memory for the strings.
    free: &'a mut [u8],
    is_private: bool,
}

impl<'a> ConfigFile<'a> {
    /// Takes the text at the start of the memory.
    pub fn new(path: &'a [u8], memory: &'a mut [u8], file_text: FileText) -> Self {
        let (text, free) = memory.split_at_mut_checked(file_text.length).unwrap_or_default();
        Self {
            path,
            text,
            free,
            is_private: file_text.is_private,
        }
    }

    /// Sets the options of the file. The heap is in use until it returns.
    pub fn apply(&mut self, config: &mut Config<'a>, find: Find, name: Name) -> Result<(), ConfigError<'a>> {
        let document = Document::parse(self.text);
        let document = document.map_err(|error| ConfigError::of_syntax(&error, self.path))?;
        let free = core::mem::take(&mut self.free);
        let mut reader = Reader::new(&document, free, self.is_private);
        let done = reader.document(config, find, name);
        done.map_err(|kind| {
            let error = ConfigError::of_token(kind, self.path, reader.token, reader.keys);
            error.suggest(reader.suggestion)
        })
    }

    /// Checks what depends on options of the command line, too.
    pub fn check(&self, config: &Config<'a>) -> Result<(), ConfigError<'a>> {
        let mut timeouts = config
            .custom()
            .filter_map(|custom| custom.too_long_timeout(config.interval));
        let keys: Keys = [b"custom", b"timeout", b""];
        match timeouts.next() {
            Some(token) => Err(ConfigError::of_token(
                ErrorKind::TimeoutTooLong,
                self.path,
                token,
                keys,
            )),
            None => Ok(()),
        }
    }

    /// Returns an error of the options as a whole.
    pub(crate) fn error(&self, kind: ErrorKind, config: &Config<'a>) -> ConfigError<'a> {
        if kind != ErrorKind::NameTooLong {
            return ConfigError::of_file(kind, self.path);
        }
        let key = config.name_key.text;
        let key = key.get(1..key.len().saturating_sub(1)).unwrap_or_default();
        ConfigError::of_token(kind, self.path, config.name_key, [key, b"", b""])
    }
}

/// Reads the file into memory of [`FILE_MEMORY`] bytes.
pub fn load<'a>(path: &'a [u8], memory: &mut [u8]) -> Result<FileText, ConfigError<'a>> {
    let kind = match read(path, memory) {
        Ok(text) if text.length <= FILE_MAX => return Ok(text),
        Ok(_) => ErrorKind::FileTooLong,
        Err(Errno::NO_PLACES) => ErrorKind::Pipe,
        Err(errno) => ErrorKind::System(errno),
    };
    Err(ConfigError::of_file(kind, path))
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
