//! A lock that the agents of one endpoint on this machine share, so that a later one notices an earlier one.
//!
//! It is one of `flock(2)` on a small file in the spool's directory, or in `/run` without a spool. The kernel releases it
//! with the process, even after `kill -9` and at `execve(2)`; a child closes the file before it does anything else. Where
//! the file cannot be made or locked, nothing is noticed.

use super::check::split_path;
use super::errno::{WOULD_BLOCK, check};
use super::fd::{BESIDE_FILE, Fd};
use super::file::{PATH_MAX, open, open_at};
use super::spool::is_held_at;
use super::status::is_kind;
use crate::base::text::{Text, hash};
use crate::platform::Errno;
use core::ffi::c_int;

/// The directory of an agent without a spool.
const DIRECTORY: &[u8] = b"/run/";

/// A link in /tmp may be another user's. To open a pipe does not wait.
const FLAGS: c_int = libc::O_RDONLY | libc::O_NOFOLLOW | libc::O_NONBLOCK | libc::O_NOCTTY;
const NEW_FLAGS: c_int = FLAGS | libc::O_CREAT | libc::O_EXCL;
/// Agents of other users may lock the file, too.
const MODE: libc::mode_t = 0o644;

/// The lock, or none.
pub(super) struct EndpointLock {
    file: Option<Fd>,
    /// The hash of the file's path.
    path: u32,
}

impl EndpointLock {
    pub(super) const NONE: Self = Self { file: None, path: 0 };

    /// Shares the lock of the endpoint in place of the one before. Returns whether another process has a share in it; `false`
    /// if it is the same lock as before.
    pub(super) fn claim(&mut self, endpoint: &[u8], spool: Option<&[u8]>) -> bool {
        let mut buffer = [0; PATH_MAX];
        let mut path = Text::new(&mut buffer);
        for part in [
            spool.map_or(DIRECTORY, |spool| split_path(spool).0),
            b"mini-monitor-",
        ] {
            path.put(part);
        }
        path.number(hash(endpoint).into());
        path.put(b".lock");
        let hash = hash(path.bytes());
        if path.is_cut() || self.path == hash {
            return false;
        }
        *self = Self {
            file: None,
            path: hash,
        };
        let Some(file) = open_lock(path.bytes()) else {
            return false;
        };
        // Only an agent without company gets the whole lock, and then keeps a share in it.
        let is_shared = lock(&file, libc::LOCK_EX) == Err(WOULD_BLOCK);
        let _ = lock(&file, libc::LOCK_SH);
        self.file = Some(file);
        is_shared
    }
}

/// Opens the file, or makes it, if enough descriptors are left for others.
fn open_lock(path: &[u8]) -> Option<Fd> {
    // To close the ring's own file would give up its lock.
    if is_held_at(path) {
        return None;
    }
    // With `O_CREAT` the kernel may refuse the file of another user in /tmp (fs.protected_regular).
    let file = match open(path, FLAGS) {
        Err(Errno::NOT_FOUND) => open_at(libc::AT_FDCWD, path, NEW_FLAGS, MODE),
        other => other,
    };
    let is_usable = |file: &Fd| is_kind(file, libc::S_IFREG) && file.leaves_free(BESIDE_FILE);
    file.ok().filter(is_usable)
}

fn lock(file: &Fd, operation: c_int) -> Result<(), Errno> {
    // SAFETY: the call takes numbers only.
    check(unsafe { libc::flock(file.number(), operation | libc::LOCK_NB) }).map(drop)
}
