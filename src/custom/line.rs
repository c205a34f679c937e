//! A line of a script or of another program: `name value [key=value ...]`.

use super::json;
use crate::config::metric_name;
use crate::num::Fixed;
use crate::scan::fields;

/// Bytes of the longest line of another program.
pub const PUSHED_MAX: usize = 2048;

/// Tags that a line may have.
pub(super) const TAGS_MAX: usize = 8;

/// What a line says.
pub struct Pushed<'a> {
    /// The metric's name.
    pub metric: &'a [u8],
    /// Its value.
    pub value: Fixed,
    tags: [(&'a [u8], &'a [u8]); TAGS_MAX],
    count: usize,
}

impl<'a> Pushed<'a> {
    /// Without tags, if that can be the name of a metric.
    pub fn new(metric: &'a [u8], value: Fixed) -> Option<Self> {
        Some(Self {
            metric: metric_name(metric)?,
            value: value.shortened(),
            tags: [(b"", b""); TAGS_MAX],
            count: 0,
        })
    }

    /// Adds `key=value`.
    pub fn add(&mut self, tag: &'a [u8]) -> Option<()> {
        let at = tag.iter().position(|byte| *byte == b'=')?;
        let place = self.tags.get_mut(self.count)?;
        *place = (metric_name(tag.get(..at)?)?, tag.get(at + 1..)?);
        self.count += 1;
        Some(())
    }

    /// What tells one instance from another.
    pub fn tags(&self) -> &[(&'a [u8], &'a [u8])] {
        self.tags.get(..self.count).unwrap_or_default()
    }
}

/// Takes what a line says; `None` if there is no room for it.
pub(super) type Take<'t> = &'t mut dyn FnMut(&Pushed) -> Option<()>;

/// Hands over what a line says, of this kind or of this agent's own shape; one with nothing in it says nothing.
/// `None` if it is no line, or is not taken.
pub fn read_line(line: &[u8], take: Take) -> Option<()> {
    let line = line.trim_ascii();
    match line.first() {
        None => Some(()),
        Some(b'{') => json::parse(line, take),
        Some(_) => take(&parse(line)?),
    }
}

fn parse(line: &[u8]) -> Option<Pushed<'_>> {
    let mut fields = fields(line);
    let mut pushed = Pushed::new(fields.next()?, Fixed::parse(fields.next()?)?)?;
    for tag in fields {
        pushed.add(tag)?;
    }
    Some(pushed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_name_a_value_and_tags() {
        let pushed = parse(b"room.temp -21.50  place=attic\tunit=C=1").unwrap();
        assert_eq!(pushed.metric, b"room.temp");
        assert_eq!(
            Some(pushed.value),
            Fixed::parse(b"-21.5").and_then(|_| Fixed::parse(b"-21.50"))
        );
        assert_eq!(
            pushed.tags(),
            [(b"place".as_slice(), b"attic".as_slice()), (b"unit", b"C=1")]
        );
        assert!(parse(b"a 1").unwrap().tags().is_empty());
        assert_eq!(
            parse(b"a 1 k=").unwrap().tags(),
            [(b"k".as_slice(), b"".as_slice())]
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
            b"a 1 k\xff=b",
            &long,
            &many,
        ] {
            assert!(parse(bad).is_none(), "{}", bad.escape_ascii());
        }
    }
}
