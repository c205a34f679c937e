//! Internet addresses: as text, and in the kernel's form.
//!
//! `Display` of `core::net` would link 10 KB of `core::fmt`.

use crate::base::text::Text;
use core::ops::Range;

const LENGTH: usize = 28;

/// An internet address as the kernel has it: family, port, address; for IPv6 (`ipv6(7)`) a flow label before
/// the address and the interface's number behind it; zeros behind one for IPv4 (`ip(7)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
// Words are copied in a quarter of the steps of bytes.
#[repr(align(4))]
pub(super) struct Address([u8; LENGTH]);

const IPV4: [u8; 2] = (libc::AF_INET as u16).to_ne_bytes();
const IPV6: [u8; 2] = (libc::AF_INET6 as u16).to_ne_bytes();

impl Address {
    /// No address.
    pub(super) const NONE: Self = Self([0; LENGTH]);

    /// `octets` are 4 or 16; without an interface `scope` is 0.
    pub(super) fn new(octets: &[u8], port: u16, scope: u32) -> Self {
        let mut address = Self::NONE;
        let (family, place) = if octets.len() == 4 { (IPV4, 4) } else { (IPV6, 8) };
        address.0[..2].copy_from_slice(&family);
        for (place, octet) in address.0[place..].iter_mut().zip(octets) {
            *place = *octet;
        }
        address.0[24..].copy_from_slice(&scope.to_ne_bytes());
        address.set_port(port);
        address
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

    pub(super) fn bytes_mut(&mut self) -> &mut [u8; LENGTH] {
        &mut self.0
    }

    pub(super) fn is_v4(&self) -> bool {
        self.0.starts_with(&IPV4)
    }

    /// Whether it is `0.0.0.0` or `::`, which name no host: a connection to one of them leads to this host. So does one
    /// to `::ffff:0.0.0.0` (RFC 4291, section 2.5.5.2); all else that looks like that is no host's either.
    pub(super) fn is_unspecified(&self) -> bool {
        let (start, end) = (&self.0[4..18], &self.0[20..24]);
        start.iter().chain(end).all(|octet| *octet == 0)
    }

    pub(super) fn set_port(&mut self, port: u16) {
        self.0[2..4].copy_from_slice(&port.to_be_bytes());
    }
}

/// Writes address and port: `127.0.0.1:6000`, `[fe80::1%2]:6000` (RFC 5952).
pub(super) fn put(text: &mut Text, address: &Address) {
    let [_, _, p0, p1, rest @ ..] = address.0;
    let (v4, v6) = rest.split_at(4);
    if address.is_v4() {
        put_octets(text, v4);
    } else {
        let (pairs, _) = v6.as_chunks::<2>();
        let mut groups = [0; 8];
        for (group, pair) in groups.iter_mut().zip(pairs) {
            *group = u16::from_be_bytes(*pair);
        }
        text.put(b"[");
        put_groups(text, &groups);
        let scope = v6.last_chunk().map_or(0, |scope| u32::from_ne_bytes(*scope));
        if scope != 0 {
            text.put(b"%");
            text.number(u64::from(scope));
        }
        text.put(b"]");
    }
    text.put(b":");
    text.number(u64::from(u16::from_be_bytes([p0, p1])));
}

fn put_octets(text: &mut Text, octets: &[u8]) {
    for (place, octet) in octets.iter().enumerate() {
        text.put(if place == 0 { b"" } else { b"." });
        text.number(u64::from(*octet));
    }
}

/// Writes the groups; `::` stands for the longest run of two or more zero groups.
fn put_groups(text: &mut Text, groups: &[u16; 8]) {
    let gap = longest_zeros(groups);
    for (place, group) in groups.iter().enumerate() {
        if place == gap.start {
            text.put(b"::");
        }
        if gap.contains(&place) {
            continue;
        }
        if place > 0 && place != gap.end {
            text.put(b":");
        }
        put_hex(text, *group);
    }
}

/// Returns the longest run of zero groups, the first of equals; an empty range at the end if no run has two.
fn longest_zeros(groups: &[u16; 8]) -> Range<usize> {
    let mut longest = groups.len()..groups.len();
    let (mut run, mut length) = (0, 1);
    for (place, group) in groups.iter().enumerate() {
        run = if *group == 0 { run + 1 } else { 0 };
        if run > length {
            length = run;
            longest = place + 1 - run..place + 1;
        }
    }
    longest
}

fn put_hex(text: &mut Text, group: u16) {
    let digits = 4 - group.leading_zeros() / 4;
    for place in (0..digits.max(1)).rev() {
        let digit = (group >> (4 * place)) & 15;
        text.put(&[b"0123456789abcdef"[usize::from(digit)]]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
            let group = |place: u32| (seed.rotate_left(place * 7) as u16) * ((seed >> place) & 1) as u16;
            let groups: [u16; 8] = std::array::from_fn(|place| group(place as u32));
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
    fn what_is_no_internet_address_is_none() {
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
}
