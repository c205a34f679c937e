//! Lines out of a text that comes in pieces.

use crate::base::fields;

/// Takes a line; says whether it is of use.
pub(super) type TakeLine<'t> = &'t mut dyn FnMut(&[u8]) -> bool;

/// Lines out of pieces.
#[derive(Default)]
pub(super) struct Pieces {
    /// Bytes at the buffer's start: a line whose end has not been read.
    pub(super) held: usize,
    /// The line that goes on was longer than the buffer, and its head has been taken.
    is_skipping: bool,
    /// A line has been of use.
    pub(super) is_of_use: bool,
}

impl Pieces {
    /// Takes the lines out of the held bytes and `length` more behind them; says whether the text is not cut
    /// short.
    pub(super) fn take(&mut self, buffer: &mut [u8], length: usize, is_end: bool, take: TakeLine) -> bool {
        let room = buffer.len();
        let text = buffer.get_mut(..self.held + length).unwrap_or_default();
        let whole = behind_last(text, b'\n');
        if is_end && (whole < text.len() || (whole == 0 && self.is_skipping)) {
            return false;
        }
        let mut lines = fields::lines(text);
        if self.is_skipping && whole > 0 {
            self.is_skipping = false;
            lines.next();
        }
        for line in lines {
            self.is_of_use |= take(line);
        }
        let mut kept = whole;
        if whole == 0 && text.len() == room && !self.is_skipping {
            // The last field may go on: it is left out.
            let head = text.get(..behind_last(text, b' ').saturating_sub(1));
            self.is_of_use |= take(head.unwrap_or_default());
            self.is_skipping = true;
        }
        if self.is_skipping {
            kept = text.len();
        }
        self.held = text.len() - kept;
        text.copy_within(kept.., 0);
        true
    }
}

/// The place behind the last byte of that kind; the start if there is none.
#[inline(never)]
pub(super) fn behind_last(text: &[u8], wanted: u8) -> usize {
    text.iter()
        .rposition(|&byte| byte == wanted)
        .map_or(0, |at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of a text that comes in pieces of at most `piece` bytes, through a buffer of `room`; none
    /// if it is cut.
    fn lines(text: &str, room: usize, piece: usize) -> Option<Vec<String>> {
        let mut buffer = vec![0; room];
        let (mut pieces, mut offset, mut found) = (Pieces::default(), 0, Vec::new());
        loop {
            let length = (text.len() - offset).min(room - pieces.held).min(piece);
            buffer[pieces.held..pieces.held + length]
                .copy_from_slice(&text.as_bytes()[offset..offset + length]);
            offset += length;
            let mut take = |line: &[u8]| {
                found.push(String::from_utf8(line.to_vec()).unwrap());
                true
            };
            if !pieces.take(&mut buffer, length, length == 0, &mut take) {
                return None;
            }
            if length == 0 {
                return Some(found);
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
        assert_eq!(lines("a\nb", 10, 10), None);
        assert_eq!(lines("a\nlong 1 2 3 4 5 6", 10, 10), None);
        let mut buffer = *b"a\nb";
        let mut count = 0;
        let mut take = |_: &[u8]| {
            count += 1;
            true
        };
        assert!(!Pieces::default().take(&mut buffer, 3, true, &mut take));
        assert_eq!(count, 0);
    }
}
