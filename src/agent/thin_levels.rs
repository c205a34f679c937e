//! The thin level of the lines of each family and of each custom metric: what a full ring thins first.

use crate::config::CUSTOM_MAX;
use crate::families::FAMILY_COUNT;
use crate::ring::{THIN_LEVEL_MAX, thin_level};
use core::ops::Range;

/// No samples yet. (A turn at this very millisecond, once in 49 days, is not thinned either.)
const NEVER: u32 = u32::MAX;

/// The first custom metric, after the families.
pub(super) const CUSTOM: usize = FAMILY_COUNT;

/// Those of received lines.
pub(super) const RECEIVED: Range<usize> = CUSTOM + CUSTOM_MAX..CUSTOM + CUSTOM_MAX + 32;

/// The time of the last samples of each, in milliseconds since all lines had been acknowledged.
pub(super) struct ThinLevels {
    origin: u64,
    last: [u32; RECEIVED.end],
}

impl ThinLevels {
    pub(super) fn new(now: u64) -> Self {
        Self {
            origin: now,
            last: [NEVER; RECEIVED.end],
        }
    }

    /// Returns the thin level of samples that are taken now.
    pub(super) fn of(&self, number: usize, now: u64) -> u8 {
        match self.last[number] {
            NEVER => THIN_LEVEL_MAX,
            last => thin_level(u64::from(last), now.saturating_sub(self.origin)),
        }
    }

    /// Notes that samples were taken now.
    pub(super) fn note(&mut self, number: usize, now: u64) {
        self.last[number] = now.saturating_sub(self.origin) as u32;
    }
}
