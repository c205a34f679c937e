//! Looks up names in a child process, so that the loop does not wait: in `/etc/hosts`, then by the name servers of
//! `/etc/resolv.conf`.

mod servers;

use super::address::{ADDRESSES_MAX, Address, Addresses};
use super::child::Child;
use super::fd::Fd;
use super::file::for_each_line;
use super::socket::{self, pipe};
use crate::base::text::Text;
use crate::platform::{Cause, Errno};
use crate::resolver;
use core::ffi::c_int;
use servers::Servers;

/// A name exists and has no usable address. (Not in POSIX.)
pub(super) const EAI_NODATA: c_int = -5;

// The answer is one write: a code of getaddrinfo (0: found), then the addresses as the kernel has them. It is
// shorter than PIPE_BUF, so it comes whole.
const CODE: usize = size_of::<c_int>();
const RECORD: usize = size_of::<Address>();
const ANSWER_MAX: usize = CODE + ADDRESSES_MAX * RECORD;

/// A look-up in progress.
pub(super) struct Lookup {
    answer: Fd,
    /// The caller has to end it.
    pub(super) child: Child,
}

impl Lookup {
    /// Starts a child that looks up the name.
    pub(super) fn start(host: &[u8], port: u16) -> Result<Self, Errno> {
        let (answer, child_end) = pipe()?;
        let child = Child::fork(false, None, [Some(&child_end); 3], &mut |_| {
            let mut buffer = [0; ADDRESSES_MAX * RECORD];
            // An address that does not fit is left out as a whole.
            let mut records = Text::new(&mut buffer);
            let code = resolve(host, port, &mut |address| records.put(address.bytes()));
            // Its standard output is all that it has of the pipe.
            let _ = Fd::new(1).write(&[&code.to_ne_bytes(), records.bytes()]);
        })?;
        Ok(Self { answer, child })
    }

    pub(super) fn descriptor(&self) -> c_int {
        self.answer.number()
    }

    /// Reads the addresses, once the descriptor is readable.
    pub(super) fn finish(&self, addresses: &mut Addresses) -> Result<(), Cause> {
        let mut answer = [0; ANSWER_MAX];
        let length = self.answer.read(&mut answer)?;
        let answer = answer.get(..length).unwrap_or_default();
        let (code, records) = answer
            .split_first_chunk::<CODE>()
            .ok_or(Cause::Lookup(libc::EAI_FAIL))?;
        for record in records.as_chunks::<RECORD>().0 {
            addresses.push(Address::from_kernel(*record));
        }
        match c_int::from_ne_bytes(*code) {
            0 if addresses.all().is_empty() => Err(Cause::Lookup(EAI_NODATA)),
            0 => Ok(()),
            code => Err(Cause::Lookup(code)),
        }
    }
}

/// Returns the message of an error code of `getaddrinfo(3)`.
pub(super) fn message(code: c_int) -> &'static [u8] {
    match code {
        libc::EAI_NONAME => b"name does not resolve",
        libc::EAI_AGAIN => b"temporary failure in name resolution",
        EAI_NODATA => b"name has no usable address",
        _ => b"non-recoverable error",
    }
}

/// Looks up the name in this process; the reason why it has no address is the error.
pub(super) fn check(host: &[u8]) -> Result<(), &'static [u8]> {
    let mut found = Found::new(0);
    let code = find(host, &mut found);
    let is_usable = |address: &Address| !address.is_unspecified();
    if found.lists.iter().flat_map(Addresses::all).any(is_usable) {
        return Ok(());
    }
    Err(message(if code == 0 { EAI_NODATA } else { code }))
}

/// The addresses of a name, with a port: IPv6, then IPv4.
struct Found {
    lists: [Addresses; 2],
    port: u16,
}

impl Found {
    fn new(port: u16) -> Self {
        Self {
            lists: [Addresses::NONE; 2],
            port,
        }
    }

    fn is_empty(&self) -> bool {
        self.lists.iter().all(|list| list.all().is_empty())
    }

    fn push(&mut self, address: Option<Address>) {
        let [v6, v4] = &mut self.lists;
        let is_v4 = address.as_ref().is_some_and(Address::is_v4);
        if is_v4 { v4 } else { v6 }.push(address);
    }

    /// Adds an address of an answer. Some servers answer `0.0.0.0` for a name that they block.
    fn push_octets(&mut self, octets: &[u8]) {
        let address = Address::new(octets, self.port, 0);
        self.push((!address.is_unspecified()).then_some(address));
    }

    /// Adds a numeric address, if it is one.
    fn push_text(&mut self, text: &[u8]) {
        self.push(Address::parse(text, self.port));
    }
}

/// Passes the usable addresses of the name to `push`: those that this host has a route to first, IPv6 before IPv4
/// (RFC 6724, in short). Returns 0, or an error code of `getaddrinfo(3)`.
fn resolve(host: &[u8], port: u16, push: &mut dyn FnMut(&Address)) -> c_int {
    let mut found = Found::new(port);
    let code = find(host, &mut found);
    for has_route in [true, false] {
        for address in found.lists.iter().flat_map(Addresses::all) {
            if !address.is_unspecified() && socket::connect_datagram(address).is_ok() == has_route {
                push(address);
            }
        }
    }
    if found.is_empty() { code } else { 0 }
}

fn find(host: &[u8], found: &mut Found) -> c_int {
    let name = resolver::without_dot(host);
    for_each_line(b"/etc/hosts", &mut |line| {
        if let Some(text) = resolver::address_in_hosts(line, name) {
            found.push_text(text);
        }
    });
    if found.is_empty() && resolver::is_localhost(name) {
        found.push_text(b"::1");
        found.push_text(b"127.0.0.1");
    }
    if !found.is_empty() {
        return 0;
    }
    let mut servers = Servers::NONE;
    for_each_line(b"/etc/resolv.conf", &mut |line| servers.line(line));
    // The default is a server on this host.
    if servers.list.all().is_empty() {
        servers.line(b"nameserver 127.0.0.1");
    }
    servers.search(host, found)
}

#[cfg(test)]
mod tests;
