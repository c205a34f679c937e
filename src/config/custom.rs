//! What the configuration file says of metrics of the user's own.

use super::cursor::Cursor;
use super::settings::duration;
use super::takes::Takes;
use super::tape::{Kind, Tokens};
use super::value;
use super::wrong::{Said, Why};
use crate::base::decimal::parse_u64;
use crate::base::fields::has;
use crate::platform::has_user;

/// Metrics of the user's own that can be asked for.
pub const CUSTOM_MAX: usize = 32;

/// Longest name of a metric.
const METRIC_MAX: usize = 64;
/// Lines and fields that can be asked for.
const PLACE_MAX: u64 = 1_000_000;
/// Bytes of a script's words, and how many there are.
const LENGTH_MAX: usize = 1000;
const WORDS_MAX: usize = 24;
/// Bytes of its name in the log.
const NAME_MAX: usize = 40;
/// Places that a point can be moved.
const SCALE_MAX: u64 = 9;

/// Keys, in lines: those of a file, of both, of a script. What each of them takes.
const KEYS: &str = "metric\nfile\nline\nkey\nfield\nscale\nratio\ninterval\nexec\nuser\ntimeout\n";
const TAKES: [Takes; 11] = [
    Takes::Metric,
    Takes::Path,
    Takes::Place,
    Takes::Key,
    Takes::Place,
    Takes::Scale,
    Takes::Ratio,
    Takes::Duration,
    Takes::Command,
    Takes::User,
    Takes::Duration,
];
/// Bits of those of a file alone, of those that it needs, of those of which it has one; of those of a script alone, and
/// of the one that it needs.
const OF_FILE: u32 = 0b111_1111;
const FILE_NEEDS: u32 = 0b11;
const LINE_AND_KEY: u32 = 0b1100;
const OF_SCRIPT: u32 = 0b111 << 8;
const SCRIPT_NEEDS: u32 = 1 << 8;

/// Where in a file a number is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// In the line of that number, from 1 up.
    Number(u32),
    /// In the first line that begins with this, blanks aside, as a word of its own.
    Key(&'a [u8]),
}

/// A script: a text for the shell, or a program and its arguments.
#[derive(Clone, Copy)]
pub struct Script<'a> {
    /// The tokens of them, and the end of a list.
    tape: &'a [u8],
    is_list: bool,
    /// The user that it runs as, if not the agent's own.
    pub user: Option<&'a [u8]>,
    /// Milliseconds that it may take; half the interval if nothing is said.
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
        let words = Tokens::new(self.tape).take_while(|token| token.kind == Kind::Text);
        words.map(|token| token.text)
    }

    /// What it is called in the log.
    fn name(&self) -> &'a [u8] {
        let text = self.words().next().unwrap_or_default();
        let text = text.get(..NAME_MAX).unwrap_or(text);
        let end = text.iter().position(|byte| !matches!(byte, b' '..=b'~'));
        text.get(..end.unwrap_or(text.len())).unwrap_or_default()
    }
}

/// A number out of a file.
#[derive(Clone, Copy)]
pub struct Number<'a> {
    /// The metric's name.
    pub metric: &'a [u8],
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
}

impl Number<'_> {
    const NONE: Self = Self {
        metric: b"",
        file: b"",
        line: Line::Number(1),
        field: 1,
        scale: 0,
        ratio: (1, 1),
    };
}

/// Where a metric of the user's own comes from.
#[derive(Clone, Copy)]
pub enum Origin<'a> {
    /// It is in a file.
    File(Number<'a>),
    /// A script prints it.
    Script(Script<'a>),
}

/// A metric of the user's own.
#[derive(Clone, Copy)]
pub struct Custom<'a> {
    /// Where it comes from.
    pub origin: Origin<'a>,
    /// Milliseconds between two reads, if not those of most families.
    pub interval: Option<u32>,
    /// All that is said of it, in tokens: two are the same if these are.
    pub tape: &'a [u8],
}

impl<'a> Custom<'a> {
    /// What it is called in the log.
    pub fn name(&self) -> &'a [u8] {
        match &self.origin {
            Origin::File(number) => number.metric,
            Origin::Script(script) => script.name(),
        }
    }
}

/// Takes a list of them, whose start has been taken. Users are looked up unless the list was accepted before.
pub(super) fn check(cursor: &mut Cursor, is_accepted: bool) -> Result<(), Why> {
    let mut left = CUSTOM_MAX;
    loop {
        match cursor.take().kind {
            Kind::ListEnd => return Ok(()),
            Kind::Object => {}
            _ => return Err(Said::NoObject.into()),
        }
        left = left.checked_sub(1).ok_or(Said::TooMany)?;
        let custom = take(cursor, if is_accepted { |_| true } else { has_user })?;
        cursor.check_exec(matches!(custom.origin, Origin::Script(_)))?;
    }
}

/// Those of a list that has been checked, behind its start.
pub(super) fn all(tokens: Tokens<'_>) -> impl Iterator<Item = Custom<'_>> {
    let mut cursor = Cursor::new(tokens);
    core::iter::from_fn(move || next(&mut cursor))
}

#[inline(never)]
fn next<'a>(cursor: &mut Cursor<'a>) -> Option<Custom<'a>> {
    match cursor.take().kind {
        // Users are asked for again when the script is started: their file may change.
        Kind::Object => take(cursor, |_| true).ok(),
        _ => None,
    }
}

/// Whether each script of such a list has to end before half of its interval is over, which is usually that.
pub(super) fn check_timeouts(cursor: &mut Cursor, usually: u32) -> Result<(), Why> {
    while let Some(custom) = next(cursor) {
        let most = custom.interval.unwrap_or(usually) / 2;
        if let Origin::Script(script) = custom.origin
            && script.timeout.is_some_and(|timeout| timeout > most)
        {
            cursor.keys = [b"custom", b"timeout", b""];
            return Err(Said::TooSlow.into());
        }
    }
    Ok(())
}

/// What has been read of one.
struct Draft<'a> {
    number: Number<'a>,
    script: Script<'a>,
    interval: Option<u32>,
    /// Bits of the keys that were there.
    given: u32,
    /// The token of the timeout.
    timeout_at: Option<usize>,
}

/// Takes one, behind its start.
#[inline(never)]
fn take<'a>(cursor: &mut Cursor<'a>, is_user: fn(&[u8]) -> bool) -> Result<Custom<'a>, Why> {
    let mut draft = Draft {
        number: Number::NONE,
        script: Script::NONE,
        interval: None,
        given: 0,
        timeout_at: None,
    };
    let (start, tape) = (cursor.at, cursor.tokens.rest);
    cursor.inside(1, &mut |cursor, key| {
        let place = cursor.place_of_key(key, KEYS)?;
        draft.given |= 1 << place;
        if LINE_AND_KEY & 1 << place != 0 && draft.given & LINE_AND_KEY == LINE_AND_KEY {
            return Err(Said::LineAndKey.into());
        }
        if draft.given & OF_FILE != 0 && draft.given & OF_SCRIPT != 0 {
            return Err(Said::OtherKind.into());
        }
        let takes = TAKES.get(place).copied().unwrap_or(Takes::Key);
        draft.set(place, cursor).ok_or(Why::Value(takes))?;
        if takes == Takes::User && !draft.script.user.is_some_and(is_user) {
            return Err(Said::NoUser.into());
        }
        Ok(place)
    })?;
    cursor.at = start;
    let given = draft.given;
    let origin = if given & FILE_NEEDS == FILE_NEEDS {
        Origin::File(draft.number)
    } else if given & SCRIPT_NEEDS != 0 {
        Origin::Script(draft.script)
    } else {
        return Err(Said::Incomplete.into());
    };
    // An error of what it says as a whole is about that.
    cursor.at = draft.timeout_at.unwrap_or(start);
    Ok(Custom {
        origin,
        interval: draft.interval,
        tape: taken(tape, cursor),
    })
}

/// What has been taken of the tape.
fn taken<'a>(tape: &'a [u8], cursor: &Cursor) -> &'a [u8] {
    let length = tape.len().checked_sub(cursor.tokens.rest.len());
    length.and_then(|length| tape.get(..length)).unwrap_or_default()
}

impl<'a> Draft<'a> {
    /// Takes what is behind the key of that place. `None` if it is not what that takes.
    fn set(&mut self, place: usize, cursor: &mut Cursor<'a>) -> Option<()> {
        match place {
            0 => self.number.metric = metric_name(text(cursor)?)?,
            1 => self.number.file = text(cursor).filter(|path| value::is_path(path))?,
            2 => self.number.line = Line::Number(place_in_file(cursor)?),
            3 => self.number.line = Line::Key(text(cursor)?),
            4 => self.number.field = place_in_file(cursor)?,
            5 => self.number.scale = scale(cursor)?,
            6 => self.number.ratio = ratio(text(cursor)?)?,
            7 => self.interval = Some(duration(cursor)?),
            8 => command(cursor, &mut self.script)?,
            9 => self.script.user = Some(text(cursor)?),
            _ => {
                self.script.timeout = Some(duration(cursor)?);
                self.timeout_at = Some(cursor.at);
            }
        }
        Some(())
    }
}

/// Takes a text for the shell, or a list.
fn command<'a>(cursor: &mut Cursor<'a>, script: &mut Script<'a>) -> Option<()> {
    let mut tape = cursor.tokens.rest;
    script.is_list = cursor.take().kind == Kind::List;
    if script.is_list {
        tape = cursor.tokens.rest;
        cursor.list_text()?;
    }
    // No more than what is its own: another one behind it makes it no other.
    script.tape = taken(tape, cursor);
    let (mut length, mut count) = (0, 0);
    for word in script.words() {
        length += word.len();
        count += 1;
        if has(word, 0) {
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

/// The text, if it can be the name of a metric: up to 64 letters, digits, dots, dashes and underscores.
pub fn metric_name(text: &[u8]) -> Option<&[u8]> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let is_name = (1..=METRIC_MAX).contains(&text.len()) && text.iter().all(is_plain);
    is_name.then_some(text)
}

#[inline(never)]
fn place_in_file(cursor: &mut Cursor) -> Option<u32> {
    let number = parse_u64(number(cursor)?)?;
    (1..=PLACE_MAX).contains(&number).then_some(number as u32)
}

fn scale(cursor: &mut Cursor) -> Option<i8> {
    let text = number(cursor)?;
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let places = parse_u64(digits).filter(|places| *places <= SCALE_MAX)? as i8;
    Some(if digits == text { places } else { -places })
}

fn number<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let token = cursor.take();
    (token.kind == Kind::Number).then_some(token.text)
}

fn ratio(text: &[u8]) -> Option<(u32, u32)> {
    let slash = text.iter().position(|byte| *byte == b'/')?;
    let number = |text: &[u8]| u32::try_from(parse_u64(text)?).ok().filter(|number| *number > 0);
    Some((number(text.get(..slash)?)?, number(text.get(slash + 1..)?)?))
}
