//! Eviction of lines from a full ring.

use super::Ring;
use super::record::HEAD;
use super::words::is_lost;

impl Ring<'_> {
    /// Returns whether a line of `length` bytes fits only after the eviction of lines that no connection has
    /// acknowledged.
    pub fn is_short_for(&self, length: usize) -> bool {
        let kept = if self.part > 0 && self.sent < self.ever_acked {
            self.end_of(self.sent) - self.sent
        } else {
            0
        };
        self.free() + self.ever_acked - kept < HEAD + length
    }

    /// Frees some of the `wanted` bytes; returns whether it could. Lines that some connection has acknowledged go first,
    /// then lines between others, then the oldest.
    pub(super) fn evict(&mut self, wanted: usize) -> bool {
        // A line that is sent in part stays.
        let is_part_sent = self.sent == 0 && self.part > 0;
        let end = self.end_of(0);
        if is_lost() {
            return false;
        }
        if self.ever_acked > 0 && !is_part_sent {
            self.evict_first(end);
            return true;
        }
        if self.ever_acked > end {
            return self.drop_unsent(wanted, self.ever_acked);
        }
        if self.policy.is_thinning && self.thin() {
            return true;
        }
        if is_part_sent || self.sent > 0 && self.dropped_in_flight.is_full() {
            return self.drop_unsent(wanted, self.newest);
        }
        if is_lost() {
            return false;
        }
        if self.sent > 0 {
            self.dropped_in_flight.push(end.saturating_sub(HEAD));
        } else {
            self.counts.dropped += 1;
        }
        self.evict_first(end);
        true
    }

    /// Removes the oldest line, which ends at this position.
    pub(super) fn evict_first(&mut self, end: usize) {
        if self.acked == 0 && self.sent > 0 {
            self.in_flight = self.in_flight.saturating_sub(end.saturating_sub(HEAD));
        }
        self.count_removed(end);
        self.discard_to(end);
    }

    /// Counts a line that ended at this position as removed or acknowledged, unless a connection had acknowledged it
    /// before.
    pub(super) fn count_removed(&mut self, end: usize) {
        if end > self.ever_acked {
            self.unacked_lines = self.unacked_lines.saturating_sub(1);
            if end <= self.sent {
                self.sent_unacked_lines = self.sent_unacked_lines.saturating_sub(1);
            }
        }
    }

    /// Drops the oldest wholly unsent lines before `last`, of about `wanted` bytes; returns whether there was one.
    fn drop_unsent(&mut self, wanted: usize, last: usize) -> bool {
        let first = self.first_unsent();
        // Each rewrite moves the whole ring, so it should free much.
        let goal = wanted.max(self.memory.len() / 16);
        let ever_acked = self.ever_acked;
        let (mut freed, mut dropped) = (0, 0);
        self.rewrite(self.clock, None, &mut |position, head, _| {
            let goes = (first..last).contains(&position) && freed < goal;
            if goes {
                freed += HEAD + head.length();
                dropped += u64::from(position >= ever_acked);
            }
            !goes
        });
        self.counts.dropped += dropped;
        self.ack_times.close_gap(first, first + freed);
        freed > 0
    }

    /// Returns the position of the first line of which no byte has been sent.
    pub(super) fn first_unsent(&self) -> usize {
        if self.part > 0 {
            self.end_of(self.sent)
        } else {
            self.sent
        }
    }

    /// Removes the records before the position.
    pub(super) fn discard_to(&mut self, position: usize) {
        self.advance(position);
        self.acked = self.acked.saturating_sub(position);
        self.sent = self.sent.saturating_sub(position);
        self.ack_times.discard_to(position);
    }
}
