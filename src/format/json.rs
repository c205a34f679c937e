//! The JSON line of a sample: one object (RFC 8259) in UTF-8, with its keys in a fixed order.
//!
//! `{"metric":"cpu.usage","endpoint":"jungle85","tag":["linux"],"value":15.3846,"timestamp":1503212470}`

use crate::base::decimal::{DIGITS_MAX, Fixed, format_u64, parse_u64};
use crate::base::text::{Text, character};
use core::ops::Range;

/// The longest encoded form of endpoint and tags.
const IDENTITY_MAX: usize = 1024;
/// The longest encoded form of all that the lines of an instance share: more is too long for a line of the ring.
const SHARED_MAX: usize = 2048;
/// Bytes for `,"timestamp":`, twenty digits, `}` and the newline.
const TAIL_MAX: usize = 40;
/// Digits of a timestamp, filled up with blanks before it: ten digits reach from 2001 to 2286.
const STAMP: usize = 10;

/// Writes lines. What lines have in common is encoded once, and then copied: endpoint, tags and the tags of an
/// instance for the lines of that instance, the timestamp for those of one turn.
pub struct Writer {
    /// From the end of the metric's name to the value.
    shared: [u8; SHARED_MAX],
    /// Bytes of it that are the endpoint and the tags.
    identity_length: usize,
    /// All bytes of it; `None` if they exceed [`SHARED_MAX`].
    shared_length: Option<usize>,
    /// What follows the value.
    tail: [u8; TAIL_MAX],
    tail_length: usize,
    /// The timestamp in the tail.
    time: u64,
}

impl Writer {
    /// A writer without names, of zeros.
    pub const EMPTY: Self = Self {
        shared: [0; SHARED_MAX],
        identity_length: 0,
        shared_length: None,
        tail: [0; TAIL_MAX],
        tail_length: 0,
        time: 0,
    };

    /// A writer with an endpoint and tags, as of [`Writer::set_names`].
    pub fn new(endpoint: &[u8], os: &str, tags: &[&[u8]]) -> Option<Self> {
        let mut writer = Self::EMPTY;
        writer.set_names(endpoint, os, tags)?;
        Some(writer)
    }

    /// Encodes the endpoint and the tags, the operating system's name first. `None` if they take more than 1024 bytes (an
    /// escaped byte takes up to six); they are cut then. The time is 1970 and the instance empty.
    pub fn set_names(&mut self, endpoint: &[u8], os: &str, tags: &[&[u8]]) -> Option<()> {
        let mut text = Text::new(self.shared.get_mut(..IDENTITY_MAX)?);
        text.put(b"\",\"endpoint\":\"");
        escape(&mut text, endpoint);
        text.put(b"\",\"tag\":[\"");
        text.put(os.as_bytes());
        for tag in tags {
            text.put(b"\",\"");
            escape(&mut text, tag);
        }
        let is_whole = !text.is_cut();
        self.identity_length = text.bytes().len();
        self.set_instance(&[]);
        self.set_time(0);
        is_whole.then_some(())
    }

    /// Sets the time of the following lines, in seconds since 1970.
    pub fn set_time(&mut self, timestamp: u64) {
        if timestamp == self.time && self.tail_length > 0 {
            return;
        }
        self.time = timestamp;
        let mut text = Text::new(&mut self.tail);
        text.put(b",\"timestamp\":");
        put_stamp(&mut text, timestamp);
        text.put(b"}\n");
        self.tail_length = text.bytes().len();
    }

    /// Sets the tags that identify the instance of the following lines: a key such as `iface=`, in plain
    /// characters, and `eth0`, any bytes.
    pub fn set_instance(&mut self, tags: &[(&[u8], &[u8])]) {
        let mut text = Text::new(self.shared.get_mut(self.identity_length..).unwrap_or_default());
        for (key, value) in tags {
            text.put(b"\",\"");
            text.put(key);
            escape(&mut text, value);
        }
        text.put(b"\"],\"value\":");
        self.shared_length = (!text.is_cut()).then(|| self.identity_length + text.bytes().len());
    }

    /// Returns the encoded endpoint and tags, which are equal for equal ones.
    pub fn identity(&self) -> &[u8] {
        self.shared.get(..self.identity_length).unwrap_or_default()
    }

    /// Writes the line of one sample of the current instance, its newline included; returns its length. `None` if the
    /// buffer is too small. The metric's name has plain characters only.
    pub fn write(&self, buffer: &mut [u8], metric: &[u8], value: Fixed) -> Option<usize> {
        let shared = self.shared.get(..self.shared_length?)?;
        let mut text = Text::new(buffer);
        text.put_array(b"{\"metric\":\"");
        text.put(metric);
        text.put(shared);
        text.fixed(value);
        text.put(self.tail.get(..self.tail_length).unwrap_or_default());
        (!text.is_cut()).then(|| text.bytes().len())
    }
}

fn put_stamp(text: &mut Text, timestamp: u64) {
    let mut digits = [0; DIGITS_MAX];
    let digits = format_u64(timestamp, &mut digits);
    text.put(b"          ".get(digits.len()..STAMP).unwrap_or_default());
    text.put(digits);
}

/// Returns the range of the timestamp in a line of the writer.
fn stamp_range(length: usize) -> Option<Range<usize>> {
    let end = length.checked_sub(b"}\n".len())?;
    Some(end.checked_sub(STAMP)?..end)
}

/// Returns the timestamp of a line, in seconds since 1970; `None` if it is a line of another kind.
pub fn stamp(line: &[u8]) -> Option<u64> {
    line.strip_suffix(b"}\n")?;
    parse_u64(line.get(stamp_range(line.len())?)?.trim_ascii_start())
}

/// Changes the timestamp of a line by `seconds`, in place, but not to before 1970.
pub fn move_stamp(line: &mut [u8], seconds: i64) {
    let place = stamp_range(line.len());
    if let (Some(before), Some(place)) = (stamp(line), place.and_then(|place| line.get_mut(place))) {
        put_stamp(&mut Text::new(place), before.saturating_add_signed(seconds));
    }
}

/// Writes any bytes as the inside of a JSON string. Bytes that are not UTF-8 become U+FFFD.
fn escape(text: &mut Text, bytes: &[u8]) {
    let is_plain = |byte: u8| (b' '..0x80).contains(&byte) && byte != b'"' && byte != b'\\';
    let mut rest = bytes;
    while !rest.is_empty() {
        let plain = rest.iter().take_while(|byte| is_plain(**byte)).count();
        let (these, special) = rest.split_at(plain);
        text.put(these);
        let (length, is_whole) = character(special);
        let (these, after) = special.split_at(length.min(special.len()));
        match these {
            [byte] if *byte < 0x80 => escape_byte(text, *byte),
            _ if is_whole => text.put(these),
            _ => text.put("\u{FFFD}".as_bytes()),
        }
        rest = after;
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
    use miniserde::{Deserialize, json};

    #[derive(Deserialize)]
    struct Parsed {
        metric: String,
        endpoint: String,
        tag: Vec<String>,
        value: f64,
        timestamp: u64,
    }

    /// A line of `cpu.usage`.
    fn written(endpoint: &[u8], tags: &[&[u8]], instance: &[(&[u8], &[u8])]) -> String {
        let mut writer = Writer::new(endpoint, "linux", tags).unwrap();
        writer.set_time(1_503_212_470);
        writer.set_instance(instance);
        let mut buffer = [0; SHARED_MAX];
        let length = write_usage(&writer, &mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }

    fn write_usage(writer: &Writer, buffer: &mut [u8]) -> Option<usize> {
        writer.write(buffer, b"cpu.usage", Fixed::new(153_846, 4))
    }

    #[test]
    fn line_has_the_documented_format() {
        assert_eq!(
            written(b"jungle85", &[], &[]),
            "{\"metric\":\"cpu.usage\",\"endpoint\":\"jungle85\",\"tag\":[\"linux\"],\
             \"value\":15.3846,\"timestamp\":1503212470}\n"
        );
        assert_eq!(
            written(b"j", &[b"site=a", b"b"], &[(b"iface=", b"eth0")]),
            "{\"metric\":\"cpu.usage\",\"endpoint\":\"j\",\"tag\":[\"linux\",\"site=a\",\"b\",\"iface=eth0\"],\
             \"value\":15.3846,\"timestamp\":1503212470}\n"
        );
    }

    #[test]
    fn any_bytes_are_escaped_to_the_same_text() {
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
            let line = written(bytes, &[bytes], &[(b"mount=", bytes)]);
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
    fn line_longer_than_the_buffer_is_refused() {
        assert!(Writer::new(&[b'a'; 1100], "linux", &[]).is_none());
        assert!(Writer::new(&[1; 200], "linux", &[]).is_none(), "six bytes each");
        let mut writer = Writer::new(b"j", "linux", &[]).unwrap();
        writer.set_time(u64::MAX);
        let length = write_usage(&writer, &mut [0; 200]).unwrap();
        for short in 0..length {
            assert_eq!(write_usage(&writer, &mut vec![0; short]), None);
        }
        assert_eq!(write_usage(&writer, &mut vec![0; length]), Some(length));
    }

    #[test]
    fn lines_of_an_instance_share_its_tags_until_the_next_instance() {
        let mut writer = Writer::new(b"j", "linux", &[b"site=a"]).unwrap();
        let line = |writer: &Writer| {
            let mut buffer = [0; SHARED_MAX];
            let length = writer.write(&mut buffer, b"net.in.bytes", Fixed::whole(7))?;
            let parsed: Parsed = json::from_str(std::str::from_utf8(&buffer[..length]).unwrap()).unwrap();
            Some(parsed.tag[1..].join(" "))
        };
        assert_eq!(line(&writer).as_deref(), Some("site=a"));
        writer.set_instance(&[(b"iface=", b"eth0"), (b"", b"x=\"")]);
        for _ in 0..2 {
            assert_eq!(line(&writer).as_deref(), Some("site=a iface=eth0 x=\""));
        }
        let long = [b'a'; SHARED_MAX];
        writer.set_instance(&[(b"iface=", &long)]);
        assert_eq!(line(&writer), None);
        writer.set_instance(&[]);
        assert_eq!(line(&writer).as_deref(), Some("site=a"));
    }
}
