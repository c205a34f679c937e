//! Custom metrics of the configuration file: a number in a file, or the lines of a script.

use super::error::ErrorKind::TooManyOwnTags;
use super::error::ValueError::Part;
use super::error::ValueResult;
use super::kind::ValueKind;
use super::list::List;
use super::tags::check_tag;
use super::value::{self, set};
use super::{Config, FamilyTable};

/// Most custom metrics.
pub const CUSTOM_MAX: usize = 32;

/// Most tags of a custom metric.
const TAGS_MAX: usize = 8;

/// Longest name of a script in the log.
const NAME_MAX: usize = 40;

/// The line of a number in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberLine<'a> {
    /// Its number, from 1 up.
    Number(u32),
    /// The first line that begins with this, blanks aside, followed by a separator.
    Key(&'a [u8]),
}

/// The text for the shell that runs a list as it is.
pub(super) const LIST: &[u8] = b"exec \"$0\" \"$@\"\0";

/// A script: a text for the shell, or a program and its arguments.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Script<'a> {
    /// The text; or [`LIST`], and the program and its arguments with a zero after each.
    command: &'a [u8],
    /// The user that it runs as, if not the agent's.
    pub user: Option<&'a [u8]>,
    /// Milliseconds that it may take; by default half the interval.
    pub timeout: Option<u32>,
}

impl<'a> Script<'a> {
    /// Returns the arguments of the shell.
    pub fn arguments(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let command = self.command.strip_suffix(b"\0").unwrap_or(self.command);
        let words = command.split(|byte| *byte == 0);
        core::iter::once(b"-c".as_slice()).chain(words)
    }

    /// Returns its name in the log: the start of the text, or the program.
    fn name(&self) -> &'a [u8] {
        let text = self.command.strip_prefix(LIST).unwrap_or(self.command);
        let text = text.get(..NAME_MAX).unwrap_or(text);
        let end = text.iter().position(|byte| !matches!(byte, b' '..=b'~'));
        text.get(..end.unwrap_or(text.len())).unwrap_or_default()
    }
}

/// A number in a file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Number<'a> {
    /// The metric's name.
    pub metric: &'a [u8],
    /// Its tags, each after an empty key.
    tags: List<(&'a [u8], &'a [u8]), TAGS_MAX>,
    /// The file.
    pub file: &'a [u8],
    /// Its line.
    pub line: NumberLine<'a>,
    /// Its field, from 1 up, counted after the key if there is one.
    pub field: u32,
    /// The power of ten that the number is multiplied by.
    pub scale: i8,
    /// The number is multiplied by the first of these and divided by the second.
    pub ratio: (u32, u32),
}

impl<'a> Number<'a> {
    /// Returns its tags, each after an empty key, as the writer of lines has those of an instance.
    pub fn tags(&self) -> &[(&'a [u8], &'a [u8])] {
        self.tags.all()
    }

    /// Adds a tag; `none` removes those before.
    fn add_tag(&mut self, text: &'a [u8], families: &FamilyTable) -> ValueResult<'a> {
        if text == b"none" {
            self.tags.clear();
            return Ok(());
        }
        check_tag(text, self.tags().iter().map(|(_, tag)| *tag), families)?;
        self.tags.push((b"", text)).ok_or(Part(TooManyOwnTags, text))
    }

    /// Whether its samples have the name and the tags of another's.
    pub(super) fn is_same_series(&self, other: &Self) -> bool {
        let has_all = |tags: &[_]| tags.iter().all(|tag| other.tags().contains(tag));
        self.metric == other.metric && self.tags().len() == other.tags().len() && has_all(self.tags())
    }
}

/// A custom metric: a number in a file, or printed by a script.
pub struct Custom<'a> {
    /// The number, unless there is a script.
    pub number: Number<'a>,
    /// The script; its command is empty if there is none.
    pub script: Script<'a>,
    /// Milliseconds between two reads, if not those of `-interval`.
    pub(super) interval: Option<u32>,
    /// For error messages: the numbers of the file's events that set the name, the last tag and the timeout.
    pub(super) name_event: u32,
    pub(crate) tag_event: u32,
    pub(super) timeout_event: u32,
}

impl<'a> Custom<'a> {
    /// No key was read.
    pub(super) const NONE: Self = Self {
        number: Number {
            metric: b"",
            tags: List::empty((b"", b"")),
            file: b"",
            line: NumberLine::Number(1),
            field: 1,
            scale: 0,
            ratio: (1, 1),
        },
        script: Script {
            command: b"",
            user: None,
            timeout: None,
        },
        interval: None,
        name_event: 0,
        tag_event: 0,
        timeout_event: 0,
    };

    /// Whether a script prints it.
    pub fn is_script(&self) -> bool {
        !self.script.command.is_empty()
    }

    /// Whether its keys are enough.
    pub(super) fn is_complete(&self) -> bool {
        self.is_script() || !(self.number.metric.is_empty() || self.number.file.is_empty())
    }

    /// Returns its name in the log.
    pub fn name(&self) -> &'a [u8] {
        if self.is_script() {
            self.script.name()
        } else {
            self.number.metric
        }
    }

    /// Returns the milliseconds between two reads.
    pub fn period(&self, config: &Config) -> u32 {
        self.interval.unwrap_or(config.interval)
    }

    /// Returns the longest timeout, half of the interval, if the script's is longer.
    pub(super) fn exceeded_timeout(&self, config: &Config) -> Option<u32> {
        let most = self.period(config) / 2;
        (self.script.timeout? > most).then_some(most)
    }
}

/// A key of a custom metric.
pub(super) struct CustomKey {
    pub(super) name: &'static str,
    pub(super) kind: ValueKind,
    pub(super) group: Group,
    pub(super) set: for<'a> fn(&mut Custom<'a>, &'a [u8], &FamilyTable) -> ValueResult<'a>,
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
        pub(super) static KEYS: &[CustomKey] = &[$(CustomKey {
            name: $name,
            kind: ValueKind::$kind,
            group: Group::$group,
            set: $set,
        }),*];
    };
}

keys! {
    "metric" Metric File |custom, text, _| set(&mut custom.number.metric, value::metric_name(text));
    "tag" Tag File |custom, text, families| custom.number.add_tag(text, families);
    "file" Path File |custom, text, _| set(&mut custom.number.file, value::path(text));
    "line" Number File |custom, text, _| set(&mut custom.number.line, value::number(text).map(NumberLine::Number));
    "key" LineKey File |custom, text, _| set(&mut custom.number.line, value::not_empty(text).map(NumberLine::Key));
    "field" Number File |custom, text, _| set(&mut custom.number.field, value::number(text));
    "scale" Scale File |custom, text, _| set(&mut custom.number.scale, value::scale(text));
    "ratio" Ratio File |custom, text, _| set(&mut custom.number.ratio, value::ratio(text));
    "interval" Duration Both |custom, text, _| set(&mut custom.interval, value::duration(text).map(Some));
    "exec" Command Script |custom, text, _| set(&mut custom.script.command, value::script(text));
    "user" User Script |custom, text, _| set(&mut custom.script.user, value::user(text).map(Some));
    "timeout" Duration Script |custom, text, _| set(&mut custom.script.timeout, value::duration(text).map(Some));
}
