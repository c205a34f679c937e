//! The memory of a ring, in pages of its own.

use super::fault;
use super::memory::map;
use crate::platform::Errno;
use crate::ring::{Lent, Words};
use core::ffi::c_int;
use core::mem::{ManuallyDrop, take};
use core::ptr::with_exposed_provenance_mut;
use core::slice::from_raw_parts_mut;

/// Words, and memory behind them. The pages go with it.
pub struct Mapping(&'static mut [u8]);

impl Mapping {
    /// Zeros, of that length with the words, which it has room for at least.
    pub fn new(length: usize) -> Result<Self, Errno> {
        map(length.max(size_of::<Words>())).map(Self)
    }

    /// What is there already, of the file behind that descriptor, which stays open for as long.
    pub(super) fn over(memory: &'static mut [u8], file: c_int) -> Self {
        fault::watch(memory, file);
        Self(memory)
    }

    /// Whether the file that it was of no longer has all of it.
    pub fn is_lost() -> bool {
        fault::is_lost()
    }

    /// All of it.
    pub fn bytes(&mut self) -> &mut [u8] {
        self.0
    }

    /// The words and the memory.
    pub fn parts(&mut self) -> Lent<'_> {
        split(self.0)
    }

    /// The same, until they come back or for the rest of the program's life.
    pub fn lend(self) -> Lent<'static> {
        let memory = take(&mut ManuallyDrop::new(self).0);
        // So that `of` finds its way back to all of it.
        memory.as_mut_ptr().expose_provenance();
        split(memory)
    }

    /// Gets back what was lent.
    pub fn of((words, memory): Lent<'static>) -> Self {
        let length = size_of::<Words>() + memory.len();
        // A pointer to the words may reach no further than they do; the one that `lend` has exposed reaches all.
        let start = with_exposed_provenance_mut(core::ptr::from_mut(words).addr());
        // SAFETY: `lend` has made two of one, and both have come back: nothing else refers to it.
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

/// The words at the start of a mapping, and the rest of it.
fn split(memory: &mut [u8]) -> Lent<'_> {
    let (words, rest) = memory.split_at_mut(size_of::<Words>());
    // SAFETY: any bytes are words, a mapping starts at a page, and there are enough of them.
    (unsafe { &mut *words.as_mut_ptr().cast() }, rest)
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
