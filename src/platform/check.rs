//! What a start would find, asked without changing anything and without a request to a receiver (`-check`).

use super::address::Address;
use super::environment::{PATH, variable};
use super::fd::reserve_descriptor;
use super::file::{PATH_MAX, call_with, for_each_line};
use super::lookup;
use super::socket::unix_address;
use super::status::Status;
use crate::base::fields::{fields, has};
use crate::base::text::Text;
use crate::platform::Errno;
use core::ffi::c_int;

/// The path is in use.
const IN_USE: Errno = Errno(libc::EADDRINUSE);
/// The type of a datagram socket in `/proc/net/unix` (`SOCK_DGRAM`; another number on MIPS).
const DATAGRAM: u8 = b'0' + libc::SOCK_DGRAM as u8;

/// Checks that a start can listen at the path. Returns whether another process listens there.
pub fn check_listener(path: &[u8]) -> Result<bool, Errno> {
    unix_address(path)?;
    reserve_descriptor()?;
    let Some(status) = Status::at(path, false) else {
        // A path that ends in a slash has no name for a new file.
        return check_new(path)
            .map_err(|errno| {
                if errno == Errno(libc::EISDIR) {
                    Errno::NOT_FOUND
                } else {
                    errno
                }
            })
            .map(|()| false);
    };
    if !status.is_kind(libc::S_IFSOCK) || access(path, libc::W_OK).is_err() {
        return Err(IN_USE);
    }
    match kind_of_socket(path) {
        Some(DATAGRAM) => Ok(true),
        Some(_) => Err(IN_USE),
        // A start removes it.
        None => check_new(path).map(|()| false),
    }
}

/// Returns the digit of the type of the socket that is bound to the path, if one is.
fn kind_of_socket(path: &[u8]) -> Option<u8> {
    let mut kind = None;
    for_each_line(b"/proc/net/unix", &mut |line| {
        if let Some(start) = line.strip_suffix(path).filter(|start| start.ends_with(b" ")) {
            // Num, RefCount, Protocol, Flags, Type, St, Inode.
            kind = fields(start)
                .nth(4)
                .and_then(|field| field.last())
                .copied()
                .or(kind);
        }
    });
    kind
}

/// Checks that a Unix socket of a receiver exists.
pub fn check_socket(path: &[u8]) -> Result<(), Errno> {
    access(path, libc::W_OK)?;
    match Status::at(path, true) {
        Some(status) if status.is_kind(libc::S_IFSOCK) => Ok(()),
        _ => Err(Errno(libc::ECONNREFUSED)),
    }
}

/// Looks up the host of a receiver, and waits for the answer. Returns the reason why it has no address.
pub fn check_receiver(host: &[u8]) -> Result<(), &'static [u8]> {
    if host.is_empty() || Address::parse(host, 0).is_some() {
        return Ok(());
    }
    lookup::check(host)
}

/// Checks that there is a program of that name, which has a slash or is looked for in `PATH` (another user's if
/// `is_other`), and that this process can run it.
pub fn check_program(name: &[u8], is_other: bool) -> Result<(), Errno> {
    if has(name, b'/') {
        return check_executable(name);
    }
    let directories = if is_other {
        PATH
    } else {
        variable(c"PATH").unwrap_or(PATH)
    };
    let mut result = Err(Errno::NOT_FOUND);
    for directory in directories.split(|byte| *byte == b':') {
        let mut buffer = [0; PATH_MAX];
        let mut path = Text::new(&mut buffer);
        for part in [directory, if directory.is_empty() { b"" } else { b"/" }, name] {
            path.put(part);
        }
        match check_executable(path.bytes()) {
            Ok(()) => return Ok(()),
            Err(Errno(libc::EACCES)) => result = Err(Errno(libc::EACCES)),
            Err(_) => {}
        }
    }
    result
}

fn check_executable(path: &[u8]) -> Result<(), Errno> {
    // A script has to be readable, too, which a program need not be.
    access(path, libc::X_OK)?;
    match Status::at(path, true) {
        Some(status) if status.is_kind(libc::S_IFREG) => Ok(()),
        _ => Err(Errno(libc::EACCES)),
    }
}

/// Checks that this process can read a file.
pub fn check_readable(path: &[u8]) -> Result<(), Errno> {
    access(path, libc::R_OK)
}

/// Checks that this process can make files beside that one.
pub fn check_directory(path: &[u8]) -> Result<(), Errno> {
    access(directory_of(path, &mut [0; PATH_MAX]), libc::W_OK | libc::X_OK)
}

/// Checks the rights of this process (`access(2)`).
fn access(path: &[u8], rights: c_int) -> Result<(), Errno> {
    call_with(path, &mut |path| {
        // SAFETY: the path ends in NUL.
        unsafe { libc::access(path, rights) }
    })
    .map(drop)
}

/// Splits a path after its last slash into directory and name; both may be empty.
pub(super) fn split_path(path: &[u8]) -> (&[u8], &[u8]) {
    let slash = path.iter().rposition(|byte| *byte == b'/');
    path.split_at_checked(slash.map_or(0, |slash| slash + 1))
        .unwrap_or_default()
}

/// Writes the path of a file's directory.
pub(super) fn directory_of<'b>(path: &[u8], buffer: &'b mut [u8; PATH_MAX]) -> &'b [u8] {
    let mut directory = Text::new(buffer);
    directory.put(split_path(path).0);
    directory.put(b".");
    directory.into_bytes()
}

/// Checks that a file can be made at the path, where there is none, or that the one which is there can be removed.
pub(super) fn check_new(path: &[u8]) -> Result<(), Errno> {
    let file = path.strip_suffix(b"/").unwrap_or(path);
    access(directory_of(file, &mut [0; PATH_MAX]), libc::W_OK | libc::X_OK)?;
    if file.len() < path.len() {
        return Err(Errno(libc::EISDIR));
    }
    Ok(())
}
