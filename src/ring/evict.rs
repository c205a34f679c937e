//! Eviction of lines from a full ring, and rewriting.
//!
//! A rewrite takes each record from the oldest end and, unless the record is removed, writes it after the newest. So
//! records can be removed anywhere, and the others are in the ring at any time. If the agent is killed meanwhile, the next
//! one finishes the rewrite, and the records are in order again.

use super::record::{Head, THIN_LEVEL_MAX};
use super::words::{Words, is_lost};
use super::{HEAD, LINE_MAX, Ring, SPARE};

/// The number of levels.
const LEVELS: usize = THIN_LEVEL_MAX as usize + 1;

/// Returns whether the record at a position is kept. It may change the record, except its length.
pub(super) type Keep<'k> = &'k mut dyn FnMut(usize, &mut Head, &mut [u8]) -> bool;

/// Returns the level of a sample that follows one at `before`: the highest one at which it is the first of its series in
/// a slot of time. A slot of level `n` has 2^n milliseconds.
///
/// A series that is thinned to a level has about one sample a slot. So all series get the same density in time, whatever
/// their interval, and slow ones are thinned last. Both times are in milliseconds since one start, less than 24 days apart.
pub fn thin_level(before: u64, now: u64) -> u8 {
    // Slots of the highest level returned are shorter than 2^32 ms.
    let changed = u32::BITS - ((before ^ now) as u32).leading_zeros();
    (changed.saturating_sub(1) as u8).min(THIN_LEVEL_MAX - 1)
}

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
        // Each rewrite moves the whole ring, so it should free much.
        let goal = wanted.max(self.memory.len() / 16);
        let removed = self.remove_unsent(last, [0, THIN_LEVEL_MAX], goal);
        self.counts.dropped += removed.unwrap_or(0);
        removed.is_some()
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
        self.ack_times.close_gap(0, position);
    }

    /// Thins unsent lines of low level, except in the newest quarter, so that at least a sixteenth of the memory is free.
    /// Returns whether it could.
    pub(super) fn thin(&mut self) -> bool {
        let first = self.first_unsent();
        let last = self.newest - self.newest / 4;
        let goal = self.memory.len() / 4;
        let (level, free) = self.level_to_thin(first, last, goal);
        if free < goal / 4 || is_lost() {
            return false;
        }
        // Lines of the highest level to thin go from the oldest on, until enough is free.
        let removed = self.remove_unsent(last, [level; 2], goal);
        self.counts.thinned += removed.unwrap_or(0);
        removed.is_some()
    }

    /// Removes wholly unsent lines before `last`: all below the first level, and those up to the second level from the
    /// oldest on, until `goal` bytes are free. Returns the number of those that no connection has acknowledged; `None`
    /// if no line was removed.
    pub(super) fn remove_unsent(&mut self, last: usize, levels: [u8; 2], goal: usize) -> Option<u64> {
        let (first, ever_acked) = (self.first_unsent(), self.ever_acked);
        let (mut freed, mut removed) = (0, 0);
        self.rewrite(self.clock, &mut |position, head, _| {
            let level = head.thin_level();
            let goes = (first..last).contains(&position)
                && (level < levels[0] || level <= levels[1] && freed < goal);
            if goes {
                freed += HEAD + head.length();
                removed += u64::from(position >= ever_acked);
            }
            !goes
        });
        // A gap between lines that have not been sent has no marks.
        self.ack_times.close_gap(first, first + freed);
        (freed > 0).then_some(removed)
    }

    /// Returns the highest level to thin for `goal` bytes, and the bytes up to that level.
    fn level_to_thin(&self, first: usize, last: usize, goal: usize) -> (u8, usize) {
        let mut bytes = [0_usize; LEVELS];
        let mut position = first;
        while position < last {
            let (head, end) = (self.head(position), self.end_of(position));
            bytes[usize::from(head.thin_level())] += end - position;
            position = end;
        }
        let mut free = 0;
        let mut thin_level = 0;
        loop {
            free += bytes[usize::from(thin_level)];
            if free >= goal || thin_level == THIN_LEVEL_MAX - 1 {
                return (thin_level, free);
            }
            thin_level += 1;
        }
    }

    /// Returns the seconds from the monotonic clock to the stamps of lines that are not settled.
    pub fn clock(&self) -> usize {
        self.clock
    }

    pub(super) fn keep_clock(&mut self, clock: usize) {
        self.clock = clock;
        self.words.clock.set(clock);
    }

    /// Sets the clock of the stamps, and changes the stamps of all lines by the difference, except of lines that were
    /// sent or are of an earlier boot.
    pub fn set_clock(&mut self, clock: usize) {
        if clock != self.clock() {
            self.rewrite(clock, &mut |_, _, _| true);
        }
    }

    /// Finishes the rewrite of an agent that was killed: `length` bytes are still to be moved. If it was killed between
    /// two stores, the last moved record, at the position `last`, is also the first one to be moved.
    pub(super) fn finish_rewrite(&mut self, length: usize, last: usize) {
        let mut twin = [0; LINE_MAX];
        let twin_length = if last < length {
            0
        } else {
            self.head(last).length()
        };
        let twin = &mut twin[..twin_length];
        self.read(last + HEAD, twin);
        // Only a twin makes more than a full ring.
        let is_overfull = self.newest > self.memory.len() - SPARE;
        let mut is_first = true;
        self.run_rewrite(length, &mut |_, _, line| {
            let is_twin = core::mem::take(&mut is_first) && (is_overfull || line == twin);
            !is_twin
        });
    }

    /// Rewrites all records. Lines before `sent`, and a line that is sent in part, have to be kept.
    pub(super) fn rewrite(&mut self, clock: usize, keep: Keep) {
        self.words.rewrite_clock.set(clock);
        self.words.rewrite.set(self.index(self.newest));
        self.run_rewrite(self.newest, keep);
    }

    /// Rewrites the records before `end`. Positions are those at the start. Stamps that are not settled change with the
    /// clock.
    fn run_rewrite(&mut self, end: usize, keep: Keep) {
        let clock = self.words.rewrite_clock.get();
        let seconds = clock as i64 - self.clock() as i64;
        let (sent_mark, ever_acked) = (self.sent_mark, self.ever_acked);
        let has_sent_mark = sent_mark > 0 && sent_mark <= end;
        let mut line = [0; LINE_MAX];
        let mut position = 0;
        while position < end {
            let mut head = self.head(0);
            let line = &mut line[..head.length()];
            self.read(HEAD, line);
            let length = self.end_of(0);
            head.is_settled |= has_sent_mark && position < sent_mark;
            let mut is_kept = false;
            // What was read from lost memory may be no record.
            if !is_lost() {
                self.restamp(head, line, seconds);
                is_kept = keep(position, &mut head, line);
                if is_kept {
                    self.append(head, line);
                }
            }
            // The memory of the old record may be lost, or that of the new one.
            if is_lost() {
                self.unmoved = Some((end - position, clock));
                return;
            }
            if !is_kept && position >= ever_acked {
                self.unacked_lines = self.unacked_lines.saturating_sub(1);
            }
            self.advance(length);
            position += length;
            if has_sent_mark && position == sent_mark {
                self.raise_sent_mark(self.newest);
            }
            if position == ever_acked {
                self.set_ever_acked(self.newest);
            }
        }
        self.keep_clock(clock);
        self.words.rewrite.set(Words::NO_REWRITE);
    }

    /// Changes the stamp of a line that is not settled.
    pub(super) fn restamp(&self, head: Head, line: &mut [u8], seconds: i64) {
        if !head.is_settled && seconds != 0 {
            (self.policy.restamp)(line, seconds);
        }
    }
}
