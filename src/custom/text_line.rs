//! A line of a script or of another program: `name value [key=value ...]`.

use super::json_line;
use crate::base::decimal::Fixed;
use crate::base::fields::fields;
use crate::config::metric_name;
use crate::format::Sample;
use crate::json::Document;

/// Bytes of the longest received line.
pub const RECEIVED_MAX: usize = 2048;

/// Tags that a text line may have.
pub(super) const TAGS_MAX: usize = 8;

/// A tag of a line: the value is the whole `key=value`, the key is empty.
pub(super) type Tag<'a> = (&'a [u8], &'a [u8]);

/// The name and the value of a line, and the number of its tags.
pub(super) type ParsedLine<'a> = (&'a [u8], &'a [u8], usize);

/// Parses a text line or a JSON line and pushes its sample; an empty line has none. Returns `None` if the line is
/// invalid, or if `push` does so because the sample does not fit.
pub fn read_line(line: &[u8], push: &mut dyn FnMut(&Sample) -> Option<()>) -> Option<()> {
    let line = line.trim_ascii();
    let mut tags: [Tag; json_line::TAGS_MAX] = [(b"", b""); _];
    let document;
    let (name, value, count) = match line.first() {
        None => return Some(()),
        Some(b'{') => {
            document = Document::parse(line).ok()?;
            json_line::parse(&document, &mut tags)?
        }
        Some(_) => parse(line, tags.get_mut(..TAGS_MAX)?)?,
    };
    push(&Sample {
        metric: metric_name(name)?,
        instance: tags.get(..count)?,
        value: Fixed::parse(value)?.shortened(),
    })
}

fn parse<'a>(line: &'a [u8], tags: &mut [Tag<'a>]) -> Option<ParsedLine<'a>> {
    let mut fields = fields(line);
    let (name, value) = (fields.next()?, fields.next()?);
    let mut count = 0;
    for tag in fields {
        let at = tag.iter().position(|byte| *byte == b'=')?;
        metric_name(tag.get(..at)?)?;
        tags.get_mut(count)?.1 = tag;
        count += 1;
    }
    Some((name, value, count))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(line: &[u8]) -> Option<String> {
        let mut pushed = String::new();
        read_line(line, &mut |sample| {
            let tags: Vec<_> = sample
                .instance
                .iter()
                .map(|(key, value)| [*key, value].concat())
                .collect();
            let tags = tags.join(&b' ');
            pushed = format!(
                "{} {:?} {}",
                sample.metric.escape_ascii(),
                sample.value,
                tags.escape_ascii()
            );
            Some(())
        })?;
        Some(pushed)
    }

    #[test]
    fn line_has_a_name_a_value_and_tags() {
        let is = |line: &[u8], metric: &str, value: &[u8], tags: &str| {
            let value = Fixed::parse(value).unwrap();
            assert_eq!(pushed(line).unwrap(), format!("{metric} {value:?} {tags}"));
        };
        is(
            b"room.temp -21.50  place=attic\tunit=C=1",
            "room.temp",
            b"-21.50",
            "place=attic unit=C=1",
        );
        is(b"a 1", "a", b"1", "");
        is(b"a 1 k=", "a", b"1", "k=");
        is(
            &[b"a 1".to_vec(), b" k=v".repeat(8)].concat(),
            "a",
            b"1",
            "k=v ".repeat(8).trim_end(),
        );
        let long = [b"a".repeat(65), b" 1".to_vec()].concat();
        let many = [b"a 1".to_vec(), b" k=v".repeat(9)].concat();
        for bad in [
            &b"a"[..],
            b"a b",
            b"a 1 b",
            b"a 1 =b",
            b"\xff 1",
            b"a 1e3",
            b"a\0 1",
            b"a 1 a+b=c",
            b"a 1 k\xff=b",
            &long,
            &many,
        ] {
            assert!(pushed(bad).is_none(), "{}", bad.escape_ascii());
        }
        assert_eq!(pushed(b"").unwrap(), "", "an empty line has no sample");
    }
}
