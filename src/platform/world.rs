//! What the loop and the sender ask of the operating system.
//!
//! `platform::Kernel` answers it on a real machine; the tests have another one, with clocks, network and
//! receivers of its own. At most one connection is open at a time, and the platform holds it.

/// The error number of a system call (`errno(3)`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Errno(pub i32);

impl Errno {
    /// There is no such file; 2 wherever there is an `errno`.
    pub const NOT_FOUND: Self = Self(2);
    /// The device is gone; 19 wherever there is an `errno`.
    pub const NO_DEVICE: Self = Self(19);
    /// Somebody else has it; 16 wherever there is an `errno`.
    pub const BUSY: Self = Self(16);
    /// It is a pipe, which has no places; 29 wherever there is an `errno`.
    pub const NO_PLACES: Self = Self(29);
}

/// Why a connection did not come about, or broke.
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

/// Where the lines go, or may go.
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
}

/// A piece of a log line.
#[derive(Clone, Copy)]
pub enum LogArg<'a> {
    /// Text as it is.
    Text(&'a [u8]),
    /// A number.
    Number(u64),
    /// What went wrong, in words.
    Cause(Cause),
    /// Network and address of that number after the last look-up: `tcp 127.0.0.1:6000`.
    Address(usize),
    /// This side's address of the open TCP connection.
    Local,
}

/// Pieces of memory that are sent with one call.
pub const PIECES_MAX: usize = 128;

/// A moment that does not come.
pub const NEVER: u64 = u64::MAX;

/// What the user asks of a running agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// To end.
    Stop,
    /// To read its configuration again, and to try again at once if it waits for its next attempt.
    Reload,
    /// To say in the log how it is.
    Report,
    /// Nothing: a child has ended.
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

/// Why a sleep ended; nothing set: its time was up.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ready {
    /// The connection, or the look-up before it, has something to say.
    pub connection: bool,
    /// Scripts, a bit each, that have printed something, or closed their output.
    pub scripts: u32,
    /// The listener has received a datagram.
    pub received: bool,
    /// What the user asked for; more may have come, each wakes the agent once.
    pub signal: Option<Signal>,
}

/// The operating system.
///
/// A connection goes `resolve` (`resolved`), `connect` (`outcome`), `send` and `drain`, `close`;
/// where a step returns before it is done, [`Platform::sleep`] says when to ask again.
pub trait Platform {
    /// Milliseconds since some moment before; never goes back, goes on in suspend.
    fn now(&mut self) -> u64;

    /// Milliseconds since 1970 by the wall clock, which may be wrong and may step; 0 at the least.
    fn wall(&mut self) -> u64;

    /// Sleeps until `until` by [`Platform::now`] (without one: for good), until the connection is
    /// ready (`writing`: also when it can take more), or until a signal comes.
    fn sleep(&mut self, until: Option<u64>, writing: bool) -> Ready;

    /// Starts to look up the addresses of the transfer: their number, if known at once.
    fn resolve(&mut self, transfer: &Transfer) -> Result<Option<usize>, Cause>;

    /// The number of addresses, once ready after [`Platform::resolve`].
    fn resolved(&mut self) -> Result<usize, Cause>;

    /// Starts to connect to the address of that number: whether it is connected at once.
    fn connect(&mut self, address: usize) -> Result<bool, Cause>;

    /// How it went, once ready after [`Platform::connect`].
    fn connect_result(&mut self) -> Result<(), Cause>;

    /// Whether the kernel has taken memory of the ring away. Nothing is sent, and nothing acknowledged, until the ring
    /// has moved to other memory.
    fn has_lost_memory(&mut self) -> bool {
        false
    }

    /// Sends the pieces, at most [`PIECES_MAX`], one after the other; returns how many bytes were taken without
    /// waiting.
    fn send(&mut self, pieces: &[&[u8]]) -> Result<usize, Cause>;

    /// Sent bytes that the peer has not acknowledged (a command: not read); answers after a reset, too. 0 where
    /// nobody tells.
    fn unacked(&mut self) -> u64;

    /// Milliseconds since the peer has answered anything, if it owes an answer: to data that its kernel has not
    /// acknowledged, or to a window probe that had to be repeated. A peer that answers with a closed window owes
    /// none. A command or a Unix socket always owes one. `None` also where the kernel does not tell: there it
    /// looks after silent peers itself.
    fn silence(&mut self) -> Option<u64>;

    /// Reads what the peer has sent, a bounded piece, and throws it away.
    fn drain(&mut self) -> Result<(), Cause>;

    /// Gives up the connection or the look-up, whatever is open.
    fn close(&mut self);

    /// Closes the connection so that what was sent still arrives, as far as that is in this side's hands.
    fn end(&mut self) {
        // What the peer sent and nobody read would make the kernel reset the connection, and what
        // is still in flight would be lost with it.
        let _ = self.drain();
        self.close();
    }

    /// Starts a script under that number, below [`SCRIPTS_MAX`]: the shell with these arguments, as that user if
    /// one is named.
    fn start_script(
        &mut self,
        _number: usize,
        _arguments: &mut dyn Iterator<Item = &[u8]>,
        _user: Option<&[u8]>,
    ) -> Result<(), Errno> {
        Err(Errno::NOT_FOUND)
    }

    /// Reads what a script has printed: so many bytes, 0 if it has closed its output, `None` if nothing is there
    /// yet.
    fn read_script(&mut self, _number: usize, _buffer: &mut [u8]) -> Option<usize> {
        None
    }

    /// Whether a script has ended. All that it has started may still run.
    fn script_has_ended(&mut self, _number: usize) -> bool {
        true
    }

    /// Asks a script, and all that it has started, to end.
    fn ask_script(&mut self, _number: usize) {}

    /// Ends a script and all that it has started, and says how it has ended itself; `None` if it has not yet.
    fn end_script(&mut self, _number: usize) -> Option<Ended> {
        None
    }

    /// Lets programs of this machine hand in no more datagrams; those that they have can still be taken.
    fn stop_listening(&mut self) {}

    /// Takes a datagram that has been handed in, as much of it as fits: its length.
    fn receive(&mut self, _buffer: &mut [u8]) -> Option<usize> {
        None
    }

    /// Writes a line to the log: its [`pieces`].
    fn log(&mut self, words: &'static str, given: &[LogArg]);
}

/// The pieces of a line of the log: these words, and what is given in place of each `%` in them, in order.
pub fn pieces<'a>(words: &'static str, given: &'a [LogArg<'a>]) -> impl Iterator<Item = LogArg<'a>> {
    let (mut rest, mut given) = (words.as_bytes(), given.iter());
    core::iter::from_fn(move || {
        if let Some(behind) = rest.strip_prefix(b"%") {
            rest = behind;
            return given.next().copied();
        }
        let end = rest.iter().position(|&byte| byte == b'%');
        let (text, behind) = rest.split_at(end.unwrap_or(rest.len()));
        rest = behind;
        (!text.is_empty()).then_some(LogArg::Text(text))
    })
}
