//! Parser of the receivers: addresses, paths of sockets, commands, standard output.

use super::error::ErrorKind::{
    AddressBrackets, CommandLength, EmptyReceiver, Host, NoPort, Port, UnknownScheme, UrlInvalid, UserInfo,
    Value,
};
use super::error::ValueError::{NotOfKind, Part};
use super::error::{ValueError, ValueResult};
use super::kind::ValueKind;
use super::value;
use crate::base::decimal::parse_u64;
use crate::base::fields::has;
use crate::base::url::{Url, split_port};
use crate::platform::Transfer;

/// Longest host name (RFC 1035, section 2.3.4).
const HOST_MAX: usize = 253;
/// The prefix of a receiver that is a command.
const COMMAND: &[u8] = b"exec:";
/// The prefix of a receiver that is a Unix socket.
const UNIX: &[u8] = b"unix:";
/// The prefixes of a receiver that takes requests of HTTP, and of one that takes them encrypted.
const HTTP: &[u8] = b"http://";
const HTTPS: &[u8] = b"https://";
/// The ports of URLs without one.
const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;
/// Longest URL.
const URL_MAX: usize = 1024;

/// Pushes receivers, which have commas between; a command takes the rest of the text.
pub(super) fn receivers<'a>(
    text: &'a [u8],
    mut push: impl FnMut(Transfer<'a>) -> ValueResult<'a>,
) -> ValueResult<'a> {
    if text.is_empty() {
        return Err(NotOfKind);
    }
    if has_stray_user(text) {
        return Err(Part(UserInfo, b""));
    }
    let mut rest = text;
    loop {
        let is_command = rest.starts_with(COMMAND);
        let end = rest.iter().position(|byte| *byte == b',' && !is_command);
        let (item, after) = rest
            .split_at_checked(end.unwrap_or(rest.len()))
            .unwrap_or_default();
        if item.is_empty() {
            return Err(Part(EmptyReceiver, text));
        }
        push(receiver(item)?)?;
        match after.split_first() {
            Some((_, next)) => rest = next,
            None => return Ok(()),
        }
    }
}

/// Parses an address that stands alone, so that a comma is a part of it.
pub(super) fn address(text: &[u8]) -> ValueResult<'_, Transfer<'_>> {
    if text.is_empty() {
        return Err(NotOfKind);
    }
    if !text.starts_with(COMMAND) && is_stray_user(text) {
        return Err(Part(UserInfo, b""));
    }
    receiver(text)
}

/// Parses `host:port`, `:port`, `[v6]:port`, `http://host:port/path`, `https://host/path`, `unix:/path`, `exec:command` or `-`.
fn receiver(text: &[u8]) -> ValueResult<'_, Transfer<'_>> {
    if text == b"-" {
        return Ok(Transfer::Stdout);
    }
    if let Some(command) = text.strip_prefix(COMMAND) {
        let command = value::command(command).ok_or(Part(CommandLength, text))?;
        return Ok(Transfer::Command(command));
    }
    if let Some(path) = text.strip_prefix(UNIX) {
        let path = value::socket(path).ok_or(Part(Value(ValueKind::Socket), path))?;
        return Ok(Transfer::Unix(path));
    }
    for (prefix, is_tls) in [(HTTP, false), (HTTPS, true)] {
        if let Some(url) = text.strip_prefix(prefix) {
            return http(url, is_tls).ok_or_else(|| url_error(text, url));
        }
    }
    match scheme(text) {
        Some(scheme) => Err(Part(UnknownScheme, scheme)),
        None => tcp(text),
    }
}

/// Parses a URL after `http://` or `https://`.
fn http(url: &[u8], is_tls: bool) -> Option<Transfer<'_>> {
    let Url { host, port, .. } = Url::parse(url)?;
    let is_valid = url.len() <= URL_MAX && host.len() <= HOST_MAX && !has(host, b',');
    is_valid.then_some(Transfer::Http {
        host,
        port: port.unwrap_or(if is_tls { HTTPS_PORT } else { HTTP_PORT }),
        url,
        is_tls,
    })
}

/// Parses `host:port`, `:port` or `[v6]:port`.
fn tcp(text: &[u8]) -> ValueResult<'_, Transfer<'_>> {
    let colon = text.iter().rposition(|byte| *byte == b':');
    let (host, port) = match colon {
        Some(colon) if !text.ends_with(b"]") => text.split_at(colon),
        _ => return Err(Part(NoPort, text)),
    };
    let host = match host.strip_prefix(b"[") {
        Some(inside) => inside.strip_suffix(b"]").filter(|inside| has(inside, b':')),
        None => Some(host).filter(|host| !has(host, b':')),
    };
    let host = host.ok_or(Part(AddressBrackets, text))?;
    if host.len() > HOST_MAX || !host.iter().all(u8::is_ascii_graphic) {
        return Err(Part(Host, host));
    }
    let port = port.get(1..).unwrap_or_default();
    if port.is_empty() {
        return Err(Part(NoPort, text));
    }
    match parse_u64(port).map(u16::try_from) {
        Some(Ok(number @ 1..)) => Ok(Transfer::Tcp { host, port: number }),
        _ => Err(Part(Port, port)),
    }
}

/// Whether an address other than a URL has an `@`: the second half of a password with a comma, or a URL without `http://`.
fn has_stray_user(text: &[u8]) -> bool {
    let mut items = text
        .split(|byte| *byte == b',')
        .take_while(|item| !item.starts_with(COMMAND));
    items.any(is_stray_user)
}

fn is_stray_user(item: &[u8]) -> bool {
    let has_slashes = scheme(item).is_some_and(|scheme| scheme.ends_with(b"/"));
    has(item, b'@') && !has_slashes && !item.starts_with(UNIX)
}

/// Returns the error of a URL. No part of it is before the last `@` or in the query, where passwords are.
fn url_error<'a>(text: &'a [u8], url: &'a [u8]) -> ValueError<'a> {
    let at = url.iter().rposition(|byte| *byte == b'@');
    let without_user = at.and_then(|at| url.get(at + 1..)).unwrap_or(url);
    if Url::parse(url).is_none() && at.is_some() && Url::parse(without_user).is_some() {
        return Part(UserInfo, b"");
    }
    let end = without_user.iter().position(|byte| matches!(byte, b'/' | b'?'));
    let authority = without_user
        .get(..end.unwrap_or(without_user.len()))
        .unwrap_or_default();
    match split_port(authority) {
        Some((_, Some(port))) if !is_port(port) => Part(Port, port),
        _ => {
            let shown = if at.is_some() { without_user } else { text };
            Part(
                UrlInvalid,
                shown.split(|byte| *byte == b'?').next().unwrap_or_default(),
            )
        }
    }
}

/// Whether this is the number of a port.
fn is_port(text: &[u8]) -> bool {
    parse_u64(text).is_some_and(|number| (1..=u16::MAX.into()).contains(&number))
}

/// Returns what stands before the host and its port, or before a path: `http://`, `tcp:`. An IPv6 address without brackets
/// is no scheme.
fn scheme(text: &[u8]) -> Option<&[u8]> {
    let end = text.iter().position(|byte| *byte == b':')?;
    let (name, after) = text.split_at_checked(end + 1)?;
    let is_address = name.iter().all(|byte| byte.is_ascii_hexdigit() || *byte == b':');
    let is_scheme = after.starts_with(b"/") || has(after, b':') && !is_address && !name.starts_with(b"[");
    let slashes = if after.starts_with(b"//") { 2 } else { 0 };
    text.get(..name.len() + slashes).filter(|_| is_scheme)
}

#[cfg(test)]
mod tests {
    use super::super::error::ErrorKind;
    use super::*;

    /// Parses receivers; the error's kind and part if there is one.
    fn parsed(text: &str) -> Result<Vec<Transfer<'_>>, (ErrorKind, &str)> {
        let mut list = Vec::new();
        let result = receivers(text.as_bytes(), |receiver| {
            list.push(receiver);
            Ok(())
        });
        match result {
            Ok(()) => Ok(list),
            Err(Part(kind, part)) => Err((kind, std::str::from_utf8(part).unwrap())),
            Err(NotOfKind) => panic!("{text}"),
        }
    }

    fn tcp(host: &str, port: u16) -> Transfer<'_> {
        let host = host.as_bytes();
        Transfer::Tcp { host, port }
    }

    #[test]
    fn receivers_have_commas_between_and_a_command_is_last() {
        let good = [
            ("-", vec![Transfer::Stdout]),
            ("unix:/run/x", vec![Transfer::Unix(b"/run/x")]),
            ("127.0.0.1:6000", vec![tcp("127.0.0.1", 6000)]),
            (":6000", vec![tcp("", 6000)]),
            ("metrics.example:65535", vec![tcp("metrics.example", 65_535)]),
            ("[::1]:6000", vec![tcp("::1", 6000)]),
            ("[fe80::1%eth0]:1", vec![tcp("fe80::1%eth0", 1)]),
            (
                "a:1,unix:/run/x,[::1]:2,a:1",
                vec![tcp("a", 1), Transfer::Unix(b"/run/x"), tcp("::1", 2), tcp("a", 1)],
            ),
            (
                "a:1,exec:nc -q 0 b 2, 3",
                vec![tcp("a", 1), Transfer::Command(b"nc -q 0 b 2, 3")],
            ),
        ];
        for (text, expected) in good {
            assert_eq!(parsed(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn error_names_the_part_that_is_wrong() {
        let long_path = format!("unix:/{}", "a".repeat(107));
        let long_host = format!("{}:1", "a".repeat(254));
        let long_url = format!("http://u:secret@{}/", "a".repeat(254));
        let long_command = format!("exec:{}", "a".repeat(1001));
        let socket = Value(ValueKind::Socket);
        for (text, kind, part) in [
            (",", EmptyReceiver, ","),
            (":1,", EmptyReceiver, ":1,"),
            (":1,,:2", EmptyReceiver, ":1,,:2"),
            ("host", NoPort, "host"),
            (":1,host:", NoPort, "host:"),
            ("[::1]", NoPort, "[::1]"),
            (":0", Port, "0"),
            ("a:65536", Port, "65536"),
            ("host:port", Port, "port"),
            (":1;:2", AddressBrackets, ":1;:2"),
            ("::1:6000", AddressBrackets, "::1:6000"),
            ("fe80::1:6000", AddressBrackets, "fe80::1:6000"),
            ("[::1:6000", AddressBrackets, "[::1:6000"),
            ("[name]:1", AddressBrackets, "[name]:1"),
            ("http://h:65536/p", Port, "65536"),
            ("a:1,http://u:secret@h:0?p=secret", Port, "0"),
            ("http://u:secret@h:/", Port, ""),
            ("http://u:secret@/p?q=secret", UrlInvalid, "/p"),
            ("http://h/p#x?q=secret", UrlInvalid, "http://h/p#x"),
            ("http://u:se%cret@h/", UserInfo, ""),
            ("http://u:se#cret@h/", UserInfo, ""),
            ("http://u:se/cret@h/", UserInfo, ""),
            ("http://u:se,cret@h/", UserInfo, ""),
            ("http://h/,u:secret@h:80", UserInfo, ""),
            (&long_url, UrlInvalid, &long_url[16..]),
            ("tcp:host:1", UnknownScheme, "tcp:"),
            ("a:1,ftp://host:1/path", UnknownScheme, "ftp://"),
            ("file:/tmp/x", UnknownScheme, "file:"),
            ("a b:1", Host, "a b"),
            (":1, :2", Host, " "),
            (&long_host, Host, &long_host[..254]),
            ("unix:", socket, ""),
            ("unix:relative", socket, "relative"),
            (&long_path, socket, &long_path[5..]),
            ("exec:", CommandLength, "exec:"),
            ("exec:a\0b", CommandLength, "exec:a\0b"),
            (&long_command, CommandLength, &long_command),
        ] {
            assert_eq!(parsed(text), Err((kind, part)), "{text}");
        }
    }
}
