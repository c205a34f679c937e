//! Text that arrives in pieces, taken apart into lines.

use crate::base::fields::newline;
use core::ops::Range;

/// A buffer that pieces of a text are read into and lines are taken out of.
pub(super) struct LineBuffer {
    pub(super) buffer: &'static mut [u8],
    /// The part that holds unread text.
    start: usize,
    end: usize,
    /// The text goes on with the rest of a line whose start was returned: it was longer than the buffer.
    is_skipping: bool,
}

impl LineBuffer {
    /// A buffer without text.
    pub(super) fn new(buffer: &'static mut [u8]) -> Self {
        Self {
            buffer,
            start: 0,
            end: 0,
            is_skipping: false,
        }
    }

    /// Drops the text.
    pub(super) fn clear(&mut self) {
        (self.start, self.end, self.is_skipping) = (0, 0, false);
    }

    /// Returns the part of the buffer that the next piece goes to. It is not empty once [`Self::next_line`] has
    /// returned `None`.
    pub(super) fn free(&mut self) -> &mut [u8] {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        self.buffer.get_mut(self.end..).unwrap_or_default()
    }

    /// Adds a piece that was read into [`Self::free`]. Returns whether the text now ends within a line. NUL bytes at its
    /// end, with which lxcfs fills up a file, are left out.
    pub(super) fn add(&mut self, length: usize) -> bool {
        let start = self.end;
        self.end += length;
        while self.end > start && self.buffer.get(self.end - 1) == Some(&0) {
            self.end -= 1;
        }
        match self.end.checked_sub(1).and_then(|last| self.buffer.get(last)) {
            Some(last) => *last != b'\n',
            None => self.is_skipping,
        }
    }

    /// Returns the position of the next line, without its newline; `None` if the next piece is needed.
    pub(super) fn next_line(&mut self) -> Option<Range<usize>> {
        loop {
            let unread = self.buffer.get(self.start..self.end)?;
            let Some(length) = newline(unread) else { break };
            let line = self.start..self.start + length;
            self.start = line.end + 1;
            if !core::mem::take(&mut self.is_skipping) {
                return Some(line);
            }
        }
        if !self.is_skipping && self.end - self.start < self.buffer.len() {
            return None;
        }
        // The last field may go on: it is left out.
        let blank = self.buffer.iter().rposition(|&byte| byte == b' ');
        self.start = self.end;
        (!core::mem::replace(&mut self.is_skipping, true)).then_some(0..blank.unwrap_or(0))
    }

    /// Returns the line at a position that [`Self::next_line`] has returned.
    pub(super) fn line(&self, position: Range<usize>) -> Option<&[u8]> {
        self.buffer.get(position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the lines of a text that comes in pieces of at most `piece` bytes, through a buffer of `size` bytes;
    /// `None` if the text ends within a line.
    fn lines(text: &str, size: usize, piece: usize) -> Option<Vec<String>> {
        let buffer = vec![0; size].leak();
        let (mut lines, mut rest, mut found) = (LineBuffer::new(buffer), text.as_bytes(), Vec::new());
        loop {
            let free = lines.free();
            let length = rest.len().min(free.len()).min(piece);
            free[..length].copy_from_slice(&rest[..length]);
            rest = &rest[length..];
            if lines.add(length) && length == 0 {
                return None;
            }
            if length == 0 {
                return Some(found);
            }
            while let Some(line) = lines.next_line() {
                found.push(String::from_utf8(lines.buffer[line].to_vec()).unwrap());
            }
        }
    }

    #[test]
    fn lines_do_not_depend_on_the_size_of_pieces() {
        let text = "a 1\nbb 22\n\nccc 333\nd\n";
        let expected: Vec<&str> = text.lines().collect();
        for size in 8..30 {
            for piece in 1..30 {
                assert_eq!(lines(text, size, piece).unwrap(), expected, "{size}, {piece}");
            }
        }
    }

    #[test]
    fn long_line_is_cut_after_its_last_whole_field() {
        let text = "a 1\nintr 12345 678 90 12 34 56 78\nb 2\n";
        for piece in 1..40 {
            assert_eq!(
                lines(text, 12, piece).unwrap(),
                ["a 1", "intr 12345", "b 2"],
                "{piece}"
            );
        }
    }

    #[test]
    fn nul_bytes_at_the_end_are_left_out() {
        let text = "a 1\nb 22\n\0\0\0\0\0\0\0\0\0\0\0\0";
        for piece in 1..text.len() {
            assert_eq!(lines(text, 8, piece).unwrap(), ["a 1", "b 22"], "{piece}");
        }
        assert_eq!(lines("a\nb\0\0", 10, 10), None);
    }

    #[test]
    fn text_that_ends_within_a_line_is_truncated() {
        assert_eq!(lines("a\nb", 10, 10), None);
        assert_eq!(lines("a\nlong 1 2 3 4 5 6", 10, 10), None);
        // Known before a line is taken.
        let buffer = b"a\nb".to_vec().leak();
        assert!(LineBuffer::new(buffer).add(3));
    }
}
