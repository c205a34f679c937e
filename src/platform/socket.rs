//! Stream sockets, none of which ever waits.

use super::address::{Address, LENGTH};
use super::errno::{INVALID, check, check_length};
use super::fd::{Fd, gather};
use crate::base::fields::until;
use crate::platform::Errno;
use core::ffi::c_int;
use core::mem::{offset_of, zeroed};

/// The start of the path in the address of a Unix socket, and the longest path, without its NUL.
const UNIX_PATH: usize = offset_of!(libc::sockaddr_un, sun_path);
pub(super) const UNIX_PATH_MAX: usize = size_of::<UnixAddress>() - UNIX_PATH - 1;

const WITHOUT_WAITING: c_int = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;

/// Silent spans after which the connection to an idle peer ends: one before the first probe, and one for each answer that
/// the peer owes.
const SPANS: c_int = 3;

/// The ring, not the socket, holds the backlog. (The kernel doubles this for its own records.)
const SEND_BUFFER_MAX: usize = 16 * 1024;

/// What the options of a new socket depend on.
pub(super) struct Options {
    /// Bytes of the ring, which bounds what a connection may hold.
    pub(super) ring: usize,
    /// Milliseconds that a TCP peer may be silent.
    pub(super) timeout: u32,
}

impl Options {
    /// An idle peer is asked whether it is still there, so that it is missed after about the timeout.
    ///
    /// The last option is for kernels that do not report what a peer owes ([`silence`]): sent data may stay
    /// unacknowledged for so long, in whole seconds (`TCP_USER_TIMEOUT`, `tcp(7)`). It ends a connection to a
    /// peer that is alive and has a closed window, too, so others do without it.
    ///
    /// A kernel that lacks one does without: the connection is worth more.
    fn set(&self, socket: &Fd, is_tcp: bool) {
        let send_buffer = (self.ring / 4).min(SEND_BUFFER_MAX) as c_int;
        let seconds = (self.timeout / 1_000).max(1) as c_int;
        let span = (seconds / SPANS).max(1);
        // The first is for sockets of all kinds.
        let options = [
            (libc::SOL_SOCKET, libc::SO_SNDBUF, send_buffer),
            (libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1),
            (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, span),
            (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, span),
            (libc::IPPROTO_TCP, libc::TCP_KEEPCNT, SPANS - 1),
            (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, seconds * 1_000),
        ];
        let count = match is_tcp {
            false => 1,
            true if tcp_info(socket).is_some() => options.len() - 1,
            true => options.len(),
        };
        for (level, name, value) in options.iter().take(count) {
            let (value, length) = (&raw const *value, size_of::<c_int>() as libc::socklen_t);
            // SAFETY: the value is an int, of the size that is passed.
            unsafe { libc::setsockopt(socket.number(), *level, *name, value.cast(), length) };
        }
    }
}

/// The address of a Unix socket in the kernel's form: its family, and a path that zeros follow (`unix(7)`).
pub(super) type UnixAddress = [u8; size_of::<libc::sockaddr_un>()];

/// Returns the address of a path.
pub(super) fn unix_address(path: &[u8]) -> Result<UnixAddress, Errno> {
    let mut address = [0; size_of::<libc::sockaddr_un>()];
    let (family, rest) = address.split_at_mut(UNIX_PATH);
    family.copy_from_slice(&(libc::AF_UNIX as libc::sa_family_t).to_ne_bytes());
    let target = rest.get_mut(..path.len()).filter(|_| path.len() <= UNIX_PATH_MAX);
    target.ok_or(Errno(libc::ENAMETOOLONG))?.copy_from_slice(path);
    Ok(address)
}

/// Returns the path of an address.
pub(super) fn unix_path(address: &UnixAddress) -> &[u8] {
    until(&address[UNIX_PATH..], 0)
}

/// Starts to connect a stream to the address; returns whether it is connected already.
pub(super) fn connect_stream(address: &[u8], options: &Options, is_tcp: bool) -> Result<(Fd, bool), Errno> {
    let socket = new(libc::SOCK_STREAM, address)?;
    options.set(&socket, is_tcp);
    match connect(&socket, address) {
        Ok(()) => Ok((socket, true)),
        Err(Errno(libc::EINPROGRESS)) => Ok((socket, false)),
        Err(errno) => Err(errno),
    }
}

/// Opens a socket of datagrams that all go to the address, and come from there; sends nothing.
pub(super) fn connect_datagram(address: &Address) -> Result<Fd, Errno> {
    let socket = new(libc::SOCK_DGRAM, address.bytes())?;
    connect(&socket, address.bytes())?;
    Ok(socket)
}

/// Opens a socket for addresses of that family, whose calls never wait.
pub(super) fn new(kind: c_int, address: &[u8]) -> Result<Fd, Errno> {
    let family = address.first_chunk().copied().map_or(0, u16::from_ne_bytes);
    let kind = kind | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    // SAFETY: the call takes numbers only.
    check(unsafe { libc::socket(family.into(), kind, 0) }).map(Fd::new)
}

/// Connects the socket to the address, which is in the kernel's form.
pub(super) fn connect(socket: &Fd, address: &[u8]) -> Result<(), Errno> {
    let length = address.len() as libc::socklen_t;
    // SAFETY: the address is readable for its length.
    check(unsafe { libc::connect(socket.number(), address.as_ptr().cast(), length) }).map(drop)
}

/// Binds the socket to the address, which is in the kernel's form.
pub(super) fn bind(socket: &Fd, address: &[u8]) -> Result<(), Errno> {
    let length = address.len() as libc::socklen_t;
    // SAFETY: the address is readable for its length.
    check(unsafe { libc::bind(socket.number(), address.as_ptr().cast(), length) }).map(drop)
}

/// Returns the result of a connect that was not done at once, once the socket is writable.
pub(super) fn connect_result(socket: &Fd) -> Result<(), Errno> {
    let mut error: c_int = 0;
    option(socket, libc::SOL_SOCKET, libc::SO_ERROR, &mut error)?;
    match error {
        0 => Ok(()),
        error => Err(Errno(error)),
    }
}

/// Reads an option; returns how many bytes of it there are.
fn option<T>(socket: &Fd, level: c_int, name: c_int, value: &mut T) -> Result<usize, Errno> {
    let mut length = size_of::<T>() as libc::socklen_t;
    let start = core::ptr::from_mut(value).cast();
    // SAFETY: the value is writable for its size, and each caller's type consists of integers, of which any bytes are valid.
    check(unsafe { libc::getsockopt(socket.number(), level, name, start, &raw mut length) })?;
    Ok(length as usize)
}

/// Returns what the kernel knows of the peer; `None` if it does not report it (qemu's user mode returns four bytes).
fn tcp_info(socket: &Fd) -> Option<libc::tcp_info> {
    // SAFETY: all zeros is a value of it.
    let mut info: libc::tcp_info = unsafe { zeroed() };
    let length = option(socket, libc::IPPROTO_TCP, libc::TCP_INFO, &mut info).ok()?;
    (length > offset_of!(libc::tcp_info, tcpi_last_ack_recv)).then_some(info)
}

/// Returns the milliseconds since the peer has answered anything, if it owes an answer: to data that was sent, or to a
/// window probe that had to be repeated.
pub(super) fn silence(socket: &Fd) -> Option<u64> {
    let info = tcp_info(socket)?;
    let owes_answer = info.tcpi_unacked > 0 || info.tcpi_probes >= 2;
    owes_answer.then_some(info.tcpi_last_ack_recv.into())
}

/// Sends as much of the pieces as the socket takes (`sendmsg(2)`); returns the number of bytes.
pub(super) fn send(socket: &Fd, pieces: &[&[u8]]) -> Result<usize, Errno> {
    gather(pieces, &mut |vectors| {
        // SAFETY: all zeros is a value of a message: one without an address, pieces and control data.
        let mut message: libc::msghdr = unsafe { zeroed() };
        message.msg_iov = vectors.as_mut_ptr();
        message.msg_iovlen = vectors.len() as _;
        // SAFETY: the message has no address, and as many vectors as it states; each is a slice, which the call only reads.
        unsafe { libc::sendmsg(socket.number(), &raw const message, WITHOUT_WAITING) }
    })
}

/// Receives what has come, up to the buffer's length.
pub(super) fn receive(socket: &Fd, buffer: &mut [u8]) -> Result<usize, Errno> {
    let (start, length) = (buffer.as_mut_ptr().cast(), buffer.len());
    // SAFETY: the buffer is writable for its length.
    check_length(unsafe { libc::recv(socket.number(), start, length, WITHOUT_WAITING) })
}

/// Bytes that are read at once before a connection is closed, and how often.
const LAST_PIECE: usize = 4_096;
const LAST_PIECES: usize = 16;

/// Ends a connection so that what was sent still arrives: a socket that is closed with something unread in it is reset,
/// and what the peer has not taken yet is lost.
pub(super) fn hang_up(socket: &Fd) {
    // SAFETY: the call takes numbers only.
    unsafe { libc::shutdown(socket.number(), libc::SHUT_WR) };
    let mut piece = [0; LAST_PIECE];
    for _ in 0..LAST_PIECES {
        if !matches!(receive(socket, &mut piece), Ok(1..)) {
            return;
        }
    }
}

/// Returns the count of bytes that a request of `ioctl(2)` answers, or the largest number if the kernel has none.
pub(super) fn count(fd: &Fd, request: libc::Ioctl) -> u64 {
    let mut count: c_int = 0;
    // SAFETY: each caller's request writes an int.
    let answer = unsafe { libc::ioctl(fd.number(), request, &raw mut count) };
    if answer == -1 { u64::MAX } else { count as u64 }
}

/// Returns whether the socket is connected to itself: a port of this host without a listener that lies among those for
/// outgoing connections is now and then given to the very socket that connects to it (RFC 9293, section 3.5).
pub(super) fn is_self_connected(socket: &Fd) -> bool {
    match (local_address(socket), address(socket, libc::getpeername)) {
        (Ok(local), Ok(peer)) => local == peer,
        _ => false,
    }
}

/// Returns this side's address.
pub(super) fn local_address(socket: &Fd) -> Result<Address, Errno> {
    address(socket, libc::getsockname)
}

/// `getsockname(2)` or `getpeername(2)`.
type GetName = unsafe extern "C" fn(c_int, *mut libc::sockaddr, *mut libc::socklen_t) -> c_int;

fn address(socket: &Fd, get_name: GetName) -> Result<Address, Errno> {
    let mut bytes = [0; LENGTH];
    let mut length = LENGTH as libc::socklen_t;
    // SAFETY: the buffer is writable for the length that is passed.
    check(unsafe { get_name(socket.number(), bytes.as_mut_ptr().cast(), &raw mut length) })?;
    Address::from_kernel(bytes).ok_or(INVALID)
}

/// Opens a pipe, whose ends do not wait; returns the reading end first.
pub(super) fn pipe() -> Result<(Fd, Fd), Errno> {
    let mut ends = [0; 2];
    // SAFETY: the array has room for two descriptors.
    check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) })?;
    let [reading, writing] = ends.map(Fd::new);
    Ok((reading, writing))
}
