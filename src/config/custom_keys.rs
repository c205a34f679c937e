//! Custom metrics of the configuration file: a number in a file, or the lines of a script.

use super::kind::ValueKind;
use super::value::{self, set};
use crate::json::Token;

/// Most custom metrics.
pub const CUSTOM_MAX: usize = 32;

/// Longest name of a script in the log.
const NAME_MAX: usize = 40;

/// The line of a number in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// Its number, from 1 up.
    Number(u32),
    /// The first line that begins with this, blanks aside, followed by a separator.
    Key(&'a [u8]),
}

/// A script: a text for the shell, or a program and its arguments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Script<'a> {
    /// The text, or the program and its arguments with a zero after each.
    command: &'a [u8],
    /// The user that it runs as, if not the agent's.
    pub user: Option<&'a [u8]>,
    /// Milliseconds that it may take; by default half the interval.
    pub timeout: Option<u32>,
}

impl<'a> Script<'a> {
    /// Returns the arguments of the shell.
    pub fn arguments(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let shell: &[&[u8]] = match self.command {
            // The shell runs a list as it is.
            [.., 0] => &[b"-c", b"exec \"$0\" \"$@\""],
            _ => &[b"-c"],
        };
        shell.iter().copied().chain(self.words())
    }

    fn words(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let words = self.command.strip_suffix(b"\0").unwrap_or(self.command);
        words.split(|byte| *byte == 0)
    }

    /// Returns its name in the log: the start of the text, or the program.
    fn name(&self) -> &'a [u8] {
        let text = self.words().next().unwrap_or_default();
        let text = text.get(..NAME_MAX).unwrap_or(text);
        let end = text.iter().position(|byte| !matches!(byte, b' '..=b'~'));
        text.get(..end.unwrap_or(text.len())).unwrap_or_default()
    }
}

/// A number in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number<'a> {
    /// The metric's name.
    pub metric: &'a [u8],
    /// The file.
    pub file: &'a [u8],
    /// Its line.
    pub line: Line<'a>,
    /// Its field, from 1 up, counted after the key if there is one.
    pub field: u32,
    /// The power of ten that the number is multiplied by.
    pub scale: i8,
    /// The number is multiplied by the first of these and divided by the second.
    pub ratio: (u32, u32),
}

/// The source of a custom metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin<'a> {
    /// A number in a file.
    File(Number<'a>),
    /// A script prints it.
    Script(Script<'a>),
}

/// A custom metric.
#[derive(Clone, Copy)]
pub struct Custom<'a> {
    /// Where it comes from.
    pub origin: Origin<'a>,
    /// Milliseconds between two reads, if not those of `-interval`.
    pub interval: Option<u32>,
    /// The script's timeout in the file.
    timeout: Token<'a>,
}

impl<'a> Custom<'a> {
    /// Returns its name in the log.
    pub fn name(&self) -> &'a [u8] {
        match &self.origin {
            Origin::File(number) => number.metric,
            Origin::Script(script) => script.name(),
        }
    }

    /// Returns the timeout in the file if it is more than half of the interval.
    pub(super) fn too_long_timeout(&self, default_interval: u32) -> Option<Token<'a>> {
        let most = self.interval.unwrap_or(default_interval) / 2;
        match self.origin {
            Origin::Script(script) if script.timeout? > most => Some(self.timeout),
            _ => None,
        }
    }
}

/// A key of a custom metric.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: ValueKind,
    pub(super) group: Group,
    pub(super) set: for<'a> fn(&mut Draft<'a>, &'a [u8]) -> Option<()>,
}

/// The metrics that have a key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    /// Numbers in files.
    File,
    /// Scripts.
    Script,
    Both,
}

/// Makes rows of: a key, its kind, its group, and its setter.
macro_rules! keys {
    ($($name:literal $kind:ident $group:ident $set:expr;)*) => {
        /// All keys of a custom metric.
        pub(super) static KEYS: &[Key] = &[$(Key {
            name: $name,
            kind: ValueKind::$kind,
            group: Group::$group,
            set: $set,
        }),*];
    };
}

keys! {
    "metric" Metric File |draft, text| set(&mut draft.number.metric, value::metric_name(text));
    "file" Path File |draft, text| set(&mut draft.number.file, value::path(text));
    "line" Number File |draft, text| set(&mut draft.number.line, value::number(text).map(Line::Number));
    "key" LineKey File |draft, text| set(&mut draft.number.line, value::not_empty(text).map(Line::Key));
    "field" Number File |draft, text| set(&mut draft.number.field, value::number(text));
    "scale" Scale File |draft, text| set(&mut draft.number.scale, value::scale(text));
    "ratio" Ratio File |draft, text| set(&mut draft.number.ratio, value::ratio(text));
    "interval" Duration Both |draft, text| set(&mut draft.interval, value::duration(text).map(Some));
    "exec" Command Script |draft, text| set(&mut draft.script.command, value::script(text));
    "user" User Script |draft, text| set(&mut draft.script.user, value::user(text, draft.is_accepted).map(Some));
    "timeout" Duration Script |draft, text| set(&mut draft.script.timeout, value::duration(text).map(Some));
}

/// A custom metric while its keys are read.
pub(super) struct Draft<'a> {
    number: Number<'a>,
    script: Script<'a>,
    interval: Option<u32>,
    pub(super) timeout: Token<'a>,
    /// Users are not looked up.
    is_accepted: bool,
}

impl<'a> Draft<'a> {
    pub(super) fn new(is_accepted: bool) -> Self {
        Self {
            number: Number {
                metric: b"",
                file: b"",
                line: Line::Number(1),
                field: 1,
                scale: 0,
                ratio: (1, 1),
            },
            script: Script::default(),
            interval: None,
            timeout: Token::default(),
            is_accepted,
        }
    }

    /// Returns the metric, if its keys are enough.
    pub(super) fn finish(self) -> Option<Custom<'a>> {
        let origin = if !self.script.command.is_empty() {
            Origin::Script(self.script)
        } else if !self.number.metric.is_empty() && !self.number.file.is_empty() {
            Origin::File(self.number)
        } else {
            return None;
        };
        Some(Custom {
            origin,
            interval: self.interval,
            timeout: self.timeout,
        })
    }
}
