//! Standard input, output and error.

use super::errno::WOULD_BLOCK;
use super::fd::{Fd, fcntl};
use super::file::open;
use super::status::is_kind;
use crate::platform::Errno;
use core::ffi::c_int;
use core::mem::ManuallyDrop;

/// Writes the whole text to standard output (1) or standard error (2); waits where that must.
pub fn print(descriptor: u8, text: &[u8]) -> Result<(), Errno> {
    let output = ManuallyDrop::new(Fd::new(descriptor.into()));
    let mut rest = text;
    while !rest.is_empty() {
        match output.write(&[rest]) {
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            // Another process that has the same pipe or terminal has made it non-blocking.
            Err(WOULD_BLOCK) => {
                output.is_ready(libc::POLLOUT, u32::MAX);
            }
            Err(errno) => return Err(errno),
        }
    }
    Ok(())
}

/// Opens the standard descriptors that are closed, so that no other file gets their numbers and their output. The
/// caller has not opened anything yet.
pub fn fill_standard_descriptors() {
    for descriptor in 0..3 {
        if fcntl(descriptor, libc::F_GETFD, 0).is_err() {
            // It gets the lowest free number, which is this one. It is read-only: to write to a closed standard
            // output is an error.
            let _ = open(b"/dev/null", libc::O_RDONLY).map(ManuallyDrop::new);
        }
    }
}

/// Returns a second descriptor of standard output (1) or standard error (2), whose `write` does not wait where that is
/// possible.
pub(super) fn open_nonblocking(descriptor: c_int) -> Result<Fd, Errno> {
    // A closed descriptor is an error.
    let duplicate = Fd::new(fcntl(descriptor, libc::F_DUPFD_CLOEXEC, 3)?);
    let flags = fcntl(descriptor, libc::F_GETFL, 0)?;
    if flags & libc::O_ACCMODE == libc::O_RDONLY {
        return Err(Errno(libc::EBADF));
    }
    if !is_kind(&duplicate, libc::S_IFCHR) && !is_kind(&duplicate, libc::S_IFIFO) {
        // A file does not wait, and each call to a socket has the flag that it must not.
        return Ok(duplicate);
    }
    // An open file description of its own: other processes share the one that was inherited.
    let path: &[u8] = match descriptor {
        1 => b"/proc/self/fd/1",
        _ => b"/proc/self/fd/2",
    };
    let own = open(path, libc::O_WRONLY | libc::O_NONBLOCK | libc::O_NOCTTY);
    if own.is_err() {
        // A terminal of another user cannot be opened again: the others share the flag.
        fcntl(descriptor, libc::F_SETFL, flags | libc::O_NONBLOCK)?;
    }
    Ok(own.unwrap_or(duplicate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::socket::pipe;
    use std::thread;

    #[test]
    fn whole_text_is_printed_to_a_full_pipe_that_does_not_wait() {
        let (reading, writing) = pipe().unwrap();
        let text = vec![b'x'; 1 << 20];
        let reader = thread::spawn(move || {
            let (mut total, mut buffer) = (0, [0; 4096]);
            loop {
                assert!(reading.is_ready(libc::POLLIN | libc::POLLHUP, u32::MAX));
                match reading.read(&mut buffer) {
                    Ok(0) => return total,
                    length => total += length.unwrap(),
                }
            }
        });
        let result = print(writing.number() as u8, &text);
        drop(writing);
        assert_eq!((result, reader.join().unwrap()), (Ok(()), text.len()));
    }
}
