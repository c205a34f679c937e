//! Both clocks.

use super::call::call;
use crate::platform::Errno;
#[cfg(not(any(target_arch = "mips", target_arch = "powerpc")))]
use core::mem::MaybeUninit;

/// Nanoseconds of a monotonic clock that goes on in suspend. (A sleep does not: after a suspend the
/// next wake-up may be late by what was left of it, and then finds what is due.)
pub(super) fn monotonic_nanos() -> u64 {
    monotonic().map_or(0, |time| time.seconds * 1_000_000_000 + u64::from(time.nanos))
}

/// The same in whole milliseconds.
pub(super) fn monotonic_millis() -> u64 {
    millis(monotonic())
}

/// Milliseconds since 1970, 0 before.
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

/// Seconds since 1970, up to 2106.
pub(super) fn wall_seconds() -> u32 {
    read(libc::CLOCK_REALTIME).map_or(0, |time| time.seconds as u32)
}

/// Microseconds of processor time that this process has used.
pub fn own_cpu_micros() -> Option<u64> {
    let time = read(libc::CLOCK_PROCESS_CPUTIME_ID)?;
    Some(time.seconds * 1_000_000 + u64::from(time.nanos / 1_000))
}

/// What a clock shows.
struct Time {
    seconds: u64,
    nanos: u32,
}

#[cfg(not(any(target_arch = "mips", target_arch = "powerpc")))]
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

/// The C library spends 2 KB on asking without a system call where it can, and has nothing for it on PowerPC.
/// So the kernel is asked: by the call with 64 bits of Linux 5.1, or else by the one of before, which a newer
/// kernel may lack.
#[cfg(any(target_arch = "mips", target_arch = "powerpc"))]
fn read(clock: libc::clockid_t) -> Option<Time> {
    #[cfg(target_arch = "mips")]
    const CLOCK_GETTIME64: core::ffi::c_long = 4403;
    #[cfg(target_arch = "powerpc")]
    const CLOCK_GETTIME64: core::ffi::c_long = 403;

    let mut wide = [0_i64; 2];
    let clock = super::call::int(clock);
    // SAFETY: there is room for what the call writes.
    if unsafe { call(CLOCK_GETTIME64, clock, wide.as_mut_ptr() as usize, 0) }.is_err() {
        let mut narrow = [0_u32; 2];
        // SAFETY: as above.
        unsafe { call(libc::SYS_clock_gettime, clock, narrow.as_mut_ptr() as usize, 0) }.ok()?;
        wide = narrow.map(i64::from);
    }
    Some(Time {
        seconds: u64::try_from(wide[0]).unwrap_or(0),
        nanos: wide[1] as u32,
    })
}

/// How the kernel disciplines the wall clock (`adjtimex(2)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Discipline {
    /// Whether somebody keeps the clock right.
    pub is_synced: bool,
    /// Nanoseconds that it is still to be moved by.
    pub offset_nanos: i64,
}

/// Asks the kernel how it disciplines the wall clock, and changes nothing.
pub fn discipline() -> Result<Discipline, Errno> {
    // `struct timex` in words, which are what its fields are, or start with a narrower one: the offset is the
    // second of them, the status the sixth. All zeros asks for no change.
    let mut state = [0_usize; 32];
    // SAFETY: there is room for what the call writes.
    unsafe { call(libc::SYS_adjtimex, state.as_mut_ptr() as usize, 0, 0) }?;
    let [_, offset, _, _, _, status, ..] = state;
    let status = status
        .to_ne_bytes()
        .first_chunk()
        .map_or(0, |status| i32::from_ne_bytes(*status));
    let unit = if status & libc::STA_NANO != 0 { 1 } else { 1_000 };
    Ok(Discipline {
        is_synced: status & libc::STA_UNSYNC == 0,
        offset_nanos: (offset as isize as i64).saturating_mul(unit),
    })
}
