//! A file of `/proc` that stays open, read line by line: one system call reads it again, as long as
//! it fits into the buffer.

use super::Source;
use crate::host::{Fault, Flaw, Trouble};
use crate::scan;
use crate::sys::{Directory, File};

/// How the kernel shows a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// In one piece: a read that leaves room in the buffer has seen its end.
    Whole,
    /// Record by record, as many as fit into a page: a read may end before the file does.
    Records,
    /// The same with records of any length: only a read of nothing has seen the end.
    LongRecords,
}

impl Shape {
    fn of(source: Source) -> Self {
        match source {
            Source::Vmstat | Source::NetDev | Source::Softnet | Source::Arp | Source::Wireless => {
                Self::Records
            }
            // A disk with all its partitions is one record; so is a mount with all its options.
            Source::Diskstats | Source::Mountinfo => Self::LongRecords,
            _ => Self::Whole,
        }
    }
}

/// The kernel ends a read of records where the next one does not fit into its page of 4 KiB or
/// more, and no record is half as long: a read this short has seen the file's end.
const SHORT: usize = 2048;

/// Bytes of a file that are read: none of the kernel's is that long, but what stands in its place may
/// never end.
pub(super) const LENGTH_MAX: u64 = 16 << 20;

/// Takes the lines.
pub(super) type TakeLine<'t> = &'t mut dyn FnMut(&[u8]);

pub(super) struct Kept {
    source: Source,
    file: Option<File>,
}

impl Kept {
    pub(super) fn new(source: Source) -> Self {
        Self { source, file: None }
    }

    /// Hands over the file's lines, without their newlines. After an error it is opened anew.
    ///
    /// A file that is cut within a line is an error; where it fits into the buffer, none of its
    /// lines is handed over then. Of a line longer than the buffer the fields that fit are.
    pub(super) fn lines(&mut self, root: &Directory, buffer: &mut [u8], take: TakeLine) -> Result<(), Fault> {
        self.read(root, buffer, take)
            .map_err(|trouble| self.fault(trouble))
    }

    /// The lines were not what they should be.
    pub(super) fn lacks(&mut self, flaw: Flaw) -> Fault {
        self.fault(Trouble::Content(flaw))
    }

    fn fault(&mut self, trouble: Trouble) -> Fault {
        self.file = None;
        Fault {
            source: self.source,
            trouble,
        }
    }

    fn read(&mut self, root: &Directory, buffer: &mut [u8], take: TakeLine) -> Result<(), Trouble> {
        let file = match &mut self.file {
            Some(file) => file,
            none => none.insert(root.open_path(self.source.text().as_bytes())?),
        };
        let shape = Shape::of(self.source);
        let mut pieces = Pieces::default();
        let mut offset = 0;
        loop {
            let room = buffer.get_mut(pieces.held..).unwrap_or_default();
            let (asked, length) = (room.len(), file.read_at(room, offset)?);
            let is_end = match shape {
                Shape::Whole => length < asked,
                Shape::Records => length < asked.min(SHORT),
                Shape::LongRecords => length == 0,
            };
            if is_end && offset == 0 && length == 0 {
                return Err(Trouble::Content(Flaw::Empty));
            }
            offset += length as u64;
            if offset > LENGTH_MAX {
                return Err(Trouble::Content(Flaw::TooLong));
            }
            pieces.take(buffer, length, is_end, take)?;
            if is_end {
                return Ok(());
            }
        }
    }
}

/// Lines out of pieces.
#[derive(Default)]
struct Pieces {
    /// Bytes at the buffer's start: a line whose end has not been read.
    held: usize,
    /// The line that goes on was longer than the buffer, and its head has been taken.
    is_skipping: bool,
}

impl Pieces {
    /// Takes the lines out of the held bytes and `length` more behind them.
    fn take(
        &mut self,
        buffer: &mut [u8],
        length: usize,
        is_end: bool,
        take: TakeLine,
    ) -> Result<(), Trouble> {
        let filled = self.held + length;
        let text = buffer.get(..filled).unwrap_or_default();
        let whole = text
            .iter()
            .rposition(|&byte| byte == b'\n')
            .map_or(0, |at| at + 1);
        if is_end && (whole < filled || (whole == 0 && self.is_skipping)) {
            return Err(Trouble::Content(Flaw::CutShort));
        }
        let mut lines = scan::lines(text);
        if self.is_skipping && whole > 0 {
            self.is_skipping = false;
            lines.next();
        }
        lines.for_each(&mut *take);
        let is_full = whole == 0 && filled == buffer.len();
        if is_full && !self.is_skipping {
            // The last field may go on: it is left out.
            let end = text.iter().rposition(|&byte| byte == b' ').unwrap_or(0);
            self.is_skipping = true;
            take(text.get(..end).unwrap_or_default());
        }
        let kept = if is_full || self.is_skipping {
            filled
        } else {
            whole
        };
        buffer.copy_within(kept..filled, 0);
        self.held = filled - kept;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a text that comes in pieces of at most `piece` bytes, through a buffer of `room`.
    fn lines(text: &str, room: usize, piece: usize) -> Result<Vec<String>, Trouble> {
        let mut buffer = vec![0; room];
        let (mut pieces, mut offset, mut found) = (Pieces::default(), 0, Vec::new());
        loop {
            let length = (text.len() - offset).min(room - pieces.held).min(piece);
            buffer[pieces.held..pieces.held + length]
                .copy_from_slice(&text.as_bytes()[offset..offset + length]);
            offset += length;
            let mut take = |line: &[u8]| found.push(String::from_utf8(line.to_vec()).unwrap());
            pieces.take(&mut buffer, length, length == 0, &mut take)?;
            if length == 0 {
                return Ok(found);
            }
        }
    }

    #[test]
    fn lines_are_the_same_however_the_pieces_fall() {
        let text = "a 1\nbb 22\n\nccc 333\nd\n";
        let expected: Vec<&str> = text.lines().collect();
        for room in 8..30 {
            for piece in 1..30 {
                assert_eq!(lines(text, room, piece).unwrap(), expected, "{room}, {piece}");
            }
        }
    }

    #[test]
    fn of_a_long_line_the_fields_that_fit_are_taken_and_the_rest_is_skipped() {
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
    fn a_cut_line_is_an_error_and_a_cut_text_in_one_piece_has_no_lines() {
        assert_eq!(lines("a\nb", 10, 10), Err(Trouble::Content(Flaw::CutShort)));
        assert_eq!(
            lines("a\nlong 1 2 3 4 5 6", 10, 10),
            Err(Trouble::Content(Flaw::CutShort))
        );
        let mut buffer = *b"a\nb";
        let mut count = 0;
        let result = Pieces::default().take(&mut buffer, 3, true, &mut |_| count += 1);
        assert!(result.is_err());
        assert_eq!(count, 0);
    }
}
