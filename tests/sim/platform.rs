//! A platform with virtual time and a network of moods.

use mini_monitor::platform::{Cause, Ended, Errno, LogArg, Platform, Ready, Signal, Transfer, format_args};
use std::collections::VecDeque;

const REFUSED: Cause = Cause::System(Errno(libc::ECONNREFUSED));
const RESET: Cause = Cause::System(Errno(libc::ECONNRESET));
/// Room in the socket, in bytes.
const SOCKET: usize = 16 * 1024;
/// The same where no whole line is to arrive.
const LESS_THAN_A_LINE: usize = 50;

/// The transfers' names, in the order of their weathers.
const NAMES: [&str; 3] = ["receiver", "second", "third"];

/// How the network behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weather {
    /// The receiver is always there.
    Calm,
    /// It is never there.
    Absent,
    /// Its name cannot be looked up.
    Nameless,
    /// It never answers.
    Silent,
    /// It is there from this time on (in milliseconds since the start).
    From(u64),
    /// It accepts and closes at once, before a whole line has arrived.
    SlamsTheDoor,
    /// It is away, then there for this time (in milliseconds since the start), then away for good.
    Window(u64, u64),
    /// It is there, away for this time (in milliseconds since the start), and then there again.
    Outage(u64, u64),
    /// It accepts, and reads only from this time on (in milliseconds since the start).
    ReadsAt(u64),
    /// It closes so many connections soon after each has carried something, and then stays.
    Flaps(u64),
    /// It breaks each connection after so many milliseconds.
    Stands(u64),
    /// Names fail, receivers come and go, stall, close, reset, half-take.
    Stormy,
}

/// What becomes of an attempt to connect.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Answer {
    Accept,
    Refuse,
    Silence,
}

enum Link {
    Nothing,
    LookingUp {
        since: u64,
        at: u64,
        addresses: Option<usize>,
    },
    Connecting {
        since: u64,
        at: u64,
        answer: Answer,
    },
    Up(Connection),
}

struct Connection {
    /// Sent and not yet arrived.
    flying: Vec<u8>,
    /// When it breaks, and how.
    breaks_at: u64,
    breaks_with: Cause,
    is_broken: bool,
    /// The receiver does not read before then.
    reads_at: u64,
    /// How much may fly.
    room: usize,
    /// The agent has been told that it took less than it was given.
    is_known_full: bool,
}

pub(crate) struct Sim {
    random: u64,
    start: u64,
    now: u64,
    /// Told of the time whenever the agent wakes.
    watcher: Box<dyn FnMut(u64)>,
    end: u64,
    is_over: bool,
    /// That of the transfer asked for last.
    weather: Weather,
    /// Those of all transfers.
    weathers: Vec<Weather>,
    signals: VecDeque<(u64, Signal)>,
    link: Link,
    /// The receiver is away until then.
    away_until: u64,
    streams: Vec<Vec<u8>>,
    log: Vec<String>,
    attempts: Vec<u64>,
    dials: Vec<(u64, usize)>,
    connections: Vec<(u64, usize)>,
    wake_ups: u64,
    idle_wake_ups: u64,
    acted: bool,
    breaks: u64,
    left_behind: usize,
    sends: u64,
}

impl Sim {
    pub(crate) fn new(seed: u64, length: u64, weather: Weather) -> Self {
        let start = 1_000_000 + seed % 100_000;
        Self {
            random: seed | 1,
            start,
            now: start,
            watcher: Box::new(|_| {}),
            end: start + length,
            is_over: false,
            weather,
            weathers: vec![weather],
            signals: VecDeque::new(),
            link: Link::Nothing,
            away_until: 0,
            streams: Vec::new(),
            log: Vec::new(),
            attempts: Vec::new(),
            dials: Vec::new(),
            connections: Vec::new(),
            wake_ups: 0,
            idle_wake_ups: 0,
            acted: true,
            breaks: 0,
            left_behind: 0,
            sends: 0,
        }
    }

    /// Calls `watcher` with the milliseconds since the start whenever the agent wakes.
    pub(crate) fn watch(&mut self, watcher: impl FnMut(u64) + 'static) {
        self.watcher = Box::new(watcher);
    }

    /// Adds a second or third transfer.
    pub(crate) fn beside(mut self, weather: Weather) -> Self {
        self.weathers.push(weather);
        self
    }

    /// The value of `-trans` for all transfers.
    pub(crate) fn transfers(&self) -> String {
        let names = NAMES.iter().take(self.weathers.len());
        let list: Vec<String> = names.map(|name| format!("{name}.example:6000")).collect();
        list.join(",")
    }

    /// Asks the agent for something so many milliseconds after the start; in their order.
    pub(crate) fn signal(&mut self, time: u64, signal: Signal) {
        self.signals.push_back((self.start + time, signal));
    }

    /// When the agent was asked to end, by the wall clock, and the milliseconds that it took to.
    pub(crate) fn ending(&self) -> (u64, u64) {
        (wall_at(self.end), self.now - self.end)
    }

    /// What arrived, a connection each.
    pub(crate) fn streams(&self) -> Vec<Vec<u8>> {
        self.streams.clone()
    }

    pub(crate) fn log(&self) -> &[String] {
        &self.log
    }

    /// When each attempt at a transfer started.
    pub(crate) fn attempts(&self) -> &[u64] {
        &self.attempts
    }

    /// When each attempt at a transfer started, in milliseconds since the start, and at which.
    pub(crate) fn dials(&self) -> &[(u64, usize)] {
        &self.dials
    }

    /// When each connection came about, in milliseconds since the start, and to which transfer.
    pub(crate) fn connections(&self) -> &[(u64, usize)] {
        &self.connections
    }

    pub(crate) fn wake_ups(&self) -> u64 {
        self.wake_ups
    }

    /// Wake-ups after which the agent slept again without having asked for anything.
    pub(crate) fn idle_wake_ups(&self) -> u64 {
        self.idle_wake_ups
    }

    pub(crate) fn breaks(&self) -> u64 {
        self.breaks
    }

    /// Bytes that were still on their way when the agent gave up a connection, other than at the end.
    pub(crate) fn left_behind(&self) -> usize {
        self.left_behind
    }

    pub(crate) fn sends(&self) -> u64 {
        self.sends
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random % bound
    }

    fn one_in(&mut self, bound: u64) -> bool {
        self.below(bound) == 0
    }

    fn is_stormy(&self) -> bool {
        self.weather == Weather::Stormy
    }

    fn answer(&mut self) -> Answer {
        match self.weather {
            Weather::Outage(from, to) if (from..to).contains(&(self.now - self.start)) => Answer::Refuse,
            Weather::Calm
            | Weather::SlamsTheDoor
            | Weather::Flaps(_)
            | Weather::Stands(_)
            | Weather::Outage(..)
            | Weather::ReadsAt(_) => Answer::Accept,
            Weather::Window(from, to) if (from..to).contains(&(self.now - self.start)) => Answer::Accept,
            Weather::From(time) if self.now >= self.start + time => Answer::Accept,
            Weather::Silent => Answer::Silence,
            Weather::Absent | Weather::Nameless | Weather::From(_) | Weather::Window(..) => Answer::Refuse,
            Weather::Stormy if self.now < self.away_until => Answer::Refuse,
            Weather::Stormy => match self.below(8) {
                0 => Answer::Silence,
                1 => Answer::Refuse,
                _ => Answer::Accept,
            },
        }
    }

    fn accept(&mut self) {
        let breaks_at = match self.weather {
            Weather::SlamsTheDoor => self.now + 1,
            Weather::Window(_, to) => self.start + to,
            Weather::Outage(from, _) if self.now < self.start + from => self.start + from,
            Weather::Flaps(count) if self.breaks < count => self.now + 50,
            Weather::Stands(time) => self.now + time,
            Weather::Stormy => self.now + self.below(10) * self.below(30_000),
            _ => u64::MAX,
        };
        let breaks_with = if self.one_in(2) { RESET } else { Cause::Closed };
        let stalls = self.is_stormy() && self.one_in(3) || self.weather == Weather::SlamsTheDoor;
        let reads_at = if let Weather::ReadsAt(time) = self.weather {
            self.start + time
        } else if stalls {
            self.now + 30 + self.below(200_000)
        } else {
            self.now
        };
        self.streams.push(Vec::new());
        let current = self.dials.last().map_or(0, |dial| dial.1);
        self.connections.push((self.now - self.start, current));
        self.link = Link::Up(Connection {
            flying: Vec::new(),
            breaks_at,
            breaks_with,
            is_broken: false,
            reads_at,
            is_known_full: false,
            room: if self.weather == Weather::SlamsTheDoor {
                LESS_THAN_A_LINE
            } else {
                SOCKET
            },
        });
    }

    /// What has happened on the network by now: whether the agent would be told.
    fn happen(&mut self, writing: bool) -> bool {
        let now = self.now;
        let arrives = 1 + self.below(8);
        match &mut self.link {
            Link::Nothing => false,
            Link::LookingUp { at, .. } => *at <= now,
            Link::Connecting { at, answer, .. } => *at <= now && *answer != Answer::Silence,
            Link::Up(connection) => {
                let stream = self.streams.last_mut().unwrap();
                if connection.is_broken {
                    return true;
                }
                if connection.breaks_at <= now {
                    connection.is_broken = true;
                    self.breaks += 1;
                    // Some of what was flying has arrived, unknown to the sender.
                    let part = connection.flying.len() * arrives as usize / 10;
                    let landed = if self.weather == Weather::Stormy { part } else { 0 };
                    stream.extend(&connection.flying[..landed]);
                    self.away_until = now + self.random % 4 * (self.random % 120_000);
                    return true;
                }
                if connection.reads_at <= now {
                    stream.append(&mut connection.flying);
                }
                writing && connection.flying.len() < connection.room
            }
        }
    }

    /// A look-up or a connect is given its ten seconds before it is given up.
    fn check_patience(&self) {
        if let Link::Connecting { since, at, .. } | Link::LookingUp { since, at, .. } = self.link {
            let is_early = self.now < since + 10_000 && self.now < at;
            assert!(
                self.is_over || !is_early,
                "given up after {} ms",
                self.now - since
            );
        }
    }

    /// And no more than that, and what a wake-up may be late by.
    fn check_impatience(&self) {
        if let Link::Connecting { since, .. } | Link::LookingUp { since, .. } = self.link {
            assert!(
                self.now < since + 10_000 + 3_000,
                "waited for {} ms",
                self.now - since
            );
        }
    }

    /// When something happens on the network next.
    fn next_happening(&self, writing: bool) -> u64 {
        match &self.link {
            Link::LookingUp { at, .. } => *at,
            Link::Connecting { at, answer, .. } if *answer != Answer::Silence => *at,
            Link::Up(connection) if writing => connection.breaks_at.min(connection.reads_at.max(self.now)),
            Link::Up(connection) => connection.breaks_at,
            _ => u64::MAX,
        }
    }
}

/// What the wall clock shows at the start of the monotonic one.
const WALL: u64 = 1_800_000_000_000;

fn wall_at(now: u64) -> u64 {
    (WALL + now) / 1_000
}

impl Platform for Sim {
    fn now(&mut self) -> u64 {
        self.now
    }

    fn wall(&mut self) -> u64 {
        self.acted = true;
        WALL + self.now
    }

    fn sleep(&mut self, until: Option<u64>, writing: bool) -> Ready {
        self.wake_ups += 1;
        self.check_impatience();
        assert!(self.wake_ups < 1_000_000, "the agent does not sleep");
        self.idle_wake_ups += u64::from(!self.acted);
        self.acted = false;
        let mut transfer = self.happen(writing);
        if !transfer {
            let signal = self.signals.front().map_or(u64::MAX, |signal| signal.0);
            let next = self
                .next_happening(writing)
                .min(until.unwrap_or(u64::MAX))
                .min(signal);
            self.now = self.now.max(next);
            // A busy machine wakes the agent late.
            if self.is_stormy() && !self.is_over && self.one_in(10) {
                self.now += self.below(3_000);
            }
            transfer = self.happen(writing);
        }
        (self.watcher)(self.now - self.start);
        let stop = self.now >= self.end && !self.is_over;
        if stop {
            self.end = self.now;
        }
        self.is_over |= stop;
        let mut signal = stop.then_some(Signal::Stop);
        if let Some(&(at, asked)) = self.signals.front()
            && at <= self.now
            && !stop
        {
            self.signals.pop_front();
            signal = Some(asked);
        }
        Ready {
            connection: transfer,
            signal,
            ..Ready::default()
        }
    }

    fn resolve(&mut self, transfer: &Transfer) -> Result<Option<usize>, Cause> {
        self.close();
        let Transfer::Tcp { host, port: 6000 } = transfer else {
            panic!("asked for what nobody gave");
        };
        let host = std::str::from_utf8(host).unwrap();
        let current = NAMES
            .iter()
            .position(|name| host.strip_suffix(".example") == Some(*name));
        let current = current.unwrap();
        self.weather = self.weathers[current];
        self.acted = true;
        self.attempts.push(self.now);
        self.dials.push((self.now - self.start, current));
        if self.weather == Weather::Nameless {
            return Err(Cause::Lookup(-2));
        }
        if !self.is_stormy() {
            return Ok(Some(1));
        }
        match self.below(6) {
            0 => Err(Cause::System(Errno(libc::EAGAIN))),
            1 => {
                // Late, very late, or in vain.
                let at = self.now + self.below(12_000);
                let addresses = (!self.one_in(3)).then(|| 1 + self.random as usize % 3);
                self.link = Link::LookingUp {
                    since: self.now,
                    at,
                    addresses,
                };
                Ok(None)
            }
            count => Ok(Some(count as usize - 1)),
        }
    }

    fn resolved(&mut self) -> Result<usize, Cause> {
        self.acted = true;
        let Link::LookingUp { at, addresses, .. } = self.link else {
            panic!("asked for a look-up that nobody started");
        };
        assert!(at <= self.now);
        self.link = Link::Nothing;
        addresses.ok_or(Cause::Lookup(-2))
    }

    fn connect(&mut self, _: usize) -> Result<bool, Cause> {
        self.acted = true;
        self.check_patience();
        match self.answer() {
            Answer::Accept if self.one_in(4) => {
                self.accept();
                Ok(true)
            }
            Answer::Refuse if self.one_in(2) => {
                self.link = Link::Nothing;
                Err(REFUSED)
            }
            answer => {
                let delay = if self.is_stormy() { self.below(3_000) } else { 0 };
                self.link = Link::Connecting {
                    since: self.now,
                    at: self.now + delay,
                    answer,
                };
                Ok(false)
            }
        }
    }

    fn connect_result(&mut self) -> Result<(), Cause> {
        self.acted = true;
        let Link::Connecting { at, answer, .. } = self.link else {
            panic!("asked how a connect went that nobody started");
        };
        assert!(at <= self.now);
        if answer == Answer::Accept {
            self.accept();
            return Ok(());
        }
        self.link = Link::Nothing;
        Err(REFUSED)
    }

    fn send(&mut self, pieces: &[&[u8]]) -> Result<usize, Cause> {
        let bytes = &pieces.concat();
        self.acted = true;
        self.sends += 1;
        let half = self.is_stormy() && self.one_in(4);
        let most = if half {
            1 + self.below(200) as usize
        } else {
            SOCKET
        };
        let Link::Up(connection) = &mut self.link else {
            panic!("sent without a connection");
        };
        if connection.is_broken {
            return Err(Cause::System(Errno(libc::EPIPE)));
        }
        let room = connection.room - connection.flying.len();
        assert!(
            room > 0 || !connection.is_known_full,
            "written to while it had no room"
        );
        let taken = bytes.len().min(most).min(room);
        connection.is_known_full = taken < bytes.len();
        connection.flying.extend(&bytes[..taken]);
        Ok(taken)
    }

    fn unacked(&mut self) -> u64 {
        let Link::Up(connection) = &mut self.link else {
            panic!("asked for acknowledgements without a connection");
        };
        if !connection.is_broken && connection.reads_at <= self.now {
            let stream = self.streams.last_mut().unwrap();
            stream.append(&mut connection.flying);
        }
        connection.flying.len() as u64
    }

    /// A receiver that does not read yet has a closed window.
    fn silence(&mut self) -> Option<u64> {
        None
    }

    fn drain(&mut self) -> Result<(), Cause> {
        self.acted = true;
        match &self.link {
            Link::Up(connection) if connection.is_broken => Err(connection.breaks_with),
            _ => Ok(()),
        }
    }

    fn close(&mut self) {
        self.check_patience();
        if let Link::Up(connection) = &mut self.link
            && !connection.is_broken
        {
            if !self.is_over {
                self.left_behind += connection.flying.len();
            }
            // The kernel goes on with what it has taken.
            let stream = self.streams.last_mut().unwrap();
            stream.append(&mut connection.flying);
        }
        self.link = Link::Nothing;
    }

    fn has_lost_memory(&mut self) -> bool {
        false
    }

    fn end(&mut self) {
        let _ = self.drain();
        self.close();
    }

    fn start_script(
        &mut self,
        _: usize,
        _: &mut dyn Iterator<Item = &[u8]>,
        _: Option<&[u8]>,
    ) -> Result<(), Errno> {
        panic!("there is no script in any weather")
    }

    fn read_script(&mut self, _: usize, _: &mut [u8]) -> Option<usize> {
        None
    }

    fn script_has_ended(&mut self, _: usize) -> bool {
        true
    }

    fn terminate_script(&mut self, _: usize) {}

    fn end_script(&mut self, _: usize) -> Option<Ended> {
        None
    }

    fn stop_listening(&mut self) {}

    fn receive(&mut self, _: &mut [u8]) -> Option<usize> {
        None
    }

    fn log(&mut self, words: &'static str, given: &[LogArg]) {
        let text = |part: LogArg| match part {
            LogArg::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            LogArg::Number(number) => number.to_string(),
            LogArg::Cause(REFUSED) => "connection refused".into(),
            LogArg::Cause(cause) => format!("{cause:?}"),
            LogArg::Address(number) => {
                let current = self.dials.last().map_or(0, |dial| dial.1);
                format!("tcp {} {number}", NAMES[current])
            }
            LogArg::Local => "sim".into(),
        };
        self.log.push(format_args(words, given).map(text).collect());
    }
}
