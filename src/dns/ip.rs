//! Numeric addresses.
//!
//! The standard library's own parsing brings `core::fmt` with it, ten kilobytes of it.

use crate::num::parse_u64;
/// An address of four octets, or of sixteen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ip {
    octets: [u8; 16],
    length: usize,
}

impl Ip {
    /// This host in IPv4.
    pub const LOCALHOST_V4: Self = Self {
        octets: [127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
        length: 4,
    };
    /// This host in IPv6.
    pub const LOCALHOST_V6: Self = Self {
        octets: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        length: 16,
    };

    /// Its octets, 4 or 16.
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }
}

/// Reads a numeric address, such as `127.0.0.1` or `::1` (RFC 4291, section 2.2), and nothing else.
#[inline(never)]
pub fn parse(text: &[u8]) -> Option<Ip> {
    let mut octets = [0; 16];
    let length = if text.contains(&b':') {
        octets = v6(text)?;
        16
    } else {
        octets[..4].copy_from_slice(&v4(text)?);
        4
    };
    Some(Ip { octets, length })
}

/// Four numbers; one with a zero before it may have been meant to be octal.
fn v4(text: &[u8]) -> Option<[u8; 4]> {
    let mut octets = [0; 4];
    let mut count = 0;
    for part in text.split(|byte| *byte == b'.') {
        if part.len() > 1 && part.first() == Some(&b'0') {
            return None;
        }
        *octets.get_mut(count)? = u8::try_from(parse_u64(part)?).ok()?;
        count += 1;
    }
    (count == 4).then_some(octets)
}

fn v6(text: &[u8]) -> Option<[u8; 16]> {
    let mut written = [0; 16];
    let mut count = 0;
    // Where `::` stands.
    let mut gap = None;
    let mut rest = text;
    if let Some(behind) = rest.strip_prefix(b"::") {
        gap = Some(0);
        rest = behind;
    }
    while !(rest.is_empty() && gap == Some(count)) {
        let end = rest.iter().position(|byte| *byte == b':').unwrap_or(rest.len());
        let (group, behind) = rest.split_at_checked(end)?;
        if group.contains(&b'.') {
            written.get_mut(count..count + 4)?.copy_from_slice(&v4(rest)?);
            count += 4;
            break;
        }
        written.get_mut(count..count + 2)?.copy_from_slice(&hex(group)?);
        count += 2;
        rest = match behind {
            [] => break,
            [b':', b':', behind @ ..] if gap.is_none() => {
                gap = Some(count);
                behind
            }
            [_, behind @ ..] => behind,
        };
    }
    spread(&written, count, gap)
}

/// All groups in their places: those behind the gap are the last ones.
fn spread(written: &[u8; 16], count: usize, gap: Option<usize>) -> Option<[u8; 16]> {
    if gap.is_some() == (count == 16) {
        return None;
    }
    let mut octets = [0; 16];
    for (place, octet) in written.iter().enumerate().take(count) {
        let moved = if gap.is_some_and(|gap| place >= gap) {
            16 - count
        } else {
            0
        };
        *octets.get_mut(place + moved)? = *octet;
    }
    Some(octets)
}

fn hex(group: &[u8]) -> Option<[u8; 2]> {
    if group.is_empty() || group.len() > 4 {
        return None;
    }
    let mut number = 0_u16;
    for digit in group {
        let value = match digit {
            b'0'..=b'9' => digit - b'0',
            b'a'..=b'f' | b'A'..=b'F' => (digit | 0x20) - b'a' + 10,
            _ => return None,
        };
        number = (number << 4) | u16::from(value);
    }
    Some(number.to_be_bytes())
}
