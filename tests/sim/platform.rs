//! The agent's platform: its time, the signals to it, when it dies, and what it has asked for.

mod calls;

use super::chance::Chance;
use super::clock::{Look, truth};
use super::network::Network;
use super::plan::{Boot, End, MINUTE, Noise, Plan, SCRIPTS};
use super::programs::{OnTerm, Programs, Script};
use super::receiver::Kind;
use mini_monitor::platform::{Ended, LogArg, Signal};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::panic::resume_unwind;
use std::rc::Rc;

/// The first delay of an attempt, and what calls may take meanwhile, in milliseconds.
const SOON: u64 = 400;
/// Milliseconds that a look-up, or a connect to one address, is given.
const PATIENCE: u64 = 10_000;

/// What a killed agent unwinds with.
pub(crate) struct Killed;

/// A line: in which life it was made, the index of its metric in [`METRICS`], and its number.
pub(crate) type Key = (usize, usize, u64);

/// The metrics: those of the family, of datagrams, and of scripts.
pub(crate) const METRICS: [&str; DATAGRAMS + 1 + SCRIPTS] =
    ["test.number", "datagram.number", "s0.number", "s1.number"];
/// The index of the metric of datagrams; scripts follow.
pub(crate) const DATAGRAMS: usize = 1;

/// What an agent has done of which no other knows.
struct Life {
    number: usize,
    end: Option<End>,
    calls_left: u64,
    asked_to_end: Option<u64>,
    /// The next number of each metric that other programs print.
    numbers: [u64; METRICS.len()],
    /// What a script has printed of a line.
    parts: [Vec<u8>; SCRIPTS],
    /// Calls since the last look at the wall clock, and what the look before it had shown.
    since_look: usize,
    look_before: Look,
}

impl Life {
    fn new(number: usize, end: Option<End>, since_look: usize) -> Self {
        Self {
            number,
            end,
            calls_left: end.and_then(|end| end.kill).unwrap_or(0),
            asked_to_end: None,
            numbers: [0; METRICS.len()],
            parts: [const { Vec::new() }; SCRIPTS],
            since_look,
            look_before: Look::Impossible,
        }
    }

    /// The next line of that metric, and its key.
    fn next_line(&mut self, metric: usize) -> (Key, String) {
        let number = self.numbers[metric];
        self.numbers[metric] += 1;
        let line = format!("{} {number}\n", METRICS[metric]);
        ((self.number, metric, number), line)
    }
}

pub(crate) struct Sim {
    pub(crate) plan: Rc<Plan>,
    chance: Chance,
    /// Milliseconds of true time since the start.
    pub(crate) time: u64,
    /// What the monotonic clock shows more than that; it may have started anew.
    uptime: i64,
    pub(crate) network: Network,
    pub(crate) signals: VecDeque<(u64, Signal)>,
    /// Called with the time at each wake-up.
    pub(crate) watcher: Box<dyn FnMut(u64)>,
    life: Life,
    /// What the agent knows of the wall clock.
    pub(crate) look: Look,
    steps: usize,
    /// When each line was made, in true seconds, as far as the log tells.
    pub(crate) made: HashMap<Key, i64>,
    /// The same lines in their order.
    pub(crate) made_order: Vec<Key>,
    /// Lines of other programs that the agent has read.
    pub(crate) read: BTreeSet<Key>,
    programs: Programs,
    /// The log without what -debug adds, and when each line was written.
    pub(crate) log: Vec<(u64, String)>,
    /// Milliseconds by which wake-ups were late.
    pub(crate) late: u64,
    /// When the present look-up or connect started, and `late` at that time.
    attempt: Option<(u64, u64)>,
    /// When a connection was lost that had been of use: the next attempt comes soon, but for what wake-ups
    /// were late by before.
    lost_at: Option<(u64, u64)>,
    pub(crate) wake_ups: u64,
    /// Wake-ups after which the agent slept again without having asked for anything.
    pub(crate) idle_wake_ups: u64,
    has_asked: bool,
    pub(crate) sends: u64,
}

impl Sim {
    /// A run with receivers of these kinds ([`Plan::of`]).
    pub(crate) fn of(seed: u64, length: u64, receivers: &[Kind]) -> Self {
        Self::new(Rc::new(Plan::of(seed, length, receivers)))
    }

    pub(crate) fn new(plan: Rc<Plan>) -> Self {
        let mut chance = Chance::new(plan.seed.rotate_left(32));
        Self {
            time: 0,
            uptime: chance.between(100, 100_000_000) as i64,
            chance,
            network: Network::draw(&plan),
            signals: plan.signals.iter().copied().collect(),
            watcher: Box::new(|_| {}),
            life: Life::new(0, None, 0),
            look: Look::Impossible,
            steps: 0,
            made: HashMap::new(),
            made_order: Vec::new(),
            read: BTreeSet::new(),
            programs: Programs::sending(plan.datagrams.clone()),
            log: Vec::new(),
            late: 0,
            attempt: None,
            lost_at: None,
            wake_ups: 0,
            idle_wake_ups: 0,
            has_asked: true,
            sends: 0,
            plan,
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
        (self.lost_at, self.attempt) = (None, None);
        (self.late, self.look) = (0, Look::Impossible);
        self.life = Life::new(number, end, usize::MAX);
        self.programs.begin(self.time);
        self.monotonic()
    }

    /// When the agent was asked to end, in seconds since 1970, and after how many milliseconds it did.
    pub(crate) fn ending(&self) -> (u64, u64) {
        let asked = self.life.asked_to_end.expect("an agent that was asked to end");
        (self.plan.clock.shows(asked) / 1_000, self.time - asked)
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

    /// Each call may be the agent's last. On a day it takes time; otherwise it only lets happen what is due.
    fn call(&mut self) {
        self.life.since_look = self.life.since_look.saturating_add(1);
        if self.plan.noise != Noise::Day {
            self.advance(self.time);
        } else if self.chance.one_in(400) {
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
        end.map_or(self.plan.length, |end| end.time)
    }

    fn signal(&mut self) -> Option<Signal> {
        if self.stop_time() <= self.time && self.life.asked_to_end.is_none() {
            self.life.asked_to_end = Some(self.time);
            return Some(Signal::Stop);
        }
        if self.programs.has_child_ended(self.time) {
            return Some(Signal::Child);
        }
        let is_due = self.signals.front().is_some_and(|signal| signal.0 <= self.time);
        is_due
            .then(|| self.signals.pop_front())
            .flatten()
            .map(|signal| signal.1)
    }

    fn next_signal(&self) -> u64 {
        let signal = self.signals.front().map_or(u64::MAX, |signal| signal.0);
        let stop = self.life.asked_to_end.map_or(self.stop_time(), |_| u64::MAX);
        let kill = self.kill_time().filter(|_| self.life.calls_left == 0);
        signal.min(stop).min(kill.unwrap_or(u64::MAX))
    }

    /// A busy machine wakes the agent late; one that was suspended, very late.
    fn oversleep(&mut self) {
        let late = match self.plan.noise {
            Noise::Storm if self.chance.one_in(10) => self.chance.below(3_000),
            Noise::Quiet | Noise::Storm => 0,
            Noise::Day => match self.chance.below(4_000) {
                0..20 => self.chance.below(2_000),
                20 => self.chance.span(2_000, 10 * MINUTE),
                _ => 0,
            },
        };
        if self.time < self.plan.trouble && self.life.asked_to_end.is_none() {
            self.late += late;
            self.advance(self.time + late);
        }
    }

    /// Ends a look-up or a connect, which has had its time if it has no result.
    fn end_attempt(&mut self) {
        let is_ready = self.network.is_ready(self.time, false);
        if let Some((since, _)) = self.attempt.take().filter(|_| !is_ready) {
            let waited = self.time - since;
            // The agent counts from its last look at the clock.
            let slack = if self.plan.noise == Noise::Day { SOON } else { 0 };
            assert!(
                waited + slack >= PATIENCE || self.life.asked_to_end.is_some(),
                "given up after {waited} ms"
            );
        }
    }

    /// Notes the start of a look-up or a connect that has no result yet.
    fn start_attempt(&mut self, goes_on: bool) {
        self.attempt = goes_on.then_some((self.time, self.late));
    }

    /// A line has been made: its metric and its number.
    fn note_line(&mut self, given: &[LogArg]) {
        let [LogArg::Text(metric), LogArg::Text(number)] = *given else {
            panic!("not a sample");
        };
        let metric = METRICS.iter().position(|name| name.as_bytes() == metric);
        let number = std::str::from_utf8(number).unwrap().parse();
        let key = (
            self.life.number,
            metric.expect("a metric"),
            number.expect("a number"),
        );
        self.made_order.push(key);
        let again = self.made.insert(key, truth(self.time) / 1_000);
        assert!(again.is_none(), "made twice: {key:?}");
    }

    /// Draws what a script does that starts now.
    fn draw_script(&mut self, index: usize) -> Script {
        let (metric, chance) = (DATAGRAMS + 1 + index, &mut self.chance);
        let (mut output, mut time) = (VecDeque::new(), self.time);
        let floods = chance.one_in(60);
        for _ in 0..chance.pick(&[1, 1, 2, 4]) {
            time += chance.pick(&[0, 0, 5, 300, 20_000]);
            let mut text = Vec::new();
            let lines = if floods { 1_000 } else { chance.between(0, 4) };
            for _ in 0..lines {
                text.extend(self.life.next_line(metric).1.into_bytes());
            }
            if chance.one_in(10) {
                text.extend(b"no line\n");
            }
            output.push_back((time, text));
        }
        output.retain(|output: &(u64, Vec<u8>)| !output.1.is_empty());
        let hangs = chance.one_in(8);
        if hangs {
            // The rest of the line never comes.
            output.push_back((time, METRICS[metric].into()));
        }
        let on_term = match chance.below(4) {
            0 => OnTerm::Ignores,
            1 => OnTerm::StuckUntil(time + chance.span(1_000, 60 * MINUTE)),
            _ => OnTerm::Ends,
        };
        Script {
            output,
            ends_at: if hangs {
                u64::MAX
            } else {
                time + chance.pick(&[0, 1, 200])
            },
            ended: chance.pick(&[Ended::Exit(0), Ended::Exit(0), Ended::Exit(1), Ended::Signal(11)]),
            on_term,
        }
    }

    /// The agent has read what a script has printed: each whole line becomes one of its lines.
    fn note_read(&mut self, index: usize, text: &[u8]) {
        let part = &mut self.life.parts[index];
        for &byte in text {
            if byte != b'\n' {
                part.push(byte);
                continue;
            }
            let line = String::from_utf8(std::mem::take(part)).unwrap();
            if let Some((metric, number)) = line.split_once(' ')
                && metric != "no"
            {
                let key = (self.life.number, DATAGRAMS + 1 + index, number.parse().unwrap());
                assert!(self.read.insert(key));
            }
        }
    }
}
