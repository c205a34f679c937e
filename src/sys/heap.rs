//! Memory for as long as a configuration file is read, which is when miniserde asks for some.

use super::call::call;
use super::memory::map;
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

/// Bytes that there are. A page costs nothing until it is written.
const LENGTH: usize = 2 << 20;

/// Hands out one piece behind the other, and takes all back when the last one has been given back. The program
/// has one thread.
pub struct Heap;

/// Where the pieces are; of use while there is one.
static START: AtomicPtr<u8> = AtomicPtr::new(null_mut());
/// Bytes behind it that have been handed out.
static TAKEN: AtomicUsize = AtomicUsize::new(0);
/// Pieces that have not been given back.
static PIECES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: no two pieces overlap, as each begins behind the one before; they stay until all are given back.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if PIECES.load(Relaxed) == 0 {
            let Ok(memory) = map(LENGTH) else {
                return null_mut();
            };
            START.store(memory.as_mut_ptr(), Relaxed);
            TAKEN.store(0, Relaxed);
        }
        // The start is that of a page.
        let at = TAKEN.load(Relaxed).next_multiple_of(layout.align());
        let Some(end) = at.checked_add(layout.size()).filter(|end| *end <= LENGTH) else {
            return null_mut();
        };
        TAKEN.store(end, Relaxed);
        PIECES.store(PIECES.load(Relaxed) + 1, Relaxed);
        START.load(Relaxed).wrapping_add(at)
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {
        let left = PIECES.load(Relaxed) - 1;
        PIECES.store(left, Relaxed);
        if left == 0 {
            let start = START.load(Relaxed) as usize;
            // SAFETY: this is the mapping, and no piece of it is in use.
            let _ = unsafe { call(libc::SYS_munmap, start, LENGTH, 0) };
        }
    }
}
