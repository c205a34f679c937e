//! Parsers of the values of options and keys. Most return `None` for an invalid value, others say what is wrong with it.

use super::custom_keys::LIST;
use super::error::{ErrorKind, ValueError, ValueResult};
use super::{PROCESS_NAME_MAX, PROCESSES_MAX};
use crate::base::decimal::{Fixed, parse_u64};
use crate::base::fields::has;
use crate::base::glob::items;
use crate::platform::{Directory, has_user};
use core::ops::RangeInclusive;

/// The bounds of a duration, in milliseconds: 10 ms to 24 h.
const DURATION: RangeInclusive<u32> = 10..=24 * 3_600_000;

/// The bounds of the buffer, in bytes: 4 KiB to 1 GiB.
const SIZE: RangeInclusive<u32> = 4 << 10..=1 << 30;

/// Longest name of an endpoint.
const NAME_MAX: usize = 255;
/// Longest command.
const COMMAND_MAX: usize = 1000;
/// Most arguments of a script.
const ARGUMENTS_MAX: usize = 24;
/// Longest path of the root of the mount points.
const ROOT_MAX: usize = 128;
/// Longest path of a Unix socket (`unix(7)`).
const UNIX_PATH_MAX: usize = 107;
/// Longest name of a metric.
const METRIC_MAX: usize = 64;
/// Greatest number of a line or a field.
const NUMBER_MAX: u64 = 1_000_000;
/// Greatest power of ten.
const SCALE_MAX: u64 = 9;

/// Sets the slot, if there is a value.
pub(super) fn set<'a, T>(slot: &mut T, value: Option<T>) -> ValueResult<'a> {
    *slot = value.ok_or(ValueError::NotOfKind)?;
    Ok(())
}

/// Parses `none`, the default, which stands for this value, or what the parser accepts.
pub(super) fn unless_none<'t, T>(text: &'t [u8], none: T, parse: fn(&'t [u8]) -> Option<T>) -> Option<T> {
    if text == b"none" { Some(none) } else { parse(text) }
}

/// Splits `name=value` at the first `=`.
pub(super) fn pair(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|&byte| byte == b'=')?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Parses a duration within the bounds, into milliseconds.
pub(super) fn duration(text: &[u8]) -> Option<u32> {
    millis(text).filter(|millis| DURATION.contains(millis))
}

/// Parses a duration or 0.
pub(super) fn duration_or_zero(text: &[u8]) -> Option<u32> {
    // Less than a millisecond is not 0.
    let is_zero = !text.iter().any(|byte| (b'1'..=b'9').contains(byte));
    millis(text).filter(|millis| is_zero || DURATION.contains(millis))
}

/// Parses `500ms`, `1.5s`, `2m`, `1h30m`, `1d` or plain seconds, into milliseconds.
fn millis(text: &[u8]) -> Option<u32> {
    let is_digit = |byte: &u8| byte.is_ascii_digit() || *byte == b'.';
    let (mut millis, mut rest) = (0_u64, text);
    loop {
        let number = rest.iter().take_while(|byte| is_digit(byte)).count();
        let (number, after) = rest.split_at(number);
        let unit = after.iter().take_while(|byte| !is_digit(byte)).count();
        let (unit, next) = after.split_at(unit);
        let factor = match unit {
            b"ms" => 1,
            b"s" => 1_000,
            b"m" => 60_000,
            b"h" => 3_600_000,
            b"d" => 86_400_000,
            b"" if number.len() == text.len() => 1_000,
            _ => return None,
        };
        let (part, ..) = Fixed::parse(number)?.times(factor, 1)?.parts();
        millis = millis.checked_add(part)?;
        rest = next;
        if rest.is_empty() {
            break;
        }
    }
    u32::try_from(millis).ok()
}

/// Parses `64K`, `1M`, `1G` or plain bytes.
pub(super) fn size(text: &[u8]) -> Option<usize> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit());
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let factor = match unit {
        b"" => 1,
        b"k" | b"K" => 1 << 10,
        b"m" | b"M" => 1 << 20,
        b"g" | b"G" => 1 << 30,
        _ => return None,
    };
    let bytes = u32::try_from(parse_u64(number)?).ok()?.checked_mul(factor)?;
    SIZE.contains(&bytes).then_some(bytes as usize)
}

/// Parses `thin`, which is true, or `drop`.
pub(super) fn overflow(text: &[u8]) -> Option<bool> {
    match text {
        b"thin" => Some(true),
        b"drop" => Some(false),
        _ => None,
    }
}

/// Parses a switch as Go's flags do.
pub(super) fn switch(text: &[u8]) -> Option<bool> {
    match text {
        b"1" | b"true" => Some(true),
        b"0" | b"false" => Some(false),
        _ => None,
    }
}

pub(super) fn not_empty(text: &[u8]) -> Option<&[u8]> {
    (!text.is_empty()).then_some(text)
}

/// Checks the name of an endpoint.
pub(super) fn name(text: &[u8]) -> Option<&[u8]> {
    not_empty(text).filter(|name| name.len() <= NAME_MAX)
}

/// Checks a text for the shell, in which each `%` is followed by `h`, `p` or `%`.
pub(super) fn via(text: &[u8]) -> Option<&[u8]> {
    let mut rest = text;
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        rest = rest
            .get(at + 2..)
            .filter(|_| matches!(rest.get(at + 1), Some(b'h' | b'p' | b'%')))?;
    }
    command(text)
}

/// Checks a text for the shell.
pub(super) fn command(text: &[u8]) -> Option<&[u8]> {
    not_empty(text).filter(|text| text.len() <= COMMAND_MAX && !has(text, 0))
}

/// Checks the path of a file; control characters cannot be shown in the log.
pub(super) fn path(path: &[u8]) -> Option<&[u8]> {
    not_empty(path).filter(|path| !path.iter().any(u8::is_ascii_control))
}

/// Checks the path of a Unix socket.
pub(super) fn socket(text: &[u8]) -> Option<&[u8]> {
    path(text).filter(|path| path.len() <= UNIX_PATH_MAX && path.starts_with(b"/"))
}

/// Checks that a directory can be opened.
pub(super) fn directory(path: &[u8]) -> ValueResult<'_, &[u8]> {
    let opened = Directory::open(path);
    opened
        .map(|_| path)
        .map_err(|errno| ValueError::Part(ErrorKind::Directory(errno), path))
}

/// Checks that the root of the mount points can be opened.
pub(super) fn root(path: &[u8]) -> ValueResult<'_, &[u8]> {
    if path.len() > ROOT_MAX {
        return Err(ValueError::NotOfKind);
    }
    directory(path)
}

/// Checks a list of patterns.
pub(super) fn patterns(list: &[u8]) -> Option<&[u8]> {
    items(list).next()?;
    Some(list)
}

/// Checks a list of names of programs.
pub(super) fn programs(list: &[u8]) -> Option<&[u8]> {
    let is_short = items(list).all(|name| name.len() <= PROCESS_NAME_MAX);
    let is_valid = is_short && (1..=PROCESSES_MAX).contains(&items(list).count());
    is_valid.then_some(list)
}

/// Checks the name of a metric: up to 64 letters, digits, dots, dashes and underscores.
pub fn metric_name(text: &[u8]) -> Option<&[u8]> {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let is_name = (1..=METRIC_MAX).contains(&text.len()) && text.iter().all(is_plain);
    is_name.then_some(text)
}

/// Checks a script: a text, or a list of arguments with a zero after each.
pub(super) fn script(command: &[u8]) -> Option<&[u8]> {
    let arguments = command.strip_prefix(LIST).unwrap_or(command);
    let zeros = arguments.split(|byte| *byte == 0).count() - 1;
    let has_program = !matches!(arguments, [] | [0, ..]);
    let fits = arguments.len() - zeros <= COMMAND_MAX && zeros <= ARGUMENTS_MAX;
    (has_program && fits).then_some(command)
}

/// Checks that a user exists.
pub(super) fn user(name: &[u8]) -> Option<&[u8]> {
    not_empty(name).filter(|name| has_user(name))
}

/// Parses the number of a line or a field.
pub(super) fn number(text: &[u8]) -> Option<u32> {
    let number = parse_u64(text).filter(|number| (1..=NUMBER_MAX).contains(number))?;
    Some(number as u32)
}

/// Parses a power of ten.
pub(super) fn scale(text: &[u8]) -> Option<i8> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let power = parse_u64(digits).filter(|power| *power <= SCALE_MAX)? as i8;
    Some(if digits == text { power } else { -power })
}

/// Parses `1/1024`.
pub(super) fn ratio(text: &[u8]) -> Option<(u32, u32)> {
    let slash = text.iter().position(|byte| *byte == b'/')?;
    let number = |text: &[u8]| u32::try_from(parse_u64(text)?).ok().filter(|number| *number > 0);
    Some((number(text.get(..slash)?)?, number(text.get(slash + 1..)?)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_a_unit_and_bounds() {
        let good = [
            ("500ms", 500),
            ("5s", 5_000),
            ("2m", 120_000),
            ("7", 7_000),
            ("24h", 86_400_000),
            ("1d", 86_400_000),
            ("1.5s", 1_500),
            ("0.25h", 900_000),
            ("1h30m", 5_400_000),
            ("1m2.5s10ms", 62_510),
            ("12.5", 12_500),
            ("0.5d", 43_200_000),
            ("23h59m60s", 86_400_000),
            ("9.5ms0.5ms1ms", 10),
            ("1.2345s", 1_234),
        ];
        for (text, millis) in good {
            assert_eq!(duration(text.as_bytes()), Some(millis), "{text}");
        }
        for bad in [
            "",
            "s",
            "5x",
            "-5s",
            "0",
            "9ms",
            "25h",
            "1d1ms",
            "1h30",
            "1.s",
            ".5s",
            "1..5s",
            "5 s",
            "99999999999999999999",
            "18446744073709551615h",
            "18446744073709551615ms1ms",
            "18446744073709551615ms18446744073709551615ms",
            "4294967296ms",
            "4294967.3s",
            "0.001s",
            "ms",
            "1h1",
            "1hm",
            "1d-1h",
        ] {
            assert_eq!(duration(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn zero_may_have_a_unit() {
        for (text, millis) in [
            ("0", 0),
            ("0s", 0),
            ("0m0.0s", 0),
            ("10ms", 10),
            ("1d", 86_400_000),
        ] {
            assert_eq!(duration_or_zero(text.as_bytes()), Some(millis), "{text}");
        }
        for bad in ["", "s", "0x", "-0", "0.5ms", "9ms", "25h"] {
            assert_eq!(duration_or_zero(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn sizes_have_a_unit_and_bounds() {
        let good = [("4096", 4096), ("64K", 65_536), ("1m", 1 << 20), ("1G", 1 << 30)];
        for (text, bytes) in good {
            assert_eq!(size(text.as_bytes()), Some(bytes), "{text}");
        }
        for bad in ["", "K", "4095", "3K", "2G", "1T", "64KB", "18446744073709551615G"] {
            assert_eq!(size(bad.as_bytes()), None, "{bad}");
        }
    }
}
