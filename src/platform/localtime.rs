//! Local time, by the C library.

use super::clock::wall_seconds;
use core::mem::MaybeUninit;

/// The C library keeps the time zone, and reads it once.
pub(super) struct LocalTime;

impl LocalTime {
    pub(super) const UNKNOWN: Self = Self;

    /// Year, month, day, hour, minute and second here, now.
    #[allow(clippy::unused_self, clippy::needless_pass_by_ref_mut, clippy::cast_lossless)]
    pub(super) fn now(&mut self) -> [u32; 6] {
        let now = wall_seconds() as libc::time_t;
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
}
