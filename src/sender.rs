//! The connection: a table of states and events.
//!
//! | state | due | ready | flush | retry |
//! |---|---|---|---|---|
//! | waiting | look up | | | look up |
//! | resolving | fail | connect, or fail | | |
//! | connecting | next address, or fail | up, next address, or fail | | |
//! | up | | read, go on writing, or lost | write, lost, or back to the first | |
//! | ended | | | | |
//!
//! To fail is to look up the next transfer; a round in which all have failed ends in waiting.

use crate::backoff::Backoff;
use crate::ring::Ring;
use crate::throttle::Throttle;
use crate::world::{Cause, Part, Transfer, World};

/// Milliseconds that a look-up, or a connect to one address, may take.
const PATIENCE: u64 = 10_000;
/// A connection that has stood for so many milliseconds is there to stay.
const STANDING: u64 = 60_000;
/// A connection that was lost sooner has failed: the next transfer is tried.
const FAILED: u64 = 5_000;
/// Bytes that are sent at once.
const PIECE: usize = 8 << 10;
/// Pieces that are sent in one turn: a long backlog must not keep the loop from all else.
const PIECES: usize = 16;
/// A connection to another than the first transfer stands for so many milliseconds, before the first
/// is tried again.
const STANDBY: u64 = 600_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Until the deadline, before the next attempt.
    Waiting,
    Resolving,
    /// To this address of so many.
    Connecting {
        address: usize,
        count: usize,
    },
    /// Connected to this address.
    Up {
        address: usize,
    },
    /// Standard output is closed for good.
    Ended,
}

/// What happens to a sender.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Its deadline has come.
    Due,
    /// The world says that the connection is ready.
    Ready,
    /// It is time to send what has been collected.
    Flush,
    /// The user does not want to wait for the next attempt.
    Retry,
}

/// What a sender works with in one step.
struct Context<'c, 'm, W> {
    world: &'c mut W,
    ring: &'c mut Ring<'m>,
    now: u64,
}

/// Carries the ring's lines to the transfer.
pub struct Sender<'a> {
    transfers: &'a [Transfer<'a>],
    /// The number of the transfer with which each round starts.
    first: usize,
    /// The number of the transfer that this round has come to.
    current: usize,
    /// The first one is preferred to the others.
    returns: bool,
    state: State,
    deadline: Option<u64>,
    backoff: Backoff,
    /// The connection has not taken all: it is to be watched for room.
    is_stalled: bool,
    up_since: u64,
    /// How the first address of this transfer failed.
    failure: Option<(usize, Cause)>,
    dials: Throttle,
    connections: Throttle,
    /// The log has been told of this connection, and so is told how it ends, and what follows.
    is_told: bool,
    /// Connections that have come about.
    connected: u64,
    /// Lost lines that the log has been told of.
    told_lost: u64,
    /// Nothing is to be sent, nor anybody to be called.
    is_held: bool,
    /// All that was sent before the last flush has arrived.
    has_caught_up: bool,
    debug: bool,
}

impl<'a> Sender<'a> {
    /// A sender that is due at once. With a number in `spread` its rounds start with the transfer of
    /// that number (which may be any: it wraps around). Equal seeds give equal delays.
    pub fn new(transfers: &'a [Transfer<'a>], spread: Option<u32>, seed: u32, now: u64, debug: bool) -> Self {
        let first = spread.unwrap_or(0) as usize % transfers.len().max(1);
        Self {
            transfers,
            first,
            current: first,
            returns: spread.is_none(),
            state: State::Waiting,
            deadline: Some(now),
            backoff: Backoff::new(seed),
            is_stalled: false,
            up_since: now,
            failure: None,
            dials: Throttle::new(),
            connections: Throttle::new(),
            is_told: false,
            connected: 0,
            told_lost: 0,
            is_held: false,
            has_caught_up: false,
            debug,
        }
    }

    /// When it wants [`Event::Due`], at the latest.
    pub fn deadline(&self) -> Option<u64> {
        self.deadline
    }

    /// Whether the connection is to be watched for room to write.
    pub fn is_stalled(&self) -> bool {
        self.is_stalled
    }

    /// Whether a connection is there or on its way, so that lines may still leave.
    pub fn is_under_way(&self) -> bool {
        !self.is_held && !matches!(self.state, State::Waiting | State::Ended)
    }

    /// Keeps everything from being sent, or lets it go on at `now`.
    pub fn hold(&mut self, is_held: bool, now: u64) {
        if self.is_held && !is_held && self.state == State::Waiting {
            self.deadline = Some(now);
        }
        self.is_held = is_held;
    }

    /// Whether at the last flush all that had been sent before had arrived.
    pub fn has_caught_up(&self) -> bool {
        self.has_caught_up
    }

    /// Whether the transfer is gone for good.
    pub fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Connections after the first one.
    pub fn reconnects(&self) -> u64 {
        self.connected.saturating_sub(1)
    }

    /// The connection that is there is kept: the end is near.
    pub fn stay(&mut self) {
        self.returns = false;
    }

    /// What it does, for the log: in words, and with which address.
    pub fn state(&self) -> [Part<'static>; 2] {
        let (words, address): (&[u8], _) = match self.state {
            State::Waiting => (b"waiting", None),
            State::Resolving => (b"resolving", None),
            State::Connecting { address, .. } => (b"connecting to ", Some(address)),
            State::Up { address } => (b"connected to ", Some(address)),
            State::Ended => (b"closed", None),
        };
        [Part::Text(words), address.map_or(Part::Text(b""), Part::Address)]
    }

    /// Does what the state asks for.
    pub fn on<W: World>(&mut self, event: Event, world: &mut W, ring: &mut Ring, now: u64) {
        let with = &mut Context { world, ring, now };
        match (self.state, event) {
            (State::Waiting, Event::Due) if self.is_held => self.deadline = None,
            (State::Waiting, Event::Due) => self.look_up(with),
            (State::Waiting, Event::Retry) if !self.is_held => {
                self.backoff.reset();
                self.look_up(with);
            }
            (State::Resolving, Event::Due) => self.fail_lookup(Cause::TimedOut, with),
            (State::Resolving, Event::Ready) => self.looked_up(with),
            (State::Connecting { address, count }, Event::Due) => {
                self.next_address(address, count, Cause::TimedOut, with);
            }
            (State::Connecting { address, count }, Event::Ready) => match with.world.outcome() {
                Ok(()) => self.up(address, with),
                Err(cause) => self.next_address(address, count, cause, with),
            },
            (State::Up { address }, Event::Ready) => self.serve(address, with),
            (State::Up { address }, Event::Flush) => self.flush(address, with),
            _ => {}
        }
    }

    fn transfer(&self) -> Transfer<'a> {
        self.transfers
            .get(self.current)
            .copied()
            .unwrap_or(Transfer::Stdout)
    }

    fn look_up<W: World>(&mut self, with: &mut Context<W>) {
        match with.world.resolve(&self.transfer()) {
            Ok(Some(count)) => self.connect(0, count, with),
            Ok(None) => {
                self.state = State::Resolving;
                self.deadline = Some(with.now + PATIENCE);
            }
            Err(cause) => self.fail_lookup(cause, with),
        }
    }

    fn looked_up<W: World>(&mut self, with: &mut Context<W>) {
        match with.world.resolved() {
            Ok(count) => self.connect(0, count, with),
            Err(cause) => self.fail_lookup(cause, with),
        }
    }

    /// Tries the addresses from this one on, until one is under way.
    fn connect<W: World>(&mut self, first: usize, count: usize, with: &mut Context<W>) {
        for address in first..count {
            match with.world.connect(address) {
                Ok(true) => return self.up(address, with),
                Ok(false) => {
                    self.state = State::Connecting { address, count };
                    self.deadline = Some(with.now + PATIENCE);
                    return;
                }
                Err(cause) => _ = self.failure.get_or_insert((address, cause)),
            }
        }
        self.fail_dial(with);
    }

    fn next_address<W: World>(&mut self, address: usize, count: usize, cause: Cause, with: &mut Context<W>) {
        self.failure.get_or_insert((address, cause));
        self.connect(address + 1, count, with);
    }

    fn fail_lookup<W: World>(&mut self, cause: Cause, with: &mut Context<W>) {
        if let (Some(count), Transfer::Tcp { host, .. }) = (self.dials.pass(with.now), self.transfer()) {
            let what = [Part::Text(b"dial tcp: lookup "), Part::Text(host)];
            log_trouble(with.world, what, cause, count);
        }
        self.next_transfer(with);
    }

    fn fail_dial<W: World>(&mut self, with: &mut Context<W>) {
        if let (Some(count), Some((address, cause))) = (self.dials.pass(with.now), self.failure) {
            log_trouble(
                with.world,
                [Part::Text(b"dial "), Part::Address(address)],
                cause,
                count,
            );
        }
        if self.transfer() == Transfer::Stdout {
            return self.end(with);
        }
        self.next_transfer(with);
    }

    /// Goes on to the next transfer at once, unless this round has tried them all. (A transfer that
    /// fails at once leads back here: once for each.)
    fn next_transfer<W: World>(&mut self, with: &mut Context<W>) {
        let next = self.current + 1;
        let next = if next < self.transfers.len() { next } else { 0 };
        if next == self.first {
            return self.wait(with);
        }
        self.start_with(next, with);
    }

    fn start_with<W: World>(&mut self, transfer: usize, with: &mut Context<W>) {
        with.world.close();
        self.failure = None;
        self.current = transfer;
        self.look_up(with);
    }

    fn wait<W: World>(&mut self, with: &mut Context<W>) {
        with.world.close();
        self.current = self.first;
        self.state = State::Waiting;
        self.is_stalled = false;
        self.failure = None;
        self.deadline = Some(with.now + u64::from(self.backoff.next_delay()));
    }

    fn end<W: World>(&mut self, with: &mut Context<W>) {
        with.world.close();
        self.state = State::Ended;
        self.is_stalled = false;
        self.deadline = None;
    }

    fn up<W: World>(&mut self, address: usize, with: &mut Context<W>) {
        self.state = State::Up { address };
        self.deadline = None;
        self.failure = None;
        self.up_since = with.now;
        self.connected += 1;
        let told = self.connections.pass(with.now);
        self.is_told = told.is_some();
        self.tell_connection(told, address, with);
        self.flush(address, with);
    }

    /// Says that there is a connection (to which transfer, if there are several), and what was lost
    /// before it came.
    fn tell_connection<W: World>(&mut self, told: Option<u64>, address: usize, with: &mut Context<W>) {
        // Standard output has no address, and is nothing to wait for.
        let Some(count) = told.filter(|_| self.transfer() != Transfer::Stdout) else {
            return;
        };
        let (to, peer): (&[u8], _) = if self.transfers.len() > 1 {
            (b" to ", Part::Address(address))
        } else {
            (b"", Part::Text(b""))
        };
        let line = [
            Part::Text(b"local addr:"),
            Part::Local,
            Part::Text(to),
            peer,
            Part::Text(b" ("),
            Part::Number(count),
            Part::Text(b" connections since the last one told)"),
        ];
        with.world.log(if count > 1 { &line } else { &line[..4] });
        let lost = with.ring.counts().dropped;
        if lost > self.told_lost {
            let [what, since] =
                [b"lines lost for want of room: ".as_slice(), b" since the start"].map(Part::Text);
            with.world.log(&[what, Part::Number(lost), since]);
            self.told_lost = lost;
        }
    }

    fn serve<W: World>(&mut self, address: usize, with: &mut Context<W>) {
        match with.world.drain() {
            Ok(()) if self.is_stalled => self.write(address, with),
            Ok(()) => {}
            Err(cause) => self.lose(b"read ", address, cause, with),
        }
    }

    fn flush<W: World>(&mut self, address: usize, with: &mut Context<W>) {
        self.acknowledge(with);
        self.has_caught_up = !(with.ring.in_flight() || self.is_stalled || self.is_held);
        if !self.is_told && with.now >= self.up_since + STANDING {
            // Many came and went untold, but this one stays.
            let told = self.connections.tell_held(with.now);
            self.is_told = told.is_some();
            self.tell_connection(told, address, with);
        }
        // A stalled connection says when it has room again.
        if self.is_stalled || self.is_held {
            return;
        }
        let is_standby = self.returns && self.current != self.first;
        if !is_standby || with.now < self.up_since + STANDBY {
            self.write(address, with);
        } else if with.world.unacked() == 0 {
            // (Until then nothing is added to it: there might always be some.) The ring may not hold all of
            // it any more, but learns that it has arrived.
            with.ring.acknowledge(0, with.now);
            self.return_to_first(address, with);
        }
    }

    /// Leaves a connection on which all that was sent has arrived.
    fn return_to_first<W: World>(&mut self, address: usize, with: &mut Context<W>) {
        if self.is_told {
            let back = Part::Text(b"back to the first transfer from ");
            with.world.log(&[back, Part::Address(address)]);
        }
        // What the peer sent and nobody read would make the kernel reset the connection.
        let _ = with.world.drain();
        // Nobody will tell whether the receiver died with what it had not read.
        with.ring.rewind(true);
        self.start_with(self.first, with);
    }

    fn acknowledge<W: World>(&mut self, with: &mut Context<W>) {
        if with.ring.in_flight() && with.ring.acknowledge(with.world.unacked(), with.now) {
            // The next attempts start early: this connection is of use.
            self.backoff.reset();
        }
    }

    fn write<W: World>(&mut self, address: usize, with: &mut Context<W>) {
        self.is_stalled = false;
        let mut stage = [0; PIECE];
        for _ in 0..PIECES {
            let piece = with.ring.unsent(&mut stage);
            if piece.is_empty() || self.is_held {
                return;
            }
            match with.world.send(piece) {
                Ok(taken) => {
                    with.ring.mark_sent(taken);
                    if self.debug {
                        log_flush(with.world, taken, piece.len());
                    }
                    if taken < piece.len() {
                        self.is_stalled = true;
                        return;
                    }
                }
                Err(cause) => return self.lose(b"flush error: write ", address, cause, with),
            }
        }
        self.is_stalled = with.ring.unsent_length() > 0;
    }

    fn lose<W: World>(&mut self, doing: &[u8], address: usize, cause: Cause, with: &mut Context<W>) {
        self.acknowledge(with);
        if self.is_told {
            log_trouble(with.world, [Part::Text(doing), Part::Address(address)], cause, 1);
        }
        self.has_caught_up = false;
        if self.transfer() != Transfer::Stdout {
            // Who has closed in order, with nothing under way, has read all that came. Otherwise the
            // receiver may have died with what its kernel had acknowledged.
            with.ring.rewind(cause != Cause::Closed || with.ring.in_flight());
        } else if cause == Cause::Closed {
            return self.end(with);
        }
        // Standard output is the same stream after an error (a full disk): it goes on where it
        // stopped, be it within a line.
        self.is_stalled = false;
        if with.now < self.up_since + FAILED {
            return self.next_transfer(with);
        }
        self.wait(with);
    }
}

fn log_trouble<W: World>(world: &mut W, [doing, what]: [Part; 2], cause: Cause, count: u64) {
    let [colon, open, close] = [b": ".as_slice(), b" (", b" attempts)"].map(Part::Text);
    let line = [
        doing,
        what,
        colon,
        Part::Cause(cause),
        open,
        Part::Number(count),
        close,
    ];
    world.log(if count > 1 { &line } else { &line[..4] });
}

fn log_flush<W: World>(world: &mut W, taken: usize, waiting: usize) {
    let [flushed, of, bytes] = [b"flush: ".as_slice(), b" of ", b" bytes"].map(Part::Text);
    let [taken, waiting] = [taken, waiting].map(|count| Part::Number(count as u64));
    world.log(&[flushed, taken, of, waiting, bytes]);
}
