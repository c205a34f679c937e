//! Facts about the machine and its file systems.

use super::clock;
use super::errno::check;
use super::file::{File, call_with};
use crate::base::fields::until;
use crate::base::text::hash;
use crate::platform::Errno;
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

// glibc has a narrow form, too, on 32-bit machines; musl has only a wide one.
#[cfg(not(target_env = "gnu"))]
use libc::{statfs, statfs as StatFs};
#[cfg(target_env = "gnu")]
use libc::{statfs64 as statfs, statfs64 as StatFs};

/// Returns the sizes of the file system at the path. A network file system may block this call.
#[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
pub fn file_system(path: &[u8]) -> Result<FileSystem, Errno> {
    let mut answer = MaybeUninit::<StatFs>::zeroed();
    // SAFETY: the path ends in NUL and the call may write to the whole answer.
    call_with(path, &mut |path| unsafe { statfs(path, answer.as_mut_ptr()) })?;
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
    // SAFETY: the call takes a number and returns one.
    unsafe { libc::getauxval(libc::AT_PAGESZ) }.into()
}

/// Returns the ticks a second in which `/proc` counts time.
#[allow(clippy::useless_conversion)]
pub fn ticks_per_second() -> u64 {
    // SAFETY: the call takes a number and returns one.
    unsafe { libc::getauxval(libc::AT_CLKTCK) }.into()
}

/// Returns the host's name (`gethostname(2)`), of a buffer that holds it and a NUL.
pub fn host_name(buffer: &mut [u8]) -> Result<&[u8], Errno> {
    // SAFETY: the buffer is writable for its length.
    check(unsafe { libc::gethostname(buffer.as_mut_ptr().cast(), buffer.len()) })?;
    Ok(until(buffer, 0))
}

/// Returns an unpredictable number.
pub fn random() -> u32 {
    // For a kernel that has no such call (before 3.17), or not enough to answer yet.
    let mut random = clock::monotonic_nanos() as u32;
    // SAFETY: the call takes a number, and returns an address, or 0.
    let seed = unsafe { libc::getauxval(libc::AT_RANDOM) } as *const u32;
    if !seed.is_null() {
        // SAFETY: it points to 16 random bytes that live as long as the program (getauxval(3)).
        random ^= unsafe { seed.read_unaligned() };
    }
    let (start, length) = ((&raw mut random).cast(), size_of_val(&random));
    // SAFETY: the number is writable for its length.
    unsafe { libc::getrandom(start, length, libc::GRND_NONBLOCK) };
    random
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
