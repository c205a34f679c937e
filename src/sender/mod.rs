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
//! A receiver of HTTP is connected only while there is something to send, and `http` has its events.
//!
//! An event leads to a chain of steps, each of which returns the next one, until the sender waits again. A round tries
//! each receiver once; after the last one the sender waits. So a chain is no longer than receivers and addresses.

mod connected;
mod connecting;
mod connection_log;
mod encoded;
mod http;
mod targets;

pub use encoded::Memory;
pub use targets::Targets;

use crate::base::backoff::Backoff;
use crate::base::rate_limit::Throttle;
use crate::format::json;
use crate::platform::{Cause, LogArg, NEVER, Platform, TRANSFERS_MAX, Transfer};
use crate::ring::{LINE_MAX, Ring};
use encoded::Encoded;
use http::Http;

/// Seconds by which a stamp may be ahead of the clock: it was set back after the line had been sent for the first time.
const AHEAD_MAX: u64 = 60;

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
    /// Sends the next request of HTTP, if there is something to send.
    Request,
    /// Tries the next receiver, unless this round has tried all of them.
    NextReceiver,
    /// Waits for the backoff's delay before the next round.
    Pause,
    /// Ends, since standard output is closed for good.
    End,
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
struct Context<'c, 'm> {
    platform: &'c mut dyn Platform,
    ring: &'c mut Ring<'m>,
    targets: &'c Targets<'c>,
    now: u64,
}

impl Context<'_, '_> {
    /// Returns the second of now since 1970, if the wall clock has been known.
    fn wall_second(&self) -> Option<u64> {
        Some(self.targets.starts.machine? + self.now / 1000)
    }
}

/// The sender, which carries the ring's lines to a receiver.
pub struct Sender {
    /// The index of the current receiver.
    current: usize,
    /// When it became the current one.
    chosen_at: u64,
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
    /// When the first bytes were sent on a stream.
    first_sent_at: Option<u64>,
    /// Streams in a row that ended soon after that.
    early_ends: u8,
    /// When the peer last acknowledged more, or owed no acknowledgement.
    advanced_at: u64,
    /// When the receiver last acknowledged lines, or the start.
    acknowledged_at: u64,
    /// Until when each receiver wants to be left alone.
    holds: [u64; TRANSFERS_MAX],
    /// The first address of this receiver that failed, and how.
    failure: Option<(usize, Cause)>,
    attempt_throttle: Throttle,
    connection_throttle: Throttle,
    early_throttle: Throttle,
    /// The log has this connection, and so gets its end, too.
    has_log: bool,
    /// Dropped lines that the log has.
    logged_dropped: u64,
    /// Connections so far.
    connections: u64,
    /// Nothing is sent and no connection is made.
    is_paused: bool,
    /// All that was sent before the last flush has arrived.
    has_caught_up: bool,
    /// The connection is not left for the first receiver: the end is near.
    keeps_open: bool,
    /// The machine's start by the clock of which no unsent line is ahead.
    checked_start: Option<u64>,
    encoded: Encoded,
    http: Http,
    memory: &'static mut Memory,
}

impl Sender {
    /// A sender that is due at once and starts with the receiver of that index. Equal seeds give equal delays.
    pub fn new(first: usize, seed: u32, now: u64, memory: &'static mut Memory) -> Self {
        Self {
            current: first,
            chosen_at: now,
            state: State::Waiting,
            address: 0,
            addresses: 0,
            deadline: now,
            backoff: Backoff::new(seed),
            is_stalled: false,
            connected_since: now,
            taken: 0,
            acknowledged: 0,
            first_sent_at: None,
            early_ends: 0,
            advanced_at: now,
            acknowledged_at: now,
            holds: [0; TRANSFERS_MAX],
            failure: None,
            attempt_throttle: Throttle::new(),
            connection_throttle: Throttle::new(),
            early_throttle: Throttle::new(),
            has_log: false,
            logged_dropped: 0,
            connections: 0,
            is_paused: false,
            has_caught_up: false,
            keeps_open: false,
            checked_start: None,
            encoded: Encoded::NONE,
            http: Http::NEW,
            memory,
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

    /// Whether a request has no answer yet.
    pub fn awaits_answer(&self) -> bool {
        self.http.awaits_answer()
    }

    /// Lines that receivers have refused, and which were dropped.
    pub fn rejected(&self) -> u64 {
        self.http.rejected
    }

    /// Whether there is a connection or an attempt, or one is due, so that lines may still leave.
    pub fn can_send(&self, now: u64) -> bool {
        let is_waiting = self.state == State::Waiting && self.deadline > now;
        !self.is_paused && !is_waiting && self.state != State::Ended
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

    /// Returns when the receiver last acknowledged lines, or the start.
    pub fn acknowledged_at(&self) -> u64 {
        self.acknowledged_at
    }

    /// Connections after the first one.
    pub fn reconnects(&self) -> u64 {
        self.connections.saturating_sub(1)
    }

    /// Keeps the present connection until the end, which is near: no limit of the rate holds any more. A sender that waits
    /// is due for one more attempt, unless its receiver wants to be left alone.
    pub fn keep_open(&mut self, now: u64) {
        self.keeps_open = true;
        self.http.allowance.lift();
        if self.state == State::Waiting && self.deadline != NEVER && self.held_until(self.current) <= now {
            self.deadline = now;
        }
    }

    /// Asks whether everything that this connection has taken has arrived.
    pub fn has_all_arrived(&self, platform: &mut dyn Platform) -> bool {
        self.state == State::Connected && !self.awaits_answer() && platform.unacked() == 0
    }

    /// Returns the state as text for the log, and the address if there is one.
    pub fn state(&self, targets: &Targets) -> [LogArg<'static>; 2] {
        let is_tunnel = targets.via.get(self.current).is_some_and(Option::is_some);
        let is_command =
            is_tunnel || matches!(targets.transfers.get(self.current), Some(Transfer::Command(_)));
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
    pub fn on(
        &mut self,
        event: Event,
        platform: &mut dyn Platform,
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
        if event == Event::Flush {
            self.http.allowance.note_pushed(cx.ring.counts().pushed);
        }
        let mut step = self.first_step(event, cx);
        loop {
            step = match step {
                Step::Wait => return,
                Step::LookUp => {
                    let found = cx.platform.resolve(self.receiver(cx), self.via(cx));
                    self.on_resolved(found, cx)
                }
                Step::Connect => {
                    let result = cx.platform.connect(self.address);
                    self.on_connect_result(result, cx)
                }
                Step::Request => self.start_request(cx),
                Step::NextReceiver => self.next_receiver(cx),
                Step::Pause => self.pause_round(cx),
                Step::End => {
                    self.close(State::Ended, cx);
                    Step::Wait
                }
            }
        }
    }

    /// The table of states and events.
    fn first_step(&mut self, event: Event, cx: &mut Context) -> Step {
        match (self.state, event) {
            (State::Waiting, Event::Due) if self.is_paused => {
                self.deadline = NEVER;
                Step::Wait
            }
            (State::Waiting, Event::Due) if self.waits_for_lines(cx) => {
                self.deadline = NEVER;
                Step::Wait
            }
            (State::Waiting, Event::Due) => Step::LookUp,
            (State::Waiting, Event::Flush | Event::Crowded)
                if self.is_http(cx) && self.deadline == NEVER && !self.is_paused =>
            {
                self.begin_http_flush(event, cx);
                if self.is_time_to_return(cx) {
                    self.choose(cx.targets.first, cx.now);
                }
                if self.may_request(cx) {
                    self.next_attempt(cx)
                } else {
                    Step::Wait
                }
            }
            (State::Waiting, Event::Retry) if !self.is_paused => {
                self.backoff.reset();
                self.holds = [0; TRANSFERS_MAX];
                self.next_attempt(cx)
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
            (State::Connected, event) if self.is_http(cx) => self.on_http(event, cx),
            (State::Connected, Event::Ready) => self.on_readable(cx),
            (State::Connected, Event::Flush) => self.on_flush(cx),
            (State::Connected, Event::Due) => self.on_timeout(cx),
            (State::Connected, Event::Crowded) => self.on_crowded(cx),
            _ => Step::Wait,
        }
    }

    /// Whether there is no reason to connect: HTTP does so only when there is something to send.
    fn waits_for_lines(&self, cx: &Context) -> bool {
        self.is_http(cx) && cx.ring.unsent_length() == 0
    }

    fn next_attempt(&self, cx: &Context) -> Step {
        if self.waits_for_lines(cx) {
            Step::Wait
        } else {
            Step::LookUp
        }
    }

    /// Drops unsent lines that are too old, or that are stamped ahead of the clock and have been sent before, so that their
    /// stamps have to stay: one of them can make a server refuse those of all others for hours.
    fn drop_misdated_lines(&mut self, cx: &mut Context) {
        let Some(now) = cx.wall_second() else {
            self.checked_start = None;
            return;
        };
        let dates = now.saturating_sub(cx.targets.max_age.unwrap_or(now))..=now + AHEAD_MAX;
        let is_wrong = |line: &[u8]| json::stamp(line).is_some_and(|stamp| !dates.contains(&stamp));
        // Without a step of the clock the oldest line is the first to be too old.
        let start = cx.targets.starts.machine;
        if start != self.checked_start || is_wrong(cx.ring.oldest_unsent(&mut [0; LINE_MAX])) {
            self.checked_start = start;
            cx.ring.drop_lines(&mut |line| is_wrong(line));
        }
    }

    fn close(&mut self, state: State, cx: &mut Context) {
        cx.platform.close(0);
        self.http.close();
        // After a reload the current receiver may be one of fewer.
        if cx.targets.transfers.get(self.current) != Some(&Transfer::Stdout) {
            self.encoded.clear();
        }
        self.state = state;
        self.is_stalled = false;
        self.failure = None;
        self.deadline = NEVER;
    }
}
