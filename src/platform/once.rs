//! Static memory for values: one that is taken once, and one after the other in the same place.

use core::cell::UnsafeCell;
use core::mem::MaybeUninit;
use core::sync::atomic::{AtomicBool, Ordering};

/// A value in a `static` that one caller takes, for the rest of the program's life. A page of zeros takes no memory until
/// it is written.
pub struct Once<T> {
    is_taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: one caller takes the value, on any thread, and nothing else reaches it.
unsafe impl<T: Send> Sync for Once<T> {}

impl<T> Once<T> {
    /// Returns a value that is not taken yet.
    pub const fn new(value: T) -> Self {
        Self {
            is_taken: AtomicBool::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// Returns the value at the first call, `None` at later ones.
    // Only the first call returns it.
    #[allow(clippy::mut_from_ref)]
    pub fn take(&'static self) -> Option<&'static mut T> {
        let was_taken = self.is_taken.swap(true, Ordering::Relaxed);
        // SAFETY: this is the only call that has found it untaken.
        (!was_taken).then(|| unsafe { &mut *self.value.get() })
    }
}

/// Memory of that many bytes for one value after the other, each of which may borrow from something else. No value is
/// dropped.
pub struct Slot<const BYTES: usize>(MaybeUninit<Aligned<BYTES>>);

/// Bytes at an address that suits any value.
#[repr(C, align(8))]
struct Aligned<const BYTES: usize>([u8; BYTES]);

impl<const BYTES: usize> Slot<BYTES> {
    /// Memory without a value.
    pub const EMPTY: Self = Self(MaybeUninit::zeroed());

    /// Puts a value into the memory, in place of the one before.
    pub fn put<T>(&mut self, value: T) -> &mut T {
        const { assert!(size_of::<T>() <= BYTES && align_of::<T>() <= align_of::<Aligned<BYTES>>()) };
        let slot = self.0.as_mut_ptr().cast::<MaybeUninit<T>>();
        // SAFETY: the memory is large enough for the value, aligned for it, and borrowed as long as the value is in use.
        unsafe { &mut *slot }.write(value)
    }
}
