//! Reads a number from a field of a file.

use crate::base::decimal::Fixed;
use crate::config::NumberLine;
use crate::platform::{Ended, Errno, File};

/// Bytes of a file that are searched.
const LENGTH_MAX: u64 = 1 << 20;
/// Bytes of a field that are kept; no number is longer.
const FIELD_MAX: usize = 32;

/// An error of a custom metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CustomError {
    /// The file cannot be read.
    System(Errno),
    /// The file has no such line or field in its first MiB.
    Missing,
    /// The field is not a number, or out of range.
    NotNumber,
    /// A script printed an invalid line.
    InvalidLine,
    /// A script failed or was killed.
    Ended(Ended),
    /// A script exceeded its timeout.
    TooSlow,
    /// A script printed too much.
    TooLong,
    /// A script succeeded without a sample.
    Silent,
    /// A script succeeded with samples, and wrote to its standard error.
    Warning,
}

/// Reads the number in a field, from 1 up, of a line. Fields are separated by blanks, `:`, `=` and `,`, and counted after
/// the key if the line is found by one. The file is opened each time, as it may be replaced.
pub(super) fn read(path: &[u8], line: NumberLine, field: u32) -> Result<Fixed, CustomError> {
    let file = File::open(path).map_err(CustomError::System)?;
    let mut search = FieldSearch::new(line, field);
    let mut buffer = [0; 1024];
    let mut offset = 0;
    while offset < LENGTH_MAX {
        let length = file.read_at(&mut buffer, offset).map_err(CustomError::System)?;
        let piece = buffer.get(..length).unwrap_or_default();
        // The end of the file ends its last line.
        let piece = if length == 0 { b"\n" } else { piece };
        for byte in piece {
            if search.push(*byte) {
                return Fixed::parse(search.found()).ok_or(CustomError::NotNumber);
            }
        }
        if length == 0 {
            break;
        }
        offset += length as u64;
    }
    Err(CustomError::Missing)
}

/// A search for a field in a text that is pushed byte by byte.
struct FieldSearch<'a> {
    wanted: NumberLine<'a>,
    field: u32,
    /// The number of the current line, from 1 up.
    line: u32,
    state: LineState,
    /// Fields of the line that have begun.
    fields: u32,
    text: [u8; FIELD_MAX],
    length: usize,
}

/// The position in the current line.
#[derive(Clone, Copy, PartialEq, Eq)]
enum LineState {
    /// After this many bytes of the key.
    Key(usize),
    /// Between two fields of the wanted line.
    Between,
    /// Within a field of the wanted line.
    Within,
    /// In another line.
    Other,
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b':' | b'=' | b',')
}

impl<'a> FieldSearch<'a> {
    fn new(wanted: NumberLine<'a>, field: u32) -> Self {
        let mut search = Self {
            wanted,
            field,
            line: 0,
            state: LineState::Other,
            fields: 0,
            text: [0; FIELD_MAX],
            length: 0,
        };
        search.begin_line();
        search
    }

    fn begin_line(&mut self) {
        self.line = self.line.saturating_add(1);
        self.fields = 0;
        self.state = match self.wanted {
            NumberLine::Key(_) => LineState::Key(0),
            NumberLine::Number(number) if number == self.line => LineState::Between,
            NumberLine::Number(_) => LineState::Other,
        };
    }

    /// Processes a byte. Returns whether it ends the field.
    fn push(&mut self, byte: u8) -> bool {
        let is_gap = is_separator(byte);
        self.state = match (self.state, self.wanted) {
            (LineState::Within, _) if is_gap && self.fields == self.field => return true,
            (LineState::Between | LineState::Within, _) if is_gap => LineState::Between,
            (LineState::Between, _) => {
                self.fields += 1;
                self.length = 0;
                self.keep(byte)
            }
            (LineState::Within, _) => self.keep(byte),
            (LineState::Key(seen), NumberLine::Key(key)) => Self::key(seen, key, byte),
            (state, _) => state,
        };
        if byte == b'\n' {
            self.begin_line();
        }
        false
    }

    fn key(seen: usize, key: &[u8], byte: u8) -> LineState {
        match key.get(seen) {
            None if is_separator(byte) => LineState::Between,
            Some(wanted) if *wanted == byte => LineState::Key(seen + 1),
            Some(_) if seen == 0 && is_separator(byte) => LineState::Key(0),
            _ => LineState::Other,
        }
    }

    /// Keeps a byte of a field. A field that does not fit becomes one that is not a number.
    fn keep(&mut self, byte: u8) -> LineState {
        match self.text.get_mut(self.length) {
            Some(slot) => {
                *slot = byte;
                self.length += 1;
            }
            None => self.text[0] = b'?',
        }
        LineState::Within
    }

    fn found(&self) -> &[u8] {
        self.text.get(..self.length).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn find(text: &str, line: NumberLine, field: u32) -> Option<String> {
        let mut search = FieldSearch::new(line, field);
        let found = text.bytes().chain([b'\n']).any(|byte| search.push(byte));
        found.then(|| String::from_utf8(search.found().to_vec()).unwrap())
    }

    fn by_key(text: &str, key: &'static str, field: u32) -> Option<String> {
        find(text, NumberLine::Key(key.as_bytes()), field)
    }

    #[test]
    fn fields_are_counted_from_the_start_of_a_line() {
        let text = "12\n  a, b:c=3\t4 \n\nlast";
        let field = |line, field| find(text, NumberLine::Number(line), field);
        assert_eq!(field(1, 1).unwrap(), "12");
        assert_eq!(field(2, 1).unwrap(), "a");
        assert_eq!(field(2, 4).unwrap(), "3");
        assert_eq!(field(2, 5).unwrap(), "4");
        assert_eq!(field(4, 1).unwrap(), "last");
        for (line, number) in [(1, 2), (2, 6), (3, 1), (5, 1), (0, 1)] {
            assert_eq!(field(line, number), None, "{line} {number}");
        }
    }

    #[test]
    fn fields_are_counted_after_a_key() {
        let text = "Dirty2: 1\nnot Dirty: 2\n\tDirty:   34 kB\ncpu MHz\t\t: 1200.5\nDirty: 5\nA=6\nB 7 8";
        assert_eq!(by_key(text, "Dirty", 1).unwrap(), "34");
        assert_eq!(by_key(text, "Dirty", 2).unwrap(), "kB");
        assert_eq!(by_key(text, "Dirty2", 1).unwrap(), "1");
        assert_eq!(by_key(text, "cpu MHz", 1).unwrap(), "1200.5");
        assert_eq!(by_key(text, "A", 1).unwrap(), "6");
        assert_eq!(by_key(text, "B", 2).unwrap(), "8");
        assert_eq!(by_key(text, "Dirt", 1), None);
        assert_eq!(by_key(text, "C", 1), None);
        assert_eq!(by_key(text, "A", 2), None);
        // The first line of that key that has the field.
        assert_eq!(by_key("x\nx 1\n", "x", 1).unwrap(), "1");
    }

    #[test]
    fn long_field_is_not_a_number() {
        let long = "1".repeat(40);
        assert_eq!(
            Fixed::parse(find(&long, NumberLine::Number(1), 1).unwrap().as_bytes()),
            None
        );
        let fits = format!("0.{}", "1".repeat(30));
        assert!(Fixed::parse(find(&fits, NumberLine::Number(1), 1).unwrap().as_bytes()).is_some());
    }

    #[test]
    fn file_is_read_to_its_end_or_to_a_bound() {
        let path = std::env::temp_dir().join(format!("mini-monitor-custom-{}", std::process::id()));
        let path_bytes = path.to_str().unwrap().as_bytes();
        let number = |line| read(path_bytes, NumberLine::Number(line), 1);
        assert!(matches!(number(1), Err(CustomError::System(Errno::NOT_FOUND))));
        let numbers: Vec<_> = (1..2_000).map(|number| number.to_string()).collect();
        std::fs::write(&path, numbers.join("\n") + "\n2000").unwrap();
        assert_eq!(number(1_999), Ok(Fixed::whole(1_999)));
        assert_eq!(number(2_000), Ok(Fixed::whole(2_000)));
        assert_eq!(number(2_001), Err(CustomError::Missing));
        std::fs::write(&path, "12 apples\nx1\n").unwrap();
        assert_eq!(number(1), Ok(Fixed::whole(12)));
        assert_eq!(number(2), Err(CustomError::NotNumber));
        std::fs::remove_file(&path).unwrap();
        assert_eq!(
            read(b"/dev/zero", NumberLine::Number(2), 1),
            Err(CustomError::Missing)
        );
    }
}
