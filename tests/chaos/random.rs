//! Numbers drawn from a seed.

use std::env;
use std::ops::Range;
use std::time::{Duration, SystemTime};

/// The seed that the user gives, or one of this moment; printed, so that it can be given again.
pub(crate) fn seed() -> u64 {
    let given = env::var("SEED").ok().map(|text| text.parse().expect("SEED"));
    let seed = given.unwrap_or_else(|| {
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        u64::from(time.unwrap().subsec_nanos()) << 16 | u64::from(std::process::id()) & 0xffff
    });
    println!("SEED={seed}");
    seed
}

/// A splitmix64 generator: each seed, be it 0 or next to another, is a good one.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64, number: usize) -> Self {
        Self(seed.wrapping_add((number as u64) << 56))
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut bits = self.0;
        bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((bits ^ bits >> 31) % end as u64) as usize
    }

    pub(crate) fn within(&mut self, range: Range<usize>) -> usize {
        range.start + self.below(range.len())
    }

    pub(crate) fn is_one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    /// Sleeps for less than so many milliseconds, so that the next step comes at any moment.
    pub(crate) fn pause(&mut self, end: usize) {
        std::thread::sleep(Duration::from_millis(self.below(end) as u64));
    }
}
