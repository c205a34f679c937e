//! Names are resolved in a child: it may take as long as it likes, and the loop goes on.

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

/// Addresses of one name that are tried.
pub(super) const ADDRESSES_MAX: usize = 8;

/// A name has addresses, but not of the kinds that are of use. (Not in POSIX.)
pub(super) const EAI_NODATA: c_int = -5;

/// The addresses that a name stands for.
pub(super) struct Addresses {
    list: [Address; ADDRESSES_MAX],
    count: usize,
}

impl Addresses {
    pub(super) const NONE: Self = Self {
        list: [Address::NONE; ADDRESSES_MAX],
        count: 0,
    };

    /// Adds one; those that do not fit are left out.
    #[inline(never)]
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

/// A look-up under way.
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

    /// What is left of it: the child, which is to be ended.
    pub(super) fn into_child(self) -> Child {
        self.child
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

/// What the child does, all of it.
fn in_child(parent: libc::pid_t, host: &[u8], answer: &Fd) {
    // A resolver may wait for a minute: not when the agent is gone.
    end_with(parent, libc::SIGKILL);
    // It may wait for good, for a dead disk: not with the agent's connection and its sockets.
    if become_standard(answer, 1).and_then(|()| close_others()).is_none() {
        return;
    }
    let mut buffer = [0; ADDRESSES_MAX * RECORD];
    // What does not fit is left out, all of it.
    let mut records = Text::new(&mut buffer);
    let code = resolver::resolve(host, &mut |address| {
        if !address.is_unspecified() {
            records.put(address.bytes());
        }
    });
    let _ = Fd::new(1).write(&[&code.to_ne_bytes(), records.bytes()]);
}

/// Writes what a code of `getaddrinfo(3)` means.
pub(super) fn describe(text: &mut Text, code: c_int) {
    lower_first(text, resolver::words(code));
}
