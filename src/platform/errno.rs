//! Errors of system calls.

use crate::base::text::Text;
use crate::platform::Errno;
use core::ffi::{CStr, c_int};

pub(super) const WOULD_BLOCK: Errno = Errno(libc::EAGAIN);
/// The operation is not supported.
pub const NOT_SUPPORTED: Errno = Errno(libc::EOPNOTSUPP);
pub(super) const INVALID: Errno = Errno(libc::EINVAL);

/// Returns the error of the call that has just failed.
pub(super) fn last() -> Errno {
    // SAFETY: the call takes nothing.
    let place = unsafe { libc::__errno_location() };
    // SAFETY: it always points to this thread's own number.
    Errno(unsafe { *place })
}

/// Checks the answer of a call that returns −1 when it fails.
pub(super) fn check(answer: c_int) -> Result<c_int, Errno> {
    if answer == -1 { Err(last()) } else { Ok(answer) }
}

/// Checks the answer of a call that returns a count of bytes, or −1 when it fails.
pub(super) fn check_length(answer: isize) -> Result<usize, Errno> {
    usize::try_from(answer).map_err(|_| last())
}

/// Writes the error's message, such as `connection refused` (`strerror(3)`, in Go's lower case). It is the C library's:
/// musl and glibc word some of them differently.
pub fn describe(text: &mut Text, errno: Errno) {
    let mut buffer = [0_u8; 128];
    // SAFETY: the buffer is as long as the call is told.
    let failed = unsafe { libc::strerror_r(errno.0, buffer.as_mut_ptr().cast(), buffer.len()) };
    match CStr::from_bytes_until_nul(&buffer) {
        Ok(message) if failed == 0 => lower_first(text, message.to_bytes()),
        _ => {
            text.put(b"errno ");
            text.number(u64::from(errno.0.unsigned_abs()));
        }
    }
}

/// Writes a sentence in lower case, as Go writes its errors.
pub(super) fn lower_first(text: &mut Text, words: &[u8]) {
    let Some((first, rest)) = words.split_first() else {
        return;
    };
    let is_acronym = rest.first().is_some_and(u8::is_ascii_uppercase);
    text.put(&[if is_acronym {
        *first
    } else {
        first.to_ascii_lowercase()
    }]);
    text.put(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_in_go() {
        let said = |number| {
            let mut buffer = [0; 80];
            let mut text = Text::new(&mut buffer);
            describe(&mut text, Errno(number));
            String::from_utf8(text.into_bytes().to_vec()).unwrap()
        };
        assert_eq!(said(libc::ECONNREFUSED), "connection refused");
        assert_eq!(said(libc::ENOENT), "no such file or directory");
        assert!(said(99_999).contains("99999"), "{}", said(99_999));
    }
}
