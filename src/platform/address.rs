//! Internet addresses: as text, and in the kernel's form.
//!
//! `Display` of `core::net` would link 10 KB of `core::fmt`.

use super::file::c_text;
use crate::base::decimal::parse_u64;
use crate::base::fields::until;
use crate::base::text::Text;
use core::ffi::{c_char, c_int, c_void};
use core::mem::offset_of;
use core::ops::Range;

unsafe extern "C" {
    /// POSIX; the `libc` crate does not declare it.
    fn inet_pton(family: c_int, text: *const c_char, address: *mut c_void) -> c_int;
}

/// Bytes of an address.
pub(super) const LENGTH: usize = size_of::<libc::sockaddr_in6>();
/// Bytes of the longest numeric address, its NUL included (`INET6_ADDRSTRLEN`, which the `libc` crate lacks).
const TEXT_MAX: usize = 46;

/// An internet address in the kernel's form: a `sockaddr_in6` (`ipv6(7)`), or a `sockaddr_in` (`ip(7)`) and zeros.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Address([u8; LENGTH]);

const IPV4: [u8; 2] = (libc::AF_INET as u16).to_ne_bytes();
const IPV6: [u8; 2] = (libc::AF_INET6 as u16).to_ne_bytes();

/// The fields of the two forms, as ranges of bytes. The family comes first; the port has the same place in both.
const PORT: Range<usize> = field(offset_of!(libc::sockaddr_in6, sin6_port), 2);
const IPV4_OCTETS: Range<usize> = field(offset_of!(libc::sockaddr_in, sin_addr), 4);
const IPV6_OCTETS: Range<usize> = field(offset_of!(libc::sockaddr_in6, sin6_addr), 16);
const IPV6_SCOPE: Range<usize> = field(offset_of!(libc::sockaddr_in6, sin6_scope_id), 4);
const _: () = assert!(PORT.start == offset_of!(libc::sockaddr_in, sin_port));

const fn field(start: usize, length: usize) -> Range<usize> {
    start..start + length
}

impl Address {
    /// No address.
    pub(super) const NONE: Self = Self([0; LENGTH]);

    /// `octets` are 4 or 16; without an interface `scope` is 0.
    pub(super) fn new(octets: &[u8], port: u16, scope: u32) -> Self {
        let mut address = Self::NONE;
        let (family, range) = if octets.len() == 4 {
            (IPV4, IPV4_OCTETS)
        } else {
            (IPV6, IPV6_OCTETS)
        };
        address.0[..2].copy_from_slice(&family);
        address.0[PORT].copy_from_slice(&port.to_be_bytes());
        for (target, octet) in address.0[range].iter_mut().zip(octets) {
            *target = *octet;
        }
        address.0[IPV6_SCOPE].copy_from_slice(&scope.to_ne_bytes());
        address
    }

    /// Parses a numeric address (`inet_pton(3)`), an IPv6 one with an optional interface: `fe80::1%eth0`.
    pub(super) fn parse(text: &[u8], port: u16) -> Option<Self> {
        let number = until(text, b'%');
        let scope = match text.get(number.len() + 1..) {
            Some(scope) => interface(scope)?,
            None => 0,
        };
        let mut buffer = [0; TEXT_MAX];
        let whole = c_text(number, &mut buffer)?;
        let mut octets = [0_u8; 16];
        let mut is_of = |family| {
            // SAFETY: the text ends in NUL, and an address of either family fits.
            unsafe { inet_pton(family, whole.as_ptr(), octets.as_mut_ptr().cast()) == 1 }
        };
        if number.len() == text.len() && is_of(libc::AF_INET) {
            return Some(Self::new(&octets[..4], port, 0));
        }
        is_of(libc::AF_INET6).then(|| Self::new(&octets, port, scope))
    }

    /// Returns the address that the kernel has written, if it is an internet address.
    pub(super) fn from_kernel(bytes: [u8; LENGTH]) -> Option<Self> {
        let address = Self(bytes);
        (address.is_v4() || bytes.starts_with(&IPV6)).then_some(address)
    }

    /// Returns the kernel's form; it ignores the bytes after an IPv4 address.
    pub(super) fn bytes(&self) -> &[u8; LENGTH] {
        &self.0
    }

    pub(super) fn is_v4(&self) -> bool {
        self.0.starts_with(&IPV4)
    }

    /// Returns the address without the rest: 4 or 16 bytes.
    fn octets(&self) -> &[u8] {
        &self.0[if self.is_v4() { IPV4_OCTETS } else { IPV6_OCTETS }]
    }

    /// Returns whether it is `0.0.0.0` or `::`, which name no host: a connection to one of them leads to this host. So does
    /// one to `::ffff:0.0.0.0` (RFC 4291, section 2.5.5.2); all other addresses that differ only there are no host's either.
    pub(super) fn is_unspecified(&self) -> bool {
        let mut octets = self.octets().iter().enumerate();
        octets.all(|(index, octet)| *octet == 0 || matches!(index, 10 | 11))
    }
}

/// Parses the number or the name of a network interface (`netdevice(7)`).
fn interface(text: &[u8]) -> Option<u32> {
    if let Some(number) = parse_u64(text) {
        return u32::try_from(number).ok();
    }
    let mut buffer = [0; libc::IF_NAMESIZE];
    let name = c_text(text, &mut buffer)?;
    // SAFETY: the name ends in NUL.
    Some(unsafe { libc::if_nametoindex(name.as_ptr()) }).filter(|index| *index != 0)
}

/// Addresses of a name that are used, the first ones.
pub(super) const ADDRESSES_MAX: usize = 8;

/// The addresses of a name.
pub(super) struct Addresses {
    list: [Address; ADDRESSES_MAX],
    count: usize,
}

impl Addresses {
    pub(super) const NONE: Self = Self {
        list: [Address::NONE; ADDRESSES_MAX],
        count: 0,
    };

    /// Adds an address, if there is one, unless the list is full.
    pub(super) fn push(&mut self, address: Option<Address>) {
        if let Some(address) = address
            && let Some(slot) = self.list.get_mut(self.count)
        {
            *slot = address;
            self.count += 1;
        }
    }

    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    pub(super) fn all(&self) -> &[Address] {
        self.list.get(..self.count).unwrap_or_default()
    }
}

/// Writes address and port: `127.0.0.1:6000`, `[fe80::1%2]:6000` (RFC 5952).
pub(super) fn put(text: &mut Text, address: &Address) {
    if address.is_v4() {
        for (index, octet) in address.octets().iter().enumerate() {
            text.put(if index == 0 { b"" } else { b"." });
            text.number(u64::from(*octet));
        }
    } else {
        text.put(b"[");
        put_groups(text, address.octets().as_chunks().0);
        let scope = address.0[IPV6_SCOPE].first_chunk();
        let scope = scope.map_or(0, |scope| u32::from_ne_bytes(*scope));
        if scope != 0 {
            text.put(b"%");
            text.number(u64::from(scope));
        }
        text.put(b"]");
    }
    text.put(b":");
    let port = address.0[PORT].first_chunk();
    text.number(u64::from(port.map_or(0, |port| u16::from_be_bytes(*port))));
}

/// Writes eight groups in hexadecimal; `::` stands for the longest run of two or more zero groups, the first of equals.
fn put_groups(text: &mut Text, groups: &[[u8; 2]]) {
    let mut gap = 8..8;
    for start in 0..8 {
        let zeros = groups.iter().skip(start).take_while(|group| **group == [0, 0]);
        let end = start + zeros.count();
        if end > start + gap.len().max(1) {
            gap = start..end;
        }
    }
    for (index, group) in groups.iter().enumerate() {
        if index == gap.start {
            text.put(b"::");
        }
        if gap.contains(&index) {
            continue;
        }
        if index > 0 && index != gap.end {
            text.put(b":");
        }
        let group = u16::from_be_bytes(*group);
        let digits = 4 - group.leading_zeros() / 4;
        for position in (0..digits.max(1)).rev() {
            let digit = (group >> (4 * position)) & 15;
            text.put(&[b"0123456789abcdef"[usize::from(digit)]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::random::Random;
    use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

    fn of(address: &SocketAddr) -> Address {
        match address {
            SocketAddr::V4(v4) => Address::new(&v4.ip().octets(), v4.port(), 0),
            SocketAddr::V6(v6) => Address::new(&v6.ip().octets(), v6.port(), v6.scope_id()),
        }
    }

    fn written(address: &SocketAddr) -> String {
        let mut buffer = [0; 80];
        let mut text = Text::new(&mut buffer);
        put(&mut text, &of(address));
        String::from_utf8(text.into_bytes().to_vec()).unwrap()
    }

    #[test]
    fn addresses_are_written_as_the_standard_library_writes_them() {
        let mut seed = 0x2545_f491_4f6c_dd1d_u64;
        for round in 0..20_000 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            // Many zero groups, so that all runs of them occur.
            let group = |index: u32| (seed.rotate_left(index * 7) as u16) * ((seed >> index) & 1) as u16;
            let groups: [u16; 8] = std::array::from_fn(|index| group(index as u32));
            let v6 = SocketAddrV6::new(groups.into(), round, 0, u32::from(round % 3));
            // IPv4 inside IPv6 has a form of its own there.
            if v6.ip().to_ipv4_mapped().is_none() {
                assert_eq!(written(&v6.into()), v6.to_string());
            }
            let v4 = SocketAddrV4::new(Ipv4Addr::from_bits(seed as u32), round);
            assert_eq!(written(&v4.into()), v4.to_string());
        }
        for text in [
            "[::]:1",
            "[::1]:2",
            "[1::]:3",
            "[1:0:0:2::]:4",
            "[1:0:2:0:3:0:4:0]:5",
        ] {
            let address: SocketAddr = text.parse().unwrap();
            assert_eq!(written(&address), text);
        }
    }

    #[test]
    fn address_of_another_family_is_none() {
        let v6 = of(&"[fe80::1%3]:6000".parse().unwrap());
        assert_eq!(Address::from_kernel(*v6.bytes()), Some(v6));
        let mut bytes = *v6.bytes();
        bytes[..2].copy_from_slice(&(libc::AF_UNIX as u16).to_ne_bytes());
        assert_eq!(Address::from_kernel(bytes), None);
    }

    #[test]
    fn addresses_have_the_c_library_s_form() {
        let bytes = of(&"[1:2::3%7]:6000".parse().unwrap()).0;
        assert_eq!(bytes.len(), size_of::<libc::sockaddr_in6>());
        // SAFETY: it is that long, and any bytes are one.
        let v6: libc::sockaddr_in6 = unsafe { bytes.as_ptr().cast::<libc::sockaddr_in6>().read_unaligned() };
        assert_eq!(i32::from(v6.sin6_family), libc::AF_INET6);
        assert_eq!(u16::from_be(v6.sin6_port), 6000);
        assert_eq!(
            Ipv6Addr::from(v6.sin6_addr.s6_addr),
            Ipv6Addr::new(1, 2, 0, 0, 0, 0, 0, 3)
        );
        assert_eq!((v6.sin6_flowinfo, v6.sin6_scope_id), (0, 7));
        let bytes = of(&"1.2.3.4:6000".parse().unwrap()).0;
        // SAFETY: as above.
        let v4: libc::sockaddr_in = unsafe { bytes.as_ptr().cast::<libc::sockaddr_in>().read_unaligned() };
        assert_eq!(i32::from(v4.sin_family), libc::AF_INET);
        assert_eq!(u16::from_be(v4.sin_port), 6000);
        assert_eq!(u32::from_be(v4.sin_addr.s_addr), 0x0102_0304);
    }

    #[test]
    fn numeric_addresses_are_those_of_the_standard_library() {
        let same = |text: &str| {
            let expected = text.parse().ok().map(|ip| of(&SocketAddr::new(ip, 7)));
            assert_eq!(Address::parse(text.as_bytes(), 7), expected, "{text:?}");
        };
        for text in [
            "",
            "localhost",
            "1.2.3",
            "1.2.3.4.5",
            "256.1.1.1",
            "1.2.3.4 ",
            "01.2.3.4",
            "0.0.0.0",
            "1..2.3",
            "1.2.3.-4",
            "1.2.3.99999999999999999999",
            "::",
            "::1",
            "1::",
            ":",
            ":::",
            "1:::2",
            "::1:",
            ":1::",
            "1::2::3",
            "1:2:3:4:5:6:7:8",
            "1:2:3:4:5:6:7:8:9",
            "1:2:3:4:5:6:7",
            "1:2:3:4:5:6:7::",
            "::2:3:4:5:6:7:8",
            "::1:2:3:4:5:6:7:8",
            "::ffff:1.2.3.4",
            "1:2:3:4:5:6:1.2.3.4",
            "1:2:3:4:5:6:7:1.2.3.4",
            "::1.2.3.4:5",
            "1.2.3.4:5",
            "g::",
            "12345::",
            "::1\0",
        ] {
            same(text);
        }
        let mut random = Random(0x2545_f491_4f6c_dd1d);
        let mut good = 0;
        for round in 0..200_000 {
            let parts = random.number() % 9 + 1;
            let mut text = String::new();
            for _ in 0..parts {
                text += match random.number() % if round % 2 == 0 { 7 } else { 3 } {
                    0 => ":",
                    1 => "::",
                    2 => "1f:",
                    3 => "1.2.3.4",
                    4 => "7",
                    5 => ".",
                    _ => "0:",
                };
            }
            same(&text);
            good += u32::from(Address::parse(text.as_bytes(), 7).is_some());
        }
        assert!(good > 1_000, "{good}");
    }
}
