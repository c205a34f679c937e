//! The state of the connection, and its text for the log.

use super::address;
use super::child::Child;
use super::errno;
use super::fd::Fd;
use super::lookup::{self, Addresses, Lookup};
use super::socket;
use crate::base::text::Text;
use crate::platform::{Cause, Errno, LogArg};

/// The open connection, or the attempt at one.
pub(super) enum Link {
    Nothing,
    LookingUp(Lookup),
    Connecting(Fd),
    Connected(Fd),
    Stdout { fd: Fd, is_socket: bool },
    Command { input: Fd, child: Child },
}

/// The receiver that was looked up last.
pub(super) enum Target {
    Stdout,
    Unix([u8; socket::UNIX_PATH_MAX], usize),
    /// The start of the command, for the log, and its length.
    Command([u8; COMMAND_SHOWN], usize),
    Tcp(Addresses),
}

/// Bytes of a command that the log has.
pub(super) const COMMAND_SHOWN: usize = 60;

/// The connection, from which the text of log arguments is taken.
#[derive(Clone, Copy)]
pub(super) struct LogContext<'a>(pub(super) &'a Link, pub(super) &'a Target);

impl LogContext<'_> {
    /// Writes an argument of a log message.
    pub(super) fn put(self, text: &mut Text, part: LogArg) {
        match part {
            LogArg::Text(bytes) => text.put(bytes),
            LogArg::Number(number) => text.number(number),
            LogArg::Cause(cause) => put_cause(text, cause),
            LogArg::Address(number) => self.put_address(text, number),
            LogArg::Local => self.put_local(text),
        }
    }

    fn put_address(self, text: &mut Text, number: usize) {
        match self.1 {
            Target::Stdout => text.put(b"-"),
            Target::Unix(path, length) => {
                text.put(b"unix ");
                text.put(path.get(..*length).unwrap_or_default());
            }
            Target::Command(command, length) => {
                text.put(b"command ");
                text.put(command.get(..*length).unwrap_or_default());
            }
            Target::Tcp(addresses) => {
                text.put(b"tcp ");
                if let Some(address) = addresses.get(number) {
                    address::put(text, address);
                }
            }
        }
    }

    fn put_local(self, text: &mut Text) {
        if let Link::Connected(fd) = self.0
            && let Ok(address) = socket::local_address(fd)
        {
            address::put(text, &address);
        }
    }
}

fn put_cause(text: &mut Text, cause: Cause) {
    match cause {
        Cause::System(errno) => errno::describe(text, errno),
        Cause::Lookup(code) => lookup::describe(text, code),
        Cause::TimedOut => text.put(b"i/o timeout"),
        // The kernel's own error of an idle connection.
        Cause::Silent => errno::describe(text, Errno(libc::ETIMEDOUT)),
        Cause::Closed => text.put(b"EOF"),
    }
}
