//! Directories and files.

use super::errno::{WOULD_BLOCK, check, check_length};
use super::fd::{BESIDE_FILE, Fd, control};
use super::spool::is_held_at;
use crate::base::fields::until;
use crate::platform::Errno;
use crate::resolver::without_last;
use core::ffi::{CStr, c_char, c_int, c_uint};
use core::mem::{ManuallyDrop, MaybeUninit};

// glibc has narrow forms, too, on 32-bit machines; musl has only wide ones.
#[cfg(not(target_env = "gnu"))]
use libc::{fstat, fstatat, stat as Stat};
#[cfg(target_env = "gnu")]
use libc::{fstat64 as fstat, fstatat64 as fstatat, stat64 as Stat};

/// Bytes of the longest path, its NUL included.
pub(super) const PATH_MAX: usize = 1024;
/// Bytes of a line of a configuration file that count.
const LINE_MAX: usize = 1024;

const DIRECTORY_FLAGS: c_int = libc::O_RDONLY | libc::O_DIRECTORY;
/// A pipe without a writer is not waited for.
const FILE_FLAGS: c_int = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY;

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

/// Opens a path below a directory; a file that is made belongs to this user alone.
fn open_at(directory: c_int, path: &[u8], flags: c_int) -> Result<Fd, Errno> {
    open_with_mode(directory, path, flags, 0o600)
}

fn open_with_mode(directory: c_int, path: &[u8], flags: c_int, mode: c_uint) -> Result<Fd, Errno> {
    let flags = flags | libc::O_CLOEXEC | libc::O_LARGEFILE;
    // SAFETY: the path ends in NUL.
    call_with(path, &mut |path| unsafe {
        libc::openat(directory, path, flags, mode)
    })
    .map(Fd::new)
}

/// Makes a file with this mode, and opens it.
pub(super) fn open_new(path: &[u8], flags: c_int, mode: c_uint) -> Result<Fd, Errno> {
    let flags = flags | libc::O_CREAT | libc::O_EXCL;
    open_with_mode(libc::AT_FDCWD, path, flags, mode)
}

/// The same below the working directory.
pub(super) fn open(path: &[u8], flags: c_int) -> Result<Fd, Errno> {
    open_at(libc::AT_FDCWD, path, flags)
}

/// Removes the name of a file.
pub(super) fn unlink(path: &[u8]) -> Result<(), Errno> {
    // SAFETY: the path ends in NUL.
    call_with(path, &mut |path| unsafe { libc::unlink(path) }).map(drop)
}

/// Copies a text to the buffer, as the C library wants it; `None` if it does not fit with its NUL, or contains one.
pub(super) fn c_text<'b>(text: &[u8], buffer: &'b mut [u8]) -> Option<&'b CStr> {
    let whole = buffer.get_mut(..=text.len())?;
    let (end, place) = whole.split_last_mut()?;
    place.copy_from_slice(text);
    *end = 0;
    CStr::from_bytes_with_nul(whole).ok()
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
        open_at(self.number(), path, DIRECTORY_FLAGS).map(Self)
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
        open_at(self.number(), path, FILE_FLAGS).map(File)
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

/// Offsets in an entry (`getdents64(2)`): its length follows its inode and its offset of 64 bits each, its name the
/// length and the byte of its type.
const LENGTH: usize = 16;
const NAME: usize = 19;

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
            let (place, size) = (buffer.as_mut_ptr(), buffer.len());
            // SAFETY: the buffer is writable for its size.
            let length = unsafe { libc::syscall(libc::SYS_getdents64, directory, place, size) };
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

/// A file open for reading.
pub struct File(Fd);

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
        self.0.leaves(BESIDE_FILE)
    }

    /// Reads from an offset in the file (`pread(2)`); returns the number of bytes, 0 at the file's end.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
        self.0.read_at(buffer, offset)
    }

    /// Returns whether only its owner can write to it, which is root or this process's user.
    pub fn is_private(&self) -> bool {
        Status::of(&self.0).is_some_and(|status| status.is_own() && !status.is_open())
    }
}

/// The status of a file (`stat(2)`).
pub(super) struct Status(Stat);

impl Status {
    /// Returns the status of an open file.
    pub(super) fn of(file: &Fd) -> Option<Self> {
        Self::of_number(file.number())
    }

    pub(super) fn of_number(descriptor: c_int) -> Option<Self> {
        let mut answer = MaybeUninit::<Stat>::zeroed();
        // SAFETY: the answer has room for what the call writes.
        check(unsafe { fstat(descriptor, answer.as_mut_ptr()) }).ok()?;
        // SAFETY: the call has filled it.
        Some(Self(unsafe { answer.assume_init() }))
    }

    /// Returns the status of the file at a path, of a link itself unless it is followed. The file is not opened:
    /// closing it would give up a lock of this process.
    pub(super) fn at(path: &[u8], is_followed: bool) -> Option<Self> {
        let mut answer = MaybeUninit::<Stat>::zeroed();
        let flags = if is_followed { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
        call_with(path, &mut |path| {
            // SAFETY: the path ends in NUL and the answer has room for what the call writes.
            unsafe { fstatat(libc::AT_FDCWD, path, answer.as_mut_ptr(), flags) }
        })
        .ok()?;
        // SAFETY: the call has filled it.
        Some(Self(unsafe { answer.assume_init() }))
    }

    /// Returns whether the path leads to the file.
    pub(super) fn is_at(&self, path: &[u8], is_followed: bool) -> bool {
        let identity = |status: &Self| (status.0.st_dev, status.0.st_ino);
        Self::at(path, is_followed).is_some_and(|there| identity(&there) == identity(self))
    }

    /// Returns whether the file is of this type (`S_IFMT`, `inode(7)`).
    pub(super) fn is_kind(&self, kind: libc::mode_t) -> bool {
        self.0.st_mode & libc::S_IFMT == kind
    }

    /// Returns whether its owner is root or the user of this process.
    pub(super) fn is_own(&self) -> bool {
        self.0.st_uid == 0 || self.0.st_uid == user()
    }

    /// Returns whether it has other names.
    pub(super) fn has_links(&self) -> bool {
        self.0.st_nlink > 1
    }

    /// Returns whether its group or others can write to it.
    pub(super) fn is_open(&self) -> bool {
        self.0.st_mode & (libc::S_IWGRP | libc::S_IWOTH) != 0
    }
}

/// Returns the user of this process.
fn user() -> libc::uid_t {
    // SAFETY: the call takes nothing.
    unsafe { libc::geteuid() }
}

/// Returns whether this process may use the space that a disk reserves.
pub(super) fn is_root() -> bool {
    user() == 0
}

/// Returns whether the open file is of this type.
pub(super) fn is_kind(file: &Fd, kind: libc::mode_t) -> bool {
    Status::of(file).is_some_and(|status| status.is_kind(kind))
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

/// Writes the whole text to standard output (1) or standard error (2); waits where that must.
pub fn print(descriptor: u8, text: &[u8]) -> Result<(), Errno> {
    let output = ManuallyDrop::new(Fd::new(descriptor.into()));
    let mut rest = text;
    while !rest.is_empty() {
        match output.write(&[rest]) {
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            // Another process that has the same pipe or terminal has made it non-blocking.
            Err(WOULD_BLOCK) => {
                output.is_ready(libc::POLLOUT, u32::MAX);
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Opens the standard descriptors that are closed, so that no other file gets their numbers and their output. The
/// caller has not opened anything yet.
pub fn fill_standard_descriptors() {
    for descriptor in 0..3 {
        if control(descriptor, libc::F_GETFD, 0).is_err() {
            // It gets the lowest free number, which is this one. It is read-only: to write to a closed standard
            // output is an error.
            let _ = open(b"/dev/null", libc::O_RDONLY).map(ManuallyDrop::new);
        }
    }
}

/// Returns a second descriptor of standard output (1) or standard error (2), whose `write` does not wait where that is
/// possible.
pub(super) fn without_waiting(descriptor: c_int) -> Result<Fd, Errno> {
    // A closed descriptor is an error.
    let duplicate = Fd::new(control(descriptor, libc::F_DUPFD_CLOEXEC, 3)?);
    let flags = control(descriptor, libc::F_GETFL, 0)?;
    if flags & libc::O_ACCMODE == libc::O_RDONLY {
        return Err(Errno(libc::EBADF));
    }
    if !is_kind(&duplicate, libc::S_IFCHR) && !is_kind(&duplicate, libc::S_IFIFO) {
        // A file does not wait, and each call to a socket says that it must not.
        return Ok(duplicate);
    }
    // An open file description of its own: other processes share the one that was inherited.
    let path: &[u8] = match descriptor {
        1 => b"/proc/self/fd/1",
        _ => b"/proc/self/fd/2",
    };
    let own = open(path, libc::O_WRONLY | libc::O_NONBLOCK | libc::O_NOCTTY);
    if own.is_err() {
        // A terminal of another user cannot be opened again: the others share the flag.
        control(descriptor, libc::F_SETFL, flags | libc::O_NONBLOCK)?;
    }
    Ok(own.unwrap_or(duplicate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;
    use std::{env, fs, process, thread};

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
    fn directory_is_at_each_path_that_leads_to_it() {
        let proc = Directory::open(b"/proc").unwrap();
        assert!(proc.is_at(b"/proc") && proc.is_at(b"/proc/./"));
        assert!(!proc.is_at(b"/sys") && !proc.is_at(b"/nowhere"));
        let other = Directory::open(env::temp_dir().to_str().unwrap().as_bytes()).unwrap();
        assert!(!other.is_at(b"/proc"));
    }

    #[test]
    fn of_a_long_line_what_fits_is_taken_once() {
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

    #[test]
    fn whole_text_is_printed_to_a_full_pipe_that_does_not_wait() {
        let (reading, writing) = crate::platform::socket::pipe().unwrap();
        let text = vec![b'x'; 1 << 20];
        let reader = thread::spawn(move || {
            let (mut total, mut buffer) = (0, [0; 4096]);
            loop {
                assert!(reading.is_ready(libc::POLLIN | libc::POLLHUP, u32::MAX));
                match reading.read(&mut buffer) {
                    Ok(0) => return total,
                    length => total += length.unwrap(),
                }
            }
        });
        let result = print(writing.number() as u8, &text);
        drop(writing);
        assert_eq!((result, reader.join().unwrap()), (Ok(()), text.len()));
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
