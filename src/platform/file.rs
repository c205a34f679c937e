//! Files, by their paths.

use super::errno::check;
use super::fd::{BESIDE_FILE, Fd};
use super::spool::is_held_at;
use super::status::{Status, is_kind};
use crate::base::fields::until;
use crate::platform::Errno;
use crate::resolver::without_last;
use core::ffi::{CStr, c_char, c_int};

/// Bytes of the longest path, its NUL included.
pub(super) const PATH_MAX: usize = 1024;
/// Bytes of a line of a configuration file that count.
const LINE_MAX: usize = 1024;

/// A pipe without a writer is not waited for.
pub(super) const FILE_FLAGS: c_int = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY;

/// Passes the path, as the C library wants it, to a call that returns −1 when it fails, and checks its answer.
pub(super) fn call_with(path: &[u8], call: &mut dyn FnMut(*const c_char) -> c_int) -> Result<c_int, Errno> {
    let mut buffer = [0; PATH_MAX];
    let is_short = path.len() < PATH_MAX;
    let error = Errno(if is_short {
        libc::ENOENT
    } else {
        libc::ENAMETOOLONG
    });
    check(call(c_text(path, &mut buffer).ok_or(error)?.as_ptr()))
}

/// Opens a path below a directory (`openat(2)`); a file that is made has this mode.
pub(super) fn open_at(directory: c_int, path: &[u8], flags: c_int, mode: libc::mode_t) -> Result<Fd, Errno> {
    let flags = flags | libc::O_CLOEXEC | libc::O_LARGEFILE;
    // SAFETY: the path ends in NUL; the mode is an integer, to which variable arguments are promoted.
    call_with(path, &mut |path| unsafe {
        libc::openat(directory, path, flags, mode)
    })
    .map(Fd::new)
}

/// Opens a path below the working directory; a file that is made belongs to this user alone.
pub(super) fn open(path: &[u8], flags: c_int) -> Result<Fd, Errno> {
    open_at(libc::AT_FDCWD, path, flags, 0o600)
}

/// Removes the name of a file.
pub(super) fn unlink(path: &[u8]) -> Result<(), Errno> {
    // SAFETY: the path ends in NUL.
    call_with(path, &mut |path| unsafe { libc::unlink(path) }).map(drop)
}

/// Copies a text to the buffer, as the C library wants it; `None` if it does not fit with its NUL, or contains one.
pub(super) fn c_text<'b>(text: &[u8], buffer: &'b mut [u8]) -> Option<&'b CStr> {
    let whole = buffer.get_mut(..=text.len())?;
    let (end, copy) = whole.split_last_mut()?;
    copy.copy_from_slice(text);
    *end = 0;
    CStr::from_bytes_with_nul(whole).ok()
}

/// A file open for reading.
pub struct File(pub(super) Fd);

impl File {
    /// Opens a file of any kind by its path for reading; never waits. [`Errno::BUSY`] if it is the spool, whose lock
    /// would not outlast that.
    pub fn open(path: &[u8]) -> Result<Self, Errno> {
        Self::open_with(path, 0)
    }

    fn open_with(path: &[u8], flags: c_int) -> Result<Self, Errno> {
        if is_held_at(path) {
            return Err(Errno::BUSY);
        }
        open(path, FILE_FLAGS | flags).map(Self)
    }

    /// Opens a regular file; `None` if a symbolic link or anything else has that path.
    pub fn open_regular(path: &[u8]) -> Result<Option<Self>, Errno> {
        match Self::open_with(path, libc::O_NOFOLLOW) {
            Ok(file) => Ok(is_kind(&file.0, libc::S_IFREG).then_some(file)),
            Err(Errno(libc::ELOOP | libc::ENXIO)) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Returns whether it may stay open: the other files have enough descriptors.
    pub fn may_stay(&self) -> bool {
        self.0.leaves_free(BESIDE_FILE)
    }

    /// Reads from an offset in the file (`pread(2)`); returns the number of bytes, 0 at the file's end.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
        self.0.read_at(buffer, offset)
    }

    /// Returns whether only its owner can write to it, which is root or this process's user.
    pub fn is_private(&self) -> bool {
        Status::of(&self.0).is_some_and(|status| status.is_own() && !status.is_writable_by_others())
    }
}

/// Passes each line of a file to `push`; of a line longer than [`LINE_MAX`], the fields that fit. A file that cannot be
/// read has no lines.
pub(super) fn for_each_line(path: &[u8], push: &mut dyn FnMut(&[u8])) {
    let Ok(file) = File::open(path) else {
        return;
    };
    let mut buffer = [0; LINE_MAX];
    let mut offset = 0;
    // The bytes read next are the rest of a truncated line.
    let mut is_rest = false;
    while let Ok(count @ 1..) = file.read_at(&mut buffer, offset) {
        let text = buffer.get(..count).unwrap_or_default();
        let line = until(text, b'\n');
        let is_cut = line.len() == LINE_MAX;
        offset += (line.len() + usize::from(!is_cut)) as u64;
        if !is_rest {
            push(if is_cut {
                without_last(line)
            } else {
                until(line, b'\r')
            });
        }
        is_rest = is_cut;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::Directory;
    use std::{env, fs, process};

    #[test]
    fn odd_paths_are_errors() {
        let error = |path: &[u8]| Directory::open(path).err();
        assert_eq!(error(b"/nowhere at all"), Some(Errno(libc::ENOENT)));
        assert_eq!(error(b"/proc/stat"), Some(Errno(libc::ENOTDIR)));
        assert_eq!(error(b"/proc\0/x"), Some(Errno(libc::ENOENT)));
        assert_eq!(error(&[b'a'; PATH_MAX]), Some(Errno(libc::ENAMETOOLONG)));
        assert_eq!(error(&[b'a'; 5000]), Some(Errno(libc::ENAMETOOLONG)));
        assert!(Directory::open(b"/proc").is_ok());
    }

    #[test]
    fn long_line_is_passed_once_with_the_fields_that_fit() {
        let path = env::temp_dir().join(format!("mini-monitor-lines-{}", process::id()));
        let lines = |content: &str| {
            fs::write(&path, content).unwrap();
            let mut lines = Vec::new();
            for_each_line(path.as_os_str().as_encoded_bytes(), &mut |line| {
                lines.push(str::from_utf8(line).unwrap().to_owned());
            });
            fs::remove_file(&path).unwrap();
            lines
        };
        assert_eq!(lines("a b\r\nc\n\nd"), ["a b", "c", "", "d"]);
        let comment = format!("#{}", "x ".repeat(LINE_MAX));
        let taken = &comment[..LINE_MAX - 2];
        assert_eq!(
            lines(&format!("{comment}1.2.3.4 a\nb\n{comment}")),
            [taken, "b", taken]
        );
        // Just as long as what is read at once, and a byte shorter or longer.
        let fill = "y".repeat(LINE_MAX - 6);
        assert_eq!(
            lines(&format!("{fill} name\nb\n")),
            [&format!("{fill} name"), "b"]
        );
        for name in ["names", "names2"] {
            assert_eq!(lines(&format!("{fill} {name}\nb\n")), [&fill, "b"]);
        }
        assert_eq!(lines(&"z".repeat(3 * LINE_MAX)), [""]);
    }
}
