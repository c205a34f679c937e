//! A file descriptor that is closed when it is dropped.

use super::errno::check_length;
use crate::base::decimal::divide;
use crate::platform::{Errno, PIECES_MAX};
use core::ffi::{c_int, c_short};
use core::ptr::null;

pub(super) struct Fd(c_int);

pub(super) const EMPTY_VECTOR: libc::iovec = libc::iovec {
    iov_base: core::ptr::null_mut(),
    iov_len: 0,
};

/// The pieces as the kernel wants them (`readv(2)`), as many as fit. It must only read them.
pub(super) fn vectors_of<'v>(pieces: &[&[u8]], vectors: &'v mut [libc::iovec]) -> &'v mut [libc::iovec] {
    let count = pieces.len().min(vectors.len());
    for (vector, piece) in vectors.iter_mut().zip(pieces) {
        vector.iov_base = piece.as_ptr().cast_mut().cast();
        vector.iov_len = piece.len();
    }
    vectors.get_mut(..count).unwrap_or_default()
}

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
        poll(
            core::slice::from_mut(&mut entry),
            Some(u64::from(millis) * 1_000_000),
        ) && entry.revents & events != 0
    }

    /// Writes as much of the pieces, at most [`PIECES_MAX`], one after the other, as is taken.
    pub(super) fn write(&self, pieces: &[&[u8]]) -> Result<usize, Errno> {
        let mut vectors = [EMPTY_VECTOR; PIECES_MAX];
        let vectors = vectors_of(pieces, &mut vectors);
        // SAFETY: each vector is a slice, which the call only reads.
        check_length(unsafe { libc::writev(self.0, vectors.as_ptr(), vectors.len() as c_int) })
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: this is the only owner, and the number is not used after it.
        unsafe { libc::close(self.0) };
    }
}

/// Sleeps for that many milliseconds.
pub fn pause(millis: u32) {
    poll(&mut [], Some(u64::from(millis) * 1_000_000));
}

/// Waits up to that many nanoseconds (`None`: without a limit) until one of the entries is ready, and returns whether one
/// is (`ppoll(2)`).
pub(super) fn poll(entries: &mut [libc::pollfd], nanos: Option<u64>) -> bool {
    let time = nanos.map(|nanos| {
        // SAFETY: all zeros is a value of it.
        let mut time: libc::timespec = unsafe { core::mem::zeroed() };
        let (seconds, nanos) = divide(nanos, NANOS);
        (time.tv_sec, time.tv_nsec) = (seconds as _, nanos as _);
        time
    });
    let time = time.as_ref().map_or(null(), core::ptr::from_ref);
    // SAFETY: as many entries as said; null or a time; no mask.
    let ready = unsafe { libc::ppoll(entries.as_mut_ptr(), entries.len() as libc::nfds_t, time, null()) };
    ready > 0
}

/// Nanoseconds of a second.
const NANOS: u64 = 1_000_000_000;
