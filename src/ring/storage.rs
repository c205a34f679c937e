//! Records in the memory of a ring. The end of the memory is followed by its start.

use super::Ring;
use super::record::{HEAD, Head};
#[cfg(test)]
use super::tests;
use super::words::{self, is_lost};

impl Ring<'_> {
    /// Writes a record after the newest, where it fits, and validates it.
    pub(super) fn append(&mut self, head: Head, line: &[u8]) {
        let checked = if self.policy.is_checked { line } else { b"" };
        let head = head.encode(checked);
        self.write(self.newest + HEAD, line);
        self.commit(head, line.len());
    }

    /// Writes the head of a line that is in its place, and validates the record.
    pub(super) fn commit(&mut self, head: [u8; HEAD], length: usize) {
        self.write(self.newest, &head);
        self.newest += HEAD + length;
        self.words.newest.set(self.index(self.newest));
    }

    /// Advances the start of the oldest record to this position.
    pub(super) fn advance(&mut self, position: usize) {
        self.start = self.index(position);
        self.newest -= position;
        self.words.oldest.set(self.start);
        // Until then these lie outside and are ignored.
        if self.sent_mark < position {
            self.words.sent_mark.set(self.start);
        }
        if self.ever_acked < position {
            self.words.ever_acked.set(self.start);
        }
        self.sent_mark = self.sent_mark.saturating_sub(position);
        self.ever_acked = self.ever_acked.saturating_sub(position);
    }

    pub(super) fn set_ever_acked(&mut self, position: usize) {
        if position != self.ever_acked {
            self.ever_acked = position;
            self.words.ever_acked.set(self.index(position));
        }
    }

    pub(super) fn head(&self, position: usize) -> Head {
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

    /// Returns the end of the record at this position. In damaged memory, too, it is not after the newest.
    pub(super) fn end_of(&self, position: usize) -> usize {
        (position + HEAD + self.head(position).length()).min(self.newest)
    }

    /// Returns the length of the line at this position, and its end. A line in lost memory is longer than any, so that
    /// no position passes it.
    pub(super) fn line(&self, position: usize) -> (usize, usize) {
        let end = self.end_of(position);
        let length = end.saturating_sub(position + HEAD);
        (if is_lost() { usize::MAX } else { length }, end)
    }

    pub(super) fn write(&mut self, position: usize, bytes: &[u8]) {
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

    pub(super) fn read(&self, position: usize, bytes: &mut [u8]) {
        words::read(self.memory, self.index(position), bytes);
        #[cfg(test)]
        tests::fuse::after_read(self.index(position), bytes, self.memory.len());
    }

    /// Returns the index of a position in the memory.
    pub(super) fn index(&self, position: usize) -> usize {
        // Both are below the capacity, which is at most 1 GiB and a record: no overflow on 32 bits.
        let at = self.start + position;
        if at < self.memory.len() {
            at
        } else {
            at - self.memory.len()
        }
    }
}
