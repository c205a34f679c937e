//! The schedule of the families, the flush and the host's name.
//!
//! Deadlines are multiples of their period on one common phase, so that those of different periods share
//! wake-ups. The next deadline follows from the last one, not from the moment of the wake-up; missed turns are
//! skipped.

use crate::base::bit_set::{Timers, set_bits};
use crate::base::decimal::divide;
use crate::base::wheel::Wheel;
use crate::families::{FAMILIES, FAMILY_COUNT};

/// The timer of the flush. Those of the families, 0 to `FLUSH` − 1, come before it, so that it sends their lines.
pub const FLUSH: usize = FAMILY_COUNT;
/// The timer at which the host's name is read again.
pub const NAME: usize = FLUSH + 1;
const TIMERS: usize = NAME + 1;
const _: () = assert!(TIMERS <= Timers::BITS as usize);

/// All families, as timers.
pub const ALL_FAMILIES: Timers = (1 << FAMILY_COUNT) - 1;

/// Milliseconds between the two reads of a family that needs two.
pub const PAIR_GAP: u64 = 1_000;
/// Stamps are in seconds: first turns of longer periods are on multiples of a second.
const SECOND: u32 = 1_000;
/// Milliseconds between two reads of the host's name.
const NAME_PERIOD: u32 = 60_000;
/// Phases spread over a minute, the longest default period.
const PHASES: u32 = 60_000;

/// A timer.
#[derive(Clone, Copy)]
struct Timer {
    /// The latest deadline that has come.
    reached: u64,
    period: u32,
    /// It waits for the first read of its family, or is the flush after that.
    is_first: bool,
    /// It waits for the second read of its family.
    is_second: bool,
}

/// The schedule: deadlines in milliseconds of the monotonic clock.
pub struct Sched {
    wheel: Wheel,
    timers: [Timer; TIMERS],
    families: Timers,
    phase: u32,
}

impl Sched {
    /// A schedule of which nothing is due. `period` returns the period of a family that runs; `spread` is a number that
    /// differs between the agents of a fleet.
    pub fn new(now: u64, period: impl Fn(usize) -> Option<u32>, flush: u32, spread: u32) -> Self {
        let timer = Timer {
            reached: now,
            period: NAME_PERIOD,
            is_first: false,
            is_second: false,
        };
        let mut sched = Self {
            wheel: Wheel::new(now),
            timers: [timer; TIMERS],
            families: 0,
            phase: spread % PHASES,
        };
        sched.timers[FLUSH].period = flush;
        for number in 0..FAMILY_COUNT {
            if let Some(period) = period(number) {
                sched.timers[number].period = period;
                sched.families |= 1 << number;
            }
        }
        sched
    }

    /// Returns the families that run.
    pub fn families(&self) -> Timers {
        self.families
    }

    /// Arms all timers. Families have their first read with the next second of the phase, or sooner if
    /// their period is shorter: an agent that ended in this second may have taken a sample with its stamp. A family
    /// that needs two reads has the second one a second later.
    pub fn start(&mut self, now: u64) {
        let mut earliest = u64::MAX;
        for number in set_bits(self.families | 1 << FLUSH) {
            let timer = &mut self.timers[number];
            let deadline = first(self.phase, timer.period, now);
            timer.is_first = true;
            self.wheel.arm(number, deadline);
            earliest = earliest.min(deadline);
        }
        // The first lines are sent at once.
        self.wheel.arm(FLUSH, earliest);
        self.wheel
            .arm(NAME, turn(self.phase, NAME_PERIOD, now + u64::from(SECOND)));
    }

    /// Returns whether some families have not had their first read.
    #[cfg(test)]
    pub(crate) fn is_starting(&self) -> bool {
        self.timers.iter().any(|timer| timer.is_first)
    }

    /// Adopts other periods. A timer whose period is the same keeps its deadline.
    pub fn change(&mut self, period: impl Fn(usize) -> Option<u32>, flush: u32, asks_name: bool, now: u64) {
        for (number, timer) in self.timers.iter_mut().enumerate() {
            let wanted = match number {
                FLUSH => Some(flush),
                NAME => asks_name.then_some(NAME_PERIOD),
                family => period(family),
            };
            if self.wheel.deadline(number).is_some() && wanted == Some(timer.period) {
                continue;
            }
            (timer.is_first, timer.is_second) = (false, false);
            let bit = 1 << number & ALL_FAMILIES;
            self.families &= !bit;
            self.wheel.disarm(number);
            if let Some(period) = wanted {
                self.families |= bit;
                timer.period = period;
                // Two reads close to each other say little. At a period of a second no turn may be missing.
                let gap = if period > SECOND { SECOND - 1 } else { 0 };
                self.wheel
                    .arm(number, turn(self.phase, period, now + u64::from(gap)));
            }
        }
    }

    /// Stops reading the host's name, since the endpoint is configured.
    pub fn stop_name(&mut self) {
        self.wheel.disarm(NAME);
    }

    /// Returns the next deadline; the largest number if there is none.
    pub fn next(&self) -> u64 {
        self.wheel.next().unwrap_or(u64::MAX)
    }

    /// Returns the timers that are due, and arms them for their next turn.
    pub fn due(&mut self, now: u64) -> Timers {
        let due = self.wheel.expire(now);
        for number in set_bits(due) {
            let timer = &mut self.timers[number];
            let is_early = timer.is_first || timer.is_second;
            timer.reached = reached(self.phase, timer.period, is_early, now);
            let is_paired = PAIRED & 1 << number != 0 && u64::from(timer.period) > PAIR_GAP;
            timer.is_second = timer.is_first && is_paired;
            timer.is_first = false;
            let next = if timer.is_second {
                timer.reached + PAIR_GAP
            } else {
                turn(self.phase, timer.period, now)
            };
            self.wheel.arm(number, next);
        }
        due
    }

    /// Returns the deadline of a timer at which it was due last.
    pub fn reached(&self, number: usize) -> u64 {
        self.timers[number].reached
    }

    /// Returns the common phase of all periods.
    pub fn phase(&self) -> u32 {
        self.phase
    }
}

/// Returns the first multiple of the period, on the phase, after `now`.
pub fn turn(phase: u32, period: u32, now: u64) -> u64 {
    // The phase's remainder is taken first: the sum must not fall below zero.
    let end = now + u64::from(period);
    let (_, over) = divide(end - u64::from(phase % period), period.into());
    end - over
}

/// Returns the first turn of a timer after `now`: for periods above a second, a multiple of a second.
pub fn first(phase: u32, period: u32, now: u64) -> u64 {
    turn(phase, period.min(SECOND), now)
}

/// Returns the latest deadline not after `now`; a first turn (`is_early`) is on a multiple of a second.
pub fn reached(phase: u32, period: u32, is_early: bool, now: u64) -> u64 {
    let step = if is_early { period.min(SECOND) } else { period };
    // In the first second or so after the machine's start there is none.
    turn(phase, step, now).saturating_sub(step.into())
}

/// Families whose values need two reads.
pub const PAIRED: Timers = {
    let (mut set, mut number) = (0, 0);
    while number < FAMILY_COUNT {
        set |= (FAMILIES[number].is_paired as Timers) << number;
        number += 1;
    }
    set
};

#[cfg(test)]
mod tests {
    use super::*;

    const LOAD: usize = 1;
    const DISK: usize = FAMILY_COUNT - 1;

    fn usual(family: usize) -> Option<u32> {
        FAMILIES.get(family).map(|family| family.interval)
    }

    /// Starts, and has all families read for the first time, within a second of the start; answers when.
    fn begin(sched: &mut Sched, start: u64) -> u64 {
        sched.start(start);
        let first = sched.next();
        assert!(
            (start + 1..=start + 1_000).contains(&first),
            "{first} after {start}"
        );
        assert_eq!(sched.due(first), sched.families() | 1 << FLUSH);
        assert!(!sched.is_starting());
        first
    }

    /// Every deadline up to an hour after the first, and what is due at it.
    fn run(sched: &mut Sched, start: u64) -> Vec<(u64, Timers)> {
        let mut turns = Vec::new();
        while let now = sched.next()
            && now < start + 3_600_000
        {
            turns.push((now, sched.due(now)));
        }
        turns
    }

    #[test]
    fn periods_share_their_wake_ups_on_one_phase() {
        for (start, spread) in [(0, 0), (123_456, 59_999), (4_999, 0), (987_654_321, 31_337)] {
            let mut sched = Sched::new(start, usual, 5_000, spread);
            let start = begin(&mut sched, start);
            assert_eq!(start % 1_000, u64::from(spread) % 1_000);
            let turns = run(&mut sched, start);
            assert_eq!(turns[0].0, start + PAIR_GAP.min(turns[0].0 - start));
            let regular = turns
                .iter()
                .filter(|(now, _)| now % 5_000 == u64::from(spread) % 5_000);
            assert!(
                turns.len() - regular.count() <= 1,
                "only the second read is off the phase"
            );
            assert!((720..=721).contains(&turns.len()), "{}", turns.len());
            for (now, due) in turns {
                assert_eq!(due & 1 << DISK != 0, now % 60_000 == u64::from(spread) % 60_000);
            }
        }
    }

    #[test]
    fn first_cpu_turn_comes_after_one_second_and_turns_keep_their_distance() {
        for start in (0..5_000).step_by(7) {
            let mut sched = Sched::new(start, usual, 5_000, 0);
            let start = begin(&mut sched, start);
            let mut last = [start; TIMERS];
            for (now, due) in run(&mut sched, start).into_iter().take(10) {
                for timer in set_bits(due) {
                    assert!(now - last[timer] >= 1_000, "timer {timer} from {start}");
                    assert!(now - last[timer] < 66_000);
                    last[timer] = now;
                }
            }
        }
    }

    #[test]
    fn disabled_family_is_never_due() {
        let periods = |family| if family > LOAD { usual(family) } else { None };
        let mut sched = Sched::new(0, periods, 5_000, 300);
        assert_eq!(sched.families(), ALL_FAMILIES & !0b11);
        begin(&mut sched, 0);
        for (_, due) in run(&mut sched, 0) {
            assert_eq!(due & 0b11, 0);
        }
    }

    #[test]
    fn changed_periods_take_effect_and_unchanged_ones_keep_their_deadlines() {
        let mut sched = Sched::new(0, usual, 5_000, 300);
        sched.start(0);
        let mut now = 0;
        let mut run = |sched: &mut Sched, until: u64| {
            let mut turns = Vec::new();
            while let next = sched.next()
                && next < until
            {
                now = next;
                turns.push((now, sched.due(now)));
            }
            turns
        };
        run(&mut sched, 62_000);
        // The second family every 2 s, the first one not at all.
        let other = |family| match family {
            0 => None,
            LOAD => Some(2_000),
            _ => usual(family),
        };
        sched.change(other, 10_000, false, 62_000);
        assert_eq!(sched.families(), ALL_FAMILIES & !1);
        let turns = run(&mut sched, 122_000);
        let of = |timer: usize| {
            let own = turns.iter().filter(|(_, due)| due & 1 << timer != 0);
            own.map(|(now, _)| *now).collect::<Vec<_>>()
        };
        assert!(of(0).is_empty() && of(NAME).is_empty());
        assert_eq!(of(LOAD)[..3], [64_300, 66_300, 68_300]);
        assert_eq!(of(FLUSH)[..2], [70_300, 80_300]);
        assert_eq!(of(2)[..2], [65_300, 70_300]);
        assert_eq!(of(DISK), [120_300]);
        // And back.
        sched.change(usual, 5_000, true, 122_000);
        assert_eq!(sched.families(), ALL_FAMILIES);
        let turns = run(&mut sched, 200_000);
        assert!(turns.iter().any(|(_, due)| due & 1 << NAME != 0));
        assert!(turns.iter().any(|(now, due)| due & 1 != 0 && *now <= 130_300));
    }

    #[test]
    fn missed_turns_are_skipped_and_the_phase_stays() {
        let mut sched = Sched::new(0, usual, 5_000, 300);
        let first = begin(&mut sched, 0);
        assert_eq!(sched.due(first + PAIR_GAP), PAIRED);
        let due = sched.due(47_811);
        assert_eq!(due & 1 << LOAD, 1 << LOAD);
        assert_eq!(sched.next(), 50_300);
    }
}
