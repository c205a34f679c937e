//! The delay before the next attempt to connect.

/// The first and shortest delay, in milliseconds.
pub const LEAST: u32 = 100;
/// The longest delay, in milliseconds.
pub const MOST: u32 = 30_000;
/// The jitter spreads over a fifth (20 %) of the delay.
const SPREAD: u32 = 5;

/// Exponential backoff with jitter: delays that double from [`LEAST`] to [`MOST`]. Each is drawn from a span of 20 % inside
/// these bounds, so that a fleet of agents does not connect in the same moment, also at the longest delay.
pub struct Backoff {
    base: u32,
    random: u32,
}

impl Backoff {
    /// Starts at the shortest delay; equal seeds give equal delays.
    pub fn new(seed: u32) -> Self {
        Self {
            base: LEAST,
            // The generator stays at 0 if it starts there.
            random: seed.max(1),
        }
    }

    /// Returns the milliseconds to wait before the next attempt.
    pub fn next_delay(&mut self) -> u32 {
        let span = self.base / SPREAD;
        let start = self.base.min(MOST - span);
        self.base = (self.base * 2).min(MOST);
        start + self.draw(span)
    }

    /// Makes the next delay at least about this long.
    pub fn raise(&mut self, least: u32) {
        self.base = self.base.max(least.min(MOST));
    }

    /// Starts over at the shortest delay.
    pub fn reset(&mut self) {
        self.base = LEAST;
    }

    /// Returns a number from 0 to `most`, by xorshift32 (Marsaglia 2003).
    pub fn draw(&mut self, most: u32) -> u32 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 17;
        self.random ^= self.random << 5;
        ((u64::from(self.random) * u64::from(most + 1)) >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_within_the_bounds_and_spreads_at_the_cap() {
        let mut at_cap = std::collections::BTreeSet::new();
        for seed in 0..2_000 {
            let mut backoff = Backoff::new(seed * 7_919);
            let mut expected = LEAST;
            for turn in 0..15 {
                let delay = backoff.next_delay();
                assert!((LEAST..=MOST).contains(&delay), "seed {seed}");
                assert!(delay >= expected * 4 / 5, "seed {seed}: {delay} at {expected}");
                assert!(delay <= expected * 6 / 5, "seed {seed}: {delay} at {expected}");
                if turn == 14 {
                    at_cap.insert(delay / 1_000);
                }
                expected = (expected * 2).min(MOST);
            }
            backoff.reset();
            assert!(backoff.next_delay() <= LEAST * 6 / 5);
            backoff.raise(1_000);
            assert!((1_000..=1_200).contains(&backoff.next_delay()));
            backoff.raise(1_000);
            assert!((2_000..=2_400).contains(&backoff.next_delay()));
        }
        assert_eq!(
            at_cap.into_iter().collect::<Vec<_>>(),
            (24..30).collect::<Vec<_>>()
        );
    }
}
