//! Internet addresses: to text, and in the kernel's form.
//!
//! The standard library's own printing brings `core::fmt` with it, ten kilobytes of it.

use crate::text::Text;
use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

/// Bytes of an address in the kernel's form, at most.
pub(super) const LENGTH_MAX: usize = 28;
const LENGTH_V4: usize = 16;

/// Writes address and port: `127.0.0.1:6000`, `[fe80::1%2]:6000` (RFC 5952).
pub(super) fn put(text: &mut Text, address: &SocketAddr) {
    match address {
        SocketAddr::V4(v4) => put_octets(text, v4.ip().octets()),
        SocketAddr::V6(v6) => {
            text.put(b"[");
            put_groups(text, v6.ip().segments());
            if v6.scope_id() != 0 {
                text.put(b"%");
                text.number(u64::from(v6.scope_id()));
            }
            text.put(b"]");
        }
    }
    text.put(b":");
    text.number(u64::from(address.port()));
}

fn put_octets(text: &mut Text, octets: [u8; 4]) {
    for (place, octet) in octets.into_iter().enumerate() {
        text.put(if place == 0 { b"" } else { b"." });
        text.number(u64::from(octet));
    }
}

/// The longest run of two zero groups or more is left out.
fn put_groups(text: &mut Text, groups: [u16; 8]) {
    let (skipped, length) = longest_zeros(&groups);
    let mut place = 0;
    while let Some(group) = groups.get(place) {
        if length > 1 && place == skipped {
            text.put(b"::");
            place += length;
            continue;
        }
        if place > 0 && !(length > 1 && place == skipped + length) {
            text.put(b":");
        }
        put_hex(text, *group);
        place += 1;
    }
}

/// Where the longest run of zeros starts, the first of equals, and how long it is.
fn longest_zeros(groups: &[u16; 8]) -> (usize, usize) {
    let mut longest = (0, 0);
    for start in 0..groups.len() {
        let length = groups.iter().skip(start).take_while(|group| **group == 0).count();
        if length > longest.1 {
            longest = (start, length);
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

/// An address in the kernel's form, and its length: family, port, address, and for IPv6 (`ipv6(7)`) a flow
/// label before it and the interface's number behind it; zeros behind IPv4 (`ip(7)`).
pub(super) fn encode(address: &SocketAddr) -> ([u8; LENGTH_MAX], usize) {
    let mut bytes = [0; LENGTH_MAX];
    bytes[2..4].copy_from_slice(&address.port().to_be_bytes());
    let (family, length) = match address {
        SocketAddr::V4(v4) => {
            bytes[4..8].copy_from_slice(&v4.ip().octets());
            (libc::AF_INET, LENGTH_V4)
        }
        SocketAddr::V6(v6) => {
            bytes[8..24].copy_from_slice(&v6.ip().octets());
            bytes[24..].copy_from_slice(&v6.scope_id().to_ne_bytes());
            (libc::AF_INET6, LENGTH_MAX)
        }
    };
    bytes[..2].copy_from_slice(&(family as u16).to_ne_bytes());
    (bytes, length)
}

/// An internet address out of the kernel's form.
pub(super) fn decode(bytes: &[u8; LENGTH_MAX]) -> Option<SocketAddr> {
    let [f0, f1, p0, p1, a, b, c, d, rest @ ..] = *bytes;
    let port = u16::from_be_bytes([p0, p1]);
    match i32::from(u16::from_ne_bytes([f0, f1])) {
        libc::AF_INET => Some(SocketAddrV4::new(Ipv4Addr::new(a, b, c, d), port).into()),
        libc::AF_INET6 => {
            let (octets, scope) = rest.split_first_chunk::<16>()?;
            let scope = u32::from_ne_bytes(scope.try_into().ok()?);
            Some(SocketAddrV6::new(Ipv6Addr::from(*octets), port, 0, scope).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(address: &SocketAddr) -> String {
        let mut buffer = [0; 80];
        let mut text = Text::new(&mut buffer);
        put(&mut text, address);
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
    fn addresses_keep_all_they_have_in_the_kernel_s_form() {
        for text in ["[fe80::1%3]:6000", "1.2.3.4:6000"] {
            let address: SocketAddr = text.parse().unwrap();
            let (mut bytes, length) = encode(&address);
            // What is behind it is not looked at.
            bytes[length..].fill(0xff);
            assert_eq!(decode(&bytes), Some(address));
        }
        let mut bytes = [0; LENGTH_MAX];
        bytes[..2].copy_from_slice(&(libc::AF_UNIX as u16).to_ne_bytes());
        assert_eq!(decode(&bytes), None);
    }

    #[test]
    fn addresses_have_the_c_library_s_form() {
        let (bytes, length) = encode(&"[1:2::3%7]:6000".parse().unwrap());
        assert_eq!(length, size_of::<libc::sockaddr_in6>());
        // SAFETY: it is that long, and any bytes are one.
        let v6: libc::sockaddr_in6 = unsafe { bytes.as_ptr().cast::<libc::sockaddr_in6>().read_unaligned() };
        assert_eq!(i32::from(v6.sin6_family), libc::AF_INET6);
        assert_eq!(u16::from_be(v6.sin6_port), 6000);
        assert_eq!(
            Ipv6Addr::from(v6.sin6_addr.s6_addr),
            Ipv6Addr::new(1, 2, 0, 0, 0, 0, 0, 3)
        );
        assert_eq!((v6.sin6_flowinfo, v6.sin6_scope_id), (0, 7));
        let (bytes, length) = encode(&"1.2.3.4:6000".parse().unwrap());
        assert_eq!(length, size_of::<libc::sockaddr_in>());
        // SAFETY: as above.
        let v4: libc::sockaddr_in = unsafe { bytes.as_ptr().cast::<libc::sockaddr_in>().read_unaligned() };
        assert_eq!(i32::from(v4.sin_family), libc::AF_INET);
        assert_eq!(u16::from_be(v4.sin_port), 6000);
        assert_eq!(u32::from_be(v4.sin_addr.s_addr), 0x0102_0304);
    }
}
