//! Errors in the C library's words.

use core::ffi::CStr;

/// What the error means, written to the buffer.
pub(super) fn words(number: i32, buffer: &mut [u8; 128]) -> Option<&[u8]> {
    // SAFETY: the buffer is as long as it says, and what is written there ends in NUL.
    let failed = unsafe { libc::strerror_r(number, buffer.as_mut_ptr().cast(), buffer.len()) };
    let words = CStr::from_bytes_until_nul(buffer).ok()?;
    (failed == 0).then(|| words.to_bytes())
}
