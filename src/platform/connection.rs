//! The connection to a receiver, and its text for the log.

use super::address::{self, Addresses};
use super::command::Command;
use super::errno;
use super::fd::Fd;
use super::lookup::{self, Lookup};
use super::socket::{self, UNIX_PATH_MAX};
use crate::base::name::Name;
use crate::base::text::Text;
use crate::platform::{Cause, Errno, LogArg, Transfer};

/// The open connection, or the attempt at one.
#[derive(Default)]
pub(super) enum Channel {
    #[default]
    Nothing,
    LookingUp(Lookup),
    Connecting(Fd),
    Connected(Fd),
    Stdout {
        fd: Fd,
        is_socket: bool,
    },
    Command(Command),
}

/// A kind of receiver.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ReceiverKind {
    Stdout,
    Unix,
    Command,
    /// A command that the connection to a port goes through.
    Tunnel,
    Tcp,
}

/// Bytes of a command in the log, and of the host of a tunnel.
const COMMAND_SHOWN: usize = 60;
const HOST_SHOWN: usize = 100;

/// The link, and the receiver that was looked up last.
pub(super) struct Connection {
    pub(super) channel: Channel,
    pub(super) kind: ReceiverKind,
    /// The path of a socket, the start of a command, or host and port of a tunnel.
    pub(super) name: Name<UNIX_PATH_MAX>,
    /// The addresses of a TCP receiver.
    pub(super) addresses: Addresses,
}

impl Connection {
    pub(super) const NONE: Self = Self {
        channel: Channel::Nothing,
        kind: ReceiverKind::Stdout,
        name: Name::NONE,
        addresses: Addresses::NONE,
    };

    /// Sets the receiver, without addresses.
    pub(super) fn set(&mut self, receiver: &Transfer, is_tunnel: bool) -> Result<(), Errno> {
        self.addresses.clear();
        (self.kind, self.name) = match *receiver {
            Transfer::Stdout => (ReceiverKind::Stdout, Name::NONE),
            Transfer::Unix(path) if path.len() > UNIX_PATH_MAX => {
                return Err(Errno(libc::ENAMETOOLONG));
            }
            Transfer::Unix(path) => (ReceiverKind::Unix, Name::new(path)),
            Transfer::Command(command) => {
                let start = command.get(..COMMAND_SHOWN).unwrap_or(command);
                (ReceiverKind::Command, Name::new(start))
            }
            Transfer::Tcp { host, port } | Transfer::Http { host, port, .. } if is_tunnel => {
                let mut buffer = [0; UNIX_PATH_MAX];
                let mut name = Text::new(&mut buffer);
                name.put(host.get(..HOST_SHOWN).unwrap_or(host));
                name.put(b":");
                name.number(u64::from(port));
                (ReceiverKind::Tunnel, Name::new(name.bytes()))
            }
            Transfer::Tcp { .. } | Transfer::Http { .. } => (ReceiverKind::Tcp, Name::NONE),
        };
        Ok(())
    }

    /// Writes an argument of a log message.
    pub(super) fn put(&self, text: &mut Text, arg: LogArg) {
        match arg {
            LogArg::Text(bytes) => text.put(bytes),
            LogArg::Number(number) => text.number(number),
            LogArg::Cause(Cause::System(errno)) => errno::describe(text, errno),
            LogArg::Cause(Cause::Lookup(code)) => text.put(lookup::message(code)),
            LogArg::Cause(Cause::TimedOut) => text.put(b"i/o timeout"),
            // The kernel's own error of an idle connection.
            LogArg::Cause(Cause::Silent) => errno::describe(text, Errno(libc::ETIMEDOUT)),
            LogArg::Cause(Cause::Closed) => text.put(b"EOF"),
            LogArg::Address(index) => {
                text.put(match self.kind {
                    ReceiverKind::Stdout => b"-",
                    ReceiverKind::Unix => b"unix ",
                    ReceiverKind::Command => b"command ",
                    ReceiverKind::Tunnel => b"tunnel ",
                    ReceiverKind::Tcp => b"tcp ",
                });
                text.put(self.name.bytes());
                if let Some(address) = self.addresses.all().get(index) {
                    address::put(text, address);
                }
            }
            LogArg::Local => {
                if let Channel::Connected(fd) = &self.channel
                    && let Ok(address) = socket::local_address(fd)
                {
                    address::put(text, &address);
                }
            }
        }
    }
}
