//! Series that are left out for a while, since the server has refused a line of theirs.

use crate::base::text::hash;

/// Series that are left out at most, and for how many milliseconds.
const SERIES_MAX: usize = 16;
const REFUSED_FOR: u64 = 3_600_000;

/// Hashes of series, and until when they are left out.
pub(super) struct RefusedSeries {
    slots: [(u32, u64); SERIES_MAX],
    next: usize,
}

impl RefusedSeries {
    pub(super) const NONE: Self = Self {
        slots: [(0, 0); SERIES_MAX],
        next: 0,
    };

    /// Whether the line is of a series that is left out.
    pub(super) fn contains(&self, line: &[u8], now: u64) -> bool {
        self.slots
            .iter()
            .any(|(refused, until)| now < *until && *refused == series(line))
    }

    /// Adds the series of the line, in place of the one that was added first.
    pub(super) fn add(&mut self, line: &[u8], now: u64) {
        if let Some(slot) = self.slots.get_mut(self.next) {
            *slot = (series(line), now + REFUSED_FOR);
        }
        self.next = (self.next + 1) % SERIES_MAX;
    }
}

/// Returns a hash of the series of a line: of what stands before the value.
pub(super) fn series(line: &[u8]) -> u32 {
    const VALUE: &[u8] = b",\"value\":";
    let end = line.windows(VALUE.len()).rposition(|part| part == VALUE);
    hash(line.get(..end.unwrap_or_default()).unwrap_or_default())
}
