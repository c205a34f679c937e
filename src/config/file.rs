//! The configuration file, whose events set options.

use super::custom_keys::{Custom, Group, KEYS, LIST};
use super::error::ValueError::{NotOfKind, Part};
use super::error::{ConfigError, ErrorKind, Hint, Reported, ValueResult};
use super::family_keys::FAMILY_KEYS;
use super::headers::{NO_HEADERS, add_header};
use super::kind::{Form, ValueKind};
use super::memory::FreeMemory;
use super::options::{ConfigOption, KEY_COUNT, OPTIONS, SetterContext};
use super::suggest::{family_hint, hint};
use super::{Config, FamilyTable, NameAt, receivers, tags};
use crate::base::fields::has;
use crate::base::text::Text;
use crate::json::{Document, Event, Events, Kind, place};
use crate::platform::Transfer;

/// A configuration file in memory.
#[derive(Clone, Copy)]
pub struct ConfigFile<'a> {
    path: &'a [u8],
    text: &'a [u8],
    is_private: bool,
}

impl<'a> ConfigFile<'a> {
    /// A file with that text; only if it is private may it have commands.
    pub fn new(path: &'a [u8], text: &'a [u8], is_private: bool) -> Self {
        // Some editors begin a file with a byte order mark.
        let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
        Self {
            path,
            text,
            is_private,
        }
    }

    /// Sets the options of the file. After an error it writes the message. The heap is in use until it returns.
    pub fn apply(
        &self,
        config: &mut Config<'a>,
        families: &FamilyTable,
        memory: &mut FreeMemory<'a>,
        message: &mut Text,
    ) -> Result<(), Reported> {
        let document = Document::parse(self.text).map_err(|error| {
            let kind = ErrorKind::Syntax(error.kind);
            ConfigError::new(Some(self.path), error.place).report(kind, message)
        })?;
        let mut reader = Reader {
            events: document.events(),
            number: 0,
            part: None,
            hint: Hint::None,
            families,
            memory,
            is_private: self.is_private,
        };
        reader.document(config).map_err(|kind| {
            let mut error = self.error_at(reader.number);
            (error.part, error.hint) = (reader.part, reader.hint);
            error.report(kind, message)
        })
    }

    /// Checks what depends on options of the command line, too. After an error it writes the message.
    pub fn check(&self, config: &Config<'a>, message: &mut Text) -> Result<(), Reported> {
        for custom in config.custom() {
            if let Some(most) = custom.exceeded_timeout(config) {
                return Err(self.report(ErrorKind::LongTimeout(most), custom.timeout_event, message));
            }
            let mut keys = custom.number.tags().iter().map(|(_, tag)| tags::key(tag));
            let is_common = |key: &&[u8]| config.tags().iter().any(|tag| tags::key(tag) == *key);
            if let Some(key) = keys.find(is_common) {
                let mut error = self.error_at(custom.tag_event);
                error.part = Some(key);
                return Err(error.report(ErrorKind::CommonTag, message));
            }
        }
        Ok(())
    }

    /// Writes the message of an error of the event of that number, of the file as a whole if it is 0.
    pub(crate) fn report(&self, kind: ErrorKind, number: u32, message: &mut Text) -> Reported {
        self.error_at(number).report(kind, message)
    }

    fn error_at(&self, number: u32) -> ConfigError<'a> {
        ConfigError::new(Some(self.path), place(self.text, number))
    }
}

/// Sets a value, which may be invalid. The memory is for lists that are joined.
type Set<'s, 'a> = &'s mut dyn FnMut(&'a [u8], &mut FreeMemory<'a>) -> ValueResult<'a>;

/// Reads a document from event to event.
struct Reader<'m, 'a, 'd> {
    events: Events<'a, 'd>,
    /// The number of the event that an error is about, from 1 up: the last one, if nothing else is said.
    number: u32,
    /// The part of a value that is wrong, if not all of it.
    part: Option<&'a [u8]>,
    /// What would be accepted in place of an unknown name.
    hint: Hint,
    families: &'m FamilyTable,
    memory: &'m mut FreeMemory<'a>,
    /// Whether the file may have commands.
    is_private: bool,
}

impl<'a, 'd> Reader<'_, 'a, 'd> {
    /// Sets the options of the document.
    fn document(&mut self, config: &mut Config<'a>) -> Result<(), ErrorKind> {
        self.object()?;
        let (mut seen, mut families) = (0, None);
        while let Some(key) = self.key()? {
            if ConfigOption::find(key).is_some_and(|(index, _)| index >= KEY_COUNT) {
                return Err(ErrorKind::CommandLineOnly);
            }
            let index = self.index(key, &mut seen, root_key, ErrorKind::UnknownKey)?;
            if index == FAMILIES {
                config.families_event = self.number;
                families = Some(self.events.clone());
                self.skip();
            } else if index == CUSTOM {
                self.custom(config)?;
            } else {
                self.option(index, config)?;
            }
        }
        // `families` takes precedence over `metrics`, `only` and `ignore`, wherever it stands.
        if let Some(events) = families {
            self.events = events;
            self.families(config)?;
        }
        Ok(())
    }

    fn option(&mut self, index: usize, config: &mut Config<'a>) -> Result<(), ErrorKind> {
        let option = &OPTIONS[index];
        match option.kind {
            ValueKind::Header => config.header_event = self.number,
            ValueKind::Name | ValueKind::Tag => config.name_event = self.number,
            ValueKind::Families => config.families_event = self.number,
            _ => {}
        }
        config.clear(option.kind);
        if option.kind == ValueKind::Receivers {
            return self.receivers(config);
        }
        let families = self.families;
        self.value(option.kind, &mut |text, memory| {
            config.keep(index, text);
            let mut cx = SetterContext { families, memory };
            (option.set)(config, text, &mut cx)
        })?;
        self.check_exec(config.via.is_some())
    }

    /// Reads a text of addresses, an address with headers of its own, or a list of both.
    fn receivers(&mut self, config: &mut Config<'a>) -> Result<(), ErrorKind> {
        if self.next_kind() != Some(Kind::ListStart) {
            return self.receiver(config);
        }
        self.next();
        let start = self.number;
        while self.next_kind() != Some(Kind::ListEnd) {
            self.receiver(config)?;
        }
        self.next();
        self.number = start;
        if config.transfers().is_empty() {
            return Err(ErrorKind::Value(ValueKind::Receivers));
        }
        Ok(())
    }

    fn receiver(&mut self, config: &mut Config<'a>) -> Result<(), ErrorKind> {
        if self.next_kind() == Some(Kind::ObjectStart) {
            self.address(config)?;
        } else {
            self.value(ValueKind::Receivers, &mut |text, _| config.add_transfers(text))?;
        }
        self.check_exec(config.has_command())
    }

    /// Reads an address with headers of its own.
    fn address(&mut self, config: &mut Config<'a>) -> Result<(), ErrorKind> {
        self.object()?;
        let start = self.number;
        let (mut seen, mut transfer) = (0, None);
        let (mut headers, mut header_event) = (NO_HEADERS, start);
        while let Some(key) = self.key()? {
            let event = self.number;
            if self.index(key, &mut seen, address_key_name, ErrorKind::UnknownKey)? == URL {
                self.value(ValueKind::Receiver, &mut |text, _| {
                    transfer = Some(receivers::address(text)?);
                    Ok(())
                })?;
            } else {
                header_event = event;
                self.value(ValueKind::Header, &mut |text, _| add_header(&mut headers, text))?;
            }
        }
        self.number = start;
        let transfer = transfer.ok_or(ErrorKind::UrlMissing)?;
        if !headers.all().is_empty() && !matches!(transfer, Transfer::Http { .. }) {
            self.number = header_event;
            return Err(ErrorKind::HeadersNeedHttp);
        }
        self.explain(ValueKind::Receivers, config.add_transfer(transfer, headers))
    }

    fn families(&mut self, config: &mut Config<'a>) -> Result<(), ErrorKind> {
        self.object()?;
        let mut seen_families = 0;
        while let Some(key) = self.key()? {
            let name = self.families.name;
            let index = self.index(key, &mut seen_families, name, ErrorKind::UnknownFamily)?;
            let (Some(interval), Some(filter)) =
                (config.intervals.get_mut(index), config.filters.get_mut(index))
            else {
                return Err(ErrorKind::UnknownFamily);
            };
            self.object()?;
            let mut seen = 0;
            while let Some(family_key) = self.key()? {
                let row = self.index(family_key, &mut seen, family_key_name, ErrorKind::UnknownKey)?;
                let (_, kind, set) = FAMILY_KEYS[row];
                if kind == ValueKind::Patterns && (self.families.find)(key, true).is_none() {
                    self.part = name(index);
                    return Err(ErrorKind::NoInstances);
                }
                self.value(kind, &mut |text, _| set(interval, filter, text))?;
            }
        }
        Ok(())
    }

    fn custom(&mut self, config: &mut Config<'a>) -> Result<(), ErrorKind> {
        if self.next().kind != Kind::ListStart {
            return Err(ErrorKind::NotList);
        }
        loop {
            match self.next().kind {
                Kind::ListEnd => return Ok(()),
                Kind::ObjectStart => {}
                _ => return Err(ErrorKind::NotObject),
            }
            let custom = self.memory.next_custom().ok_or(ErrorKind::TooManyMetrics)?;
            self.metric(custom)?;
            self.check_exec(custom.is_script())?;
            let is_same = |other: &Custom| !other.is_script() && other.number.is_same_series(&custom.number);
            if !custom.is_script() && config.custom().any(is_same) {
                self.number = custom.name_event;
                return Err(ErrorKind::DuplicateMetric);
            }
            config.custom.push(custom).ok_or(ErrorKind::TooManyMetrics)?;
        }
    }

    /// Reads a custom metric after the start of its object, which later errors are about.
    fn metric(&mut self, custom: &mut Custom<'a>) -> Result<(), ErrorKind> {
        let start = self.number;
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
            let families = self.families;
            self.value(key.kind, &mut |text, _| (key.set)(custom, text, families))?;
            match name {
                b"metric" if (families.is_metric)(custom.number.metric) => {
                    return Err(ErrorKind::BuiltInMetric);
                }
                b"metric" => custom.name_event = self.number,
                b"tag" => custom.tag_event = self.number,
                b"timeout" => custom.timeout_event = self.number,
                _ => {}
            }
        }
        self.number = start;
        if custom.is_complete() {
            Ok(())
        } else {
            Err(ErrorKind::Incomplete)
        }
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
            source: b"",
        };
        let event = self.events.next().unwrap_or(end);
        self.number = self.events.count;
        event
    }

    /// Returns the kind of the next event.
    fn next_kind(&self) -> Option<Kind> {
        self.events.clone().next().map(|event| event.kind)
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
        known: NameAt,
        unknown: ErrorKind,
    ) -> Result<usize, ErrorKind> {
        let mut names = (0..).map_while(known);
        let Some(index) = names.position(|name| name == key) else {
            self.hint = if unknown == ErrorKind::UnknownFamily {
                family_hint(key, self.families)
            } else {
                hint(key, known)
            };
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
        let result = self.try_value(kind.form(), set);
        self.explain(kind, result)
    }

    /// Keeps what is wrong with a value for the message.
    fn explain(&mut self, kind: ValueKind, result: ValueResult<'a>) -> Result<(), ErrorKind> {
        result.map_err(|wrong| match wrong {
            NotOfKind => ErrorKind::Value(kind),
            Part(error, part) => {
                self.part = Some(part);
                if error == ErrorKind::UnknownFamily {
                    self.hint = family_hint(part, self.families);
                }
                error
            }
        })
    }

    fn try_value(&mut self, form: Form, set: Set<'_, 'a>) -> ValueResult<'a> {
        let event = self.next();
        match (form, event.kind) {
            (Form::Word, Kind::Word) | (Form::Number | Form::TextOrNumber, Kind::Number) => {
                set(event.source, self.memory)
            }
            (Form::Word | Form::Number, _) => Err(NotOfKind),
            (_, Kind::Text) if form == Form::Arguments && has(event.text, 0) => Err(NotOfKind),
            (_, Kind::Text) => self.set_text(event.text, set),
            (Form::Each | Form::CommaList | Form::Arguments, Kind::ListStart) => self.list(form, set),
            _ => Err(NotOfKind),
        }
    }

    fn set_text(&mut self, text: &[u8], set: Set<'_, 'a>) -> ValueResult<'a> {
        let kept = self.memory.keep(text).ok_or(NotOfKind)?;
        set(kept, self.memory)
    }

    /// Reads a list of texts after its start, and sets it. An error about all of it is one about its start.
    fn list(&mut self, form: Form, set: Set<'_, 'a>) -> ValueResult<'a> {
        let start = self.number;
        let separator = if form == Form::CommaList { b',' } else { 0 };
        if form == Form::Arguments {
            self.memory.push(LIST).ok_or(NotOfKind)?;
        }
        let mut is_empty = true;
        loop {
            let event = self.next();
            match event.kind {
                Kind::Text if form == Form::Each => self.set_text(event.text, set)?,
                Kind::Text if form == Form::CommaList || !has(event.text, 0) => {
                    self.memory.push(event.text).ok_or(NotOfKind)?;
                    self.memory.push(&[separator]).ok_or(NotOfKind)?;
                }
                Kind::ListEnd => break,
                _ => return Err(NotOfKind),
            }
            is_empty = false;
        }
        self.number = start;
        if form == Form::Each {
            return if is_empty { Err(NotOfKind) } else { Ok(()) };
        }
        let text = self.memory.finish();
        set(text.strip_suffix(b",").unwrap_or(text), self.memory)
    }
}

/// The key of comments, which may stand in an object several times.
const COMMENT: &[u8] = b"//";

/// The indices of keys that are no options.
const FAMILIES: usize = KEY_COUNT;
const CUSTOM: usize = KEY_COUNT + 1;

/// Returns the keys of the outermost object, by index.
fn root_key(index: usize) -> Option<&'static [u8]> {
    match index {
        ..KEY_COUNT => OPTIONS.get(index).map(|option| option.name.as_bytes()),
        FAMILIES => Some(b"families"),
        CUSTOM => Some(b"custom"),
        _ => None,
    }
}

/// The keys of an address.
const ADDRESS_KEYS: [&str; 2] = ["url", "header"];
const URL: usize = 0;

fn address_key_name(index: usize) -> Option<&'static [u8]> {
    ADDRESS_KEYS.get(index).map(|name| name.as_bytes())
}

fn metric_key_name(index: usize) -> Option<&'static [u8]> {
    KEYS.get(index).map(|key| key.name.as_bytes())
}

fn family_key_name(index: usize) -> Option<&'static [u8]> {
    FAMILY_KEYS.get(index).map(|(name, ..)| name.as_bytes())
}

#[cfg(test)]
mod tests;
