//! Looks up names in a child process, so that the loop does not wait.

use super::address::Address;
use super::child::{Child, become_standard, close_others, end_with};
use super::errno::lower_first;
use super::fd::Fd;
use super::resolver;
use super::socket::pipe;
use crate::base::text::Text;
use crate::platform::{Cause, Errno};
use core::ffi::c_int;
use core::mem::size_of;

/// Addresses of a name that are used, the first ones.
pub(super) const ADDRESSES_MAX: usize = 8;

/// A name exists and has no usable address. (Not in POSIX.)
pub(super) const EAI_NODATA: c_int = -5;

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

    /// Adds an address, unless the list is full.
    pub(super) fn push(&mut self, address: &Address) {
        if let Some(place) = self.list.get_mut(self.count) {
            *place = *address;
            self.count += 1;
        }
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn all(&self) -> &[Address] {
        self.list.get(..self.count).unwrap_or_default()
    }

    pub(super) fn get(&self, number: usize) -> Option<&Address> {
        self.all().get(number)
    }
}

/// A look-up in progress.
pub(super) struct Lookup {
    answer: Fd,
    child: Child,
    port: u16,
}

// The answer is one write: a code of getaddrinfo (0: found), then the addresses as the kernel has them. It is
// shorter than PIPE_BUF, so it comes whole.
const CODE: usize = size_of::<c_int>();
const RECORD: usize = size_of::<Address>();
const ANSWER_MAX: usize = CODE + ADDRESSES_MAX * RECORD;

impl Lookup {
    /// Starts a child that looks up the name.
    pub(super) fn start(host: &[u8], port: u16) -> Result<Self, Errno> {
        let (answer, child_end) = pipe()?;
        let child = Child::fork(|parent| in_child(parent, host, &child_end))?;
        Ok(Self { answer, child, port })
    }

    /// Returns the child, which the caller has to end.
    pub(super) fn into_child(self) -> Child {
        self.child
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
        match c_int::from_ne_bytes(*code) {
            0 => {
                for record in records.as_chunks::<RECORD>().0 {
                    if let Some(mut address) = Address::from_kernel(*record) {
                        address.set_port(self.port);
                        addresses.push(&address);
                    }
                }
                Ok(())
            }
            code => Err(Cause::Lookup(code)),
        }
    }
}

/// Runs in the child: looks up the name and writes the answer.
fn in_child(parent: libc::pid_t, host: &[u8], answer: &Fd) {
    // A look-up may take a minute; it ends with the agent.
    end_with(parent, libc::SIGKILL);
    // It may wait forever, for a dead disk; it must not keep the agent's connection and sockets open.
    if become_standard(answer, 1).and_then(|()| close_others()).is_none() {
        return;
    }
    let mut buffer = [0; ADDRESSES_MAX * RECORD];
    // An address that does not fit is left out as a whole.
    let mut records = Text::new(&mut buffer);
    let code = resolver::resolve(host, &mut |address| {
        if !address.is_unspecified() {
            records.put(address.bytes());
        }
    });
    let _ = Fd::new(1).write(&[&code.to_ne_bytes(), records.bytes()]);
}

/// Writes the message of an error code of `getaddrinfo(3)`.
pub(super) fn describe(text: &mut Text, code: c_int) {
    lower_first(text, resolver::words(code));
}
