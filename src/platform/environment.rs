//! The environment of this process (`environ(7)`).

use super::memory::map;
use crate::platform::Errno;
use core::ffi::{CStr, c_char, c_void};
use core::ptr::null;
use core::slice;

unsafe extern "C" {
    /// POSIX; the `libc` crate does not declare it.
    static mut environ: *const *const c_char;
}

/// Returns the variables, as `execve(2)` wants them.
pub(super) fn all() -> *const *const c_char {
    // SAFETY: only `add` writes to it, while there is one thread.
    unsafe { environ }
}

/// Adds a variable, `name=value`. Unlike `setenv(3)` it does not need the C library's allocator, which would make a
/// static binary 5 % larger.
///
/// # Safety
///
/// The process has one thread.
pub(super) unsafe fn add(variable: &'static CStr) -> Result<(), Errno> {
    let old = all();
    let mut count = 0;
    loop {
        // SAFETY: no null pointer, which ends the list, has come before this one.
        let place = unsafe { old.add(count) };
        // SAFETY: as above.
        if unsafe { *place }.is_null() {
            break;
        }
        count += 1;
    }
    let memory = map((count + 2) * size_of::<*const c_char>())?;
    let start = memory.as_mut_ptr().cast::<c_void>().cast::<*const c_char>();
    // SAFETY: the mapping starts at a page and has room for these pointers; all zeros are null pointers.
    let list = unsafe { slice::from_raw_parts_mut(start, count + 2) };
    // SAFETY: `count` pointers have been found there.
    let variables = unsafe { slice::from_raw_parts(old, count) };
    let ends = [variable.as_ptr(), null()];
    for (entry, variable) in list.iter_mut().zip(variables.iter().chain(&ends)) {
        *entry = *variable;
    }
    // SAFETY: no other thread reads it; the new list ends in null and stays.
    unsafe { environ = list.as_ptr() };
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::env;

    #[test]
    fn variable_is_added_to_those_that_are_there() {
        let before = env::vars().count();
        // SAFETY: no other test writes to the environment, and the old list stays as it is.
        unsafe { add(c"MINI_MONITOR_TEST=x") }.unwrap();
        assert_eq!(env::var("MINI_MONITOR_TEST").as_deref(), Ok("x"));
        assert_eq!(env::vars().count(), before + 1);
    }
}
