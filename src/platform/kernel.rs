//! The real platform.

use super::address::Address;
use super::child::Unreaped;
use super::command::Command;
use super::command_stderr::CommandStderr;
use super::connection::{Channel, Connection, ReceiverKind};
use super::endpoint_lock::EndpointLock;
use super::errno::{self, WOULD_BLOCK};
use super::fd::{Fd, poll};
use super::listener::Listener;
use super::log::Log;
use super::lookup::Lookup;
use super::script::Script;
use super::standard_streams::open_nonblocking;
use super::status::is_kind;
use super::{clock, fault, signal, socket};
use crate::base::rate_limit::Throttle;
use crate::platform::{Cause, Ended, Errno, LogArg, NEVER, Platform, Ready, SCRIPTS_MAX, Signal, Transfer};
use crate::ring;
use core::ffi::{c_int, c_short};
use core::mem::take;

/// The operating system that this program runs on.
pub struct Kernel {
    connection: Connection,
    /// The descriptor of signals that ask for something.
    signals: Fd,
    /// The running scripts by their indices.
    scripts: [Option<Script>; SCRIPTS_MAX],
    /// Killed commands and look-ups that have not ended yet.
    unreaped: Unreaped,
    /// The standard error of the command that receives the lines.
    command_stderr: CommandStderr,
    listener: Option<Listener>,
    endpoint: EndpointLock,
    log: Log,
    options: socket::Options,
    /// The last sleep found that the peer has ended the connection, or that it is broken.
    broken: bool,
    /// The index of the connection's address.
    address: usize,
    /// The moment of the monotonic clock from which on the peer's output is read.
    read_again: u64,
    /// The log has the first line that this peer has sent.
    has_logged_peer: bool,
    peer_throttle: Throttle,
}

/// The listener of the next configuration, or none.
pub struct NextListener(Option<Listener>);

/// Descriptors that are watched beside those of scripts: connection, signals, listener, a command's standard error and
/// output.
const OWN: usize = 5;
/// Bytes a second that are read of the peer's output, which is of no use: its window closes. (A command's output is read in
/// larger pieces.)
const READ_MAX: usize = 4096;
/// Bytes of the peer's first line that the log has.
const PEER_LINE_MAX: usize = 100;
/// The least printable bytes in a row that pass for a line, and not for binary data.
const PEER_LINE_MIN: usize = 4;

impl Kernel {
    /// Takes over the process: its signals, and the time zone for the log. The ring's size bounds
    /// what a connection may hold, `timeout` the milliseconds that a TCP peer may be silent.
    pub fn new(ring: usize, timeout: u32) -> Result<Self, Errno> {
        Ok(Self {
            connection: Connection::NONE,
            signals: signal::open()?,
            scripts: [const { None }; SCRIPTS_MAX],
            unreaped: Unreaped::NONE,
            command_stderr: CommandStderr::NONE,
            listener: None,
            endpoint: EndpointLock::NONE,
            log: Log::open(),
            options: socket::Options { ring, timeout },
            broken: false,
            address: 0,
            read_again: 0,
            has_logged_peer: false,
            peer_throttle: Throttle::new(),
        })
    }

    /// Adopts another size of the ring and another timeout for further connections.
    pub fn change(&mut self, ring: usize, timeout: u32) {
        self.options = socket::Options { ring, timeout };
    }

    /// Sleeps; returns `None` after a wake-up that was only for the standard error of a command or a script, or to read
    /// from the peer again.
    fn sleep_once(&mut self, until: u64, writing: bool) -> Option<Ready> {
        let may_read = clock::monotonic_millis() >= self.read_again;
        let watch = |fd, events| libc::pollfd {
            fd,
            events,
            revents: 0,
        };
        // Negative descriptors are not watched.
        let mut entries = [watch(-1, libc::POLLIN); OWN + 2 * SCRIPTS_MAX];
        let (fd, events) = self.interest(writing, may_read);
        let (stderr, resume) = self.command_stderr.watch();
        entries[0] = watch(fd, events);
        entries[1].fd = self.signals.number();
        entries[2].fd = self.listener.as_ref().map_or(-1, Listener::number);
        entries[3].fd = stderr;
        if let Channel::Command(Command {
            output: Some(output), ..
        }) = &self.connection.channel
            && may_read
        {
            entries[4].fd = output.number();
        }
        // More entries than the limit of descriptors are an error, so there are no gaps.
        let (mut count, mut scripts) = (OWN, [(0_u8, false); 2 * SCRIPTS_MAX]);
        for (index, script) in self.scripts.iter().enumerate() {
            let Some(script) = script else { continue };
            for (fd, is_error) in [(&script.output, false), (&script.errors, true)] {
                if let Some(fd) = fd {
                    entries[count].fd = fd.number();
                    scripts[count - OWN] = (index as u8, is_error);
                    count += 1;
                }
            }
        }
        let read_again = if may_read { NEVER } else { self.read_again };
        let wake = until.min(read_again).min(resume);
        let left = || (wake * 1_000_000).saturating_sub(clock::monotonic_nanos());
        let ready_count = poll(&mut entries[..count], (wake != NEVER).then(left));
        if ready_count == 0 {
            // A call that failed has said nothing of the entries.
            self.broken = false;
            return (wake == until).then(Ready::default);
        }
        let end = libc::POLLERR | libc::POLLHUP | libc::POLLNVAL | libc::POLLRDHUP;
        self.broken = entries[0].revents & end != 0;
        if let Channel::Command(command) = &mut self.connection.channel {
            command.has_closed_input |= self.broken;
        }
        let mut ready = Ready {
            connection: entries[0].revents != 0 || entries[4].revents != 0,
            received: entries[2].revents != 0,
            ..Ready::default()
        };
        if entries[1].revents != 0 {
            ready.signal = signal::next(&self.signals);
        }
        if ready.signal == Some(Signal::Child) {
            self.unreaped.reap();
        }
        // The agent is not woken up for what is only read here.
        let mut own_count = 0;
        for (entry, (index, is_error)) in entries[OWN..count].iter().zip(scripts) {
            if entry.revents == 0 {
                continue;
            }
            if is_error {
                own_count += 1;
                self.read_script_errors(index.into());
            } else {
                ready.scripts |= 1 << index;
            }
        }
        if entries[3].revents != 0 {
            own_count += 1;
            self.log_command_stderr(false);
        }
        (ready_count > own_count).then_some(ready)
    }

    /// Logs the standard error of the command, all that is left of it if the command has ended.
    fn log_command_stderr(&mut self, has_ended: bool) {
        let Self {
            command_stderr,
            log,
            connection,
            ..
        } = self;
        let log_line = &mut |line: &[u8], count: u32| {
            let words = if count > 1 { "%: % (% lines)" } else { "%: %" };
            let count = LogArg::Number(count.into());
            log.write(
                words,
                &[LogArg::Address(0), LogArg::Text(line), count],
                connection,
            );
        };
        if has_ended {
            command_stderr.close(log_line);
        } else {
            command_stderr.read(log_line);
        }
    }

    /// Opens a listener at that path; returns `None` if the present one is there already, or if there is none and none
    /// is asked for.
    pub fn next_listener(&self, path: Option<&[u8]>) -> Result<Option<NextListener>, Errno> {
        let Some(path) = path else {
            return Ok(self.listener.as_ref().map(|_| NextListener(None)));
        };
        if self
            .listener
            .as_ref()
            .is_some_and(|listener| listener.is_at(path))
        {
            return Ok(None);
        }
        Ok(Some(NextListener(Some(Listener::open(path)?))))
    }

    /// Replaces the listener.
    pub fn change_listener(&mut self, next: NextListener) {
        self.listener = next.0;
    }

    /// Logs the first line that a peer sends: the peer may expect something else than lines.
    fn log_peer(&mut self, bytes: &[u8], now: u64) {
        let mut runs = bytes.split(|byte| !matches!(byte, b' '..=b'~'));
        if !self.has_logged_peer
            && let Some(line) = runs.find(|run| run.len() >= PEER_LINE_MIN)
        {
            self.has_logged_peer = true;
            if self.peer_throttle.pass(now).is_some() {
                let line = LogArg::Text(line.get(..PEER_LINE_MAX).unwrap_or(line));
                self.log("received from %: \"%\"", &[LogArg::Address(self.address), line]);
            }
        }
    }

    /// Starts a command, with host and port in its text if the connection goes through it.
    fn start_command(&mut self, text: &[u8], to: Option<(&[u8], u16)>) -> Result<Channel, Errno> {
        let errors = if self.log.output.is_some() {
            Some(self.command_stderr.open()?)
        } else {
            None
        };
        let command = match to {
            Some((host, port)) => Command::start_to(text, host, port, errors.as_ref()),
            None => Command::start(text, errors.as_ref()),
        };
        command.map(Channel::Command)
    }

    /// Returns the descriptor of the connection to watch, and the events.
    fn interest(&self, writing: bool, may_read: bool) -> (c_int, c_short) {
        let out = if writing { libc::POLLOUT } else { 0 };
        match &self.connection.channel {
            Channel::Nothing => (-1, 0),
            Channel::LookingUp(lookup) => (lookup.descriptor(), libc::POLLIN),
            Channel::Connecting(fd) => (fd.number(), libc::POLLOUT),
            Channel::Connected(fd) => {
                let input = if may_read { libc::POLLIN } else { 0 };
                (fd.number(), input | libc::POLLRDHUP | out)
            }
            // The poll would report it for ever, while an answer may still come.
            Channel::Command(command) if command.has_closed_input => (-1, 0),
            Channel::Stdout { fd, .. } | Channel::Command(Command { input: fd, .. }) => (fd.number(), out),
        }
    }
}

impl Platform for Kernel {
    fn now(&mut self) -> u64 {
        clock::monotonic_millis()
    }

    fn wall(&mut self) -> u64 {
        clock::wall_millis()
    }

    fn sleep(&mut self, until: u64, writing: bool) -> Ready {
        loop {
            if let Some(ready) = self.sleep_once(until, writing) {
                return ready;
            }
        }
    }

    fn resolve(&mut self, receiver: &Transfer, via: Option<&[u8]>) -> Result<Option<usize>, Cause> {
        self.close(0);
        self.connection.set(receiver, via.is_some())?;
        // No further children while too many could not be ended.
        let may_start = || {
            if self.unreaped.is_full() {
                Err(WOULD_BLOCK)
            } else {
                Ok(())
            }
        };
        match (*receiver, via) {
            (Transfer::Stdout | Transfer::Unix(_), _) => {}
            (Transfer::Command(text), _) => {
                may_start()?;
                self.connection.channel = self.start_command(text, None)?;
            }
            (Transfer::Tcp { host, port } | Transfer::Http { host, port, .. }, Some(text)) => {
                may_start()?;
                self.connection.channel = self.start_command(text, Some((host, port)))?;
            }
            (Transfer::Tcp { host, port } | Transfer::Http { host, port, .. }, None) => {
                let texts: &[&[u8]] = match host {
                    b"" => &[b"127.0.0.1", b"::1"],
                    _ => &[host],
                };
                for text in texts {
                    self.connection.addresses.push(Address::parse(text, port));
                }
                match self.connection.addresses.all().len() {
                    0 => may_start()?,
                    count => return Ok(Some(count)),
                }
                self.connection.channel = Channel::LookingUp(Lookup::start(host, port)?);
                return Ok(None);
            }
        }
        Ok(Some(1))
    }

    fn resolved(&mut self) -> Result<usize, Cause> {
        let Channel::LookingUp(lookup) = take(&mut self.connection.channel) else {
            return Err(errno::INVALID.into());
        };
        let found = lookup.finish(&mut self.connection.addresses);
        self.unreaped.end(lookup.child);
        found.map(|()| self.connection.addresses.all().len())
    }

    fn connect(&mut self, address: usize) -> Result<bool, Cause> {
        // A command runs since it was looked up.
        if matches!(self.connection.channel, Channel::Command(_)) {
            return Ok(true);
        }
        self.close(0);
        self.address = address;
        let (fd, is_connected) = match self.connection.kind {
            ReceiverKind::Stdout => {
                let fd = open_nonblocking(1)?;
                let is_socket = is_kind(&fd, libc::S_IFSOCK);
                self.connection.channel = Channel::Stdout { fd, is_socket };
                return Ok(true);
            }
            ReceiverKind::Command | ReceiverKind::Tunnel => return Err(errno::INVALID.into()),
            ReceiverKind::Unix => {
                let path = socket::unix_address(self.connection.name())?;
                socket::connect_stream(&path, &self.options, false)?
            }
            ReceiverKind::Tcp => {
                let addresses = self.connection.addresses.all();
                let address = addresses.get(address).ok_or(errno::INVALID)?;
                socket::connect_stream(address.bytes(), &self.options, true)?
            }
        };
        self.connection.channel = if is_connected {
            Channel::Connected(fd)
        } else {
            Channel::Connecting(fd)
        };
        Ok(is_connected)
    }

    fn connect_result(&mut self) -> Result<(), Cause> {
        let Channel::Connecting(fd) = take(&mut self.connection.channel) else {
            return Err(errno::INVALID.into());
        };
        socket::connect_result(&fd)?;
        if socket::is_self_connected(&fd) {
            return Err(Errno(libc::ECONNREFUSED).into());
        }
        self.connection.channel = Channel::Connected(fd);
        Ok(())
    }

    fn send(&mut self, pieces: &[&[u8]]) -> Result<usize, Cause> {
        // The bytes in lost memory need not be lines.
        if ring::is_lost() {
            return Ok(0);
        }
        let channel = &self.connection.channel;
        let taken = match channel {
            Channel::Connected(fd) | Channel::Stdout { fd, is_socket: true } => socket::send(fd, pieces),
            Channel::Stdout { fd, .. } | Channel::Command(Command { input: fd, .. }) => fd.write(pieces),
            _ => Err(errno::INVALID),
        };
        let start = pieces.first().map_or(0, |piece| piece.as_ptr().addr());
        match taken {
            Ok(taken) => Ok(taken),
            Err(Errno(libc::EPIPE)) if matches!(channel, Channel::Stdout { .. }) => Err(Cause::Closed),
            Err(WOULD_BLOCK) => Ok(0),
            // The same as a SIGBUS, where a system call reads the memory.
            Err(Errno(libc::EFAULT)) if fault::replace(start) => Ok(0),
            Err(errno) => Err(errno.into()),
        }
    }

    fn unacked(&mut self) -> u64 {
        match &self.connection.channel {
            // `SIOCOUTQ` of `tcp(7)` by another name. A Unix socket counts in another unit than bytes.
            Channel::Connected(fd) if self.connection.kind == ReceiverKind::Tcp => {
                socket::count(fd, libc::TIOCOUTQ as _)
            }
            Channel::Command(command) => command.unread(),
            _ => 0,
        }
    }

    fn silence(&mut self) -> Option<u64> {
        match &self.connection.channel {
            Channel::Connected(fd) if self.connection.kind == ReceiverKind::Tcp => socket::silence(fd),
            _ => Some(u64::MAX),
        }
    }

    fn read(&mut self, buffer: &mut [u8]) -> Result<Option<usize>, Cause> {
        let received = match &mut self.connection.channel {
            Channel::Connected(fd) => socket::receive(fd, buffer),
            Channel::Command(command) => command.read(buffer),
            _ => return Ok(None),
        };
        match received {
            Ok(length) => Ok(Some(length)),
            Err(WOULD_BLOCK) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    fn drain(&mut self) -> Result<(), Cause> {
        let now = clock::monotonic_millis();
        let mut buffer = [0; READ_MAX];
        // The last output of a broken connection is worth a read.
        let may_read = self.broken || now >= self.read_again;
        let mut received = Err(WOULD_BLOCK);
        // The end may come after unread input.
        let mut end = Ok(());
        match &mut self.connection.channel {
            Channel::Connected(fd) => {
                if may_read {
                    received = socket::receive(fd, &mut buffer);
                }
                if self.broken {
                    end = socket::connect_result(fd)
                        .map_err(Cause::from)
                        .and(Err(Cause::Closed));
                }
            }
            Channel::Stdout { .. } if self.broken => end = Err(Cause::Closed),
            Channel::Command(command) => {
                if may_read {
                    received = command.discard(&mut buffer);
                }
                // The fate of the bytes that it had read is not known.
                if self.broken {
                    end = Err(Errno(libc::EPIPE).into());
                }
            }
            _ => {}
        }
        match received {
            Ok(0) => Err(Cause::Closed),
            Ok(length) => {
                // One read a second, whatever the size of the pieces: each wakes the agent up.
                self.read_again = now + 1_000;
                self.log_peer(buffer.get(..length).unwrap_or_default(), now);
                end
            }
            Err(WOULD_BLOCK) => end,
            Err(errno) => Err(errno.into()),
        }
    }

    fn close(&mut self, grace: u32) {
        match take(&mut self.connection.channel) {
            // Its output stays open until it has ended: a command that prints would be killed.
            Channel::Command(Command {
                input,
                child,
                output: _output,
                ..
            }) => {
                drop(input);
                child.wait(grace);
                self.unreaped.end(child);
                self.log_command_stderr(true);
            }
            Channel::Connected(fd) => socket::hang_up(&fd),
            Channel::LookingUp(lookup) => self.unreaped.end(lookup.child),
            _ => {}
        }
        (self.broken, self.has_logged_peer, self.read_again) = (false, false, 0);
    }

    fn start_script(
        &mut self,
        index: usize,
        arguments: &mut dyn Iterator<Item = &[u8]>,
        user: Option<&[u8]>,
    ) -> Result<(), Errno> {
        let script = Script::start(arguments, user)?;
        if let Some(slot) = self.scripts.get_mut(index) {
            *slot = Some(script);
        }
        Ok(())
    }

    fn read_script(&mut self, index: usize, buffer: &mut [u8]) -> Option<usize> {
        self.scripts.get_mut(index)?.as_mut()?.read(buffer)
    }

    fn read_script_errors(&mut self, index: usize) -> &[u8] {
        match self.scripts.get_mut(index) {
            Some(Some(script)) => script.read_errors(),
            _ => b"",
        }
    }

    fn script_has_ended(&mut self, index: usize) -> bool {
        let script = self.scripts.get(index).and_then(Option::as_ref);
        script.is_none_or(|script| script.child.has_ended())
    }

    fn terminate_script(&mut self, index: usize) {
        if let Some(Some(script)) = self.scripts.get(index) {
            script.child.ask_to_end();
        }
    }

    fn end_script(&mut self, index: usize) -> Option<Ended> {
        let slot = self.scripts.get_mut(index)?;
        let script = slot.as_mut()?;
        script.output = None;
        let ended = script.child.end()?;
        *slot = None;
        Some(ended)
    }

    fn stop_listening(&mut self) {
        if let Some(listener) = &mut self.listener {
            listener.stop();
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Option<(usize, u32)> {
        self.listener.as_ref()?.receive(buffer).ok()
    }

    fn claim_endpoint(&mut self, name: &[u8], spool: Option<&[u8]>) -> bool {
        self.endpoint.claim(name, spool)
    }

    fn log(&mut self, message: &'static str, args: &[LogArg]) {
        self.log.write(message, args, &self.connection);
    }
}
