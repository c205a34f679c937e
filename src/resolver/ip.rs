//! Numeric addresses.
//!
//! The parser of `core::net` would link 10 KB of `core::fmt`.

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

    /// Returns its 4 or 16 octets.
    pub fn octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or_default()
    }
}

/// Parses a numeric address, such as `127.0.0.1` or `::1` (RFC 4291, section 2.2).
pub fn parse(text: &[u8]) -> Option<Ip> {
    let mut octets = [0; 16];
    let mut length = 0;
    // The position of `::`.
    let mut gap = None;
    let mut rest = text.strip_prefix(b":").unwrap_or(text);
    if rest.len() < text.len() && !rest.starts_with(b":") {
        return None;
    }
    loop {
        // The colon behind the group before is gone: this is the second one of `::`.
        if let Some(behind) = rest.strip_prefix(b":") {
            if gap.replace(length).is_some() {
                return None;
            }
            rest = behind;
            if rest.is_empty() {
                break;
            }
        }
        let quad = rest;
        let group = number(&mut rest, 16)?;
        if rest.starts_with(b".") {
            put_v4(octets.get_mut(length..length + 4)?, quad)?;
            length += 4;
            break;
        }
        let place = octets.get_mut(length..length + 2)?;
        place.copy_from_slice(&(group as u16).to_be_bytes());
        length += 2;
        match rest {
            [] => break,
            [b':', behind @ ..] if !behind.is_empty() => rest = behind,
            _ => return None,
        }
    }
    let is_v4 = length == 4 && gap.is_none() && !rest.is_empty();
    if !is_v4 {
        if gap.is_some() == (length == 16) {
            return None;
        }
        // What is behind the gap are the last groups.
        for place in (gap.unwrap_or(length)..length).rev() {
            octets.swap(place, place + 16 - length);
        }
        length = 16;
    }
    Some(Ip { octets, length })
}

/// Parses four numbers. One with a leading zero is refused: it may be meant to be octal.
fn put_v4(octets: &mut [u8], text: &[u8]) -> Option<()> {
    let mut rest = text;
    for (place, octet) in octets.iter_mut().enumerate() {
        if place > 0 {
            rest = rest.strip_prefix(b".")?;
        }
        let before = rest;
        *octet = u8::try_from(number(&mut rest, 10)?).ok()?;
        if before.starts_with(b"0") && before.len() - rest.len() > 1 {
            return None;
        }
    }
    rest.is_empty().then_some(())
}

/// Parses the number of up to four digits that a text starts with.
fn number(rest: &mut &[u8], base: u32) -> Option<u32> {
    let mut number = 0;
    let mut digits = 0;
    while let [digit, behind @ ..] = *rest
        && let Some(value) = char::from(*digit).to_digit(base)
    {
        number = (number * base + value) & 0xf_ffff;
        digits += 1;
        *rest = behind;
    }
    (1..=4).contains(&digits).then_some(number)
}
