//! Values of flags.

use crate::base::decimal::parse_u64;
use crate::base::fields::has;
use crate::base::text::place_of;
use crate::platform::Transfer;
use core::ops::RangeInclusive;

/// The bounds of a duration, in milliseconds: 10 ms to 24 h.
const DURATION: RangeInclusive<u32> = 10..=24 * 3_600_000;

/// The bounds of the ring, in bytes: 4 KiB to 1 GiB.
const SIZE: RangeInclusive<u32> = 4 << 10..=1 << 30;

/// Longest host name (RFC 1035, section 2.3.4).
const HOST_MAX: usize = 253;
/// What stands before a command.
const COMMAND: &[u8] = b"exec:";
/// Longest command.
const COMMAND_MAX: usize = 1000;
/// Longest path of a Unix socket (`unix(7)`).
const UNIX_PATH_MAX: usize = 107;

/// A number with one of these units behind it, each of which stands for so many.
fn amount(text: &[u8], units: &'static str, factors: &[u32], bounds: &RangeInclusive<u32>) -> Option<u32> {
    let end = text.iter().position(|byte| !byte.is_ascii_digit());
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let number = u32::try_from(parse_u64(number)?).ok()?;
    let amount = number.checked_mul(*factors.get(place_of(units, unit)?)?)?;
    bounds.contains(&amount).then_some(amount)
}

/// `name=value`, apart at the first sign.
pub(super) fn pair(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = text.iter().position(|&byte| byte == b'=')?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// `500ms`, `5s`, `2m`, `1h`, or plain seconds: in milliseconds.
pub(super) fn duration(text: &[u8]) -> Option<u32> {
    let factors = [1, 1_000, 1_000, 60_000, 3_600_000];
    amount(text, "ms\ns\n\nm\nh\n", &factors, &DURATION)
}

/// `64K`, `1M`, `1G`, or plain bytes.
pub(super) fn size(text: &[u8]) -> Option<usize> {
    const K: u32 = 1 << 10;
    const M: u32 = 1 << 20;
    const G: u32 = 1 << 30;
    let bytes = amount(text, "\nk\nK\nm\nM\ng\nG\n", &[1, K, K, M, M, G, G], &SIZE)?;
    Some(bytes as usize)
}

/// `thin` or `drop`: whether it is the first.
pub(super) fn overflow(text: &[u8]) -> Option<bool> {
    place_of("thin\ndrop\n", text).map(|place| place == 0)
}

/// As Go's flags take it.
pub(super) fn switch(text: &[u8]) -> Option<bool> {
    place_of("1\ntrue\n0\nfalse\n", text).map(|place| place < 2)
}

/// Hands over transfers, which have commas between; a command takes all the rest.
pub(super) fn transfers<'a>(text: &'a [u8], mut take: impl FnMut(Transfer<'a>) -> Option<()>) -> Option<()> {
    let mut rest = text;
    loop {
        if let Some(command) = rest.strip_prefix(COMMAND) {
            let fits = (1..=COMMAND_MAX).contains(&command.len());
            return take(Transfer::Command(command)).filter(|()| fits && !has(command, 0));
        }
        let end = rest.iter().position(|byte| *byte == b',');
        take(transfer(rest.get(..end.unwrap_or(rest.len()))?)?)?;
        match end {
            Some(end) => rest = rest.get(end + 1..)?,
            None => return Some(()),
        }
    }
}

/// Whether it can be the path of a file; what a line of the log cannot show is in none.
pub(super) fn is_path(path: &[u8]) -> bool {
    !path.is_empty() && !path.iter().any(u8::is_ascii_control)
}

/// The path of a Unix socket, which starts with a slash.
pub(super) fn socket(path: &[u8]) -> Option<&[u8]> {
    (path.len() <= UNIX_PATH_MAX && path.first() == Some(&b'/') && is_path(path)).then_some(path)
}

/// `host:port`, `:port`, `[v6]:port`, `unix:/path` or `-`.
fn transfer(text: &[u8]) -> Option<Transfer<'_>> {
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
    fn durations() {
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
    fn sizes() {
        let good = [("4096", 4096), ("64K", 65_536), ("1m", 1 << 20), ("1G", 1 << 30)];
        for (text, bytes) in good {
            assert_eq!(size(text.as_bytes()), Some(bytes), "{text}");
        }
        for bad in ["", "K", "4095", "3K", "2G", "1T", "64KB", "18446744073709551615G"] {
            assert_eq!(size(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn one_transfer() {
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
            assert_eq!(transfer(text.as_bytes()), expected, "{text}");
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
            assert_eq!(transfer(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn lists_of_transfers() {
        let of = |text: &'static str| {
            let mut list = Vec::new();
            transfers(text.as_bytes(), |transfer| {
                list.push(transfer);
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
