//! Names are resolved in a child: it may take as long as it likes, and the loop goes on.

use super::call::{call, int, long_call};
use super::errno::lower_first;
use super::fd::Fd;
use super::socket::pipe;
use crate::text::Text;
use crate::world::{Cause, Errno};
use core::ffi::c_int;
use core::mem::size_of;
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

// The C library's own resolver, where it comes from the system; it would be a quarter of a binary that is
// linked with all it needs.
#[cfg(not(target_feature = "crt-static"))]
use super::getaddrinfo as resolver;
#[cfg(target_feature = "crt-static")]
use super::resolver;

/// Addresses of one name that are tried.
pub(super) const ADDRESSES_MAX: usize = 8;

/// The addresses that a name stands for.
#[derive(Default)]
pub(super) struct Addresses {
    list: [Option<SocketAddr>; ADDRESSES_MAX],
}

impl Addresses {
    pub(super) fn clear(&mut self) {
        self.list = [None; ADDRESSES_MAX];
    }

    /// Adds one; those that do not fit are left out.
    pub(super) fn push(&mut self, address: SocketAddr) {
        if let Some(free) = self.list.iter_mut().find(|place| place.is_none()) {
            *free = Some(address);
        }
    }

    pub(super) fn count(&self) -> usize {
        self.list.iter().flatten().count()
    }

    pub(super) fn get(&self, number: usize) -> Option<&SocketAddr> {
        self.list.get(number)?.as_ref()
    }
}

/// A look-up under way.
pub(super) struct Lookup {
    answer: Fd,
    child: usize,
    port: u16,
}

// The answer is one write: the code of getaddrinfo (0: found), then an address a record: its
// family, its bytes, its scope. It is shorter than PIPE_BUF, so it comes whole.
const CODE: usize = size_of::<c_int>();
const RECORD: usize = 1 + 16 + 4;
const ANSWER_MAX: usize = CODE + ADDRESSES_MAX * RECORD;

impl Lookup {
    /// Starts a child that looks up the name.
    pub(super) fn start(host: &[u8], port: u16) -> Result<Self, Errno> {
        let (answer, child_end) = pipe()?;
        let child = resolver::fork()?;
        if child == 0 {
            in_child(host, &child_end);
        }
        Ok(Self { answer, child, port })
    }

    pub(super) fn descriptor(&self) -> c_int {
        self.answer.number()
    }

    /// The addresses, once there is something to read.
    pub(super) fn finish(&self, addresses: &mut Addresses) -> Result<(), Cause> {
        let mut answer = [0; ANSWER_MAX];
        let length = self.answer.read(&mut answer)?;
        let answer = answer.get(..length).unwrap_or_default();
        let (code, records) = answer
            .split_first_chunk::<CODE>()
            .ok_or(Cause::Lookup(libc::EAI_FAIL))?;
        match c_int::from_ne_bytes(*code) {
            0 => {
                let found = records.as_chunks::<RECORD>().0.iter();
                found.for_each(|record| addresses.push(decode(record, self.port)));
                Ok(())
            }
            code => Err(Cause::Lookup(code)),
        }
    }
}

impl Drop for Lookup {
    /// Ends the child and takes its exit status, so that no zombie stays.
    fn drop(&mut self) {
        // SAFETY: the child has not been waited for, so its number is still its own.
        let _ = unsafe { call(libc::SYS_kill, self.child, int(libc::SIGKILL), 0) };
        // SAFETY: no status is asked for. SIGKILL cannot be put off, so this does not wait long.
        let _ = unsafe { long_call(libc::SYS_wait4, &[self.child, 0, 0, 0, 0, 0]) };
    }
}

/// What the child does, all of it.
fn in_child(host: &[u8], answer: &Fd) -> ! {
    // A resolver may wait for a minute: not when the agent is gone.
    // SAFETY: the call takes numbers only.
    let _ = unsafe {
        call(
            libc::SYS_prctl,
            int(libc::PR_SET_PDEATHSIG),
            int(libc::SIGKILL),
            0,
        )
    };
    let mut buffer = [0; ADDRESSES_MAX * RECORD];
    // What does not fit is left out, all of it.
    let mut records = Text::new(&mut buffer);
    let code = resolver::resolve(host, &mut |address| encode(&mut records, &address));
    let _ = answer.write([&code.to_ne_bytes(), records.bytes()]);
    // SAFETY: ends this process at once, and runs nothing of the parent's.
    unsafe { libc::_exit(0) }
}

fn encode(answer: &mut Text, address: &SocketAddr) {
    let (family, bytes, scope) = match address {
        SocketAddr::V4(v4) => (4, v4.ip().to_ipv6_mapped().octets(), 0),
        SocketAddr::V6(v6) => (6, v6.ip().octets(), v6.scope_id()),
    };
    answer.put(&[family]);
    answer.put(&bytes);
    answer.put(&scope.to_ne_bytes());
}

fn decode(record: &[u8; RECORD], port: u16) -> SocketAddr {
    let [family, rest @ ..] = record;
    let (bytes, scope) = rest.split_at(16);
    let octets: [u8; 16] = bytes.try_into().unwrap_or_default();
    let v6 = Ipv6Addr::from(octets);
    let v4 = v6.to_ipv4_mapped().unwrap_or(Ipv4Addr::UNSPECIFIED);
    if *family == 4 {
        return SocketAddr::new(IpAddr::V4(v4), port);
    }
    let scope = u32::from_ne_bytes(scope.try_into().unwrap_or_default());
    SocketAddrV6::new(v6, port, 0, scope).into()
}

/// Writes what a code of `getaddrinfo(3)` means.
pub(super) fn describe(text: &mut Text, code: c_int) {
    lower_first(text, resolver::words(code));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_cross_the_pipe_as_they_are() {
        for text in [
            "127.0.0.1:6000",
            "[::1]:6000",
            "[fe80::1%3]:6000",
            "[::ffff:1.2.3.4]:1",
        ] {
            let address: SocketAddr = text.parse().unwrap();
            let mut record = [0; RECORD];
            encode(&mut Text::new(&mut record), &address);
            assert_eq!(decode(&record, address.port()), address);
        }
    }
}
