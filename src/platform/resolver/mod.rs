//! The resolver's access to the system: `/etc/hosts`, then the name servers of `/etc/resolv.conf`.

mod servers;

use super::address::Address;
use super::file::File;
use super::lookup::{Addresses, EAI_NODATA};
use super::socket;
use crate::base::decimal::parse_u64;
use crate::base::fields::until;
use crate::resolver;
use core::ffi::c_int;
use servers::Servers;

/// The port of a socket that is only connected, to find a route.
const SOME_PORT: u16 = 65_535;
/// Bytes of a line of a file that count.
const LINE_MAX: usize = 512;

/// Passes the addresses of the name to `push`, the best ones first. Returns 0, or an error code of `getaddrinfo(3)`.
pub(super) fn resolve(host: &[u8], push: &mut dyn FnMut(&Address)) -> c_int {
    let mut found = Found::NONE;
    let code = find(host, &mut found);
    if found.is_empty() {
        return code;
    }
    found.in_order(push);
    0
}

/// Returns the message of an error code.
pub(super) fn words(code: c_int) -> &'static [u8] {
    match code {
        libc::EAI_NONAME => b"name does not resolve",
        libc::EAI_AGAIN => b"temporary failure in name resolution",
        EAI_NODATA => b"name has no usable address",
        _ => b"non-recoverable error",
    }
}

/// The addresses of a name: IPv6, then IPv4.
struct Found([Addresses; 2]);

impl Found {
    const NONE: Self = Self([Addresses::NONE; 2]);

    fn is_empty(&self) -> bool {
        self.0.iter().all(|list| list.count() == 0)
    }

    fn has_v4(&self) -> bool {
        self.0[1].count() > 0
    }

    fn push(&mut self, address: &Address) {
        let [v6, v4] = &mut self.0;
        if address.is_v4() { v4 } else { v6 }.push(address);
    }

    /// Adds an address of an answer. Some servers answer `0.0.0.0` for a name that they block.
    fn push_ip(&mut self, octets: &[u8]) {
        let address = Address::new(octets, SOME_PORT, 0);
        if !address.is_unspecified() {
            self.push(&address);
        }
    }

    /// Adds a numeric address, if it is one.
    fn push_literal(&mut self, text: &[u8]) {
        if let Some(address) = literal(text, SOME_PORT) {
            self.push(&address);
        }
    }

    /// Passes all addresses to `push`: those that this host has a route to first, IPv6 before IPv4 (RFC 6724, in short).
    fn in_order(&self, push: &mut dyn FnMut(&Address)) {
        for wanted in [true, false] {
            for list in &self.0 {
                for address in list.all() {
                    if socket::connected(libc::SOCK_DGRAM, address).is_ok() == wanted {
                        push(address);
                    }
                }
            }
        }
    }
}

fn find(host: &[u8], found: &mut Found) -> c_int {
    found.push_literal(host);
    let name = resolver::without_dot(host);
    if found.is_empty() {
        for_each_line(b"/etc/hosts", &mut |line| {
            if let Some(text) = resolver::address_in_hosts(line, name) {
                found.push_literal(text);
            }
        });
    }
    if found.is_empty() && resolver::is_localhost(name) {
        found.push_literal(b"::1");
        found.push_literal(b"127.0.0.1");
    }
    if !found.is_empty() {
        return 0;
    }
    let mut servers = Servers::none();
    for_each_line(b"/etc/resolv.conf", &mut |line| servers.line(line));
    // The default is a server on this host.
    if servers.list.count() == 0 {
        servers.line(b"nameserver 127.0.0.1");
    }
    servers.search(host, found)
}

/// Parses a numeric address, an IPv6 one with an optional interface: `fe80::1%eth0`.
fn literal(text: &[u8], port: u16) -> Option<Address> {
    let number = until(text, b'%');
    let ip = resolver::parse(number)?;
    let scope = match text.get(number.len() + 1..) {
        None => 0,
        Some(_) if ip.octets().len() == 4 => return None,
        Some(scope) => match parse_u64(scope) {
            Some(number) => number as u32,
            None => socket::interface(scope)?,
        },
    };
    Some(Address::new(ip.octets(), port, scope))
}

/// Passes each line of a file to `push`; of a line longer than [`LINE_MAX`], the fields that fit. A file that cannot be
/// read has no lines.
fn for_each_line(path: &[u8], push: &mut dyn FnMut(&[u8])) {
    let Ok(file) = File::open(path) else {
        return;
    };
    let mut buffer = [0; LINE_MAX];
    let mut offset = 0;
    // The bytes read next are the rest of a truncated line.
    let mut is_rest = false;
    while let Ok(count @ 1..) = file.read_at(&mut buffer, offset) {
        let text = buffer.get(..count).unwrap_or_default();
        let line = until(text, b'\n');
        let is_cut = line.len() == LINE_MAX;
        offset += (line.len() + usize::from(!is_cut)) as u64;
        if !is_rest {
            push(if is_cut {
                resolver::without_last(line)
            } else {
                until(line, b'\r')
            });
        }
        is_rest = is_cut;
    }
}

#[cfg(test)]
mod tests;
