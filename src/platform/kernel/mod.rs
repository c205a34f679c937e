//! The real platform.

mod peer_log;
mod sleep;

use crate::base::rate_limit::Throttle;
use crate::platform::address::Address;
use crate::platform::child::Unreaped;
use crate::platform::command::Command;
use crate::platform::command_stderr::CommandStderr;
use crate::platform::connection::{Channel, Connection, ReceiverKind};
use crate::platform::endpoint_lock::EndpointLock;
use crate::platform::errno::{self, WOULD_BLOCK};
use crate::platform::fd::Fd;
use crate::platform::listener::Listener;
use crate::platform::log::Log;
use crate::platform::lookup::Lookup;
use crate::platform::script::Script;
use crate::platform::standard_streams::open_nonblocking;
use crate::platform::status::is_kind;
use crate::platform::{Cause, Ended, Errno, LogArg, Platform, Ready, SCRIPTS_MAX, Transfer};
use crate::platform::{clock, fault, signal, socket};
use crate::ring;
use core::mem::take;

/// The operating system that this program runs on.
pub struct Kernel {
    connection: Connection,
    /// The descriptor that signals are read from.
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

/// Bytes a second that are read of the peer's output, which is of no use: its window closes. (A command's output is read in
/// larger pieces.)
const READ_MAX: usize = 4096;
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
                let path = socket::unix_address(self.connection.name.bytes())?;
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
