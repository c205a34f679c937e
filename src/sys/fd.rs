//! A file descriptor that is closed when it goes.

use super::errno::{check, check_length};
use crate::world::Errno;
use core::ffi::c_int;

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

    /// Reads from the start.
    pub(super) fn read_from_start(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        // SAFETY: the buffer is writable for its length.
        check_length(unsafe { libc::pread(self.0, buffer.as_mut_ptr().cast(), buffer.len(), 0) })
    }

    /// Writes as much of both spans as is taken.
    pub(super) fn write_spans(&self, spans: (&[u8], &[u8])) -> Result<usize, Errno> {
        let (vectors, count) = vectors(spans);
        // SAFETY: the vectors describe the two slices, which the call only reads.
        check_length(unsafe { libc::writev(self.0, vectors.as_ptr(), count as c_int) })
    }
}

/// Both spans for a call that takes vectors, and how many of them hold anything.
pub(super) fn vectors((first, second): (&[u8], &[u8])) -> ([libc::iovec; 2], usize) {
    let vector = |span: &[u8]| libc::iovec {
        iov_base: span.as_ptr().cast_mut().cast(),
        iov_len: span.len(),
    };
    let count = 1 + usize::from(!second.is_empty());
    ([vector(first), vector(second)], count)
}

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: this is the only owner, and nobody uses the number after it.
        unsafe { libc::close(self.0) };
    }
}
