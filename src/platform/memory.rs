//! Memory straight from the kernel.

use super::errno::last;
use crate::platform::Errno;
use core::ffi::c_int;
use core::ptr::null_mut;
use core::slice::from_raw_parts_mut;

/// Maps zeroed memory of that length for the rest of the program's life. A page takes memory once it is written.
pub(super) fn map(length: usize) -> Result<&'static mut [u8], Errno> {
    map_from(-1, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS, length)
}

/// Maps memory of that kind, of the file of that descriptor.
pub(super) fn map_from(descriptor: c_int, kind: c_int, length: usize) -> Result<&'static mut [u8], Errno> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    // SAFETY: a new mapping at an address of the kernel's choice touches nothing there is.
    let start = unsafe { libc::mmap(null_mut(), length, access, kind, descriptor, 0) };
    if start == libc::MAP_FAILED {
        return Err(last());
    }
    // SAFETY: the mapping is that long, readable, writable and used here only.
    Ok(unsafe { from_raw_parts_mut(start.cast(), length) })
}
