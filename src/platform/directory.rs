//! Directories, and the names in them.

use super::errno::check_length;
use super::fd::Fd;
use super::file::{FILE_FLAGS, File, call_with, open, open_at};
use super::status::Status;
use crate::base::fields::until;
use crate::platform::Errno;
use core::ffi::c_int;
use core::mem::offset_of;

const DIRECTORY_FLAGS: c_int = libc::O_RDONLY | libc::O_DIRECTORY;

/// An open directory: files are opened below it, wherever it may be moved.
pub struct Directory(Fd);

impl Directory {
    /// Opens a directory (`open(2)`).
    pub fn open(path: &[u8]) -> Result<Self, Errno> {
        open(path, DIRECTORY_FLAGS).map(Self)
    }

    /// Opens a directory below it.
    pub fn open_directory(&self, path: &[u8]) -> Result<Self, Errno> {
        open_at(self.number(), path, DIRECTORY_FLAGS, 0).map(Self)
    }

    /// Returns the target of the symbolic link below it (`readlinkat(2)`), cut at the buffer's end.
    pub fn link<'b>(&self, path: &[u8], buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
        let length = call_with(path, &mut |path| {
            // SAFETY: the path ends in NUL, and the buffer is writable for its length.
            unsafe {
                libc::readlinkat(self.number(), path, buffer.as_mut_ptr().cast(), buffer.len()) as c_int
            }
        })?;
        Ok(buffer.get(..length as usize).unwrap_or_default())
    }

    /// Opens a file of any kind below it for reading (`openat(2)`); never waits.
    pub fn open_path(&self, path: &[u8]) -> Result<File, Errno> {
        open_at(self.number(), path, FILE_FLAGS, 0).map(File)
    }

    /// Returns whether the path leads to this directory.
    pub fn is_at(&self, path: &[u8]) -> bool {
        Status::of(&self.0).is_some_and(|status| status.is_at(path, true))
    }

    pub(super) fn number(&self) -> c_int {
        self.0.number()
    }
}

/// Bytes for about 40 entries, which the kernel aligns to words of 64 bits.
#[repr(align(8))]
struct EntryBuffer([u8; 1024]);

/// Offsets of an entry's length and name (`getdents64(2)`).
const LENGTH: usize = offset_of!(libc::dirent64, d_reclen);
const NAME: usize = offset_of!(libc::dirent64, d_name);

/// The names in a directory, pulled one at a time, its own (`.`) and its parent's (`..`) among them.
pub struct Entries {
    directory: Directory,
    buffer: EntryBuffer,
    /// The entries that have not been returned yet, in bytes of the buffer.
    start: usize,
    end: usize,
}

impl Entries {
    /// Returns the names that follow those which have been read through this directory before.
    pub fn new(directory: Directory) -> Self {
        Self {
            directory,
            buffer: EntryBuffer([0; 1024]),
            start: 0,
            end: 0,
        }
    }

    /// Returns the directory.
    pub fn into_directory(self) -> Directory {
        self.directory
    }

    /// Returns the next name, or `None` after the last one (`getdents64(2)`).
    pub fn next_name(&mut self) -> Result<Option<&[u8]>, Errno> {
        if self.start >= self.end {
            let (directory, buffer) = (self.directory.number(), &mut self.buffer.0);
            let (start, size) = (buffer.as_mut_ptr(), buffer.len());
            // SAFETY: the buffer is writable for its size. (musl has a function for the call, glibc before 2.30 has not.)
            let length = unsafe { libc::syscall(libc::SYS_getdents64, directory, start, size) };
            (self.start, self.end) = (0, check_length(length as isize)?);
        }
        let unread = self.buffer.0.get(self.start..self.end).unwrap_or_default();
        let Some((name, length)) = parse(unread) else {
            return Ok(None);
        };
        self.start += length;
        Ok(Some(name))
    }
}

/// Parses the first entry: its name, and its length in bytes.
fn parse(entries: &[u8]) -> Option<(&[u8], usize)> {
    let length = entries.get(LENGTH..)?.first_chunk()?;
    let length = usize::from(u16::from_ne_bytes(*length));
    Some((until(entries.get(NAME..length)?, 0), length))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::{env, fs, process};

    #[test]
    fn directory_is_at_each_path_that_leads_to_it() {
        let proc = Directory::open(b"/proc").unwrap();
        assert!(proc.is_at(b"/proc") && proc.is_at(b"/proc/./"));
        assert!(!proc.is_at(b"/sys") && !proc.is_at(b"/nowhere"));
        let other = Directory::open(env::temp_dir().to_str().unwrap().as_bytes()).unwrap();
        assert!(!other.is_at(b"/proc"));
    }

    fn names(entries: &mut Entries) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        while let Some(name) = entries.next_name().unwrap() {
            let name = String::from_utf8(name.to_vec()).unwrap();
            assert!(names.insert(name), "twice");
        }
        names
    }

    #[test]
    fn each_name_is_returned_once() {
        let path = env::temp_dir().join(format!("mini-monitor-names-{}", process::id()));
        fs::create_dir_all(&path).unwrap();
        let mut expected = BTreeSet::from([".".to_owned(), "..".to_owned()]);
        for number in 0..300 {
            let name = format!("{}{number}", "n".repeat(number % 200));
            fs::write(path.join(&name), "").unwrap();
            expected.insert(name);
        }
        let mut entries = Entries::new(Directory::open(path.to_str().unwrap().as_bytes()).unwrap());
        assert_eq!(names(&mut entries), expected);
        assert!(names(&mut entries).is_empty(), "no names follow the last one");
        fs::remove_dir_all(&path).unwrap();
    }
}
