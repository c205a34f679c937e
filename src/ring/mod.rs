//! Whole lines in fixed memory, first in, first out.
//!
//! Positions count bytes from the oldest record on: 0 ≤ acked ≤ sent ≤ newest, each at the start of a
//! record; all move down when the oldest goes. What is before `acked` has arrived and is kept for a while,
//! should the receiver die with it unread; `acked..sent` is in flight, `sent..newest` waits. Lines before
//! `known` have been acknowledged by this connection or one before it.
//!
//! A full ring evicts lines before `known` first, which is no loss; then it thins lines that wait; then it
//! drops the oldest. A line is counted as thinned or dropped only if no connection has acknowledged it: one
//! that is dropped in flight is counted when its connection ends without the acknowledgement.
//!
//! The memory may be a file that outlives the agent: a store to [`Words`] makes valid what was written
//! before it, so that whenever the agent is killed whole lines stay, each of them, in their order.
//!
//! When the kernel takes memory away ([`set_lost`]) the ring stands still: no position moves, and lines are
//! appended where there is room, until [`Ring::rescue`] moves what is left.

mod evicted;
mod lap;
mod record;
mod recover;
mod replay;
mod words;

pub use lap::{Restamp, rank};
pub use record::{RANK_MAX, RECORD_MAX};
pub use recover::{Found, IsDated, has_record};
pub use words::{Words, set_lost};

use core::mem::{replace, take};
use evicted::Evicted;
use record::{HEAD, Head};
use replay::Marks;
use words::is_lost;

/// The longest line, its newline included.
pub const LINE_MAX: usize = 2048;
/// The least buffer: a line that is part-sent, and one more.
pub const BUFFER_MIN: usize = 2 * LINE_MAX;
/// Bytes that stay free: a lap needs room for a record, and full memory would look like an empty one.
const SPARE: usize = RECORD_MAX + 1;

/// What the user wants of the ring.
#[derive(Clone, Copy)]
pub struct Policy {
    /// A full ring thins what waits before it drops the oldest.
    pub is_thinning: bool,
    /// Milliseconds for which lines are kept once they have been acknowledged.
    pub replay: u32,
    /// Lines get their check: the memory may be found by another agent.
    pub is_checked: bool,
}

/// What has become of lines.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    /// Acknowledged, repeats included.
    pub arrived: u64,
    /// Left out between others for want of room.
    pub thinned: u64,
    /// Dropped because the buffer was full; lines that some connection has acknowledged do not count.
    pub dropped: u64,
}

/// Words, and memory behind them.
pub type Lent<'m> = (&'m mut Words, &'m mut [u8]);

/// The ring. Its memory is lent, so that it may be a mapping.
pub struct Ring<'m> {
    words: &'m mut Words,
    memory: &'m mut [u8],
    policy: Policy,
    /// Where the oldest record lies in the memory.
    start: usize,
    acked: usize,
    sent: usize,
    newest: usize,
    /// Bytes of the line at `sent` that have been sent.
    part: usize,
    /// Bytes of lines that have been sent since `acked`.
    flying: usize,
    /// Lines before it have been acknowledged, by this connection or one before it.
    known: usize,
    /// A line has been acknowledged for the first time since the last rewind.
    has_advanced: bool,
    /// A line has been acknowledged since the last rewind, be it again.
    has_taken: bool,
    /// Connections in a row that have acknowledged repeats alone: each halves the replay.
    halvings: u32,
    /// Lines before it have been sent once, at least in part: a repeat must be the same to the byte, also
    /// that of the next agent.
    touched: usize,
    /// When lines were acknowledged on this connection, and when for the first time.
    marks: Marks,
    first_marks: Marks,
    /// The same as the first ones in the time in which connections have had them, of a longer span.
    old_marks: Marks,
    counts: Counts,
    /// Lines that left the ring in flight, until they are acknowledged or their connection ends.
    evicted: Evicted,
    /// Lines that it holds and no connection has acknowledged.
    waiting: u64,
    /// Those of them that this connection has got whole.
    sent_lines: u64,
    /// Bytes of records that a lap had not moved when it came upon lost memory, and the clock of the others.
    unmoved: Option<(usize, usize)>,
    /// Seconds from the monotonic clock to the stamps of lines that are not settled; the words have it, too.
    clock: usize,
}

impl<'m> Ring<'m> {
    /// Bytes of memory for a buffer of so many: with the heads of the two longest lines, and so that
    /// there is always room for one more record.
    pub const fn memory_for(buffer: usize) -> usize {
        buffer + 2 * HEAD + SPARE
    }

    /// Bytes that a line of so many takes of the buffer.
    pub const fn bytes_for(line: usize) -> usize {
        HEAD + line
    }

    /// An empty ring over [`Ring::memory_for`] at least [`BUFFER_MIN`] bytes.
    pub fn new(words: &'m mut Words, memory: &'m mut [u8], policy: Policy) -> Self {
        words.clear(memory.len());
        Self::over(words, memory, policy)
    }

    /// One that knows nothing yet of what the memory holds: to be resumed, or salvaged into.
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
            flying: 0,
            known: 0,
            has_advanced: false,
            has_taken: false,
            halvings: 0,
            touched: 0,
            marks: Marks::new(policy.replay),
            first_marks: Marks::new(policy.replay),
            old_marks: Marks::new(old_span(policy.replay)),
            counts: Counts::default(),
            evicted: Evicted::NONE,
            waiting: 0,
            sent_lines: 0,
            unmoved: None,
            clock: 0,
        }
    }

    /// Goes on with another policy; whether lines get their check goes with the memory.
    pub fn change(&mut self, is_thinning: bool, replay: u32) {
        (self.policy.is_thinning, self.policy.replay) = (is_thinning, replay);
        (self.marks.span, self.first_marks.span) = (replay, replay);
        self.old_marks.span = old_span(replay);
    }

    /// Whether memory of that length has room for all that the ring holds.
    pub fn fits(&self, length: usize) -> bool {
        self.newest + SPARE <= length
    }

    /// A ring in the same state in other memory, which has room for it ([`Ring::fits`]).
    #[cold]
    #[must_use]
    pub fn copy_to(&self, (words, memory): Lent<'m>, is_checked: bool, boot: u32) -> Ring<'m> {
        words.clear(memory.len());
        words.boot.set(boot as usize);
        words.clock.set(self.clock());
        let mut copy = Ring {
            words,
            memory,
            policy: Policy {
                is_checked,
                ..self.policy
            },
            start: 0,
            newest: 0,
            touched: 0,
            known: 0,
            marks: self.marks.clone(),
            first_marks: self.first_marks.clone(),
            old_marks: self.old_marks.clone(),
            evicted: self.evicted.clone(),
            ..*self
        };
        let mut line = [0; LINE_MAX];
        let mut position = 0;
        while position < self.newest && !is_lost() {
            let head = self.head(position);
            let line = &mut line[..head.length()];
            self.read(position + HEAD, line);
            copy.append(head, line);
            position = self.behind(position);
        }
        copy.touch(self.touched);
        copy.set_known(self.known);
        copy
    }

    /// Goes on in other memory, of [`Ring::memory_for`] at least [`BUFFER_MIN`] bytes; what has no room there is
    /// given up as a full ring would. Answers the memory of before, which still holds all of the rest.
    #[cold]
    pub fn move_to(&mut self, to: Lent<'m>, is_checked: bool, boot: u32) -> Lent<'m> {
        while !self.fits(to.1.len()) && !is_lost() {
            if !self.evict(self.newest + SPARE - to.1.len()) {
                // More lines are in flight than can be kept account of.
                self.counts.dropped += 1;
                self.evict_first(self.behind(0));
            }
        }
        let copy = self.copy_to(to, is_checked, boot);
        replace(self, copy).into_memory()
    }

    /// Takes all lines out of the memory, by one store; of use before [`Ring::into_memory`].
    pub fn empty(&self) {
        self.words.empty();
    }

    /// The memory, which still holds the lines.
    pub fn into_memory(self) -> Lent<'m> {
        (self.words, self.memory)
    }

    /// Appends a line of at most [`LINE_MAX`] bytes that ends in its only `\n`.
    pub fn push(&mut self, line: &[u8], rank: u8) {
        self.push_with(rank, |buffer| {
            buffer.get_mut(..line.len())?.copy_from_slice(line);
            Some(line.len())
        });
    }

    /// Appends the line that `write` puts at the start of a buffer of [`LINE_MAX`] bytes; it returns the length, or
    /// `None` if there is no line. The line ends in its only `\n`. Returns the length, too, also if the line was
    /// dropped. Of a full ring lines of lower ranks go first; those of [`RANK_MAX`] are not thinned.
    pub fn push_with(&mut self, rank: u8, write: impl FnOnce(&mut [u8]) -> Option<usize>) -> Option<usize> {
        #[cfg(test)]
        {
            tests::fuse::burn();
            tests::fuse::before_write(self.memory);
        }
        let start = self.index(self.newest + HEAD);
        // The spare bytes hold a whole record: the line is written where it will lie. They are in use after a lap that
        // lost memory broke off.
        let has_spare = self.fits(self.memory.len());
        let place = self.memory.get_mut(start..start + LINE_MAX);
        let Some(place) = place.filter(|_| has_spare) else {
            return self.push_staged(rank, write);
        };
        let length = write(place)?;
        let line = self.memory.get(start..start + length)?;
        debug_assert!(is_line(line));
        let head = Head::new(length, rank.min(RANK_MAX));
        if self.has_room(length) {
            let checked = if self.policy.is_checked { line } else { b"" };
            self.commit(head.encode(checked), length);
            self.waiting += 1;
        } else {
            // Making room may move other lines to this place.
            let mut copy = [0; LINE_MAX];
            let copy = &mut copy[..length];
            copy.copy_from_slice(line);
            self.push_record(head, copy);
        }
        Some(length)
    }

    /// The same through a buffer of its own, for a line around the end of the memory.
    #[cold]
    fn push_staged(&mut self, rank: u8, write: impl FnOnce(&mut [u8]) -> Option<usize>) -> Option<usize> {
        let mut stage = [0; LINE_MAX];
        let length = write(&mut stage)?;
        let line = stage.get(..length)?;
        debug_assert!(is_line(line));
        self.push_record(Head::new(length, rank.min(RANK_MAX)), line);
        Some(length)
    }

    fn push_record(&mut self, head: Head, line: &[u8]) {
        let length = HEAD + line.len();
        while self.room() < length {
            if is_lost() || !self.evict(length - self.room()) {
                // All of the ring is in flight, and no more of it can be kept account of; or it stands still.
                self.counts.dropped += 1;
                return;
            }
        }
        self.append(head, line);
        self.waiting += 1;
    }

    /// Whether a line of `length` bytes has room only if lines go that no connection has acknowledged.
    pub fn is_short_for(&self, length: usize) -> bool {
        let stays = if self.part > 0 && self.sent < self.known {
            self.behind(self.sent) - self.sent
        } else {
            0
        };
        self.room() + self.known - stays < HEAD + length
    }

    /// Writes a record after the newest, for which there is room, and makes it valid.
    fn append(&mut self, head: Head, line: &[u8]) {
        let checked = if self.policy.is_checked { line } else { b"" };
        let head = head.encode(checked);
        self.write(self.newest + HEAD, line);
        self.commit(head, line.len());
    }

    /// Writes the head of a line that is in its place, and makes the record valid.
    fn commit(&mut self, head: [u8; HEAD], length: usize) {
        self.write(self.newest, &head);
        self.newest += HEAD + length;
        self.words.newest.set(self.index(self.newest));
    }

    /// Fills `pieces` with the unsent lines: as many as fit, and no more than about `bytes_max` bytes, but one line at
    /// least. A line around the end of the memory is two pieces.
    pub fn unsent<'r, 'p>(&'r self, pieces: &'p mut [&'r [u8]], bytes_max: usize) -> &'p [&'r [u8]] {
        let (mut position, mut skipped) = (self.sent, self.part);
        let (mut count, mut bytes) = (0, 0);
        while position < self.newest {
            let end = self.behind(position);
            let start = position + HEAD + skipped;
            let length = end.saturating_sub(start);
            // What is read in lost memory is no length.
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

    /// Bytes of records that have not been sent whole.
    pub fn unsent_length(&self) -> usize {
        self.newest - self.sent
    }

    /// Whether what has not been sent takes about half of the buffer (of a small one less): time to send it,
    /// while there is room for as much before it is known to have arrived.
    pub fn is_crowded(&self) -> bool {
        self.unsent_length() > self.memory.len() / 2 - RECORD_MAX
    }

    /// Whether there are sent bytes that are not known to have arrived.
    pub fn in_flight(&self) -> bool {
        self.flying > 0
    }

    /// The connection has taken the next `count` bytes of [`Ring::unsent`].
    pub fn mark_sent(&mut self, count: usize) {
        self.flying += count;
        self.part += count;
        while self.sent < self.newest {
            let (length, end) = self.line(self.sent);
            if self.part > 0 {
                self.touch(end);
            }
            if self.part < length {
                break;
            }
            self.part -= length;
            self.sent = end;
            self.sent_lines += u64::from(end > self.known);
        }
    }

    fn touch(&mut self, position: usize) {
        if position > self.touched {
            self.touched = position;
            self.words.touched.set(self.index(position));
        }
    }

    /// All sent bytes but the last `unacked` have arrived, at `now` at the latest: their whole lines are
    /// kept for as long as the policy says, and then leave the ring. Returns whether one has arrived for
    /// the first time.
    pub fn acknowledge(&mut self, unacked: u64, now: u64) -> bool {
        let unacked = usize::try_from(unacked).unwrap_or(usize::MAX);
        let evicted = self.evicted.acknowledge(unacked.saturating_sub(self.flying));
        self.counts.arrived += evicted;
        let mut is_first = evicted > 0;
        let before = self.acked;
        // What is unacknowledged beyond the held lines has left the ring in flight.
        let mut arrived = self.flying.saturating_sub(unacked);
        while self.acked < self.sent {
            let (length, end) = self.line(self.acked);
            if length > arrived {
                break;
            }
            arrived -= length;
            self.flying -= length;
            self.acked = end;
            self.counts.arrived += 1;
            self.count_gone(self.acked);
        }
        if self.acked > before {
            self.has_taken = true;
            let now = now as u32;
            self.old_marks.resume(now, self.acked);
            if self.acked > self.known {
                is_first = true;
                self.set_known(self.acked);
                for marks in [&mut self.first_marks, &mut self.old_marks] {
                    marks.note(now, self.acked);
                    marks.shorten(now);
                }
            }
            // The receiver may have died right after its last acknowledgement before this one; this one may
            // be of what was under way then.
            let heard = self.marks.heard(now);
            self.marks.note(now, self.acked);
            if let Some(position) = self.marks.expired(heard) {
                self.leave(position);
            }
        }
        self.has_advanced |= is_first;
        is_first
    }

    /// The connection has ended at `now`, with a proper close by the receiver if `is_closed`. The next one
    /// starts with the lines that were acknowledged within the replay span before the end, since the
    /// receiver may have died with them unread. One that has not closed properly may have died when it was heard
    /// last: what [`Ring::acknowledge`] has kept by then is repeated.
    ///
    /// Three rules bound the repeats to a receiver that ends each connection soon: after a proper close a line is
    /// repeated only within the span after its first acknowledgement; connections that have had it acknowledged for
    /// four times the span do not repeat it after any end; and each connection in a row that
    /// has acknowledged repeats, and no line for the first time, halves the bytes that the next one repeats.
    pub fn rewind(&mut self, now: u64, is_closed: bool) {
        if is_closed && self.flying == 0 {
            let now = now as u32;
            let expired = self.marks.expired(now).max(self.first_marks.expired(now));
            if let Some(position) = expired {
                self.leave(position.min(self.acked));
            }
        }
        let heard = self.marks.heard(now as u32);
        if let Some(position) = self.old_marks.expired(heard) {
            self.leave(position.min(self.acked));
        }
        self.old_marks.pause(heard);
        self.marks.clear();
        let (has_taken, has_advanced) = (take(&mut self.has_taken), take(&mut self.has_advanced));
        if has_advanced {
            self.halvings = 0;
        } else if has_taken {
            self.halvings += 1;
        }
        let repeats = self.known.checked_shr(self.halvings).unwrap_or(0);
        let mut start = 0;
        while start < self.known - repeats && !is_lost() {
            start = self.behind(start);
        }
        self.acked = start;
        self.sent = start;
        self.part = 0;
        (self.flying, self.sent_lines) = (0, 0);
        self.counts.dropped += self.evicted.give_up();
    }

    /// What has become of lines.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Bytes of records that are not known to have arrived.
    pub fn queued(&self) -> usize {
        self.newest - self.acked
    }

    /// Bytes of its memory.
    pub fn memory_length(&self) -> usize {
        self.memory.len()
    }

    /// Whether there is room for a line of so many bytes.
    fn has_room(&self, length: usize) -> bool {
        self.room() >= HEAD + length
    }

    fn room(&self) -> usize {
        self.memory.len().saturating_sub(SPARE + self.newest)
    }

    /// Counts a line, which ended at this position, as one that waits no more, unless a connection had
    /// acknowledged it before.
    fn count_gone(&mut self, end: usize) {
        if end > self.known {
            self.waiting = self.waiting.saturating_sub(1);
            if end <= self.sent {
                self.sent_lines = self.sent_lines.saturating_sub(1);
            }
        }
    }

    /// Makes some of the `wanted` bytes of room; returns false if it cannot. Lines that some connection has
    /// acknowledged go first, then lines between others, then the oldest.
    fn evict(&mut self, wanted: usize) -> bool {
        // A line that is part-sent stays whole.
        let is_cut_off = self.sent == 0 && self.part > 0;
        let end = self.behind(0);
        if is_lost() {
            return false;
        }
        if self.known > 0 && !is_cut_off {
            self.evict_first(end);
            return true;
        }
        if self.known > end {
            return self.drop_waiting(wanted, self.known);
        }
        if self.policy.is_thinning && self.thin() {
            return true;
        }
        if is_cut_off || self.sent > 0 && self.evicted.is_full() {
            return self.drop_waiting(wanted, self.newest);
        }
        if is_lost() {
            return false;
        }
        if self.sent > 0 {
            self.evicted.push(end.saturating_sub(HEAD));
        } else {
            self.counts.dropped += 1;
        }
        self.evict_first(end);
        true
    }

    /// The oldest line, which ends at this position, leaves the ring.
    fn evict_first(&mut self, end: usize) {
        if self.acked == 0 && self.sent > 0 {
            self.flying = self.flying.saturating_sub(end.saturating_sub(HEAD));
        }
        self.count_gone(end);
        self.leave(end);
    }

    /// Drops the oldest of the lines before `last` that wait whole, until there are about as many bytes of
    /// room more; returns false if none waits.
    fn drop_waiting(&mut self, wanted: usize, last: usize) -> bool {
        let first = self.first_waiting();
        // Each lap moves the whole ring: it should be worth it.
        let goal = wanted.max(self.memory.len() / 16);
        let known = self.known;
        let (mut freed, mut dropped) = (0, 0);
        self.lap(self.clock, None, &mut |position, head, _| {
            let goes = (first..last).contains(&position) && freed < goal;
            if goes {
                freed += HEAD + head.length();
                dropped += u64::from(position >= known);
            }
            !goes
        });
        self.counts.dropped += dropped;
        self.first_marks.close_gap(first, first + freed);
        self.old_marks.close_gap(first, first + freed);
        freed > 0
    }

    /// The position of the first line of which no byte has been sent.
    fn first_waiting(&self) -> usize {
        if self.part > 0 {
            self.behind(self.sent)
        } else {
            self.sent
        }
    }

    /// The records before the position leave the ring.
    fn leave(&mut self, position: usize) {
        self.cut(position);
        self.acked = self.acked.saturating_sub(position);
        self.sent = self.sent.saturating_sub(position);
        self.marks.move_down(position);
        self.first_marks.move_down(position);
        self.old_marks.move_down(position);
    }

    /// The oldest end of the records is at this position; those before it are elsewhere, or gone.
    fn cut(&mut self, position: usize) {
        self.start = self.index(position);
        self.newest -= position;
        self.words.oldest.set(self.start);
        // Until then these lie outside, and say nothing.
        if self.touched < position {
            self.words.touched.set(self.start);
        }
        if self.known < position {
            self.words.known.set(self.start);
        }
        self.touched = self.touched.saturating_sub(position);
        self.known = self.known.saturating_sub(position);
    }

    fn set_known(&mut self, position: usize) {
        if position != self.known {
            self.known = position;
            self.words.known.set(self.index(position));
        }
    }

    fn head(&self, position: usize) -> Head {
        let at = self.index(position);
        let mut bytes = [0; HEAD];
        match self.memory.get(at..).and_then(<[u8]>::first_chunk) {
            Some(head) => bytes = *head,
            None => words::read(self.memory, at, &mut bytes),
        }
        #[cfg(test)]
        tests::fuse::after_read(at, &mut bytes, self.memory.len());
        Head::decode(bytes)
    }

    /// The position after the record at this one; never after the newest, whatever is read there.
    fn behind(&self, position: usize) -> usize {
        (position + HEAD + self.head(position).length()).min(self.newest)
    }

    /// The length of the line at this position, and the position after it. A line of lost memory is longer than any:
    /// nothing goes past it.
    fn line(&self, position: usize) -> (usize, usize) {
        let end = self.behind(position);
        let length = end.saturating_sub(position + HEAD);
        (if is_lost() { usize::MAX } else { length }, end)
    }

    fn write(&mut self, position: usize, bytes: &[u8]) {
        let at = self.index(position);
        #[cfg(test)]
        tests::fuse::burn();
        #[cfg(test)]
        tests::fuse::before_write(self.memory);
        if let Some(whole) = self.memory.get_mut(at..at + bytes.len()) {
            return whole.copy_from_slice(bytes);
        }
        let (head, tail) = bytes.split_at(self.memory.len() - at);
        self.memory[at..].copy_from_slice(head);
        self.memory[..tail.len()].copy_from_slice(tail);
    }

    fn read(&self, position: usize, bytes: &mut [u8]) {
        words::read(self.memory, self.index(position), bytes);
        #[cfg(test)]
        tests::fuse::after_read(self.index(position), bytes, self.memory.len());
    }

    /// Where a held position (or the one behind the newest) lies in the memory.
    fn index(&self, position: usize) -> usize {
        // Both are below the capacity, at most 1 GiB and a record: no overflow on 32 bits.
        let at = self.start + position;
        if at < self.memory.len() {
            at
        } else {
            at - self.memory.len()
        }
    }
}

/// Whether the bytes are a line.
fn is_line(line: &[u8]) -> bool {
    line.len() <= LINE_MAX && line.iter().position(|&byte| byte == b'\n') == Some(line.len() - 1)
}

/// Milliseconds for which connections may have had a line acknowledged, if the policy's span is so long.
fn old_span(replay: u32) -> u32 {
    // Longer ones would not be told from moments to come.
    replay.saturating_mul(4).min(1 << 30)
}

#[cfg(test)]
mod tests;
