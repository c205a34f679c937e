//! What there is once, for the rest of the program's life.

use core::cell::UnsafeCell;
use core::sync::atomic::{AtomicBool, Ordering};

/// A value in a `static` that one caller gets for good. One that is all zeros is in no file, and a page of it
/// costs nothing until it is written.
pub struct Once<T> {
    is_taken: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: whoever takes the value is the only one to reach it, on whatever thread that is.
unsafe impl<T: Send> Sync for Once<T> {}

impl<T> Once<T> {
    /// A value that nobody has taken.
    pub const fn new(value: T) -> Self {
        Self {
            is_taken: AtomicBool::new(false),
            value: UnsafeCell::new(value),
        }
    }

    /// The value, if nobody has taken it before.
    // That is what makes it safe.
    #[allow(clippy::mut_from_ref)]
    pub fn take(&'static self) -> Option<&'static mut T> {
        let was_taken = self.is_taken.swap(true, Ordering::Relaxed);
        // SAFETY: this is the only call that has found it untaken.
        (!was_taken).then(|| unsafe { &mut *self.value.get() })
    }
}
