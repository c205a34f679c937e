//! The monotonic clock, the wall clock and local time.

use super::errno::check;
use crate::platform::Errno;
use core::mem::MaybeUninit;

/// Returns the nanoseconds of a monotonic clock that counts suspend. (A sleep does not: the first wake-up after a suspend
/// may be late by the rest of the sleep.)
pub(super) fn monotonic_nanos() -> u64 {
    let (seconds, nanos) = monotonic();
    seconds * 1_000_000_000 + u64::from(nanos)
}

/// Returns the whole milliseconds of that clock.
pub fn monotonic_millis() -> u64 {
    millis(monotonic())
}

/// Returns the milliseconds since 1970, 0 before.
pub(super) fn wall_millis() -> u64 {
    millis(read(libc::CLOCK_REALTIME).unwrap_or_default())
}

/// Returns the microseconds of processor time that this process has used.
pub fn own_cpu_micros() -> Option<u64> {
    let (seconds, nanos) = read(libc::CLOCK_PROCESS_CPUTIME_ID)?;
    Some(seconds * 1_000_000 + u64::from(nanos / 1_000))
}

fn millis((seconds, nanos): (u64, u32)) -> u64 {
    seconds * 1_000 + u64::from(nanos / 1_000_000)
}

/// Linux has had `CLOCK_BOOTTIME` since 2.6.39.
fn monotonic() -> (u64, u32) {
    let time = read(libc::CLOCK_BOOTTIME).or_else(|| read(libc::CLOCK_MONOTONIC));
    time.unwrap_or_default()
}

/// Returns the seconds and nanoseconds of a clock.
fn read(clock: libc::clockid_t) -> Option<(u64, u32)> {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: the call may write to the whole answer.
    let answer = unsafe { libc::clock_gettime(clock, time.as_mut_ptr()) };
    // SAFETY: all zeros is a value of it, whatever the call did.
    let time = unsafe { time.assume_init() };
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    (answer == 0).then_some((seconds, time.tv_nsec as u32))
}

/// Returns year, month, day, hour, minute and second of local time, now. The C library reads the time zone at the
/// first call and keeps it.
#[allow(clippy::cast_lossless)]
pub(super) fn local_time() -> [u32; 6] {
    let now = read(libc::CLOCK_REALTIME).unwrap_or_default().0 as _;
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

/// How the kernel disciplines the wall clock (`adjtimex(2)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discipline {
    /// Whether the clock is synchronized.
    pub is_synced: bool,
    /// Nanoseconds of the remaining correction.
    pub offset_nanos: i64,
}

/// Asks the kernel how it disciplines the wall clock, and changes nothing.
#[allow(clippy::useless_conversion)]
pub fn discipline() -> Result<Discipline, Errno> {
    let mut state = MaybeUninit::<libc::timex>::zeroed();
    // SAFETY: all zeros asks for no change, and the call may write to all of it.
    check(unsafe { libc::adjtimex(state.as_mut_ptr()) })?;
    // SAFETY: the call has filled it.
    let state = unsafe { state.assume_init() };
    let unit = if state.status & libc::STA_NANO != 0 {
        1
    } else {
        1_000
    };
    Ok(Discipline {
        is_synced: state.status & libc::STA_UNSYNC == 0,
        offset_nanos: i64::from(state.offset).saturating_mul(unit),
    })
}
