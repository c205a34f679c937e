//! A line of the ring, taken apart without a copy.

/// A sample as the ring has it. Texts are as in the line, with the escapes of JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line<'l> {
    /// The metric's name, which has no escapes.
    pub metric: &'l [u8],
    /// From the metric's name to the end of the tags: what the lines of an instance share.
    pub identity: &'l [u8],
    pub endpoint: &'l [u8],
    /// The strings of the list of tags, the operating system first.
    pub tags: &'l [u8],
    pub value: &'l [u8],
    pub timestamp: u64,
}

impl<'l> Line<'l> {
    /// Parses a line as the agent writes it; `None` if it is another text.
    pub(super) fn parse(line: &'l [u8]) -> Option<Self> {
        let rest = line.strip_prefix(b"{\"metric\":\"")?;
        let (metric, rest) = string(rest)?;
        let shared = rest;
        let (endpoint, rest) = string(rest.strip_prefix(b",\"endpoint\":\"")?)?;
        let list = rest.strip_prefix(b",\"tag\":[")?;
        let mut rest = list;
        while let Some(tag) = rest.strip_prefix(b"\"") {
            (_, rest) = string(tag)?;
            rest = rest.strip_prefix(b",").unwrap_or(rest);
        }
        let tags = list.get(..list.len() - rest.len())?;
        let rest = rest.strip_prefix(b"]")?;
        let identity = shared.get(..shared.len() - rest.len())?;
        let rest = rest.strip_prefix(b",\"value\":")?;
        let comma = rest.iter().position(|byte| *byte == b',')?;
        let (value, rest) = rest.split_at(comma);
        let stamp = rest.strip_prefix(b",\"timestamp\":")?.trim_ascii_start();
        let timestamp = crate::base::decimal::parse_u64(stamp.strip_suffix(b"}\n")?)?;
        Some(Self {
            metric,
            identity,
            endpoint,
            tags,
            value,
            timestamp,
        })
    }

    /// Returns the tags as they are written, without their quotes.
    pub(super) fn tags(&self) -> Tags<'l> {
        Tags(self.tags)
    }
}

/// The tags of a line.
pub(super) struct Tags<'l>(&'l [u8]);

impl<'l> Iterator for Tags<'l> {
    type Item = &'l [u8];

    fn next(&mut self) -> Option<&'l [u8]> {
        let (tag, rest) = string(self.0.strip_prefix(b"\"")?)?;
        self.0 = rest.strip_prefix(b",").unwrap_or(rest);
        Some(tag)
    }
}

/// Returns the inside of the string whose opening quote has been read, and what follows its closing quote.
fn string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut end = 0;
    loop {
        match text.get(end)? {
            b'"' => return Some((text.get(..end)?, text.get(end + 1..)?)),
            b'\\' => end += 2,
            _ => end += 1,
        }
    }
}

/// Splits a text at the first character or escape: what it stands for, which is one byte unless it is plain text, and
/// the rest.
pub(super) fn unescaped(text: &[u8]) -> Option<(u8, &[u8])> {
    let (first, rest) = text.split_first()?;
    if *first != b'\\' {
        return Some((*first, rest));
    }
    let (letter, rest) = rest.split_first()?;
    Some(match letter {
        b'n' => (b'\n', rest),
        b't' => (b'\t', rest),
        b'r' => (b'\r', rest),
        // The agent escapes bytes below 0x20 only.
        b'u' => {
            let digit = |at: usize| rest.get(at).and_then(|byte| (*byte as char).to_digit(16));
            let code = digit(2)? << 4 | digit(3)?;
            (code as u8, rest.get(4..)?)
        }
        _ => (*letter, rest),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::decimal::Fixed;
    use crate::format::json::Writer;

    fn line(endpoint: &[u8], tags: &[&[u8]], instance: &[(&[u8], &[u8])]) -> Vec<u8> {
        let mut writer = Writer::new(endpoint, "linux", tags).unwrap();
        writer.set_time(1_503_212_470);
        writer.set_instance(instance);
        let mut buffer = [0; 2048];
        let length = writer.write(&mut buffer, b"net.in.bytes", Fixed::signed(-125, 1));
        buffer[..length.unwrap()].to_vec()
    }

    fn text(mut escaped: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        while let Some((byte, rest)) = unescaped(escaped) {
            bytes.push(byte);
            escaped = rest;
        }
        bytes
    }

    #[test]
    fn written_line_has_its_parts() {
        let hostile = "a\"],\"value\":9\\\n\t\r\u{1}\u{1f}\u{e9}=b, c".as_bytes();
        let line = line(hostile, &[b"site=\"", hostile], &[(b"mount=", hostile)]);
        let parsed = Line::parse(&line).unwrap();
        assert_eq!(parsed.metric, b"net.in.bytes");
        assert_eq!(
            (parsed.value, parsed.timestamp),
            (b"-12.5".as_slice(), 1_503_212_470)
        );
        assert_eq!(text(parsed.endpoint), hostile);
        let tags: Vec<_> = parsed.tags().map(text).collect();
        let mount = [b"mount=", hostile].concat();
        assert_eq!(tags, [b"linux", b"site=\"".as_slice(), hostile, &mount]);
        assert!(parsed.identity.starts_with(b",\"endpoint\":"));
        assert!(parsed.identity.ends_with(b"]"));
    }

    #[test]
    fn early_stamp_has_blanks() {
        let mut writer = Writer::new(b"j", "linux", &[]).unwrap();
        writer.set_time(5);
        writer.set_instance(&[]);
        let mut buffer = [0; 2048];
        let length = writer.write(&mut buffer, b"a", Fixed::whole(1)).unwrap();
        assert_eq!(Line::parse(&buffer[..length]).unwrap().timestamp, 5);
    }

    #[test]
    fn another_text_is_refused() {
        let line = line(b"e", &[b"k=v"], &[]);
        for end in 0..line.len() {
            assert_eq!(Line::parse(&line[..end]), None);
        }
        for at in 0..line.len() {
            let mut other = line.clone();
            other[at] = b'"';
            let _ = Line::parse(&other);
            other[at] = b'\\';
            let _ = Line::parse(&other);
        }
    }
}
