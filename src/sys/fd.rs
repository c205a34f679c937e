//! A file descriptor that is closed when it goes.

use super::errno::{check, check_length};
use crate::world::Errno;
use core::ffi::{c_int, c_short};

pub(super) struct Fd(c_int);

impl Fd {
    /// Takes over what a call that opens something has answered.
    pub(super) fn from_answer(answer: c_int) -> Result<Self, Errno> {
        check(answer).map(Self)
    }

    pub(super) fn number(&self) -> c_int {
        self.0
    }

    /// Reads from where the descriptor stands.
    pub(super) fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        // SAFETY: the buffer is writable for its length.
        check_length(unsafe { libc::read(self.0, buffer.as_mut_ptr().cast(), buffer.len()) })
    }

    /// Reads from a place in the file.
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<usize, Errno> {
        let offset = libc::off_t::try_from(offset).map_err(|_| Errno(libc::EFBIG))?;
        // SAFETY: the buffer is writable for its length.
        check_length(unsafe { libc::pread(self.0, buffer.as_mut_ptr().cast(), buffer.len(), offset) })
    }

    /// Waits until it is ready for one of the events (`poll(2)`), or so many milliseconds are over; whether it is.
    pub(super) fn is_ready(&self, events: c_short, millis: c_int) -> bool {
        let mut entry = libc::pollfd {
            fd: self.0,
            events,
            revents: 0,
        };
        // SAFETY: one entry, as said.
        let ready = unsafe { libc::poll(&raw mut entry, 1, millis) };
        ready == 1 && entry.revents & events != 0
    }

    /// Writes as much of the spans, one after the other, as is taken.
    pub(super) fn write<const N: usize>(&self, spans: [&[u8]; N]) -> Result<usize, Errno> {
        let vectors = spans.map(|span| libc::iovec {
            iov_base: span.as_ptr().cast_mut().cast(),
            iov_len: span.len(),
        });
        // SAFETY: the vectors describe the slices, which the call only reads.
        check_length(unsafe { libc::writev(self.0, vectors.as_ptr(), N as c_int) })
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: this is the only owner, and nobody uses the number after it.
        unsafe { libc::close(self.0) };
    }
}
