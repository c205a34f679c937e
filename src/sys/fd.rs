//! A file descriptor that is closed when it goes.

use super::call::{call, int, long_call};
use super::errno::check_length;
use crate::world::Errno;
use core::ffi::{c_int, c_short};

pub(super) struct Fd(c_int);

impl Fd {
    /// Takes over what a call that opens something has answered.
    pub(super) fn new(number: usize) -> Self {
        Self(number as c_int)
    }

    pub(super) fn number(&self) -> c_int {
        self.0
    }

    /// As an argument of a call.
    pub(super) fn argument(&self) -> usize {
        int(self.0)
    }

    /// Reads from where the descriptor stands.
    pub(super) fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        let start = buffer.as_mut_ptr() as usize;
        // SAFETY: the buffer is writable for its length.
        unsafe { call(libc::SYS_read, self.argument(), start, buffer.len()) }
    }

    /// Reads from a place in the file.
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
        let offset = libc::off_t::try_from(offset).map_err(|_| Errno(libc::EFBIG))?;
        // SAFETY: the buffer is writable for its length.
        check_length(unsafe { libc::pread(self.0, buffer.as_mut_ptr().cast(), buffer.len(), offset) })
    }

    /// Waits until it is ready for one of the events (`poll(2)`), or so many milliseconds are over; whether it is.
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

    /// Writes as much of the spans, one after the other, as is taken.
    pub(super) fn write<const N: usize>(&self, spans: [&[u8]; N]) -> Result<usize, Errno> {
        let vectors = spans.map(|span| libc::iovec {
            iov_base: span.as_ptr().cast_mut().cast(),
            iov_len: span.len(),
        });
        // SAFETY: the vectors describe the slices, which the call only reads.
        unsafe { call(libc::SYS_writev, self.argument(), vectors.as_ptr() as usize, N) }
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: this is the only owner, and nobody uses the number after it.
        let _ = unsafe { call(libc::SYS_close, self.argument(), 0, 0) };
    }
}

/// Waits until one of the entries has something to say, or so many nanoseconds are over (without them: for
/// good); whether one has (`ppoll(2)`).
pub(super) fn poll(entries: &mut [libc::pollfd], nanos: Option<u64>) -> bool {
    // Seconds and nanoseconds, in words: the kernel writes what is left of them.
    let mut time = nanos.map(|nanos| [(nanos / 1_000_000_000) as usize, (nanos % 1_000_000_000) as usize]);
    let time = time.as_mut().map_or(0, |time| time.as_mut_ptr() as usize);
    let start = entries.as_mut_ptr() as usize;
    // SAFETY: as many entries as said; null or a time; no mask.
    let ready = unsafe { long_call(libc::SYS_ppoll, &[start, entries.len(), time, 0, 0, 0]) };
    ready.is_ok_and(|count| count > 0)
}
