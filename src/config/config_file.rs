//! The configuration file.

use super::custom_keys::{Custom, Draft, Group, KEYS, Origin};
use super::error::{ConfigError, ErrorKind};
use super::kind::{Form, ValueKind};
use super::options::{ConfigOption, OPTIONS};
use super::suggest::suggest;
use super::value::{self, set};
use super::{Config, Find, Interval, Name};
use crate::base::fields::has;
use crate::base::glob::Choice;
use crate::json::{Document, Event, Events, Keys, Kind, Token};
use crate::platform::{Errno, File};

/// Bytes of the longest file that is read.
const FILE_MAX: usize = 32 << 10;
/// Memory for a file: its text, and the strings in it without escapes, which are shorter.
pub const FILE_MEMORY: usize = 2 * FILE_MAX;

/// The text of a file at the start of the memory that it was read into.
#[derive(Clone, Copy)]
pub struct FileText {
    /// Its length.
    pub length: usize,
    /// Whether only the agent's user and root can write to the file.
    pub is_private: bool,
}

/// A configuration file in memory.
pub struct ConfigFile<'a> {
    path: &'a [u8],
    text: &'a [u8],
    /// Memory for the strings.
    free: &'a mut [u8],
    is_private: bool,
}

impl<'a> ConfigFile<'a> {
    /// Takes the text at the start of the memory.
    pub fn new(path: &'a [u8], memory: &'a mut [u8], file_text: FileText) -> Self {
        let (text, free) = memory.split_at_mut_checked(file_text.length).unwrap_or_default();
        Self {
            path,
            text,
            free,
            is_private: file_text.is_private,
        }
    }

    /// Sets the options of the file. The heap is in use until it returns.
    pub fn apply(&mut self, config: &mut Config<'a>, find: Find, name: Name) -> Result<(), ConfigError<'a>> {
        let document = Document::parse(self.text);
        let document = document.map_err(|error| ConfigError::of_syntax(&error, self.path))?;
        let mut reader = Reader {
            events: document.events(),
            token: Token::default(),
            keys: Keys::default(),
            suggestion: None,
            memory: Memory {
                free: core::mem::take(&mut self.free),
                length: 0,
            },
            is_private: self.is_private,
        };
        let done = reader.document(config, find, name);
        done.map_err(|kind| {
            let error = ConfigError::of_token(kind, self.path, reader.token, reader.keys);
            error.suggest(reader.suggestion)
        })
    }

    /// Checks what depends on options of the command line, too.
    pub fn check(&self, config: &Config<'a>) -> Result<(), ConfigError<'a>> {
        let mut timeouts = config
            .custom()
            .filter_map(|custom| custom.too_long_timeout(config.interval));
        let keys: Keys = [b"custom", b"timeout", b""];
        match timeouts.next() {
            Some(token) => Err(ConfigError::of_token(
                ErrorKind::TimeoutTooLong,
                self.path,
                token,
                keys,
            )),
            None => Ok(()),
        }
    }

    /// Returns an error of the options as a whole.
    pub fn error(&self, kind: ErrorKind, config: &Config<'a>) -> ConfigError<'a> {
        if kind != ErrorKind::NameTooLong {
            return ConfigError::of_file(kind, self.path);
        }
        let key = config.name_key.text;
        let key = key.get(1..key.len().saturating_sub(1)).unwrap_or_default();
        ConfigError::of_token(kind, self.path, config.name_key, [key, b"", b""])
    }
}

/// Reads the file into memory of [`FILE_MEMORY`] bytes.
pub fn load<'a>(path: &'a [u8], memory: &mut [u8]) -> Result<FileText, ConfigError<'a>> {
    let kind = match read(path, memory) {
        Ok(text) if text.length <= FILE_MAX => return Ok(text),
        Ok(_) => ErrorKind::FileTooLong,
        Err(Errno::NO_PLACES) => ErrorKind::Pipe,
        Err(errno) => ErrorKind::System(errno),
    };
    Err(ConfigError::of_file(kind, path))
}

/// Reads as much of the file as fits.
fn read(path: &[u8], memory: &mut [u8]) -> Result<FileText, Errno> {
    let file = File::open(path)?;
    let mut length = 0;
    loop {
        let rest = memory.get_mut(length..).unwrap_or_default();
        match file.read_at(rest, length as u64)? {
            0 => {
                return Ok(FileText {
                    length,
                    is_private: file.is_private(),
                });
            }
            count => length += count,
        }
    }
}

/// Memory for strings that a configuration keeps.
struct Memory<'a> {
    free: &'a mut [u8],
    /// Bytes of the string that is being written.
    length: usize,
}

impl<'a> Memory<'a> {
    fn push(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.length + bytes.len();
        self.free.get_mut(self.length..end)?.copy_from_slice(bytes);
        self.length = end;
        Some(())
    }

    /// Ends the string.
    fn finish(&mut self) -> &'a [u8] {
        let free = core::mem::take(&mut self.free);
        let (text, rest) = free
            .split_at_mut_checked(core::mem::take(&mut self.length))
            .unwrap_or_default();
        self.free = rest;
        text
    }

    fn keep(&mut self, bytes: &[u8]) -> Option<&'a [u8]> {
        self.push(bytes)?;
        Some(self.finish())
    }
}

/// Sets a value, which may be invalid.
type Set<'s, 'a> = &'s mut dyn FnMut(&'a [u8]) -> Option<()>;

/// Reads a document from event to event.
struct Reader<'a, 'd> {
    events: Events<'a, 'd>,
    /// The last token, and the keys that lead to it: an error is about that.
    token: Token<'a>,
    keys: Keys<'a>,
    suggestion: Option<&'static [u8]>,
    memory: Memory<'a>,
    is_private: bool,
}

impl<'a, 'd> Reader<'a, 'd> {
    fn document(&mut self, config: &mut Config<'a>, find: Find, name: Name) -> Result<(), ErrorKind> {
        self.object()?;
        let (mut seen, mut families) = (0, None);
        while let Some(key) = self.key()? {
            let option = ConfigOption::find(key).map(|(_, option)| option);
            if option.is_some_and(|option| !option.is_key) {
                return Err(ErrorKind::CommandLineOnly);
            }
            self.index(key, &mut seen, root_key, ErrorKind::UnknownKey)?;
            if let Some(option) = option {
                self.option(option, config, find)?;
            } else if key == FAMILIES {
                families = Some(self.events.clone());
                self.skip();
            } else {
                self.custom(config)?;
            }
        }
        // `families` takes precedence over `metrics`, `only` and `ignore`, wherever it stands.
        if let Some(events) = families {
            self.events = events;
            self.families(config, find, name)?;
        }
        Ok(())
    }

    fn option(
        &mut self,
        option: &ConfigOption,
        config: &mut Config<'a>,
        find: Find,
    ) -> Result<(), ErrorKind> {
        if matches!(option.kind, ValueKind::Name | ValueKind::Tag) {
            config.name_key = self.token;
        }
        (option.clear)(config);
        self.value(option.kind, &mut |text| (option.set)(config, text, find))?;
        self.check_exec(config.has_command())
    }

    fn families(&mut self, config: &mut Config<'a>, find: Find, name: Name) -> Result<(), ErrorKind> {
        self.object()?;
        let mut seen_families = 0;
        while let Some(key) = self.key()? {
            let index = self.index(key, &mut seen_families, name, ErrorKind::UnknownFamily)?;
            let (Some(interval), Some(choice)) =
                (config.intervals.get_mut(index), config.choices.get_mut(index))
            else {
                return Err(ErrorKind::UnknownFamily);
            };
            let mut family = FamilyConfig {
                interval: *interval,
                choice: *choice,
            };
            self.object()?;
            let mut seen = 0;
            while let Some(family_key) = self.key()? {
                let row = self.index(family_key, &mut seen, family_key_name, ErrorKind::UnknownKey)?;
                let (_, kind, set) = FAMILY_KEYS[row];
                if kind == ValueKind::Patterns && find(key, true).is_none() {
                    return Err(ErrorKind::NoInstances);
                }
                self.value(kind, &mut |text| set(&mut family, text))?;
            }
            (*interval, *choice) = (family.interval, family.choice);
        }
        Ok(())
    }

    fn custom(&mut self, config: &mut Config<'a>) -> Result<(), ErrorKind> {
        if self.next().kind != Kind::ListStart {
            return Err(ErrorKind::NotList);
        }
        for index in 0.. {
            match self.next().kind {
                Kind::ListEnd => break,
                Kind::ObjectStart => {}
                _ => return Err(ErrorKind::NotObject),
            }
            let custom = self.metric(Draft::new(config.is_accepted))?;
            self.check_exec(matches!(custom.origin, Origin::Script(_)))?;
            *config.custom.get_mut(index).ok_or(ErrorKind::TooManyMetrics)? = Some(custom);
        }
        Ok(())
    }

    /// Reads a custom metric after the start of its object, to which the position returns.
    fn metric(&mut self, mut draft: Draft<'a>) -> Result<Custom<'a>, ErrorKind> {
        let start = (self.token, self.keys);
        let (mut seen, mut line, mut group) = (0, None, Group::Both);
        while let Some(name) = self.key()? {
            let index = self.index(name, &mut seen, metric_key_name, ErrorKind::UnknownKey)?;
            let key = &KEYS[index];
            let own = match key.group {
                Group::Line => Group::File,
                group => group,
            };
            if key.group == Group::Line && line.replace(index).is_some() {
                return Err(ErrorKind::LineAndKey);
            }
            match (group, own) {
                (_, Group::Both) => {}
                (Group::Both, _) => group = own,
                _ if group != own => return Err(ErrorKind::FileAndScript),
                _ => {}
            }
            self.value(key.kind, &mut |text| (key.set)(&mut draft, text))?;
            if name == b"timeout" {
                draft.timeout = self.token;
            }
        }
        (self.token, self.keys) = start;
        draft.finish().ok_or(ErrorKind::Incomplete)
    }

    fn check_exec(&self, has_command: bool) -> Result<(), ErrorKind> {
        if has_command && !self.is_private {
            return Err(ErrorKind::UnsafeExec);
        }
        Ok(())
    }

    fn next(&mut self) -> Event<'a, 'd> {
        // The end of the outermost object is the last event.
        let end = Event {
            kind: Kind::ObjectEnd,
            text: b"",
            token: Token::default(),
        };
        let event = self.events.next().unwrap_or(end);
        (self.token, self.keys) = (event.token, self.events.keys());
        event
    }

    /// Reads the start of an object.
    fn object(&mut self) -> Result<(), ErrorKind> {
        match self.next().kind {
            Kind::ObjectStart => Ok(()),
            _ => Err(ErrorKind::NotObject),
        }
    }

    /// Reads the next key of an object, or its end. Comments are skipped.
    fn key(&mut self) -> Result<Option<&'d [u8]>, ErrorKind> {
        loop {
            let event = self.next();
            if event.kind != Kind::Key {
                return Ok(None);
            }
            if event.text != COMMENT {
                return Ok(Some(event.text));
            }
            if self.next().kind != Kind::Text {
                return Err(ErrorKind::NotText);
            }
        }
    }

    /// Returns the index of a key among the known ones; it must not be among those `seen` in its object.
    fn index(
        &mut self,
        key: &[u8],
        seen: &mut u64,
        known: Name,
        unknown: ErrorKind,
    ) -> Result<usize, ErrorKind> {
        let mut names = (0..).map_while(known);
        let Some(index) = names.position(|name| name == key) else {
            self.suggestion = suggest(key, &mut (0..).map_while(known));
            return Err(unknown);
        };
        if *seen & 1 << index != 0 {
            return Err(ErrorKind::Duplicate);
        }
        *seen |= 1 << index;
        Ok(index)
    }

    /// Skips a value.
    fn skip(&mut self) {
        let mut depth = 0_usize;
        loop {
            match self.next().kind {
                Kind::ObjectStart | Kind::ListStart => depth += 1,
                Kind::ObjectEnd | Kind::ListEnd => depth = depth.saturating_sub(1),
                _ => {}
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// Reads a value and sets it, as the command line would have it.
    fn value(&mut self, kind: ValueKind, set: Set<'_, 'a>) -> Result<(), ErrorKind> {
        let event = self.next();
        let form = kind.form();
        let done = match (form, event.kind) {
            (Form::Word, Kind::Word) | (Form::Number | Form::TextOrNumber, Kind::Number) => {
                set(event.token.text)
            }
            (Form::Word | Form::Number, _) => None,
            (_, Kind::Text) if form == Form::Arguments && has(event.text, 0) => None,
            (_, Kind::Text) => self.memory.keep(event.text).and_then(set),
            (Form::Each, Kind::ListStart) => self.each(set),
            (Form::CommaList, Kind::ListStart) => self.joined(b',').and_then(|text| {
                let text = text.strip_suffix(b",").unwrap_or(text);
                set(text)
            }),
            (Form::Arguments, Kind::ListStart) => self.joined(0).and_then(set),
            _ => None,
        };
        done.ok_or(ErrorKind::Value(kind))
    }

    /// Sets each text of a list, of which there is at least one.
    fn each(&mut self, set: Set<'_, 'a>) -> Option<()> {
        let start = self.token;
        for count in 0.. {
            let event = self.next();
            match event.kind {
                Kind::Text => set(self.memory.keep(event.text)?)?,
                Kind::ListEnd if count > 0 => break,
                Kind::ListEnd => {
                    self.token = start;
                    return None;
                }
                _ => return None,
            }
        }
        Some(())
    }

    /// Returns the texts of a list with a separator after each; an error is about the list then.
    fn joined(&mut self, separator: u8) -> Option<&'a [u8]> {
        let start = self.token;
        loop {
            let event = self.next();
            match event.kind {
                Kind::Text if separator != 0 || !has(event.text, 0) => {
                    self.memory.push(event.text)?;
                    self.memory.push(&[separator])?;
                }
                Kind::ListEnd => {
                    self.token = start;
                    return Some(self.memory.finish());
                }
                _ => return None,
            }
        }
    }
}

/// The key of comments, which may stand in an object several times.
const COMMENT: &[u8] = b"//";
const FAMILIES: &[u8] = b"families";
const CUSTOM: &[u8] = b"custom";

/// Returns the keys of the outermost object, by index.
fn root_key(index: usize) -> Option<&'static [u8]> {
    let options = OPTIONS.iter().filter(|option| option.is_key);
    let names = options.map(|option| option.name.as_bytes());
    names.chain([FAMILIES, CUSTOM]).nth(index)
}

fn metric_key_name(index: usize) -> Option<&'static [u8]> {
    KEYS.get(index).map(|key| key.name.as_bytes())
}

fn family_key_name(index: usize) -> Option<&'static [u8]> {
    FAMILY_KEYS.get(index).map(|(name, ..)| name.as_bytes())
}

/// The configuration of a family.
struct FamilyConfig<'a> {
    interval: Option<Interval>,
    choice: Choice<'a>,
}

type FamilyKey = (
    &'static str,
    ValueKind,
    for<'a> fn(&mut FamilyConfig<'a>, &'a [u8]) -> Option<()>,
);

/// All keys of a family.
static FAMILY_KEYS: [FamilyKey; 4] = [
    ("interval", ValueKind::Duration, |family, text| {
        let period = value::duration(text)?;
        // A family that is off stays off.
        if family.interval != Some(Interval::Off) {
            family.interval = Some(Interval::Every(period));
        }
        Some(())
    }),
    ("on", ValueKind::Switch, |family, text| {
        if value::switch(text)? {
            family.interval = family.interval.or(Some(Interval::Default));
        } else {
            family.interval = Some(Interval::Off);
        }
        Some(())
    }),
    ("only", ValueKind::Patterns, |family, text| {
        set(&mut family.choice.only, value::patterns(text).map(Some))
    }),
    ("ignore", ValueKind::Patterns, |family, text| {
        set(&mut family.choice.ignore, value::patterns(text))
    }),
];
