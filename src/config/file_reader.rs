//! Sets options from the events of a document.

use super::custom_keys::{Custom, Draft, Group, KEYS, Origin};
use super::error::ErrorKind;
use super::kind::{Form, ValueKind};
use super::options::{ConfigOption, OPTIONS};
use super::suggest::suggest;
use super::value::{self, set};
use super::{Config, Find, Interval, Name};
use crate::base::fields::has;
use crate::base::glob::Filter;
use crate::json::{Document, Event, Events, Keys, Kind, Token};

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
pub(super) struct Reader<'a, 'd> {
    events: Events<'a, 'd>,
    /// The last token, and the keys that lead to it: an error is about that.
    pub(super) token: Token<'a>,
    pub(super) keys: Keys<'a>,
    /// A known name that is similar to an unknown one.
    pub(super) suggestion: Option<&'static [u8]>,
    memory: Memory<'a>,
    is_private: bool,
}

impl<'a, 'd> Reader<'a, 'd> {
    /// Takes a document, memory for its strings, and whether it may have commands.
    pub(super) fn new(document: &'d Document<'a>, free: &'a mut [u8], is_private: bool) -> Self {
        Self {
            events: document.events(),
            token: Token::default(),
            keys: Keys::default(),
            suggestion: None,
            memory: Memory { free, length: 0 },
            is_private,
        }
    }

    /// Sets the options of the document.
    pub(super) fn document(
        &mut self,
        config: &mut Config<'a>,
        find: Find,
        name: Name,
    ) -> Result<(), ErrorKind> {
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
            let (Some(interval), Some(filter)) =
                (config.intervals.get_mut(index), config.filters.get_mut(index))
            else {
                return Err(ErrorKind::UnknownFamily);
            };
            let mut family = FamilyConfig {
                interval: *interval,
                filter: *filter,
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
            (*interval, *filter) = (family.interval, family.filter);
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
        let (mut seen, mut group, mut has_line) = (0, Group::Both, false);
        while let Some(name) = self.key()? {
            let index = self.index(name, &mut seen, metric_key_name, ErrorKind::UnknownKey)?;
            let key = &KEYS[index];
            if matches!(name, b"line" | b"key") && core::mem::replace(&mut has_line, true) {
                return Err(ErrorKind::LineAndKey);
            }
            if key.group != Group::Both {
                if group != Group::Both && group != key.group {
                    return Err(ErrorKind::FileAndScript);
                }
                group = key.group;
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
            (Form::Each | Form::CommaList | Form::Arguments, Kind::ListStart) => self.list(form, set),
            _ => None,
        };
        done.ok_or(ErrorKind::Value(kind))
    }

    /// Reads a list of texts after its start, and sets it. An error about all of it is one about its start.
    fn list(&mut self, form: Form, set: Set<'_, 'a>) -> Option<()> {
        let start = self.token;
        let separator = if form == Form::CommaList { b',' } else { 0 };
        let mut is_empty = true;
        loop {
            let event = self.next();
            match event.kind {
                Kind::Text if form == Form::Each => set(self.memory.keep(event.text)?)?,
                Kind::Text if form == Form::CommaList || !has(event.text, 0) => {
                    self.memory.push(event.text)?;
                    self.memory.push(&[separator])?;
                }
                Kind::ListEnd => break,
                _ => return None,
            }
            is_empty = false;
        }
        self.token = start;
        if form == Form::Each {
            return (!is_empty).then_some(());
        }
        let text = self.memory.finish();
        set(text.strip_suffix(b",").unwrap_or(text))
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
    filter: Filter<'a>,
}

type FamilySetter = for<'a> fn(&mut FamilyConfig<'a>, &'a [u8]) -> Option<()>;

/// All keys of a family.
static FAMILY_KEYS: [(&str, ValueKind, FamilySetter); 4] = [
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
        set(&mut family.filter.only, value::patterns(text).map(Some))
    }),
    ("ignore", ValueKind::Patterns, |family, text| {
        set(&mut family.filter.ignore, value::patterns(text))
    }),
];

#[cfg(test)]
mod tests;
