//! The command line as the C library hands it to `main`.

use core::ffi::{CStr, c_char, c_int};

/// The arguments after the program's name, as bytes.
#[derive(Clone)]
pub struct Args {
    next: *const *const c_char,
    left: usize,
}

impl Args {
    /// Takes what the C library gives to `main`.
    ///
    /// # Safety
    ///
    /// `arguments` points to `count` strings that end in NUL and live and stay as they are until the
    /// program ends: as C (5.1.2.2.1) promises of `main`, as long as nobody writes to them.
    pub unsafe fn new(count: c_int, arguments: *const *const c_char) -> Self {
        let all = Self {
            next: arguments,
            left: usize::try_from(count).unwrap_or(0),
        };
        all.behind_the_name()
    }

    fn behind_the_name(mut self) -> Self {
        self.next();
        self
    }
}

impl Iterator for Args {
    type Item = &'static [u8];

    fn next(&mut self) -> Option<&'static [u8]> {
        self.left = self.left.checked_sub(1)?;
        // SAFETY: `new` was promised as many pointers as `left` counted.
        let argument = unsafe { *self.next };
        // SAFETY: one step behind a pointer of the array, at most one past its end.
        self.next = unsafe { self.next.add(1) };
        // SAFETY: `new` was promised strings with a NUL that live as long as the program.
        Some(unsafe { CStr::from_ptr(argument) }.to_bytes())
    }
}
