//! The wall clock, which may be wrong, compared with the monotonic clock.

use crate::base::decimal::divide;

/// When this program was built, or its version released: seconds since 1970. It is never earlier.
const BUILT: u64 = match u64::from_str_radix(env!("MINI_MONITOR_DATE"), 10) {
    Ok(seconds) => seconds,
    Err(_) => panic!("MINI_MONITOR_DATE is not a number"),
};
/// The last second that 32 bits can count.
const LAST: u64 = u32::MAX as u64;
/// Milliseconds; a larger difference is a step of the wall clock.
const SLACK: u64 = 1_000;
/// Milliseconds.
const SECOND: u32 = 1_000;

/// Returns whether the wall clock can be right at these milliseconds since 1970.
pub(super) fn is_plausible(millis: u64) -> bool {
    (BUILT * 1_000..(LAST + 1) * 1_000).contains(&millis)
}

/// The result of a comparison of both clocks.
pub(super) struct Look {
    /// The wall clock can be right.
    pub(super) is_right: bool,
    /// It has stepped: seconds from the monotonic clock to the stamps from now on.
    pub(super) step: Option<u32>,
}

/// The wall clock, as an offset from the monotonic clock.
///
/// A stamp is a moment of the monotonic clock and an offset in whole seconds and a fraction. A step changes the
/// seconds alone, so that lines that are restamped by the difference have the stamps that they would get now. The
/// fraction puts the deadlines of whole seconds (they lie on the agent's phase) on the starts of seconds. So their
/// stamps are the wall clock's second at the deadline, and the same in each agent of this phase.
pub(super) struct Clock {
    /// Milliseconds from the monotonic clock to the wall clock, as it was when it last stepped.
    offset: u64,
    /// The offset of stamps: seconds, and milliseconds that stay as they are.
    seconds: u64,
    fraction: u32,
    /// Milliseconds, less than a second, that the offset is short of the wall clock's: they matter to what is not
    /// on the phase. Known with the first look at a clock that can be right.
    rest: Option<u32>,
}

impl Clock {
    /// Returns the seconds from the monotonic clock to the stamps, after the first plausible reading.
    pub(super) fn known_seconds(&self) -> Option<usize> {
        (self.seconds > 0).then_some(self.seconds as usize)
    }

    /// A clock with the offset of earlier stamps in seconds (0 without any), and the agent's phase in milliseconds.
    pub(super) fn new(seconds: usize, phase: u32) -> Self {
        let (seconds, fraction) = (seconds as u64, (SECOND - phase % SECOND) % SECOND);
        Self {
            // The middle of what it can have been.
            offset: seconds * u64::from(SECOND) + u64::from(fraction + SECOND / 2),
            seconds,
            fraction,
            rest: None,
        }
    }

    /// Returns the stamp of a moment: seconds since 1970, or since the machine's start before the first plausible reading.
    pub(super) fn stamp(&self, moment: u64) -> u64 {
        let fraction = self.fraction + self.rest.unwrap_or(0);
        self.seconds + divide(moment + u64::from(fraction), SECOND.into()).0
    }

    /// Returns the stamp of a moment, after the first plausible reading.
    pub(super) fn known_stamp(&self, moment: u64) -> Option<u64> {
        self.known_seconds().map(|_| self.stamp(moment))
    }

    /// Compares a reading of both clocks (the monotonic one first) with what is known of them; `read_again` is called
    /// if they disagree, since the process may have been stopped between the two.
    pub(super) fn look(
        &mut self,
        (mut now, mut wall): (u64, u64),
        read_again: impl FnOnce() -> (u64, u64),
    ) -> Look {
        let mut step = None;
        if self.has_stepped(wall, now) {
            (now, wall) = read_again();
            if is_plausible(wall) && self.has_stepped(wall, now) {
                self.offset = wall.saturating_sub(now);
                self.seconds = divide(self.offset.saturating_sub(self.fraction.into()), SECOND.into()).0;
                step = Some(self.seconds as u32);
            }
        }
        let is_right = is_plausible(wall);
        if is_right && self.rest.is_none() {
            let rest = wall.saturating_sub(now + self.seconds * u64::from(SECOND) + u64::from(self.fraction));
            self.rest = Some(rest.min(u64::from(SECOND - 1)) as u32);
        }
        Look { is_right, step }
    }

    fn has_stepped(&self, wall: u64, now: u64) -> bool {
        let difference = wall.wrapping_sub(now + self.offset);
        difference.wrapping_add(SLACK) > 2 * SLACK
    }
}

#[cfg(test)]
mod tests;
