//! Whole lines in fixed memory, first in, first out.
//!
//! Positions count the bytes since the start and only grow: oldest ≤ acked ≤ sent ≤ newest.
//! `oldest..acked` has arrived, `acked..sent` is in flight, `sent..newest` waits. All but `sent`
//! are at the start of a line, and the newline that ends a line is the only mark of its end.

/// The longest line, its newline included.
pub const LINE_MAX: usize = 2048;
/// The least memory: a line that is part-sent, and one more.
pub const CAPACITY_MIN: usize = 2 * LINE_MAX;

/// The ring. Its memory is lent, so that it may be a mapping.
pub struct Ring<'m> {
    memory: &'m mut [u8],
    /// Where `oldest` lies in the memory.
    start: usize,
    oldest: u64,
    acked: u64,
    sent: u64,
    newest: u64,
    /// Lines that went before they had been sent whole, or were in flight when a connection broke.
    dropped: u64,
    /// Lines that went while in flight, as long as nobody knows whether they arrive.
    unproven: u64,
}

impl<'m> Ring<'m> {
    /// An empty ring over at least [`CAPACITY_MIN`] bytes.
    pub fn new(memory: &'m mut [u8]) -> Self {
        debug_assert!(memory.len() >= CAPACITY_MIN);
        Self {
            memory,
            start: 0,
            oldest: 0,
            acked: 0,
            sent: 0,
            newest: 0,
            dropped: 0,
            unproven: 0,
        }
    }

    /// Appends a line of at most [`LINE_MAX`] bytes that ends in its only `\n`. When the ring is
    /// full the oldest whole lines go.
    pub fn push(&mut self, line: &[u8]) {
        debug_assert!(
            line.len() <= LINE_MAX && line.iter().position(|&b| b == b'\n') == Some(line.len() - 1)
        );
        while self.memory.len() - self.held() < line.len() {
            self.give_up();
        }
        self.write(self.newest, line);
        self.newest += line.len() as u64;
    }

    /// What has not been sent: at most two spans, the second after the first.
    pub fn unsent(&self) -> (&[u8], &[u8]) {
        self.spans(self.sent, self.newest)
    }

    /// Bytes that have not been sent.
    pub fn unsent_length(&self) -> usize {
        (self.newest - self.sent) as usize
    }

    /// Whether what has not been sent takes more than half of the memory: time to send it.
    pub fn is_crowded(&self) -> bool {
        self.unsent_length() > self.memory.len() / 2
    }

    /// Whether there are sent bytes that are not known to have arrived.
    pub fn in_flight(&self) -> bool {
        self.acked < self.sent
    }

    /// The connection has taken the next `count` bytes of [`Ring::unsent`].
    pub fn mark_sent(&mut self, count: usize) {
        self.sent = (self.sent + count as u64).min(self.newest);
    }

    /// All sent bytes but the last `unacked` have arrived: their whole lines may leave the ring.
    /// Says whether at least one did.
    pub fn acknowledge(&mut self, unacked: u64) -> bool {
        let arrived = self.sent.saturating_sub(unacked);
        if arrived >= self.oldest {
            self.unproven = 0;
        }
        let boundary = self.boundary_before(arrived);
        let moved = boundary > self.acked;
        self.acked = self.acked.max(boundary);
        moved
    }

    /// The connection is gone: the next one starts at the first line not known to have arrived.
    pub fn rewind(&mut self) {
        self.sent = self.acked;
        self.dropped += core::mem::take(&mut self.unproven);
    }

    /// Lines that are lost for want of room.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// Bytes of lines that are not known to have arrived.
    pub fn queued(&self) -> usize {
        (self.newest - self.acked) as usize
    }

    fn held(&self) -> usize {
        (self.newest - self.oldest) as usize
    }

    /// Makes room: of what has arrived first, all of it, otherwise of the oldest line.
    fn give_up(&mut self) {
        if self.oldest < self.acked {
            return self.leave(self.acked);
        }
        let end = self.line_end(self.oldest);
        if self.sent >= end {
            self.unproven += 1;
        } else if self.sent > self.oldest {
            return self.give_up_behind(end);
        } else {
            self.dropped += 1;
        }
        self.leave(end);
    }

    /// The oldest line, up to `end`, is part-sent and must not be cut: the one behind it goes in
    /// its place, and the part-sent line moves up over it.
    fn give_up_behind(&mut self, end: u64) {
        let gap_end = self.line_end(end);
        let distance = gap_end - end;
        for position in (self.oldest..end).rev() {
            let byte = self.memory[self.index(position)];
            let target = self.index(position + distance);
            self.memory[target] = byte;
        }
        let sent = self.sent + distance;
        self.leave(self.oldest + distance);
        self.sent = sent;
        self.dropped += 1;
    }

    /// Moves `oldest` up, and with it the positions that must not be before it.
    fn leave(&mut self, oldest: u64) {
        self.start = self.index(oldest);
        self.oldest = oldest;
        self.acked = self.acked.max(oldest);
        self.sent = self.sent.max(oldest);
    }

    /// The last start of a line that is at or before `position`, but not before `acked`.
    fn boundary_before(&self, position: u64) -> u64 {
        if position <= self.acked {
            return self.acked;
        }
        let (first, second) = self.spans(self.acked, position);
        let last = |span: &[u8]| span.iter().rposition(|&byte| byte == b'\n').map(|at| at + 1);
        let length = last(second)
            .map(|length| first.len() + length)
            .or_else(|| last(first));
        self.acked + length.unwrap_or(0) as u64
    }

    /// The position after the newline that ends the line at `from`.
    fn line_end(&self, from: u64) -> u64 {
        let (first, second) = self.spans(from, self.newest);
        let bytes = first.iter().chain(second);
        let length = bytes.take_while(|&&byte| byte != b'\n').count() as u64 + 1;
        (from + length).min(self.newest)
    }

    fn write(&mut self, position: u64, bytes: &[u8]) {
        let at = self.index(position);
        let (head, tail) = bytes.split_at(bytes.len().min(self.memory.len() - at));
        self.memory[at..at + head.len()].copy_from_slice(head);
        self.memory[..tail.len()].copy_from_slice(tail);
    }

    /// The held bytes from one position to another: at most two spans.
    fn spans(&self, from: u64, to: u64) -> (&[u8], &[u8]) {
        let (at, length) = (self.index(from), (to - from) as usize);
        let head = length.min(self.memory.len() - at);
        (&self.memory[at..at + head], &self.memory[..length - head])
    }

    /// Where a held position (or the one behind the newest) lies in the memory.
    fn index(&self, position: u64) -> usize {
        // Both are below the capacity, at most 1 GiB: no overflow on 32 bits.
        let at = self.start + (position - self.oldest) as usize;
        if at < self.memory.len() {
            at
        } else {
            at - self.memory.len()
        }
    }
}

#[cfg(test)]
mod tests;
