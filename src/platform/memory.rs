//! Memory straight from the kernel.

use super::call::{int, long_call};
use crate::platform::Errno;
use core::ffi::c_int;
use core::slice::from_raw_parts_mut;

// The offset of the 32-bit call is in pages; it is 0 here.
#[cfg(target_pointer_width = "64")]
pub(super) use libc::SYS_mmap as SYS_MMAP;
#[cfg(target_pointer_width = "32")]
pub(super) use libc::SYS_mmap2 as SYS_MMAP;

/// Zeroed memory of that length for the rest of the program's life. A page costs nothing until
/// it is written.
pub(super) fn map(length: usize) -> Result<&'static mut [u8], Errno> {
    map_from(-1, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, length)
}

/// The same with what is behind that descriptor.
pub(super) fn map_from(descriptor: c_int, kind: c_int, length: usize) -> Result<&'static mut [u8], Errno> {
    let access = int(libc::PROT_READ | libc::PROT_WRITE);
    let arguments = [0, length, access, int(kind), int(descriptor), 0];
    // SAFETY: a new mapping at an address of the kernel's choice touches nothing there is.
    let start = unsafe { long_call(SYS_MMAP, &arguments) }?;
    // SAFETY: the mapping is that long, readable, writable and nobody else's.
    Ok(unsafe { from_raw_parts_mut(start as *mut u8, length) })
}
