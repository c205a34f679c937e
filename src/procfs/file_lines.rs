//! The lines of a file, pulled one at a time out of pieces that fit into a buffer.

use super::files::ReadMode;
use super::{ProcFile, ReadError, ReadErrorKind, Subject};
use crate::base::fields::newline;
use crate::platform::File;
use core::ops::Range;

/// The kernel ends a read of records where the next one does not fit into its page of 4 KiB or more, and no record
/// is half as long: a read this short has seen the file's end.
const SHORT: usize = 2048;

/// Bytes of a file that are read: none of the kernel's is as long, but a file in its place may never end.
const LENGTH_MAX: usize = 16 << 20;

/// The lines of a file of `/proc`, without their newlines.
///
/// A file that ends within a line is an error; where it fits into the buffer, it has no lines then. Of a line longer
/// than the buffer only the fields that fit are returned. After an error the file is opened again at the next turn.
pub struct FileLines<'f> {
    file: ProcFile,
    /// The open file, or `None` if it must not stay open: then it is in `unkept`.
    slot: &'f mut Option<File>,
    unkept: Option<File>,
    text: LineBuffer<'f>,
    /// Offset in the file of the next piece.
    offset: usize,
    is_end: bool,
}

impl<'f> FileLines<'f> {
    pub(super) fn new(
        file: ProcFile,
        slot: &'f mut Option<File>,
        unkept: Option<File>,
        buffer: &'f mut [u8],
    ) -> Self {
        Self {
            file,
            slot,
            unkept,
            text: LineBuffer::new(buffer),
            offset: 0,
            is_end: false,
        }
    }

    /// Returns the next line, or `None` at the end of the file. The line is valid until the next call.
    pub fn next_line(&mut self) -> Result<Option<&[u8]>, ReadError> {
        loop {
            if let Some(line) = self.text.next_line() {
                return Ok(self.text.buffer.get(line));
            }
            if self.is_end {
                return Ok(None);
            }
            if let Err(kind) = self.read_piece() {
                return Err(self.error(kind));
            }
        }
    }

    /// Returns the error that the content is not as expected, such as `no MemTotal`, or the error of reading the rest,
    /// which says more. The file is opened again at the next turn.
    pub fn invalid(mut self, message: &'static str) -> ReadError {
        loop {
            match self.next_line() {
                Ok(Some(_)) => {}
                Ok(None) => return self.error(ReadErrorKind::Content(message)),
                Err(error) => return error,
            }
        }
    }

    /// Like [`Self::invalid`] unless the file had what was looked for.
    pub fn expect(self, was_found: bool, message: &'static str) -> Result<(), ReadError> {
        if was_found {
            Ok(())
        } else {
            Err(self.invalid(message))
        }
    }

    #[cold]
    fn error(&mut self, kind: ReadErrorKind) -> ReadError {
        *self.slot = None;
        ReadError {
            subject: Subject::File(self.file),
            kind,
        }
    }

    fn read_piece(&mut self) -> Result<(), ReadErrorKind> {
        let Some(file) = self.slot.as_ref().or(self.unkept.as_ref()) else {
            self.is_end = true;
            return Ok(());
        };
        let free = self.text.free();
        let wanted = free.len();
        let length = file
            .read_at(free, self.offset as u64)
            .map_err(ReadErrorKind::System)?;
        self.offset += length;
        self.is_end = match self.file.mode() {
            ReadMode::Whole => length < wanted,
            ReadMode::Records => length < wanted.min(SHORT),
            ReadMode::LongRecords => length == 0,
        };
        if self.offset == 0 {
            return Err(ReadErrorKind::Empty);
        }
        if self.offset > LENGTH_MAX {
            return Err(ReadErrorKind::Content("longer than 16 MB"));
        }
        if self.text.add(length) && self.is_end {
            return Err(ReadErrorKind::Content("truncated"));
        }
        Ok(())
    }
}

/// A buffer that pieces of a text are read into and lines are taken out of.
struct LineBuffer<'b> {
    buffer: &'b mut [u8],
    /// The part that holds unread text.
    start: usize,
    end: usize,
    /// The text goes on with the rest of a line whose start was returned: it was longer than the buffer.
    is_skipping: bool,
}

impl<'b> LineBuffer<'b> {
    fn new(buffer: &'b mut [u8]) -> Self {
        Self {
            buffer,
            start: 0,
            end: 0,
            is_skipping: false,
        }
    }

    /// Returns the part of the buffer that the next piece goes to. It is not empty once [`Self::next_line`] has
    /// returned `None`.
    fn free(&mut self) -> &mut [u8] {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        self.buffer.get_mut(self.end..).unwrap_or_default()
    }

    /// Adds a piece that was read into [`Self::free`]. Returns whether the text now ends within a line.
    fn add(&mut self, length: usize) -> bool {
        self.end += length;
        match self.end.checked_sub(1).and_then(|last| self.buffer.get(last)) {
            Some(last) => *last != b'\n',
            None => self.is_skipping,
        }
    }

    /// Returns the position of the next line, without its newline; `None` if the next piece is needed.
    fn next_line(&mut self) -> Option<Range<usize>> {
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
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the lines of a text that comes in pieces of at most `piece` bytes, through a buffer of `size` bytes;
    /// `None` if the text ends within a line.
    fn lines(text: &str, size: usize, piece: usize) -> Option<Vec<String>> {
        let mut buffer = vec![0; size];
        let (mut lines, mut rest, mut found) = (LineBuffer::new(&mut buffer), text.as_bytes(), Vec::new());
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
    fn text_that_ends_within_a_line_is_truncated() {
        assert_eq!(lines("a\nb", 10, 10), None);
        assert_eq!(lines("a\nlong 1 2 3 4 5 6", 10, 10), None);
        // Known before a line is taken.
        let mut buffer = *b"a\nb";
        assert!(LineBuffer::new(&mut buffer).add(3));
    }
}
