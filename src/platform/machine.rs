//! Facts about the machine, its file systems and files.

use super::clock;
use super::errno::check;
use super::file::{File, with_c_path};
use crate::base::text::{Text, hash};
use crate::platform::Errno;
use core::ffi::c_int;
use core::mem::MaybeUninit;

/// Sizes of a file system, in blocks (`statfs(2)`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FileSystem {
    /// Bytes a block.
    pub unit: u64,
    /// All blocks.
    pub blocks: u64,
    /// Blocks that are free.
    pub free: u64,
    /// Blocks that are free to others than root.
    pub available: u64,
    /// All inodes; 0 where there is no fixed number of them.
    pub inodes: u64,
    /// Inodes that are free.
    pub inodes_free: u64,
}

// glibc has narrow forms, too, on 32-bit machines; musl has only wide ones.
#[cfg(not(target_env = "gnu"))]
use libc::{fstat, fstatat, stat as Stat, statfs, statfs as StatFs};
#[cfg(target_env = "gnu")]
use libc::{fstat64 as fstat, fstatat64 as fstatat, stat64 as Stat, statfs64 as statfs, statfs64 as StatFs};

/// Returns the sizes of the file system at the path. A network file system may block this call.
#[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
pub fn file_system(path: &[u8]) -> Result<FileSystem, Errno> {
    let mut answer = MaybeUninit::<StatFs>::zeroed();
    with_c_path(path, |path| {
        // SAFETY: the path ends in NUL and the answer has room for what the call writes.
        check(unsafe { statfs(path.as_ptr(), answer.as_mut_ptr()) })
    })?;
    // SAFETY: the call has filled it, and all zeros would be one of its values, too.
    let answer = unsafe { answer.assume_init() };
    Ok(FileSystem {
        unit: answer.f_frsize as u64,
        blocks: answer.f_blocks as u64,
        free: answer.f_bfree as u64,
        available: answer.f_bavail as u64,
        inodes: answer.f_files as u64,
        inodes_free: answer.f_ffree as u64,
    })
}

/// Returns the bytes of a page of memory.
#[allow(clippy::useless_conversion)]
pub fn page_size() -> u64 {
    // SAFETY: the call takes a number and answers one.
    unsafe { libc::getauxval(libc::AT_PAGESZ) }.into()
}

/// Returns the ticks a second in which `/proc` counts time.
#[allow(clippy::useless_conversion)]
pub fn ticks_per_second() -> u64 {
    // SAFETY: the call takes a number and answers one.
    unsafe { libc::getauxval(libc::AT_CLKTCK) }.into()
}

/// Returns the host's name (`uname(2)`), truncated to the buffer.
pub fn host_name(buffer: &mut [u8]) -> Result<&[u8], Errno> {
    let mut names = MaybeUninit::<libc::utsname>::zeroed();
    // SAFETY: there is room for what the call writes.
    check(unsafe { libc::uname(names.as_mut_ptr()) })?;
    // SAFETY: the call has filled it.
    let names = unsafe { names.assume_init() };
    let mut text = Text::new(buffer);
    for byte in names.nodename.iter().take_while(|byte| **byte != 0) {
        text.put(&[*byte as u8]);
    }
    Ok(text.into_bytes())
}

/// Returns a number that differs between starts and between machines.
pub fn random_seed() -> u32 {
    // SAFETY: the call takes a number and answers one.
    let address = unsafe { libc::getauxval(libc::AT_RANDOM) };
    let bytes = address as *const [u8; 4];
    if bytes.is_null() {
        return 1;
    }
    // SAFETY: not null, it points to 16 random bytes that live as long as the program (getauxval(3)).
    u32::from_ne_bytes(unsafe { *bytes })
}

/// Returns an unpredictable number.
pub(super) fn random() -> u32 {
    // For a kernel that has no such call (before 3.17), or not enough to answer yet.
    let mut bytes = (random_seed() ^ clock::monotonic_nanos() as u32).to_ne_bytes();
    // SAFETY: the bytes are writable for their length.
    unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), libc::GRND_NONBLOCK) };
    u32::from_ne_bytes(bytes)
}

/// Returns a number that differs between boots (`random(4)`), 0 if there is none.
pub fn boot() -> u32 {
    let mut id = [0; 64];
    let file = File::open(b"/proc/sys/kernel/random/boot_id");
    match file.and_then(|file| file.read_at(&mut id, 0)) {
        Ok(length) if length > 0 => hash(id.get(..length).unwrap_or_default()).max(1),
        _ => 0,
    }
}

/// Returns the status of the file behind a descriptor (`fstat(2)`).
fn about(descriptor: c_int) -> Option<Stat> {
    let mut answer = MaybeUninit::<Stat>::zeroed();
    // SAFETY: the answer has room for what the call writes.
    check(unsafe { fstat(descriptor, answer.as_mut_ptr()) }).ok()?;
    // SAFETY: the call has filled it.
    Some(unsafe { answer.assume_init() })
}

/// Returns the status of the file at a path, of a link itself unless it is followed. The file is not opened: closing it
/// would give up a lock of this process.
fn about_path(path: &[u8], is_followed: bool) -> Option<Stat> {
    let mut answer = MaybeUninit::<Stat>::zeroed();
    let flags = if is_followed { 0 } else { libc::AT_SYMLINK_NOFOLLOW };
    with_c_path(path, |path| {
        // SAFETY: the path ends in NUL and the answer has room for what the call writes.
        check(unsafe { fstatat(libc::AT_FDCWD, path.as_ptr(), answer.as_mut_ptr(), flags) })
    })
    .ok()?;
    // SAFETY: the call has filled it.
    Some(unsafe { answer.assume_init() })
}

// They are shorter on some targets.
#[allow(clippy::useless_conversion)]
fn numbers(file: &Stat) -> (u64, u64) {
    (file.st_dev.into(), file.st_ino.into())
}

/// Returns the device and the inode of the file behind a descriptor.
pub(super) fn identity(descriptor: c_int) -> Option<(u64, u64)> {
    about(descriptor).as_ref().map(numbers)
}

/// Returns the device and the inode of the file at a path.
pub(super) fn identity_at(path: &[u8], is_followed: bool) -> Option<(u64, u64)> {
    about_path(path, is_followed).as_ref().map(numbers)
}

/// Returns whether the open file is of one of these types (`S_IFMT`, `inode(7)`).
pub(super) fn is_kind(descriptor: c_int, kinds: &[libc::mode_t]) -> bool {
    about(descriptor).is_some_and(|file| kinds.contains(&(file.st_mode & libc::S_IFMT)))
}

/// Returns whether only its owner, root or this process's user, can write to the open file.
pub(super) fn is_private(descriptor: c_int) -> bool {
    ownership(descriptor).is_some_and(|file| file.is_own && !file.is_open)
}

/// Returns whether the file at a path, not followed, is of this type.
pub(super) fn is_kind_at(path: &[u8], kind: libc::mode_t) -> bool {
    about_path(path, false).is_some_and(|file| file.st_mode & libc::S_IFMT == kind)
}

/// The access that others have to a file.
pub(super) struct Ownership {
    /// Its owner is root or the user of this process.
    pub(super) is_own: bool,
    /// It has other names.
    pub(super) has_links: bool,
    /// Its group or others can write to it.
    pub(super) is_open: bool,
}

/// Returns the access that others have to the file behind a descriptor.
pub(super) fn ownership(descriptor: c_int) -> Option<Ownership> {
    // SAFETY: it takes nothing.
    let user = unsafe { libc::geteuid() };
    about(descriptor).map(|file| Ownership {
        is_own: file.st_uid == 0 || file.st_uid == user,
        has_links: file.st_nlink > 1,
        is_open: file.st_mode & (libc::S_IWGRP | libc::S_IWOTH) != 0,
    })
}
