//! The agent's platform on one day: what it asks, and when it dies of it.

use super::chance::Chance;
use super::clock::{Look, Looked, truth};
use super::network::Network;
use super::plan::{Boot, DAY, End, MINUTE, Plan, SCRIPTS, TROUBLE};
use super::programs::{OnTerm, Programs, Script};
use mini_monitor::platform::{Cause, Ended, Errno, LogArg, Platform, Ready, Signal, Transfer, format_args};
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::panic::resume_unwind;

/// The first delay of an attempt, and what calls may take meanwhile, in milliseconds.
const SOON: u64 = 400;

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
    is_asked_to_end: bool,
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
            is_asked_to_end: false,
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
    /// Lines of other programs that the agent has read.
    pub(crate) read: BTreeSet<Key>,
    programs: Programs,
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
            life: Life::new(0, None, 0),
            look: Look::Impossible,
            steps: 0,
            made: HashMap::new(),
            read: BTreeSet::new(),
            programs: Programs::sending(plan.datagrams.clone()),
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
        self.life = Life::new(number, end, usize::MAX);
        self.programs.begin(self.time);
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
            let connection = self.network.is_ready(self.time, writing);
            let (scripts, received) = self.programs.ready(self.time);
            let signal = self.signal();
            if connection || scripts != 0 || received || signal.is_some() || until <= self.time {
                self.oversleep();
                return Ready {
                    connection,
                    scripts,
                    received,
                    signal,
                };
            }
            let next = self
                .network
                .next_event(self.time)
                .min(self.programs.next_event(self.time))
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

    fn has_lost_memory(&mut self) -> bool {
        false
    }

    fn end(&mut self) {
        let _ = self.drain();
        self.close();
    }

    fn start_script(
        &mut self,
        index: usize,
        arguments: &mut dyn Iterator<Item = &[u8]>,
        user: Option<&[u8]>,
    ) -> Result<(), Errno> {
        self.call();
        let name = format!("s{index}");
        assert!(arguments.eq([b"-c", name.as_bytes()]) && user.is_none());
        if self.chance.one_in(30) {
            return Err(Errno(libc::EAGAIN));
        }
        let script = self.draw_script(index);
        self.life.parts[index].clear();
        self.programs.start(index, script);
        Ok(())
    }

    fn read_script(&mut self, index: usize, buffer: &mut [u8]) -> Option<usize> {
        self.call();
        let length = self.programs.read(index, self.time, buffer)?;
        self.note_read(index, &buffer[..length]);
        Some(length)
    }

    fn script_has_ended(&mut self, index: usize) -> bool {
        self.call();
        self.programs.has_ended(index, self.time)
    }

    fn terminate_script(&mut self, index: usize) {
        self.call();
        self.programs.terminate(index, self.time);
    }

    fn end_script(&mut self, index: usize) -> Option<Ended> {
        self.call();
        self.programs.end(index, self.time)
    }

    fn stop_listening(&mut self) {
        self.call();
        self.programs.stop_listening(self.time);
    }

    fn receive(&mut self, buffer: &mut [u8]) -> Option<usize> {
        self.call();
        if !self.programs.receive(self.time) {
            return None;
        }
        let mut text = String::new();
        for _ in 0..self.chance.below(4) {
            let (key, line) = self.life.next_line(DATAGRAMS);
            text += &line;
            self.read.insert(key);
        }
        if self.chance.one_in(10) {
            text += "no line";
        }
        buffer[..text.len()].copy_from_slice(text.as_bytes());
        Some(text.len())
    }

    fn log(&mut self, words: &'static str, given: &[LogArg]) {
        // The line is in the ring, whatever happens during the call.
        if words.starts_with("sample ") {
            self.note_line(given);
        }
        self.call();
        let text = |part: LogArg| match part {
            LogArg::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
            LogArg::Number(number) => number.to_string(),
            LogArg::Cause(cause) => format!("{cause:?}"),
            LogArg::Address(number) => self.network.address(number),
            LogArg::Local => "here".into(),
        };
        let line: String = format_args(words, given).map(text).collect();
        // What was asked for is not counted.
        let asked = ["## ticker", "sample ", "~~ sender", "flush: "];
        if !asked.iter().any(|start| line.starts_with(start)) && !line.contains("; bytes queued: ") {
            self.log.push(format!("{:>9} {line}", self.time));
        }
    }
}
