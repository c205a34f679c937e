//! Headers of requests, as the user gives them.

use super::error::ErrorKind::TooManyHeaders;
use super::error::ValueError::{NotOfKind, Part};
use super::error::ValueResult;
use super::list::List;
use super::value::not_empty;

/// Most headers of a receiver.
const HEADERS_MAX: usize = 4;
/// Longest header.
const HEADER_MAX: usize = 512;

/// Headers that say where a request ends and what its body is: these are the agent's own.
const OWN_HEADERS: [&str; 5] = [
    "Connection",
    "Content-Encoding",
    "Content-Length",
    "Expect",
    "Transfer-Encoding",
];

/// Headers of requests to a receiver, as `Name: value`.
pub(super) type Headers<'a> = List<&'a [u8], HEADERS_MAX>;

pub(super) const NO_HEADERS: Headers = List::empty(b"");

/// Adds a header; `none`, the default, removes those before.
pub(super) fn add_header<'a>(headers: &mut Headers<'a>, text: &'a [u8]) -> ValueResult<'a> {
    if text == b"none" {
        headers.clear();
        return Ok(());
    }
    let header = header(text).filter(|header| header.len() <= HEADER_MAX);
    headers
        .push(header.ok_or(NotOfKind)?)
        .ok_or(Part(TooManyHeaders, b""))
}

/// Checks `Name: value`: letters, digits and dashes, and text without control characters.
fn header(text: &[u8]) -> Option<&[u8]> {
    let colon = text.iter().position(|byte| *byte == b':')?;
    let name = not_empty(text.get(..colon)?)?;
    let is_name = name
        .iter()
        .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    let is_plain = !text.iter().any(u8::is_ascii_control);
    let is_own = OWN_HEADERS
        .iter()
        .any(|own| own.as_bytes().eq_ignore_ascii_case(name));
    (is_name && is_plain && !is_own).then_some(text)
}
