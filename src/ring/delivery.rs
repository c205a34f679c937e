//! Delivery: unsent lines, lines in flight, acknowledged lines.

use super::record::HEAD;
use super::words::is_lost;
use super::{RECORD_MAX, Ring};
use core::mem::take;

impl Ring<'_> {
    /// Fills `pieces` with unsent lines: the oldest that fit, of at most `bytes_max` bytes in all, but at least one line.
    /// A line around the end of the memory is two pieces.
    pub fn unsent<'r, 'p>(&'r self, pieces: &'p mut [&'r [u8]], bytes_max: usize) -> &'p [&'r [u8]] {
        let (mut position, mut skipped) = (self.sent, self.part);
        let (mut count, mut bytes) = (0, 0);
        while position < self.newest {
            let end = self.end_of(position);
            let start = position + HEAD + skipped;
            let length = end.saturating_sub(start);
            // A length that was read from lost memory is not one.
            if is_lost() || count > 0 && bytes + length > bytes_max {
                break;
            }
            let at = self.index(start);
            let Some([first, second]) = pieces.get_mut(count..).and_then(<[_]>::first_chunk_mut) else {
                break;
            };
            if let Some(whole) = self.memory.get(at..at + length) {
                *first = whole;
                count += 1;
            } else {
                *first = self.memory.get(at..).unwrap_or_default();
                *second = self.memory.get(..length - first.len()).unwrap_or_default();
                count += 2;
            }
            bytes += length;
            (position, skipped) = (end, 0);
        }
        pieces.get(..count).unwrap_or_default()
    }

    /// Returns the bytes of the records that have not been sent whole.
    pub fn unsent_length(&self) -> usize {
        self.newest - self.sent
    }

    /// Returns whether unsent lines take about half of the buffer, or less of a small one. They should be sent now,
    /// while the other half can hold new lines until these are acknowledged.
    pub fn is_crowded(&self) -> bool {
        self.unsent_length() > self.memory.len() / 2 - RECORD_MAX
    }

    /// Returns whether there are sent bytes that have not been acknowledged.
    pub fn in_flight(&self) -> bool {
        self.in_flight > 0
    }

    /// Marks the next `count` bytes of [`Ring::unsent`] as sent.
    pub fn mark_sent(&mut self, count: usize) {
        self.in_flight += count;
        self.part += count;
        while self.sent < self.newest {
            let (length, end) = self.line(self.sent);
            if self.part > 0 {
                self.raise_sent_mark(end);
            }
            if self.part < length {
                break;
            }
            self.part -= length;
            self.sent = end;
            self.sent_unacked_lines += u64::from(end > self.ever_acked);
        }
    }

    pub(super) fn raise_sent_mark(&mut self, position: usize) {
        if position > self.sent_mark {
            self.sent_mark = position;
            self.words.sent_mark.set(self.index(position));
        }
    }

    /// Notes at `now` that all sent bytes but the last `unacked` have been acknowledged. Whole lines among them stay for
    /// the policy's replay time, and then leave the ring. Returns whether a line was acknowledged for the first time.
    pub fn acknowledge(&mut self, unacked: u64, now: u64) -> bool {
        let unacked = usize::try_from(unacked).unwrap_or(usize::MAX);
        // What is unacknowledged beyond the held lines has left the ring in flight.
        let unheld = unacked.saturating_sub(self.in_flight);
        let arrived_dropped = self.dropped_in_flight.acknowledge(unheld);
        self.counts.arrived += arrived_dropped;
        let mut is_first = arrived_dropped > 0;
        let before = self.acked;
        let mut arrived = self.in_flight.saturating_sub(unacked);
        while self.acked < self.sent {
            let (length, end) = self.line(self.acked);
            if length > arrived {
                break;
            }
            arrived -= length;
            self.in_flight -= length;
            self.acked = end;
            self.counts.arrived += 1;
            self.count_removed(self.acked);
        }
        if self.acked > before {
            self.has_acked = true;
            let is_new = self.acked > self.ever_acked;
            if is_new {
                is_first = true;
                self.set_ever_acked(self.acked);
            }
            let expired = self.ack_times.acknowledge(now as u32, self.acked, is_new);
            if let Some(position) = expired {
                self.discard_to(position);
            }
        }
        self.has_advanced |= is_first;
        is_first
    }

    /// Prepares the ring for the next connection after one has ended at `now`, with a proper close by the receiver if
    /// `is_closed`. The next connection starts with the lines that were acknowledged within the replay time before the
    /// end, since the receiver may have died before it read them. A receiver that has not closed properly may have died
    /// at its last sign of life: lines that [`Ring::acknowledge`] still kept then are repeated.
    ///
    /// Three rules bound the repeats to a receiver that ends every connection soon:
    ///
    /// - After a proper close a line is repeated only within the replay time after its first acknowledgement.
    /// - A line is not repeated after connections that lasted four times the replay time since they acknowledged it.
    /// - Each connection in a row that acknowledges only repeats halves the bytes that the next one repeats.
    pub fn rewind(&mut self, now: u64, is_closed: bool) {
        let has_all = is_closed && self.in_flight == 0;
        if let Some(position) = self.ack_times.disconnect(now as u32, has_all) {
            self.discard_to(position.min(self.acked));
        }
        let (has_acked, has_advanced) = (take(&mut self.has_acked), take(&mut self.has_advanced));
        if has_advanced {
            self.halvings = 0;
        } else if has_acked {
            self.halvings += 1;
        }
        let repeats = self.ever_acked.checked_shr(self.halvings).unwrap_or(0);
        let mut start = 0;
        while start < self.ever_acked - repeats && !is_lost() {
            start = self.end_of(start);
        }
        self.acked = start;
        self.retract();
    }
}
