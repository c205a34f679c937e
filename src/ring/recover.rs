//! Recovery of the memory that another agent has left: of the whole ring, or of the lines in a damaged one.

use super::record::{HEAD, Head};
use super::rewrite::{Restamp, restamp_unsettled};
use super::words::{self, Word, Words};
use super::{LINE_MAX, Lent, Ring, SPARE};

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
    /// Continues the ring in the memory if it is whole to the last line. Lines of another boot are settled; those that
    /// `is_dated` refuses are removed.
    // Inlined, its buffers would stay on the stack for good.
    #[inline(never)]
    pub fn resume(&mut self, boot: u32, (restamp, is_dated): (Restamp, IsDated)) -> Option<Recovered> {
        let words = &*self.words;
        if words.capacity.get() != self.memory.len() || !words.can_be_of(self.memory.len()) {
            return None;
        }
        let mut scanner = Scanner::new(words, self.memory);
        let [rewrite, ever_acked] = [&words.rewrite, &words.ever_acked].map(Word::get);
        let (ever_acked, mut unacked_lines) = (scanner.distance(ever_acked), 0);
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
            self.finish_rewrite(unmoved, last, restamp);
        }
        if self.words.boot.get() != boot as usize || boot == 0 {
            self.settle(&mut found, is_dated);
            self.words.boot.set(boot as usize);
        }
        Some(found)
    }

    /// Settles all lines, which are of an earlier boot.
    fn settle(&mut self, found: &mut Recovered, is_dated: IsDated) {
        self.rewrite(self.clock(), None, &mut |_, head, line| {
            let is_kept = head.is_settled || is_dated(line);
            head.is_settled = true;
            found.undated += u32::from(!is_kept);
            is_kept
        });
        found.lines -= found.undated;
        self.keep_clock(0);
    }

    /// Starts with each whole line in the words and the memory of an old ring, in whatever state they are.
    pub fn salvage(&mut self, left: (&Words, &[u8]), boot: u32, stamps: (Restamp, IsDated)) -> Recovered {
        self.words.clear(self.memory.len());
        self.words.boot.set(boot as usize);
        self.add(left, boot, stamps)
    }

    /// Continues in other memory with each whole line that remains of the ring, whose memory is lost in part. All lines
    /// are unsent then, and missing ones count as dropped. With `has_arrived`, all sent lines have arrived. Returns the
    /// old memory. The new one has the same length and is no file.
    pub fn rescue(
        &mut self,
        (words, memory): Lent<'m>,
        boot: u32,
        restamp: Restamp,
        has_arrived: bool,
    ) -> Lent<'m> {
        words.clear(memory.len());
        words.boot.set(boot as usize);
        let words = core::mem::replace(&mut self.words, words);
        let memory = core::mem::replace(&mut self.memory, memory);
        let mut scanner = Scanner {
            memory,
            start: self.start,
            length: self.newest,
            at: 0,
            damaged: 0,
        };
        let (mut ever_acked, sent_mark, mut unacked_lines) = (
            self.ever_acked.max(self.acked),
            self.sent_mark,
            self.unacked_lines,
        );
        if has_arrived {
            ever_acked = ever_acked.max(self.sent);
            unacked_lines = unacked_lines.saturating_sub(self.sent_unacked_lines);
            self.counts.arrived += self.sent_unacked_lines + self.dropped_in_flight.acknowledge(0);
        }
        // Lines that an interrupted rewrite has moved have the new clock.
        let (unmoved, clock) = self.unmoved.take().unwrap_or((0, self.clock));
        let seconds = clock as i64 - self.clock as i64;
        (self.start, self.newest, self.acked, self.sent) = (0, 0, 0, 0);
        (self.part, self.in_flight, self.ever_acked, self.sent_mark) = (0, 0, 0, 0);
        self.ack_times.clear();
        self.policy.is_checked = false;
        self.keep_clock(clock);
        (self.unacked_lines, self.sent_unacked_lines) = (0, 0);
        let mut line = [0; LINE_MAX];
        while let Some(mut head) = scanner.next(&mut line) {
            let line = &mut line[..head.length()];
            head.is_settled |= scanner.at <= sent_mark;
            if scanner.at <= unmoved {
                restamp_unsettled(head, line, seconds, restamp);
            }
            self.append(head, line);
            if scanner.at <= ever_acked {
                self.set_ever_acked(self.newest);
            } else {
                self.unacked_lines += 1;
            }
        }
        self.counts.dropped += unacked_lines.saturating_sub(self.unacked_lines);
        (words, memory)
    }

    /// Appends each whole line in the words and the memory of another ring.
    pub fn add(
        &mut self,
        (words, memory): (&Words, &[u8]),
        boot: u32,
        (restamp, is_dated): (Restamp, IsDated),
    ) -> Recovered {
        let mut found = Recovered::default();
        let is_known = words.can_be_of(memory.len());
        let is_of_this_boot = is_known && boot != 0 && words.boot.get() == boot as usize;
        let mut seconds = [0; 2];
        if is_of_this_boot {
            let has_rewrite = words.rewrite.get() != Words::NO_REWRITE;
            let clocks = [
                if has_rewrite {
                    &words.rewrite_clock
                } else {
                    &words.clock
                },
                &words.clock,
            ];
            if self.newest == 0 {
                self.keep_clock(clocks[0].get());
            }
            seconds = clocks.map(|clock| self.clock() as i64 - clock.get() as i64);
        }
        let [moved, unmoved] = seconds;
        let mut scanner = Scanner::new(words, memory);
        let sent_mark = scanner.distance(words.sent_mark.get());
        // Acknowledged lines are no loss later. (An interrupted rewrite is rare.)
        let is_sound = is_known && words.rewrite.get() == Words::NO_REWRITE;
        let ever_acked = if is_sound {
            scanner.distance(words.ever_acked.get())
        } else {
            0
        };
        // Lines that a rewrite has moved come first; the others are still to be restamped.
        let rewrite = scanner.distance(words.rewrite.get());
        let mut line = [0; LINE_MAX];
        for (from, to, seconds) in [(rewrite, scanner.length, moved), (0, rewrite, unmoved)] {
            (scanner.at, scanner.length) = (from, to);
            while let Some(mut head) = scanner.next(&mut line) {
                let line = &mut line[..head.length()];
                let place = scanner.at - HEAD - line.len();
                if !(head.is_settled || is_of_this_boot || is_dated(line)) {
                    found.undated += 1;
                    continue;
                }
                head.is_settled |= !is_of_this_boot || place < sent_mark;
                restamp_unsettled(head, line, seconds, restamp);
                self.push_record(head, line);
                found.lines += 1;
                if place < ever_acked && self.ever_acked + HEAD + line.len() == self.newest {
                    self.set_ever_acked(self.newest);
                    self.unacked_lines = self.unacked_lines.saturating_sub(1);
                }
            }
        }
        found.damaged = scanner.damaged;
        found
    }
}

/// Returns whether the stamp of a line is a real time.
pub type IsDated = fn(line: &[u8]) -> bool;
