//! The names in a directory, without the memory that `readdir(3)` allocates.

use super::errno::last;
use super::file::Directory;
use crate::base::fields::until;
use crate::platform::Errno;

/// Words of a buffer for about 40 entries, which the kernel aligns to words of 64 bits.
const BUFFER_WORDS: usize = 128;

/// Offsets in an entry (`getdents64(2)`): its length follows its inode and its offset of 64 bits each, its name the
/// length and the byte of its type.
const LENGTH: usize = 16;
const NAME: usize = 19;

/// The names in a directory, pulled one at a time, its own (`.`) and its parent's (`..`) among them.
pub struct Entries {
    directory: Directory,
    buffer: [u64; BUFFER_WORDS],
    /// The entries that have not been returned yet, in bytes of the buffer.
    start: usize,
    end: usize,
}

impl Entries {
    /// Returns the names that follow those which have been read through this directory before.
    pub fn new(directory: Directory) -> Self {
        Self {
            directory,
            buffer: [0; BUFFER_WORDS],
            start: 0,
            end: 0,
        }
    }

    /// Returns the directory.
    pub fn into_directory(self) -> Directory {
        self.directory
    }

    /// Returns the next name, or `None` after the last one.
    ///
    /// # Errors
    ///
    /// The error of `getdents64(2)`.
    pub fn next_name(&mut self) -> Result<Option<&[u8]>, Errno> {
        if self.start >= self.end {
            let size = size_of_val(&self.buffer);
            let (directory, buffer) = (self.directory.number(), self.buffer.as_mut_ptr());
            // SAFETY: the buffer is writable for its size.
            let length = unsafe { libc::syscall(libc::SYS_getdents64, directory, buffer, size) };
            let length = usize::try_from(length).map_err(|_| last())?;
            (self.start, self.end) = (0, length.min(size));
        }
        // SAFETY: words may be seen as bytes, and the slice is no longer than the buffer.
        let bytes = unsafe { core::slice::from_raw_parts(self.buffer.as_ptr().cast::<u8>(), self.end) };
        let unread = bytes.get(self.start..).unwrap_or_default();
        let Some((name, length)) = parse(unread) else {
            // The end of the directory.
            self.end = 0;
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
        let path = std::env::temp_dir().join(format!("mini-monitor-names-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        let mut expected = BTreeSet::from([".".to_owned(), "..".to_owned()]);
        for number in 0..300 {
            let name = format!("{}{number}", "n".repeat(number % 200));
            std::fs::write(path.join(&name), "").unwrap();
            expected.insert(name);
        }
        let mut entries = Entries::new(Directory::open(path.to_str().unwrap().as_bytes()).unwrap());
        assert_eq!(names(&mut entries), expected);
        assert!(names(&mut entries).is_empty(), "no names follow the last one");
        std::fs::remove_dir_all(&path).unwrap();
    }
}
