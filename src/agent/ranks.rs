//! The rank of each turn of a family: what is thinned first when the ring is full.

use crate::builtin::FAMILY_COUNT;
use crate::ring::{RANK_MAX, rank};

/// Not yet. (A turn that has this number, once in 49 days, is not thinned either.)
const NEVER: u32 = u32::MAX;

/// When each family had its last samples, in milliseconds since all before had arrived.
pub(super) struct Ranks {
    origin: u64,
    last: [u32; FAMILY_COUNT],
}

impl Ranks {
    pub(super) fn new(now: u64) -> Self {
        Self {
            origin: now,
            last: [NEVER; FAMILY_COUNT],
        }
    }

    /// All lines so far have arrived: what comes now may be the first of a long outage, and stays.
    pub(super) fn start_over(&mut self, now: u64) {
        *self = Self::new(now);
    }

    /// The rank of what a family tells now.
    pub(super) fn of(&self, family: usize, now: u64) -> u8 {
        match self.last[family] {
            NEVER => RANK_MAX,
            last => rank(u64::from(last), now - self.origin),
        }
    }

    /// The family has told something.
    pub(super) fn note(&mut self, family: usize, now: u64) {
        self.last[family] = (now - self.origin) as u32;
    }
}
