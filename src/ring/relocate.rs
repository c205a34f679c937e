//! Moving a ring to other memory.

#[cfg(doc)]
use super::BUFFER_MIN;
use super::record::HEAD;
use super::words::is_lost;
use super::{LINE_MAX, Lent, Policy, Ring, SPARE};
use core::mem::replace;

impl<'m> Ring<'m> {
    /// Returns whether memory of that length can hold all lines of the ring.
    pub fn fits(&self, length: usize) -> bool {
        self.newest + SPARE <= length
    }

    /// Copies the ring to other memory, in which it fits ([`Ring::fits`]).
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
            sent_mark: 0,
            ever_acked: 0,
            ack_times: self.ack_times.clone(),
            dropped_in_flight: self.dropped_in_flight.clone(),
            ..*self
        };
        let mut line = [0; LINE_MAX];
        let mut position = 0;
        while position < self.newest && !is_lost() {
            let head = self.head(position);
            let line = &mut line[..head.length()];
            self.read(position + HEAD, line);
            copy.append(head, line);
            position = self.end_of(position);
        }
        copy.raise_sent_mark(self.sent_mark);
        copy.set_ever_acked(self.ever_acked);
        copy
    }

    /// Moves the lines to other memory, of at least [`Ring::memory_for`] [`BUFFER_MIN`] bytes; lines that do not fit are
    /// evicted as by a full ring. Returns the old memory, which still holds the other lines.
    pub fn move_to(&mut self, to: Lent<'m>, is_checked: bool, boot: u32) -> Lent<'m> {
        while !self.fits(to.1.len()) && !is_lost() {
            if !self.evict(self.newest + SPARE - to.1.len()) {
                // Too many lines in flight to account for.
                self.counts.dropped += 1;
                self.evict_first(self.end_of(0));
            }
        }
        let copy = self.copy_to(to, is_checked, boot);
        replace(self, copy).into_memory()
    }

    /// Empties the memory with one store, for a caller of [`Ring::into_memory`].
    pub fn empty(&self) {
        self.words.empty();
    }

    /// Returns the memory, which still holds the lines.
    pub fn into_memory(self) -> Lent<'m> {
        (self.words, self.memory)
    }
}
