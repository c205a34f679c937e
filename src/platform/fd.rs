//! Descriptors: one that is closed when it is dropped, and the limit of open ones.

use super::errno::{check, check_length};
use crate::base::decimal::divide;
use crate::platform::{Errno, PIECES_MAX, SCRIPTS_MAX};
use core::ffi::{c_int, c_short};
use core::ptr::{null, null_mut};
use core::sync::atomic::{AtomicUsize, Ordering};
#[cfg(not(target_env = "gnu"))]
use libc::{getrlimit as get_limits, rlimit as Limits};
#[cfg(target_env = "gnu")]
use libc::{getrlimit64 as get_limits, rlimit64 as Limits};

/// An open descriptor.
pub(super) struct Fd(c_int);

impl Fd {
    /// Takes ownership of a descriptor.
    pub(super) fn new(number: c_int) -> Self {
        Self(number)
    }

    pub(super) fn number(&self) -> c_int {
        self.0
    }

    /// Reads from the current position.
    pub(super) fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        // SAFETY: the buffer is writable for its length.
        check_length(unsafe { libc::read(self.0, buffer.as_mut_ptr().cast(), buffer.len()) })
    }

    /// Reads from an offset in the file.
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
        let offset = libc::off_t::try_from(offset).map_err(|_| Errno(libc::EFBIG))?;
        // SAFETY: the buffer is writable for its length.
        check_length(unsafe { libc::pread(self.0, buffer.as_mut_ptr().cast(), buffer.len(), offset) })
    }

    /// Waits for one of the events (`poll(2)`) for up to the given milliseconds, and returns whether it has come.
    pub(super) fn is_ready(&self, events: c_short, millis: u32) -> bool {
        let mut entry = libc::pollfd {
            fd: self.0,
            events,
            revents: 0,
        };
        let nanos = u64::from(millis) * 1_000_000;
        poll(core::slice::from_mut(&mut entry), Some(nanos)) > 0 && entry.revents & events != 0
    }

    /// Returns whether that many more may be opened. (A descriptor gets the lowest free number.)
    pub(super) fn leaves_free(&self, count: usize) -> bool {
        self.number() as usize + count < limit()
    }

    /// Writes the pieces, at most [`PIECES_MAX`], one after the other; returns the number of bytes that were taken.
    pub(super) fn write(&self, pieces: &[&[u8]]) -> Result<usize, Errno> {
        gather(pieces, &mut |vectors| {
            // SAFETY: there are as many vectors as passed, and each is a slice, which the call only reads.
            unsafe { libc::writev(self.0, vectors.as_ptr(), vectors.len() as c_int) }
        })
    }
}

/// Passes the pieces, as many as fit, to a call that only reads them (`readv(2)`) and returns a count of bytes.
pub(super) fn gather(
    pieces: &[&[u8]],
    call: &mut dyn FnMut(&mut [libc::iovec]) -> isize,
) -> Result<usize, Errno> {
    let empty = libc::iovec {
        iov_base: null_mut(),
        iov_len: 0,
    };
    let mut vectors = [empty; PIECES_MAX];
    for (vector, piece) in vectors.iter_mut().zip(pieces) {
        vector.iov_base = piece.as_ptr().cast_mut().cast();
        vector.iov_len = piece.len();
    }
    check_length(call(&mut vectors[..pieces.len().min(PIECES_MAX)]))
}

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: this is the only owner, and the number is not used after it.
        unsafe { libc::close(self.0) };
    }
}

/// `fcntl(2)` with a command that takes a number.
pub(super) fn fcntl(descriptor: c_int, command: c_int, argument: c_int) -> Result<c_int, Errno> {
    // SAFETY: the call takes numbers only.
    check(unsafe { libc::fcntl(descriptor, command, argument) })
}

/// Sleeps for that many milliseconds.
pub fn pause(millis: u32) {
    poll(&mut [], Some(u64::from(millis) * 1_000_000));
}

/// Waits up to that many nanoseconds (`None`: without a limit) until one of the entries is ready, and returns how many
/// are (`ppoll(2)`).
pub(super) fn poll(entries: &mut [libc::pollfd], nanos: Option<u64>) -> usize {
    let time = nanos.map(|nanos| {
        // SAFETY: all zeros is a value of it.
        let mut time: libc::timespec = unsafe { core::mem::zeroed() };
        let (seconds, nanos) = divide(nanos, 1_000_000_000);
        (time.tv_sec, time.tv_nsec) = (seconds as _, nanos as _);
        time
    });
    let time = time.as_ref().map_or(null(), core::ptr::from_ref);
    // SAFETY: the entries are writable for their number; the time is null or points to one; there is no mask.
    let ready = unsafe { libc::ppoll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, time, null()) };
    usize::try_from(ready).unwrap_or(0)
}

/// Standard error, which is always open.
const STDERR: c_int = 2;
/// Descriptors for files that do not stay open; sensors need the most.
const READING: usize = 4;
/// A connection, and the pipes of a command.
const CONNECTION: usize = 1;
const COMMAND: usize = 3;
/// Descriptors that a script leaves free.
pub(super) const BESIDE_SCRIPT: usize = COMMAND + READING;
/// Descriptors that a file that stays open leaves free: for all scripts, one of which is being started, and for a reload,
/// which opens the roots, the spool and the socket before it closes the old ones.
pub(super) const BESIDE_FILE: usize = BESIDE_SCRIPT + SCRIPTS_MAX + 1 + 5;

/// The limit, and the number of descriptors that the configuration needs.
pub type TooFew = [u64; 2];

/// Opens a descriptor that has no use, in place of one that a start opens (`-check`).
pub fn reserve_descriptor() -> Result<(), Errno> {
    fcntl(STDERR, libc::F_DUPFD_CLOEXEC, STDERR + 1).map(drop)
}

/// Checks that the limit is high enough, once all files that stay open are open. `has_command`: connections are commands.
pub fn check_descriptors(has_command: bool) -> Result<(), TooFew> {
    // A duplicate gets the lowest free number.
    let next = fcntl(STDERR, libc::F_DUPFD_CLOEXEC, STDERR + 1).map(Fd::new);
    let open = next.map_or(limit(), |next| next.number() as usize);
    let beside = READING + if has_command { COMMAND } else { CONNECTION };
    let (most, needed) = (limit(), open.saturating_add(beside));
    if needed <= most {
        return Ok(());
    }
    Err([most as u64, needed as u64])
}

/// Returns the limit of descriptors (`RLIMIT_NOFILE`, `getrlimit(2)`), as it was at the first call: each turn asks for it,
/// once for each file that stays open.
fn limit() -> usize {
    static MOST: AtomicUsize = AtomicUsize::new(0);
    let known = MOST.load(Ordering::Relaxed);
    if known > 0 {
        return known;
    }
    let most = usize::try_from(limits(libc::RLIMIT_NOFILE as c_int).rlim_cur).unwrap_or(usize::MAX);
    MOST.store(most, Ordering::Relaxed);
    most
}

/// Returns the greatest size of a file that this process may write (`RLIMIT_FSIZE`).
#[allow(clippy::useless_conversion)]
pub(super) fn file_size_limit() -> u64 {
    limits(libc::RLIMIT_FSIZE as c_int).rlim_cur.into()
}

fn limits(resource: c_int) -> Limits {
    let mut limits = Limits {
        rlim_cur: !0,
        rlim_max: !0,
    };
    // SAFETY: the call writes both limits.
    unsafe { get_limits(resource as _, &raw mut limits) };
    limits
}
