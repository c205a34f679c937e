//! Whole lines in fixed memory, first in, first out.
//!
//! Positions count bytes from the start of the oldest record: 0 ≤ acked ≤ sent ≤ newest. Each is the start of a record
//! (`newest` the end of the last one), and all decrease when the oldest record leaves. Lines before `acked` have been
//! acknowledged; they stay for a while, in case the receiver dies before it reads them. Lines in `acked..sent` are in
//! flight, those in `sent..newest` are unsent. Lines before `ever_acked` have been acknowledged on this connection or an
//! earlier one.
//!
//! A full ring evicts lines before `ever_acked` first, which loses nothing; then it thins unsent lines; then it drops
//! the oldest. Thinned and dropped lines are counted only if no connection has acknowledged them: a line that is dropped
//! in flight is counted when its connection ends without the acknowledgement.
//!
//! The memory may be a file that outlives the agent. A store to [`Words`] validates what was written before it, so that
//! an agent that is killed at any time leaves every line whole and in order.
//!
//! When the kernel takes memory away ([`set_lost`]) the ring stands still: no position moves, and lines are appended
//! while there is room, until [`Ring::rescue`] moves the remaining lines.

mod ack_times;
mod batch;
mod delivery;
mod dropped_in_flight;
mod evict;
mod record;
mod recover;
mod words;

pub use batch::{Batch, Bounds};
pub use evict::thin_level;
pub use record::THIN_LEVEL_MAX;
pub use recover::{Recovered, has_record};
pub use words::{Words, is_lost, set_lost};

use ack_times::AckTimes;
use dropped_in_flight::DroppedInFlight;
use record::{HEAD, Head, RECORD_MAX};

/// The longest line, its newline included.
pub const LINE_MAX: usize = 2048;
/// The smallest buffer: a line that is sent in part, and one more.
pub const BUFFER_MIN: usize = 2 * LINE_MAX;
/// Bytes that stay free: the next line and a rewrite need space for a record, and full memory would look empty.
const SPARE: usize = RECORD_MAX + 1;

/// Changes the stamp of a line by `seconds`, in place.
pub type Restamp = fn(line: &mut [u8], seconds: i64);

/// The options of a ring.
#[derive(Clone, Copy)]
pub struct Policy {
    /// A full ring thins unsent lines before it drops the oldest.
    pub is_thinning: bool,
    /// Milliseconds for which acknowledged lines are kept.
    pub replay: u32,
    /// Lines get a check sum, because another agent may find the memory.
    pub is_checked: bool,
    /// The boot of the machine; 0 if it is unknown.
    pub boot: u32,
    /// Changes the stamps after a step of the clock.
    pub restamp: Restamp,
    /// Returns whether the stamp of a line is a real time.
    pub is_dated: fn(line: &[u8]) -> bool,
}

/// Counts of lines that have left the ring or are about to.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    /// Acknowledged lines, repeats included.
    pub arrived: u64,
    /// Lines thinned out between others because the buffer was full.
    pub thinned: u64,
    /// Lines dropped because the buffer was full, except those that some connection has acknowledged.
    pub dropped: u64,
    /// Lines dropped because their stamps are wrong, except those that some connection has acknowledged.
    pub misdated: u64,
    /// Bytes of the records that were appended.
    pub pushed: u64,
}

/// The words and the memory of a ring.
pub type Lent<'m> = (&'m mut Words, &'m mut [u8]);

/// A ring of lines. Its memory is borrowed, so that it may be a mapping.
pub struct Ring<'m> {
    words: &'m mut Words,
    memory: &'m mut [u8],
    policy: Policy,
    /// The index of the oldest record in the memory.
    start: usize,
    acked: usize,
    sent: usize,
    newest: usize,
    /// Bytes of the line at `sent` that have been sent.
    part: usize,
    /// Sent bytes of the lines after `acked`.
    in_flight: usize,
    /// The position up to which lines have been acknowledged, on this connection or an earlier one.
    ever_acked: usize,
    /// This connection has acknowledged a line for the first time.
    has_advanced: bool,
    /// This connection has acknowledged a line, perhaps a repeat.
    has_acked: bool,
    /// Connections in a row that have acknowledged only repeats: each halves the replay.
    halvings: u32,
    /// The position up to which lines have ever been sent, at least in part. A repeat has the same bytes, also when the
    /// next agent sends it.
    sent_mark: usize,
    ack_times: AckTimes,
    counts: Counts,
    /// Lines that left the ring in flight, until they are acknowledged or their connection ends.
    dropped_in_flight: DroppedInFlight,
    /// Held lines that no connection has acknowledged.
    unacked_lines: u64,
    /// Those of them that were sent whole on this connection.
    sent_unacked_lines: u64,
    /// Bytes of records that a rewrite had not moved when it found lost memory, and the clock of the others.
    unmoved: Option<(usize, usize)>,
    /// Seconds from the monotonic clock to the stamps of lines that are not settled; a copy is in the words.
    clock: usize,
}

impl<'m> Ring<'m> {
    /// Returns the bytes of memory for a buffer of `buffer` bytes: with the heads of its two longest lines and the spare
    /// bytes.
    pub const fn memory_for(buffer: usize) -> usize {
        buffer + 2 * HEAD + SPARE
    }

    /// Returns the bytes of the buffer that a line of `line` bytes takes.
    pub const fn bytes_for(line: usize) -> usize {
        HEAD + line
    }

    /// Creates an empty ring in the memory, of at least [`Ring::memory_for`] [`BUFFER_MIN`] bytes.
    pub fn new(words: &'m mut Words, memory: &'m mut [u8], policy: Policy) -> Self {
        words.clear(memory.len(), policy.boot);
        Self::over(words, memory, policy)
    }

    /// Creates a ring that ignores what the memory holds, before [`Ring::resume`].
    pub fn over(words: &'m mut Words, memory: &'m mut [u8], policy: Policy) -> Self {
        debug_assert!(memory.len() >= Self::memory_for(BUFFER_MIN));
        Self {
            words,
            memory,
            policy,
            start: 0,
            acked: 0,
            sent: 0,
            newest: 0,
            part: 0,
            in_flight: 0,
            ever_acked: 0,
            has_advanced: false,
            has_acked: false,
            halvings: 0,
            sent_mark: 0,
            ack_times: AckTimes::new(policy.replay),
            counts: Counts::default(),
            dropped_in_flight: DroppedInFlight::NONE,
            unacked_lines: 0,
            sent_unacked_lines: 0,
            unmoved: None,
            clock: 0,
        }
    }

    /// Changes the policy, except the check sums: these belong to the memory.
    pub fn change(&mut self, is_thinning: bool, replay: u32) {
        (self.policy.is_thinning, self.policy.replay) = (is_thinning, replay);
        self.ack_times.set_span(replay);
    }

    /// Appends the line that `write` puts at the start of a buffer of [`LINE_MAX`] bytes. `write` returns the line's
    /// length, or `None` for no line; so does this function, also if the line had to be dropped. A line ends in its only
    /// `\n`. A full ring thins lines of low levels first, and never those of [`THIN_LEVEL_MAX`].
    pub fn push_with(
        &mut self,
        thin_level: u8,
        write: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Option<usize> {
        #[cfg(test)]
        {
            tests::fuse::burn();
            tests::fuse::before_write(self.memory);
        }
        let start = self.index(self.newest + HEAD);
        // The line is written where it will lie: the spare bytes can hold a whole record. They are in use after a rewrite
        // that lost memory ended.
        let has_spare = self.fits(self.memory.len());
        let place = self.memory.get_mut(start..start + LINE_MAX);
        let Some(place) = place.filter(|_| has_spare) else {
            return self.push_staged(thin_level, write);
        };
        let length = write(place)?;
        let line = self.memory.get(start..start + length)?;
        debug_assert!(is_line(line));
        let head = Head::new(length, thin_level);
        if self.free() >= HEAD + length {
            let checked = if self.policy.is_checked { line } else { b"" };
            self.commit(head.encode(checked), length);
            self.count_pushed(length);
        } else {
            self.push_evicting(head, start, length);
        }
        Some(length)
    }

    /// Appends a line that is in its place, after evictions, which may move other lines to this place.
    fn push_evicting(&mut self, head: Head, start: usize, length: usize) {
        let mut copy = [0; LINE_MAX];
        let copy = &mut copy[..length];
        copy.copy_from_slice(&self.memory[start..start + length]);
        self.push_record(head, copy);
    }

    /// Does the same as [`Ring::push_with`] with a buffer on the stack, for a line around the end of the memory.
    fn push_staged(
        &mut self,
        thin_level: u8,
        write: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Option<usize> {
        let mut stage = [0; LINE_MAX];
        let length = write(&mut stage)?;
        let line = stage.get(..length)?;
        debug_assert!(is_line(line));
        self.push_record(Head::new(length, thin_level), line);
        Some(length)
    }

    fn push_record(&mut self, head: Head, line: &[u8]) {
        let length = HEAD + line.len();
        while self.free() < length {
            if is_lost() || !self.evict(length - self.free()) {
                // Too many lines in flight to account for, or lost memory.
                self.counts.dropped += 1;
                return;
            }
        }
        self.append(head, line);
        self.count_pushed(line.len());
    }

    fn count_pushed(&mut self, length: usize) {
        self.unacked_lines += 1;
        self.counts.pushed += (HEAD + length) as u64;
    }

    /// Returns the counts of lines.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Returns the bytes of the records that this connection has not acknowledged.
    pub fn queued(&self) -> usize {
        self.newest - self.acked
    }

    /// Returns the bytes of the ring's memory.
    pub fn memory_length(&self) -> usize {
        self.memory.len()
    }

    /// Returns the free bytes, without the spare ones.
    fn free(&self) -> usize {
        self.memory.len().saturating_sub(SPARE + self.newest)
    }
}

/// Returns whether the bytes are one line.
fn is_line(line: &[u8]) -> bool {
    line.len() <= LINE_MAX && line.iter().position(|&byte| byte == b'\n') == Some(line.len() - 1)
}

#[cfg(test)]
mod tests;
