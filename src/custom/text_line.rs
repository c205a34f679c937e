//! A line of a script or of another program: `name value [key=value ...]`.

use super::json_line;
use crate::base::decimal::Fixed;
use crate::base::fields::fields;
use crate::config::metric_name;
use crate::format::Sample;

/// Bytes of the longest received line.
pub const PUSHED_MAX: usize = 2048;

/// Tags that a text line may have.
pub(super) const TAGS_MAX: usize = 8;

/// A tag of a line: the value is the whole `key=value`, the key is empty.
pub(super) type Tag<'a> = (&'a [u8], &'a [u8]);
pub(super) const NO_TAG: Tag = (b"", b"");

/// Receives the sample of a line; `None` if it does not fit.
pub(super) type Push<'p> = &'p mut dyn FnMut(&Sample) -> Option<()>;

/// Parses a text line or a JSON line and pushes its sample; an empty line has none. Returns `None` if the line is
/// invalid or does not fit.
pub fn read_line(line: &[u8], push: Push) -> Option<()> {
    let line = line.trim_ascii();
    match line.first() {
        None => Some(()),
        Some(b'{') => json_line::parse(line, push),
        Some(_) => parse(line, push),
    }
}

fn parse(line: &[u8], push: Push) -> Option<()> {
    let mut fields = fields(line);
    let (name, value) = (fields.next()?, fields.next()?);
    let (mut tags, mut count) = ([NO_TAG; TAGS_MAX], 0);
    for tag in fields {
        let at = tag.iter().position(|byte| *byte == b'=')?;
        metric_name(tag.get(..at)?)?;
        tags.get_mut(count)?.1 = tag;
        count += 1;
    }
    push_sample(name, value, tags.get(..count)?, push)
}

/// Pushes a sample if its name and value are valid.
pub(super) fn push_sample(name: &[u8], value: &[u8], tags: &[Tag], push: Push) -> Option<()> {
    push(&Sample {
        metric: metric_name(name)?,
        instance: tags,
        value: Fixed::parse(value)?.shortened(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(line: &[u8]) -> Option<String> {
        let mut pushed = String::new();
        parse(line, &mut |sample| {
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
            &b""[..],
            b"a",
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
    }
}
