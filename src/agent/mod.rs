//! The loop: sleep until something is due or the connection is ready, then do it.

mod check;
mod clock;
mod custom;
mod faults;
mod inlet;
mod output;
mod plan;
mod ranks;
mod reload;
mod script;
mod source;
mod spool;
mod start;

pub use script::Lines;
pub use start::start;

use clock::Clock;
use custom::Customs;
use faults::Faults;
use output::Output;
use ranks::Ranks;

use crate::base::rate_limit::Throttle;
use crate::base::text::hash;
use crate::base::wheel::{Timers, set_bits};
use crate::config::Config;
use crate::families::{self, Builtin, FAMILIES, Own};
use crate::format::{Record, json};
use crate::platform;
use crate::platform::{LogArg, NEVER, Platform, Signal};
use crate::procfs::{Fault, Host, OS};
use crate::ring::{Counts, LINE_MAX, Ring};
use crate::schedule::{self, Sched};
use crate::sender::{Aims, Event, Sender};

/// Milliseconds that the last flush may take.
const LAST_FLUSH: u64 = 2_000;

/// Longest host name (`gethostname(2)`: 64 on Linux).
pub const HOST_NAME_MAX: usize = 64;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The user asked for it, or all that was asked for is done.
    Done,
    /// Standard output was closed, or what was to be printed once was not.
    Failed,
    /// It may go on, once its configuration has been read again.
    Reload,
    /// It may go on, once its ring has moved to other memory.
    Lost,
}

/// What the agent knows, whatever its configuration is.
pub struct State<'m> {
    builtin: Builtin,
    output: Output<'m>,
    sched: Sched,
    customs: Customs,
    /// Datagrams that were handed in and were no lines.
    malformed: u64,
    faults: Faults,
    ranks: Ranks,
    clock: Clock,
    /// The sender is to make its next attempt at once, once the configuration has been read again.
    is_retrying: bool,
    /// What the log was told of the wall clock.
    steps: Throttle,
}

impl<'m> State<'m> {
    /// Of an agent that has read nothing yet. Equal seeds give equal backoff.
    #[inline(never)]
    #[cold]
    pub fn new(
        config: &Config,
        memory: &'static mut families::Memory,
        lines: &'static mut Lines,
        writer: json::Writer,
        ring: Ring<'m>,
        seed: u32,
        now: u64,
    ) -> Self {
        let spread = hash(writer.identity());
        let sched = Sched::new(now, |number| plan::period(config, number), config.flush, spread);
        Self {
            customs: Customs::new(lines, now),
            malformed: 0,
            faults: Faults::new(),
            clock: Clock::new(ring.clock(), sched.phase()),
            sched,
            ranks: Ranks::new(now),
            is_retrying: false,
            steps: Throttle::new(),
            output: Output {
                sender: Sender::new(plan::aims(config, &writer).first, seed ^ spread, now),
                writer,
                ring,
                now,
                lines: 0,
                errors: 0,
                is_patient: false,
                has_missed_child: false,
            },
            builtin: Builtin::new(memory),
        }
    }

    /// The lines to come are of this moment.
    fn set_time(&mut self, moment: u64) {
        self.output.writer.set_time(self.clock.stamp(moment));
    }
}

impl<'m> State<'m> {
    /// The ring, for whoever moves it to other memory.
    pub fn ring_mut(&mut self) -> &mut Ring<'m> {
        &mut self.output.ring
    }
}

/// The agent.
pub struct Agent<'a, 'm> {
    config: &'a Config<'a>,
    aims: Aims<'a>,
    host: &'a mut Host,
    state: &'a mut State<'m>,
}

impl<'a, 'm> Agent<'a, 'm> {
    /// An agent that does what is asked for, and goes on from that state.
    pub fn new(config: &'a Config<'a>, host: &'a mut Host, state: &'a mut State<'m>) -> Self {
        Self {
            aims: plan::aims(config, &state.output.writer),
            config,
            host,
            state,
        }
    }

    /// Lines made so far.
    pub fn lines(&self) -> u64 {
        self.state.output.lines
    }

    /// What has become of lines.
    pub fn counts(&self) -> Counts {
        self.state.output.ring.counts()
    }

    /// Bytes of lines that are not known to have arrived.
    pub fn queued(&self) -> usize {
        self.state.output.ring.queued()
    }

    /// Runs until every family has had its first read: a second at most. Answers how it ended, if it did meanwhile.
    pub fn begin<W: Platform>(&mut self, platform: &mut W) -> Option<Ending> {
        let now = platform.now();
        self.state.sched.start(now);
        if self.config.endpoint.is_some() {
            self.state.sched.stop_name();
        }
        let phase = self.state.sched.phase();
        let first = |period| schedule::first(phase, period, now);
        self.state.customs.begin(self.config, first);
        while self.state.sched.is_starting() {
            let ending = self.go_on(platform);
            if ending.is_some() {
                return ending;
            }
        }
        None
    }

    /// The ring has moved, and begins with another line than the one that the connection may have got in part: the
    /// next connection gets all of it.
    pub fn reconnect<W: Platform>(&mut self, platform: &mut W) {
        let now = platform.now();
        let Output { ring, sender, .. } = &mut self.state.output;
        sender.reconnect(platform, ring, &self.aims, now);
    }

    /// Collects and sends until the user asks it to end, or to read its configuration again.
    pub fn run<W: Platform>(&mut self, platform: &mut W) -> Ending {
        if core::mem::take(&mut self.state.is_retrying) {
            self.state.output.now = platform.now();
            self.tell_sender(Event::Retry, platform);
        }
        loop {
            if let Some(ending) = self.go_on(platform) {
                return ending;
            }
        }
    }

    /// One wake-up; answers how the run ends, if it does.
    fn go_on<W: Platform>(&mut self, platform: &mut W) -> Option<Ending> {
        match self.step(platform, NEVER) {
            Some(Signal::Stop) => {
                let due = self.state.sched.due(platform.now());
                self.take_now(platform, due);
                Some(self.finish(platform))
            }
            Some(Signal::Reload) => Some(Ending::Reload),
            _ if platform.has_lost_memory() => Some(Ending::Lost),
            _ if self.state.output.sender.has_ended() => Some(self.finish(platform)),
            _ => None,
        }
    }

    /// Takes every metric once, a second apart those that need two reads, and sends the lines.
    pub fn once<W: Platform>(&mut self, platform: &mut W) -> Ending {
        self.state.output.now = platform.now();
        let second = self.state.output.now + schedule::PAIR_GAP;
        // The connection first: there may be more lines than the ring holds.
        self.state.output.is_patient = true;
        self.look(platform);
        self.tell_sender(Event::Due, platform);
        // What needs two reads has the first one here, and its samples come with the second.
        let paired = schedule::PAIRED & self.state.sched.families();
        self.begin_turn();
        for family in set_bits(paired) {
            let _ = self
                .state
                .builtin
                .take(family, self.host, plan::wishes(self.config), &mut |_| {});
        }
        self.take(platform, self.state.sched.families() & !paired);
        let now = self.state.output.now;
        self.state.customs.begin(self.config, |_| now);
        self.take_customs(platform);
        while self.state.builtin.unfinished() != 0 {
            self.take(platform, self.state.builtin.unfinished());
        }
        self.tell_sender(Event::Flush, platform);
        let mut is_stopped = false;
        while !is_stopped
            && (platform.now() < second || self.state.customs.are_running())
            && !self.state.output.sender.has_ended()
        {
            let until = if platform.now() < second { second } else { NEVER };
            is_stopped = self.step(platform, until) == Some(Signal::Stop);
        }
        if !is_stopped {
            self.take_now(platform, paired);
            if self.state.output.is_patient {
                self.state.output.write_out(&self.aims, platform, NEVER);
            }
        }
        let ending = self.finish(platform);
        let ring = &self.state.output.ring;
        if self.state.output.lines > 0 && ring.unsent_length() == 0 && ring.counts().dropped == 0 {
            ending
        } else {
            Ending::Failed
        }
    }

    /// One wake-up: sleeps until something is due (or until `at_most`), and does it, unless the user asks to
    /// end. Answers what he asks for.
    fn step<W: Platform>(&mut self, platform: &mut W, at_most: u64) -> Option<Signal> {
        if core::mem::take(&mut self.state.output.has_missed_child) {
            self.look_after_all(platform);
            // There may be nothing left to wait for.
            return None;
        }
        self.state.sched.set_sender(self.state.output.sender.deadline());
        let next = self
            .state
            .sched
            .next()
            .unwrap_or(NEVER)
            .min(self.state.customs.next());
        let ready = self.state.output.sleep(platform, next.min(at_most));
        let now = platform.now();
        self.state.output.now = now;
        if ready.transfer || ready.pushed || ready.scripts != 0 || ready.signal.is_some() || next <= now {
            self.look(platform);
        }
        if ready.transfer {
            self.tell_sender(Event::Ready, platform);
        }
        match ready.signal {
            Some(Signal::Stop) => return ready.signal,
            // Not before the configuration has been read again: it may name another receiver.
            Some(Signal::Reload) => self.state.is_retrying = true,
            Some(Signal::Report) => self.report_state(platform),
            Some(Signal::Child) => self.look_after_all(platform),
            None => {}
        }
        self.state.sched.set_sender(self.state.output.sender.deadline());
        let due = self.state.sched.due(now);
        let is_due = |timer: usize| due & 1 << timer != 0;
        if is_due(schedule::NAME) {
            self.ask_name();
        }
        if due != 0 {
            self.take(platform, due | self.state.builtin.unfinished());
        }
        if ready.pushed {
            self.take_pushed(platform, inlet::TURN_MAX);
        }
        self.serve_scripts(platform, ready.scripts);
        self.take_customs(platform);
        if is_due(schedule::FLUSH) {
            self.tell_sender(Event::Flush, platform);
            if self.state.output.sender.has_caught_up() {
                self.state.ranks.start_over(now);
            }
        }
        if is_due(schedule::SENDER) && !self.state.is_retrying {
            self.tell_sender(Event::Due, platform);
        }
        ready.signal
    }

    /// Says in one line of the log how things are.
    fn report_state<W: Platform>(&self, platform: &mut W) {
        let (ring, sender) = (&self.state.output.ring, &self.state.output.sender);
        let counts = ring.counts();
        let [words, address] = sender.state(&self.aims);
        let given = [
            words,
            address,
            LogArg::Number(ring.queued() as u64),
            LogArg::Number(counts.arrived),
            LogArg::Number(counts.thinned),
            LogArg::Number(counts.dropped),
            LogArg::Number(sender.reconnects()),
        ];
        let words = "%%; bytes queued: %; lines sent: %, thinned: %, dropped: %; reconnects: %";
        platform.log(words, &given);
    }

    /// Looks at the wall clock, once a wake-up: whether it is right, and has been.
    fn look<W: Platform>(&mut self, platform: &mut W) {
        let now = self.state.output.now;
        let look = self.state.clock.look(platform, now);
        // What is printed once is for somebody who looks at it now.
        let is_held = !look.is_right && !self.state.output.is_patient;
        let was_held = self.state.output.sender.hold(is_held, now);
        let ring = &mut self.state.output.ring;
        let before = ring.clock();
        let is_news = match look.step {
            Some(clock) => {
                ring.set_clock(clock as usize, json::move_stamp);
                // The first look of all finds no step.
                before > 0 || was_held
            }
            None => is_held && !was_held,
        };
        if is_news && self.state.steps.pass(now).is_some() {
            log_clock(platform, look.step, before);
        }
    }

    /// Sends what the connection takes within two seconds.
    fn finish<W: Platform>(&mut self, platform: &mut W) -> Ending {
        self.take_last_pushed(platform);
        self.state.customs.end_all(platform);
        let until = platform.now() + LAST_FLUSH;
        self.state.output.sender.stay();
        self.state.output.write_out(&self.aims, platform, until);
        platform.end();
        if self.state.output.sender.has_ended() {
            Ending::Failed
        } else {
            Ending::Done
        }
    }

    fn tell_sender<W: Platform>(&mut self, event: Event, platform: &mut W) {
        self.state.output.tell_sender(event, &self.aims, platform);
    }

    /// Looks at the clocks, and takes the samples of these families.
    fn take_now<W: Platform>(&mut self, platform: &mut W, families: Timers) {
        self.state.output.now = platform.now();
        self.look(platform);
        self.take(platform, families);
    }

    /// Takes the samples of the families among these timers and puts their lines into the ring.
    fn take<W: Platform>(&mut self, platform: &mut W, timers: Timers) {
        let families = timers & schedule::ALL_FAMILIES;
        if families == 0 {
            return;
        }
        self.begin_turn();
        let mut room = [0; LINE_MAX];
        for number in set_bits(families) {
            self.take_family(platform, number, &mut room);
        }
    }

    fn take_family<W: Platform>(&mut self, platform: &mut W, number: usize, room: &mut [u8]) {
        let family = LogArg::Text(FAMILIES[number].name.as_bytes());
        if self.config.debug {
            platform.log("## ticker hit %", &[family]);
        }
        // What is printed once has no deadlines.
        let moment = if self.state.output.is_patient {
            self.state.output.now
        } else {
            self.state.sched.reached(number)
        };
        self.state.set_time(moment);
        let rank = self.state.ranks.of(number, self.state.output.now);
        let made = self.state.output.lines;
        let State { output, builtin, .. } = &mut *self.state;
        let result = builtin.take(number, self.host, plan::wishes(self.config), &mut |sample| {
            let record = Record {
                metric: sample.metric.name.as_bytes(),
                instance: sample.instance,
                value: sample.value,
            };
            // An instance's name may be longer than a line.
            let taken = output.take(&record, rank, room, &self.aims, platform);
            output.errors += u64::from(taken.is_none());
        });
        if self.state.output.lines > made {
            self.state.ranks.note(number, self.state.output.now);
        }
        self.report(platform, number, family, result);
    }

    #[inline(never)]
    fn begin_turn(&mut self) {
        let Output { ring, sender, .. } = &self.state.output;
        let counts = ring.counts();
        let own = Own {
            lines: self.state.output.lines,
            thinned: counts.thinned,
            dropped: counts.dropped,
            reconnects: sender.reconnects(),
            errors: self.state.output.errors,
            malformed: self.config.listen.map(|_| self.state.malformed),
            queued: ring.queued() as u64,
        };
        self.state
            .builtin
            .begin_turn(self.host, self.state.output.now, own);
    }

    /// Says once that a family fails, how, and that it has ceased to.
    fn report<W: Platform>(
        &mut self,
        platform: &mut W,
        number: usize,
        family: LogArg,
        result: Result<(), Fault>,
    ) {
        if result.is_err_and(|fault| !fault.is_too_much()) {
            self.state.output.errors += 1;
        }
        if let Some(had_too_much) = self.state.faults.pass(number, result, self.state.output.now) {
            match result {
                Err(fault) => faults::fails(platform, family, fault, self.config, self.host),
                Ok(()) => faults::recovers(platform, family, had_too_much),
            }
        }
    }

    /// The host's name may change, with DHCP for instance.
    #[inline(never)]
    fn ask_name(&mut self) {
        if let Some(writer) = writer(self.config) {
            self.state.output.writer = writer;
        }
    }
}

fn log_clock<W: Platform>(platform: &mut W, step: Option<u32>, before: usize) {
    let Some(clock) = step.map(|clock| clock as usize) else {
        return platform.log(
            "the wall clock cannot be right: lines are kept until it is set",
            &[],
        );
    };
    let way: &[u8] = if clock > before { b"forward" } else { b"back" };
    let seconds = LogArg::Number(clock.abs_diff(before) as u64);
    let words = "the wall clock has gone % by % s: lines that have not been sent are stamped anew";
    platform.log(words, &[LogArg::Text(way), seconds]);
}

/// Writes lines from the endpoint given, or from the host's name. `None` if that and the tags are
/// too long.
pub fn writer(config: &Config) -> Option<json::Writer> {
    let mut buffer = [0; HOST_NAME_MAX + 1];
    let name = match config.endpoint {
        Some(endpoint) => endpoint,
        None => platform::host_name(&mut buffer).unwrap_or_default(),
    };
    let name = if name.is_empty() { b"localhost" } else { name };
    json::Writer::new(name, OS, config.tags())
}
