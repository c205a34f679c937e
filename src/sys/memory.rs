//! Memory straight from the kernel.

use super::errno::last;
use crate::world::Errno;
use core::ptr::null_mut;
use core::slice::from_raw_parts_mut;

/// Zeroed memory of that length for the rest of the program's life. A page costs nothing until
/// it is written.
pub fn map(length: usize) -> Result<&'static mut [u8], Errno> {
    let access = libc::PROT_READ | libc::PROT_WRITE;
    let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
    // SAFETY: a new private mapping at an address of the kernel's choice touches nothing there is.
    let start = unsafe { libc::mmap(null_mut(), length, access, kind, -1, 0) };
    if start == libc::MAP_FAILED {
        return Err(last());
    }
    // SAFETY: the mapping is that long, readable, writable, zeroed, ours alone and never unmapped.
    Ok(unsafe { from_raw_parts_mut(start.cast(), length) })
}
