//! A file descriptor that is closed when it goes.

use super::call::{call, int, long_call};
use super::errno::check_length;
use crate::base::decimal::divide;
use crate::platform::{Errno, PIECES_MAX};
use core::ffi::{c_int, c_long, c_short};
use core::sync::atomic::{AtomicBool, Ordering};

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

    /// Writes as much of the pieces, at most [`PIECES_MAX`], one after the other, as is taken.
    #[inline(never)]
    pub(super) fn write(&self, pieces: &[&[u8]]) -> Result<usize, Errno> {
        let mut vectors = [EMPTY_VECTOR; PIECES_MAX];
        let vectors = vectors_of(pieces, &mut vectors);
        // SAFETY: each vector is a slice, which the call only reads.
        check_length(unsafe { libc::writev(self.0, vectors.as_ptr(), vectors.len() as c_int) })
    }
}

impl Drop for Fd {
    // Called in some fifty places.
    #[inline(never)]
    fn drop(&mut self) {
        // SAFETY: this is the only owner, and nobody uses the number after it.
        let _ = unsafe { call(libc::SYS_close, self.argument(), 0, 0) };
    }
}

/// Sleeps for so many milliseconds.
pub fn pause(millis: u32) {
    poll(&mut [], Some(u64::from(millis) * 1_000_000));
}

/// Waits until one of the entries has something to say, or so many nanoseconds are over (without them: for
/// good); whether one has (`ppoll(2)`).
pub(super) fn poll(entries: &mut [libc::pollfd], nanos: Option<u64>) -> bool {
    let wait = nanos.unwrap_or(0);
    let (seconds, nanos_left) = divide(wait, NANOS);
    let (seconds, nanos_left) = (seconds as usize, nanos_left as usize);
    loop {
        let is_wide = cfg!(target_pointer_width = "32") && !LACKS_TIME64.load(Ordering::Relaxed);
        // The kernel writes what is left of it.
        let mut time = match is_wide {
            false => [seconds, nanos_left, 0, 0],
            true if cfg!(target_endian = "big") => [0, seconds, 0, nanos_left],
            true => [seconds, 0, nanos_left, 0],
        };
        let number = if is_wide { PPOLL_TIME64 } else { libc::SYS_ppoll };
        let time = if nanos.is_some() {
            time.as_mut_ptr() as usize
        } else {
            0
        };
        let start = entries.as_mut_ptr() as usize;
        // SAFETY: as many entries as said; null or a time of the call's width; no mask.
        match unsafe { long_call(number, &[start, entries.len(), time, 0, 0, 0]) } {
            Err(Errno(libc::ENOSYS)) if is_wide => LACKS_TIME64.store(true, Ordering::Relaxed),
            answer => return answer.is_ok_and(|count| count > 0),
        }
    }
}

/// Nanoseconds of a second.
const NANOS: u64 = 1_000_000_000;

/// Where a word has 32 bits, the call that takes times of 64: a kernel from 5.1 on has it, and may lack the other
/// one; an older one has only the other one.
const PPOLL_TIME64: c_long = if cfg!(target_arch = "mips") { 4_414 } else { 414 };
static LACKS_TIME64: AtomicBool = AtomicBool::new(false);
