//! Stream sockets, none of which ever waits.

use super::address::Address;
use super::call::{call, int, number, socket_call};
use super::errno::{INVALID, check_length};
use super::fd::{EMPTY_VECTOR, Fd, vectors_of};
use crate::platform::{Errno, PIECES_MAX};
use core::ffi::{c_int, c_long};
use core::mem::MaybeUninit;

/// The longest path of a Unix socket (`unix(7)`: 108 with its NUL).
pub(super) const UNIX_PATH_MAX: usize = 107;

const WITHOUT_WAITING: c_int = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;

/// Options of a new socket: level, name, value; the first is for sockets of all kinds.
pub(super) struct Options([(c_int, c_int, c_int); 6]);

/// Silent spans after which an idle peer is given up: one before it is asked, and one for each answer
/// that it owes.
const SPANS: c_int = 3;

impl Options {
    /// `send_buffer` is in bytes, `timeout` in milliseconds: an idle peer is asked whether it is still
    /// there, so that it is missed after about that time.
    ///
    /// The last option is for kernels that do not tell what a peer owes ([`silence`]): sent data may stay
    /// unacknowledged for so long, in whole seconds (`TCP_USER_TIMEOUT`, `tcp(7)`). It ends a connection to a
    /// peer that is alive and has a closed window, too, so others do without it.
    pub(super) fn new(send_buffer: usize, timeout: u32) -> Self {
        let seconds = (timeout / 1_000).max(1) as c_int;
        let span = (seconds / SPANS).max(1);
        Self([
            (libc::SOL_SOCKET, libc::SO_SNDBUF, send_buffer as c_int),
            (libc::SOL_SOCKET, libc::SO_KEEPALIVE, 1),
            (libc::IPPROTO_TCP, libc::TCP_KEEPIDLE, span),
            (libc::IPPROTO_TCP, libc::TCP_KEEPINTVL, span),
            (libc::IPPROTO_TCP, libc::TCP_KEEPCNT, SPANS - 1),
            (libc::IPPROTO_TCP, libc::TCP_USER_TIMEOUT, seconds * 1_000),
        ])
    }

    /// A kernel that lacks one does without: the connection is worth more.
    fn set(&self, socket: &Fd, is_tcp: bool) {
        let count = match is_tcp {
            false => 1,
            true if tcp_info(socket).is_some() => self.0.len() - 1,
            true => self.0.len(),
        };
        for (level, name, value) in self.0.iter().take(count) {
            let value = &raw const *value as usize;
            let arguments = [
                socket.argument(),
                int(*level),
                int(*name),
                value,
                size_of::<c_int>(),
                0,
            ];
            // SAFETY: the value is an int and the length says so.
            let _ = unsafe { socket_call(number::SETSOCKOPT, &arguments) };
        }
    }
}

/// Starts to connect to the address. Says whether it is connected already.
pub(super) fn connect_tcp(address: &Address, options: &Options) -> Result<(Fd, bool), Errno> {
    connect_stream(address.bytes(), options, true)
}

/// A path as an address; zeros end it (`unix(7)`).
pub(super) fn unix_address(path: &[u8]) -> Result<[u8; 2 + UNIX_PATH_MAX + 1], Errno> {
    let mut address = [0; 2 + UNIX_PATH_MAX + 1];
    let (family, rest) = address.split_at_mut(2);
    family.copy_from_slice(&(libc::AF_UNIX as u16).to_ne_bytes());
    let place = rest.get_mut(..path.len()).filter(|_| path.len() <= UNIX_PATH_MAX);
    place.ok_or(Errno(libc::ENAMETOOLONG))?.copy_from_slice(path);
    Ok(address)
}

/// Starts to connect to the path.
pub(super) fn connect_unix(path: &[u8], options: &Options) -> Result<(Fd, bool), Errno> {
    connect_stream(&unix_address(path)?, options, false)
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
pub(super) fn connected(kind: c_int, address: &Address) -> Result<Fd, Errno> {
    let socket = open(kind, address.bytes())?;
    connect(&socket, address.bytes())?;
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
    let Ok(socket) = new(libc::AF_INET, libc::SOCK_DGRAM) else {
        return None;
    };
    ask(
        &socket,
        libc::SIOCGIFINDEX as usize,
        request.as_mut_ptr() as usize,
    )
    .ok()?;
    Some(u32::from_ne_bytes(*request.get(16..)?.first_chunk()?))
}

/// `ioctl(2)`; the request wants what is there, or has room for what it writes.
fn ask(socket: &Fd, request: usize, place: usize) -> Result<usize, Errno> {
    // SAFETY: each caller gives a place for its request.
    unsafe { call(libc::SYS_ioctl, socket.argument(), request, place) }
}

/// A new socket.
pub(super) fn new(family: c_int, kind: c_int) -> Result<Fd, Errno> {
    let arguments = [int(family), int(kind | libc::SOCK_CLOEXEC), 0, 0, 0, 0];
    // SAFETY: the call takes numbers only.
    unsafe { socket_call(number::SOCKET, &arguments) }.map(Fd::new)
}

/// A socket for such addresses.
fn open(kind: c_int, address: &[u8]) -> Result<Fd, Errno> {
    let family = address
        .first_chunk()
        .map_or(0, |family| u16::from_ne_bytes(*family));
    new(family.into(), kind)
}

fn connect(socket: &Fd, address: &[u8]) -> Result<(), Errno> {
    let arguments = [
        socket.argument(),
        address.as_ptr() as usize,
        address.len(),
        0,
        0,
        0,
    ];
    // SAFETY: the address is readable for its length.
    unsafe { socket_call(number::CONNECT, &arguments) }.map(|_| ())
}

/// How a connect that was not done at once went, once the socket is writable.
pub(super) fn connect_result(socket: &Fd) -> Result<(), Errno> {
    let mut error = [0; size_of::<c_int>()];
    option(socket, libc::SOL_SOCKET, libc::SO_ERROR, &mut error)?;
    match c_int::from_ne_bytes(error) {
        0 => Ok(()),
        error => Err(Errno(error)),
    }
}

/// Reads an option; returns how many bytes of it there are.
fn option(socket: &Fd, level: c_int, name: c_int, value: &mut [u8]) -> Result<usize, Errno> {
    let mut length = value.len() as u32;
    let (value, room) = (value.as_mut_ptr() as usize, &raw mut length as usize);
    let arguments = [socket.argument(), int(level), int(name), value, room, 0];
    // SAFETY: the value has room for as many bytes as the length says.
    unsafe { socket_call(number::GETSOCKOPT, &arguments) }?;
    Ok(length as usize)
}

/// Bytes of `struct tcp_info` (`linux/tcp.h`) up to `tcpi_last_ack_recv`, and where its fields are.
const TCP_INFO_LENGTH: usize = 60;
const TCPI_PROBES: usize = 3;
const TCPI_UNACKED: usize = 24;
const TCPI_LAST_ACK_RECV: usize = 56;

/// What the kernel tells of the peer. `None` if it does not tell (qemu's user mode returns four bytes).
fn tcp_info(socket: &Fd) -> Option<[u8; TCP_INFO_LENGTH]> {
    let mut info = [0; TCP_INFO_LENGTH];
    let length = option(socket, libc::IPPROTO_TCP, libc::TCP_INFO, &mut info).ok()?;
    (length == TCP_INFO_LENGTH).then_some(info)
}

/// Milliseconds since the peer has answered anything, if it owes an answer: to data that was sent, or to a
/// window probe that had to be repeated.
pub(super) fn silence(socket: &Fd) -> Option<u64> {
    let info = tcp_info(socket)?;
    let field = |at: usize| Some(u32::from_ne_bytes(*info.get(at..)?.first_chunk()?));
    let owes_answer = field(TCPI_UNACKED)? > 0 || info[TCPI_PROBES] >= 2;
    field(TCPI_LAST_ACK_RECV).filter(|_| owes_answer).map(u64::from)
}

/// Sends as much of the pieces, at most [`PIECES_MAX`], as the socket takes (`sendmsg(2)`).
pub(super) fn send(socket: &Fd, pieces: &[&[u8]]) -> Result<usize, Errno> {
    let mut vectors = [EMPTY_VECTOR; PIECES_MAX];
    let vectors = vectors_of(pieces, &mut vectors);
    let mut message = MaybeUninit::<libc::msghdr>::zeroed();
    let place = message.as_mut_ptr();
    // SAFETY: all zeros is a value of a message: one without an address, pieces and control data.
    let message = unsafe { &mut *place };
    message.msg_iov = vectors.as_mut_ptr();
    message.msg_iovlen = vectors.len() as _;
    // SAFETY: each vector is a slice, which the call only reads.
    check_length(unsafe { libc::sendmsg(socket.number(), message, WITHOUT_WAITING) })
}

/// Receives what is there.
pub(super) fn receive(socket: &Fd, buffer: &mut [u8]) -> Result<usize, Errno> {
    let arguments = [
        socket.argument(),
        buffer.as_mut_ptr() as usize,
        buffer.len(),
        int(WITHOUT_WAITING),
        0,
        0,
    ];
    // SAFETY: the buffer is writable for its length.
    unsafe { socket_call(number::RECVFROM, &arguments) }
}

/// What is read before a connection is closed, piece by piece.
const LAST_PIECE: usize = 4_096;
const LAST_PIECES: usize = 16;

/// Ends a connection so that what was sent still arrives: a socket that is closed with something unread in it is reset,
/// and what the peer has not taken yet is lost.
pub(super) fn hang_up(socket: &Fd) {
    let arguments = [socket.argument(), int(libc::SHUT_WR), 0, 0, 0, 0];
    // SAFETY: the call takes numbers only.
    let _ = unsafe { socket_call(number::SHUTDOWN, &arguments) };
    let mut piece = [0; LAST_PIECE];
    for _ in 0..LAST_PIECES {
        if !matches!(receive(socket, &mut piece), Ok(1..)) {
            return;
        }
    }
}

/// Sent bytes that the peer has not acknowledged (`SIOCOUTQ`, `tcp(7)`).
pub(super) fn unacked(socket: &Fd) -> Result<u64, Errno> {
    // TIOCOUTQ is SIOCOUTQ by another name.
    count(socket, libc::TIOCOUTQ as usize)
}

/// Bytes in a pipe that nobody has read (`pipe(7)`); both ends tell.
pub(super) fn unread(pipe: &Fd) -> Result<u64, Errno> {
    count(pipe, libc::FIONREAD as usize)
}

fn count(fd: &Fd, request: usize) -> Result<u64, Errno> {
    let mut count: c_int = 0;
    ask(fd, request, &raw mut count as usize)?;
    u64::try_from(count).map_err(|_| INVALID)
}

/// A socket without a listener may have met itself: a port of this host that lies among those for
/// outgoing connections is now and then given to the very socket that dials it (RFC 9293, 3.5).
pub(super) fn has_met_itself(socket: &Fd) -> bool {
    match (
        address(socket, number::GETSOCKNAME),
        address(socket, number::GETPEERNAME),
    ) {
        (Ok(local), Ok(peer)) => local == peer,
        _ => false,
    }
}

/// This side's address.
pub(super) fn local_address(socket: &Fd) -> Result<Address, Errno> {
    address(socket, number::GETSOCKNAME)
}

fn address(socket: &Fd, number: c_long) -> Result<Address, Errno> {
    let mut answer = Address::NONE;
    let bytes = answer.bytes_mut();
    let mut length = bytes.len() as u32;
    let (place, room) = (bytes.as_mut_ptr() as usize, &raw mut length as usize);
    // SAFETY: there is room for as much as the length says.
    unsafe { socket_call(number, &[socket.argument(), place, room, 0, 0, 0]) }?;
    Address::from_kernel(*answer.bytes()).ok_or(INVALID)
}

/// Both ends of a new pipe, the reading one first.
pub(super) fn pipe() -> Result<(Fd, Fd), Errno> {
    let mut ends = [0_u32; 2];
    let flags = int(libc::O_CLOEXEC | libc::O_NONBLOCK);
    // SAFETY: the array has room for two descriptors.
    unsafe { call(libc::SYS_pipe2, ends.as_mut_ptr() as usize, flags, 0) }?;
    let [reading, writing] = ends.map(|end| Fd::new(end as usize));
    Ok((reading, writing))
}
