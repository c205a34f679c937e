//! The rank of each turn of a family, or of a metric of the user's own: what is thinned first when the ring is
//! full.

use crate::config::CUSTOM_MAX;
use crate::families::FAMILY_COUNT;
use crate::ring::{THIN_LEVEL_MAX, thin_level};
use core::ops::Range;

/// Not yet. (A turn that has this number, once in 49 days, is not thinned either.)
const NEVER: u32 = u32::MAX;

/// Those of the user's own metrics, after the families.
pub(super) const CUSTOM: usize = FAMILY_COUNT;

/// Those of received lines.
pub(super) const RECEIVED: Range<usize> = CUSTOM + CUSTOM_MAX..CUSTOM + CUSTOM_MAX + 32;

/// When each had its last samples, in milliseconds since all before had arrived.
pub(super) struct Ranks {
    origin: u64,
    last: [u32; RECEIVED.end],
}

impl Ranks {
    pub(super) fn new(now: u64) -> Self {
        Self {
            origin: now,
            last: [NEVER; RECEIVED.end],
        }
    }

    /// All lines so far have arrived: what comes now may be the first of a long outage, and stays.
    pub(super) fn start_over(&mut self, now: u64) {
        *self = Self::new(now);
    }

    /// The rank of what it tells now.
    pub(super) fn of(&self, number: usize, now: u64) -> u8 {
        match self.last[number] {
            NEVER => THIN_LEVEL_MAX,
            last => thin_level(u64::from(last), now - self.origin),
        }
    }

    /// It has told something.
    pub(super) fn note(&mut self, number: usize, now: u64) {
        self.last[number] = (now - self.origin) as u32;
    }
}
