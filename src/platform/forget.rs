//! Memory that a running program has no use for, given back to the kernel.

use super::call::{call, int};
use super::machine::page_size;
use core::ffi::c_int;

unsafe extern "C" {
    // Where the program begins, and where its code ends: linkers know.
    static __executable_start: u8;
    static etext: u8;
    // Where that part of the code ends that seldom runs: build.rs has it put first.
    static seldom_end: u8;
}

/// Gives back what so far only the start has used: the pages of the stack below the caller, and those of the
/// program. What of these is read again comes back from the file by itself.
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
fn advise(start: usize, end: usize, advice: c_int) {
    let length = end.saturating_sub(start);
    // SAFETY: the program's pages up to its code's end are as they are in the file; below the stack pointer is nothing.
    let _ = unsafe { call(libc::SYS_madvise, start, length, int(advice)) };
}
