//! Stamps of the schedule's turns: late wake-ups, steps of the wall clock, restarts and reloads at random.

use super::*;
use crate::base::bit_set::set_bits;
use crate::base::random::Random;
use crate::families::FAMILY_COUNT;
use crate::schedule::{ALL_FAMILIES, Sched};
use std::collections::BTreeMap;

/// A machine with two clocks, and nothing else.
struct Machine {
    now: u64,
    /// What the wall clock shows more than the monotonic one.
    offset: u64,
}

impl Machine {
    fn read(&self) -> (u64, u64) {
        (self.now, self.now + self.offset)
    }
}

/// The latest sample of a family.
struct Sample {
    stamp: u64,
    deadline: u64,
    /// The longest period since then.
    period: u32,
    /// Its stamp is that of a line that has been sent.
    is_sent: bool,
}

struct Run {
    random: Random,
    machine: Machine,
    spread: u32,
    periods: [u32; FAMILY_COUNT],
    sched: Sched,
    clock: Clock,
    last: BTreeMap<usize, Sample>,
    /// The offset that the agent has read last.
    read: u64,
    /// More than an interval was slept through.
    has_slept: bool,
    samples: u32,
}

const PERIODS: [u32; 5] = [1_000, 1_000, 2_000, 5_000, 60_000];

fn sched(spread: u32, periods: &[u32; FAMILY_COUNT], now: u64) -> Sched {
    Sched::new(now, |family| periods.get(family).copied(), 5_000, spread)
}

impl Run {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed);
        let machine = Machine {
            now: random.below(1 << 30),
            // 1970, or a right clock.
            offset: random.below(100_000) + random.below(2) * (BUILT + 1_000_000) * 1_000,
        };
        let spread = random.below(1 << 32) as u32;
        let periods = [(); FAMILY_COUNT].map(|()| PERIODS[random.below(5) as usize]);
        let mut sched = sched(spread, &periods, machine.now);
        sched.start(machine.now);
        Self {
            clock: Clock::new(0, sched.phase()),
            random,
            spread,
            periods,
            sched,
            last: BTreeMap::new(),
            read: 0,
            has_slept: false,
            samples: 0,
            machine,
        }
    }

    fn look(&mut self) {
        let before = self.clock.seconds;
        let off = self.machine.offset.abs_diff(self.clock.offset);
        let look = self.clock.look(self.machine.read(), || self.machine.read());
        assert_eq!(look.step.is_some(), look.is_right && off > 1_000, "{off} ms");
        let Some(seconds) = look.step else { return };
        assert_ne!(u64::from(seconds), before);
        self.read = self.machine.offset;
        // Lines that have been sent stay as they are, and the others are restamped.
        self.last.retain(|_, sample| !sample.is_sent);
        for sample in self.last.values_mut() {
            sample.stamp = sample.stamp + u64::from(seconds) - before;
        }
    }

    fn take(&mut self, late: u64) {
        self.look();
        for family in set_bits(self.sched.due(self.machine.now) & ALL_FAMILIES) {
            let deadline = self.sched.reached(family);
            let stamp = self.clock.stamp(deadline);
            assert!(deadline <= self.machine.now);
            assert!(
                self.has_slept || self.machine.now - deadline <= late,
                "{} after {deadline}",
                self.machine.now
            );
            // Exactly what the wall clock showed at the deadline, if it has not moved since it was read.
            if self.read > 0 && self.machine.offset == self.read {
                assert_eq!(stamp, (deadline + self.read) / 1_000, "{deadline}");
            }
            if let Some(last) = self.last.get(&family) {
                let passed = deadline - last.deadline;
                assert!(passed >= 1_000 && passed.is_multiple_of(1_000), "{passed}");
                assert_eq!((stamp - last.stamp) * 1_000, passed, "family {family}");
                assert!(
                    passed == 1_000 || self.has_slept || last.period > 1_000,
                    "nothing for {passed} ms"
                );
            }
            let sample = Sample {
                stamp,
                deadline,
                period: self.periods[family],
                is_sent: false,
            };
            self.last.insert(family, sample);
            self.samples += 1;
        }
        self.has_slept &= self.sched.is_starting();
    }

    fn step(&mut self) {
        let late = match self.random.below(40) {
            0..10 => self.random.below(1_000),
            10 => {
                self.has_slept = true;
                self.random.below(100_000)
            }
            _ => self.random.below(3),
        };
        let next = self.sched.next();
        self.machine.now = self.machine.now.max(next + late);
        match self.random.below(200) {
            // Years, hours, or what is no step.
            0 => {
                self.machine.offset = (BUILT + 1_000 + self.random.below(100_000_000)) * 1_000 + next % 1_000
            }
            1 => self.machine.offset += self.random.below(10_000),
            2 => self.machine.offset = self.machine.offset.saturating_sub(self.random.below(10_000)),
            3 => self.machine.offset = self.read + self.random.below(500),
            4 => {
                for sample in self.last.values_mut() {
                    sample.is_sent = true;
                }
            }
            5 => {
                // The next agent has the spool.
                self.take(late);
                self.machine.now += self.random.below(3_000);
                self.clock = Clock::new(self.clock.seconds as usize, self.sched.phase());
                self.sched = sched(self.spread, &self.periods, self.machine.now);
                self.sched.start(self.machine.now);
                self.has_slept = true;
                return;
            }
            6 => {
                self.take(late);
                let family = self.random.below(FAMILY_COUNT as u64) as usize;
                self.periods[family] = PERIODS[self.random.below(5) as usize];
                let periods = self.periods;
                if let Some(last) = self.last.get_mut(&family) {
                    last.period = last.period.max(periods[family]);
                }
                let period = |family| periods.get(family).copied();
                self.sched.change(period, 5_000, true, self.machine.now);
                return;
            }
            _ => {}
        }
        self.take(late);
    }
}

#[test]
fn no_two_samples_of_a_series_share_a_stamp_and_no_second_is_missing() {
    for seed in 1..=60_u64 {
        let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        println!("seed {seed:#x}");
        let mut run = Run::new(seed);
        for _ in 0..2_000 {
            run.step();
        }
        assert!(run.samples > 10_000, "{}", run.samples);
    }
}

#[test]
fn agents_of_one_phase_stamp_alike_and_those_of_a_fleet_are_spread_over_the_second() {
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    let mut moments = [0; 10];
    for _ in 0..1_000 {
        let (phase, offset) = (
            random.below(60_000) as u32,
            (BUILT + 1) * 1_000 + random.below(1 << 40),
        );
        let stamps: Vec<u64> = (0..3)
            .map(|_| {
                let machine = Machine {
                    now: random.below(1 << 40),
                    offset,
                };
                let mut clock = Clock::new(0, phase);
                let now = machine.now;
                assert!(clock.look(machine.read(), || machine.read()).is_right);
                // What is not on the phase has its own second, too.
                assert_eq!(clock.stamp(now), (now + offset) / 1_000);
                clock.stamp(3_600_000 + u64::from(phase))
            })
            .collect();
        assert!(stamps.iter().all(|stamp| *stamp == stamps[0]), "{stamps:?}");
        moments[(u64::from(phase) + offset) as usize % 1_000 / 100] += 1;
    }
    assert!(moments.iter().all(|count| *count > 50), "{moments:?}");
}
