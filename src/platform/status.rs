//! The status of a file (`stat(2)`).

use super::errno::check;
use super::fd::Fd;
use super::file::call_with;
use core::ffi::c_int;
use core::mem::MaybeUninit;

// glibc has narrow forms, too, on 32-bit machines; musl has only wide ones.
#[cfg(not(target_env = "gnu"))]
use libc::{fstat, fstatat, stat as Stat};
#[cfg(target_env = "gnu")]
use libc::{fstat64 as fstat, fstatat64 as fstatat, stat64 as Stat};

/// The status of a file (`stat(2)`).
pub(super) struct Status(Stat);

impl Status {
    /// Returns the status of an open file.
    pub(super) fn of(file: &Fd) -> Option<Self> {
        Self::of_number(file.number())
    }

    pub(super) fn of_number(descriptor: c_int) -> Option<Self> {
        let mut answer = MaybeUninit::<Stat>::zeroed();
        // SAFETY: the call may write to the whole answer.
        check(unsafe { fstat(descriptor, answer.as_mut_ptr()) }).ok()?;
        // SAFETY: the call has filled it.
        Some(Self(unsafe { answer.assume_init() }))
    }

    /// Returns the status of the file at a path, of a link itself unless it is followed. The file is not opened:
    /// closing it would give up a lock of this process.
    pub(super) fn at(path: &[u8], is_followed: bool) -> Option<Self> {
        let mut answer = MaybeUninit::<Stat>::zeroed();
        let flags = if is_followed { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
        call_with(path, &mut |path| {
            // SAFETY: the path ends in NUL and the call may write to the whole answer.
            unsafe { fstatat(libc::AT_FDCWD, path, answer.as_mut_ptr(), flags) }
        })
        .ok()?;
        // SAFETY: the call has filled it.
        Some(Self(unsafe { answer.assume_init() }))
    }

    /// Returns whether the path leads to the file.
    pub(super) fn is_at(&self, path: &[u8], is_followed: bool) -> bool {
        let identity = |status: &Self| (status.0.st_dev, status.0.st_ino);
        Self::at(path, is_followed).is_some_and(|there| identity(&there) == identity(self))
    }

    /// Returns whether the file is of this type (`S_IFMT`, `inode(7)`).
    pub(super) fn is_kind(&self, kind: libc::mode_t) -> bool {
        self.0.st_mode & libc::S_IFMT == kind
    }

    /// Returns whether its owner is root or the user of this process.
    pub(super) fn is_own(&self) -> bool {
        self.0.st_uid == 0 || self.0.st_uid == user()
    }

    /// Returns whether it has other names.
    pub(super) fn has_links(&self) -> bool {
        self.0.st_nlink > 1
    }

    /// Returns whether its group or others can write to it.
    pub(super) fn is_writable_by_others(&self) -> bool {
        self.0.st_mode & (libc::S_IWGRP | libc::S_IWOTH) != 0
    }
}

/// Returns the user of this process.
fn user() -> libc::uid_t {
    // SAFETY: the call takes nothing.
    unsafe { libc::geteuid() }
}

/// Returns whether this process may use the space that a disk reserves.
pub(super) fn is_root() -> bool {
    user() == 0
}

/// Returns whether the open file is of this type.
pub(super) fn is_kind(file: &Fd, kind: libc::mode_t) -> bool {
    Status::of(file).is_some_and(|status| status.is_kind(kind))
}
