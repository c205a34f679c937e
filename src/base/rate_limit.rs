//! A limit on the rate of messages: a repeated error does not flood the log.

/// Messages that pass at once.
const BURST: u64 = 10;
/// One more may pass after each of these spans, in milliseconds: two hours.
const REGAIN: u64 = 7_200_000;

/// A token bucket: ten messages pass at once, and one more every two hours, at most 22 in any day. Ten is how many delays
/// the backoff has: 0.1 s, 0.2 s … 25.6 s, 30 s.
#[derive(Clone, Copy, Default)]
pub struct Throttle {
    /// The time at which the bucket is full again, in milliseconds.
    full_at: u64,
    /// Messages since the last one that passed.
    held: u32,
}

impl Throttle {
    /// A full bucket.
    pub const fn new() -> Self {
        Self { full_at: 0, held: 0 }
    }

    /// Returns `None` if the message is held back; otherwise how many messages it stands for: itself, and those held back
    /// since the last one that passed.
    pub fn pass(&mut self, now: u64) -> Option<u32> {
        self.held += 1;
        self.pass_held(now)
    }

    /// Returns the same as [`Throttle::pass`] for the last message, which was held back.
    pub fn pass_held(&mut self, now: u64) -> Option<u32> {
        let full_at = self.full_at.max(now);
        if full_at > now + (BURST - 1) * REGAIN {
            return None;
        }
        self.full_at = full_at + REGAIN;
        Some(core::mem::take(&mut self.held))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: u64 = 3_600_000;

    fn burst(throttle: &mut Throttle, now: u64) -> usize {
        (0..50).filter_map(|_| throttle.pass(now)).count()
    }

    #[test]
    fn ten_at_once_then_one_in_two_hours_with_the_count() {
        let mut throttle = Throttle::new();
        // The clock has run for a while.
        let passed: Vec<_> = (0..600_u64)
            .filter_map(|minute| {
                let count = throttle.pass(5 * HOUR + minute * 60_000)?;
                Some((minute, count))
            })
            .collect();
        let mut expected: Vec<_> = (0..10).map(|minute| (minute, 1)).collect();
        expected.extend([(120, 111), (240, 120), (360, 120), (480, 120)]);
        assert_eq!(passed, expected);
    }

    #[test]
    fn quiet_hours_give_back_up_to_ten() {
        let mut throttle = Throttle::new();
        assert_eq!(burst(&mut throttle, 1), 10);
        assert_eq!(burst(&mut throttle, 2 * HOUR), 0);
        assert_eq!(burst(&mut throttle, 2 * HOUR + 1), 1);
        assert_eq!(burst(&mut throttle, 9 * HOUR), 3);
        assert_eq!(burst(&mut throttle, 1_000 * HOUR), 10);
    }

    #[test]
    fn held_messages_pass_later_and_count_once() {
        let mut throttle = Throttle::new();
        assert_eq!(burst(&mut throttle, 0), 10);
        for _ in 0..3 {
            assert_eq!(throttle.pass_held(2 * HOUR - 1), None);
        }
        assert_eq!(throttle.pass_held(2 * HOUR), Some(40));
        assert_eq!(throttle.pass(4 * HOUR), Some(1));
    }
}
