//! Input of the program at its start: arguments, environment (`environ(7)`) and time zone.

use super::file::File;
use super::memory::map;
use crate::platform::Errno;
use core::ffi::{CStr, c_char, c_int, c_void};
use core::ptr::null;
use core::slice;

/// The arguments after the program's name, as bytes.
#[derive(Clone)]
pub struct Args(slice::Iter<'static, *const c_char>);

impl Args {
    /// Takes what the C library gives to `main`.
    ///
    /// # Safety
    ///
    /// `arguments` points to `count` strings that end in NUL and live and stay as they are until the
    /// program ends: as C (5.1.2.2.1) promises of `main`, as long as no other code writes to them.
    pub unsafe fn new(count: c_int, arguments: *const *const c_char) -> Self {
        // SAFETY: the caller promises as many pointers.
        let all = unsafe { slice::from_raw_parts(arguments, usize::try_from(count).unwrap_or(0)) };
        Self(all.get(1..).unwrap_or_default().iter())
    }
}

impl Iterator for Args {
    type Item = &'static [u8];

    fn next(&mut self) -> Option<&'static [u8]> {
        let argument = *self.0.next()?;
        // SAFETY: the caller of `new` has promised strings that end in NUL and live as long as the program.
        Some(unsafe { CStr::from_ptr(argument) }.to_bytes())
    }
}

unsafe extern "C" {
    /// POSIX; the `libc` crate does not declare it.
    static mut environ: *const *const c_char;
}

/// Returns the variables, as `execve(2)` wants them.
pub(super) fn all() -> *const *const c_char {
    // SAFETY: only `add` writes to it, while there is one thread.
    unsafe { environ }
}

/// The variable `PATH` of a script with a user of its own.
pub(super) const PATH: &[u8] = b"/usr/sbin:/usr/bin:/sbin:/bin";

/// Returns the value of a variable.
pub(super) fn variable(name: &CStr) -> Option<&'static [u8]> {
    // SAFETY: the name ends in NUL.
    let value = unsafe { libc::getenv(name.as_ptr()) };
    // SAFETY: a variable's value ends in NUL, and nothing changes it.
    (!value.is_null()).then(|| unsafe { CStr::from_ptr(value) }.to_bytes())
}

/// Adds a variable, `name=value`. Unlike `setenv(3)` it does not need the C library's allocator, which would make a
/// static binary 5 % larger.
///
/// # Safety
///
/// The process has one thread.
unsafe fn add(variable: &'static CStr) -> Result<(), Errno> {
    let old = all();
    let mut count = 0;
    // SAFETY: the list ends in null, and no null has come before this pointer.
    while !unsafe { *old.wrapping_add(count) }.is_null() {
        count += 1;
    }
    let memory = map((count + 2) * size_of::<*const c_char>())?;
    let start = memory.as_mut_ptr().cast::<c_void>().cast::<*const c_char>();
    // SAFETY: the mapping starts at a page and is long enough for these pointers; all zeros are null pointers.
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

const NAME: &[u8; 3] = b"TZ=";
/// Bytes of the variable `TZ=…`, its NUL included.
const ZONE_MAX: usize = 64;

/// Sets `TZ` to the first word of `/etc/TZ`, such as `CET-1CEST,M3.5.0,M10.5.0/3`, where neither `TZ` nor
/// `/etc/localtime` sets the time zone.
///
/// # Safety
///
/// The process has one thread.
pub unsafe fn set_time_zone() {
    if variable(c"TZ").is_some() || File::open(b"/etc/localtime").is_ok() {
        return;
    }
    if let Ok(buffer) = map(ZONE_MAX)
        && let Ok(file) = File::open(b"/etc/TZ")
        && let Ok(length) = file.read_at(&mut buffer[NAME.len()..], 0)
        && let Some(variable) = zone_variable(buffer, length)
    {
        // SAFETY: the caller has no other thread.
        let _ = unsafe { add(variable) };
    }
}

/// Returns `TZ=` and the first word of the text, of that length, which follows it in the buffer; `None` if the word is
/// empty or too long.
fn zone_variable(buffer: &mut [u8], length: usize) -> Option<&CStr> {
    let (name, zone) = buffer.split_first_chunk_mut()?;
    *name = *NAME;
    let word = zone.iter().take(length).take_while(|byte| **byte > b' ').count();
    *zone.get_mut(word).filter(|_| word > 0)? = 0;
    CStr::from_bytes_until_nul(buffer).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::env;

    #[test]
    fn zone_is_the_first_word_of_the_file() {
        let found = |content: &str| {
            let mut buffer = [b'x'; 32];
            buffer[3..3 + content.len()].copy_from_slice(content.as_bytes());
            zone_variable(&mut buffer, content.len()).map(CStr::to_owned)
        };
        for end in ["", "\n", "\r\n", " \t\n", "\n# x\n"] {
            let expected = c"TZ=CET-1CEST,M3.5.0".to_owned();
            assert_eq!(
                found(&format!("CET-1CEST,M3.5.0{end}")),
                Some(expected),
                "{end:?}"
            );
        }
        for content in ["", "\n", "\nUTC0\n", &"x".repeat(29)] {
            assert_eq!(found(content), None, "{content:?}");
        }
    }

    #[test]
    fn variable_is_added_to_those_that_are_there() {
        let before = env::vars().count();
        // SAFETY: no other test writes to the environment, and the old list stays as it is.
        unsafe { add(c"MINI_MONITOR_TEST=x") }.unwrap();
        assert_eq!(env::var("MINI_MONITOR_TEST").as_deref(), Ok("x"));
        assert_eq!(env::vars().count(), before + 1);
    }
}
