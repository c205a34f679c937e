//! The agent's platform on one day: what it asks, and when it dies of it.

use super::chance::Chance;
use super::clock::{Look, Looked, truth};
use super::network::Network;
use super::plan::{Boot, DAY, End, MINUTE, Plan, TROUBLE};
use mini_monitor::platform::{Cause, LogArg, Platform, Ready, Signal, Transfer, pieces};
use std::collections::{HashMap, VecDeque};
use std::panic::resume_unwind;

/// The first delay of an attempt, and what calls may take meanwhile, in milliseconds.
const SOON: u64 = 400;

/// What a killed agent unwinds with.
pub(crate) struct Killed;

/// A line: in which life it was made, and its number.
pub(crate) type Key = (usize, u64);

/// What an agent has done of which no other knows.
struct Life {
    number: usize,
    end: Option<End>,
    calls_left: u64,
    is_asked_to_end: bool,
    /// Calls since the last look at the wall clock, and what the look before it had shown.
    since_look: usize,
    look_before: Look,
}

pub(crate) struct Day<'p> {
    plan: &'p Plan,
    chance: Chance,
    /// Milliseconds of true time since the start of the day.
    pub(crate) time: u64,
    /// What the monotonic clock shows more than that; it may have started anew.
    uptime: i64,
    pub(crate) network: Network,
    signals: VecDeque<(u64, Signal)>,
    life: Life,
    /// What the agent knows of the wall clock.
    pub(crate) look: Look,
    steps: usize,
    /// When each line was made, in true seconds, as far as the log tells.
    pub(crate) made: HashMap<Key, i64>,
    pub(crate) log: Vec<String>,
    pub(crate) late: u64,
    /// When a connection was lost that had been of use: the next attempt comes soon, but for what wake-ups
    /// were late by before.
    lost_at: Option<(u64, u64)>,
    sleeps: u64,
}

impl<'p> Day<'p> {
    pub(crate) fn new(plan: &'p Plan) -> Self {
        let mut chance = Chance::new(plan.seed.rotate_left(32));
        Self {
            plan,
            time: 0,
            uptime: chance.between(100, 100_000_000) as i64,
            chance,
            network: Network::draw(plan),
            signals: plan.signals.iter().copied().collect(),
            life: Life {
                number: 0,
                end: None,
                calls_left: 0,
                is_asked_to_end: false,
                since_look: 0,
                look_before: Look::Impossible,
            },
            look: Look::Impossible,
            steps: 0,
            made: HashMap::new(),
            log: Vec::new(),
            late: 0,
            lost_at: None,
            sleeps: 0,
        }
    }

    /// An agent starts, which ends as said, or with the day. Answers what the monotonic clock shows.
    pub(crate) fn begin(&mut self, number: usize, end: Option<End>) -> u64 {
        let boot = number
            .checked_sub(1)
            .map_or(Boot::Same, |last| self.plan.ends[last].boot);
        if boot != Boot::Same {
            self.uptime = self.chance.between(5_000, 30_000) as i64 - self.time as i64;
        }
        self.network.begin(number);
        self.lost_at = None;
        (self.late, self.look) = (0, Look::Impossible);
        self.life = Life {
            number,
            end,
            calls_left: end.and_then(|end| end.kill).unwrap_or(0),
            is_asked_to_end: false,
            since_look: usize::MAX,
            look_before: Look::Impossible,
        };
        self.monotonic()
    }

    fn monotonic(&self) -> u64 {
        (self.time as i64 + self.uptime) as u64
    }

    /// Nobody is there for so long.
    pub(crate) fn pass(&mut self, span: u64) {
        self.network.close(self.time, true);
        self.advance(self.time + span);
    }

    /// What all lines that had not been sent were stamped by when the agent ended.
    pub(crate) fn last_look(&self) -> Look {
        // One that was killed while it looked may or may not have taken notice.
        if self.life.since_look < 3 && self.life.look_before != self.look {
            Look::Wrong
        } else {
            self.look
        }
    }

    fn advance(&mut self, until: u64) {
        loop {
            let next = self.network.next_event(self.time);
            if next > until {
                break;
            }
            self.time = self.time.max(next);
            self.network.happen(self.time);
        }
        self.time = self.time.max(until);
    }

    fn kill_time(&self) -> Option<u64> {
        self.life.end.filter(|end| end.kill.is_some()).map(|end| end.time)
    }

    /// Each call may be the agent's last, and takes its time.
    fn call(&mut self) {
        self.life.since_look = self.life.since_look.saturating_add(1);
        if self.chance.one_in(400) {
            let span = self.chance.below(20);
            self.advance(self.time + span);
        }
        if self.kill_time().is_some_and(|at| at <= self.time) {
            if self.life.calls_left == 0 {
                resume_unwind(Box::new(Killed));
            }
            self.life.calls_left -= 1;
        }
    }

    fn stop_time(&self) -> u64 {
        let end = self.life.end.filter(|end| end.kill.is_none());
        end.map_or(DAY, |end| end.time)
    }

    fn signal(&mut self) -> Option<Signal> {
        if self.stop_time() <= self.time && !self.life.is_asked_to_end {
            self.life.is_asked_to_end = true;
            return Some(Signal::Stop);
        }
        let is_due = self.signals.front().is_some_and(|signal| signal.0 <= self.time);
        is_due
            .then(|| self.signals.pop_front())
            .flatten()
            .map(|signal| signal.1)
    }

    fn next_signal(&self) -> u64 {
        let signal = self.signals.front().map_or(u64::MAX, |signal| signal.0);
        let stop = if self.life.is_asked_to_end {
            u64::MAX
        } else {
            self.stop_time()
        };
        let kill = self.kill_time().filter(|_| self.life.calls_left == 0);
        signal.min(stop).min(kill.unwrap_or(u64::MAX))
    }

    /// A busy machine wakes the agent late; one that was suspended, very late.
    fn oversleep(&mut self) {
        let late = match self.chance.below(4_000) {
            0..20 => self.chance.below(2_000),
            20 => self.chance.span(2_000, 10 * MINUTE),
            _ => 0,
        };
        if self.time < TROUBLE && !self.life.is_asked_to_end {
            self.late += late;
            self.advance(self.time + late);
        }
    }

    fn note_line(&mut self, line: &str) {
        let Some((_, rest)) = line.split_once("],\"value\":") else {
            panic!("{line}");
        };
        let number = rest.split(',').next().and_then(|number| number.parse().ok());
        let key = (self.life.number, number.expect("a number"));
        let again = self.made.insert(key, truth(self.time) / 1_000);
        assert!(again.is_none(), "made twice: {key:?}");
    }
}

impl Platform for Day<'_> {
    fn now(&mut self) -> u64 {
        self.call();
        self.monotonic()
    }

    fn wall(&mut self) -> u64 {
        self.call();
        self.life.look_before = self.look;
        self.life.since_look = 0;
        self.look = self.plan.clock.look(self.time);
        self.steps = self.plan.clock.steps(self.time);
        if self.look == Look::Impossible {
            self.lost_at = None;
        }
        self.plan.clock.shows(self.time)
    }

    fn sleep(&mut self, until: Option<u64>, writing: bool) -> Ready {
        self.call();
        self.sleeps += 1;
        assert!(self.sleeps < 3_000_000, "the agent does not sleep");
        let until = until.map_or(u64::MAX, |until| (until as i64 - self.uptime).max(0) as u64);
        loop {
            let transfer = self.network.is_ready(self.time, writing);
            let signal = self.signal();
            if transfer || signal.is_some() || until <= self.time {
                self.oversleep();
                return Ready {
                    connection: transfer,
                    signal,
                    ..Ready::default()
                };
            }
            let next = self
                .network
                .next_event(self.time)
                .min(self.next_signal())
                .min(until);
            self.advance(next);
            if self.kill_time().is_some_and(|at| at <= self.time) {
                self.call();
            }
        }
    }

    fn resolve(&mut self, transfer: &Transfer) -> Result<Option<usize>, Cause> {
        self.call();
        let Transfer::Tcp { host, port: 6000 } = transfer else {
            panic!("asked for what nobody gave");
        };
        if let Some((lost_at, late)) = self.lost_at.take() {
            let waited = self.time - lost_at - (self.late - late);
            assert!(waited < SOON, "called again only after {waited} ms");
        }
        self.network.resolve(host, self.time)
    }

    fn resolved(&mut self) -> Result<usize, Cause> {
        self.call();
        self.network.resolved(self.time)
    }

    fn connect(&mut self, address: usize) -> Result<bool, Cause> {
        self.call();
        self.network.connect(address, self.time)
    }

    fn connect_result(&mut self) -> Result<(), Cause> {
        self.call();
        self.network.connect_result(self.time)
    }

    fn send(&mut self, pieces: &[&[u8]]) -> Result<usize, Cause> {
        let bytes = &pieces.concat();
        self.call();
        assert_ne!(
            self.look,
            Look::Impossible,
            "sent while the clock cannot be right"
        );
        let (look, steps) = (self.look, self.steps);
        self.network.send(bytes, self.time, Looked { look, steps })
    }

    fn unacked(&mut self) -> u64 {
        self.call();
        let connection = self.network.connection();
        connection.asked = connection.acked;
        connection.unacked() as u64
    }

    fn silence(&mut self) -> Option<u64> {
        self.call();
        let time = self.time;
        self.network.connection().silence(time)
    }

    fn drain(&mut self) -> Result<(), Cause> {
        self.call();
        self.network.drain()
    }

    fn close(&mut self) {
        self.call();
        // Where lines went while in flight nobody can tell whether one has arrived.
        if self.network.close(self.time, self.life.is_asked_to_end) && self.plan.is_roomy {
            self.lost_at = Some((self.time, self.late));
        }
    }

    fn log(&mut self, words: &'static str, given: &[LogArg]) {
        self.call();
        let text = |part: LogArg| match part {
            LogArg::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            LogArg::Number(number) => number.to_string(),
            LogArg::Cause(cause) => format!("{cause:?}"),
            LogArg::Address(number) => self.network.address(number),
            LogArg::Local => "here".into(),
        };
        let line: String = pieces(words, given).map(text).collect();
        if let Some(line) = line.strip_prefix("~~ sender get metric ") {
            self.note_line(line);
        }
        // What was asked for is not counted.
        let asked = ["## ticker", "sample ", "~~ sender", "flush: "];
        if !asked.iter().any(|start| line.starts_with(start)) && !line.contains("; bytes queued: ") {
            self.log.push(format!("{:>9} {line}", self.time));
        }
    }
}
