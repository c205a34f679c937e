//! The command line.

use super::error::{ConfigError, ErrorKind};
use super::kind::ValueKind;
use super::options::{ConfigOption, OPTIONS};
use super::suggest::suggest;
use super::{Config, Find, value};

const _: () = assert!(OPTIONS.len() <= u64::BITS as usize);

/// Sets the options of the arguments after the program's name.
pub fn parse<'a>(
    config: &mut Config<'a>,
    arguments: impl IntoIterator<Item = &'a [u8]>,
    find: Find,
) -> Result<(), ConfigError<'a>> {
    let mut arguments = arguments.into_iter();
    let mut given: u64 = 0;
    while let Some(argument) = arguments.next() {
        let error = |kind, option| ConfigError::of_argument(kind, option, argument);
        let (name, inline) = split(argument).ok_or_else(|| error(ErrorKind::UnexpectedArgument, None))?;
        let (index, option) = ConfigOption::find(name).ok_or_else(|| unknown(name, argument))?;
        let text = match inline {
            Some(text) => text,
            None if option.kind == ValueKind::Switch => b"true",
            None => arguments
                .next()
                .ok_or_else(|| error(ErrorKind::NoValue(option.kind), Some(option)))?,
        };
        if given & 1 << index == 0 || !option.kind.is_repeatable() {
            given |= 1 << index;
            (option.clear)(config);
        }
        (option.set)(config, text, find)
            .ok_or_else(|| ConfigError::of_argument(ErrorKind::Value(option.kind), Some(option), text))?;
    }
    Ok(())
}

fn unknown<'a>(name: &[u8], argument: &'a [u8]) -> ConfigError<'a> {
    let mut names = OPTIONS.iter().map(|option| option.name.as_bytes());
    ConfigError::of_argument(ErrorKind::UnknownFlag, None, argument).suggest(suggest(name, &mut names))
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
