//! What another agent has left: a ring to go on with, or lines to be picked out of what was one.

use super::lap::{Restamp, change};
use super::record::{HEAD, Head};
use super::words::{self, Word, Words};
use super::{LINE_MAX, Lent, Ring, SPARE};

/// What was found of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Those that are whole.
    pub lines: u32,
    /// Pieces that are not.
    pub damaged: u32,
    /// Whole ones that nobody can tell the time of any more.
    pub undated: u32,
}

/// Memory that ends where it starts, or a part of it, in which whole records are looked for.
struct View<'v> {
    memory: &'v [u8],
    start: usize,
    length: usize,
    /// Places before it have been looked at.
    at: usize,
    /// Pieces there that are no record.
    damaged: u32,
}

impl<'v> View<'v> {
    /// Where the records are, if these can be the words of a ring over this memory; otherwise anywhere.
    fn new(words: &Words, memory: &'v [u8]) -> Self {
        let mut view = Self {
            memory,
            start: 0,
            length: memory.len(),
            at: 0,
            damaged: 0,
        };
        if words.can_be_of(memory.len()) {
            // A file that has been made longer, and no more, still has the old ring.
            let capacity = words.capacity.get();
            view.memory = &memory[..capacity];
            view.start = words.oldest.get();
            view.length = view.ahead(words.newest.get());
        }
        view
    }

    fn index(&self, at: usize) -> usize {
        let at = self.start + at;
        if at < self.memory.len() {
            at
        } else {
            at - self.memory.len()
        }
    }

    /// How far it is to a place in the memory.
    fn ahead(&self, index: usize) -> usize {
        let wrapped = if index < self.start { self.memory.len() } else { 0 };
        index + wrapped - self.start
    }

    /// The same; 0 if it lies elsewhere.
    #[inline(never)]
    fn distance(&self, index: usize) -> usize {
        if index >= self.memory.len() {
            return 0;
        }
        let distance = self.ahead(index);
        if distance <= self.length { distance } else { 0 }
    }

    /// The next whole record, its line in the buffer; a piece that is none is passed by.
    fn next(&mut self, buffer: &mut [u8; LINE_MAX]) -> Option<Head> {
        let mut is_sound = true;
        while self.at < self.length {
            if let Some(head) = self.record(buffer) {
                self.at += HEAD + head.length();
                return Some(head);
            }
            self.damaged += u32::from(is_sound);
            is_sound = false;
            // One may start there, too, if the end of the memory is gone.
            let wrap = self.memory.len() - self.start;
            let next = self.behind_newline(self.at);
            self.at = if self.at < wrap { next.min(wrap) } else { next };
        }
        None
    }

    /// The record at this place, its line in the buffer, if there is one and it is whole.
    fn record(&self, buffer: &mut [u8; LINE_MAX]) -> Option<Head> {
        // Behind it there may be no memory for a head.
        if self.length - self.at < HEAD {
            return None;
        }
        let mut bytes = [0; HEAD];
        words::read(self.memory, self.index(self.at), &mut bytes);
        let head = Head::decode(bytes);
        let start = self.at + HEAD;
        let end = start + head.length();
        // Looked at first, so that a file of newlines takes no longer than any other.
        if end > self.length || self.behind_newline(start) != end {
            return None;
        }
        let line = &mut buffer[..head.length()];
        words::read(self.memory, self.index(start), line);
        (head.encode(line) == bytes).then_some(head)
    }

    /// The place behind the next newline.
    fn behind_newline(&self, from: usize) -> usize {
        let end = (from..self.length).find(|&at| self.memory[self.index(at)] == b'\n');
        // Where none is left, nothing follows.
        end.map_or(self.length + 1, |end| end + 1)
    }
}

/// Whether there is a whole record anywhere in these bytes.
pub fn has_record(bytes: &[u8]) -> bool {
    View::new(&Words::default(), bytes)
        .next(&mut [0; LINE_MAX])
        .is_some()
}

impl<'m> Ring<'m> {
    /// Goes on with the ring that the memory holds, if it is whole, to the last line. Lines of another boot
    /// than this are settled, and left out if `is_dated` does not take them.
    // Its buffers must not lie under all that follows.
    #[inline(never)]
    #[cold]
    pub fn resume(&mut self, boot: u32, (restamp, is_dated): (Restamp, IsDated)) -> Option<Found> {
        let words = &*self.words;
        // One that was of another size is none of this one.
        if words.capacity.get() != self.memory.len() || !words.can_be_of(self.memory.len()) {
            return None;
        }
        let mut view = View::new(words, self.memory);
        let [lap, known] = [&words.lap, &words.known].map(Word::get);
        let (known, mut waiting) = (view.distance(known), 0);
        // A lap that has left nothing behind yet, or has nothing to be moved any more, begins at the end.
        let (mut found, mut unmoved, mut first, mut last) = (Found::default(), None, 0, 0);
        let mut line = [0; LINE_MAX];
        loop {
            if lap == view.index(view.at) {
                unmoved = Some(view.at);
            }
            let Some(head) = view.next(&mut line) else {
                break;
            };
            last = view.at - HEAD - head.length();
            if last == 0 {
                first = view.at;
            }
            found.lines += 1;
            waiting += u64::from(view.at > known);
        }
        let has_lap = lap != Words::NO_LAP;
        if view.damaged > 0 || has_lap && unmoved.is_none() {
            return None;
        }
        // A lap that was killed between two stores has a record twice. Nothing else exceeds a full ring.
        let is_twice = unmoved.is_some_and(|unmoved| unmoved <= last) && view.length - last == first;
        let length = if is_twice { last } else { view.length };
        if length > self.memory.len().saturating_sub(SPARE) {
            return None;
        }
        let touched = view.distance(words.touched.get());
        (self.start, self.newest) = (view.start, view.length);
        (self.touched, self.known) = (touched, known);
        (self.clock, self.waiting) = (self.words.clock.get(), waiting);
        if let Some(unmoved) = unmoved {
            self.end_lap(unmoved, last, restamp);
        }
        if self.words.boot.get() != boot as usize || boot == 0 {
            self.settle(&mut found, is_dated);
            self.words.boot.set(boot as usize);
        }
        Some(found)
    }

    /// All lines are of an earlier boot.
    fn settle(&mut self, found: &mut Found, is_dated: IsDated) {
        self.lap(self.clock(), None, &mut |_, head, line| {
            let stays = head.is_settled || is_dated(line);
            head.is_settled = true;
            found.undated += u32::from(!stays);
            stays
        });
        found.lines -= found.undated;
        self.keep_clock(0);
    }

    /// Starts anew, with each whole line of what was the words and the memory of a ring, whatever has become of
    /// them.
    pub fn salvage(&mut self, left: (&Words, &[u8]), boot: u32, stamps: (Restamp, IsDated)) -> Found {
        self.words.clear(self.memory.len());
        self.words.boot.set(boot as usize);
        self.add(left, boot, stamps)
    }

    /// Goes on in other memory with each whole line that is left of the ring, whose memory is lost in part; all are
    /// yet to be sent, and those that are gone count as dropped. With `has_arrived`, all that was sent has arrived.
    /// Answers the memory of before. The new one is of the same length, and no file.
    #[cold]
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
        let mut view = View {
            memory,
            start: self.start,
            length: self.newest,
            at: 0,
            damaged: 0,
        };
        let (mut known, touched, mut waiting) = (self.known.max(self.acked), self.touched, self.waiting);
        if has_arrived {
            known = known.max(self.sent);
            waiting = waiting.saturating_sub(self.sent_lines);
            self.counts.arrived += self.sent_lines + self.evicted.acknowledge(0);
        }
        // Of a lap that was broken off, what it has moved has the new clock.
        let (unmoved, clock) = self.unmoved.take().unwrap_or((0, self.clock));
        let seconds = clock as i64 - self.clock as i64;
        (self.start, self.newest, self.acked, self.sent) = (0, 0, 0, 0);
        (self.part, self.flying, self.known, self.touched) = (0, 0, 0, 0);
        self.marks.clear();
        self.first_marks.clear();
        self.old_marks.clear();
        self.policy.is_checked = false;
        self.keep_clock(clock);
        (self.waiting, self.sent_lines) = (0, 0);
        let mut line = [0; LINE_MAX];
        while let Some(mut head) = view.next(&mut line) {
            let line = &mut line[..head.length()];
            head.is_settled |= view.at <= touched;
            if view.at <= unmoved {
                change(head, line, seconds, restamp);
            }
            self.append(head, line);
            if view.at <= known {
                self.set_known(self.newest);
            } else {
                self.waiting += 1;
            }
        }
        self.counts.dropped += waiting.saturating_sub(self.waiting);
        (words, memory)
    }

    /// Appends each whole line of what was the words and the memory of another ring.
    #[cold]
    pub fn add(
        &mut self,
        (words, memory): (&Words, &[u8]),
        boot: u32,
        (restamp, is_dated): (Restamp, IsDated),
    ) -> Found {
        let mut found = Found::default();
        let is_known = words.can_be_of(memory.len());
        let is_of_this_boot = is_known && boot != 0 && words.boot.get() == boot as usize;
        let mut seconds = [0; 2];
        if is_of_this_boot {
            let has_lap = words.lap.get() != Words::NO_LAP;
            let clocks = [
                if has_lap { &words.lap_clock } else { &words.clock },
                &words.clock,
            ];
            if self.newest == 0 {
                self.keep_clock(clocks[0].get());
            }
            seconds = clocks.map(|clock| self.clock() as i64 - clock.get() as i64);
        }
        let [moved, unmoved] = seconds;
        let mut view = View::new(words, memory);
        let touched = view.distance(words.touched.get());
        // Lines that some connection has acknowledged are no loss later. (A lap that was not ended is rare.)
        let is_sound = is_known && words.lap.get() == Words::NO_LAP;
        let known = if is_sound {
            view.distance(words.known.get())
        } else {
            0
        };
        // What a lap has moved comes first; what it has not is still to be changed.
        let lap = view.distance(words.lap.get());
        let mut line = [0; LINE_MAX];
        for (from, to, seconds) in [(lap, view.length, moved), (0, lap, unmoved)] {
            (view.at, view.length) = (from, to);
            while let Some(mut head) = view.next(&mut line) {
                let line = &mut line[..head.length()];
                let place = view.at - HEAD - line.len();
                if !(head.is_settled || is_of_this_boot || is_dated(line)) {
                    found.undated += 1;
                    continue;
                }
                head.is_settled |= !is_of_this_boot || place < touched;
                change(head, line, seconds, restamp);
                self.push_record(head, line);
                found.lines += 1;
                if place < known && self.known + HEAD + line.len() == self.newest {
                    self.set_known(self.newest);
                    self.waiting = self.waiting.saturating_sub(1);
                }
            }
        }
        found.damaged = view.damaged;
        found
    }
}

/// Whether the stamp of a line says when it was.
pub type IsDated = fn(line: &[u8]) -> bool;
