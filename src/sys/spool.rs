//! A file whose content is memory, and outlives the agent.

use super::errno::{INVALID, check, check_length, last};
use super::fd::Fd;
use super::file::with_c_path;
use super::machine;
use super::memory::map;
use crate::ring::Words;
use crate::world::Errno;
use core::ffi::c_int;
use core::mem::{ManuallyDrop, zeroed};
use core::ptr::null_mut;
use core::slice::from_raw_parts_mut;

/// Bytes that are written at once.
const PIECE: usize = 4096;

/// The file of a ring, locked against other agents for as long as this process lives: it is never closed.
pub struct Spool(ManuallyDrop<Fd>);

impl Spool {
    /// Opens the file, or makes one. [`Errno::BUSY`] if another process has it.
    pub fn open(path: &[u8]) -> Result<Self, Errno> {
        // A link may be another user's, in /tmp. A pipe or a device is not waited for, and then refused.
        let flags = libc::O_RDWR
            | libc::O_CREAT
            | libc::O_CLOEXEC
            | libc::O_NOFOLLOW
            | libc::O_NONBLOCK
            | libc::O_NOCTTY;
        let mode: libc::c_uint = 0o600;
        let file = with_c_path(path, |path| {
            // SAFETY: the path ends in NUL, and a mode is given for a file that is made.
            Fd::from_answer(unsafe { libc::open(path.as_ptr(), flags, mode) })
        })?;
        if !machine::is_kind(file.number(), &[libc::S_IFREG]) {
            return Err(INVALID);
        }
        lock(&file)?;
        Ok(Self(ManuallyDrop::new(file)))
    }

    /// Bytes of the file.
    pub fn size(&self) -> Result<usize, Errno> {
        // SAFETY: the call takes numbers only.
        let end = unsafe { libc::lseek(self.0.number(), 0, libc::SEEK_END) };
        usize::try_from(end).map_err(|_| last())
    }

    /// A copy of the first `length` bytes.
    pub fn copy(&self, length: usize) -> Result<Copied, Errno> {
        // A mapping is a byte long at the least.
        let copied = Copied(map(length.max(1))?);
        let mut filled = 0;
        while let Some(rest) = copied.0.get_mut(filled..).filter(|rest| !rest.is_empty()) {
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
        check(unsafe { libc::ftruncate(self.0.number(), length as _) })?;
        grown
    }

    fn grow(&self, size: usize, length: usize) -> Result<(), Errno> {
        let mut written = size;
        while written < length {
            let piece = [0_u8; PIECE];
            let count = PIECE.min(length - written);
            // SAFETY: the piece is readable for the count.
            let answer = unsafe { libc::pwrite(self.0.number(), piece.as_ptr().cast(), count, written as _) };
            written += check_length(answer)?;
        }
        Ok(())
    }

    /// Fills the holes that a copy of the file may have, where the file system can.
    fn reserve(&self, length: usize) -> Result<(), Errno> {
        // SAFETY: the call takes numbers only.
        match check(unsafe { libc::fallocate(self.0.number(), 0, 0, length as _) }) {
            Err(Errno(libc::ENOSPC)) => Err(Errno(libc::ENOSPC)),
            _ => Ok(()),
        }
    }

    /// The file as memory, for the rest of the program's life: words, and the ring's memory behind them.
    pub fn map(&self, length: usize) -> Result<(&'static Words, &'static mut [u8]), Errno> {
        self.reserve(length)?;
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice touches nothing there is.
        let start = unsafe { libc::mmap(null_mut(), length, access, libc::MAP_SHARED, self.0.number(), 0) };
        if start == libc::MAP_FAILED {
            return Err(last());
        }
        // SAFETY: the mapping is that long, readable, writable and never unmapped; the lock keeps others out.
        split(unsafe { from_raw_parts_mut(start.cast(), length) })
    }
}

/// What a file held, in memory that goes with it.
pub struct Copied(&'static mut [u8]);

impl Copied {
    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        self.0
    }
}

impl Drop for Copied {
    fn drop(&mut self) {
        // SAFETY: the mapping is that long, and nobody has any part of it for longer than this.
        unsafe { libc::munmap(self.0.as_mut_ptr().cast(), self.0.len()) };
    }
}

/// The words at the start of some memory, and the rest of it.
pub fn split(memory: &'static mut [u8]) -> Result<(&'static Words, &'static mut [u8]), Errno> {
    let (words, rest) = memory.split_at_mut_checked(size_of::<Words>()).ok_or(INVALID)?;
    // SAFETY: any bytes are words.
    let (_, words, _) = unsafe { words.align_to_mut::<Words>() };
    Ok((words.first().ok_or(INVALID)?, rest))
}

/// Locks the whole file against other processes. A child has no part in it, unlike in `flock(2)`: so the
/// lock ends with the agent, whatever child is left.
fn lock(file: &Fd) -> Result<(), Errno> {
    // SAFETY: all zeros is a value of it: the whole file.
    let mut whole: libc::flock = unsafe { zeroed() };
    whole.l_type = libc::F_WRLCK as _;
    whole.l_whence = libc::SEEK_SET as _;
    // SAFETY: this command reads the lock that it is given.
    let answer: c_int = unsafe { libc::fcntl(file.number(), libc::F_SETLK, &raw const whole) };
    match check(answer) {
        Err(Errno(libc::EACCES | libc::EAGAIN)) => Err(Errno::BUSY),
        other => other.map(|_| ()),
    }
}
