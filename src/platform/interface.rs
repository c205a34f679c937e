//! The interface of the agent to the operating system.
//!
//! `platform::Kernel` implements it on a real machine; `tests/sim` simulates it, with clocks, network, receivers and
//! scripts of its own. At most one connection is open at a time, and the platform holds it.

/// The error number of a system call (`errno(3)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub i32);

impl Errno {
    /// No such file or directory.
    pub const NOT_FOUND: Self = Self(libc::ENOENT);
    /// No such device.
    pub const NO_DEVICE: Self = Self(libc::ENODEV);
    /// Device or resource busy.
    pub const BUSY: Self = Self(libc::EBUSY);
    /// The reader of a pipe has gone.
    pub const BROKEN_PIPE: Self = Self(libc::EPIPE);
    /// Input or output error.
    pub const IO: Self = Self(libc::EIO);
    /// File name too long.
    pub const NAME_TOO_LONG: Self = Self(libc::ENAMETOOLONG);
    /// Illegal seek, in a pipe for instance.
    pub const NO_PLACES: Self = Self(libc::ESPIPE);
}

/// The cause of a failed attempt or a broken connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A system call failed.
    System(Errno),
    /// The name could not be resolved; the code is one of `getaddrinfo(3)`.
    Lookup(i32),
    /// No answer in time.
    TimedOut,
    /// The peer of a connection has not answered for the timeout.
    Silent,
    /// The other side has closed the connection.
    Closed,
}

impl From<Errno> for Cause {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}

/// Most receivers.
pub const TRANSFERS_MAX: usize = 8;

/// A receiver of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer<'a> {
    /// Standard output.
    Stdout,
    /// A stream socket in the file system.
    Unix(&'a [u8]),
    /// The standard input of a command.
    Command(&'a [u8]),
    /// A TCP port; an empty host is this one.
    Tcp {
        /// A numeric address or a name.
        host: &'a [u8],
        /// From 1 up.
        port: u16,
    },
    /// A server that takes requests of HTTP.
    Http {
        /// A numeric address or a name.
        host: &'a [u8],
        /// From 1 up.
        port: u16,
        /// What follows `http://` or `https://`.
        url: &'a [u8],
        /// It is `https://`: the connection goes through a command that encrypts.
        is_tls: bool,
    },
}

/// An argument of a log message.
#[derive(Clone, Copy)]
pub enum LogArg<'a> {
    /// Text as it is.
    Text(&'a [u8]),
    /// A number.
    Number(u64),
    /// A cause, in plain text.
    Cause(Cause),
    /// Network and address of that index after the last look-up: `tcp 127.0.0.1:6000`.
    Address(usize),
    /// The local address of the open TCP connection.
    Local,
}

/// Pieces of memory that are sent with one call.
pub const PIECES_MAX: usize = 128;

/// A moment that never comes.
pub const NEVER: u64 = u64::MAX;

/// A request of the user to the running agent, or the end of a child.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// To end.
    Stop,
    /// To read its configuration again, and to make the next attempt to connect at once.
    Reload,
    /// To log its state.
    Report,
    /// A child has ended.
    Child,
}

/// Scripts that may run at once.
pub const SCRIPTS_MAX: usize = 32;

/// How a script has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// With that status.
    Exit(u8),
    /// By that signal.
    Signal(u8),
}

/// The reasons why a sleep ended; all are unset when its time was up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ready {
    /// The connection, or the look-up before it, is ready.
    pub connection: bool,
    /// A bit for each script that has printed something or closed its output.
    pub scripts: u32,
    /// The listener has received a datagram.
    pub received: bool,
    /// A signal; if more have come, each ends a sleep of its own.
    pub signal: Option<Signal>,
}

/// The operating system.
///
/// A connection goes through `resolve` (`resolved`), `connect` (`connect_result`), `send` and `drain`, and `close`;
/// where a call returns before its work is done, [`Platform::sleep`] reports when to ask again.
pub trait Platform {
    /// Returns milliseconds of the monotonic clock, which goes on in suspend.
    fn now(&mut self) -> u64;

    /// Returns milliseconds since 1970 by the wall clock, which may be wrong and may step; never below 0.
    fn wall(&mut self) -> u64;

    /// Sleeps until `until` by [`Platform::now`] (or [`NEVER`]), until the connection is ready (`writing`: also
    /// when it can take more), until a script or the listener is ready, or until a signal comes.
    fn sleep(&mut self, until: u64, writing: bool) -> Ready;

    /// Starts to look up the addresses of the receiver; returns their number if it is known at once. With `via` the
    /// connection goes through a command, a text for the shell in which `%h` and `%p` are host and port, and `%%` is a
    /// percent sign; the command resolves the name.
    fn resolve(&mut self, receiver: &Transfer, via: Option<&[u8]>) -> Result<Option<usize>, Cause>;

    /// Returns the number of addresses, once the look-up is ready.
    fn resolved(&mut self) -> Result<usize, Cause>;

    /// Starts to connect to the address of that index; returns whether it is connected at once.
    fn connect(&mut self, address: usize) -> Result<bool, Cause>;

    /// Returns the result of [`Platform::connect`], once the connection is ready.
    fn connect_result(&mut self) -> Result<(), Cause>;

    /// Sends the pieces, at most [`PIECES_MAX`], one after the other; returns the number of bytes that were taken
    /// without waiting.
    fn send(&mut self, pieces: &[&[u8]]) -> Result<usize, Cause>;

    /// Returns the number of sent bytes that the peer has not acknowledged (a command: not read), also after a reset;
    /// 0 where it is not known.
    fn unacked(&mut self) -> u64;

    /// Returns milliseconds since the peer has answered anything, if it owes an answer: to data that its kernel has
    /// not acknowledged, or to a window probe that had to be repeated. A peer that answers with a closed window owes
    /// none; a command and a Unix socket always owe one. `None` also where the kernel does not know: it looks after
    /// silent peers itself there.
    fn silence(&mut self) -> Option<u64>;

    /// Reads a piece of what the peer has sent; returns its length, 0 at the end of the connection, and `None` if there
    /// is nothing yet.
    fn read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, Cause>;

    /// Reads a bounded piece of what the peer has sent, and discards it.
    fn drain(&mut self) -> Result<(), Cause>;

    /// Closes the connection or ends the look-up, whatever is open. Sent bytes still arrive, as far as this side can help
    /// it; a command has `grace` milliseconds to end by itself.
    fn close(&mut self, grace: u32);

    /// Starts a script under that index, below [`SCRIPTS_MAX`]: the shell with these arguments, as that user if one is
    /// named.
    fn start_script(
        &mut self,
        index: usize,
        arguments: &mut dyn Iterator<Item = &[u8]>,
        user: Option<&[u8]>,
    ) -> Result<(), Errno>;

    /// Reads what a script has printed; returns the number of bytes, 0 if its output is closed, `None` if there is
    /// nothing yet.
    fn read_script(&mut self, index: usize, buffer: &mut [u8]) -> Option<usize>;

    /// Reads what a script has written to its standard error; returns the first line of it that is not blank, or the start of
    /// a long one.
    fn read_script_errors(&mut self, index: usize) -> &[u8];

    /// Whether a script has ended. Processes that it has started may still run.
    fn script_has_ended(&mut self, index: usize) -> bool;

    /// Asks a script, and all processes that it has started, to end.
    fn terminate_script(&mut self, index: usize);

    /// Ends a script and all processes that it has started; returns how the script has ended, `None` if it has not yet.
    fn end_script(&mut self, index: usize) -> Option<Ended>;

    /// Closes the listener to further datagrams; those that it has can still be received.
    fn stop_listening(&mut self);

    /// Receives a datagram, cut to the buffer; returns its length, and the number of the process that has sent it, 0 if it
    /// is not known.
    fn receive(&mut self, buffer: &mut [u8]) -> Option<(usize, u32)>;

    /// Notes that lines are of this endpoint from now on. Returns whether another agent of this machine, with a spool in the
    /// same directory or none as well, has the same one; `false` if this was asked before.
    fn claim_endpoint(&mut self, name: &[u8], spool: Option<&[u8]>) -> bool;

    /// Writes a line to the log: the message with its [`format_args`].
    fn log(&mut self, message: &'static str, args: &[LogArg]);
}

/// Returns the parts of a log message in order: its text, and an argument in place of each `%`.
pub fn format_args<'a>(message: &'static str, args: &'a [LogArg<'a>]) -> impl Iterator<Item = LogArg<'a>> {
    let (mut rest, mut args) = (message.as_bytes(), args.iter());
    core::iter::from_fn(move || {
        if let Some(after) = rest.strip_prefix(b"%") {
            rest = after;
            return args.next().copied();
        }
        let end = rest.iter().position(|&byte| byte == b'%');
        let (text, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after;
        (!text.is_empty()).then_some(LogArg::Text(text))
    })
}
