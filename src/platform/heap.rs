//! The allocator: memory for miniserde while JSON is read.

use super::memory::map;
use core::alloc::{GlobalAlloc, Layout};
use core::ptr::null_mut;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

/// Bytes of the heap. A page takes memory once it is written.
const LENGTH: usize = 2 << 20;

/// Bytes that may stay mapped when all blocks are free.
const KEPT: usize = 16 << 10;

/// A bump allocator that starts over when all blocks are free. The program has one thread.
pub struct Heap;

/// Start of the heap; null while it is not mapped.
static START: AtomicPtr<u8> = AtomicPtr::new(null_mut());
/// Bytes that are allocated from there on.
static TAKEN: AtomicUsize = AtomicUsize::new(0);
/// Blocks in use.
static PIECES: AtomicUsize = AtomicUsize::new(0);

// SAFETY: no two blocks overlap, as each begins after the one before; they stay until all are free.
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
        // The heap starts at a page.
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
        // What a line needs is kept for the next one; what a file needs is given back.
        if left == 0 && TAKEN.load(Relaxed) > KEPT {
            let start = START.load(Relaxed);
            // SAFETY: this is the mapping, and no block of it is in use.
            unsafe { libc::munmap(start.cast(), LENGTH) };
            START.store(null_mut(), Relaxed);
        }
    }
}
