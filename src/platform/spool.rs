//! A file whose content is memory, and outlives the agent.
//!
//! The lock is one of `fcntl(2)`: a child has no part in it, unlike in `flock(2)` and in locks of an open file
//! description (which kernels before 3.15 lack, too). So it ends with the agent, whatever child is left. But it is
//! given up when the process closes any descriptor of that file: files that users name are not opened if they
//! are the spool ([`is_held_at`]), and what is at a path is found by `stat(2)`.

use super::check::{check_new, directory_of};
use super::errno::{INVALID, check, last};
use super::fd::{Fd, file_size_limit, reserve_descriptor};
use super::file::{PATH_MAX, call_with, for_each_line, open, unlink};
use super::machine::file_system;
use super::memory::{Mapping, map_from};
use super::status::{Status, is_root};
use crate::base::text::{Text, hash};
use crate::platform::Errno;
use crate::ring::{self, Words};
use core::ffi::c_int;
use core::sync::atomic::{AtomicI32, Ordering};

/// Bytes that are written at once.
const PIECE: usize = 4096;

/// A link in /tmp may be another user's. The call does not wait for a pipe or a device, which is refused then. Writes go
/// to the file's end.
const FLAGS: c_int = libc::O_RDWR | libc::O_APPEND | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
const NEW_FLAGS: c_int = FLAGS | libc::O_CREAT | libc::O_EXCL;

/// Attempts at a file that other agents replace while it is opened.
const TRIES: u32 = 100;

/// The longest name of a file beside a spool.
const NAME_MAX: usize = 1024;

/// The descriptor of the file that the ring is in; negative if there is none.
static HELD: AtomicI32 = AtomicI32::new(-1);

/// The reason why a spool is not available.
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

/// What is at the path of a spool.
pub enum FoundSpool {
    /// No file, but one can be made.
    None,
    /// A file that another process has locked.
    InUse,
    /// A file that can be locked.
    Free(Spool),
}

/// The file of a ring, locked against other agents for as long as it is open.
pub struct Spool {
    file: Fd,
    /// This agent has made the file.
    is_new: bool,
}

impl Spool {
    /// Opens the file, or makes one, and removes the file that a killed agent has left beside it.
    /// [`Errno::BUSY`] if another process has locked it.
    pub fn open(path: &[u8]) -> Result<Self, SpoolError> {
        for _ in 0..TRIES {
            let found = match open(path, FLAGS) {
                Err(Errno::NOT_FOUND) => open(path, NEW_FLAGS).map(|file| (file, true)),
                other => other.map(|file| (file, false)),
            };
            let (file, is_new) = match found {
                // Another process has just made it.
                Err(Errno(libc::EEXIST)) => continue,
                other => other.map_err(not_opened)?,
            };
            if let Some(reason) = refusal(&file) {
                return Err(SpoolError::Refused(reason));
            }
            lock(&file)?;
            let spool = Self { file, is_new };
            // Another agent may have put a new file there after this one was opened, and then closed it.
            if spool.is_at(path) {
                // The owner of the lock may make and remove the file beside it.
                let _ = remove_left_over(new_name(path, &mut [0; NAME_MAX]));
                return Ok(spool);
            }
        }
        Err(Errno::BUSY.into())
    }

    /// Finds what [`Spool::open`] would find, and changes nothing.
    pub fn find(path: &[u8]) -> Result<FoundSpool, SpoolError> {
        let file = match open(path, FLAGS) {
            Err(Errno::NOT_FOUND) => {
                check_new(path)?;
                // The new file would have it.
                reserve_descriptor()?;
                return Ok(FoundSpool::None);
            }
            other => other.map_err(not_opened)?,
        };
        if let Some(reason) = refusal(&file) {
            return Err(SpoolError::Refused(reason));
        }
        if is_locked(&file)? {
            return Ok(FoundSpool::InUse);
        }
        Ok(FoundSpool::Free(Self { file, is_new: false }))
    }

    /// Checks that [`Spool::beside`] can make a file that takes the place of this one, and changes nothing.
    pub fn check_beside(&self, path: &[u8]) -> Result<(), SpoolError> {
        let mut buffer = [0; NAME_MAX];
        let name = new_name(path, &mut buffer);
        let file = match open(name, FLAGS) {
            Ok(file) if is_left_over(&file) => Ok(()),
            Err(errno @ (Errno::NOT_FOUND | Errno(libc::ENAMETOOLONG))) => Err(errno),
            _ => Err(Errno(libc::EEXIST)),
        };
        match file {
            Ok(()) | Err(Errno::NOT_FOUND) => check_new(name).and_then(|()| self.check_mount(path)),
            Err(errno) => Err(errno),
        }
        .map_err(SpoolError::Beside)
    }

    /// Checks that the file is not mounted by itself: no other one can take its place then.
    fn check_mount(&self, path: &[u8]) -> Result<(), Errno> {
        let directory = open(directory_of(path, &mut [0; PATH_MAX]), libc::O_PATH)?;
        if mount_of(&self.file) == mount_of(&directory) {
            Ok(())
        } else {
            Err(Errno::BUSY)
        }
    }

    /// Checks that this process may write a file of that length at the path, and that its disk has space for `growth` bytes
    /// more.
    pub fn check_space(path: &[u8], length: usize, growth: usize) -> Result<(), Errno> {
        if growth == 0 {
            return Ok(());
        }
        if length as u64 > file_size_limit() {
            return Err(Errno(libc::EFBIG));
        }
        let disk = file_system(directory_of(path, &mut [0; PATH_MAX]))?;
        let free = if is_root() { disk.free } else { disk.available };
        // A file system in memory may be without a limit.
        if disk.blocks > 0 && free.saturating_mul(disk.unit) < growth as u64 {
            return Err(Errno(libc::ENOSPC));
        }
        Ok(())
    }

    /// Makes a file of that length, all of it on the disk, beside the one at the path, which the caller has locked.
    pub fn beside(path: &[u8], length: usize) -> Result<Self, SpoolError> {
        let made = open(new_name(path, &mut [0; NAME_MAX]), NEW_FLAGS);
        let spool = Self {
            file: made.map_err(SpoolError::Beside)?,
            is_new: true,
        };
        // Before it has the path: from then on other agents find it.
        let locked = lock(&spool.file).map_err(SpoolError::Beside);
        match locked.and_then(|()| Ok(spool.grow(0, length)?)) {
            Ok(()) => Ok(spool),
            Err(error) => {
                spool.discard(path);
                Err(error)
            }
        }
    }

    /// Puts a file that was made beside the path there. All of it is on the disk before, so that a power cut costs no
    /// more than before.
    pub fn take_place(&self, path: &[u8]) -> Result<(), SpoolError> {
        // Lines are missing that the old memory or the new one has lost.
        if ring::is_lost() {
            return Err(Errno(libc::EIO).into());
        }
        // SAFETY: the call takes a number only.
        check(unsafe { libc::fsync(self.file.number()) })?;
        let mut buffer = [0; NAME_MAX];
        let renamed = call_with(new_name(path, &mut buffer), &mut |name| {
            // SAFETY: both names end in NUL.
            let rename = &mut |path| unsafe { libc::rename(name, path) };
            call_with(path, rename).unwrap_or(-1)
        });
        renamed.map(drop).map_err(SpoolError::Beside)
    }

    /// Removes the file, at the path or beside it, if it was not there before.
    pub fn discard(self, path: &[u8]) {
        for name in [path, new_name(path, &mut [0; NAME_MAX])] {
            if self.is_new && self.is_at(name) {
                let _ = unlink(name);
            }
        }
    }

    /// Marks this file as the ring's.
    pub fn hold(&self) {
        HELD.store(self.file.number(), Ordering::Relaxed);
    }

    /// Returns the bytes of the file.
    pub fn size(&self) -> Result<usize, Errno> {
        // SAFETY: the call takes numbers only.
        let size = unsafe { libc::lseek(self.file.number(), 0, libc::SEEK_END) };
        usize::try_from(size).map_err(|_| last())
    }

    /// The first `size` bytes of the file, at least one, as memory that is only read; zeros if those are too few for
    /// words.
    pub fn view(&self, size: usize) -> Result<Mapping, Errno> {
        let length = size.max(size_of::<Words>());
        let memory = map_from(self.file.number(), libc::MAP_PRIVATE, length)?;
        Ok(Mapping::over(memory, self.file.number()))
    }

    /// Changes the size of the file from `size` bytes to `length`. The new part is written, so that the disk has space
    /// for all of it: a write to memory without space on the disk would end the agent. After an error the file is as
    /// before.
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

    /// Maps the file, and fills holes, which a copy of a file may have, where the file system can.
    pub fn map(&self, length: usize) -> Result<Mapping, Errno> {
        let file = self.file.number();
        // SAFETY: the call takes numbers only.
        let answer = unsafe { libc::fallocate(file, 0, 0, length as _) };
        if answer == -1 && last() == Errno(libc::ENOSPC) {
            return Err(last());
        }
        // The lock keeps others out.
        Ok(Mapping::over(map_from(file, libc::MAP_SHARED, length)?, file))
    }

    /// Returns whether this path leads to the file.
    pub fn is_at(&self, path: &[u8]) -> bool {
        Status::of(&self.file).is_some_and(|file| file.is_at(path, false))
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        if HELD.load(Ordering::Relaxed) == self.file.number() {
            HELD.store(-1, Ordering::Relaxed);
        }
    }
}

/// Writes the name of the new file beside this one.
fn new_name<'b>(path: &[u8], buffer: &'b mut [u8; NAME_MAX]) -> &'b [u8] {
    let mut name = Text::new(buffer);
    name.put(path);
    name.put(b".new");
    // A name that is cut is too long for a path, too.
    name.into_bytes()
}

/// Removes the file of that name if a killed agent has left it.
fn remove_left_over(name: &[u8]) -> Result<(), Errno> {
    if is_held_at(name) {
        return Err(Errno::BUSY);
    }
    let file = open(name, FLAGS)?;
    if refusal(&file).is_some() {
        return Err(INVALID);
    }
    lock(&file)?;
    if has_words(&file)? {
        return unlink(name);
    }
    Err(INVALID)
}

/// Returns whether the open file would be removed as one that a killed agent has left.
fn is_left_over(file: &Fd) -> bool {
    refusal(file).is_none() && is_locked(file) == Ok(false) && has_words(file) == Ok(true)
}

/// Returns whether the file has the words of a spool, or begins with zeros: the agent was killed before it wrote them.
fn has_words(file: &Fd) -> Result<bool, Errno> {
    let mut start = [0; size_of::<Words>()];
    let count = file.read_at(&mut start, 0)?;
    Ok(start.iter().all(|byte| *byte == 0) || count == start.len() && Words::are_at(&start))
}

/// Returns the line of the mount that the file was opened through (`proc(5)`: `/proc/self/fdinfo`), as a hash; 0 if it is not
/// known.
fn mount_of(file: &Fd) -> u32 {
    let mut buffer = [0; 40];
    let mut path = Text::new(&mut buffer);
    path.put(b"/proc/self/fdinfo/");
    path.number(file.number() as u64);
    let mut mount = 0;
    for_each_line(path.bytes(), &mut |line| {
        if line.starts_with(b"mnt_id:") {
            mount = hash(line);
        }
    });
    mount
}

fn not_opened(errno: Errno) -> SpoolError {
    match errno {
        Errno(libc::ELOOP) => SpoolError::Refused("it is a symbolic link"),
        other => other.into(),
    }
}

/// Returns the reason why the file cannot be trusted. Its owner, and anyone who can write to it, may forge lines and end
/// the agent.
fn refusal(file: &Fd) -> Option<&'static str> {
    let Some(status) = Status::of(file) else {
        return Some("its owner is unknown");
    };
    if !status.is_kind(libc::S_IFREG) {
        Some("it is not a regular file")
    } else if !status.is_own() {
        Some("another user owns it")
    } else if status.has_links() {
        Some("it has more than one link")
    } else if status.is_writable_by_others() {
        Some("group or others can write to it")
    } else {
        None
    }
}

/// Returns whether this path leads to the ring's file: to open and close it would give up the lock.
pub(super) fn is_held_at(path: &[u8]) -> bool {
    let held = HELD.load(Ordering::Relaxed);
    held >= 0 && Status::of_number(held).is_some_and(|file| file.is_at(path, true))
}

/// Returns a lock of the whole file.
fn whole_lock() -> libc::flock {
    // SAFETY: all zeros is a lock, of the whole file.
    let mut whole: libc::flock = unsafe { core::mem::zeroed() };
    whole.l_type = libc::F_WRLCK as _;
    whole
}

/// Returns whether another process has locked the file.
fn is_locked(file: &Fd) -> Result<bool, Errno> {
    let mut whole = whole_lock();
    // SAFETY: this command writes to the lock that it is given.
    check(unsafe { libc::fcntl(file.number(), libc::F_GETLK, &raw mut whole) })?;
    Ok(whole.l_type != libc::F_UNLCK as _)
}

/// Locks the whole file against other processes.
fn lock(file: &Fd) -> Result<(), Errno> {
    let whole = whole_lock();
    // SAFETY: this command reads the lock that it is given.
    match check(unsafe { libc::fcntl(file.number(), libc::F_SETLK, &raw const whole) }) {
        Err(Errno(libc::EACCES | libc::EAGAIN)) => Err(Errno::BUSY),
        other => other.map(drop),
    }
}
