//! Parsers of the values of options and keys; each returns `None` for an invalid value.

use super::{Find, PROCESS_NAME_MAX, PROCESSES_MAX};
use crate::base::decimal::parse_u64;
use crate::base::fields::has;
use crate::base::glob::items;
use crate::platform::{Directory, Transfer, has_user};
use core::ops::RangeInclusive;

/// The bounds of a duration, in milliseconds: 10 ms to 24 h.
const DURATION: RangeInclusive<u32> = 10..=24 * 3_600_000;

/// The bounds of the buffer, in bytes: 4 KiB to 1 GiB.
const SIZE: RangeInclusive<u32> = 4 << 10..=1 << 30;

/// Longest name of an endpoint.
const NAME_MAX: usize = 255;
/// Longest host name (RFC 1035, section 2.3.4).
const HOST_MAX: usize = 253;
/// The prefix of a receiver that is a command.
const COMMAND: &[u8] = b"exec:";
/// Longest command.
const COMMAND_MAX: usize = 1000;
/// Most arguments of a script.
const ARGUMENTS_MAX: usize = 24;
/// Longest path of a Unix socket (`unix(7)`).
const UNIX_PATH_MAX: usize = 107;
/// Longest name of a metric.
const METRIC_MAX: usize = 64;
/// Greatest number of a line or a field.
const NUMBER_MAX: u64 = 1_000_000;
/// Greatest power of ten.
const SCALE_MAX: u64 = 9;

/// Sets the slot, if there is a value.
pub(super) fn set<T>(slot: &mut T, value: Option<T>) -> Option<()> {
    *slot = value?;
    Some(())
}

/// Parses a number with a unit, for which `factor` returns what it stands for.
fn amount(text: &[u8], factor: fn(&[u8]) -> Option<u32>, bounds: &RangeInclusive<u32>) -> Option<u32> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit());
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let number = u32::try_from(parse_u64(number)?).ok()?;
    let amount = number.checked_mul(factor(unit)?)?;
    bounds.contains(&amount).then_some(amount)
}

/// Splits `name=value` at the first `=`.
pub(super) fn pair(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|&byte| byte == b'=')?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Parses `500ms`, `5s`, `2m`, `1h` or plain seconds, into milliseconds.
pub(super) fn duration(text: &[u8]) -> Option<u32> {
    let factor = |unit: &[u8]| match unit {
        b"ms" => Some(1),
        b"s" | b"" => Some(1_000),
        b"m" => Some(60_000),
        b"h" => Some(3_600_000),
        _ => None,
    };
    amount(text, factor, &DURATION)
}

/// Parses a duration or 0.
pub(super) fn duration_or_zero(text: &[u8]) -> Option<u32> {
    if text == b"0" {
        return Some(0);
    }
    duration(text)
}

/// Parses `64K`, `1M`, `1G` or plain bytes.
pub(super) fn size(text: &[u8]) -> Option<usize> {
    let factor = |unit: &[u8]| match unit {
        b"" => Some(1),
        b"k" | b"K" => Some(1 << 10),
        b"m" | b"M" => Some(1 << 20),
        b"g" | b"G" => Some(1 << 30),
        _ => None,
    };
    Some(amount(text, factor, &SIZE)? as usize)
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

/// Checks the path of a file; control characters cannot be shown in the log.
pub(super) fn path(path: &[u8]) -> Option<&[u8]> {
    not_empty(path).filter(|path| !path.iter().any(u8::is_ascii_control))
}

/// Checks the path of a Unix socket.
pub(super) fn socket(text: &[u8]) -> Option<&[u8]> {
    path(text).filter(|path| path.len() <= UNIX_PATH_MAX && path.starts_with(b"/"))
}

/// Checks that a directory can be opened, unless it was accepted before.
pub(super) fn directory(path: &[u8], is_accepted: bool) -> Option<&[u8]> {
    (is_accepted || Directory::open(path).is_ok()).then_some(path)
}

/// Checks a list of patterns.
pub(super) fn patterns(list: &[u8]) -> Option<&[u8]> {
    items(list).next()?;
    Some(list)
}

/// Parses `net=eth*,br-lan` into the index of the family, which has instances, and the patterns.
pub(super) fn family_patterns(text: &[u8], find: Find) -> Option<(usize, &[u8])> {
    let (family, list) = pair(text)?;
    Some((find(family, true)?, patterns(list)?))
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

/// Checks a script: a text, or arguments with a zero after each.
pub(super) fn script(command: &[u8]) -> Option<&[u8]> {
    let arguments = command.strip_suffix(b"\0").unwrap_or(command);
    let (mut length, mut count) = (0, 0);
    for argument in arguments.split(|byte| *byte == 0) {
        length += argument.len();
        count += 1;
    }
    let has_program = !matches!(arguments, [] | [0, ..]);
    (has_program && length <= COMMAND_MAX && count <= ARGUMENTS_MAX).then_some(command)
}

/// Checks that a user exists, unless the name was accepted before.
pub(super) fn user(name: &[u8], is_accepted: bool) -> Option<&[u8]> {
    not_empty(name).filter(|name| is_accepted || has_user(name))
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

/// Pushes receivers, which have commas between; a command takes the rest of the text.
pub(super) fn receivers<'a>(text: &'a [u8], mut push: impl FnMut(Transfer<'a>) -> Option<()>) -> Option<()> {
    let mut rest = text;
    loop {
        if let Some(command) = rest.strip_prefix(COMMAND) {
            let fits = (1..=COMMAND_MAX).contains(&command.len());
            return push(Transfer::Command(command)).filter(|()| fits && !has(command, 0));
        }
        let end = rest.iter().position(|byte| *byte == b',');
        push(receiver(rest.get(..end.unwrap_or(rest.len()))?)?)?;
        match end {
            Some(end) => rest = rest.get(end + 1..)?,
            None => return Some(()),
        }
    }
}

/// Parses `host:port`, `:port`, `[v6]:port`, `unix:/path` or `-`.
fn receiver(text: &[u8]) -> Option<Transfer<'_>> {
    if text == b"-" {
        return Some(Transfer::Stdout);
    }
    if let Some(path) = text.strip_prefix(b"unix:") {
        return socket(path).map(Transfer::Unix);
    }
    let colon = text.iter().rposition(|&byte| byte == b':')?;
    let (host, port) = (text.get(..colon)?, text.get(colon + 1..)?);
    let port = u16::try_from(parse_u64(port)?).ok().filter(|&port| port != 0)?;
    let host = match host.strip_prefix(b"[") {
        Some(rest) => rest.strip_suffix(b"]").filter(|inside| has(inside, b':'))?,
        None if has(host, b':') => return None,
        None => host,
    };
    let is_name = host.len() <= HOST_MAX && host.iter().all(u8::is_ascii_graphic);
    is_name.then_some(Transfer::Tcp { host, port })
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
            "1.5s",
            "5 s",
            "99999999999999999999",
            "18446744073709551615h",
        ] {
            assert_eq!(duration(bad.as_bytes()), None, "{bad}");
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

    #[test]
    fn receiver_is_an_address_or_a_dash() {
        let tcp = |host: &'static str, port| {
            Some(Transfer::Tcp {
                host: host.as_bytes(),
                port,
            })
        };
        let good = [
            ("-", Some(Transfer::Stdout)),
            ("unix:/run/x", Some(Transfer::Unix(b"/run/x"))),
            ("127.0.0.1:6000", tcp("127.0.0.1", 6000)),
            (":6000", tcp("", 6000)),
            ("metrics.example:65535", tcp("metrics.example", 65_535)),
            ("[::1]:6000", tcp("::1", 6000)),
            ("[fe80::1%eth0]:1", tcp("fe80::1%eth0", 1)),
        ];
        for (text, expected) in good {
            assert_eq!(receiver(text.as_bytes()), expected, "{text}");
        }
        let long = format!("unix:/{}", "a".repeat(107));
        for bad in [
            "",
            "host",
            "host:",
            ":0",
            ":65536",
            "host:port",
            "::1:6000",
            "[::1]",
            "[::1:6000",
            "[name]:1",
            "unix:",
            "unix:relative",
            "a b:1",
            &long,
        ] {
            assert_eq!(receiver(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn receivers_have_commas_between_and_a_command_is_last() {
        let of = |text: &'static str| {
            let mut list = Vec::new();
            receivers(text.as_bytes(), |receiver| {
                list.push(receiver);
                Some(())
            })?;
            Some(list)
        };
        let tcp = |host: &'static str, port| Transfer::Tcp {
            host: host.as_bytes(),
            port,
        };
        assert_eq!(of("-"), Some(vec![Transfer::Stdout]));
        assert_eq!(of(":1"), Some(vec![tcp("", 1)]));
        assert_eq!(
            of("a:1,unix:/run/x,[::1]:2,a:1"),
            Some(vec![
                tcp("a", 1),
                Transfer::Unix(b"/run/x"),
                tcp("::1", 2),
                tcp("a", 1)
            ])
        );
        assert_eq!(of(":1,:2,:3,:4,:5,:6,:7,:8").unwrap().len(), 8);
        assert_eq!(
            of("a:1,exec:nc -q 0 b 2, 3"),
            Some(vec![tcp("a", 1), Transfer::Command(b"nc -q 0 b 2, 3")])
        );
        for bad in [
            "",
            ",",
            ":1,",
            ",:1",
            ":1,,:2",
            ":1, :2",
            ":1;:2",
            ":1,unix:x",
            "exec:",
            "exec:a\0b",
        ] {
            assert_eq!(of(bad), None, "{bad}");
        }
    }
}
