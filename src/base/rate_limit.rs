//! Says a thing when it is new, and then seldom: the same trouble does not flood the log.

/// Occasions that are told at once.
const BURST: u64 = 10;
/// One more may be told after each of these spans, in milliseconds: two hours.
const REGAIN: u64 = 7_200_000;

/// Lets ten occasions through at once, and regains one every two hours, up to ten: at most 22 in any
/// day. Ten is what the backoff takes to climb: 0.1 s, 0.2 s … 25.6 s, 30 s.
#[derive(Clone, Copy, Default)]
pub struct Throttle {
    /// When all ten are there again, in milliseconds.
    full_at: u64,
    held: u32,
}

impl Throttle {
    /// One that has let nothing through yet.
    pub const fn new() -> Self {
        Self { full_at: 0, held: 0 }
    }

    /// Whether to tell this occasion, and then how many it stands for: itself and those held
    /// back since the last one told.
    pub fn pass(&mut self, now: u64) -> Option<u32> {
        self.held += 1;
        self.tell_held(now)
    }

    /// Whether to tell now of the last occasion, which was held back: as [`Throttle::pass`].
    pub fn tell_held(&mut self, now: u64) -> Option<u32> {
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
        let told: Vec<_> = (0..600_u64)
            .filter_map(|minute| {
                let count = throttle.pass(5 * HOUR + minute * 60_000)?;
                Some((minute, count))
            })
            .collect();
        let mut expected: Vec<_> = (0..10).map(|minute| (minute, 1)).collect();
        expected.extend([(120, 111), (240, 120), (360, 120), (480, 120)]);
        assert_eq!(told, expected);
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
    fn what_was_held_back_can_be_told_later_and_counts_once() {
        let mut throttle = Throttle::new();
        assert_eq!(burst(&mut throttle, 0), 10);
        for _ in 0..3 {
            assert_eq!(throttle.tell_held(2 * HOUR - 1), None);
        }
        assert_eq!(throttle.tell_held(2 * HOUR), Some(40));
        assert_eq!(throttle.pass(4 * HOUR), Some(1));
    }
}
