//! The monotonic clock and the wall clock.

use super::errno::check;
use crate::platform::Errno;
use core::mem::MaybeUninit;

/// Returns the nanoseconds of a monotonic clock that counts suspend. (A sleep does not: the first wake-up after a suspend
/// may be late by the rest of the sleep.)
pub(super) fn monotonic_nanos() -> u64 {
    monotonic().map_or(0, |time| time.seconds * 1_000_000_000 + u64::from(time.nanos))
}

/// Returns the whole milliseconds of that clock.
pub(super) fn monotonic_millis() -> u64 {
    millis(monotonic())
}

/// Returns the milliseconds since 1970, 0 before.
pub(super) fn wall_millis() -> u64 {
    millis(read(libc::CLOCK_REALTIME))
}

fn millis(time: Option<Time>) -> u64 {
    time.map_or(0, |time| time.seconds * 1_000 + u64::from(time.nanos / 1_000_000))
}

/// Linux has had `CLOCK_BOOTTIME` since 2.6.39.
fn monotonic() -> Option<Time> {
    read(libc::CLOCK_BOOTTIME).or_else(|| read(libc::CLOCK_MONOTONIC))
}

/// Returns the seconds since 1970, up to 2106.
pub(super) fn wall_seconds() -> u32 {
    read(libc::CLOCK_REALTIME).map_or(0, |time| time.seconds as u32)
}

/// Returns the microseconds of processor time that this process has used.
pub fn own_cpu_micros() -> Option<u64> {
    let time = read(libc::CLOCK_PROCESS_CPUTIME_ID)?;
    Some(time.seconds * 1_000_000 + u64::from(time.nanos / 1_000))
}

/// A time of a clock.
struct Time {
    seconds: u64,
    nanos: u32,
}

fn read(clock: libc::clockid_t) -> Option<Time> {
    let mut time = MaybeUninit::<libc::timespec>::zeroed();
    // SAFETY: the answer has room for what the call writes.
    let answer = unsafe { libc::clock_gettime(clock, time.as_mut_ptr()) };
    // SAFETY: all zeros is a value of it, whatever the call did.
    let time = (answer == 0).then_some(unsafe { time.assume_init() })?;
    Some(Time {
        seconds: u64::try_from(time.tv_sec).unwrap_or(0),
        nanos: time.tv_nsec as u32,
    })
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
    // SAFETY: all zeros asks for no change, and there is room for what the call writes.
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
