//! Batches: unsent lines that are encoded and sent as one.

use super::record::HEAD;
use super::words::is_lost;
use super::{LINE_MAX, Ring};

/// Lines that are sent as one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Batch {
    /// The number of lines.
    pub lines: usize,
    /// Their bytes in the ring.
    pub bytes: usize,
}

/// The bounds of a batch.
#[derive(Clone, Copy)]
pub struct Bounds {
    /// The most lines.
    pub lines: usize,
    /// The most bytes, but for a batch of one line.
    pub bytes: usize,
}

impl Bounds {
    /// No bounds.
    pub const NONE: Self = Self {
        lines: usize::MAX,
        bytes: usize::MAX,
    };
}

impl Ring<'_> {
    /// Hands unsent lines to `push`, the oldest first, within the bounds and until `push` returns false; returns those
    /// that it has accepted. A batch is of lines that were all acknowledged before, that were all sent before, or that
    /// are all new: what is sent again after a failure is what was sent then. The oldest unsent line must be unsent as a
    /// whole.
    pub fn batch(&self, bounds: Bounds, push: &mut dyn FnMut(&[u8]) -> bool) -> Batch {
        let mut batch = Batch::default();
        let mut position = self.sent;
        let mut stage = [0; LINE_MAX];
        while position < self.newest && batch.lines < bounds.lines {
            let is_boundary = position == self.ever_acked || position == self.sent_mark;
            let (line, end) = self.line_at(position, &mut stage);
            let is_too_long = batch.bytes + line.len() > bounds.bytes;
            if is_lost() || batch.lines > 0 && (is_boundary || is_too_long) || !push(line) {
                break;
            }
            batch.lines += 1;
            batch.bytes += line.len();
            position = end;
        }
        batch
    }

    /// Whether the batch that begins with the oldest unsent line is of lines that were acknowledged before.
    pub fn is_repeat(&self) -> bool {
        self.sent < self.ever_acked
    }

    /// Whether lines were sent that have never been acknowledged.
    pub fn has_unacked_sent_lines(&self) -> bool {
        self.ever_acked < self.sent_mark
    }

    /// Makes the lines in flight unsent again.
    pub fn retract(&mut self) {
        self.sent = self.acked;
        self.part = 0;
        (self.in_flight, self.sent_unacked_lines) = (0, 0);
        self.counts.dropped += self.dropped_in_flight.take_lost();
    }

    /// Drops the lines of which no byte has been sent on this connection and whose stamps are wrong, as `goes` reports.
    pub fn drop_lines(&mut self, goes: &mut dyn FnMut(&[u8]) -> bool) {
        let (mut position, mut dropped) = (self.first_unsent(), 0);
        // Each rewrite removes one gap, so that the marks of acknowledged lines can follow.
        while let Some((start, end)) = self.find_gap(position, goes) {
            let ever_acked = self.ever_acked;
            self.rewrite(self.clock(), &mut |position, _, _| {
                let is_kept = !(start..end).contains(&position);
                dropped += u64::from(!is_kept && position >= ever_acked);
                is_kept
            });
            if is_lost() {
                break;
            }
            self.ack_times.close_gap(start, end);
            position = start;
        }
        self.counts.misdated += dropped;
    }

    /// Returns the first records from a position on whose lines go.
    fn find_gap(&self, mut position: usize, goes: &mut dyn FnMut(&[u8]) -> bool) -> Option<(usize, usize)> {
        let mut gap = None;
        let mut stage = [0; LINE_MAX];
        while position < self.newest && !is_lost() {
            let (line, end) = self.line_at(position, &mut stage);
            if goes(line) {
                gap = Some((gap.map_or(position, |(start, _)| start), end));
            } else if gap.is_some() {
                break;
            }
            position = end;
        }
        gap
    }

    /// Returns the oldest line of which no byte has been sent on this connection, which is copied where it lies around the end
    /// of the memory; empty if there is none.
    pub fn oldest_unsent<'l>(&'l self, stage: &'l mut [u8; LINE_MAX]) -> &'l [u8] {
        let position = self.first_unsent();
        if position >= self.newest || is_lost() {
            return &[];
        }
        self.line_at(position, stage).0
    }

    /// Returns the oldest line in flight, which is copied where it lies around the end of the memory; empty if there is none.
    pub fn oldest_in_flight<'l>(&'l self, stage: &'l mut [u8; LINE_MAX]) -> &'l [u8] {
        if self.acked == self.sent || is_lost() {
            return &[];
        }
        self.line_at(self.acked, stage).0
    }

    /// Whether a line has been sent in part.
    pub fn is_within_line(&self) -> bool {
        self.part > 0
    }

    /// Copies one of the unacknowledged lines of the highest rank, and returns it: the newest one; or, if `is_oldest`, the
    /// oldest one that was never acknowledged, if there is one. It is empty if all lines have rank 0.
    pub fn line_of_highest_rank<'s>(
        &self,
        is_oldest: bool,
        rank: &mut dyn FnMut(&[u8]) -> u8,
        stage: &'s mut [u8; LINE_MAX],
    ) -> &'s [u8] {
        let (mut position, mut found, mut length_found, mut highest) = (self.acked, 0, 0, 1);
        while position < self.newest && !is_lost() {
            let (line, end) = self.line_at(position, stage);
            let (length, rank) = (line.len(), rank(line));
            let is_kept = is_oldest && length_found > 0 && found >= self.ever_acked;
            if rank > highest || rank == highest && !is_kept {
                (found, length_found, highest) = (position, length, rank);
            }
            position = end;
        }
        let line = stage.get_mut(..length_found).unwrap_or_default();
        self.read(found + HEAD, line);
        line
    }

    /// Returns the line of the record at this position, which is copied where it lies around the end of the memory, and the
    /// end of the record.
    fn line_at<'l>(&'l self, position: usize, stage: &'l mut [u8; LINE_MAX]) -> (&'l [u8], usize) {
        let end = self.end_of(position);
        let length = end.saturating_sub(position + HEAD);
        let at = self.index(position + HEAD);
        if let Some(whole) = self.memory.get(at..at + length) {
            return (whole, end);
        }
        let line = stage.get_mut(..length).unwrap_or_default();
        self.read(position + HEAD, line);
        (line, end)
    }
}
