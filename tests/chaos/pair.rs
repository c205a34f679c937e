//! An agent and its receiver, and the ways in which either of them breaks off.

use crate::common::{Agent, PATIENCE, command, poll};
use crate::random::Random;
use crate::receiver::{Reading, Victim};
use crate::seen::{Key, Seen, Stream};
use socket2::{Domain, SockRef, Socket, Type};
use std::io::Read;
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::Duration;

/// How long nothing has to come for nothing to be there.
const MOMENT: Duration = Duration::from_millis(5);

/// What an agent is run with.
#[derive(Clone, Copy)]
pub(crate) struct Flags {
    /// All but those that differ from life to life.
    pub(crate) list: &'static [&'static str],
    /// Tags beside the one of its life, which make its lines longer.
    pub(crate) tags: &'static [&'static str],
    /// Its buffer is in a file, and it may be killed.
    pub(crate) has_spool: bool,
}

/// An agent that goes from life to life, and the lines that have come of it.
pub(crate) struct Lives {
    make: Box<dyn Fn(u64) -> Command>,
    agent: Agent,
    life: u64,
    pub(crate) seen: Seen,
}

impl Lives {
    /// `make` gives the command for a life.
    pub(crate) fn new(seen: Seen, make: impl Fn(u64) -> Command + 'static) -> Self {
        let agent = Agent::spawn(&mut make(1));
        Self {
            make: Box::new(make),
            agent,
            life: 1,
            seen,
        }
    }

    /// Reads on in the log; answers the newest line that it tells of in this life.
    pub(crate) fn newest(&mut self) -> Option<u64> {
        for line in self.agent.log.so_far() {
            self.seen.note(&line);
        }
        self.seen.newest_logged(self.life)
    }

    /// Waits until the agent has made so many lines from now on.
    pub(crate) fn wait_for_lines(&mut self, count: u64) {
        let start = self.newest().map_or(0, |number| number + 1);
        let is_there = |newest: Option<u64>| newest.is_some_and(|newest| newest + 1 >= start + count);
        poll(|| is_there(self.newest()).then_some(()), "lines in the log");
    }

    /// Waits for a line of the log.
    pub(crate) fn wait_for_log(&mut self, text: &str) {
        let mut find = || {
            let lines = self.agent.log.so_far();
            for line in &lines {
                self.seen.note(line);
            }
            lines.iter().any(|line| line.contains(text)).then_some(())
        };
        poll(&mut find, text);
    }

    /// Whether all lines have come up to this one of this life.
    pub(crate) fn has(&self, number: u64) -> bool {
        self.seen.has((self.life, number))
    }

    /// Whether this connection has gone past a line of this life that has not come.
    fn is_lost(&self, carried: &Stream, number: u64) -> bool {
        carried.is_past((self.life, number)) && !self.has(number)
    }

    fn end_of_life(&mut self) {
        for line in self.agent.rest_of_log() {
            self.seen.note(&line);
        }
    }

    /// Kills the agent, and starts the next one.
    pub(crate) fn kill(&mut self) {
        for line in self.agent.kill() {
            self.seen.note(&line);
        }
        self.start();
    }

    /// Ends the agent in order, and starts the next one.
    pub(crate) fn restart(&mut self) {
        self.agent.stop();
        self.end_of_life();
        self.start();
    }

    fn start(&mut self) {
        self.life += 1;
        self.agent = Agent::spawn(&mut (self.make)(self.life));
    }

    /// Ends the agent in order; then `read` reads what is left, up to the newest line.
    pub(crate) fn finish(&mut self, read: impl FnOnce(&mut Seen, Option<Key>)) {
        self.agent.stop();
        self.end_of_life();
        let newest = self.seen.newest_logged(self.life);
        read(&mut self.seen, newest.map(|number| (self.life, number)));
    }
}

/// A connection that may be broken.
struct Connection {
    stream: TcpStream,
    carried: Stream,
}

impl Connection {
    /// Reads what there is, at most a piece, and waits for it if need be. Says whether there was any; at
    /// the end of the agent's side there is none.
    fn read(&mut self, seen: &mut Seen, piece: usize) -> bool {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer[..piece]) {
            Ok(count @ 1..) => {
                seen.take(&mut self.carried, &buffer[..count]);
                true
            }
            _ => false,
        }
    }

    fn wait_at_most(&self, time: Duration) {
        self.stream.set_read_timeout(Some(time)).unwrap();
    }

    /// Reads until nothing is there.
    fn read_all(&mut self, seen: &mut Seen) {
        self.wait_at_most(MOMENT);
        while self.read(seen, 4096) {}
        self.wait_at_most(PATIENCE);
    }

    /// Lets the other side see a reset in place of an orderly end.
    fn reset(self) {
        SockRef::from(&self.stream)
            .set_linger(Some(Duration::ZERO))
            .unwrap();
    }
}

/// The agent, its receiver, and what has come.
pub(crate) struct Pair {
    random: Random,
    address: SocketAddr,
    listener: Option<TcpListener>,
    lives: Lives,
    has_spool: bool,
    /// Connections since one has carried all that there was.
    behind: usize,
}

impl Pair {
    pub(crate) fn new(mut random: Random, number: usize, flags: Flags, spool: &str) -> Self {
        // Of its own, so that no outgoing connection is given the port while nobody listens.
        let [high, low] = (std::process::id() as u16).to_be_bytes();
        let host = Ipv4Addr::new(127, 100 + number as u8, high, low);
        let listener = listen((host, 0).into(), random.is_one_in(2));
        let address = listener.local_addr().unwrap();
        let endpoint = format!("pair-{number}");
        let seen = Seen::new(&endpoint, flags.tags);
        let spool = flags.has_spool.then(|| format!("-spool={spool}"));
        let lives = Lives::new(seen, move |life| {
            let mut command = command();
            command.args([&format!("-trans={address}"), &format!("-endpoint={endpoint}")]);
            command.args(flags.list).args(&spool).arg("-debug");
            command.args(flags.tags.iter().flat_map(|tag| ["-tag", tag]));
            command.args(["-tag", &format!("life={life}")]);
            command
        });
        Self {
            random,
            address,
            listener: Some(listener),
            lives,
            has_spool: flags.has_spool,
            behind: 0,
        }
    }

    /// Another listener at the same address; what waited at the one before is reset.
    fn listen(&mut self, is_narrow: bool) {
        self.listener = None;
        self.listener = Some(listen(self.address, is_narrow));
    }

    fn accept(&mut self) -> Connection {
        let stream = crate::common::accept(self.listener.as_ref().unwrap());
        Connection {
            stream,
            carried: Stream::default(),
        }
    }

    /// A connection that has carried something, and from time to time all there was.
    fn connection(&mut self) -> Connection {
        self.behind += 1;
        if self.behind > 3 || self.random.is_one_in(3) {
            return self.caught_up();
        }
        let mut connection = self.accept();
        self.read_some(&mut connection);
        connection
    }

    /// Reads for a while, in one way or another.
    fn read_some(&mut self, connection: &mut Connection) {
        match self.random.below(4) {
            0 => {}
            1 => connection.read_all(&mut self.lives.seen),
            2 => {
                for _ in 0..self.random.below(40) {
                    let piece = self.random.within(1..300);
                    connection.read(&mut self.lives.seen, piece);
                    self.random.pause(10);
                }
            }
            _ => {
                for _ in 0..self.random.below(20) {
                    connection.read(&mut self.lives.seen, 4096);
                }
            }
        }
    }

    /// A connection on which all has come that the agent had made before.
    fn caught_up(&mut self) -> Connection {
        self.behind = 0;
        let newest = self.lives.newest();
        // To the agent this receiver closes each connection soon, so that its delays grow to half a minute, in which a
        // small buffer would fill. Before its first line it may not take signals yet.
        if newest.is_some() {
            self.lives.agent.signal("HUP");
        }
        loop {
            let mut connection = self.accept();
            loop {
                if newest.is_none_or(|newest| self.lives.has(newest)) {
                    return connection;
                }
                // One of an agent that is no more comes to its end.
                if !connection.read(&mut self.lives.seen, 4096) {
                    break;
                }
                // Lines come in their order: what is left out does not come later.
                let is_lost = newest.is_some_and(|newest| self.lives.is_lost(&connection.carried, newest));
                assert!(!is_lost, "{newest:?} is lost");
            }
        }
    }

    /// One break; its name.
    pub(crate) fn break_off(&mut self) -> &'static str {
        let kinds = if self.has_spool { 9 } else { 7 };
        match self.random.below(kinds) {
            0 => self.close(),
            1 => self.close_halfway(),
            2 => self.close_unread(),
            3 => self.reset(),
            4 => self.kill_receiver(),
            5 => self.leave_unaccepted(),
            6 => self.go_away(),
            7 => self.kill_agent(),
            _ => self.restart_agent(),
        }
    }

    /// Reads all there is, and closes in order.
    fn close(&mut self) -> &'static str {
        let mut connection = self.connection();
        connection.read_all(&mut self.lives.seen);
        "closed"
    }

    /// Closes its own side, and reads on until the agent closes the other.
    fn close_halfway(&mut self) -> &'static str {
        let mut connection = self.connection();
        // A peer that is gone already is an error here.
        let _ = connection.stream.shutdown(Shutdown::Write);
        while connection.read(&mut self.lives.seen, 4096) {}
        "half-closed"
    }

    /// Stops reading, and closes after a while: with unread bytes, that is a reset.
    fn close_unread(&mut self) -> &'static str {
        let connection = self.connection();
        self.random.pause(400);
        drop(connection);
        "closed unread"
    }

    fn reset(&mut self) -> &'static str {
        let connection = self.connection();
        self.random.pause(200);
        connection.reset();
        "reset"
    }

    /// The receiver is another process, which stops reading, and then is killed.
    fn kill_receiver(&mut self) -> &'static str {
        let Connection { stream, mut carried } = self.connection();
        let reading = Reading {
            bytes: self.random.below(6_000),
            piece: self.random.within(1..4096),
            pause: self.random.below(3) as u64,
        };
        let mut victim = Victim::new(stream, reading);
        victim.read(|bytes| self.lives.seen.take(&mut carried, bytes));
        self.random.pause(400);
        drop(victim);
        "receiver killed"
    }

    /// The kernel accepts, and acknowledges, but nobody else does.
    fn leave_unaccepted(&mut self) -> &'static str {
        drop(self.connection());
        self.random.pause(300);
        let is_narrow = self.random.is_one_in(2);
        self.listen(is_narrow);
        "unaccepted"
    }

    /// Nobody listens for a while.
    fn go_away(&mut self) -> &'static str {
        let connection = self.connection();
        self.listener = None;
        drop(connection);
        self.random.pause(300);
        let is_narrow = self.random.is_one_in(2);
        self.listen(is_narrow);
        "gone"
    }

    /// In the middle of anything; what it had sent may be read, or not.
    fn kill_agent(&mut self) -> &'static str {
        let connection = (!self.random.is_one_in(4)).then(|| self.connection());
        self.random.pause(200);
        self.lives.kill();
        if let Some(mut connection) = connection
            && self.random.is_one_in(2)
        {
            while connection.read(&mut self.lives.seen, 4096) {}
        }
        "agent killed"
    }

    fn restart_agent(&mut self) -> &'static str {
        let connection = self.connection();
        self.random.pause(200);
        self.lives.restart();
        drop(connection);
        "agent restarted"
    }

    /// Stops reading for longer than what has been acknowledged is kept, with most of it stuck in flight;
    /// then reads what the agent's side may have given up by then, and resets.
    pub(crate) fn stall(&mut self, lines: u64) -> &'static str {
        self.listen(true);
        let mut connection = self.caught_up();
        self.lives.wait_for_lines(lines);
        // The kernel holds no more than that for a receiver.
        let mut left = SockRef::from(&connection.stream).recv_buffer_size().unwrap();
        while left > 0 && connection.read(&mut self.lives.seen, left.min(512)) {
            left -= left.min(512);
        }
        connection.reset();
        "stalled"
    }

    /// Lets the agent go on until all has come, and some more; then it ends, and there is no gap.
    pub(crate) fn finish(mut self) -> Seen {
        self.lives.wait_for_lines(10);
        let mut connection = self.caught_up();
        self.lives.wait_for_lines(10);
        self.lives.finish(|seen, _| while connection.read(seen, 4096) {});
        self.lives.seen.check();
        self.lives.seen
    }
}

/// A listener; the connections of a narrow one hold little that nobody has read.
fn listen(address: SocketAddr, is_narrow: bool) -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    if is_narrow {
        socket.set_recv_buffer_size(2048).unwrap();
    }
    socket.set_reuse_address(true).unwrap();
    // A process that another thread has just forked has the listener before for a moment, too.
    poll(|| socket.bind(&address.into()).ok(), "the address");
    socket.listen(16).unwrap();
    socket.into()
}
