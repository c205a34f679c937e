//! A value that is taken once.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

/// A value in a `static` that one caller takes, for the rest of the program's life. A page of zeros takes no memory until
/// it is written.
pub struct Once<T> {
    is_taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: only the caller that takes the value reaches it, on any thread.
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
