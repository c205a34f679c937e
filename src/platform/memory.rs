//! Memory: mapped from the kernel, of a ring, and for miniserde while JSON is read.

use super::errno::last;
use super::fault;
use crate::platform::Errno;
use crate::ring::{Lent, Words};
use core::alloc::{GlobalAlloc, Layout};
use core::ffi::c_int;
use core::mem::{ManuallyDrop, take};
use core::ptr::{null_mut, with_exposed_provenance_mut};
use core::slice::from_raw_parts_mut;
use core::sync::atomic::{AtomicPtr, AtomicUsize, Ordering::Relaxed};

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
    // SAFETY: the mapping is that long, readable and writable, and nothing else in this program refers to it. (A process
    // that ignores the lock of a mapped file may still write to it; any bytes are valid.)
    Ok(unsafe { from_raw_parts_mut(start.cast(), length) })
}

/// The mapped words and memory of a ring. A dropped one is unmapped.
pub struct Mapping(&'static mut [u8]);

impl Mapping {
    /// Maps zeros, of that length, or of that of the words if it is larger.
    pub fn new(length: usize) -> Result<Self, Errno> {
        map(length.max(size_of::<Words>())).map(Self)
    }

    /// Takes mapped memory of the file of that descriptor, which stays open as long as the mapping.
    pub(super) fn over(memory: &'static mut [u8], file: c_int) -> Self {
        fault::watch(memory, file);
        Self(memory)
    }

    /// Returns words and memory as bytes.
    pub fn bytes(&mut self) -> &mut [u8] {
        self.0
    }

    /// Returns the words and the memory.
    pub fn parts(&mut self) -> Lent<'_> {
        split(self.0)
    }

    /// Lends the words and the memory, for the rest of the program's life or until [`Mapping::of`].
    pub fn lend(self) -> Lent<'static> {
        let memory = take(&mut ManuallyDrop::new(self).0);
        // So that `of` finds its way back to all of it.
        memory.as_mut_ptr().expose_provenance();
        split(memory)
    }

    /// Takes back what [`Mapping::lend`] has lent.
    pub fn of((words, memory): Lent<'static>) -> Self {
        let length = size_of::<Words>() + memory.len();
        // A pointer to the words may reach no further than they do; the one that `lend` has exposed reaches all.
        let start = with_exposed_provenance_mut(core::ptr::from_mut(words).addr());
        // SAFETY: `lend` has made both of one mapping, they lie side by side, and nothing else refers to it: nothing but
        // `lend` makes a `Lent<'static>` of the program.
        Self(unsafe { from_raw_parts_mut(start, length) })
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        fault::forget(self.0.as_ptr().addr());
        // SAFETY: no part of the mapping is borrowed for longer than this.
        unsafe { libc::munmap(self.0.as_mut_ptr().cast(), self.0.len()) };
    }
}

/// Splits a mapping into the words at its start and the rest.
fn split(memory: &mut [u8]) -> Lent<'_> {
    let (words, rest) = memory.split_at_mut(size_of::<Words>());
    // SAFETY: any bytes are words, which a mapping, with the alignment of a page, starts with; they are borrowed apart
    // from the rest.
    (unsafe { &mut *words.as_mut_ptr().cast() }, rest)
}

/// Bytes of the heap. A page takes memory once it is written.
const HEAP_LENGTH: usize = 2 << 20;

/// Bytes that may stay mapped when all blocks are free.
const KEPT_MAX: usize = 16 << 10;

/// A bump allocator that starts over when all blocks are free. The program has one thread.
pub struct Heap;

/// Start of the heap; null while it is not mapped.
static START: AtomicPtr<u8> = AtomicPtr::new(null_mut());
/// Bytes that are allocated from there on.
static USED: AtomicUsize = AtomicUsize::new(0);
/// Blocks in use.
static BLOCKS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: no two blocks overlap, as each begins after the one before, and they stay until all are free. The counters
// are updated in more than one step: the program has one thread, and its signal handler allocates nothing.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if START.load(Relaxed).is_null() {
            let Ok(memory) = map(HEAP_LENGTH) else {
                return null_mut();
            };
            START.store(memory.as_mut_ptr(), Relaxed);
        }
        if BLOCKS.load(Relaxed) == 0 {
            USED.store(0, Relaxed);
        }
        // The heap starts at a page.
        let at = USED.load(Relaxed).next_multiple_of(layout.align());
        let Some(end) = at.checked_add(layout.size()).filter(|end| *end <= HEAP_LENGTH) else {
            return null_mut();
        };
        USED.store(end, Relaxed);
        BLOCKS.store(BLOCKS.load(Relaxed) + 1, Relaxed);
        START.load(Relaxed).wrapping_add(at)
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {
        let left = BLOCKS.load(Relaxed) - 1;
        BLOCKS.store(left, Relaxed);
        // What a line needs is kept for the next one; what a file needs is given back.
        if left == 0 && USED.load(Relaxed) > KEPT_MAX {
            let start = START.load(Relaxed);
            // SAFETY: this is the mapping, and no block of it is in use.
            unsafe { libc::munmap(start.cast(), HEAP_LENGTH) };
            START.store(null_mut(), Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Over a leaked slice, since Miri, which checks provenance, has no `mmap`.
    #[test]
    fn what_was_lent_comes_back_as_a_whole() {
        let length = size_of::<Words>() + 100;
        let storage: &'static mut [u32] = vec![0; length.div_ceil(4)].leak();
        // SAFETY: the same memory, as bytes.
        let bytes = unsafe { from_raw_parts_mut(storage.as_mut_ptr().cast(), length) };
        let (words, memory) = Mapping(bytes).lend();
        memory[99] = 7;
        words.boot.set(5);
        let mut back = ManuallyDrop::new(Mapping::of((words, memory)));
        assert_eq!(back.bytes().len(), length);
        assert_eq!(back.bytes().last(), Some(&7));
        assert_eq!(back.parts().0.boot.get(), 5);
    }
}
