//! Errors in words of our own, the system's usual ones: those that an agent may meet.

use crate::base::packed::{packed, put_line};
use crate::base::text::Text;

/// A number and its words each; the numbers differ from one processor to the other.
macro_rules! errors {
    ($($number:ident $words:literal;)*) => {
        const NUMBERS: &[u16] = &[$(libc::$number as u16),*];
        const LINES: &str = concat!($($words, "\n"),*);
    };
}

errors! {
    EPERM "operation not permitted";
    ENOENT "no such file or directory";
    EINTR "interrupted system call";
    EIO "input/output error";
    ENXIO "no such device or address";
    EBADF "bad file descriptor";
    EAGAIN "resource temporarily unavailable";
    ENOMEM "cannot allocate memory";
    EACCES "permission denied";
    EFAULT "bad address";
    EBUSY "device or resource busy";
    EEXIST "file exists";
    ENODEV "no such device";
    ENOTDIR "not a directory";
    EISDIR "is a directory";
    EINVAL "invalid argument";
    ENFILE "too many open files in system";
    EMFILE "too many open files";
    ENOTTY "inappropriate ioctl for device";
    ETXTBSY "text file busy";
    EFBIG "file too large";
    ENOSPC "no space left on device";
    ESPIPE "illegal seek";
    EROFS "read-only file system";
    EPIPE "broken pipe";
    ENAMETOOLONG "file name too long";
    ENOSYS "function not implemented";
    ELOOP "too many levels of symbolic links";
    ENODATA "no data available";
    EPROTO "protocol error";
    EOVERFLOW "value too large for defined data type";
    ENOTSOCK "socket operation on non-socket";
    EMSGSIZE "message too long";
    EPROTOTYPE "protocol wrong type for socket";
    ENOPROTOOPT "protocol not available";
    EPROTONOSUPPORT "protocol not supported";
    EOPNOTSUPP "operation not supported";
    EAFNOSUPPORT "address family not supported by protocol";
    EADDRINUSE "address already in use";
    EADDRNOTAVAIL "cannot assign requested address";
    ENETDOWN "network is down";
    ENETUNREACH "network is unreachable";
    ENETRESET "network dropped connection on reset";
    ECONNABORTED "software caused connection abort";
    ECONNRESET "connection reset by peer";
    ENOBUFS "no buffer space available";
    ENOTCONN "transport endpoint is not connected";
    ETIMEDOUT "connection timed out";
    ECONNREFUSED "connection refused";
    EHOSTDOWN "host is down";
    EHOSTUNREACH "no route to host";
    ESTALE "stale file handle";
    EUCLEAN "structure needs cleaning";
    EREMOTEIO "remote I/O error";
    EDQUOT "disk quota exceeded";
}

const WORDS: &[u8] = packed!(LINES);

/// What the error means, if it is one of these, written to the buffer.
pub(super) fn words(number: i32, buffer: &mut [u8; 128]) -> Option<&[u8]> {
    let place = NUMBERS.iter().position(|other| i32::from(*other) == number)?;
    let mut text = Text::new(buffer);
    put_line(&mut text, WORDS, place);
    Some(text.into_bytes())
}

// musl has other words.
#[cfg(all(test, target_env = "gnu"))]
mod tests {
    use super::*;
    use crate::base::text::Text;
    use crate::platform::{Errno, describe};

    #[test]
    fn errors_have_the_words_of_the_c_library() {
        for number in NUMBERS.iter().copied().map(i32::from) {
            let mut buffer = [0; 128];
            let mut text = Text::new(&mut buffer);
            describe(&mut text, Errno(number));
            assert_eq!(
                words(number, &mut [0; 128]).unwrap(),
                text.bytes(),
                "{:?}",
                str::from_utf8(text.bytes())
            );
        }
        assert_eq!(words(0, &mut [0; 128]), None);
    }
}
