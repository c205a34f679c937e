//! Internet addresses: from text, to text, and in the C library's form.
//!
//! The standard library's own parsing and printing bring `core::fmt` with them, ten kilobytes of it.

use super::file::with_c_path;
use crate::text::Text;
use crate::world::Errno;
use core::ffi::{c_char, c_int, c_void};
use core::mem::zeroed;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

unsafe extern "C" {
    /// POSIX; the `libc` crate does not declare it.
    fn inet_pton(family: c_int, text: *const c_char, address: *mut c_void) -> c_int;
}

/// Reads a numeric address, such as `127.0.0.1` or `::1`.
pub(super) fn parse(text: &[u8]) -> Option<IpAddr> {
    let mut octets = [0; 16];
    if from_text(libc::AF_INET, text, &mut octets) {
        let [a, b, c, d, ..] = octets;
        return Some(Ipv4Addr::new(a, b, c, d).into());
    }
    from_text(libc::AF_INET6, text, &mut octets).then(|| Ipv6Addr::from(octets).into())
}

fn from_text(family: c_int, text: &[u8], octets: &mut [u8; 16]) -> bool {
    let read = with_c_path(text, |text| {
        // SAFETY: the text ends in NUL, and there is room for an address of either family.
        let answer = unsafe { inet_pton(family, text.as_ptr(), octets.as_mut_ptr().cast()) };
        if answer == 1 {
            Ok(())
        } else {
            Err(Errno(libc::EINVAL))
        }
    });
    read.is_ok()
}

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

/// An internet address out of the C library's form.
pub(super) fn from_sockaddr(storage: &libc::sockaddr_storage) -> Option<SocketAddr> {
    let start = &raw const *storage;
    match c_int::from(storage.ss_family) {
        libc::AF_INET => {
            // SAFETY: the family says which type it is, and the storage is aligned for all of them.
            let v4 = unsafe { &*start.cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from_bits(u32::from_be(v4.sin_addr.s_addr));
            Some(SocketAddrV4::new(ip, u16::from_be(v4.sin_port)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { &*start.cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(v6.sin6_addr.s6_addr);
            Some(SocketAddrV6::new(ip, u16::from_be(v6.sin6_port), 0, v6.sin6_scope_id).into())
        }
        _ => None,
    }
}

/// An IPv4 address in the C library's form.
pub(super) fn sockaddr_v4(address: SocketAddrV4) -> libc::sockaddr_in {
    // SAFETY: all zeros is a value of it.
    let mut c: libc::sockaddr_in = unsafe { zeroed() };
    c.sin_family = libc::AF_INET as libc::sa_family_t;
    c.sin_port = address.port().to_be();
    c.sin_addr.s_addr = address.ip().to_bits().to_be();
    c
}

/// An IPv6 address in the C library's form.
pub(super) fn sockaddr_v6(address: &SocketAddrV6) -> libc::sockaddr_in6 {
    // SAFETY: all zeros is a value of it.
    let mut c: libc::sockaddr_in6 = unsafe { zeroed() };
    c.sin6_family = libc::AF_INET6 as libc::sa_family_t;
    c.sin6_port = address.port().to_be();
    c.sin6_addr.s6_addr = address.ip().octets();
    c.sin6_scope_id = address.scope_id();
    c
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
    fn only_numeric_addresses_are_addresses() {
        for text in ["127.0.0.1", "::1", "fe80::1", "255.255.255.255", "::ffff:1.2.3.4"] {
            assert_eq!(parse(text.as_bytes()), text.parse().ok(), "{text}");
        }
        for text in [
            "",
            "localhost",
            "1.2.3",
            "1.2.3.4.5",
            "256.1.1.1",
            "::1%2",
            "g::",
            "1.2.3.4 ",
            "::1\0",
        ] {
            assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn addresses_keep_all_they_have_in_the_c_library_s_form() {
        let v6 = SocketAddrV6::new(Ipv6Addr::LOCALHOST, 6000, 0, 3);
        // SAFETY: all zeros is a value of it.
        let mut storage: libc::sockaddr_storage = unsafe { zeroed() };
        let place = (&raw mut storage).cast::<libc::sockaddr_in6>();
        // SAFETY: the storage has room for every address, and its alignment.
        unsafe { place.write(sockaddr_v6(&v6)) };
        assert_eq!(from_sockaddr(&storage), Some(v6.into()));
        let v4 = SocketAddrV4::new(Ipv4Addr::new(1, 2, 3, 4), 6000);
        let place = (&raw mut storage).cast::<libc::sockaddr_in>();
        // SAFETY: as above.
        unsafe { place.write(sockaddr_v4(v4)) };
        assert_eq!(from_sockaddr(&storage), Some(v4.into()));
        storage.ss_family = libc::AF_UNIX as libc::sa_family_t;
        assert_eq!(from_sockaddr(&storage), None);
    }
}
