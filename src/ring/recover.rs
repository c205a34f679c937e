//! Moving a ring to other memory, and recovery of the memory that another agent has left: of the whole ring, or of the
//! lines in a damaged one.

#[cfg(doc)]
use super::BUFFER_MIN;
use super::record::{HEAD, Head};
use super::words::{self, Words, is_lost};
use super::{LINE_MAX, Lent, Policy, Ring, SPARE};

/// Counts of recovered lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Whole lines.
    pub lines: u32,
    /// Pieces that are no whole line.
    pub damaged: u32,
    /// Whole lines whose time is unknown.
    pub undated: u32,
}

/// A scanner for whole records in memory whose end is followed by its start, or in a part of it.
struct Scanner<'v> {
    memory: &'v [u8],
    start: usize,
    length: usize,
    /// The offset from `start` up to which the memory has been scanned.
    at: usize,
    /// Pieces before it that are no record.
    damaged: u32,
}

impl<'v> Scanner<'v> {
    /// Scans the records of the ring, if these can be the words of one in this memory; otherwise all of the memory.
    fn new(words: &Words, memory: &'v [u8]) -> Self {
        let mut scanner = Self {
            memory,
            start: 0,
            length: memory.len(),
            at: 0,
            damaged: 0,
        };
        if words.can_be_of(memory.len()) {
            // A file that was extended and not yet rewritten still has the old ring.
            let capacity = words.capacity.get();
            scanner.memory = &memory[..capacity];
            scanner.start = words.oldest.get();
            scanner.length = scanner.ahead(words.newest.get());
        }
        scanner
    }

    fn index(&self, at: usize) -> usize {
        let at = self.start + at;
        if at < self.memory.len() {
            at
        } else {
            at - self.memory.len()
        }
    }

    /// Returns the offset of an index.
    fn ahead(&self, index: usize) -> usize {
        let wrapped = if index < self.start { self.memory.len() } else { 0 };
        index + wrapped - self.start
    }

    /// Returns the offset of an index, 0 if it lies outside.
    fn distance(&self, index: usize) -> usize {
        if index >= self.memory.len() {
            return 0;
        }
        let distance = self.ahead(index);
        if distance <= self.length { distance } else { 0 }
    }

    /// Returns the next whole record, with its line in the buffer; skips pieces that are no record.
    fn next(&mut self, buffer: &mut [u8; LINE_MAX]) -> Option<Head> {
        let mut is_sound = true;
        while self.at < self.length {
            if let Some(head) = self.record(buffer) {
                self.at += HEAD + head.length();
                return Some(head);
            }
            self.damaged += u32::from(is_sound);
            is_sound = false;
            // If the end of the memory is lost, a record may start at the start of the memory, too.
            let wrap = self.memory.len() - self.start;
            let next = self.after_newline(self.at);
            self.at = if self.at < wrap { next.min(wrap) } else { next };
        }
        None
    }

    /// Returns the record at the scanned offset if it is whole, with its line in the buffer.
    fn record(&self, buffer: &mut [u8; LINE_MAX]) -> Option<Head> {
        // There may be no memory for a head.
        if self.length - self.at < HEAD {
            return None;
        }
        let mut bytes = [0; HEAD];
        words::read(self.memory, self.index(self.at), &mut bytes);
        let head = Head::decode(bytes);
        let start = self.at + HEAD;
        let end = start + head.length();
        // Checked first, so that a file of newlines takes no longer than others.
        if end > self.length || self.after_newline(start) != end {
            return None;
        }
        let line = &mut buffer[..head.length()];
        words::read(self.memory, self.index(start), line);
        (head.encode(line) == bytes).then_some(head)
    }

    /// Returns the offset after the next newline.
    fn after_newline(&self, from: usize) -> usize {
        let end = (from..self.length).find(|&at| self.memory[self.index(at)] == b'\n');
        // Without one, no record follows.
        end.map_or(self.length + 1, |end| end + 1)
    }
}

/// Returns whether there is a whole record anywhere in these bytes.
pub fn has_record(bytes: &[u8]) -> bool {
    Scanner::new(&Words::default(), bytes)
        .next(&mut [0; LINE_MAX])
        .is_some()
}

impl<'m> Ring<'m> {
    /// Returns whether memory of that length can hold all lines of the ring.
    pub fn fits(&self, length: usize) -> bool {
        self.newest + SPARE <= length
    }

    /// Copies the ring to other memory, in which it fits ([`Ring::fits`]).
    #[must_use]
    pub fn copy_to(&self, (words, memory): Lent<'m>, is_checked: bool) -> Ring<'m> {
        words.clear(memory.len(), self.policy.boot);
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

    /// Evicts lines, as a full ring does, until the others fit into memory of that length, at least
    /// [`Ring::memory_for`] [`BUFFER_MIN`] bytes.
    pub fn shrink_to(&mut self, length: usize) {
        while !self.fits(length) && !is_lost() {
            if !self.evict(self.newest + SPARE - length) {
                // Too many lines in flight to account for.
                self.counts.dropped += 1;
                self.evict_first(self.end_of(0));
            }
        }
    }

    /// Moves the lines to other memory; those that do not fit are evicted ([`Ring::shrink_to`]). Returns the old memory,
    /// which still holds the other lines.
    pub fn move_to(&mut self, to: Lent<'m>, is_checked: bool) -> Lent<'m> {
        self.shrink_to(to.1.len());
        let copy = self.copy_to(to, is_checked);
        core::mem::replace(self, copy).into_memory()
    }

    /// Exchanges the memory of an empty ring, before [`Ring::resume`]. Returns the old memory.
    pub fn exchange(&mut self, (words, memory): Lent<'m>) -> Lent<'m> {
        let words = core::mem::replace(&mut self.words, words);
        (words, core::mem::replace(&mut self.memory, memory))
    }

    /// Empties the memory with one store, for a caller of [`Ring::into_memory`].
    pub fn empty(&self) {
        self.words.oldest.set(self.words.newest.get());
    }

    /// Returns the memory, which still holds the lines.
    pub fn into_memory(self) -> Lent<'m> {
        (self.words, self.memory)
    }

    /// Continues the ring in the memory if it is whole to the last line. Lines of another boot are settled; those that
    /// [`Policy::is_dated`] refuses are removed.
    // Inlined, its buffers would stay on the stack for good.
    #[inline(never)]
    pub fn resume(&mut self) -> Option<Recovered> {
        let words = &*self.words;
        if words.capacity.get() != self.memory.len() || !words.can_be_of(self.memory.len()) {
            return None;
        }
        let mut scanner = Scanner::new(words, self.memory);
        let rewrite = words.rewrite.get();
        let (ever_acked, mut unacked_lines) = (scanner.distance(words.ever_acked.get()), 0);
        // A rewrite that has moved nothing yet, or everything, starts at the end.
        let (mut found, mut unmoved, mut first, mut last) = (Recovered::default(), None, 0, 0);
        let mut line = [0; LINE_MAX];
        loop {
            if rewrite == scanner.index(scanner.at) {
                unmoved = Some(scanner.at);
            }
            let Some(head) = scanner.next(&mut line) else {
                break;
            };
            last = scanner.at - HEAD - head.length();
            if last == 0 {
                first = scanner.at;
            }
            found.lines += 1;
            unacked_lines += u64::from(scanner.at > ever_acked);
        }
        let has_rewrite = rewrite != Words::NO_REWRITE;
        if scanner.damaged > 0 || has_rewrite && unmoved.is_none() {
            return None;
        }
        // A rewrite that was killed between two stores has a record twice. Nothing else exceeds a full ring.
        let is_twice = unmoved.is_some_and(|unmoved| unmoved <= last) && scanner.length - last == first;
        let length = if is_twice { last } else { scanner.length };
        if length > self.memory.len().saturating_sub(SPARE) {
            return None;
        }
        let sent_mark = scanner.distance(words.sent_mark.get());
        (self.start, self.newest) = (scanner.start, scanner.length);
        (self.sent_mark, self.ever_acked) = (sent_mark, ever_acked);
        (self.clock, self.unacked_lines) = (self.words.clock.get(), unacked_lines);
        if let Some(unmoved) = unmoved {
            self.finish_rewrite(unmoved, last);
        }
        let boot = self.policy.boot;
        if self.words.boot.get() != boot as usize || boot == 0 {
            self.settle(&mut found);
            self.words.boot.set(boot as usize);
        }
        Some(found)
    }

    /// Settles all lines, which are of an earlier boot.
    fn settle(&mut self, found: &mut Recovered) {
        let is_dated = self.policy.is_dated;
        self.rewrite(self.clock(), &mut |_, head, line| {
            let is_kept = head.is_settled || is_dated(line);
            head.is_settled = true;
            found.undated += u32::from(!is_kept);
            is_kept
        });
        found.lines -= found.undated;
        self.keep_clock(0);
    }

    /// Continues in other memory with each whole line that remains of the ring, whose memory is lost in part. All lines
    /// are unsent then, and missing ones count as dropped. With `has_arrived`, all sent lines have arrived. Returns the
    /// old memory. The new one has the same length and is no file.
    pub fn rescue(&mut self, (new_words, new_memory): Lent<'m>, has_arrived: bool) -> Lent<'m> {
        let (mut ever_acked, mut unacked_lines) = (self.ever_acked.max(self.acked), self.unacked_lines);
        if has_arrived {
            ever_acked = ever_acked.max(self.sent);
            unacked_lines = unacked_lines.saturating_sub(self.sent_unacked_lines);
            self.counts.arrived += self.sent_unacked_lines + self.dropped_in_flight.acknowledge(0);
        }
        // The words in the memory may be lost, too.
        let words = Words::default();
        words.clear(self.memory.len(), self.policy.boot);
        words.oldest.set(self.start);
        words.newest.set(self.index(self.newest));
        words.sent_mark.set(self.index(self.sent_mark));
        words.ever_acked.set(self.index(ever_acked));
        words.clock.set(self.clock);
        if let Some((unmoved, clock)) = self.unmoved.take() {
            words.rewrite.set(self.index(unmoved));
            words.rewrite_clock.set(clock);
        }
        new_words.clear(new_memory.len(), self.policy.boot);
        let (old_words, old_memory) = self.exchange((new_words, new_memory));
        (self.start, self.newest, self.acked, self.sent) = (0, 0, 0, 0);
        (self.part, self.in_flight, self.ever_acked, self.sent_mark) = (0, 0, 0, 0);
        (self.unacked_lines, self.sent_unacked_lines) = (0, 0);
        self.ack_times.clear();
        self.policy.is_checked = false;
        self.keep_clock(words.last_clock());
        self.add_records((&words, old_memory), true, true);
        self.counts.dropped += unacked_lines.saturating_sub(self.unacked_lines);
        (old_words, old_memory)
    }

    /// Appends each whole line in the words and the memory of another ring, in whatever state they are. A new ring
    /// adopts the clock of this boot's lines.
    pub fn add(&mut self, (words, memory): (&Words, &[u8])) -> Recovered {
        let boot = self.policy.boot;
        let is_known = words.can_be_of(memory.len());
        let is_of_this_boot = is_known && boot != 0 && words.boot.get() == boot as usize;
        if is_of_this_boot && self.newest == 0 && self.clock == 0 {
            self.keep_clock(words.last_clock());
        }
        self.add_records((words, memory), is_of_this_boot, false)
    }

    /// Appends the records; with `fits`, there is space for all of them, also for one that a rewrite has left twice.
    fn add_records(
        &mut self,
        (words, memory): (&Words, &[u8]),
        is_of_this_boot: bool,
        fits: bool,
    ) -> Recovered {
        let mut found = Recovered::default();
        let mut scanner = Scanner::new(words, memory);
        // Lines that a rewrite has moved are older than the others.
        let (rewrite, length) = (scanner.distance(words.rewrite.get()), scanner.length);
        let order = |end: usize| match end {
            0 => 0,
            _ if end > rewrite => end - rewrite,
            _ => end + length - rewrite,
        };
        let sent_mark = order(scanner.distance(words.sent_mark.get()));
        let ever_acked = order(scanner.distance(words.ever_acked.get()));
        let is_known = words.can_be_of(memory.len());
        let mut line = [0; LINE_MAX];
        for (from, to, clock) in [
            (rewrite, length, words.last_clock()),
            (0, rewrite, words.clock.get()),
        ] {
            (scanner.at, scanner.length) = (from, to);
            while let Some(mut head) = scanner.next(&mut line) {
                let line = &mut line[..head.length()];
                if !(head.is_settled || is_of_this_boot || (self.policy.is_dated)(line)) {
                    found.undated += 1;
                    continue;
                }
                let end = order(scanner.at);
                head.is_settled |= !is_of_this_boot || end <= sent_mark;
                self.restamp(head, line, self.clock as i64 - clock as i64);
                if fits {
                    self.append(head, line);
                    self.unacked_lines += 1;
                } else {
                    self.push_record(head, line);
                }
                found.lines += 1;
                // Acknowledged lines are no loss later.
                if is_known && end <= ever_acked && self.ever_acked + HEAD + line.len() == self.newest {
                    self.set_ever_acked(self.newest);
                    self.unacked_lines = self.unacked_lines.saturating_sub(1);
                }
            }
        }
        found.damaged = scanner.damaged;
        found
    }
}
