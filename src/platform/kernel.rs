//! The real platform.

use super::address::Address;
use super::child::{Child, Left};
use super::complaints::{Complaints, Tell};
use super::descriptors::TooFew;
use super::errno::{self, WOULD_BLOCK};
use super::fault;
use super::fd::poll;
use super::link::{COMMAND_SHOWN, Link, LogContext, Target};
use super::listener::Listener;
use super::log::Log;
use super::lookup::{self, Addresses, Lookup};
use super::scripts::Scripts;
use super::signal::Signals;
use super::{clock, descriptors, file, machine, socket};
use crate::base::rate_limit::Throttle;
use crate::base::text::Text;
use crate::platform::{
    Cause, Ended, Errno, LogArg, Platform, Ready, SCRIPTS_MAX, Signal, Transfer, format_args,
};
use crate::resolver::{self, Ip};
use core::ffi::{c_int, c_short};

/// Milliseconds that a command has to end by itself, when the program ends.
const COMMAND_END: u32 = 1_000;

/// The operating system that this program runs on.
pub struct Kernel {
    link: Link,
    target: Target,
    signals: Signals,
    scripts: Scripts,
    /// Commands and look-ups that could not be ended.
    left: Left,
    /// The standard error of the command that receives the lines.
    complaints: Complaints,
    listener: Option<Listener>,
    log: Log,
    options: socket::Options,
    /// The last sleep found that the peer has ended the connection, or that it is broken.
    broken: bool,
    /// The index of the connection's address.
    address: usize,
    /// Bytes of the peer's output that may be read until `read_again` (a moment of the monotonic clock).
    read_left: usize,
    read_again: u64,
    /// The log has the first line that this peer has sent.
    has_logged_peer: bool,
    peer_throttle: Throttle,
}

/// The listener of the next configuration, or none.
pub struct NextListener(Option<Listener>);

/// The ring, not the socket, holds the backlog. (The kernel doubles this for its own records.)
const SEND_BUFFER_MAX: usize = 16 * 1024;

/// Descriptors that are watched beside those of scripts: connection, signals, listener, a command's standard error.
const OWN: usize = 4;
/// Bytes a second that are read of the peer's output, which is of no use: its window closes.
const READ_MAX: usize = 4096;
/// Bytes of the peer's first line that the log has.
const PEER_LINE_MAX: usize = 100;
/// The least printable bytes in a row that pass for a line, and not for binary data.
const PEER_LINE_MIN: usize = 4;

fn options(ring: usize, timeout: u32) -> socket::Options {
    socket::Options::new((ring / 4).min(SEND_BUFFER_MAX), timeout)
}

impl Kernel {
    /// Takes over the process: its signals, and the time zone for the log. The ring's size bounds
    /// what a connection may hold, `timeout` the milliseconds that a TCP peer may be silent.
    pub fn new(ring: usize, timeout: u32) -> Result<Self, Errno> {
        Ok(Self {
            link: Link::Nothing,
            target: Target::Stdout,
            signals: Signals::take_over()?,
            scripts: Scripts::NONE,
            left: Left::NONE,
            complaints: Complaints::NONE,
            listener: None,
            log: Log::open(),
            options: options(ring, timeout),
            broken: false,
            address: 0,
            read_left: READ_MAX,
            read_again: 0,
            has_logged_peer: false,
            peer_throttle: Throttle::new(),
        })
    }

    /// Checks that there may be enough descriptors, once those are open that stay open.
    pub fn check_descriptors(&self, has_command: bool) -> Result<(), TooFew> {
        descriptors::check(self.signals.duplicate().ok(), has_command)
    }

    /// Adopts another size of the ring and another timeout for further connections.
    pub fn change(&mut self, ring: usize, timeout: u32) {
        self.options = options(ring, timeout);
    }

    /// Sleeps; returns `None` after a wake-up that was only for the standard error of a command, or to read from the
    /// peer again.
    fn sleep_once(&mut self, until: Option<u64>, writing: bool) -> Option<Ready> {
        if self.read_left == 0 && self.read_again <= clock::monotonic_millis() {
            self.read_left = READ_MAX;
        }
        let (fd, events) = self.interest(writing);
        let watch = |fd, events| libc::pollfd {
            fd,
            events,
            revents: 0,
        };
        let mut entries = [watch(-1, 0); OWN + SCRIPTS_MAX];
        let (own, others) = entries.split_at_mut(OWN);
        let listener = self.listener.as_ref().map_or(-1, Listener::number);
        let (complaints, resume) = self.complaints.watch();
        own.copy_from_slice(&[
            watch(fd, events),
            watch(self.signals.number(), libc::POLLIN),
            watch(listener, libc::POLLIN),
            watch(complaints, libc::POLLIN),
        ]);
        let mut numbers = [0; SCRIPTS_MAX];
        let count = self.scripts.watch(others, &mut numbers);
        let entries = entries.get_mut(..OWN + count).unwrap_or_default();
        let read_again = (self.read_left == 0).then_some(self.read_again);
        let resume = [resume, read_again].into_iter().flatten().min();
        let resume = resume.filter(|resume| until.is_none_or(|until| *resume < until));
        let left = resume
            .or(until)
            .map(|until| (until * 1_000_000).saturating_sub(clock::monotonic_nanos()));
        if !poll(entries, left) {
            // A call that failed has said nothing of the entries.
            self.broken = false;
            return resume.is_none().then(Ready::default);
        }
        let [connection, signal, listener, complaints, others @ ..] = entries else {
            return Some(Ready::default());
        };
        let end = libc::POLLERR | libc::POLLHUP | libc::POLLNVAL | libc::POLLRDHUP;
        self.broken = connection.revents & end != 0;
        let printed = others.iter().zip(numbers).filter(|(entry, _)| entry.revents != 0);
        let signal = if signal.revents == 0 {
            None
        } else {
            self.signals.take()
        };
        if signal == Some(Signal::Child) {
            self.left.reap();
        }
        let ready = Ready {
            connection: connection.revents != 0,
            received: listener.revents != 0,
            scripts: printed.fold(0, |set, (_, number)| set | 1 << number),
            signal,
        };
        let has_complaints = complaints.revents != 0;
        if has_complaints {
            self.log_complaints(Complaints::read);
        }
        let is_for_others = ready.connection || ready.received || ready.scripts != 0 || signal.is_some();
        (is_for_others || !has_complaints).then_some(ready)
    }

    /// Logs the standard error of the command, as `read` returns it.
    fn log_complaints(&mut self, read: fn(&mut Complaints, Tell)) {
        let mut complaints = core::mem::replace(&mut self.complaints, Complaints::NONE);
        read(&mut complaints, &mut |line, count| {
            let words = if count > 1 { "%: % (% lines)" } else { "%: %" };
            let count = LogArg::Number(count.into());
            self.log(words, &[LogArg::Address(0), LogArg::Text(line), count]);
        });
        self.complaints = complaints;
    }

    /// Ends the command, or remembers that it could not be ended, and logs the end of its standard error.
    fn end_command(&mut self, child: Child) {
        self.left.end(child);
        self.log_complaints(Complaints::close);
    }

    /// Opens a listener at that path; returns `None` if the present one is there already, or if there is none and none
    /// is asked for.
    pub fn next_listener(&self, path: Option<&[u8]>) -> Result<Option<NextListener>, Errno> {
        let stays = match (path, &self.listener) {
            (Some(path), Some(listener)) => listener.is_at(path),
            (path, listener) => path.is_none() && listener.is_none(),
        };
        if stays {
            return Ok(None);
        }
        Ok(Some(NextListener(path.map(Listener::open).transpose()?)))
    }

    /// Replaces the listener.
    pub fn change_listener(&mut self, next: NextListener) {
        self.listener = next.0;
    }

    /// Logs the first line that a peer sends: the peer may expect something else than lines.
    fn log_peer(&mut self, bytes: &[u8], now: u64) {
        let mut runs = bytes.split(|byte| !matches!(byte, b' '..=b'~'));
        let Some(line) = runs
            .find(|run| run.len() >= PEER_LINE_MIN)
            .filter(|_| !self.has_logged_peer)
        else {
            return;
        };
        self.has_logged_peer = true;
        if self.peer_throttle.pass(now).is_some() {
            let line = line.get(..PEER_LINE_MAX).unwrap_or(line);
            self.log(
                "received from %: \"%\"",
                &[LogArg::Address(self.address), LogArg::Text(line)],
            );
        }
    }

    /// Refuses to start further children while too many could not be ended.
    fn check_left(&self) -> Result<(), Errno> {
        if self.left.is_full() {
            return Err(WOULD_BLOCK);
        }
        Ok(())
    }

    /// Returns the descriptor to watch, and the events. A negative one is not watched.
    fn interest(&self, writing: bool) -> (c_int, c_short) {
        let out = if writing { libc::POLLOUT } else { 0 };
        match &self.link {
            Link::Nothing => (-1, 0),
            Link::LookingUp(lookup) => (lookup.descriptor(), libc::POLLIN),
            Link::Connecting(fd) => (fd.number(), libc::POLLOUT),
            Link::Connected(fd) => {
                let input = if self.read_left > 0 { libc::POLLIN } else { 0 };
                (fd.number(), input | libc::POLLRDHUP | out)
            }
            Link::Stdout { fd, .. } | Link::Command { input: fd, .. } => (fd.number(), out),
        }
    }
}

impl Platform for Kernel {
    #[inline(never)]
    fn now(&mut self) -> u64 {
        clock::monotonic_millis()
    }

    fn wall(&mut self) -> u64 {
        clock::wall_millis()
    }

    fn sleep(&mut self, until: Option<u64>, writing: bool) -> Ready {
        loop {
            if let Some(ready) = self.sleep_once(until, writing) {
                return ready;
            }
        }
    }

    fn resolve(&mut self, transfer: &Transfer) -> Result<Option<usize>, Cause> {
        self.close();
        match *transfer {
            Transfer::Stdout => self.target = Target::Stdout,
            Transfer::Unix(path) => {
                let mut copy = [0; socket::UNIX_PATH_MAX];
                let place = copy.get_mut(..path.len()).ok_or(Errno(libc::ENAMETOOLONG))?;
                place.copy_from_slice(path);
                self.target = Target::Unix(copy, path.len());
            }
            Transfer::Command(command) => {
                let mut shown = [0; COMMAND_SHOWN];
                let mut text = Text::new(&mut shown);
                text.put(command);
                let length = text.bytes().len();
                self.target = Target::Command(shown, length);
                self.check_left()?;
                let (output, input) = socket::pipe()?;
                let errors = if self.log.is_open() {
                    Some(self.complaints.open()?)
                } else {
                    None
                };
                let streams = [Some(&output), None, errors.as_ref()];
                let child = Child::start(&mut [b"-c", command].into_iter(), None, streams)?;
                self.link = Link::Command { input, child };
            }
            Transfer::Tcp { host, port } => {
                let mut addresses = Addresses::NONE;
                numeric_addresses(&mut addresses, host, port);
                let count = addresses.count();
                self.target = Target::Tcp(addresses);
                if count == 0 {
                    self.check_left()?;
                    self.link = Link::LookingUp(Lookup::start(host, port)?);
                    return Ok(None);
                }
                return Ok(Some(count));
            }
        }
        Ok(Some(1))
    }

    fn resolved(&mut self) -> Result<usize, Cause> {
        let link = core::mem::replace(&mut self.link, Link::Nothing);
        let (Link::LookingUp(lookup), Target::Tcp(addresses)) = (link, &mut self.target) else {
            return Err(errno::INVALID.into());
        };
        *addresses = Addresses::NONE;
        let found = lookup.finish(addresses);
        self.left.end(lookup.into_child());
        found?;
        match addresses.count() {
            0 => Err(Cause::Lookup(lookup::EAI_NODATA)),
            count => Ok(count),
        }
    }

    fn connect(&mut self, address: usize) -> Result<bool, Cause> {
        // A command runs since it was looked up.
        if matches!(self.link, Link::Command { .. }) {
            return Ok(true);
        }
        self.close();
        self.address = address;
        let (fd, connected) = match &self.target {
            Target::Stdout => {
                let fd = file::without_waiting(1)?;
                let is_socket = machine::is_kind(fd.number(), &[libc::S_IFSOCK]);
                self.link = Link::Stdout { fd, is_socket };
                return Ok(true);
            }
            Target::Command(..) => return Err(errno::INVALID.into()),
            Target::Unix(path, length) => {
                socket::connect_unix(path.get(..*length).unwrap_or_default(), &self.options)?
            }
            Target::Tcp(addresses) => {
                socket::connect_tcp(addresses.get(address).ok_or(errno::INVALID)?, &self.options)?
            }
        };
        self.link = if connected {
            Link::Connected(fd)
        } else {
            Link::Connecting(fd)
        };
        Ok(connected)
    }

    fn connect_result(&mut self) -> Result<(), Cause> {
        let Link::Connecting(fd) = core::mem::replace(&mut self.link, Link::Nothing) else {
            return Err(errno::INVALID.into());
        };
        socket::connect_result(&fd)?;
        if socket::has_met_itself(&fd) {
            return Err(Errno(libc::ECONNREFUSED).into());
        }
        self.link = Link::Connected(fd);
        Ok(())
    }

    fn has_lost_memory(&mut self) -> bool {
        fault::is_lost()
    }

    fn send(&mut self, pieces: &[&[u8]]) -> Result<usize, Cause> {
        // The bytes in lost memory need not be lines.
        if fault::is_lost() {
            return Ok(0);
        }
        let taken = match &self.link {
            Link::Connected(fd) | Link::Stdout { fd, is_socket: true } => socket::send(fd, pieces),
            Link::Stdout { fd, .. } | Link::Command { input: fd, .. } => fd.write(pieces),
            _ => Err(errno::INVALID),
        };
        match taken {
            Err(Errno(libc::EPIPE)) if matches!(self.link, Link::Stdout { .. }) => Err(Cause::Closed),
            Err(WOULD_BLOCK) => Ok(0),
            // The same as a SIGBUS, where a system call reads the memory.
            Err(Errno(libc::EFAULT))
                if pieces
                    .first()
                    .is_some_and(|piece| fault::replace(piece.as_ptr().addr())) =>
            {
                Ok(0)
            }
            other => Ok(other?),
        }
    }

    fn unacked(&mut self) -> u64 {
        match (&self.link, &self.target) {
            // A Unix socket counts in another unit than bytes.
            (Link::Connected(fd), Target::Tcp(..)) => socket::unacked(fd).unwrap_or(u64::MAX),
            (Link::Command { input, .. }, _) => socket::unread(input).unwrap_or(u64::MAX),
            _ => 0,
        }
    }

    fn silence(&mut self) -> Option<u64> {
        match (&self.link, &self.target) {
            (Link::Connected(fd), Target::Tcp(..)) => socket::silence(fd),
            _ => Some(u64::MAX),
        }
    }

    fn drain(&mut self) -> Result<(), Cause> {
        let fd = match &self.link {
            Link::Connected(fd) => fd,
            Link::Stdout { .. } if self.broken => return Err(Cause::Closed),
            // The fate of the bytes that it had read is not known.
            Link::Command { .. } if self.broken => return Err(Errno(libc::EPIPE).into()),
            _ => return Ok(()),
        };
        let now = clock::monotonic_millis();
        // The last output of a broken connection is worth a read.
        if self.broken || now >= self.read_again {
            (self.read_left, self.read_again) = (READ_MAX, now + 1_000);
        }
        let mut buffer = [0; READ_MAX];
        let room = buffer.get_mut(..self.read_left).unwrap_or_default();
        let received = if room.is_empty() {
            Err(WOULD_BLOCK)
        } else {
            socket::receive(fd, room)
        };
        // The end may come after unread input.
        let end = if self.broken {
            socket::connect_result(fd).map(|()| true)
        } else {
            Ok(false)
        };
        match received {
            Ok(0) => return Err(Cause::Closed),
            Ok(length) => {
                // One read a second, whatever the size of the pieces: each wakes the agent up.
                self.read_left = 0;
                self.log_peer(buffer.get(..length).unwrap_or_default(), now);
            }
            Err(WOULD_BLOCK) => {}
            Err(errno) => return Err(errno.into()),
        }
        if end? { Err(Cause::Closed) } else { Ok(()) }
    }

    fn close(&mut self) {
        match core::mem::replace(&mut self.link, Link::Nothing) {
            Link::Command { child, .. } => self.end_command(child),
            Link::Connected(fd) => socket::hang_up(&fd),
            Link::LookingUp(lookup) => self.left.end(lookup.into_child()),
            _ => {}
        }
        (self.broken, self.has_logged_peer) = (false, false);
        (self.read_left, self.read_again) = (READ_MAX, 0);
    }

    fn end(&mut self) {
        match core::mem::replace(&mut self.link, Link::Nothing) {
            Link::Command { input, child } => {
                drop(input);
                child.wait(COMMAND_END);
                self.end_command(child);
            }
            other => {
                self.link = other;
                self.close();
            }
        }
    }

    fn start_script(
        &mut self,
        number: usize,
        arguments: &mut dyn Iterator<Item = &[u8]>,
        user: Option<&[u8]>,
    ) -> Result<(), Errno> {
        self.scripts.start(number, arguments, user)
    }

    fn read_script(&mut self, number: usize, buffer: &mut [u8]) -> Option<usize> {
        self.scripts.read(number, buffer)
    }

    fn script_has_ended(&mut self, number: usize) -> bool {
        self.scripts.has_ended(number)
    }

    fn terminate_script(&mut self, number: usize) {
        self.scripts.ask_to_end(number);
    }

    fn end_script(&mut self, number: usize) -> Option<Ended> {
        self.scripts.end(number)
    }

    fn stop_listening(&mut self) {
        if let Some(listener) = &mut self.listener {
            listener.stop();
        }
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Option<usize> {
        self.listener.as_ref()?.receive(buffer)
    }

    #[inline(never)]
    fn log(&mut self, words: &'static str, given: &[LogArg]) {
        let known = LogContext(&self.link, &self.target);
        self.log.write(|text| {
            for part in format_args(words, given) {
                known.put(text, part);
            }
        });
    }
}

/// Adds the addresses that need no resolver: those of this host for an empty text, or a numeric one.
fn numeric_addresses(addresses: &mut Addresses, host: &[u8], port: u16) {
    if host.is_empty() {
        for ip in &[Ip::LOCALHOST_V4, Ip::LOCALHOST_V6] {
            addresses.push(&Address::new(ip.octets(), port, 0));
        }
    } else if let Some(ip) = resolver::parse(host) {
        addresses.push(&Address::new(ip.octets(), port, 0));
    }
}
