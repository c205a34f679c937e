//! The connection: a table of states and events.
//!
//! | state | due | ready | flush | retry |
//! |---|---|---|---|---|
//! | waiting | look up | | | look up |
//! | resolving | fail | connect, or fail | | |
//! | connecting | next address, or fail | up, next address, or fail | | |
//! | up | lost, if the peer was silent for too long | read, go on writing, or lost | write, lost, or back to the first | |
//! | ended | | | | |
//!
//! To fail is to look up the next transfer; a round in which all have failed ends in waiting.

mod told;
mod up;

use crate::base::backoff::Backoff;
use crate::platform::{Cause, LogArg, NEVER, Platform, Transfer};
use crate::ring::Ring;
use told::Told;

/// Milliseconds that a look-up, or a connect to one address, may take.
const PATIENCE: u64 = 10_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// Until the deadline, before the next attempt.
    Waiting,
    Resolving,
    Connecting,
    Up,
    /// Standard output is closed for good.
    Ended,
}

/// What a sender is to do: it may change from one event to the next.
#[derive(Clone, Copy)]
pub struct Targets<'a> {
    /// Where the lines go: the first that takes a connection. At least one.
    pub transfers: &'a [Transfer<'a>],
    /// The number of the one with which each round starts.
    pub first: usize,
    /// It is preferred to the others.
    pub returns: bool,
    /// Milliseconds for which a peer may owe an answer.
    pub timeout: u32,
    /// The log is told of each step.
    pub debug: bool,
}

/// What happens to a sender.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// Its deadline has come.
    Due,
    /// The platform says that the connection is ready.
    Ready,
    /// It is time to send what has been collected.
    Flush,
    /// The user does not want to wait for the next attempt.
    Retry,
    /// The ring is about to give up lines that have not been acknowledged as far as it knows.
    Crowded,
}

/// What a sender works with in one step.
struct Context<'c, 'm, W> {
    platform: &'c mut W,
    ring: &'c mut Ring<'m>,
    targets: &'c Targets<'c>,
    now: u64,
}

/// Carries the ring's lines to the transfer.
pub struct Sender {
    /// The number of the transfer that this round has come to.
    current: usize,
    state: State,
    /// The address of this transfer that is connected, or tried, of so many.
    address: usize,
    addresses: usize,
    deadline: u64,
    backoff: Backoff,
    /// The connection has not taken all: it is to be watched for room.
    is_stalled: bool,
    up_since: u64,
    /// Bytes that the connection has taken, and those of them that have been acknowledged.
    taken: u64,
    acknowledged: u64,
    /// When more was acknowledged, or all was.
    moved: u64,
    /// How the first address of this transfer failed.
    failure: Option<(usize, Cause)>,
    told: Told,
    /// Connections that have come about.
    connected: u64,
    /// Nothing is to be sent, nor anybody to be called.
    is_paused: bool,
    /// All that was sent before the last flush has arrived.
    has_caught_up: bool,
    /// The connection that is there is kept: the end is near.
    keeps_open: bool,
}

impl Sender {
    /// A sender that is due at once, and starts with the transfer of that number. Equal seeds give equal
    /// delays.
    pub fn new(first: usize, seed: u32, now: u64) -> Self {
        Self {
            current: first,
            state: State::Waiting,
            address: 0,
            addresses: 0,
            deadline: now,
            backoff: Backoff::new(seed),
            is_stalled: false,
            up_since: now,
            taken: 0,
            acknowledged: 0,
            moved: now,
            failure: None,
            told: Told::new(),
            connected: 0,
            is_paused: false,
            has_caught_up: false,
            keeps_open: false,
        }
    }

    /// When it wants [`Event::Due`], at the latest; or [`NEVER`].
    pub fn deadline(&self) -> u64 {
        self.deadline
    }

    /// Whether the connection is to be watched for room to write.
    pub fn is_stalled(&self) -> bool {
        self.is_stalled
    }

    /// Whether a connection is there or on its way, so that lines may still leave.
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

    /// Whether the transfer is gone for good.
    pub fn has_ended(&self) -> bool {
        self.state == State::Ended
    }

    /// Connections after the first one.
    pub fn reconnects(&self) -> u64 {
        self.connected.saturating_sub(1)
    }

    /// Keeps the present connection: the end is near.
    pub fn keep_open(&mut self) {
        self.keeps_open = true;
    }

    /// What it does, for the log: in words, and with which address.
    pub fn state(&self, targets: &Targets) -> [LogArg<'static>; 2] {
        let is_command = matches!(targets.transfers.get(self.current), Some(Transfer::Command(_)));
        let (words, has_address): (&[u8], _) = match self.state {
            State::Waiting => (b"waiting", false),
            State::Resolving => (b"resolving", false),
            State::Connecting => (b"connecting to ", true),
            // Whether it is connected to anything is its own affair.
            State::Up if is_command => (b"running ", true),
            State::Up => (b"connected to ", true),
            State::Ended => (b"closed", false),
        };
        [LogArg::Text(words), self.peer(has_address)]
    }

    /// The address, or nothing.
    fn peer(&self, is_told: bool) -> LogArg<'static> {
        if is_told {
            LogArg::Address(self.address)
        } else {
            LogArg::Text(b"")
        }
    }

    /// Does what the state asks for.
    pub fn on<W: Platform>(
        &mut self,
        event: Event,
        platform: &mut W,
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
        match (self.state, event) {
            (State::Waiting, Event::Due) if self.is_paused => self.deadline = NEVER,
            (State::Waiting, Event::Due) => self.look_up(cx),
            (State::Waiting, Event::Retry) if !self.is_paused => {
                self.backoff.reset();
                self.look_up(cx);
            }
            (State::Resolving, Event::Due) => self.looked_up(Err(Cause::TimedOut), cx),
            (State::Resolving, Event::Ready) => {
                let found = cx.platform.resolved();
                self.looked_up(found.map(Some), cx);
            }
            (State::Connecting, Event::Due) => self.dialed(Err(Cause::TimedOut), cx),
            (State::Connecting, Event::Ready) => {
                let outcome = cx.platform.connect_result();
                self.dialed(outcome.map(|()| true), cx);
            }
            (State::Up, Event::Ready) => self.serve(cx),
            (State::Up, Event::Flush) => self.flush(cx),
            (State::Up, Event::Due) => self.check_silence(cx),
            (State::Up, Event::Crowded) => self.make_room(cx),
            _ => {}
        }
    }

    /// Goes on with other targets. A connection to what is still a transfer is kept.
    pub fn change<W: Platform>(
        &mut self,
        [before, now_on]: [&Targets; 2],
        platform: &mut W,
        ring: &mut Ring,
        now: u64,
    ) {
        let connected = before
            .transfers
            .get(self.current)
            // Standard output goes on where it stopped, be it within a line.
            .filter(|one| self.state == State::Up || **one == Transfer::Stdout);
        let kept = connected.and_then(|one| now_on.transfers.iter().position(|other| other == one));
        match kept {
            Some(number) => self.current = number,
            None => self.reconnect(platform, ring, now_on, now),
        }
    }

    /// Asks whether all that this connection has got has arrived.
    pub fn has_all_arrived<W: Platform>(&self, platform: &mut W) -> bool {
        self.state == State::Up && platform.unacked() == 0
    }

    /// Gives up the connection, and is due for the next one.
    pub fn reconnect<W: Platform>(&mut self, platform: &mut W, ring: &mut Ring, targets: &Targets, now: u64) {
        if self.state == State::Ended {
            return;
        }
        if self.state == State::Up {
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

    fn transfer<'c, W>(&self, cx: &Context<'c, '_, W>) -> &'c Transfer<'c> {
        cx.targets
            .transfers
            .get(self.current)
            .unwrap_or(&Transfer::Stdout)
    }

    fn is_stdout<W>(&self, cx: &Context<W>) -> bool {
        matches!(self.transfer(cx), Transfer::Stdout)
    }

    fn look_up<W: Platform>(&mut self, cx: &mut Context<W>) {
        let found = cx.platform.resolve(self.transfer(cx));
        self.looked_up(found, cx);
    }

    /// So many addresses have been found, or some are still looked for.
    fn looked_up<W: Platform>(&mut self, found: Result<Option<usize>, Cause>, cx: &mut Context<W>) {
        match found {
            Ok(Some(count)) => {
                (self.address, self.addresses) = (0, count);
                self.connect(cx);
            }
            Ok(None) => self.await_answer(State::Resolving, cx.now),
            Err(cause) => {
                let what = match self.transfer(cx) {
                    Transfer::Tcp { host, .. } => (b"dial tcp: lookup ".as_slice(), LogArg::Text(host)),
                    _ => (b"dial ".as_slice(), LogArg::Address(0)),
                };
                self.told.failure(what, cause, cx.platform, cx.now);
                self.next_transfer(cx);
            }
        }
    }

    fn await_answer(&mut self, state: State, now: u64) {
        self.state = state;
        self.deadline = now + PATIENCE;
    }

    /// Tries the addresses from this one on, until one is under way.
    fn connect<W: Platform>(&mut self, cx: &mut Context<W>) {
        while self.address < self.addresses {
            let answer = cx.platform.connect(self.address);
            if self.has_dialed(answer, cx) {
                return;
            }
        }
        self.fail_dial(cx);
    }

    fn dialed<W: Platform>(&mut self, answer: Result<bool, Cause>, cx: &mut Context<W>) {
        if !self.has_dialed(answer, cx) {
            self.connect(cx);
        }
    }

    /// The address answers, or is about to; otherwise it is the next one's turn.
    fn has_dialed<W: Platform>(&mut self, answer: Result<bool, Cause>, cx: &mut Context<W>) -> bool {
        match answer {
            Ok(true) => self.up(cx),
            Ok(false) => self.await_answer(State::Connecting, cx.now),
            Err(cause) => {
                self.failure.get_or_insert((self.address, cause));
                self.address += 1;
                return false;
            }
        }
        true
    }

    fn fail_dial<W: Platform>(&mut self, cx: &mut Context<W>) {
        if let Some((address, cause)) = self.failure {
            let what = (b"dial ".as_slice(), LogArg::Address(address));
            self.told.failure(what, cause, cx.platform, cx.now);
        }
        if self.is_stdout(cx) {
            return self.close(State::Ended, cx);
        }
        self.next_transfer(cx);
    }

    /// Goes on to the next transfer at once, unless this round has tried them all. (A transfer that
    /// fails at once leads back here: once for each.)
    fn next_transfer<W: Platform>(&mut self, cx: &mut Context<W>) {
        let next = self.current + 1;
        let next = if next < cx.targets.transfers.len() {
            next
        } else {
            0
        };
        if next == cx.targets.first {
            return self.wait(cx);
        }
        self.start_with(next, cx);
    }

    fn start_with<W: Platform>(&mut self, transfer: usize, cx: &mut Context<W>) {
        self.close(State::Waiting, cx);
        self.current = transfer;
        self.look_up(cx);
    }

    fn wait<W: Platform>(&mut self, cx: &mut Context<W>) {
        self.close(State::Waiting, cx);
        self.current = cx.targets.first;
        self.deadline = cx.now + u64::from(self.backoff.next_delay());
    }

    fn close<W: Platform>(&mut self, state: State, cx: &mut Context<W>) {
        cx.platform.close();
        self.state = state;
        self.is_stalled = false;
        self.failure = None;
        self.deadline = NEVER;
    }

    fn up<W: Platform>(&mut self, cx: &mut Context<W>) {
        self.state = State::Up;
        self.deadline = NEVER;
        self.failure = None;
        (self.up_since, self.moved) = (cx.now, cx.now);
        (self.taken, self.acknowledged) = (0, 0);
        self.connected += 1;
        self.tell_connection(true, cx);
        self.flush(cx);
    }

    /// Has the log told of the connection, if it is to be.
    fn tell_connection<W: Platform>(&mut self, is_new: bool, cx: &mut Context<W>) {
        let count = self.told.connections(is_new, self.up_since, cx.now);
        // Standard output has no address, and is nothing to wait for.
        if let Some(count) = count.filter(|_| !self.is_stdout(cx)) {
            let lost = cx.ring.counts().dropped;
            let transfer = self.transfer(cx);
            self.told
                .connection(transfer, self.address, (count, lost), cx.platform);
        }
    }
}
