//! A file whose content is memory, and outlives the agent.

use super::call::{call, int};
use super::errno::{INVALID, last};
use super::fd::Fd;
use super::file::open;
use super::machine;
use super::mapping::Mapping;
use super::memory::map_from;
use crate::world::Errno;

/// There is no room on the disk.
const FULL: Errno = Errno(libc::ENOSPC);

/// `F_SETLK` of the kernel, whatever the C library makes of it.
const SET_LOCK: usize = 6;

/// Bytes that are written at once.
const PIECE: usize = 4096;

/// The file of a ring, locked against other agents for as long as it is open.
pub struct Spool(Fd);

impl Spool {
    /// Opens the file, or makes one. [`Errno::BUSY`] if another process has it.
    pub fn open(path: &[u8]) -> Result<Self, Errno> {
        // A link may be another user's, in /tmp. A pipe or a device is not waited for, and then refused.
        // What is written goes to its end.
        let flags = libc::O_RDWR
            | libc::O_CREAT
            | libc::O_APPEND
            | libc::O_NOFOLLOW
            | libc::O_NONBLOCK
            | libc::O_NOCTTY;
        let file = open(path, flags)?;
        if !machine::is_kind(file.number(), &[libc::S_IFREG]) {
            return Err(INVALID);
        }
        lock(&file)?;
        Ok(Self(file))
    }

    /// Bytes of the file.
    pub fn size(&self) -> Result<usize, Errno> {
        // SAFETY: the call takes numbers only.
        unsafe { call(libc::SYS_lseek, self.0.argument(), 0, int(libc::SEEK_END)) }
    }

    /// A copy of the file's first `size` bytes, with zeros behind them if those are too few for words.
    pub fn copy(&self, size: usize) -> Result<Mapping, Errno> {
        let mut copied = Mapping::new(size)?;
        let mut filled = 0;
        while let Some(rest) = copied
            .bytes()
            .get_mut(filled..size)
            .filter(|rest| !rest.is_empty())
        {
            match self.0.read_at(rest, filled as u64)? {
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
        unsafe { call(libc::SYS_ftruncate, self.0.argument(), length, 0) }?;
        grown
    }

    fn grow(&self, size: usize, length: usize) -> Result<(), Errno> {
        let mut written = size;
        while written < length {
            let piece = [0_u8; PIECE];
            let count = PIECE.min(length - written);
            written += self.0.write(&[piece.get(..count).unwrap_or_default()])?;
        }
        Ok(())
    }

    /// Fills the holes that a copy of the file may have, where the file system can.
    fn reserve(&self, length: usize) -> Result<(), Errno> {
        // SAFETY: the call takes numbers only.
        let answer = unsafe { libc::fallocate(self.0.number(), 0, 0, length as _) };
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
        map_from(self.0.number(), libc::MAP_SHARED, length).map(Mapping::over)
    }

    /// Whether this path leads to the file.
    pub fn is_at(&self, path: &[u8]) -> bool {
        // Closing what was opened to be read or written would give up the lock.
        let flags = libc::O_PATH | libc::O_NOFOLLOW;
        let there = open(path, flags)
            .ok()
            .and_then(|file| machine::identity(file.number()));
        there.is_some() && there == machine::identity(self.0.number())
    }
}

/// Locks the whole file against other processes. A child has no part in it, unlike in `flock(2)`: so the
/// lock ends with the agent, whatever child is left.
fn lock(file: &Fd) -> Result<(), Errno> {
    // All zeros is the whole file, in each of the forms that a lock has; each starts with its type.
    let mut whole = [0_u16; 32];
    whole[0] = libc::F_WRLCK as u16;
    // SAFETY: this command reads the lock that it is given.
    match unsafe {
        call(
            libc::SYS_fcntl,
            file.argument(),
            SET_LOCK,
            whole.as_ptr() as usize,
        )
    } {
        Err(Errno(libc::EACCES | libc::EAGAIN)) => Err(Errno::BUSY),
        other => other.map(|_| ()),
    }
}
