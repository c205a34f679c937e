//! A file whose content is memory, and outlives the agent.
//!
//! The lock is one of `fcntl(2)`: a child has no part in it, unlike in `flock(2)` and in locks of an open file
//! description (which kernels before 3.15 lack, too). So it ends with the agent, whatever child is left. But it is
//! given up when the process closes any descriptor of that file: files that users name are not opened if they
//! are the spool ([`is_held_at`]), and what is at a path is found by `stat(2)`.

use super::errno::{INVALID, check, last};
use super::fault;
use super::fd::Fd;
use super::file::{open, open_at, unlink_at, with_c_path};
use super::machine;
use super::mapping::Mapping;
use super::memory::map_from;
use crate::base::text::Text;
use crate::platform::Errno;
use crate::ring::Words;
use core::ffi::{CStr, c_int};
use core::sync::atomic::{AtomicI32, Ordering};

/// There is no room on the disk.
const FULL: Errno = Errno(libc::ENOSPC);

/// Bytes that are written at once.
const PIECE: usize = 4096;

/// A link may be another user's, in /tmp. A pipe or a device is not waited for, and then refused. What is
/// written goes to the file's end.
const FLAGS: c_int = libc::O_RDWR | libc::O_APPEND | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
const NEW_FLAGS: c_int = FLAGS | libc::O_CREAT | libc::O_EXCL;

/// How often a file is opened that another agent replaces meanwhile.
const TRIES: u32 = 100;

/// The longest name of a file beside a spool.
const NAME_MAX: usize = 1024;

/// The descriptor of the file that the ring is in; negative if there is none.
static HELD: AtomicI32 = AtomicI32::new(-1);

/// Why there is no spool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SpoolError {
    /// A system call failed.
    System(Errno),
    /// No new file can be made beside it, or put in its place.
    Beside(Errno),
    /// The file is not accepted, for this reason.
    Refused(&'static str),
}

impl From<Errno> for SpoolError {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}

/// The file of a ring, locked against other agents for as long as it is open.
pub struct Spool {
    file: Fd,
    /// It was not there before.
    is_new: bool,
}

impl Spool {
    /// Opens the file, or makes one, and removes what a killed agent has left beside it.
    /// [`Errno::BUSY`] if another process has it.
    pub fn open(path: &[u8]) -> Result<Self, SpoolError> {
        for _ in 0..TRIES {
            let found = match open(path, FLAGS) {
                Err(Errno::NOT_FOUND) => open(path, NEW_FLAGS).map(|file| (file, true)),
                other => other.map(|file| (file, false)),
            };
            let (file, is_new) = match found {
                // Another process was faster.
                Err(Errno(libc::EEXIST)) => continue,
                Err(Errno(libc::ELOOP)) => return Err(SpoolError::Refused("it is a symbolic link")),
                other => other?,
            };
            if !machine::is_kind(file.number(), &[libc::S_IFREG]) {
                return Err(SpoolError::Refused("it is not a regular file"));
            }
            lock(&file)?;
            // Another agent may have put a new file there after this one was opened, and then closed it.
            if machine::identity(file.number()) != machine::identity_at(path, false) {
                continue;
            }
            if let Some(reason) = refusal(&file) {
                return Err(SpoolError::Refused(reason));
            }
            // Who has the lock of the file makes the one beside it.
            let _ = with_new_name(path, remove_left_over);
            return Ok(Self { file, is_new });
        }
        Err(Errno::BUSY.into())
    }

    /// Removes the file if it was not there before.
    pub fn discard(self, path: &[u8]) {
        if self.is_new && self.is_at(path) {
            let _ = with_c_path(path, unlink_at);
        }
    }

    /// The ring is in this file from now on.
    pub fn hold(&self) {
        HELD.store(self.file.number(), Ordering::Relaxed);
    }

    /// Bytes of the file.
    pub fn size(&self) -> Result<usize, Errno> {
        // SAFETY: the call takes numbers only.
        let size = unsafe { libc::lseek(self.file.number(), 0, libc::SEEK_END) };
        usize::try_from(size).map_err(|_| last())
    }

    /// A copy of `size` bytes of the file from `offset` on, with zeros after its end, and after `size` if those are
    /// too few for words.
    pub fn copy(&self, offset: usize, size: usize) -> Result<Mapping, Errno> {
        let mut copied = Mapping::new(size)?;
        let mut filled = 0;
        while let Some(rest) = copied
            .bytes()
            .get_mut(filled..size)
            .filter(|rest| !rest.is_empty())
        {
            match self.file.read_at(rest, (offset + filled) as u64)? {
                0 => break,
                count => filled += count,
            }
        }
        Ok(copied)
    }

    /// Makes the file of `size` bytes one of `length`. What is new is written, so that there is room for all
    /// of it on the disk: a write to memory without room behind it would end the agent. Without room the
    /// file stays as it was.
    pub fn resize(&self, size: usize, length: usize) -> Result<(), Errno> {
        let grown = self.grow(size, length);
        let length = if grown.is_ok() { length } else { size };
        // SAFETY: the call takes numbers only.
        check(unsafe { libc::ftruncate(self.file.number(), length as libc::off_t) })?;
        grown
    }

    fn grow(&self, size: usize, length: usize) -> Result<(), Errno> {
        let mut written = size;
        while written < length {
            let piece = [0_u8; PIECE];
            let count = PIECE.min(length - written);
            written += self.file.write(&[piece.get(..count).unwrap_or_default()])?;
        }
        Ok(())
    }

    /// Fills the holes that a copy of the file may have, where the file system can.
    fn reserve(&self, length: usize) -> Result<(), Errno> {
        // SAFETY: the call takes numbers only.
        let answer = unsafe { libc::fallocate(self.file.number(), 0, 0, length as _) };
        if answer == -1 && last() == FULL {
            Err(FULL)
        } else {
            Ok(())
        }
    }

    /// The file as memory.
    pub fn map(&self, length: usize) -> Result<Mapping, Errno> {
        self.reserve(length)?;
        // The lock keeps others out.
        let memory = map_from(self.file.number(), libc::MAP_SHARED, length)?;
        Ok(Mapping::over(memory, self.file.number()))
    }

    /// Whether this path leads to the file.
    pub fn is_at(&self, path: &[u8]) -> bool {
        let there = machine::identity_at(path, false);
        there.is_some() && there == machine::identity(self.file.number())
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if HELD.load(Ordering::Relaxed) == self.file.number() {
            HELD.store(-1, Ordering::Relaxed);
        }
    }
}

/// A spool in the making: a file beside the one whose place it is to take. It is removed unless it does.
pub struct NewSpool<'p> {
    spool: Option<Spool>,
    path: &'p [u8],
}

impl<'p> NewSpool<'p> {
    /// Makes a file of that length, all of it on the disk, beside the path, which the caller has locked.
    pub fn beside(path: &'p [u8], length: usize) -> Result<Self, SpoolError> {
        let made = with_new_name(path, |name| open_at(libc::AT_FDCWD, name, NEW_FLAGS));
        let spool = Spool {
            file: made.map_err(SpoolError::Beside)?,
            is_new: true,
        };
        let new = Self {
            spool: Some(spool),
            path,
        };
        if let Some(spool) = &new.spool {
            // Before it has the path: from then on other agents find it.
            lock(&spool.file).map_err(SpoolError::Beside)?;
            spool.grow(0, length)?;
        }
        Ok(new)
    }

    /// The file as memory.
    pub fn map(&self, length: usize) -> Result<Mapping, Errno> {
        self.spool.as_ref().ok_or(INVALID)?.map(length)
    }

    /// Puts the file at the path. All of it is on the disk before, so that a power cut costs no more than before.
    pub fn take_place(mut self) -> Result<Spool, SpoolError> {
        let spool = self.spool.as_ref().ok_or(INVALID)?;
        // Lines are missing that the old memory or the new one has lost.
        if fault::is_lost() {
            return Err(Errno(libc::EIO).into());
        }
        // SAFETY: the call takes a number only.
        check(unsafe { libc::fsync(spool.file.number()) })?;
        let renamed = with_new_name(self.path, |name| {
            with_c_path(self.path, |path| {
                // SAFETY: both names end in NUL.
                match unsafe { libc::rename(name.as_ptr(), path.as_ptr()) } {
                    0 => Ok(()),
                    _ => Err(last()),
                }
            })
        });
        renamed.map_err(SpoolError::Beside)?;
        self.spool.take().ok_or(INVALID.into())
    }
}

impl Drop for NewSpool<'_> {
    fn drop(&mut self) {
        if self.spool.is_some() {
            let _ = with_new_name(self.path, unlink_at);
        }
    }
}

/// Calls `use_name` with the name of the new file beside this one.
fn with_new_name<T>(path: &[u8], use_name: impl FnOnce(&CStr) -> Result<T, Errno>) -> Result<T, Errno> {
    let mut buffer = [0; NAME_MAX];
    let mut name = Text::new(&mut buffer);
    name.put(path);
    name.put(b".new");
    // One that is cut is too long for a path, too.
    with_c_path(name.bytes(), use_name)
}

/// Removes the file that a killed agent has left there. Whatever else has that name stays.
fn remove_left_over(name: &CStr) -> Result<(), Errno> {
    if is_held_at(name.to_bytes()) {
        return Err(Errno::BUSY);
    }
    let file = open_at(libc::AT_FDCWD, name, FLAGS)?;
    let is_regular = machine::is_kind(file.number(), &[libc::S_IFREG]);
    if !is_regular || refusal(&file).is_some() {
        return Err(INVALID);
    }
    lock(&file)?;
    // It has a spool's words, or begins with zeros: what a kill while it was made has left.
    let mut start = [0; size_of::<Words>()];
    let count = file.read_at(&mut start, 0)?;
    if start.iter().all(|byte| *byte == 0) || count == start.len() && Words::are_at(&start) {
        return unlink_at(name);
    }
    Err(INVALID)
}

/// Why the file is none to trust. Who owns it, or can write to it, may forge lines and end the agent.
fn refusal(file: &Fd) -> Option<&'static str> {
    let Some(about) = machine::ownership(file.number()) else {
        return Some("its owner is unknown");
    };
    if !about.is_own {
        Some("another user owns it")
    } else if about.has_links {
        Some("it has more than one link")
    } else if about.is_open {
        Some("group or others can write to it")
    } else {
        None
    }
}

/// Whether the ring is in the file to which this path leads: to open and close it would give up the lock.
pub(super) fn is_held_at(path: &[u8]) -> bool {
    let held = HELD.load(Ordering::Relaxed);
    held >= 0 && machine::identity_at(path, true).is_some_and(|file| Some(file) == machine::identity(held))
}

/// Locks the whole file against other processes.
fn lock(file: &Fd) -> Result<(), Errno> {
    // SAFETY: all zeros is a lock, of the whole file.
    let mut whole: libc::flock = unsafe { core::mem::zeroed() };
    whole.l_type = libc::F_WRLCK as _;
    // SAFETY: this command reads the lock that it is given.
    match check(unsafe { libc::fcntl(file.number(), libc::F_SETLK, &raw const whole) }) {
        Err(Errno(libc::EACCES | libc::EAGAIN)) => Err(Errno::BUSY),
        other => other.map(drop),
    }
}
