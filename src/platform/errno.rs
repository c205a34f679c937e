//! Errors of system calls.

use crate::base::fields::until;
use crate::base::text::Text;
use crate::platform::Errno;
use core::ffi::c_int;

pub(super) const WOULD_BLOCK: Errno = Errno(libc::EAGAIN);
/// The operation is not supported.
pub const NOT_SUPPORTED: Errno = Errno(libc::EOPNOTSUPP);
pub(super) const INVALID: Errno = Errno(libc::EINVAL);

/// Returns the error of the call that has just failed.
pub(super) fn last() -> Errno {
    // SAFETY: the call takes nothing.
    let number = unsafe { libc::__errno_location() };
    // SAFETY: it always points to this thread's own number.
    Errno(unsafe { *number })
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
    // SAFETY: the buffer is writable for its length.
    let failed = unsafe { libc::strerror_r(errno.0, buffer.as_mut_ptr().cast(), buffer.len()) };
    if failed != 0 {
        text.put(b"errno ");
        return text.number(u64::from(errno.0.unsigned_abs()));
    }
    // An acronym stays in upper case.
    if !buffer[1].is_ascii_uppercase() {
        buffer[0].make_ascii_lowercase();
    }
    text.put(until(&buffer, 0));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_read_as_in_go() {
        let message = |number| {
            let mut buffer = [0; 80];
            let mut text = Text::new(&mut buffer);
            describe(&mut text, Errno(number));
            String::from_utf8(text.into_bytes().to_vec()).unwrap()
        };
        assert_eq!(message(libc::ECONNREFUSED), "connection refused");
        assert_eq!(message(libc::ENOENT), "no such file or directory");
        assert!(message(99_999).contains("99999"), "{}", message(99_999));
    }
}
