//! Says a thing when it is new, and then seldom: the same trouble does not flood the log.

/// Occasions that are told at once.
const BURST: u8 = 10;
/// Later ones are told once in this many milliseconds, with their count.
const QUIET: u64 = 600_000;

/// Lets the first ten occasions through, then one in ten minutes.
///
/// Ten is what the backoff takes to climb: 0.1 s, 0.2 s … 25.6 s, 30 s.
#[derive(Clone, Copy)]
pub struct Throttle {
    left: u8,
    /// When one was let through, in milliseconds.
    told: u64,
    held: u64,
}

impl Throttle {
    /// One that has let nothing through yet.
    pub const fn new() -> Self {
        Self {
            left: BURST,
            told: 0,
            held: 0,
        }
    }

    /// Whether to tell this occasion, and then how many it stands for: itself and those held
    /// back since the last one told.
    pub fn pass(&mut self, now: u64) -> Option<u64> {
        self.held += 1;
        if self.left == 0 && now.saturating_sub(self.told) < QUIET {
            return None;
        }
        self.left = self.left.saturating_sub(1);
        self.told = now;
        Some(core::mem::take(&mut self.held))
    }

    /// The trouble is over: the next occasions are new again.
    pub fn refill(&mut self) {
        *self = Self {
            told: self.told,
            ..Self::new()
        };
    }
}

impl Default for Throttle {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_at_once_then_one_in_ten_minutes_with_the_count() {
        let mut throttle = Throttle::new();
        let told: Vec<_> = (0..100_u64)
            .filter_map(|minute| throttle.pass(minute * 60_000).map(|count| (minute, count)))
            .collect();
        let mut expected: Vec<_> = (0..10).map(|minute| (minute, 1)).collect();
        expected.extend((19..100).step_by(10).map(|minute| (minute, 10)));
        assert_eq!(told, expected);
    }

    #[test]
    fn after_the_trouble_it_is_new_again() {
        let mut throttle = Throttle::new();
        let burst = |throttle: &mut Throttle| (0..50).filter_map(|_| throttle.pass(1)).count();
        assert_eq!(burst(&mut throttle), 10);
        assert_eq!(burst(&mut throttle), 0);
        throttle.refill();
        assert_eq!(
            throttle.pass(2),
            Some(1),
            "what was held back before is forgotten"
        );
        assert_eq!(burst(&mut throttle), 9);
    }
}
