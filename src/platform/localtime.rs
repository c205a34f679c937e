//! Local time, by the C library: `TZ`, `/etc/localtime` or, as `OpenWrt` has it, `/etc/TZ`.

use super::clock::wall_seconds;
use super::environment;
use super::file::File;
use super::memory::map;
use core::ffi::CStr;
use core::mem::MaybeUninit;

const NAME: &[u8] = b"TZ=";
/// Bytes of that variable, its NUL included.
const ZONE_MAX: usize = 64;

/// Returns year, month, day, hour, minute and second of local time, now. The C library reads the time zone at the
/// first call and keeps it.
#[allow(clippy::cast_lossless)]
pub(super) fn local_time() -> [u32; 6] {
    let now = wall_seconds() as _;
    let mut parts = MaybeUninit::<libc::tm>::zeroed();
    // SAFETY: both point to values of their types; the call writes the second.
    unsafe { libc::localtime_r(&raw const now, parts.as_mut_ptr()) };
    // SAFETY: all zeros is a value of it, should the call have failed.
    let parts = unsafe { parts.assume_init() };
    let number = |part: i32, base: i32| u32::try_from(part + base).unwrap_or(0);
    [
        number(parts.tm_year, 1900),
        number(parts.tm_mon, 1),
        number(parts.tm_mday, 0),
        number(parts.tm_hour, 0),
        number(parts.tm_min, 0),
        number(parts.tm_sec, 0),
    ]
}

/// Sets `TZ` to the first word of `/etc/TZ`, such as `CET-1CEST,M3.5.0,M10.5.0/3`, where neither `TZ` nor
/// `/etc/localtime` says what the time zone is.
///
/// # Safety
///
/// The process has one thread.
pub unsafe fn set_time_zone() {
    // SAFETY: the name ends in NUL, and the answer is only compared.
    let is_set = unsafe { !libc::getenv(c"TZ".as_ptr()).is_null() };
    if is_set || File::open(b"/etc/localtime").is_ok() {
        return;
    }
    if let Ok(buffer) = map(ZONE_MAX)
        && let Ok(file) = File::open(b"/etc/TZ")
        && let Some(variable) = zone_variable(buffer, |buffer| file.read_at(buffer, 0).unwrap_or(0))
    {
        // SAFETY: the caller has no other thread.
        let _ = unsafe { environment::add(variable) };
    }
}

/// Returns `TZ=` and the word that the text starts with which `read` puts into the buffer; `None` if that is empty
/// or too long.
fn zone_variable(buffer: &mut [u8], read: impl FnOnce(&mut [u8]) -> usize) -> Option<&CStr> {
    let (name, zone) = buffer.split_at_mut_checked(NAME.len())?;
    name.copy_from_slice(NAME);
    let length = read(zone);
    let end = zone.iter().take(length).position(|byte| *byte <= b' ');
    *zone
        .get_mut(end.unwrap_or(length))
        .filter(|_| end != Some(0) && length > 0)? = 0;
    CStr::from_bytes_until_nul(buffer).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zone_is_the_first_word_of_the_file() {
        let found = |content: &str| {
            let mut buffer = [b'x'; 32];
            let read = |zone: &mut [u8]| {
                zone[..content.len()].copy_from_slice(content.as_bytes());
                content.len()
            };
            zone_variable(&mut buffer, read).map(CStr::to_owned)
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
}
