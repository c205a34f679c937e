//! The loop: sleep until something is due or ready, collect it into the ring, then let the sender send.

mod check;
mod collect;
mod custom_schedule;
mod family_log;
mod once;
mod plan;
mod received;
mod reload;
mod ring_memory;
mod script_runs;
mod source;
mod start;
mod thin_levels;
mod wall_clock;

pub use script_runs::Lines;
pub use start::start;

use collect::Output;
use custom_schedule::CustomSchedule;
use family_log::FamilyLog;
use thin_levels::ThinLevels;
use wall_clock::Clock;

use crate::base::rate_limit::Throttle;
use crate::base::text::hash;
use crate::base::wheel::Timers;
use crate::config::Config;
use crate::families::{self, Collector};
use crate::format::json;
use crate::platform::{self, LogArg, NEVER, Platform, Signal};
use crate::procfs::{Host, OS};
use crate::ring::{Counts, Ring};
use crate::schedule::{self, Sched};
use crate::sender::{Event, Sender, Targets};

/// Milliseconds that the last flush may take.
const LAST_FLUSH: u64 = 2_000;

/// Longest host name (`gethostname(2)`: 64 on Linux).
pub const HOST_NAME_MAX: usize = 64;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The user asked for it, or everything is done.
    Done,
    /// Standard output was closed, or `-once` could not print every line.
    Failed,
    /// The run continues after the configuration has been read again.
    Reload,
    /// The run continues after the ring has moved to other memory.
    Lost,
}

/// What one call of the agent works with.
struct Cx<'c, P> {
    platform: &'c mut P,
    config: &'c Config<'c>,
    targets: Targets<'c>,
}

/// The agent: everything that it keeps between two wake-ups, whatever its configuration is.
pub struct Agent<'m> {
    host: Host,
    collector: Collector,
    output: Output<'m>,
    sender: Sender,
    sched: Sched,
    custom: CustomSchedule,
    clock: Clock,
    family_log: FamilyLog,
    thin_levels: ThinLevels,
    /// The moment of this wake-up, in milliseconds of the monotonic clock.
    now: u64,
    /// Received datagrams with a malformed line.
    malformed: u64,
    /// The sender makes its next attempt at once, after the configuration has been read again.
    is_retrying: bool,
    /// `-once`: nothing has a deadline, and samples are stamped with the moment at which they are taken.
    is_once: bool,
    /// The log has the warning that the buffer is too small.
    has_warned_of_buffer: bool,
    /// The most bytes of the ring that one family, piece of a script's output or datagram has taken.
    largest_batch: u64,
    /// [`Output::bytes`] when the last batch ended.
    batch_start: u64,
    /// Limits the log lines about the wall clock.
    step_throttle: Throttle,
}

/// The large memory of an agent, which is not on the stack.
pub struct Memory {
    /// What the families remember.
    pub families: &'static mut families::Memory,
    /// The unfinished lines of scripts.
    pub lines: &'static mut Lines,
}

impl<'m> Agent<'m> {
    /// An agent that has collected nothing yet. Equal seeds give equal backoff.
    pub fn new(
        config: &Config,
        host: Host,
        memory: Memory,
        writer: json::Writer,
        ring: Ring<'m>,
        seed: u32,
        now: u64,
    ) -> Self {
        let Memory { families, lines } = memory;
        let spread = hash(writer.identity());
        let sched = Sched::new(now, |number| plan::period(config, number), config.flush, spread);
        Self {
            host,
            collector: Collector::new(families),
            custom: CustomSchedule::new(lines, now),
            clock: Clock::new(ring.clock(), sched.phase()),
            sched,
            sender: Sender::new(plan::targets(config, &writer).first, seed ^ spread, now),
            output: Output::new(writer, ring),
            family_log: FamilyLog::new(),
            thin_levels: ThinLevels::new(now),
            now,
            malformed: 0,
            is_retrying: false,
            is_once: false,
            has_warned_of_buffer: false,
            largest_batch: 0,
            batch_start: 0,
            step_throttle: Throttle::new(),
        }
    }

    /// The ring, to be moved to other memory.
    pub fn ring_mut(&mut self) -> &mut Ring<'m> {
        &mut self.output.ring
    }

    /// Lines made so far.
    pub fn lines(&self) -> u64 {
        self.output.lines
    }

    /// Counts of lines by their fate.
    pub fn counts(&self) -> Counts {
        self.output.ring.counts()
    }

    /// Bytes of lines that are not known to have arrived.
    pub fn queued(&self) -> usize {
        self.output.ring.queued()
    }

    fn cx<'c, P>(&self, config: &'c Config<'c>, platform: &'c mut P) -> Cx<'c, P> {
        Cx {
            platform,
            config,
            targets: plan::targets(config, &self.output.writer),
        }
    }

    /// Runs until every family has had its first read: a second at most. Returns how the run ended, if it did.
    pub fn begin<P: Platform>(&mut self, config: &Config, platform: &mut P) -> Option<Ending> {
        let cx = &mut self.cx(config, platform);
        let now = cx.platform.now();
        self.sched.start(now);
        if config.endpoint.is_some() {
            self.sched.stop_name();
        }
        let phase = self.sched.phase();
        self.custom
            .begin(config, |period| schedule::first(phase, period, now));
        while self.sched.is_starting() {
            let ending = self.turn(cx);
            if ending.is_some() {
                return ending;
            }
        }
        None
    }

    /// Collects and sends until the user asks the agent to end or to read its configuration again.
    pub fn run<P: Platform>(&mut self, config: &Config, platform: &mut P) -> Ending {
        let cx = &mut self.cx(config, platform);
        if core::mem::take(&mut self.is_retrying) {
            self.now = cx.platform.now();
            self.notify_sender(Event::Retry, cx);
        }
        loop {
            if let Some(ending) = self.turn(cx) {
                return ending;
            }
        }
    }

    /// Runs one turn of the loop; returns how the run ends, if it does.
    fn turn<P: Platform>(&mut self, cx: &mut Cx<P>) -> Option<Ending> {
        match self.step(cx, NEVER) {
            Some(Signal::Stop) => {
                let due = self.sched.due(cx.platform.now());
                self.collect_now(due, cx);
                Some(self.finish(cx))
            }
            Some(Signal::Reload) => Some(Ending::Reload),
            _ if cx.platform.has_lost_memory() => Some(Ending::Lost),
            _ if self.sender.has_ended() => Some(self.finish(cx)),
            _ => None,
        }
    }

    /// Sleeps until something is due or ready (at most until `at_most`), collects, and then lets the sender send.
    /// Nothing is collected when the user asks the agent to end. Returns the signal that has come.
    fn step<P: Platform>(&mut self, cx: &mut Cx<P>, at_most: u64) -> Option<Signal> {
        self.sched.set_sender(self.sender.deadline());
        let next = self.sched.next().unwrap_or(NEVER).min(self.custom.next());
        let until = Some(next.min(at_most)).filter(|until| *until != NEVER);
        let ready = cx.platform.sleep(until, self.sender.is_stalled());
        self.now = cx.platform.now();
        if ready.connection
            || ready.received
            || ready.scripts != 0
            || ready.signal.is_some()
            || next <= self.now
        {
            self.check_wall_clock(cx);
        }
        if ready.connection {
            self.notify_sender(Event::Ready, cx);
        }
        match ready.signal {
            Some(Signal::Stop) => return ready.signal,
            // The sender retries after the reload, which may change the receiver.
            Some(Signal::Reload) => self.is_retrying = true,
            Some(Signal::Report) => self.report_state(cx),
            Some(Signal::Child) => self.check_scripts(cx),
            None => {}
        }
        self.sched.set_sender(self.sender.deadline());
        let due = self.sched.due(self.now);
        let is_due = |timer: usize| due & 1 << timer != 0;
        if is_due(schedule::NAME) {
            self.update_name(cx.config);
        }
        if due != 0 {
            self.collect(due | self.collector.unfinished(), cx);
        }
        if ready.received {
            self.collect_received(received::DATAGRAMS_MAX, cx);
        }
        self.collect_scripts(ready.scripts, cx);
        self.collect_custom(cx);
        self.make_room(cx);
        if is_due(schedule::FLUSH) {
            self.notify_sender(Event::Flush, cx);
            if self.sender.has_caught_up() {
                self.thin_levels.start_over(self.now);
            }
        }
        if is_due(schedule::SENDER) && !self.is_retrying {
            self.notify_sender(Event::Due, cx);
        }
        ready.signal
    }

    fn notify_sender<P: Platform>(&mut self, event: Event, cx: &mut Cx<P>) {
        let ring = &mut self.output.ring;
        self.sender.on(event, cx.platform, ring, &cx.targets, self.now);
    }

    /// Logs the agent's state in one line.
    fn report_state<P: Platform>(&self, cx: &mut Cx<P>) {
        let ring = &self.output.ring;
        let counts = ring.counts();
        let [words, address] = self.sender.state(&cx.targets);
        let given = [
            words,
            address,
            LogArg::Number(ring.queued() as u64),
            LogArg::Number(counts.arrived),
            LogArg::Number(counts.thinned),
            LogArg::Number(counts.dropped),
            LogArg::Number(self.sender.reconnects()),
        ];
        let words = "%%; bytes queued: %; lines sent: %, thinned: %, dropped: %; reconnects: %";
        cx.platform.log(words, &given);
    }

    /// Compares the wall clock with the monotonic one, once a wake-up. Restamps unsent lines after a step, and
    /// pauses the sender while the wall clock is implausible.
    fn check_wall_clock<P: Platform>(&mut self, cx: &mut Cx<P>) {
        let reading = (self.now, cx.platform.wall());
        let read_again = || (cx.platform.now(), cx.platform.wall());
        let look = self.clock.look(reading, read_again);
        // The output of `-once` is for immediate use.
        let pauses = !look.is_right && !self.is_once;
        let was_paused = self.sender.pause(pauses, self.now);
        let ring = &mut self.output.ring;
        let before = ring.clock();
        let should_log = match look.step {
            Some(clock) => {
                ring.set_clock(clock as usize, json::move_stamp);
                // The first reading of the clock is no step.
                before > 0 || was_paused
            }
            None => pauses && !was_paused,
        };
        if should_log && self.step_throttle.pass(self.now).is_some() {
            log_clock(cx.platform, look.step, before);
        }
    }

    /// Ends scripts and listener, and sends what the connection takes within two seconds.
    fn finish<P: Platform>(&mut self, cx: &mut Cx<P>) -> Ending {
        self.collect_last_received(cx);
        self.custom.end_all(cx.platform);
        self.sender.keep_open();
        self.send_rest(cx);
        cx.platform.end();
        if self.sender.has_ended() {
            Ending::Failed
        } else {
            Ending::Done
        }
    }

    /// Flushes, and waits until the connection has taken all lines or is gone, two seconds at most.
    fn send_rest<P: Platform>(&mut self, cx: &mut Cx<P>) {
        self.now = cx.platform.now();
        let until = self.now + LAST_FLUSH;
        self.notify_sender(Event::Flush, cx);
        while self.output.ring.unsent_length() > 0
            && self.sender.can_send()
            && self.now < until
            && !cx.platform.has_lost_memory()
        {
            let deadline = self.sender.deadline();
            let ready = cx
                .platform
                .sleep(Some(deadline.min(until)), self.sender.is_stalled());
            self.now = cx.platform.now();
            if ready.signal == Some(Signal::Stop) {
                return;
            }
            if ready.connection {
                self.notify_sender(Event::Ready, cx);
            } else if self.now >= deadline {
                self.notify_sender(Event::Due, cx);
            }
        }
    }

    /// Checks the wall clock, and collects these families.
    fn collect_now<P: Platform>(&mut self, families: Timers, cx: &mut Cx<P>) {
        self.now = cx.platform.now();
        self.check_wall_clock(cx);
        self.collect(families, cx);
    }

    /// Reads the host's name again, which DHCP, for instance, may have changed.
    fn update_name(&mut self, config: &Config) {
        if let Some(writer) = writer(config) {
            self.output.writer = writer;
        }
    }
}

fn log_clock<P: Platform>(platform: &mut P, step: Option<u32>, before: usize) {
    let Some(clock) = step.map(|clock| clock as usize) else {
        return platform.log("wall clock is implausible; lines are kept until it is set", &[]);
    };
    let sign: &[u8] = if clock > before { b"+" } else { b"-" };
    let seconds = LogArg::Number(clock.abs_diff(before) as u64);
    let words = "wall clock stepped %% s; unsent lines restamped";
    platform.log(words, &[LogArg::Text(sign), seconds]);
}

/// Returns a writer of lines with the configured endpoint or the host's name; `None` if that and the tags are too
/// long.
pub fn writer(config: &Config) -> Option<json::Writer> {
    let mut buffer = [0; HOST_NAME_MAX + 1];
    let name = match config.endpoint {
        Some(endpoint) => endpoint,
        None => platform::host_name(&mut buffer).unwrap_or_default(),
    };
    let name = if name.is_empty() { b"localhost" } else { name };
    json::Writer::new(name, OS, config.tags())
}
