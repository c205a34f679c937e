//! Memory straight from the kernel.

use super::call::{int, long_call};
#[cfg(in_order)]
use super::{call::call, machine::page_size};
use crate::world::Errno;
use core::ffi::c_int;
use core::slice::from_raw_parts_mut;

// The offset of the 32-bit call is in pages; it is 0 here.
#[cfg(target_pointer_width = "64")]
use libc::SYS_mmap as SYS_MMAP;
#[cfg(target_pointer_width = "32")]
use libc::SYS_mmap2 as SYS_MMAP;

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

#[cfg(in_order)]
unsafe extern "C" {
    // Where the program begins, and where its code ends: linkers know.
    static __executable_start: u8;
    static etext: u8;
    // Where that part of the code ends that seldom runs: build.rs has it put first.
    static seldom_end: u8;
}

/// Gives back what so far only the start has used: the pages of the stack below the caller, and those of the
/// program. What of these is read again comes back from the file by itself.
#[cfg(in_order)]
#[inline(never)]
pub fn forget_start() {
    /// The kernel keeps other mappings farther away from the stack.
    const STACK: usize = 128 << 10;
    let page = page_size() as usize;
    let cut = |address: usize| address & !(page - 1);
    let here = cut((&raw const page).addr());
    // This page stays, and the next one for the calls from here.
    advise(
        here.saturating_sub(STACK),
        here.saturating_sub(page),
        libc::MADV_DONTNEED,
    );
    let start = cut((&raw const __executable_start).addr());
    // Neighbours of a page come back along with it, but only those of the same mapping: so there are two.
    advise(start, cut((&raw const seldom_end).addr()), libc::MADV_RANDOM);
    advise(start, cut((&raw const etext).addr()), libc::MADV_DONTNEED);
}

/// A kernel that does not want to is no harm.
#[cfg(in_order)]
fn advise(start: usize, end: usize, advice: c_int) {
    let length = end.saturating_sub(start);
    // SAFETY: the program's pages up to its code's end are as they are in the file; below the stack pointer is nothing.
    let _ = unsafe { call(libc::SYS_madvise, start, length, int(advice)) };
}
