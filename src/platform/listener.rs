//! A Unix socket (`unix(7)`) at which programs of this machine hand in datagrams.

use super::errno::check_length;
use super::fd::Fd;
use super::file::unlink;
use super::socket::{self, UnixAddress, unix_address, unix_path};
use super::status::Status;
use crate::platform::Errno;
use core::ffi::c_int;

/// Permissions that the socket's file does not have: the user and the group may write to it.
const MASK: libc::mode_t = 0o117;

/// The control data of a datagram: the credentials of the sender (`unix(7)`).
#[repr(C, align(8))]
struct Control {
    header: libc::cmsghdr,
    sender: libc::ucred,
}

// SAFETY: the function only computes.
const CONTROL_LENGTH: usize = unsafe { libc::CMSG_SPACE(size_of::<libc::ucred>() as _) } as usize;
const _: () = assert!(size_of::<Control>() == CONTROL_LENGTH);

/// Asks the kernel for the sender of each datagram; returns whether it adds them.
fn asks_for_senders(socket: &Fd) -> bool {
    let on: c_int = 1;
    let length = size_of::<c_int>() as libc::socklen_t;
    let (level, option) = (libc::SOL_SOCKET, libc::SO_PASSCRED);
    // SAFETY: the value is a number of this length.
    unsafe { libc::setsockopt(socket.number(), level, option, (&raw const on).cast(), length) == 0 }
}

/// The open socket.
pub(super) struct Listener {
    socket: Fd,
    /// The kernel adds the sender's process to each datagram (`SO_PASSCRED`).
    has_senders: bool,
    address: UnixAddress,
    /// Its file: another process may put its own at the path later.
    file: Option<Status>,
    is_stopped: bool,
}

impl Listener {
    /// Listens at the path, and replaces a socket that no process listens at any more.
    pub(super) fn open(path: &[u8]) -> Result<Self, Errno> {
        let address = unix_address(path)?;
        let new = || socket::new(libc::SOCK_DGRAM, &address);
        match socket::connect(&new()?, &address) {
            Ok(()) => return Err(Errno::BUSY),
            // A file of another kind refuses the connection, too.
            Err(Errno(libc::ECONNREFUSED))
                if Status::at(path, false).is_some_and(|status| status.is_kind(libc::S_IFSOCK)) =>
            {
                unlink(path)?;
            }
            Err(_) => {}
        }
        let socket = new()?;
        // SAFETY: the call takes a number only.
        let before = unsafe { libc::umask(MASK) };
        let bound = socket::bind(&socket, &address);
        // SAFETY: as above.
        unsafe { libc::umask(before) };
        bound?;
        Ok(Self {
            has_senders: asks_for_senders(&socket),
            socket,
            address,
            file: Status::at(path, false),
            is_stopped: false,
        })
    }

    /// Returns the descriptor to watch; a negative one after [`Listener::stop`].
    pub(super) fn number(&self) -> c_int {
        if self.is_stopped { -1 } else { self.socket.number() }
    }

    /// Receives a datagram, cut to the buffer; returns its length and the number of its sender's process, 0 if the kernel
    /// (or an emulator) does not add it or if the process is in another name space.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> Result<(usize, u32), Errno> {
        // SAFETY: all zeros is a value of it.
        let mut control: Control = unsafe { core::mem::zeroed() };
        let mut vector = libc::iovec {
            iov_base: buffer.as_mut_ptr().cast(),
            iov_len: buffer.len(),
        };
        // SAFETY: all zeros is a value of it.
        let mut message: libc::msghdr = unsafe { core::mem::zeroed() };
        (message.msg_iov, message.msg_iovlen) = (&raw mut vector, 1);
        if self.has_senders {
            // The sender's process takes all of it, so that no descriptor that a datagram passes is opened.
            message.msg_control = (&raw mut control).cast();
            message.msg_controllen = CONTROL_LENGTH as _;
        }
        let flags = libc::MSG_DONTWAIT | libc::MSG_CMSG_CLOEXEC;
        // SAFETY: the message has a buffer for the datagram and one or none for control data, writable for their lengths.
        let length = check_length(unsafe { libc::recvmsg(self.socket.number(), &raw mut message, flags) })?;
        // Without control data the header is zero still.
        let is_sender = control.header.cmsg_level == libc::SOL_SOCKET
            && control.header.cmsg_type == libc::SCM_CREDENTIALS;
        let sender = if is_sender { control.sender.pid } else { 0 };
        Ok((length, u32::try_from(sender).unwrap_or(0)))
    }

    /// Returns whether programs can reach it at this path.
    pub(super) fn is_at(&self, path: &[u8]) -> bool {
        unix_path(&self.address) == path && self.is_there()
    }

    /// Returns whether its file is still at its path.
    fn is_there(&self) -> bool {
        let file = self.file.as_ref();
        file.is_some_and(|file| file.is_at(unix_path(&self.address), false))
    }

    /// Closes it to further datagrams; those that it has can still be received.
    pub(super) fn stop(&mut self) {
        self.is_stopped = true;
        if self.is_there() {
            let _ = unlink(unix_path(&self.address));
        }
        // SAFETY: the call takes numbers only.
        unsafe { libc::shutdown(self.socket.number(), libc::SHUT_RD) };
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if self.is_there() {
            let _ = unlink(unix_path(&self.address));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, pipe};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixDatagram;

    fn listen(name: &str) -> (Listener, UnixDatagram) {
        let path = std::env::temp_dir().join(format!("mini-monitor-{name}-{}", std::process::id()));
        let listener = Listener::open(path.to_str().unwrap().as_bytes()).unwrap();
        let sender = UnixDatagram::unbound().unwrap();
        sender.connect(path).unwrap();
        (listener, sender)
    }

    #[test]
    fn datagram_has_the_process_of_its_sender() {
        let (mut listener, sender) = listen("senders");
        let mut buffer = [0; 4];
        assert_eq!(listener.receive(&mut buffer), Err(Errno(libc::EAGAIN)));
        sender.send(b"abcdef").unwrap();
        assert_eq!(listener.receive(&mut buffer), Ok((4, std::process::id())));
        assert_eq!(&buffer, b"abcd");
        listener.has_senders = false;
        sender.send(b"x").unwrap();
        assert_eq!(listener.receive(&mut buffer), Ok((1, 0)));
    }

    #[test]
    #[expect(clippy::multiple_unsafe_ops_per_block, reason = "one message is made")]
    fn descriptors_that_a_datagram_passes_are_not_opened() {
        let (listener, sender) = listen("passed");
        let (mut input, output) = pipe().unwrap();
        // SAFETY: the function only computes.
        let space = unsafe { libc::CMSG_SPACE(size_of::<c_int>() as _) } as usize;
        let (mut control, mut text) = ([0_u64; 8], *b"x 1");
        let mut vector = libc::iovec {
            iov_base: text.as_mut_ptr().cast(),
            iov_len: text.len(),
        };
        // SAFETY: all zeros is a value of it.
        let mut message: libc::msghdr = unsafe { core::mem::zeroed() };
        (message.msg_iov, message.msg_iovlen) = (&raw mut vector, 1);
        message.msg_control = control.as_mut_ptr().cast();
        message.msg_controllen = space as _;
        // SAFETY: the control data has space for a header and a number.
        unsafe {
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(size_of::<c_int>() as _) as _;
            libc::CMSG_DATA(header)
                .cast::<c_int>()
                .write_unaligned(output.as_raw_fd());
            assert_eq!(libc::sendmsg(sender.as_raw_fd(), &raw const message, 0), 3);
        }
        drop(output);
        assert_eq!(listener.receive(&mut [0; 9]), Ok((3, std::process::id())));
        // The pipe has no writer any more.
        assert_eq!(input.read(&mut [0]).unwrap(), 0);
    }
}
