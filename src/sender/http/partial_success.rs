//! What an OTLP receiver reports of a request that it has accepted: `ExportMetricsServiceResponse` as protobuf.
//!
//! <https://github.com/open-telemetry/opentelemetry-proto>, `collector/metrics/v1/metrics_service.proto`.

/// A field's number and type before it: 0 for a number of variable length, 2 for a message or a text.
const RESPONSE_PARTIAL_SUCCESS: u64 = 1 << 3 | 2;
const REJECTED_DATA_POINTS: u64 = 1 << 3;
const ERROR_MESSAGE: u64 = 2 << 3 | 2;

/// The longest variable-length number.
const VARINT_MAX: usize = 10;

/// A report; one without lines and message is none.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PartialSuccess<'a> {
    /// Lines that were not stored. Any number may stand here.
    pub rejected: u64,
    pub message: &'a [u8],
}

/// Parses the start of a body, whose message may be cut; `None` if the body is another text.
pub(super) fn parse(body: &[u8]) -> Option<PartialSuccess<'_>> {
    let response = field(body).filter(|field| field.tag == RESPONSE_PARTIAL_SUCCESS)?;
    let mut rest = response.text;
    let mut found = PartialSuccess {
        rejected: 0,
        message: b"",
    };
    while !rest.is_empty() {
        let field = field(rest)?;
        match field.tag {
            // It is signed.
            REJECTED_DATA_POINTS => found.rejected = i64::try_from(field.number).unwrap_or_default() as u64,
            ERROR_MESSAGE => found.message = field.text,
            _ => return None,
        }
        rest = field.rest;
    }
    Some(found)
}

/// A field of a message.
struct Field<'a> {
    tag: u64,
    /// The number, or the length.
    number: u64,
    /// The text, as much of it as there is; empty for a number.
    text: &'a [u8],
    /// What follows the field.
    rest: &'a [u8],
}

/// Splits a number or a text off.
fn field(bytes: &[u8]) -> Option<Field<'_>> {
    let (tag, rest) = varint(bytes)?;
    let (number, rest) = varint(rest)?;
    let length = match tag & 7 {
        0 => 0,
        2 => usize::try_from(number).map_or(rest.len(), |length| length.min(rest.len())),
        _ => return None,
    };
    let (text, rest) = rest.split_at_checked(length)?;
    Some(Field {
        tag,
        number,
        text,
        rest,
    })
}

/// Splits a number of variable length off.
fn varint(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut number = 0;
    for (index, byte) in bytes.iter().enumerate().take(VARINT_MAX) {
        number |= u64::from(byte & 0x7f) << (7 * index);
        if *byte < 0x80 {
            return Some((number, bytes.get(index + 1..)?));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;

    fn report(rejected: u64, message: &str) -> PartialSuccess<'_> {
        let message = message.as_bytes();
        PartialSuccess { rejected, message }
    }

    #[test]
    fn report_has_rejected_lines_and_a_message() {
        assert_eq!(parse(b"\x0a\x00"), Some(report(0, "")));
        assert_eq!(parse(b"\x0a\x02\x08\x05"), Some(report(5, "")));
        assert_eq!(
            parse(b"\x0a\x08\x08\xac\x02\x12\x03old"),
            Some(report(300, "old"))
        );
        assert_eq!(parse(b"\x0a\x05\x12\x03old"), Some(report(0, "old")));
        // A negative number, and the greatest one.
        assert_eq!(
            parse(b"\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"),
            Some(report(0, ""))
        );
        assert_eq!(
            parse(b"\x0a\x0a\x08\xff\xff\xff\xff\xff\xff\xff\xff\x7f"),
            Some(report(i64::MAX as u64, ""))
        );
    }

    #[test]
    fn cut_message_is_what_there_is_of_it() {
        let body = b"\x0a\x7f\x08\x05\x12\x7bout of order";
        assert_eq!(parse(body), Some(report(5, "out of order")));
        assert_eq!(parse(&body[..9]), Some(report(5, "out")));
        assert_eq!(
            parse(b"\x0a\x08\x12\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01x"),
            None
        );
        assert_eq!(
            parse(b"\x0a\x7f\x12\xff\xff\xff\xff\xff\xff\xff\xff\x7fold"),
            Some(report(0, "old"))
        );
    }

    #[test]
    fn another_text_is_no_report() {
        let texts: [&[u8]; 9] = [
            b"",
            b"<html>",
            b"\n<!DOCTYPE html>",
            b"{\"partialSuccess\":{\"rejectedDataPoints\":\"3\"}}",
            b"\x0a",
            b"\x0a\x02\x08",
            b"\x0a\x03\x08\xff\xff",
            b"\x12\x03old",
            b"\x0a\x02\x18\x05",
        ];
        for text in texts {
            assert_eq!(parse(text), None, "{}", text.escape_ascii());
        }
    }

    #[test]
    fn any_bytes_are_read_to_their_end_at_most() {
        let mut random = Random(0x2545_f491_4f6c_dd1d);
        let mut reports = 0;
        for _ in 0..200_000 {
            // Tags and short lengths are frequent.
            let mut bytes = [0; 12];
            for byte in &mut bytes {
                let drawn = random.number();
                *byte = match drawn % 4 {
                    0 => b"\x0a\x08\x12\x02\xff\x80\x01\x7f"[(drawn >> 8) as usize % 8],
                    _ => (drawn >> 16) as u8,
                };
            }
            bytes[0] = 0x0a;
            for length in 0..=bytes.len() {
                let found = parse(&bytes[..length]);
                reports += u32::from(found.is_some_and(|found| found.message.len() <= length));
            }
        }
        assert!(reports > 1_000, "{reports}");
    }
}
