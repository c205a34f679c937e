//! The command line.

use super::error::{ConfigError, ErrorKind, Hint, Reported, ValueError};
use super::kind::ValueKind;
use super::memory::FreeMemory;
use super::options::{ConfigOption, OPTIONS, SetterContext};
use super::suggest::{family_hint, suggest};
use super::{Config, FamilyTable, value};
use crate::base::text::Text;
use crate::json::Place;

/// The arguments after the program's name.
type Arguments<'i, 'a> = &'i mut dyn Iterator<Item = &'a [u8]>;

/// A flag of the command line.
struct Flag<'a> {
    /// The index of its option.
    index: usize,
    option: &'static ConfigOption,
    value: &'a [u8],
}

/// Sets the options of the arguments. After an error it writes the message.
pub fn parse<'a>(
    config: &mut Config<'a>,
    arguments: Arguments<'_, 'a>,
    families: &FamilyTable,
    memory: &mut FreeMemory<'a>,
    message: &mut Text,
) -> Result<(), Reported> {
    let mut error = ConfigError::new(None, Place::default());
    let mut cx = SetterContext { families, memory };
    let result = set_all(config, arguments, &mut cx, &mut error);
    result.map_err(|kind| {
        if kind == ErrorKind::UnknownFamily {
            error.hint = family_hint(error.part.unwrap_or_default(), families);
        }
        error.report(kind, message)
    })
}

/// Whether an argument asks for the help, which is printed whatever else is given.
pub fn is_help(argument: &[u8]) -> bool {
    matches!(
        split(argument),
        Some((b"h" | b"help", None | Some(b"true" | b"1")))
    )
}

/// Returns the last value of the flag of that name.
pub fn last_value<'a>(arguments: Arguments<'_, 'a>, name: &str) -> Option<&'a [u8]> {
    let mut last = None;
    each_flag(arguments, &mut |flag| {
        if flag.option.name == name {
            last = Some(flag.value);
        }
    });
    last
}

/// A flag of one value that is repeated.
pub struct Repeated<'a> {
    /// Its name, without the dash.
    pub name: &'static str,
    /// The value before.
    pub before: &'a [u8],
    /// The value that replaces it.
    pub last: &'a [u8],
}

/// Calls `note` with each flag of one value that is repeated.
pub fn repeated<'a>(arguments: Arguments<'_, 'a>, note: &mut dyn FnMut(Repeated<'a>)) {
    let mut values = [None; OPTIONS.len()];
    each_flag(arguments, &mut |flag| {
        if !flag.option.kind.is_repeatable()
            && let Some(slot) = values.get_mut(flag.index)
            && let Some(before) = slot.replace(flag.value)
        {
            note(Repeated {
                name: flag.option.name,
                before,
                last: flag.value,
            });
        }
    });
}

fn each_flag<'a>(arguments: Arguments<'_, 'a>, note: &mut dyn FnMut(&Flag<'a>)) {
    let mut error = ConfigError::new(None, Place::default());
    while let Ok(Some(flag)) = next_flag(arguments, &mut error) {
        note(&flag);
    }
}

/// Sets the options. Sets the argument in `error`, and what is known of it.
fn set_all<'a>(
    config: &mut Config<'a>,
    arguments: Arguments<'_, 'a>,
    cx: &mut SetterContext<'_, 'a>,
    error: &mut ConfigError<'a>,
) -> Result<(), ErrorKind> {
    (config.only_given, config.ignore_given) = (0, 0);
    let mut given = [false; OPTIONS.len()];
    while let Some(Flag { index, option, value }) = next_flag(arguments, error)? {
        let was_given = given
            .get_mut(index)
            .is_some_and(|given| core::mem::replace(given, true));
        if !was_given {
            config.clear(option.kind);
        }
        (option.set)(config, value, cx).map_err(|wrong| match wrong {
            ValueError::NotOfKind => ErrorKind::Value(option.kind),
            ValueError::Part(kind, part) => {
                error.part = Some(part);
                kind
            }
        })?;
        config.keep(index, value);
    }
    Ok(())
}

/// Returns the next flag. Sets the argument in `error`, and what is known of it.
fn next_flag<'a>(
    arguments: Arguments<'_, 'a>,
    error: &mut ConfigError<'a>,
) -> Result<Option<Flag<'a>>, ErrorKind> {
    let Some(argument) = arguments.next() else {
        return Ok(None);
    };
    let before = error.flag.take();
    error.place.token.text = argument;
    let Some((name, inline)) = split(argument) else {
        let is_switch = |name: &[u8]| {
            ConfigOption::find(name).is_some_and(|(_, option)| option.kind == ValueKind::Switch)
        };
        if value::switch(argument).is_some() && before.is_some_and(is_switch) {
            error.flag = before;
            return Err(ErrorKind::SwitchValue);
        }
        let name = value::pair(argument).map_or(argument, |(name, _)| name);
        error.hint = flag_hint(name);
        return Err(ErrorKind::UnexpectedArgument);
    };
    error.flag = Some(name);
    let Some((index, option)) = ConfigOption::find(name) else {
        error.hint = flag_hint(name);
        return Err(ErrorKind::UnknownFlag);
    };
    let value = match inline {
        Some(value) => value,
        None if option.kind == ValueKind::Switch => b"true",
        // Another flag is no value.
        None => arguments
            .next()
            .filter(|value| !is_flag(value))
            .ok_or(ErrorKind::NoValue(option.kind))?,
    };
    error.place.token.text = value;
    Ok(Some(Flag { index, option, value }))
}

fn flag_hint(name: &[u8]) -> Hint {
    let flag = |index: usize| OPTIONS.get(index).map(|option| option.name.as_bytes());
    suggest(name, flag).map_or(Hint::Flags, Hint::SimilarFlag)
}

fn is_flag(argument: &[u8]) -> bool {
    split(argument).is_some_and(|(name, _)| ConfigOption::find(name).is_some())
}

/// Splits `-name`, `--name` or `-name=value` into the name and the value, if there is one.
fn split(argument: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let flag = argument.strip_prefix(b"-")?;
    let flag = flag.strip_prefix(b"-").unwrap_or(flag);
    if flag.is_empty() {
        return None;
    }
    Some(match value::pair(flag) {
        Some((name, value)) => (name, Some(value)),
        None => (flag, None),
    })
}
