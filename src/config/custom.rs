//! What the configuration file says of metrics of the user's own.

use super::cursor::{Cursor, place_of_key};
use super::flags::Takes;
use super::settings::duration;
use super::tape::{Kind, Tokens};
use super::value;
use super::wrong::Why;
use crate::num::parse_u64;
use crate::sys::has_user;

/// Metrics of the user's own that can be asked for.
pub const CUSTOM_MAX: usize = 32;

/// Longest name of a metric.
const METRIC_MAX: usize = 64;
/// Lines and fields that can be asked for.
const PLACE_MAX: u64 = 1_000_000;
/// Bytes of a script, each word with its end, and its words.
const LENGTH_MAX: usize = 1000;
const WORDS_MAX: usize = 24;
/// Bytes of its name in the log.
const NAME_MAX: usize = 40;
/// Places that a point can be moved.
const SCALE_MAX: u64 = 9;

/// Keys of each, in lines: those of a file, of both, of a script.
const KEYS: &str = "metric\nfile\nline\nkey\nfield\nscale\nratio\ninterval\nexec\nuser\ntimeout\n";
/// How many are of a file alone, and the bits of those that it needs; the number of what a script needs.
const OF_FILE: u32 = (1 << 7) - 1;
const NEEDED: u32 = 0b11;
const OF_SCRIPT: u32 = 0b111 << 8;
const EXEC: u32 = 1 << 8;

/// Where in a file a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// In the line of that number, from 1 up.
    Number(u32),
    /// In the first line that begins with this, blanks aside, as a word of its own.
    Key(&'a [u8]),
}

/// A script: a text for the shell, or a program and its arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Script<'a> {
    /// The tokens of them.
    tape: &'a [u8],
    is_list: bool,
    /// The user that it runs as, if not the agent's own.
    pub user: Option<&'a [u8]>,
    /// Milliseconds that it may take; half the interval at most.
    pub timeout: Option<u32>,
}

impl<'a> Script<'a> {
    const NONE: Self = Self {
        tape: b"",
        is_list: false,
        user: None,
        timeout: None,
    };

    /// What the shell is to be started with.
    pub fn arguments(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        // A list is handed through as it is.
        let own: &[&[u8]] = if self.is_list {
            &[b"-c", b"exec \"$0\" \"$@\""]
        } else {
            &[b"-c"]
        };
        own.iter().copied().chain(self.words())
    }

    /// Its text, or the program and its arguments.
    fn words(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let most = if self.is_list { usize::MAX } else { 1 };
        let words = Tokens::new(self.tape).take_while(|token| token.kind == Kind::Text);
        words.take(most).map(|token| token.text)
    }

    /// What it is called in the log.
    pub fn name(&self) -> &'a [u8] {
        let text = self.words().next().unwrap_or_default();
        let end = text
            .iter()
            .take(NAME_MAX)
            .take_while(|byte| byte.is_ascii_graphic() || **byte == b' ');
        text.get(..end.count()).unwrap_or(text)
    }
}

/// A metric of the user's own: a number out of a file, or what a script prints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Custom<'a> {
    /// The script, if it is one.
    pub script: Option<Script<'a>>,
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
        script: None,
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
            Kind::Object => {
                let custom = take(cursor)?;
                // It is asked for when the script is started, too: the file of users may change.
                let user = custom.script.and_then(|script| script.user);
                if user.is_some_and(|user| !has_user(user)) {
                    return Err(Why::NoUser);
                }
            }
            _ => return Err(Why::NoObject),
        }
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
#[inline(never)]
fn take<'a>(cursor: &mut Cursor<'a>) -> Result<Custom<'a>, Why> {
    let (mut custom, mut script, mut given) = (Custom::NONE, Script::NONE, 0);
    let start = cursor.at;
    cursor.inside(1, &mut |cursor, key| {
        let place = place_of_key(key, KEYS)?;
        given |= 1 << place;
        match place {
            0 => custom.metric = metric(cursor)?,
            1 => {
                custom.file = text(cursor)
                    .filter(|path| value::is_path(path))
                    .ok_or(Why::Value(Takes::Path))?
            }
            2 => custom.line = Line::Number(place_in_file(cursor)?),
            3 => custom.line = Line::Key(text(cursor).ok_or(Why::Value(Takes::Key))?),
            4 => custom.field = place_in_file(cursor)?,
            5 => custom.scale = scale(cursor)?,
            6 => custom.ratio = ratio(cursor)?,
            7 => custom.interval = Some(duration(cursor)?),
            8 => command(cursor, &mut script).ok_or(Why::Value(Takes::Command))?,
            9 => script.user = Some(text(cursor).ok_or(Why::Value(Takes::User))?),
            _ => script.timeout = Some(duration(cursor)?),
        }
        // A line has one of two.
        Ok(if place == 3 { 2 } else { place })
    })?;
    cursor.at = start;
    custom.script = Some(script).filter(|_| given & EXEC != 0);
    let is_file = given & NEEDED == NEEDED && given & OF_SCRIPT == 0;
    let is_script = given & EXEC != 0 && given & OF_FILE == 0;
    (is_file || is_script).then_some(custom).ok_or(Why::Incomplete)
}

/// Takes a text for the shell, or a list.
fn command<'a>(cursor: &mut Cursor<'a>, script: &mut Script<'a>) -> Option<()> {
    script.tape = cursor.rest();
    let first = cursor.take();
    script.is_list = first.kind == Kind::List;
    if script.is_list {
        script.tape = cursor.rest();
        let start = cursor.at;
        cursor.list_end()?;
        cursor.at = start;
    }
    let (mut length, mut count) = (0, 0);
    // No more than what is its own: another one behind it makes it no other.
    let behind = cursor.rest().len();
    script.tape = script.tape.get(..script.tape.len() - behind).unwrap_or_default();
    for word in script.words() {
        length += word.len() + 1;
        count += 1;
        if word.contains(&0) {
            return None;
        }
    }
    let is_program = script.words().next().is_some_and(|word| !word.is_empty());
    (is_program && length <= LENGTH_MAX && count <= WORDS_MAX).then_some(())
}

/// A text that is not empty.
#[inline(never)]
fn text<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let token = cursor.take();
    Some(token.text).filter(|text| token.kind == Kind::Text && !text.is_empty())
}

fn metric<'a>(cursor: &mut Cursor<'a>) -> Result<&'a str, Why> {
    text(cursor)
        .and_then(metric_name)
        .ok_or(Why::Value(Takes::Metric))
}

/// The text, if it can be the name of a metric: up to 64 letters, digits, dots, dashes and underscores.
pub fn metric_name(text: &[u8]) -> Option<&str> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let is_name = (1..=METRIC_MAX).contains(&text.len()) && text.iter().all(is_plain);
    core::str::from_utf8(text).ok().filter(|_| is_name)
}

#[inline(never)]
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
