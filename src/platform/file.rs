//! Directories and files.

use super::descriptors::BESIDE_FILE;
use super::errno::{check, check_length};
use super::fd::Fd;
use super::machine;
use super::spool::is_held_at;
use crate::base::fields::until;
use crate::platform::Errno;
use core::ffi::{CStr, c_int};
use core::mem::ManuallyDrop;

/// The longest path that is taken, its NUL included.
const PATH_MAX: usize = 1024;

/// Opens a path below a directory; a file that is made belongs to this user alone.
pub(super) fn open_at(directory: c_int, path: &CStr, flags: c_int) -> Result<Fd, Errno> {
    let flags = flags | libc::O_CLOEXEC | libc::O_LARGEFILE;
    // SAFETY: the path ends in NUL.
    check(unsafe { libc::openat(directory, path.as_ptr(), flags, 0o600) }).map(Fd::new)
}

/// The same below the working directory.
pub(super) fn open(path: &[u8], flags: c_int) -> Result<Fd, Errno> {
    with_c_path(path, |path| open_at(libc::AT_FDCWD, path, flags))
}

/// Removes the name of a file.
pub(super) fn unlink_at(path: &CStr) -> Result<(), Errno> {
    // SAFETY: the path ends in NUL.
    check(unsafe { libc::unlink(path.as_ptr()) }).map(drop)
}

const DIRECTORY_FLAGS: c_int = libc::O_RDONLY | libc::O_DIRECTORY;
/// A pipe without a writer is not waited for.
const FILE_FLAGS: c_int = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY;

/// Calls `use_path` with the path as the C library wants it.
pub(super) fn with_c_path<T>(
    path: &[u8],
    use_path: impl FnOnce(&CStr) -> Result<T, Errno>,
) -> Result<T, Errno> {
    let mut buffer = [0; PATH_MAX];
    use_path(c_path(path, &mut buffer)?)
}

fn c_path<'b>(path: &[u8], buffer: &'b mut [u8; PATH_MAX]) -> Result<&'b CStr, Errno> {
    let place = buffer.get_mut(..path.len()).filter(|_| path.len() < PATH_MAX);
    place.ok_or(Errno(libc::ENAMETOOLONG))?.copy_from_slice(path);
    if until(path, 0).len() < path.len() {
        return Err(Errno(libc::ENOENT));
    }
    // SAFETY: the path has no NUL, and the one behind it is there: it is shorter than the buffer of zeros.
    Ok(unsafe { CStr::from_ptr(buffer.as_ptr().cast()) })
}

/// An open directory: files are opened below it, wherever it may be moved.
pub struct Directory(Fd);

impl Directory {
    /// Opens a directory (`open(2)`).
    pub fn open(path: &[u8]) -> Result<Self, Errno> {
        open(path, DIRECTORY_FLAGS).map(Self)
    }

    /// Opens a directory below it.
    pub fn open_directory(&self, path: &[u8]) -> Result<Self, Errno> {
        with_c_path(path, |path| open_at(self.0.number(), path, DIRECTORY_FLAGS)).map(Self)
    }

    /// Where the symbolic link below it points to (`readlinkat(2)`), cut at the buffer's end.
    pub fn link<'b>(&self, path: &[u8], buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
        let length = with_c_path(path, |path| {
            let (path, place) = (path.as_ptr(), buffer.as_mut_ptr().cast());
            // SAFETY: the path ends in NUL, and the buffer is writable for its length.
            check_length(unsafe { libc::readlinkat(self.number(), path, place, buffer.len()) })
        })?;
        Ok(buffer.get(..length).unwrap_or_default())
    }

    /// Opens a file below it for reading (`openat(2)`); never waits, whatever it turns out to be.
    pub fn open_file(&self, name: &CStr) -> Result<File, Errno> {
        open_at(self.0.number(), name, FILE_FLAGS).map(File)
    }

    /// The same by a path that is put together at run time.
    pub fn open_path(&self, path: &[u8]) -> Result<File, Errno> {
        with_c_path(path, |path| self.open_file(path))
    }

    pub(super) fn number(&self) -> c_int {
        self.0.number()
    }
}

/// A file open for reading.
pub struct File(Fd);

impl File {
    /// Opens a file by its path for reading; never waits, whatever it turns out to be. [`Errno::BUSY`] if it is
    /// the spool, whose lock would not outlast that.
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
            Ok(file) => Ok(machine::is_kind(file.0.number(), &[libc::S_IFREG]).then_some(file)),
            Err(Errno(libc::ELOOP | libc::ENXIO)) => Ok(None),
            Err(errno) => Err(errno),
        }
    }

    /// Whether it may stay open: there are enough descriptors left for all else.
    pub fn may_stay(&self) -> bool {
        self.0.leaves(BESIDE_FILE)
    }

    /// Reads from a place in the file (`pread(2)`): how many bytes there were, at most the buffer's
    /// length; 0 at its end.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
        self.0.read_at(buffer, offset)
    }

    /// Whether only its owner can write to it, which is root or this process's user.
    pub fn is_private(&self) -> bool {
        machine::is_private(self.0.number())
    }
}

/// Writes all of it to standard output (1) or standard error (2), and waits if need be.
pub fn print(descriptor: u8, text: &[u8]) -> Result<(), Errno> {
    let mut rest = text;
    while !rest.is_empty() {
        // SAFETY: the slice is readable for its length.
        let written = unsafe { libc::write(descriptor.into(), rest.as_ptr().cast(), rest.len()) };
        let written = check_length(written)?;
        rest = rest.get(written..).unwrap_or_default();
    }
    Ok(())
}

/// Makes sure that the three standard descriptors are open, so that no other file gets their
/// numbers and what is meant for them. To be called before anything is opened.
pub fn fill_standard_descriptors() {
    for descriptor in 0..3 {
        if control(descriptor, libc::F_GETFD, 0).is_err() {
            // It gets the lowest number that is free, which is this one. Not to be written to: a
            // closed standard output is an error.
            let _ = open_at(libc::AT_FDCWD, c"/dev/null", libc::O_RDONLY).map(ManuallyDrop::new);
        }
    }
}

/// `fcntl(2)` with a command that takes a number.
fn control(descriptor: u8, command: c_int, argument: c_int) -> Result<c_int, Errno> {
    // SAFETY: the call takes numbers only.
    check(unsafe { libc::fcntl(descriptor.into(), command, argument) })
}

/// A second descriptor of standard output (1) or standard error (2), one that does not wait in
/// `write` if that can be had.
pub(super) fn without_waiting(descriptor: u8) -> Result<Fd, Errno> {
    // A closed descriptor is an error.
    let duplicate = Fd::new(control(descriptor, libc::F_DUPFD_CLOEXEC, 3)?);
    let flags = control(descriptor, libc::F_GETFL, 0)?;
    if flags & libc::O_ACCMODE == libc::O_RDONLY {
        return Err(Errno(libc::EBADF));
    }
    if !machine::is_kind(duplicate.number(), &[libc::S_IFCHR, libc::S_IFIFO]) {
        // A file does not wait, and a socket is told with each call.
        return Ok(duplicate);
    }
    // An open description of our own: the one we were given is shared with whoever started us.
    let path = if descriptor == 1 {
        c"/proc/self/fd/1"
    } else {
        c"/proc/self/fd/2"
    };
    let own_flags = libc::O_WRONLY | libc::O_NONBLOCK | libc::O_NOCTTY;
    let own = open_at(libc::AT_FDCWD, path, own_flags);
    if own.is_err() {
        // Where it cannot be opened once more (the terminal of another user), the flag is shared.
        control(descriptor, libc::F_SETFL, flags | libc::O_NONBLOCK)?;
    }
    Ok(own.unwrap_or(duplicate))
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
