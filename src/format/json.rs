//! The transfer's own line: one JSON object (RFC 8259) in UTF-8, its keys in a fixed order.
//!
//! `{"metric":"cpu.usage","endpoint":"jungle85","tag":["linux"],"value":15.3846,"timestamp":1503212470}`

use super::Record;
use crate::base::decimal::{DIGITS_MAX, format_u64, parse_u64};
use crate::base::text::{Text, character};
use core::ops::Range;

/// The longest encoded form of endpoint and tags.
const IDENTITY_MAX: usize = 1024;
/// Room for `,"timestamp":`, twenty digits, `}` and the newline.
const TAIL_MAX: usize = 40;
/// Places of a timestamp, filled up with blanks before it: ten digits reach from 2001 to 2286.
const STAMP: usize = 10;

/// Writes lines. What many lines have in common is encoded once, and then copied: endpoint and
/// tags, and the timestamp of one turn.
pub struct Writer {
    identity: [u8; IDENTITY_MAX],
    identity_length: usize,
    tail: [u8; TAIL_MAX],
    tail_length: usize,
    /// What the tail says.
    time: u64,
}

impl Writer {
    /// Encodes the endpoint and the tags, the operating system's name first. `None` if they take
    /// more than 1024 bytes (a byte that has to be escaped takes up to six). The time is 1970.
    pub fn new(endpoint: &[u8], os: &str, tags: &[&[u8]]) -> Option<Self> {
        let mut writer = Self {
            identity: [0; IDENTITY_MAX],
            identity_length: 0,
            tail: [0; TAIL_MAX],
            tail_length: 0,
            time: 1,
        };
        let mut text = Text::new(&mut writer.identity);
        text.put(b"\",\"endpoint\":\"");
        escape(&mut text, endpoint);
        text.put(b"\",\"tag\":[\"");
        text.put(os.as_bytes());
        for tag in tags {
            text.put(b"\",\"");
            escape(&mut text, tag);
        }
        if text.is_cut() {
            return None;
        }
        writer.identity_length = text.bytes().len();
        writer.set_time(0);
        Some(writer)
    }

    /// The lines to come are of this time, in seconds since 1970.
    pub fn set_time(&mut self, timestamp: u64) {
        if timestamp == self.time {
            return;
        }
        self.time = timestamp;
        let mut text = Text::new(&mut self.tail);
        text.put(b",\"timestamp\":");
        put_stamp(&mut text, timestamp);
        text.put(b"}\n");
        self.tail_length = text.bytes().len();
    }

    /// The encoded form of endpoint and tags: equal for equal ones.
    pub fn identity(&self) -> &[u8] {
        self.identity.get(..self.identity_length).unwrap_or_default()
    }

    /// Writes the record as one line, its newline included. `None` if the buffer is too small.
    pub fn line<'b>(&self, buffer: &'b mut [u8], record: &Record) -> Option<&'b [u8]> {
        let mut text = Text::new(buffer);
        text.put(b"{\"metric\":\"");
        text.put(record.metric);
        text.put(self.identity());
        for (key, value) in record.instance {
            text.put(b"\",\"");
            text.put(key);
            escape(&mut text, value);
        }
        text.put(b"\"],\"value\":");
        text.fixed(record.value);
        text.put(self.tail.get(..self.tail_length).unwrap_or_default());
        (!text.is_cut()).then(|| text.into_bytes())
    }
}

fn put_stamp(text: &mut Text, timestamp: u64) {
    let mut digits = [0; DIGITS_MAX];
    let digits = format_u64(timestamp, &mut digits);
    text.put(b"          ".get(digits.len()..STAMP).unwrap_or_default());
    text.put(digits);
}

/// Where a line that the writer has written has its timestamp.
fn stamp_place(length: usize) -> Option<Range<usize>> {
    let end = length.checked_sub(b"}\n".len())?;
    Some(end.checked_sub(STAMP)?..end)
}

/// The timestamp of a line, in seconds since 1970.
pub fn stamp(line: &[u8]) -> Option<u64> {
    parse_u64(line.get(stamp_place(line.len())?)?.trim_ascii_start())
}

/// Moves the timestamp of a line by so many seconds, in place; one that would lie before 1970 is 1970.
pub fn move_stamp(line: &mut [u8], seconds: i64) {
    let place = stamp_place(line.len());
    if let (Some(before), Some(place)) = (stamp(line), place.and_then(|place| line.get_mut(place))) {
        put_stamp(&mut Text::new(place), before.saturating_add_signed(seconds));
    }
}

/// Writes any bytes as the inside of a JSON string. What is not UTF-8 becomes U+FFFD.
#[inline(never)]
fn escape(text: &mut Text, bytes: &[u8]) {
    let is_plain = |byte: u8| (b' '..0x80).contains(&byte) && byte != b'"' && byte != b'\\';
    let mut rest = bytes;
    while !rest.is_empty() {
        let plain = rest.iter().take_while(|byte| is_plain(**byte)).count();
        let (these, special) = rest.split_at(plain);
        text.put(these);
        let (length, is_whole) = character(special);
        let (these, behind) = special.split_at(length.min(special.len()));
        match these {
            [byte] if *byte < 0x80 => escape_byte(text, *byte),
            _ if is_whole => text.put(these),
            _ => text.put("\u{FFFD}".as_bytes()),
        }
        rest = behind;
    }
}

fn escape_byte(text: &mut Text, byte: u8) {
    let hex = |digit: u8| b"0123456789abcdef"[usize::from(digit & 15)];
    let letter = match byte {
        b'"' | b'\\' => byte,
        b'\n' => b'n',
        b'\t' => b't',
        b'\r' => b'r',
        _ => b'u',
    };
    text.put(&[b'\\', letter]);
    if letter == b'u' {
        text.put(&[b'0', b'0', hex(byte >> 4), hex(byte)]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::decimal::Fixed;
    use miniserde::{Deserialize, json};

    #[derive(Deserialize)]
    struct Parsed {
        metric: String,
        endpoint: String,
        tag: Vec<String>,
        value: f64,
        timestamp: u64,
    }

    fn written(endpoint: &[u8], tags: &[&[u8]], record: &Record) -> String {
        let mut writer = Writer::new(endpoint, "linux", tags).unwrap();
        writer.set_time(1_503_212_470);
        let mut buffer = [0; crate::ring::LINE_MAX];
        String::from_utf8(writer.line(&mut buffer, record).unwrap().to_vec()).unwrap()
    }

    fn usage<'a>(instance: &'a [(&'a [u8], &'a [u8])]) -> Record<'a> {
        Record {
            metric: b"cpu.usage",
            instance,
            value: Fixed::new(153_846, 4),
        }
    }

    #[test]
    fn the_line_has_exactly_the_promised_shape() {
        assert_eq!(
            written(b"jungle85", &[], &usage(&[])),
            "{\"metric\":\"cpu.usage\",\"endpoint\":\"jungle85\",\"tag\":[\"linux\"],\
             \"value\":15.3846,\"timestamp\":1503212470}\n"
        );
        assert_eq!(
            written(b"j", &[b"site=a", b"b"], &usage(&[(b"iface=", b"eth0")])),
            "{\"metric\":\"cpu.usage\",\"endpoint\":\"j\",\"tag\":[\"linux\",\"site=a\",\"b\",\"iface=eth0\"],\
             \"value\":15.3846,\"timestamp\":1503212470}\n"
        );
    }

    #[test]
    fn any_bytes_come_back_as_the_same_text() {
        let all: Vec<u8> = (0..=255).collect();
        let hostile: [&[u8]; 6] = [
            &all[..128],
            &all[128..],
            b"a\"b\\c\nd\x00e\x7f",
            "gr\u{fc}n \u{1f680} \u{2028}".as_bytes(),
            b"cut \xf0\x9f\x9a",
            b"",
        ];
        for bytes in hostile {
            let line = written(bytes, &[bytes], &usage(&[(b"mount=", bytes)]));
            assert_eq!(line.matches('\n').count(), 1, "{line}");
            assert!(line.ends_with('\n'));
            let parsed: Parsed = json::from_str(&line).unwrap();
            let text = String::from_utf8_lossy(bytes);
            assert_eq!(parsed.endpoint, text);
            assert_eq!(
                parsed.tag,
                ["linux".into(), text.to_string(), format!("mount={text}")]
            );
            assert_eq!(
                (parsed.metric.as_str(), parsed.timestamp),
                ("cpu.usage", 1_503_212_470)
            );
            assert!((parsed.value - 15.3846).abs() < 1e-9);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_whole() {
        assert!(Writer::new(&[b'a'; 1100], "linux", &[]).is_none());
        assert!(Writer::new(&[1; 200], "linux", &[]).is_none(), "six bytes each");
        let mut writer = Writer::new(b"j", "linux", &[]).unwrap();
        writer.set_time(u64::MAX);
        let length = writer.line(&mut [0; 200], &usage(&[])).unwrap().len();
        for short in 0..length {
            assert!(writer.line(&mut vec![0; short], &usage(&[])).is_none());
        }
        assert!(writer.line(&mut vec![0; length], &usage(&[])).is_some());
    }
}
