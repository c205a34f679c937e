//! The connection: a table of states and events.
//!
//! | state | due | ready | flush | crowded | retry |
//! |---|---|---|---|---|---|
//! | waiting | look up | | | | look up |
//! | resolving | next receiver | connect, or next receiver | | | |
//! | connecting | next address | connected, or next address | | | |
//! | connected | lost, if the peer was silent for too long | read, go on writing, or lost | write, lost, or back to the first | ask what has arrived | |
//! | ended | | | | | |
//!
//! An event leads to a chain of steps, each of which returns the next one, until the sender waits again. A round tries
//! each receiver once; after the last one the sender waits. So a chain is no longer than receivers and addresses.

mod connected;
mod connection_log;

use crate::base::backoff::Backoff;
use crate::platform::{Cause, LogArg, NEVER, Platform, Transfer};
use crate::ring::Ring;
use connection_log::ConnectionLog;

/// Milliseconds that a look-up, or a connect to one address, may take.
const PATIENCE: u64 = 10_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Until the deadline, before the next attempt.
    Waiting,
    Resolving,
    Connecting,
    Connected,
    /// Standard output is closed for good.
    Ended,
}

/// What the sender does next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Step {
    /// Waits for the next event.
    Wait,
    /// Looks up the addresses of the current receiver.
    LookUp,
    /// Connects to the current address.
    Connect,
    /// Sends the first lines on a new connection.
    Flush,
    /// Tries the next receiver, unless this round has tried all of them.
    NextReceiver,
    /// Waits for the backoff's delay before the next round.
    Pause,
    /// Leaves the connection for the first receiver.
    FirstReceiver,
    /// Ends, since standard output is closed for good.
    End,
}

/// The receivers, and how to treat them; they may change from one event to the next.
#[derive(Clone, Copy)]
pub struct Targets<'a> {
    /// The receivers, at least one: the lines go to the first that accepts a connection.
    pub transfers: &'a [Transfer<'a>],
    /// The index of the receiver with which each round starts.
    pub first: usize,
    /// The first receiver is preferred to the others.
    pub returns: bool,
    /// Milliseconds for which a peer may owe an answer.
    pub timeout: u32,
    /// Each step is logged.
    pub debug: bool,
}

/// What happens to a sender.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Its deadline has come.
    Due,
    /// The platform reports that the connection is ready.
    Ready,
    /// The flush interval has passed, or the ring is half full.
    Flush,
    /// The ring is about to evict lines that are not known to have arrived.
    Crowded,
    /// The user asks for the next attempt at once.
    Retry,
}

/// What a sender works with in one step.
struct Context<'c, 'm, P> {
    platform: &'c mut P,
    ring: &'c mut Ring<'m>,
    targets: &'c Targets<'c>,
    now: u64,
}

/// The sender, which carries the ring's lines to a receiver.
pub struct Sender {
    /// The index of the current receiver.
    current: usize,
    state: State,
    /// The index of the address that is connected or tried, and the number of addresses.
    address: usize,
    addresses: usize,
    deadline: u64,
    backoff: Backoff,
    /// The connection has not taken everything: it is watched for space.
    is_stalled: bool,
    connected_since: u64,
    /// Bytes that the connection has taken, and those of them that have been acknowledged.
    taken: u64,
    acknowledged: u64,
    /// When the peer last acknowledged more, or owed no acknowledgement.
    advanced_at: u64,
    /// The first address of this receiver that failed, and how.
    failure: Option<(usize, Cause)>,
    log: ConnectionLog,
    /// Connections so far.
    connections: u64,
    /// Nothing is sent and no connection is made.
    is_paused: bool,
    /// All that was sent before the last flush has arrived.
    has_caught_up: bool,
    /// The connection is not left for the first receiver: the end is near.
    keeps_open: bool,
}

impl Sender {
    /// A sender that is due at once and starts with the receiver of that index. Equal seeds give equal delays.
    pub fn new(first: usize, seed: u32, now: u64) -> Self {
        Self {
            current: first,
            state: State::Waiting,
            address: 0,
            addresses: 0,
            deadline: now,
            backoff: Backoff::new(seed),
            is_stalled: false,
            connected_since: now,
            taken: 0,
            acknowledged: 0,
            advanced_at: now,
            failure: None,
            log: ConnectionLog::new(),
            connections: 0,
            is_paused: false,
            has_caught_up: false,
            keeps_open: false,
        }
    }

    /// The latest moment for the next [`Event::Due`]; or [`NEVER`].
    pub fn deadline(&self) -> u64 {
        self.deadline
    }

    /// Whether the connection is to be watched for space to write.
    pub fn is_stalled(&self) -> bool {
        self.is_stalled
    }

    /// Whether there is a connection or an attempt, so that lines may still leave.
    pub fn can_send(&self) -> bool {
        !self.is_paused && !matches!(self.state, State::Waiting | State::Ended)
    }

    /// Pauses the sender, or lets it go on at `now`. Returns whether it was paused before.
    pub fn pause(&mut self, is_paused: bool, now: u64) -> bool {
        if self.is_paused && !is_paused && self.state == State::Waiting {
            self.deadline = now;
        }
        core::mem::replace(&mut self.is_paused, is_paused)
    }

    /// Whether at the last flush all that had been sent before had arrived.
    pub fn has_caught_up(&self) -> bool {
        self.has_caught_up
    }

    /// Whether the receiver is gone for good.
    pub fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Connections after the first one.
    pub fn reconnects(&self) -> u64 {
        self.connections.saturating_sub(1)
    }

    /// Keeps the present connection until the end.
    pub fn keep_open(&mut self) {
        self.keeps_open = true;
    }

    /// Returns the state as text for the log, and the address if there is one.
    pub fn state(&self, targets: &Targets) -> [LogArg<'static>; 2] {
        let is_command = matches!(targets.transfers.get(self.current), Some(Transfer::Command(_)));
        let address = LogArg::Address(self.address);
        let none = LogArg::Text(b"");
        let (text, address): (&[u8], _) = match self.state {
            State::Waiting => (b"waiting", none),
            State::Resolving => (b"resolving", none),
            State::Connecting => (b"connecting to ", address),
            // A command may be connected to nothing.
            State::Connected if is_command => (b"running ", address),
            State::Connected => (b"connected to ", address),
            State::Ended => (b"closed", none),
        };
        [LogArg::Text(text), address]
    }

    /// Reacts to an event.
    pub fn on<P: Platform>(
        &mut self,
        event: Event,
        platform: &mut P,
        ring: &mut Ring,
        targets: &Targets,
        now: u64,
    ) {
        let cx = &mut Context {
            platform,
            ring,
            targets,
            now,
        };
        let mut step = self.first_step(event, cx);
        loop {
            step = match step {
                Step::Wait => return,
                Step::LookUp => {
                    let found = cx.platform.resolve(self.receiver(cx));
                    self.on_resolved(found, cx)
                }
                Step::Connect => {
                    let result = cx.platform.connect(self.address);
                    self.on_connect_result(result, cx)
                }
                Step::Flush => self.on_flush(cx),
                Step::NextReceiver => self.next_receiver(cx),
                Step::Pause => {
                    self.close(State::Waiting, cx);
                    self.current = cx.targets.first;
                    self.deadline = cx.now + u64::from(self.backoff.next_delay());
                    Step::Wait
                }
                Step::FirstReceiver => {
                    self.close(State::Waiting, cx);
                    self.current = cx.targets.first;
                    Step::LookUp
                }
                Step::End => {
                    self.close(State::Ended, cx);
                    Step::Wait
                }
            }
        }
    }

    /// The table of states and events.
    fn first_step<P: Platform>(&mut self, event: Event, cx: &mut Context<P>) -> Step {
        match (self.state, event) {
            (State::Waiting, Event::Due) if self.is_paused => {
                self.deadline = NEVER;
                Step::Wait
            }
            (State::Waiting, Event::Due) => Step::LookUp,
            (State::Waiting, Event::Retry) if !self.is_paused => {
                self.backoff.reset();
                Step::LookUp
            }
            (State::Resolving, Event::Due) => self.on_resolved(Err(Cause::TimedOut), cx),
            (State::Resolving, Event::Ready) => {
                let found = cx.platform.resolved();
                self.on_resolved(found.map(Some), cx)
            }
            (State::Connecting, Event::Due) => self.on_connect_result(Err(Cause::TimedOut), cx),
            (State::Connecting, Event::Ready) => {
                let result = cx.platform.connect_result();
                self.on_connect_result(result.map(|()| true), cx)
            }
            (State::Connected, Event::Ready) => self.on_readable(cx),
            (State::Connected, Event::Flush) => self.on_flush(cx),
            (State::Connected, Event::Due) => self.on_timeout(cx),
            (State::Connected, Event::Crowded) => self.on_crowded(cx),
            _ => Step::Wait,
        }
    }

    /// Adopts other targets. A connection to a receiver that is among them is kept.
    pub fn change<P: Platform>(
        &mut self,
        [before, next]: [&Targets; 2],
        platform: &mut P,
        ring: &mut Ring,
        now: u64,
    ) {
        let connected = before
            .transfers
            .get(self.current)
            // Standard output continues where it stopped, even within a line.
            .filter(|one| self.state == State::Connected || **one == Transfer::Stdout);
        let kept = connected.and_then(|one| next.transfers.iter().position(|other| other == one));
        match kept {
            Some(index) => self.current = index,
            None => self.reconnect(platform, ring, next, now),
        }
    }

    /// Asks whether everything that this connection has taken has arrived.
    pub fn has_all_arrived<P: Platform>(&self, platform: &mut P) -> bool {
        self.state == State::Connected && platform.unacked() == 0
    }

    /// Closes the connection, and is due for the next one.
    pub fn reconnect<P: Platform>(&mut self, platform: &mut P, ring: &mut Ring, targets: &Targets, now: u64) {
        if self.state == State::Ended {
            return;
        }
        if self.state == State::Connected {
            ring.rewind(now, true);
        }
        let cx = &mut Context {
            platform,
            ring,
            targets,
            now,
        };
        self.close(State::Waiting, cx);
        self.backoff.reset();
        (self.current, self.deadline) = (targets.first, now);
    }

    fn receiver<'c, P>(&self, cx: &Context<'c, '_, P>) -> &'c Transfer<'c> {
        cx.targets
            .transfers
            .get(self.current)
            .unwrap_or(&Transfer::Stdout)
    }

    fn is_stdout<P>(&self, cx: &Context<P>) -> bool {
        matches!(self.receiver(cx), Transfer::Stdout)
    }

    /// Addresses have been found, or the look-up goes on (`None`).
    fn on_resolved<P: Platform>(&mut self, found: Result<Option<usize>, Cause>, cx: &mut Context<P>) -> Step {
        match found {
            Ok(Some(0)) => Step::NextReceiver,
            Ok(Some(count)) => {
                (self.address, self.addresses) = (0, count);
                Step::Connect
            }
            Ok(None) => self.await_answer(State::Resolving, cx.now),
            Err(cause) => {
                let what = match self.receiver(cx) {
                    Transfer::Tcp { host, .. } => (b"dial tcp: lookup ".as_slice(), LogArg::Text(host)),
                    _ => (b"dial ".as_slice(), LogArg::Address(0)),
                };
                self.log.attempt_failed(what, cause, cx.platform, cx.now);
                Step::NextReceiver
            }
        }
    }

    fn await_answer(&mut self, state: State, now: u64) -> Step {
        self.state = state;
        self.deadline = now + PATIENCE;
        Step::Wait
    }

    /// The address is connected, or the attempt goes on (`false`), or it has failed.
    fn on_connect_result<P: Platform>(&mut self, result: Result<bool, Cause>, cx: &mut Context<P>) -> Step {
        match result {
            Ok(true) => self.on_connected(cx),
            Ok(false) => self.await_answer(State::Connecting, cx.now),
            Err(cause) => {
                let (address, cause) = *self.failure.get_or_insert((self.address, cause));
                self.address += 1;
                if self.address < self.addresses {
                    return Step::Connect;
                }
                let what = (b"dial ".as_slice(), LogArg::Address(address));
                self.log.attempt_failed(what, cause, cx.platform, cx.now);
                if self.is_stdout(cx) {
                    Step::End
                } else {
                    Step::NextReceiver
                }
            }
        }
    }

    fn on_connected<P: Platform>(&mut self, cx: &mut Context<P>) -> Step {
        self.state = State::Connected;
        self.deadline = NEVER;
        self.failure = None;
        (self.connected_since, self.advanced_at) = (cx.now, cx.now);
        (self.taken, self.acknowledged) = (0, 0);
        self.connections += 1;
        self.log_connection(true, cx);
        Step::Flush
    }

    fn next_receiver<P: Platform>(&mut self, cx: &mut Context<P>) -> Step {
        let next = self.current + 1;
        let next = if next < cx.targets.transfers.len() {
            next
        } else {
            0
        };
        if next == cx.targets.first {
            return Step::Pause;
        }
        self.close(State::Waiting, cx);
        self.current = next;
        Step::LookUp
    }

    fn close<P: Platform>(&mut self, state: State, cx: &mut Context<P>) {
        cx.platform.close();
        self.state = state;
        self.is_stalled = false;
        self.failure = None;
        self.deadline = NEVER;
    }

    /// Logs a new connection, or one of which many came and went before it.
    fn log_connection<P: Platform>(&mut self, is_new: bool, cx: &mut Context<P>) {
        let count = self
            .log
            .should_log_connection(is_new, self.connected_since, cx.now);
        // Standard output has no address, and is nothing to wait for.
        if let Some(count) = count.filter(|_| !self.is_stdout(cx)) {
            let dropped = cx.ring.counts().dropped;
            let receiver = self.receiver(cx);
            self.log
                .connected(receiver, self.address, (count, dropped), cx.platform);
        }
    }
}
