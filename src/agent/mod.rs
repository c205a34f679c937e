//! The loop: sleep until something is due or ready, collect it into the ring, then let the sender send.

mod check;
mod collect;
mod custom_schedule;
mod endpoint;
mod error_log;
mod once;
mod plan;
mod reload;
mod resources;
mod ring_memory;
mod script_runs;
mod source;
mod start;
mod table_text;
mod tables;
mod thin_levels;
mod wall_clock;
mod warnings;

pub use endpoint::HOST_NAME_MAX;
pub use plan::FAMILY_TABLE;
pub use start::start;

use collect::Output;
use custom_schedule::CustomSchedule;
use error_log::LoggedError;
use script_runs::UnfinishedLines;
use tables::Tables;
use thin_levels::ThinLevels;
use wall_clock::Clock;

use crate::base::bit_set::Timers;
use crate::base::rate_limit::Throttle;
use crate::base::text::hash;
use crate::config::{Config, Format};
use crate::encode::Starts;
use crate::families::{self, Collector, FAMILY_COUNT};
use crate::format::json;
use crate::platform::{LogArg, NEVER, Platform, Ready, Signal};
use crate::procfs::{self, Host, ReadError, Roots};
use crate::ring::{self, Ring};
use crate::schedule::{self, Sched};
use crate::sender::{self, Event, Sender, Targets};

/// Milliseconds that the last flush may take.
const LAST_FLUSH: u64 = 2_000;
/// Milliseconds that the command of the connection has to end by itself, when the agent ends.
const COMMAND_GRACE: u32 = 1_000;

/// The message of a buffer that is too small for a turn.
const SMALL_BUFFER: &str = "the buffer holds less than one turn of samples (% bytes needed); raise -buffer";
/// The message of a family's patterns that match nothing.
const UNMATCHED: &str = "%: patterns that match nothing now: %";

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The user asked for it, or everything is done.
    Done,
    /// `-once` had nothing to print, or has lost some of it.
    Failed,
    /// Standard output was closed, or `-once` could not write to it.
    OutputFailed,
    /// The run continues after the configuration has been read again.
    Reload,
    /// The run continues after the ring has moved to other memory.
    Lost,
}

/// What one call of the agent works with.
struct Cx<'c> {
    platform: &'c mut dyn Platform,
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
    family_errors: [LoggedError<ReadError>; FAMILY_COUNT],
    thin_levels: ThinLevels,
    /// The moment of this wake-up, in milliseconds of the monotonic clock.
    now: u64,
    /// When the agent started.
    started: u64,
    /// Received datagrams with a malformed line.
    malformed: u64,
    /// The sender of the last malformed datagram that was logged.
    malformed_sender: LoggedError<u32>,
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
    /// The hash of the endpoint that the log has a warning of, if it needs one.
    checked_endpoint: u32,
}

/// The large memory of an agent. All of it is zero at first, so that parts that are never written take no memory: those
/// that always are written stand together.
#[repr(C)]
pub struct Memory {
    writer: json::Writer,
    host: procfs::Memory,
    families: families::Memory,
    lines: UnfinishedLines,
    sender: sender::Memory,
    tables: Tables,
}

impl Memory {
    /// Nothing is remembered.
    pub const EMPTY: Self = Self {
        writer: json::Writer::EMPTY,
        host: procfs::Memory::EMPTY,
        families: families::Memory::EMPTY,
        lines: UnfinishedLines::EMPTY,
        sender: sender::Memory::EMPTY,
        tables: Tables::EMPTY,
    };
}

impl<'m> Agent<'m> {
    /// An agent that has collected nothing yet. Equal seeds give equal backoff.
    // Its copies of the large parts are not on the stack of the caller.
    #[inline(never)]
    pub fn new(
        config: &Config,
        roots: Roots,
        memory: &'static mut Memory,
        ring: Ring<'m>,
        seed: u32,
        now: u64,
    ) -> Self {
        let writer = &mut memory.writer;
        endpoint::set_names(config, writer);
        let spread = hash(writer.identity());
        let sched = Sched::new(now, |number| plan::period(config, number), config.flush, spread);
        Self {
            host: Host::new(roots, &mut memory.host),
            collector: Collector::new(&mut memory.families),
            custom: CustomSchedule::new(&mut memory.lines),
            clock: Clock::new(ring.clock(), sched.phase()),
            sched,
            sender: Sender::new(
                plan::targets(config, writer).first,
                seed ^ spread,
                now,
                &mut memory.sender,
            ),
            output: Output {
                writer,
                ring,
                tables: (config.format == Some(Format::Text)).then_some(&mut memory.tables),
                lines: 0,
                bytes: 0,
                errors: 0,
            },
            family_errors: [LoggedError::NONE; FAMILY_COUNT],
            thin_levels: ThinLevels::new(now),
            now,
            started: now,
            malformed: 0,
            malformed_sender: LoggedError::NONE,
            is_retrying: false,
            is_once: false,
            has_warned_of_buffer: false,
            largest_batch: 0,
            batch_start: 0,
            step_throttle: Throttle::new(),
            checked_endpoint: 0,
        }
    }

    /// The ring, to be looked at or moved to other memory.
    pub fn ring_mut(&mut self) -> &mut Ring<'m> {
        &mut self.output.ring
    }

    /// Lines made so far.
    pub fn lines(&self) -> u64 {
        self.output.lines
    }

    /// Lines that receivers have refused, and which were dropped.
    pub fn rejected(&self) -> u64 {
        self.sender.rejected()
    }

    fn cx<'c>(&self, config: &'c Config<'c>, platform: &'c mut dyn Platform) -> Cx<'c> {
        Cx {
            platform,
            config,
            targets: Targets {
                starts: self.starts(),
                ..plan::targets(config, self.output.writer)
            },
        }
    }

    /// Returns since when counters count. It changes with the clock alone.
    fn starts(&self) -> Starts {
        Starts {
            machine: self.clock.known_stamp(0),
            agent: self.clock.known_stamp(self.started),
        }
    }

    /// Schedules everything, before the first run.
    pub fn begin(&mut self, config: &Config, platform: &mut dyn Platform) {
        self.adopt_names(config, platform);
        let now = platform.now();
        self.sched.start(now);
        if config.endpoint.is_some() {
            self.sched.stop_name();
        }
        let phase = self.sched.phase();
        self.custom
            .begin(config, &|period| schedule::first(phase, period, now));
    }

    /// Collects and sends until the user asks the agent to end or to read its configuration again.
    pub fn run(&mut self, config: &Config, platform: &mut dyn Platform) -> Ending {
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
    fn turn(&mut self, cx: &mut Cx) -> Option<Ending> {
        match self.step(cx, NEVER) {
            Some(Signal::Stop) => {
                let due = self.sched.due(cx.platform.now());
                self.collect_now(due, cx);
                Some(self.finish(cx))
            }
            Some(Signal::Reload) => Some(Ending::Reload),
            _ if ring::is_lost() => Some(Ending::Lost),
            _ if self.sender.has_ended() => Some(self.finish(cx)),
            _ => None,
        }
    }

    /// Sleeps until something is due or ready (at most until `at_most`), collects, and then lets the sender send.
    /// Nothing is collected when the user asks the agent to end. Returns the signal that has come.
    fn step(&mut self, cx: &mut Cx, at_most: u64) -> Option<Signal> {
        let ready = self.wait(cx, at_most);
        match ready.signal {
            Some(Signal::Stop) => return ready.signal,
            // The sender retries after the reload, which may change the receiver.
            Some(Signal::Reload) => self.is_retrying = true,
            Some(Signal::Report) => self.report_state(cx),
            Some(Signal::Child) => self.check_scripts(cx),
            None => {}
        }
        let due = self.sched.due(self.now);
        let is_due = |timer: usize| due & 1 << timer != 0;
        if is_due(schedule::NAME) {
            self.adopt_names(cx.config, cx.platform);
        }
        if due != 0 {
            self.collect(due, cx);
        }
        if ready.received {
            self.collect_received(collect::DATAGRAMS_MAX, cx);
        }
        self.collect_scripts(ready.scripts, cx);
        self.collect_custom(cx);
        // What scripts print belongs to the turn that has started them, unless they run until the next one.
        if !self.is_once && !self.custom.are_running() {
            self.write_tables(cx);
        }
        self.make_room(cx);
        if is_due(schedule::FLUSH) {
            self.notify_sender(Event::Flush, cx);
            if self.sender.has_caught_up() {
                // The next line of each may be the first of a long outage, and is not thinned.
                self.thin_levels = ThinLevels::new(self.now);
            }
        }
        if self.sender.deadline() <= self.now && !self.is_retrying {
            self.notify_sender(Event::Due, cx);
        }
        ready.signal
    }

    /// Sleeps until something is due or ready, at most until `at_most`.
    fn wait(&mut self, cx: &mut Cx, at_most: u64) -> Ready {
        let deadlines = [self.sched.next(), self.custom.next(), self.sender.deadline()];
        let next = deadlines.into_iter().fold(NEVER, u64::min);
        let ready = cx.platform.sleep(next.min(at_most), self.sender.is_stalled());
        self.now = cx.platform.now();
        let is_due = next <= self.now;
        if is_due || ready.connection || ready.received || ready.scripts != 0 || ready.signal.is_some() {
            self.check_wall_clock(cx);
        }
        if is_due && !self.is_once {
            self.write_tables(cx);
        }
        if ready.connection {
            self.notify_sender(Event::Ready, cx);
        }
        ready
    }

    fn notify_sender(&mut self, event: Event, cx: &mut Cx) {
        let ring = &mut self.output.ring;
        self.sender.on(event, cx.platform, ring, &cx.targets, self.now);
    }

    /// Logs the agent's state in one line.
    fn report_state(&self, cx: &mut Cx) {
        let ring = &self.output.ring;
        let counts = ring.counts();
        let [state, address] = self.sender.state(&cx.targets);
        let args = [
            state,
            address,
            LogArg::Number(ring.queued() as u64),
            LogArg::Number(counts.arrived),
            LogArg::Number(counts.thinned),
            LogArg::Number(counts.dropped + counts.misdated),
            LogArg::Number(self.sender.reconnects()),
        ];
        let message = "%%; bytes queued: %; lines sent: %, thinned: %, dropped: %; reconnects: %";
        cx.platform.log(message, &args);
    }

    /// Compares the wall clock with the monotonic one, once a wake-up. Restamps unsent lines after a step, and
    /// pauses the sender while the wall clock is implausible.
    fn check_wall_clock(&mut self, cx: &mut Cx) {
        let reading = (self.now, cx.platform.wall());
        let read_again = || (cx.platform.now(), cx.platform.wall());
        let look = self.clock.look(reading, read_again);
        cx.targets.starts = self.starts();
        // The output of `-once` is for immediate use.
        let pauses = !look.is_right && !self.is_once;
        let was_paused = self.sender.pause(pauses, self.now);
        let ring = &mut self.output.ring;
        let before = ring.clock();
        let should_log = match look.step {
            Some(clock) => {
                ring.set_clock(clock as usize);
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
    fn finish(&mut self, cx: &mut Cx) -> Ending {
        self.collect_last_received(cx);
        self.custom.end_all(cx.platform);
        self.write_tables(cx);
        self.send_rest(cx);
        cx.platform.close(COMMAND_GRACE);
        if self.sender.has_ended() {
            Ending::OutputFailed
        } else {
            Ending::Done
        }
    }

    /// Flushes, and waits until the connection has taken all lines or is gone, two seconds at most.
    fn send_rest(&mut self, cx: &mut Cx) {
        self.now = cx.platform.now();
        self.sender.keep_open(self.now);
        let until = self.now + LAST_FLUSH;
        self.notify_sender(Event::Flush, cx);
        while self.has_unsent() && self.sender.can_send(self.now) && self.now < until && !ring::is_lost() {
            let deadline = self.sender.deadline();
            let ready = cx.platform.sleep(deadline.min(until), self.sender.is_stalled());
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

    /// Returns whether lines are unsent, or sent in a request that is not answered.
    fn has_unsent(&self) -> bool {
        self.output.ring.unsent_length() > 0 || self.sender.awaits_answer()
    }

    /// Checks the wall clock, and collects these families.
    fn collect_now(&mut self, families: Timers, cx: &mut Cx) {
        self.now = cx.platform.now();
        self.check_wall_clock(cx);
        self.collect(families, cx);
    }
}

fn log_clock(platform: &mut dyn Platform, step: Option<u32>, before: usize) {
    let Some(clock) = step.map(|clock| clock as usize) else {
        return platform.log("wall clock is implausible; lines are kept until it is set", &[]);
    };
    let sign: &[u8] = if clock > before { b"+" } else { b"-" };
    let seconds = LogArg::Number(clock.abs_diff(before) as u64);
    let message = "wall clock stepped %% s; unsent lines restamped";
    platform.log(message, &[LogArg::Text(sign), seconds]);
}
