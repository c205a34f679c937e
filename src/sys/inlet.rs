//! A Unix socket (`unix(7)`) at which programs of this machine hand in datagrams.

use super::call::{call, int, number, socket_call};
use super::fd::Fd;
use super::file::{open, with_c_path};
use super::machine::{identity, is_kind};
use super::socket::{self, UNIX_PATH_MAX, receive, unix_address};
use crate::world::Errno;
use core::ffi::c_int;

/// What nobody but the user and the group may do.
const MASK: usize = 0o117;

/// The socket, as long as it is open.
pub(super) struct Inlet {
    socket: Fd,
    path: [u8; UNIX_PATH_MAX],
    length: usize,
    /// The file of it: what is at the path later may be somebody else's.
    file: Option<(u64, u64)>,
}

impl Inlet {
    /// Listens there; a socket that nobody listens at any more gives way.
    pub(super) fn open(path: &[u8]) -> Result<Self, Errno> {
        let address = unix_address(path)?;
        let new = || socket::new(libc::AF_UNIX, libc::SOCK_DGRAM | libc::SOCK_NONBLOCK);
        let reach = |call, socket: &Fd| {
            let arguments = [
                socket.argument(),
                address.as_ptr() as usize,
                address.len(),
                0,
                0,
                0,
            ];
            // SAFETY: the address is readable for its length.
            unsafe { socket_call(call, &arguments) }
        };
        match reach(number::CONNECT, &new()?) {
            Ok(_) => return Err(Errno::BUSY),
            // A file of another kind refuses, too.
            Err(Errno(libc::ECONNREFUSED)) if is_socket(path) => unlink(path)?,
            Err(_) => {}
        }
        let socket = new()?;
        let before = mask(MASK);
        let bound = reach(number::BIND, &socket);
        mask(before);
        bound?;
        let mut inlet = Self {
            socket,
            path: [0; UNIX_PATH_MAX],
            length: path.len(),
            file: identity_at(path),
        };
        // The address has room for no longer one.
        inlet
            .path
            .iter_mut()
            .zip(path)
            .for_each(|(place, byte)| *place = *byte);
        Ok(inlet)
    }

    pub(super) fn number(&self) -> c_int {
        self.socket.number()
    }

    /// Whether this is its path.
    pub(super) fn is_at(&self, path: &[u8]) -> bool {
        self.path.get(..self.length) == Some(path)
    }

    /// Takes one datagram, as much of it as fits: its length; `None` if there is none.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> Option<usize> {
        receive(&self.socket, buffer).ok()
    }
}

impl Drop for Inlet {
    fn drop(&mut self) {
        let path = self.path.get(..self.length).unwrap_or_default();
        if self.file.is_some() && identity_at(path) == self.file {
            let _ = unlink(path);
        }
    }
}

/// Device and number of the file at the path.
fn identity_at(path: &[u8]) -> Option<(u64, u64)> {
    identity(open(path, libc::O_PATH | libc::O_NOFOLLOW).ok()?.number())
}

fn is_socket(path: &[u8]) -> bool {
    let found = open(path, libc::O_PATH | libc::O_NOFOLLOW);
    found.is_ok_and(|fd| is_kind(fd.number(), &[libc::S_IFSOCK]))
}

fn unlink(path: &[u8]) -> Result<(), Errno> {
    with_c_path(path, |path| {
        // SAFETY: the path ends in NUL.
        unsafe { call(libc::SYS_unlinkat, int(libc::AT_FDCWD), path.as_ptr() as usize, 0) }
    })
    .map(|_| ())
}

/// Sets what new files may not have; answers what it was before.
fn mask(mask: usize) -> usize {
    // SAFETY: the call takes a number only.
    unsafe { call(libc::SYS_umask, mask, 0, 0) }.unwrap_or(MASK)
}
