//! Stream sockets, none of which ever waits.

use super::address;
use super::errno::{INVALID, check, check_length, last};
use super::fd::Fd;
use crate::world::Errno;
use core::ffi::{c_int, c_void};
use core::mem::size_of;
use core::net::SocketAddr;

/// The longest path of a Unix socket (`unix(7)`: 108 with its NUL).
pub(super) const UNIX_PATH_MAX: usize = 107;

const WITHOUT_WAITING: c_int = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;

/// Options of a new socket: level, name, value; the first is for sockets of all kinds.
pub(super) struct Options([(c_int, c_int, c_int); 6]);

/// Silent spans after which an idle peer is given up: one before it is asked, and one for each answer
/// that it owes.
const SPANS: c_int = 3;

impl Options {
    /// `send_buffer` is in bytes, `timeout` in milliseconds: what is sent may stay unacknowledged for so
    /// long, in whole seconds (`TCP_USER_TIMEOUT`, `tcp(7)`). An idle peer is asked whether it is still
    /// there, so that it is missed after about the same time.
    pub(super) fn new(send_buffer: usize, timeout: u32) -> Self {
        let seconds = (timeout / 1_000).max(1) as c_int;
        let span = (seconds / SPANS).max(1);
        Self([
            (libc::SOL_SOCKET, libc::SO_SNDBUF, send_buffer as c_int),
            (libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1),
            (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, seconds * 1_000),
            (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, span),
            (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, span),
            (libc::IPPROTO_TCP, libc::TCP_KEEPCNT, SPANS - 1),
        ])
    }

    /// A kernel that lacks one does without: the connection is worth more.
    fn set(&self, socket: &Fd, is_tcp: bool) {
        let length = size_of::<c_int>() as libc::socklen_t;
        for (level, name, value) in self.0.iter().take(if is_tcp { self.0.len() } else { 1 }) {
            let value = (&raw const *value).cast::<c_void>();
            // SAFETY: the value is an int and the length says so.
            unsafe { libc::setsockopt(socket.number(), *level, *name, value, length) };
        }
    }
}

/// Starts to connect to the address. Says whether it is connected already.
pub(super) fn connect_tcp(address: &SocketAddr, options: &Options) -> Result<(Fd, bool), Errno> {
    let (bytes, length) = address::encode(address);
    connect_stream(bytes.get(..length).unwrap_or_default(), options, true)
}

/// Starts to connect to the path.
pub(super) fn connect_unix(path: &[u8], options: &Options) -> Result<(Fd, bool), Errno> {
    // Zeros end the path (`unix(7)`).
    let mut address = [0; 2 + UNIX_PATH_MAX + 1];
    let (family, rest) = address.split_at_mut(2);
    family.copy_from_slice(&(libc::AF_UNIX as u16).to_ne_bytes());
    let place = rest.get_mut(..path.len()).filter(|_| path.len() <= UNIX_PATH_MAX);
    place.ok_or(Errno(libc::ENAMETOOLONG))?.copy_from_slice(path);
    connect_stream(&address, options, false)
}

fn connect_stream(address: &[u8], options: &Options, is_tcp: bool) -> Result<(Fd, bool), Errno> {
    let socket = open(libc::SOCK_STREAM | libc::SOCK_NONBLOCK, address)?;
    options.set(&socket, is_tcp);
    match connect(&socket, address) {
        Ok(()) => Ok((socket, true)),
        Err(Errno(libc::EINPROGRESS)) => Ok((socket, false)),
        Err(errno) => Err(errno),
    }
}

/// A socket of that kind that is connected to the address. For one of datagrams, the address is where all go
/// to, and all that come are from there: nothing is sent. Another kind waits until it is connected.
pub(super) fn connected(kind: c_int, address: &SocketAddr) -> Result<Fd, Errno> {
    let (bytes, length) = address::encode(address);
    let bytes = bytes.get(..length).unwrap_or_default();
    let socket = open(kind, bytes)?;
    connect(&socket, bytes)?;
    Ok(socket)
}

/// The number of the network interface of that name (`netdevice(7)`).
pub(super) fn interface(name: &[u8]) -> Option<u32> {
    // Sixteen bytes of name with a NUL, then the answer, in the largest request there is.
    let mut request = [0; 40];
    request
        .get_mut(..15)?
        .get_mut(..name.len())?
        .copy_from_slice(name);
    // SAFETY: the call takes numbers only.
    let socket =
        Fd::from_answer(unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0) });
    // SAFETY: this request reads and writes as much as there is.
    check(unsafe {
        libc::ioctl(
            socket.ok()?.number(),
            libc::SIOCGIFINDEX as _,
            request.as_mut_ptr(),
        )
    })
    .ok()?;
    Some(u32::from_ne_bytes(*request.get(16..)?.first_chunk()?))
}

/// A socket for such addresses.
fn open(kind: c_int, address: &[u8]) -> Result<Fd, Errno> {
    let family = address
        .first_chunk()
        .map_or(0, |family| u16::from_ne_bytes(*family));
    // SAFETY: the call takes numbers only.
    Fd::from_answer(unsafe { libc::socket(family.into(), kind | libc::SOCK_CLOEXEC, 0) })
}

fn connect(socket: &Fd, address: &[u8]) -> Result<(), Errno> {
    let length = address.len() as libc::socklen_t;
    // SAFETY: the address is readable for its length.
    check(unsafe { libc::connect(socket.number(), address.as_ptr().cast(), length) })?;
    Ok(())
}

/// How a connect that was not done at once went, once the socket is writable.
pub(super) fn outcome(socket: &Fd) -> Result<(), Errno> {
    let (mut error, mut length) = (0 as c_int, size_of::<c_int>() as libc::socklen_t);
    let value = (&raw mut error).cast::<c_void>();
    // SAFETY: the value has room for an int and the length says so.
    check(unsafe {
        libc::getsockopt(
            socket.number(),
            libc::SOL_SOCKET,
            libc::SO_ERROR,
            value,
            &raw mut length,
        )
    })?;
    if error == 0 { Ok(()) } else { Err(Errno(error)) }
}

/// Sends as much of it as is taken.
pub(super) fn send(socket: &Fd, bytes: &[u8]) -> Result<usize, Errno> {
    // SAFETY: the slice is readable for its length.
    check_length(unsafe {
        libc::send(
            socket.number(),
            bytes.as_ptr().cast(),
            bytes.len(),
            WITHOUT_WAITING,
        )
    })
}

/// Receives what is there.
pub(super) fn receive(socket: &Fd, buffer: &mut [u8]) -> Result<usize, Errno> {
    let (start, length) = (buffer.as_mut_ptr().cast(), buffer.len());
    // SAFETY: the buffer is writable for its length.
    check_length(unsafe { libc::recv(socket.number(), start, length, WITHOUT_WAITING) })
}

/// Sent bytes that the peer has not acknowledged (`SIOCOUTQ`, `tcp(7)`).
pub(super) fn unacked(socket: &Fd) -> Result<u64, Errno> {
    let mut count: c_int = 0;
    // SAFETY: this request writes an int. (TIOCOUTQ is SIOCOUTQ by another name.)
    check(unsafe { libc::ioctl(socket.number(), libc::TIOCOUTQ, &raw mut count) })?;
    u64::try_from(count).map_err(|_| INVALID)
}

/// A socket without a listener may have met itself: a port of this host that lies among those for
/// outgoing connections is now and then given to the very socket that dials it (RFC 9293, 3.5).
pub(super) fn has_met_itself(socket: &Fd) -> bool {
    match (
        address(socket, libc::getsockname),
        address(socket, libc::getpeername),
    ) {
        (Ok(local), Ok(peer)) => local == peer,
        _ => false,
    }
}

/// This side's address.
pub(super) fn local_address(socket: &Fd) -> Result<SocketAddr, Errno> {
    address(socket, libc::getsockname)
}

type AskAddress = unsafe extern "C" fn(c_int, *mut libc::sockaddr, *mut libc::socklen_t) -> c_int;

fn address(socket: &Fd, ask: AskAddress) -> Result<SocketAddr, Errno> {
    let mut bytes = [0; address::LENGTH_MAX];
    let mut length = bytes.len() as libc::socklen_t;
    // SAFETY: there is room for as much as the length says.
    check(unsafe { ask(socket.number(), bytes.as_mut_ptr().cast(), &raw mut length) })?;
    address::decode(&bytes).ok_or(INVALID)
}

/// Both ends of a new pipe, the reading one first.
pub(super) fn pipe() -> Result<(Fd, Fd), Errno> {
    let mut ends = [0; 2];
    // SAFETY: the array has room for two descriptors.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC | libc::O_NONBLOCK) } == -1 {
        return Err(last());
    }
    Ok((Fd::from_answer(ends[0])?, Fd::from_answer(ends[1])?))
}
