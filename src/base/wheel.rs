//! A timer wheel with 32 slots of 256 ms.
//!
//! A slot is a set of timers, one bit each, and so are the occupied slots: the next expiry is found by walking the set
//! bits. A timer keeps its exact deadline, and the slot is only where to look. So the next expiry is exact, and a
//! deadline any number of rotations ahead needs no second wheel.

use super::bit_set::{Timers, set_bits};

/// The most timers of a wheel, numbered from 0: the bits of a word.
pub const TIMERS_MAX: usize = 32;

const SLOTS: u32 = 32;
/// A slot is 2^8 ms wide: a shift, where a division would be a library call on a 32-bit router.
const SLOT_SHIFT: u32 = 8;

/// Timers with absolute deadlines in milliseconds of one clock that never goes back.
pub struct Wheel {
    slots: [Timers; SLOTS as usize],
    occupied: u32,
    deadlines: [u64; TIMERS_MAX],
    armed: Timers,
    /// The number of the slot that time has reached, counted from the start of the clock.
    reached: u64,
}

impl Wheel {
    /// A wheel with no timer armed, at time `now`.
    pub fn new(now: u64) -> Self {
        Self {
            slots: [0; SLOTS as usize],
            occupied: 0,
            deadlines: [0; TIMERS_MAX],
            armed: 0,
            reached: now >> SLOT_SHIFT,
        }
    }

    /// Arms the timer (below [`TIMERS_MAX`]), which may be armed already, to expire at `deadline`. A deadline that has
    /// passed expires at the next [`Wheel::expire`].
    pub fn arm(&mut self, timer: usize, deadline: u64) {
        debug_assert!(timer < TIMERS_MAX);
        self.disarm(timer);
        self.deadlines[timer] = deadline;
        self.armed |= 1 << timer;
        let slot = (deadline >> SLOT_SHIFT).max(self.reached) as u32 % SLOTS;
        self.slots[slot as usize] |= 1 << timer;
        self.occupied |= 1 << slot;
    }

    /// Disarms the timer.
    pub fn disarm(&mut self, timer: usize) {
        if self.armed & (1 << timer) != 0 {
            self.remove(self.occupied, 1 << timer);
        }
    }

    /// Returns the deadline of an armed timer.
    pub fn deadline(&self, timer: usize) -> Option<u64> {
        (self.armed & (1 << timer) != 0).then(|| self.deadlines[timer])
    }

    /// Returns the earliest deadline of all.
    pub fn next(&self) -> Option<u64> {
        let mut earliest = u64::MAX;
        for ahead in set_bits(self.occupied.rotate_right(self.reached as u32)) {
            let slot_number = self.reached + ahead as u64;
            for timer in set_bits(self.slots[(slot_number as u32 % SLOTS) as usize]) {
                earliest = earliest.min(self.deadlines[timer]);
            }
            // Further slots are later than this one, unless it has a deadline of a later rotation.
            if earliest >> SLOT_SHIFT <= slot_number {
                break;
            }
        }
        (self.armed != 0).then_some(earliest)
    }

    /// Disarms and returns all timers whose deadline is at or before `now`.
    pub fn expire(&mut self, now: u64) -> Timers {
        let target = (now >> SLOT_SHIFT).max(self.reached);
        let passed = (target - self.reached).min(u64::from(SLOTS - 1)) as u32;
        let window = (u32::MAX >> (SLOTS - 1 - passed)).rotate_left(self.reached as u32);
        let slots = self.occupied & window;
        let mut due = 0;
        for slot in set_bits(slots) {
            for timer in set_bits(self.slots[slot]) {
                if self.deadlines[timer] <= now {
                    due |= 1 << timer;
                }
            }
        }
        self.remove(slots, due);
        self.reached = target;
        due
    }

    /// Removes the timers from these slots.
    fn remove(&mut self, slots: u32, timers: Timers) {
        self.armed &= !timers;
        for slot in set_bits(slots) {
            self.slots[slot] &= !timers;
            if self.slots[slot] == 0 {
                self.occupied &= !(1 << slot);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;
    use std::collections::BTreeMap;

    #[test]
    fn the_next_expiry_is_exact_and_nothing_expires_before_it() {
        let mut wheel = Wheel::new(1_000);
        wheel.arm(3, 6_001);
        wheel.arm(9, 61_000);
        assert_eq!(wheel.next(), Some(6_001));
        assert_eq!(wheel.expire(6_000), 0);
        assert_eq!(wheel.expire(6_001), 1 << 3);
        assert_eq!(wheel.next(), Some(61_000));
        assert_eq!(wheel.deadline(3), None);
        assert_eq!(wheel.deadline(9), Some(61_000));
    }

    #[test]
    fn a_deadline_in_the_past_is_due_at_once_and_can_be_taken_back() {
        let mut wheel = Wheel::new(1_000_000);
        wheel.arm(0, 5);
        assert_eq!(wheel.next(), Some(5));
        wheel.disarm(0);
        assert_eq!(wheel.next(), None);
        wheel.arm(31, 5);
        assert_eq!(wheel.expire(1_000_000), 1 << 31);
        assert_eq!(wheel.occupied, 0);
    }

    #[test]
    fn a_timer_of_a_later_turn_does_not_hide_one_of_this_turn() {
        let mut wheel = Wheel::new(0);
        // Slot 1, but a turn later; then slot 2 of this turn.
        wheel.arm(0, u64::from(SLOTS + 1) << SLOT_SHIFT);
        wheel.arm(1, 2 << SLOT_SHIFT);
        assert_eq!(wheel.next(), Some(2 << SLOT_SHIFT));
    }

    /// What the wheel should do, without slots.
    #[derive(Default)]
    struct Naive(BTreeMap<usize, u64>);

    impl Naive {
        fn next(&self) -> Option<u64> {
            self.0.values().min().copied()
        }

        fn expire(&mut self, now: u64) -> Timers {
            let due = self.0.iter().filter(|(_, at)| **at <= now);
            let due = due.fold(0, |set, (timer, _)| set | 1 << timer);
            self.0.retain(|_, at| *at > now);
            due
        }
    }

    fn far(random: &mut Random) -> u64 {
        match random.below(4) {
            0 => random.below(300),
            1 => random.below(10_000),
            // Many turns of 8.192 s.
            2 => random.below(10_000_000),
            _ => 5_000 * random.below(20),
        }
    }

    fn against_naive(seed: u64) {
        let mut random = Random(seed);
        let mut now = random.below(1 << 40);
        let (mut wheel, mut naive) = (Wheel::new(now), Naive::default());
        for step in 0..20_000 {
            let timer = random.below(TIMERS_MAX as u64) as usize;
            match random.below(8) {
                0..3 => {
                    let deadline = (now + far(&mut random)).saturating_sub(random.below(2) * 500);
                    wheel.arm(timer, deadline);
                    naive.0.insert(timer, deadline);
                }
                3 => {
                    wheel.disarm(timer);
                    naive.0.remove(&timer);
                }
                4 => now += far(&mut random),
                5 => now = naive.next().map_or(now, |next| now.max(next)),
                // One tick before, or a jump over everything.
                6 => now = naive.next().map_or(now, |next| now.max(next.saturating_sub(1))),
                _ => now += random.below(2) * random.below(100_000_000),
            }
            assert_eq!(wheel.next(), naive.next(), "seed {seed:#x}, step {step}");
            let due = wheel.expire(now);
            assert_eq!(due, naive.expire(now), "seed {seed:#x}, step {step}");
            // From inside an expiry: a part is armed again, now and then for this very moment.
            for timer in set_bits(due).filter(|timer| timer % 3 != 0) {
                let deadline = now + far(&mut random) * random.below(2);
                wheel.arm(timer, deadline);
                naive.0.insert(timer, deadline);
            }
            assert_eq!(wheel.next(), naive.next(), "seed {seed:#x}, step {step}");
            assert_eq!(wheel.deadline(timer), naive.0.get(&timer).copied());
            assert_eq!(wheel.armed.count_ones() as usize, naive.0.len());
        }
    }

    #[test]
    fn agrees_with_a_naive_model() {
        for seed in 1..=20_u64 {
            let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            println!("seed {seed:#x}");
            against_naive(seed);
        }
    }
}
