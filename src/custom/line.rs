//! A line of a script or of another program: `name value [key=value ...]`.

use super::json;
use crate::base::decimal::Fixed;
use crate::base::fields::fields;
use crate::config::metric_name;
use crate::format::Record;

/// Bytes of the longest line of another program.
pub const PUSHED_MAX: usize = 2048;

/// Tags that it may have.
pub(super) const TAGS_MAX: usize = 8;

/// A tag of a line: all of it is the value, which may be any text.
pub(super) type Tag<'a> = (&'a [u8], &'a [u8]);
pub(super) const NO_TAG: Tag = (b"", b"");

/// Takes what a line says; `None` if there is no room for it.
pub(super) type Take<'t> = &'t mut dyn FnMut(&Record) -> Option<()>;

/// Hands over what a line says, of this kind or of this agent's own shape; one with nothing in it says nothing.
/// `None` if it is no line, or is not taken.
pub fn read_line(line: &[u8], take: Take) -> Option<()> {
    let line = line.trim_ascii();
    match line.first() {
        None => Some(()),
        Some(b'{') => json::parse(line, take),
        Some(_) => parse(line, take),
    }
}

fn parse(line: &[u8], take: Take) -> Option<()> {
    let mut fields = fields(line);
    let (name, value) = (fields.next()?, fields.next()?);
    let (mut tags, mut count) = ([NO_TAG; TAGS_MAX], 0);
    for tag in fields {
        let at = tag.iter().position(|byte| *byte == b'=')?;
        metric_name(tag.get(..at)?)?;
        tags.get_mut(count)?.1 = tag;
        count += 1;
    }
    hand_over(name, value, tags.get(..count)?, take)
}

/// Hands over what a line says, if that can be the name of a metric and its value.
pub(super) fn hand_over(name: &[u8], value: &[u8], tags: &[Tag], take: Take) -> Option<()> {
    take(&Record {
        metric: metric_name(name)?,
        instance: tags,
        value: Fixed::parse(value)?.shortened(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &[u8]) -> Option<String> {
        let mut said = String::new();
        parse(line, &mut |record| {
            let tags: Vec<_> = record
                .instance
                .iter()
                .map(|(key, value)| [*key, value].concat())
                .collect();
            let tags = tags.join(&b' ');
            said = format!(
                "{} {:?} {}",
                record.metric.escape_ascii(),
                record.value,
                tags.escape_ascii()
            );
            Some(())
        })?;
        Some(said)
    }

    #[test]
    fn a_line_is_a_name_a_value_and_tags() {
        let is = |line: &[u8], metric: &str, value: &[u8], tags: &str| {
            let value = Fixed::parse(value).unwrap();
            assert_eq!(said(line).unwrap(), format!("{metric} {value:?} {tags}"));
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
            assert!(said(bad).is_none(), "{}", bad.escape_ascii());
        }
    }
}
