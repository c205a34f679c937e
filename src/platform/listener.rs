//! A Unix socket (`unix(7)`) at which programs of this machine hand in datagrams.

use super::fd::Fd;
use super::file::{unlink_at, with_c_path};
use super::machine::{identity_at, is_kind_at};
use super::socket::{self, UNIX_PATH_MAX, receive, unix_address};
use crate::platform::Errno;
use core::ffi::c_int;

/// Permissions that others than the user and the group do not get.
const MASK: libc::mode_t = 0o117;

/// The socket, as long as it is open.
pub(super) struct Listener {
    socket: Fd,
    path: [u8; UNIX_PATH_MAX],
    length: usize,
    /// The file of it: what is at the path later may be somebody else's.
    file: Option<(u64, u64)>,
    is_stopped: bool,
}

impl Listener {
    /// Listens there, in place of a socket that no process listens at any more.
    pub(super) fn open(path: &[u8]) -> Result<Self, Errno> {
        let address = unix_address(path)?;
        let new = || socket::new(libc::AF_UNIX, libc::SOCK_DGRAM | libc::SOCK_NONBLOCK);
        match socket::connect(&new()?, &address) {
            Ok(()) => return Err(Errno::BUSY),
            // A file of another kind refuses, too.
            Err(Errno(libc::ECONNREFUSED)) if is_kind_at(path, libc::S_IFSOCK) => unlink(path)?,
            Err(_) => {}
        }
        let socket = new()?;
        let before = mask(MASK);
        let bound = socket::bind(&socket, &address);
        mask(before);
        bound?;
        let mut listener = Self {
            socket,
            path: [0; UNIX_PATH_MAX],
            length: path.len(),
            file: identity_at(path, false),
            is_stopped: false,
        };
        // The address has room for no longer one.
        listener
            .path
            .iter_mut()
            .zip(path)
            .for_each(|(place, byte)| *place = *byte);
        Ok(listener)
    }

    /// The descriptor to watch; a negative one if nothing can come any more.
    pub(super) fn number(&self) -> c_int {
        if self.is_stopped { -1 } else { self.socket.number() }
    }

    /// Whether it can be reached at this path.
    pub(super) fn is_at(&self, path: &[u8]) -> bool {
        self.path() == path && self.is_there()
    }

    fn path(&self) -> &[u8] {
        self.path.get(..self.length).unwrap_or_default()
    }

    /// Whether its file is.
    fn is_there(&self) -> bool {
        self.file.is_some() && identity_at(self.path(), false) == self.file
    }

    /// Nothing more can be handed in; what has been can still be taken.
    pub(super) fn stop(&mut self) {
        self.is_stopped = true;
        if self.is_there() {
            let _ = unlink(self.path());
        }
        socket::shut_down(&self.socket, libc::SHUT_RD);
    }

    /// Takes one datagram, as much of it as fits: its length; `None` if there is none.
    pub(super) fn receive(&self, buffer: &mut [u8]) -> Option<usize> {
        receive(&self.socket, buffer).ok()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if self.is_there() {
            let _ = unlink(self.path());
        }
    }
}

fn unlink(path: &[u8]) -> Result<(), Errno> {
    with_c_path(path, unlink_at)
}

/// Sets what new files may not have; answers what it was before.
fn mask(mask: libc::mode_t) -> libc::mode_t {
    // SAFETY: the call takes a number only.
    unsafe { libc::umask(mask) }
}
