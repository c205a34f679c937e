//! The lap: each record is taken from the oldest end and, unless it is to go, written behind the newest.
//! So what goes may lie anywhere, and at each moment all the others are in the ring; if the agent is
//! killed meanwhile the next one ends the lap, and they are in their order again.

use super::record::{Head, RANK_MAX, RECORD_MAX};
use super::words::{Words, is_lost};
use super::{HEAD, LINE_MAX, Ring, SPARE};

/// Ranks of lines, one bin each.
const RANKS: usize = RANK_MAX as usize + 1;

/// Changes the stamp of a line by so many seconds, in place.
pub type Restamp = fn(line: &mut [u8], seconds: i64);

/// Whether the record at a position stays; it may be changed, but for its length.
pub(super) type Keep<'k> = &'k mut dyn FnMut(usize, &mut Head, &mut [u8]) -> bool;

/// The rank of a sample: which slot of time it is the first sample of its family in.
///
/// Slots of rank `r` are 2^r milliseconds long. Thinned to a rank, a family has about one sample a slot,
/// so that those of any interval come to the same density in time, and slow ones are thinned last. Both
/// times are in milliseconds since a start of their own, and less than 24 days apart.
pub fn rank(before: u64, now: u64) -> u8 {
    // Slots of the highest rank that is given are shorter than what 32 bits count.
    let changed = u32::BITS - ((before ^ now) as u32).leading_zeros();
    (changed.saturating_sub(1) as u8).min(RANK_MAX - 1)
}

impl Ring<'_> {
    /// Leaves out lines of low rank between the oldest that may go and the newest quarter, so that at
    /// least a sixteenth of the memory is free. Says whether it could.
    pub(super) fn thin(&mut self) -> bool {
        let first = self.first_waiting();
        let last = self.newest - self.newest / 4;
        let goal = self.memory.len() / 4;
        let (level, free) = self.level(first, last, goal);
        if free < goal / 4 || is_lost() {
            return false;
        }
        let (mut freed, mut thinned) = (0, 0);
        self.lap(self.clock, None, &mut |position, head, _| {
            let is_old = (first..last).contains(&position);
            // The highest rank that goes does so from the oldest on, until it is enough.
            let goes = is_old && (head.rank() < level || head.rank() == level && freed < goal);
            if goes {
                freed += HEAD + head.length();
                thinned += 1;
            }
            !goes
        });
        self.counts.thinned += thinned;
        freed > 0
    }

    /// The highest rank that has to go for so many bytes, and how many there are up to it.
    fn level(&self, first: usize, last: usize, goal: usize) -> (u8, usize) {
        let mut bytes = [0_usize; RANKS];
        let mut position = first;
        while position < last {
            let (head, end) = (self.head(position), self.behind(position));
            bytes[usize::from(head.rank())] += end - position;
            position = end;
        }
        let mut free = 0;
        let mut rank = 0;
        loop {
            free += bytes[usize::from(rank)];
            if free >= goal || rank == RANK_MAX - 1 {
                return (rank, free);
            }
            rank += 1;
        }
    }

    /// Seconds from the monotonic clock to the stamps of lines that are not settled.
    pub fn clock(&self) -> usize {
        self.clock
    }

    pub(super) fn keep_clock(&mut self, clock: usize) {
        self.clock = clock;
        self.words.clock.set(clock);
    }

    /// The clock of the stamps is another one: those of all lines that have not been sent, nor come from
    /// an earlier boot, are changed by the difference.
    pub fn set_clock(&mut self, clock: usize, restamp: Restamp) {
        if clock != self.clock() {
            self.lap(clock, Some(restamp), &mut |_, _, _| true);
        }
    }

    /// Ends the lap that another agent has begun and not ended: `length` bytes are still to be moved. If it
    /// ended between two stores, the last record that it moved, at the position `last`, is also the first
    /// that it has not.
    pub(super) fn end_lap(&mut self, length: usize, last: usize, restamp: Restamp) {
        let mut twin = [0; LINE_MAX];
        let twin_length = if last < length {
            0
        } else {
            self.head(last).length()
        };
        let twin = &mut twin[..twin_length];
        self.read(last + HEAD, twin);
        // More than a full ring holds is there only because of a twin.
        let is_overfull = self.newest > self.memory.len() - SPARE;
        let mut is_first = true;
        self.run_lap(length, Some(restamp), &mut |_, _, line| {
            let is_twin = core::mem::take(&mut is_first) && (is_overfull || line == twin);
            !is_twin
        });
    }

    /// Goes through all records. What is before `sent`, and a line that is part-sent, has to stay.
    pub(super) fn lap(&mut self, clock: usize, restamp: Option<Restamp>, keep: Keep) {
        self.words.lap_clock.set(clock);
        self.words.lap.set(self.index(self.newest));
        self.run_lap(self.newest, restamp, keep);
    }

    /// Takes the records before `end`, each from the oldest end; positions are those at the start. Stamps that
    /// are not settled change with the clock.
    fn run_lap(&mut self, end: usize, restamp: Option<Restamp>, keep: Keep) {
        let clock = self.words.lap_clock.get();
        let seconds = clock as i64 - self.clock() as i64;
        let (touched, known) = (self.touched, self.known);
        let has_touched = touched > 0 && touched <= end;
        let mut record = [0; RECORD_MAX];
        let mut position = 0;
        while position < end {
            let mut head = self.head(0);
            let line = &mut record[..head.length()];
            self.read(HEAD, line);
            let length = self.behind(0);
            // What is there may be no record: none is made of it.
            if is_lost() {
                self.unmoved = Some((end - position, clock));
                return;
            }
            head.is_settled |= has_touched && position < touched;
            if let Some(restamp) = restamp {
                change(head, line, seconds, restamp);
            }
            if keep(position, &mut head, line) {
                self.append(head, line);
                // What has been written may be lost, and what it was read from not.
                if is_lost() {
                    self.unmoved = Some((end - position, clock));
                    return;
                }
            } else if position >= known {
                self.waiting = self.waiting.saturating_sub(1);
            }
            self.cut(length);
            position += length;
            if has_touched && position == touched {
                self.touch(self.newest);
            }
            if position == known {
                self.set_known(self.newest);
            }
        }
        self.keep_clock(clock);
        self.words.lap.set(Words::NO_LAP);
    }
}

pub(super) fn change(head: Head, line: &mut [u8], seconds: i64, restamp: Restamp) {
    if !head.is_settled && seconds != 0 {
        restamp(line, seconds);
    }
}
