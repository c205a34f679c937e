//! Whole lines in fixed memory, first in, first out.
//!
//! Positions count bytes from the oldest record on: 0 ≤ acked ≤ sent ≤ newest, each at the start of a
//! record; all move down when the oldest goes. What is before `acked` has arrived and is kept for a while,
//! should the receiver die with it unread; `acked..sent` is in flight, `sent..newest` waits. A ring that is
//! full gives up what has arrived, then thins what waits, then drops the oldest.
//!
//! The memory may be a file that outlives the agent: a store to [`Words`] makes valid what was written
//! before it, so that whenever the agent is killed whole lines stay, each of them, in their order.

mod lap;
mod record;
mod recover;
mod replay;
mod words;

pub use lap::{Restamp, rank};
pub use record::RANK_MAX;
pub use recover::{Found, IsDated};
pub use words::Words;

use record::{HEAD, Head, RECORD_MAX};
use replay::Marks;

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
    /// Lost for want of room: they went before they had been sent whole, or were in flight when a
    /// connection broke.
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
    /// How far connections before this one have come.
    known: usize,
    /// Lines before it have been sent once, at least in part: a repeat must be the same to the byte, also
    /// that of the next agent.
    touched: usize,
    marks: Marks,
    counts: Counts,
    /// Lines that went while in flight, as long as nobody knows whether they arrive.
    unproven: u64,
}

impl<'m> Ring<'m> {
    /// Bytes of memory for a buffer of so many: with the heads of the two longest lines, and so that
    /// there is always room for one more record.
    pub const fn memory_for(buffer: usize) -> usize {
        buffer + 2 * HEAD + SPARE
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
            touched: 0,
            marks: Marks::new(policy.replay),
            counts: Counts::default(),
            unproven: 0,
        }
    }

    /// Goes on with another policy; whether lines get their check goes with the memory.
    pub fn change(&mut self, is_thinning: bool, replay: u32) {
        (self.policy.is_thinning, self.policy.replay) = (is_thinning, replay);
        self.marks.span = replay;
    }

    /// Goes on in other memory, of [`Ring::memory_for`] at least [`BUFFER_MIN`] bytes; what has no room there is
    /// given up as a full ring would. Answers the memory of before, which still holds all of the rest.
    #[cold]
    pub fn move_to(&mut self, (words, memory): Lent<'m>, is_checked: bool, boot: u32) -> Lent<'m> {
        while self.newest > memory.len() - SPARE {
            self.give_up();
        }
        let mut other = Ring::new(
            words,
            memory,
            Policy {
                is_checked,
                ..self.policy
            },
        );
        other.words.boot.set(boot as usize);
        other.words.clock.set(self.clock());
        let mut line = [0; LINE_MAX];
        let mut position = 0;
        while position < self.newest {
            let head = self.head(position);
            let line = &mut line[..head.length()];
            self.read(position + HEAD, line);
            other.append(head, line);
            position += HEAD + line.len();
        }
        other.touch(self.touched);
        (self.policy, self.start) = (other.policy, 0);
        (
            core::mem::replace(&mut self.words, other.words),
            core::mem::replace(&mut self.memory, other.memory),
        )
    }

    /// Appends a line of at most [`LINE_MAX`] bytes that ends in its only `\n`. Of a full ring lines of
    /// lower ranks go first; those of [`RANK_MAX`] are not thinned.
    pub fn push(&mut self, line: &[u8], rank: u8) {
        debug_assert!(
            line.len() <= LINE_MAX && line.iter().position(|&b| b == b'\n') == Some(line.len() - 1)
        );
        self.push_record(Head::new(line.len(), rank.min(RANK_MAX)), line);
    }

    fn push_record(&mut self, head: Head, line: &[u8]) {
        while self.room() < HEAD + line.len() {
            self.give_up();
        }
        self.append(head, line);
    }

    /// Writes a record behind the newest, for which there is room, and makes it valid.
    fn append(&mut self, head: Head, line: &[u8]) {
        let checked = if self.policy.is_checked { line } else { b"" };
        self.write(self.newest, &head.encode(checked));
        self.write(self.newest + HEAD, line);
        self.newest += HEAD + line.len();
        self.words.newest.set(self.index(self.newest));
    }

    /// Fills the buffer with what has not been sent, as far as it fits.
    pub fn unsent<'b>(&self, buffer: &'b mut [u8]) -> &'b [u8] {
        let (mut position, mut skipped, mut filled) = (self.sent, self.part, 0);
        while position < self.newest && filled < buffer.len() {
            let length = self.head(position).length();
            let piece = (length - skipped).min(buffer.len() - filled);
            self.read(position + HEAD + skipped, &mut buffer[filled..filled + piece]);
            filled += piece;
            skipped = 0;
            position += HEAD + length;
        }
        &buffer[..filled]
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
            let length = self.head(self.sent).length();
            let end = self.sent + HEAD + length;
            if self.part > 0 {
                self.touch(end);
            }
            if self.part < length {
                break;
            }
            self.part -= length;
            self.sent = end;
        }
    }

    fn touch(&mut self, position: usize) {
        if position > self.touched {
            self.touched = position;
            self.words.touched.set(self.index(position));
        }
    }

    /// All sent bytes but the last `unacked` have arrived, at `now` at the latest: their whole lines are
    /// kept for as long as the policy says, and then leave the ring. Says whether one has arrived for
    /// the first time.
    pub fn acknowledge(&mut self, unacked: u64, now: u64) -> bool {
        // Less than that is held where lines went while in flight.
        let unacked = usize::try_from(unacked).unwrap_or(usize::MAX);
        let Some(mut arrived) = self.flying.checked_sub(unacked) else {
            return false;
        };
        self.unproven = 0;
        let before = self.acked;
        while self.acked < self.sent {
            let length = self.head(self.acked).length();
            if length > arrived {
                break;
            }
            arrived -= length;
            self.flying -= length;
            self.acked += HEAD + length;
            self.counts.arrived += 1;
        }
        if self.acked == before {
            // A receiver that takes nothing may have stopped to read long ago: all that is kept stays.
            return false;
        }
        // It may have died right after what it acknowledged before this; all that has come since may be what
        // was under way then.
        let now = now as u32;
        let heard = self.marks.heard(now);
        self.marks.note(now, self.acked);
        let is_first = self.acked > self.known;
        if let Some(position) = self.marks.expired(heard) {
            self.leave(position);
        }
        is_first
    }

    /// The connection is gone. The next one starts at the first line not known to have arrived; or, if
    /// the receiver may have died with lines unread, at the first that is kept.
    pub fn rewind(&mut self, is_replay: bool) {
        self.known = self.known.max(self.acked);
        if is_replay {
            self.acked = 0;
        } else {
            self.leave(self.acked);
        }
        self.marks.clear();
        self.sent = self.acked;
        self.part = 0;
        self.flying = 0;
        self.counts.dropped += core::mem::take(&mut self.unproven);
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

    fn room(&self) -> usize {
        self.memory.len() - SPARE - self.newest
    }

    /// Makes some room: of what has arrived first, then between others, otherwise of the oldest line.
    fn give_up(&mut self) {
        let end = self.behind(0);
        if self.acked > 0 {
            return self.leave(end);
        }
        if self.policy.is_thinning && self.thin() {
            return;
        }
        if self.sent > 0 {
            self.flying -= end - HEAD;
            self.unproven += 1;
        } else if self.part > 0 {
            return self.give_up_behind(end);
        } else {
            self.counts.dropped += 1;
        }
        self.leave(end);
    }

    /// The oldest line, up to `end`, is part-sent and must not be cut: those behind it go in its place,
    /// as many as it takes to copy it over them without writing over itself.
    fn give_up_behind(&mut self, end: usize) {
        let mut gap_end = end;
        while gap_end < 2 * end && gap_end < self.newest {
            gap_end = self.behind(gap_end);
            self.counts.dropped += 1;
        }
        let mut record = [0; RECORD_MAX];
        let record = &mut record[..end];
        self.read(0, record);
        self.write(gap_end - end, record);
        self.touch(gap_end);
        self.leave(gap_end - end);
    }

    /// The records before the position leave the ring.
    fn leave(&mut self, position: usize) {
        self.cut(position);
        self.acked = self.acked.saturating_sub(position);
        self.sent = self.sent.saturating_sub(position);
        self.known = self.known.saturating_sub(position);
        self.marks.move_down(position);
    }

    /// The same for what the memory holds: it starts at this position.
    fn cut(&mut self, position: usize) {
        self.start = self.index(position);
        self.newest -= position;
        self.words.oldest.set(self.start);
        // Until then it lies outside, and says nothing.
        if self.touched < position {
            self.words.touched.set(self.start);
        }
        self.touched = self.touched.saturating_sub(position);
    }

    fn head(&self, position: usize) -> Head {
        let mut bytes = [0; HEAD];
        self.read(position, &mut bytes);
        Head::decode(bytes)
    }

    /// The position behind the record at this one.
    fn behind(&self, position: usize) -> usize {
        position + HEAD + self.head(position).length()
    }

    fn write(&mut self, position: usize, bytes: &[u8]) {
        let at = self.index(position);
        #[cfg(test)]
        tests::fuse::burn();
        if let Some(whole) = self.memory.get_mut(at..at + bytes.len()) {
            return whole.copy_from_slice(bytes);
        }
        let (head, tail) = bytes.split_at(self.memory.len() - at);
        self.memory[at..].copy_from_slice(head);
        self.memory[..tail.len()].copy_from_slice(tail);
    }

    fn read(&self, position: usize, bytes: &mut [u8]) {
        words::read(self.memory, self.index(position), bytes);
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

#[cfg(test)]
mod tests;
