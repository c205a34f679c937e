//! Errors in words of our own, the system's usual ones: those that an agent may meet.

use crate::packed::{packed, put_line};
use crate::text::Text;

/// In the order of [`LINES`]; the numbers differ from one processor to the other.
const NUMBERS: [i32; 49] = [
    libc::EPERM,
    libc::ENOENT,
    libc::EINTR,
    libc::EIO,
    libc::ENXIO,
    libc::EBADF,
    libc::EAGAIN,
    libc::ENOMEM,
    libc::EACCES,
    libc::EBUSY,
    libc::EEXIST,
    libc::ENODEV,
    libc::ENOTDIR,
    libc::EISDIR,
    libc::EINVAL,
    libc::ENFILE,
    libc::EMFILE,
    libc::ENOTTY,
    libc::ETXTBSY,
    libc::EFBIG,
    libc::ENOSPC,
    libc::ESPIPE,
    libc::EROFS,
    libc::EPIPE,
    libc::ENAMETOOLONG,
    libc::ENOSYS,
    libc::ELOOP,
    libc::ENODATA,
    libc::EPROTO,
    libc::EOVERFLOW,
    libc::ENOTSOCK,
    libc::EPROTOTYPE,
    libc::EOPNOTSUPP,
    libc::EAFNOSUPPORT,
    libc::EADDRINUSE,
    libc::EADDRNOTAVAIL,
    libc::ENETDOWN,
    libc::ENETUNREACH,
    libc::ENETRESET,
    libc::ECONNABORTED,
    libc::ECONNRESET,
    libc::ENOBUFS,
    libc::ENOTCONN,
    libc::ETIMEDOUT,
    libc::ECONNREFUSED,
    libc::EHOSTDOWN,
    libc::EHOSTUNREACH,
    libc::ESTALE,
    libc::EDQUOT,
];

const LINES: &str = "\
operation not permitted
no such file or directory
interrupted system call
input/output error
no such device or address
bad file descriptor
resource temporarily unavailable
cannot allocate memory
permission denied
device or resource busy
file exists
no such device
not a directory
is a directory
invalid argument
too many open files in system
too many open files
inappropriate ioctl for device
text file busy
file too large
no space left on device
illegal seek
read-only file system
broken pipe
file name too long
function not implemented
too many levels of symbolic links
no data available
protocol error
value too large for defined data type
socket operation on non-socket
protocol wrong type for socket
operation not supported
address family not supported by protocol
address already in use
cannot assign requested address
network is down
network is unreachable
network dropped connection on reset
software caused connection abort
connection reset by peer
no buffer space available
transport endpoint is not connected
connection timed out
connection refused
host is down
no route to host
stale file handle
disk quota exceeded
";

const WORDS: &[u8] = packed!(LINES);

/// What the error means, if it is one of these, written to the buffer.
pub(super) fn words(number: i32, buffer: &mut [u8; 128]) -> Option<&[u8]> {
    let place = NUMBERS.iter().position(|other| *other == number)?;
    let mut text = Text::new(buffer);
    put_line(&mut text, WORDS, place);
    Some(text.into_bytes())
}

// musl has other words.
#[cfg(all(test, target_env = "gnu"))]
mod tests {
    use super::*;
    use crate::sys::{Errno, describe};
    use crate::text::Text;

    #[test]
    fn errors_have_the_words_of_the_c_library() {
        assert_eq!(LINES.lines().count(), NUMBERS.len());
        for number in NUMBERS {
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
