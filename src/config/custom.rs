//! What the configuration file says of metrics of the user's own.

use super::cursor::{Cursor, place_of_key};
use super::flags::Takes;
use super::settings::duration;
use super::tape::Kind;
use super::wrong::Why;
use crate::num::parse_u64;

/// Metrics of the user's own that can be asked for.
pub const CUSTOM_MAX: usize = 32;

/// Longest name of a metric.
const METRIC_MAX: usize = 64;
/// Lines and fields that can be asked for.
const PLACE_MAX: u64 = 1_000_000;
/// Places that a point can be moved.
const SCALE_MAX: u64 = 9;

/// Keys of each, in lines.
const KEYS: &str = "metric\nfile\nline\nkey\nfield\nscale\nratio\ninterval\n";

/// Where in a file a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// In the line of that number, from 1 up.
    Number(u32),
    /// In the first line that begins with this, blanks aside, as a word of its own.
    Key(&'a [u8]),
}

/// A number out of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Custom<'a> {
    /// The metric's name.
    pub metric: &'a str,
    /// The file.
    pub file: &'a [u8],
    /// The line in it.
    pub line: Line<'a>,
    /// The field in it, from 1 up; behind a key counted from there.
    pub field: u32,
    /// Places by which the point is moved to the right.
    pub scale: i8,
    /// The number is multiplied by the first of these and divided by the second.
    pub ratio: (u32, u32),
    /// Milliseconds between two reads, if not those of most families.
    pub interval: Option<u32>,
}

impl Custom<'_> {
    const NONE: Self = Self {
        metric: "",
        file: b"",
        line: Line::Number(1),
        field: 1,
        scale: 0,
        ratio: (1, 1),
        interval: None,
    };
}

/// Takes a list of them, whose start has been taken: their number.
pub(super) fn check(cursor: &mut Cursor) -> Result<usize, Why> {
    let mut count = 0;
    loop {
        let token = cursor.take();
        match token.kind {
            Kind::ListEnd => return Ok(count),
            Kind::Object if count == CUSTOM_MAX => return Err(Why::TooMany),
            Kind::Object => take(cursor)?,
            _ => return Err(Why::NoObject),
        };
        count += 1;
    }
}

/// Those of a list that has been checked, behind its start.
pub(super) fn all(tape: &[u8]) -> impl Iterator<Item = Custom<'_>> {
    let mut cursor = Cursor::new(tape);
    core::iter::from_fn(move || match cursor.take().kind {
        Kind::Object => take(&mut cursor).ok(),
        _ => None,
    })
}

/// Takes one, behind its start.
fn take<'a>(cursor: &mut Cursor<'a>) -> Result<Custom<'a>, Why> {
    let mut custom = Custom::NONE;
    let start = cursor.at;
    cursor.inside(1, |cursor, key| {
        let place = place_of_key(key, KEYS)?;
        match place {
            0 => custom.metric = metric(cursor)?,
            1 => custom.file = text(cursor).ok_or(Why::Value(Takes::Path))?,
            2 => custom.line = Line::Number(place_in_file(cursor)?),
            3 => custom.line = Line::Key(text(cursor).ok_or(Why::Value(Takes::Key))?),
            4 => custom.field = place_in_file(cursor)?,
            5 => custom.scale = scale(cursor)?,
            6 => custom.ratio = ratio(cursor)?,
            _ => custom.interval = Some(duration(cursor)?),
        }
        // A line has one of two.
        Ok(if place == 3 { 2 } else { place })
    })?;
    cursor.at = start;
    if custom.metric.is_empty() || custom.file.is_empty() {
        return Err(Why::Incomplete);
    }
    Ok(custom)
}

/// A text that is not empty.
fn text<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let token = cursor.take();
    Some(token.text).filter(|text| token.kind == Kind::Text && !text.is_empty())
}

fn metric<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, Why> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    let is_name = |text: &&[u8]| text.len() <= METRIC_MAX && text.iter().all(is_plain);
    let name = text(cursor).filter(is_name);
    let name = name.and_then(|name| core::str::from_utf8(name).ok());
    name.ok_or(Why::Value(Takes::Metric))
}

fn place_in_file(cursor: &mut Cursor) -> Result<u32, Why> {
    let token = cursor.take();
    let number = parse_u64(token.text).filter(|number| (1..=PLACE_MAX).contains(number));
    let number = number.filter(|_| token.kind == Kind::Number);
    number.map(|number| number as u32).ok_or(Why::Value(Takes::Place))
}

fn scale(cursor: &mut Cursor) -> Result<i8, Why> {
    let token = cursor.take();
    let digits = token.text.strip_prefix(b"-");
    let places = parse_u64(digits.unwrap_or(token.text)).filter(|places| *places <= SCALE_MAX);
    match places.filter(|_| token.kind == Kind::Number) {
        Some(places) if digits.is_some() => Ok(-(places as i8)),
        Some(places) => Ok(places as i8),
        None => Err(Why::Value(Takes::Scale)),
    }
}

fn ratio(cursor: &mut Cursor) -> Result<(u32, u32), Why> {
    let ratio = text(cursor).and_then(|text| {
        let slash = text.iter().position(|byte| *byte == b'/')?;
        let number = |text: &[u8]| u32::try_from(parse_u64(text)?).ok().filter(|number| *number > 0);
        Some((number(text.get(..slash)?)?, number(text.get(slash + 1..)?)?))
    });
    ratio.ok_or(Why::Value(Takes::Ratio))
}
