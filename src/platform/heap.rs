//! Memory for as long as JSON is read, which is when miniserde asks for some.

use super::memory::map;
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

/// Bytes that there are. A page costs nothing until it is written.
const LENGTH: usize = 2 << 20;

/// Bytes that have been written to and are kept.
const KEPT: usize = 16 << 10;

/// Hands out one piece behind the other, and takes all back when the last one has been given back. The program
/// has one thread.
pub struct Heap;

/// Where the pieces are; null if there is no memory for them.
static START: AtomicPtr<u8> = AtomicPtr::new(null_mut());
/// Bytes behind it that have been handed out.
static TAKEN: AtomicUsize = AtomicUsize::new(0);
/// Pieces that have not been given back.
static PIECES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: no two pieces overlap, as each begins behind the one before; they stay until all are given back.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if START.load(Relaxed).is_null() {
            let Ok(memory) = map(LENGTH) else {
                return null_mut();
            };
            START.store(memory.as_mut_ptr(), Relaxed);
        }
        if PIECES.load(Relaxed) == 0 {
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
        // A line takes so little that the next one may have it again; a file takes more than it is worth to keep.
        if left == 0 && TAKEN.load(Relaxed) > KEPT {
            let start = START.load(Relaxed);
            // SAFETY: this is the mapping, and no piece of it is in use.
            unsafe { libc::munmap(start.cast(), LENGTH) };
            START.store(null_mut(), Relaxed);
        }
    }
}
