//! Stream sockets, none of which ever waits.

use super::address::{from_sockaddr, sockaddr_v4, sockaddr_v6};
use super::errno::{INVALID, check, check_length, last};
use super::fd::Fd;
use crate::world::Errno;
use core::ffi::{c_int, c_void};
use core::mem::{MaybeUninit, size_of, zeroed};
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

/// Starts to connect to the address.
pub(super) fn connect_tcp(address: &SocketAddr, options: &Options) -> Result<(Fd, bool), Errno> {
    match address {
        SocketAddr::V4(address) => connect(libc::AF_INET, &sockaddr_v4(*address), options),
        SocketAddr::V6(address) => connect(libc::AF_INET6, &sockaddr_v6(address), options),
    }
}

/// Starts to connect to the path.
pub(super) fn connect_unix(path: &[u8], options: &Options) -> Result<(Fd, bool), Errno> {
    // SAFETY: all zeros is a value of it.
    let mut address: libc::sockaddr_un = unsafe { zeroed() };
    address.sun_family = libc::AF_UNIX as libc::sa_family_t;
    if path.len() > UNIX_PATH_MAX {
        return Err(Errno(libc::ENAMETOOLONG));
    }
    for (place, byte) in address.sun_path.iter_mut().zip(path) {
        *place = *byte as core::ffi::c_char;
    }
    connect(libc::AF_UNIX, &address, options)
}

/// `address` is the `sockaddr` type of that family. Says whether it is connected already.
fn connect<A>(family: c_int, address: &A, options: &Options) -> Result<(Fd, bool), Errno> {
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK | libc::SOCK_CLOEXEC;
    // SAFETY: the call takes numbers only.
    let socket = Fd::from_answer(unsafe { libc::socket(family, kind, 0) })?;
    options.set(&socket, family != libc::AF_UNIX);
    let length = size_of::<A>() as libc::socklen_t;
    // SAFETY: the address is readable for its length.
    let answer = unsafe { libc::connect(socket.number(), (&raw const *address).cast(), length) };
    match check(answer) {
        Ok(_) => Ok((socket, true)),
        Err(Errno(libc::EINPROGRESS)) => Ok((socket, false)),
        Err(errno) => Err(errno),
    }
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
    let mut storage = MaybeUninit::<libc::sockaddr_storage>::zeroed();
    let mut length = size_of::<libc::sockaddr_storage>() as libc::socklen_t;
    // SAFETY: the storage has room for as much as the length says.
    let answer = unsafe { ask(socket.number(), storage.as_mut_ptr().cast(), &raw mut length) };
    check(answer)?;
    // SAFETY: all zeros is a value of it, and the call has filled in an address.
    let storage = unsafe { storage.assume_init() };
    from_sockaddr(&storage).ok_or(INVALID)
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
