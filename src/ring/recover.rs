//! What another agent has left: a ring to go on with, or lines to be picked out of what was one.

use super::LINE_MAX;
use super::lap::{Restamp, change};
use super::record::{HEAD, Head, RECORD_MAX};
use super::words::{self, Words};
use super::{Policy, Ring};

/// What was found of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Those that are whole.
    pub lines: u64,
    /// Pieces that are not.
    pub damaged: u64,
    /// Whole ones that nobody can tell the time of any more.
    pub undated: u64,
}

/// Memory that ends where it starts, or a part of it.
struct View<'v> {
    memory: &'v [u8],
    start: usize,
    length: usize,
}

impl View<'_> {
    fn index(&self, at: usize) -> usize {
        let at = self.start + at;
        if at < self.memory.len() {
            at
        } else {
            at - self.memory.len()
        }
    }

    /// The record at a place, its line in the buffer, if there is one and it is whole.
    fn record<'b>(&self, at: usize, buffer: &'b mut [u8; RECORD_MAX]) -> Option<(Head, &'b [u8])> {
        let left = (self.length - at).checked_sub(HEAD)?;
        let mut bytes = [0; HEAD];
        words::read(self.memory, self.index(at), &mut bytes);
        let head = Head::decode(bytes);
        let line = buffer
            .get_mut(..head.length())
            .filter(|line| line.len() <= left)?;
        // Looked at first, so that a file of newlines takes no longer than any other.
        if self.behind_newline(at + HEAD) != at + HEAD + head.length() {
            return None;
        }
        words::read(self.memory, self.index(at + HEAD), line);
        (head.encode(line) == bytes).then_some((head, &*line))
    }

    /// A part of it.
    fn part(&self, from: usize, to: usize) -> Self {
        Self {
            memory: self.memory,
            start: self.index(from),
            length: to - from,
        }
    }

    /// How far it is to what lies there in the memory; 0 if it lies elsewhere.
    fn distance(&self, index: usize) -> usize {
        if index >= self.memory.len() {
            return 0;
        }
        let wrapped = if index < self.start { self.memory.len() } else { 0 };
        let distance = (index + wrapped).saturating_sub(self.start);
        if distance <= self.length { distance } else { 0 }
    }

    /// The place behind the next newline.
    fn behind_newline(&self, from: usize) -> usize {
        let end = (from..self.length).find(|&at| self.memory[self.index(at)] == b'\n');
        // Where none is left, nothing follows.
        end.map_or(self.length + 1, |end| end + 1)
    }

    /// Hands over each whole record with its place; answers how many pieces are none.
    fn records(&self, take: &mut dyn FnMut(usize, Head, &[u8])) -> u64 {
        let mut buffer = [0; RECORD_MAX];
        let (mut at, mut damaged, mut is_sound) = (0, 0, true);
        while at < self.length {
            if let Some((head, line)) = self.record(at, &mut buffer) {
                take(at, head, line);
                at += HEAD + head.length();
                is_sound = true;
            } else {
                damaged += u64::from(is_sound);
                is_sound = false;
                at = self.behind_newline(at);
            }
        }
        damaged
    }
}

/// Where the records are, if these can be the words of a ring over this memory; otherwise anywhere.
fn view<'v>(words: &Words, memory: &'v [u8]) -> (View<'v>, bool) {
    let is_known = words.can_be_of(memory.len());
    // A file that has been made longer, and no more, still has the old ring.
    let capacity = if is_known {
        words.capacity.get()
    } else {
        memory.len()
    };
    let memory = &memory[..capacity];
    let (start, length) = if is_known {
        let (oldest, newest) = (words.oldest.get(), words.newest.get());
        let wrapped = if newest < oldest { memory.len() } else { 0 };
        (oldest, newest + wrapped - oldest)
    } else {
        (0, memory.len())
    };
    let view = View {
        memory,
        start,
        length,
    };
    (view, is_known)
}

impl<'m> Ring<'m> {
    /// Goes on with the ring in this memory, if it is whole, to the last line. Lines of another boot than
    /// this are settled, and left out if `is_dated` does not take them.
    #[inline(never)]
    pub fn resume(
        words: &'m Words,
        memory: &'m mut [u8],
        policy: Policy,
        boot: u32,
        (restamp, is_dated): (Restamp, IsDated),
    ) -> Option<(Self, Found)> {
        let (view, is_known) = view(words, memory);
        let lap = words.lap.get();
        let (start, length) = (view.start, view.length);
        let (mut found, mut lap_length, mut last) = (Found::default(), None, 0);
        found.damaged = view.records(&mut |at, _, _| {
            found.lines += 1;
            last = at;
            if view.index(at) == lap {
                lap_length = Some(at);
            }
        });
        // A lap that has left nothing behind yet, or nothing to be moved any more.
        if lap == view.index(length) {
            lap_length = Some(length);
        }
        let has_lap = lap != Words::NO_LAP;
        let is_of_another_size = words.capacity.get() != memory.len();
        if !is_known || is_of_another_size || found.damaged > 0 || has_lap && lap_length.is_none() {
            return None;
        }
        let touched = view.distance(words.touched.get());
        let mut ring = Self::at(words, memory, policy, start, length);
        ring.touched = touched;
        if let (true, Some(length)) = (has_lap, lap_length) {
            ring.end_lap(length, last, restamp);
        }
        if words.boot.get() != boot as usize || boot == 0 {
            ring.settle(&mut found, is_dated);
            words.boot.set(boot as usize);
        }
        Some((ring, found))
    }

    /// All lines are of an earlier boot.
    fn settle(&mut self, found: &mut Found, is_dated: IsDated) {
        self.lap(self.clock(), &mut |_, head, line| {
            let stays = head.is_settled || is_dated(line);
            head.is_settled = true;
            found.undated += u64::from(!stays);
            stays
        });
        found.lines -= found.undated;
        self.words.clock.set(0);
    }

    /// Takes each whole line out of what was a file with words and memory, whatever has become of it.
    #[inline(never)]
    pub fn salvage(&mut self, file: &[u8], boot: u32, (restamp, is_dated): (Restamp, IsDated)) -> Found {
        self.words.boot.set(boot as usize);
        let Some((words, memory)) = file.split_first_chunk() else {
            return Found::default();
        };
        let words = Words::from_bytes(words);
        let (view, is_known) = view(&words, memory);
        let is_of_this_boot = is_known && boot != 0 && words.boot.get() == boot as usize;
        let (mut found, mut seconds) = (Found::default(), 0);
        if is_of_this_boot {
            let has_lap = words.lap.get() != Words::NO_LAP;
            let clock = if has_lap { &words.lap_clock } else { &words.clock }.get();
            self.words.clock.set(clock);
            seconds = clock as i64 - words.clock.get() as i64;
        }
        let touched = view.distance(words.touched.get());
        // What a lap has moved comes first; what it has not is still to be changed.
        let unmoved = view.distance(words.lap.get());
        let mut line_copy = [0; LINE_MAX];
        for (from, to, seconds) in [(unmoved, view.length, 0), (0, unmoved, seconds)] {
            found.damaged += view.part(from, to).records(&mut |at, mut head, line| {
                if !(head.is_settled || is_of_this_boot || is_dated(line)) {
                    found.undated += 1;
                    return;
                }
                head.is_settled |= !is_of_this_boot || from + at < touched;
                let copy = &mut line_copy[..line.len()];
                copy.copy_from_slice(line);
                change(&head, copy, seconds, restamp);
                self.push_record(head, copy);
                found.lines += 1;
            });
        }
        found
    }
}

/// Whether the stamp of a line says when it was.
pub type IsDated = fn(line: &[u8]) -> bool;
