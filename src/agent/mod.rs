//! The loop: sleep until something is due or the connection is ready, then do it.

mod clock;
mod plan;
mod ranks;
mod spool;
mod start;

pub use start::start;

use clock::Clock;
use ranks::Ranks;

use crate::builtin::{Builtin, FAMILIES, FAMILY_COUNT, Own, Sample};
use crate::config::Config;
use crate::format::{Record, json};
use crate::host::{Fault, Host, OS, Place, Trouble};
use crate::ring::{Counts, LINE_MAX, Ring};
use crate::sched::{self, Sched, paired_families};
use crate::sender::{Event, Sender};
use crate::sys;
use crate::text::{Text, hash, line_of};
use crate::throttle::Throttle;
use crate::wheel::{Timers, set_bits};
use crate::world::{Part, Signal, World};

/// Milliseconds that the last flush may take.
const LAST_FLUSH: u64 = 2_000;

/// What stands before each number in the line that tells how things are.
const STATE: &str = "; bytes queued: \n; lines sent: \n, thinned: \n, dropped: \n; reconnects: ";
/// Five numbers of up to 20 digits fit behind these words.
const STATE_MAX: usize = STATE.len() + 5 * 20;

/// Longest host name (`gethostname(2)`: 64 on Linux).
pub const HOST_NAME_MAX: usize = 64;

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The user asked for it, or all that was asked for is done.
    Done,
    /// Standard output was closed, or what was to be printed once was not.
    Failed,
}

/// The agent, with all its memory.
pub struct Agent<'a> {
    config: &'a Config<'a>,
    host: Host,
    writer: json::Writer,
    /// Where a line is written, before it goes into the ring.
    line: [u8; LINE_MAX],
    builtin: Builtin<'a>,
    /// What the log was told of each family's faults.
    faults: [Throttle; FAMILY_COUNT],
    /// The fault that the log has been told of last, of each family that fails.
    told: [Option<Fault>; FAMILY_COUNT],
    sched: Sched,
    ring: Ring<'a>,
    ranks: Ranks,
    clock: Clock,
    /// The stamp of samples that are taken now.
    time: u64,
    /// What the log was told of the wall clock.
    steps: Throttle,
    /// The wall clock cannot be right: nothing is sent.
    is_held: bool,
    sender: Sender<'a>,
    lines: u64,
    errors: u64,
    /// Lines are waited for until they are written, as nothing else is to be done.
    is_patient: bool,
}

impl<'a> Agent<'a> {
    /// An agent that has read nothing yet. Equal seeds give equal backoff.
    #[inline(never)]
    pub fn new(
        config: &'a Config<'a>,
        host: Host,
        writer: json::Writer,
        ring: Ring<'a>,
        seed: u32,
        now: u64,
    ) -> Self {
        let spread = hash(writer.identity());
        let mut sched = Sched::new(now, &plan::periods(config), config.flush, spread);
        let start = config.spread.then_some(spread);
        let sender = Sender::new(config.transfers(), start, seed ^ spread, now, config.debug);
        sched.set_sender(sender.deadline());
        Self {
            config,
            host,
            writer,
            line: [0; LINE_MAX],
            builtin: Builtin::new(plan::wishes(config)),
            faults: [Throttle::new(); FAMILY_COUNT],
            told: [None; FAMILY_COUNT],
            sched,
            clock: Clock::new(ring.clock()),
            time: 0,
            ring,
            ranks: Ranks::new(now),
            steps: Throttle::new(),
            is_held: false,
            sender,
            lines: 0,
            errors: 0,
            is_patient: false,
        }
    }

    /// Whether there is anything to collect.
    pub fn has_families(&self) -> bool {
        self.sched.families() != 0
    }

    /// Lines made so far.
    pub fn lines(&self) -> u64 {
        self.lines
    }

    /// What has become of lines.
    pub fn counts(&self) -> Counts {
        self.ring.counts()
    }

    /// Bytes of lines that are not known to have arrived.
    pub fn queued(&self) -> usize {
        self.ring.queued()
    }

    /// Collects and sends until the user asks it to end.
    #[inline(never)]
    pub fn run<W: World>(&mut self, world: &mut W) -> Ending {
        self.look(world);
        self.take(world, self.sched.families());
        self.sched.start(world.now());
        if self.config.endpoint.is_some() {
            self.sched.stop_name();
        }
        loop {
            if self.step(world, None) {
                let due = self.sched.due(world.now());
                self.look(world);
                self.take(world, due & sched::ALL_FAMILIES);
                return self.finish(world);
            }
            if self.sender.has_ended() {
                return Ending::Failed;
            }
        }
    }

    /// Takes every metric once, a second apart those that need two reads, and sends the lines.
    #[inline(never)]
    pub fn once<W: World>(&mut self, world: &mut W) -> Ending {
        let second = world.now() + sched::PAIR_GAP;
        // The connection first: there may be more lines than the ring holds.
        self.is_patient = true;
        self.look(world);
        let now = world.now();
        self.tell_sender(Event::Due, world, now);
        // What needs two reads has the first one here, and its samples come with the second.
        let paired = paired_families() & self.sched.families();
        self.begin_turn(now);
        for family in set_bits(paired) {
            let _ = self.builtin.take(family, &mut self.host, &mut |_| {});
        }
        self.take(world, self.sched.families() & !paired);
        while self.builtin.unfinished() != 0 {
            self.take(world, self.builtin.unfinished());
        }
        self.tell_sender(Event::Flush, world, now);
        let mut is_stopped = false;
        while !is_stopped && world.now() < second && !self.sender.has_ended() {
            is_stopped = self.step(world, Some(second));
        }
        if !is_stopped {
            self.look(world);
            self.take(world, paired);
        }
        if self.is_patient && !is_stopped {
            write_out(&mut self.sender, &mut self.ring, world, None);
        }
        let ending = self.finish(world);
        let has_printed_all =
            self.lines > 0 && self.ring.unsent_length() == 0 && self.ring.counts().dropped == 0;
        if has_printed_all { ending } else { Ending::Failed }
    }

    /// One wake-up: sleeps until something is due (or until `at_most`), and does it. Says whether
    /// the user asked to end.
    fn step<W: World>(&mut self, world: &mut W, at_most: Option<u64>) -> bool {
        let until = [self.sched.next(), at_most].into_iter().flatten().min();
        let ready = world.sleep(until, self.sender.is_stalled());
        let now = world.now();
        if ready.transfer || ready.signal.is_some() || self.sched.next().is_some_and(|next| next <= now) {
            self.look(world);
        }
        if ready.transfer {
            self.tell_sender(Event::Ready, world, now);
        }
        match ready.signal {
            Some(Signal::Stop) => return true,
            Some(Signal::Retry) => self.tell_sender(Event::Retry, world, now),
            Some(Signal::Report) => self.report_state(world),
            None => {}
        }
        let due = self.sched.due(now);
        let is_due = |timer: usize| due & 1 << timer != 0;
        if is_due(sched::NAME) {
            self.ask_name();
        }
        if due != 0 {
            self.take(world, due & sched::ALL_FAMILIES | self.builtin.unfinished());
        }
        if is_due(sched::FLUSH) {
            self.tell_sender(Event::Flush, world, now);
            if self.sender.has_caught_up() {
                self.ranks.start_over(now);
            }
        }
        if is_due(sched::SENDER) {
            self.tell_sender(Event::Due, world, now);
        }
        false
    }

    /// Says in one line of the log how things are.
    fn report_state<W: World>(&self, world: &mut W) {
        let counts = self.ring.counts();
        let numbers = [
            self.ring.queued() as u64,
            counts.arrived,
            counts.thinned,
            counts.dropped,
            self.sender.reconnects(),
        ];
        let mut buffer = [0; STATE_MAX];
        let mut text = Text::new(&mut buffer);
        for (place, number) in numbers.into_iter().enumerate() {
            text.put(line_of(STATE, place).as_bytes());
            text.number(number);
        }
        let [words, address] = self.sender.state();
        world.log(&[words, address, Part::Text(text.bytes())]);
    }

    fn tell_sender<W: World>(&mut self, event: Event, world: &mut W, now: u64) {
        self.sender.on(event, world, &mut self.ring, now);
        self.sched.set_sender(self.sender.deadline());
    }

    /// Looks at the wall clock, once a wake-up: whether it is right, and has been.
    fn look<W: World>(&mut self, world: &mut W) {
        let now = world.now();
        let look = self.clock.look(world, now);
        self.time = look.time;
        if let Some(clock) = look.step {
            let before = self.ring.clock();
            self.ring.set_clock(clock as usize, json::move_stamp);
            // The first look of all finds no step.
            if (before > 0 || self.is_held) && self.steps.pass(now).is_some() {
                log_step(world, clock as usize, before);
            }
        }
        // What is printed once is for somebody who looks at it now.
        let is_held = !look.is_right && !self.is_patient;
        if is_held && !self.is_held && self.steps.pass(now).is_some() {
            world.log(&[Part::Text(
                b"the wall clock cannot be right: lines are kept until it is set",
            )]);
        }
        self.is_held = is_held;
        self.sender.hold(is_held, now);
        self.sched.set_sender(self.sender.deadline());
    }

    /// Sends what the connection takes within two seconds.
    fn finish<W: World>(&mut self, world: &mut W) -> Ending {
        let until = world.now() + LAST_FLUSH;
        self.sender.stay();
        write_out(&mut self.sender, &mut self.ring, world, Some(until));
        // What the peer sent and nobody read would make the kernel reset the connection, and what
        // is still in flight would be lost with it.
        let _ = world.drain();
        world.close();
        if self.sender.has_ended() {
            Ending::Failed
        } else {
            Ending::Done
        }
    }

    /// Takes the samples of these families and puts their lines into the ring.
    fn take<W: World>(&mut self, world: &mut W, families: Timers) {
        if families == 0 {
            return;
        }
        self.writer.set_time(self.time);
        let now = world.now();
        self.begin_turn(now);
        for number in set_bits(families) {
            if self.config.debug {
                world.log(&[
                    Part::Text(b"## ticker hit "),
                    Part::Text(FAMILIES[number].name.as_bytes()),
                ]);
            }
            let rank = self.ranks.of(number, now);
            let made = self.lines;
            let result = self.builtin.take(number, &mut self.host, &mut |sample| {
                let Some(line) = self.writer.line(&mut self.line, &record(&sample)) else {
                    // A name that is longer than a line.
                    self.errors += 1;
                    return;
                };
                self.ring.push(line, rank);
                self.lines += 1;
                if self.config.debug {
                    log_sample(world, &sample, line);
                }
                if self.ring.is_crowded() && self.is_patient {
                    self.is_patient = write_out(&mut self.sender, &mut self.ring, world, None);
                } else if self.ring.is_crowded() && !self.sender.is_stalled() {
                    self.sender.on(Event::Flush, world, &mut self.ring, now);
                }
            });
            if self.lines > made {
                self.ranks.note(number, now);
            }
            self.report(world, number, result);
        }
        self.sched.set_sender(self.sender.deadline());
    }

    fn begin_turn(&mut self, now: u64) {
        let own = Own {
            lines: self.lines,
            thinned: self.ring.counts().thinned,
            dropped: self.ring.counts().dropped,
            reconnects: self.sender.reconnects(),
            errors: self.errors,
            queued: self.ring.queued() as u64,
        };
        self.builtin.begin_turn(&mut self.host, now, own);
    }

    /// Says once that a family fails, how, and that it has ceased to.
    fn report<W: World>(&mut self, world: &mut W, number: usize, result: Result<(), Fault>) {
        let fault = result.err();
        self.errors += u64::from(fault.is_some_and(|fault| !fault.is_too_much()));
        let told = self.told[number];
        // What is not told now is told later, if it stays so.
        if fault == told || self.faults[number].pass(world.now()).is_none() {
            return;
        }
        self.told[number] = fault;
        let family = Part::Text(FAMILIES[number].name.as_bytes());
        let Some(fault) = fault else {
            let is_too_much = told.is_some_and(|told| told.is_too_much());
            let words: &[u8] = if is_too_much {
                b": there is room for all again"
            } else {
                b": can be read again"
            };
            world.log(&[family, Part::Text(words)]);
            return;
        };
        let file = fault.source.text().as_bytes();
        let root = match fault.source.place() {
            Place::Proc => self.config.proc,
            Place::Sys => self.config.sys,
            Place::Mount => self.host.failed_mount(),
            Place::Leases => self.config.leases,
        };
        let is_path = root.is_empty() || file.is_empty() || root.ends_with(b"/");
        let slash = if is_path { b"".as_slice() } else { b"/" };
        let trouble = match fault.trouble {
            Trouble::System(errno) => Part::Cause(errno.into()),
            Trouble::Content(flaw) => Part::Text(flaw.text().as_bytes()),
        };
        let rest: &[u8] = if fault.is_too_much() {
            b": the first ones are taken"
        } else {
            b""
        };
        let [colon, root, slash, file, rest] = [b": ", root, slash, file, rest].map(Part::Text);
        world.log(&[family, colon, root, slash, file, colon, trouble, rest]);
    }

    /// The host's name may change, with DHCP for instance.
    fn ask_name(&mut self) {
        if let Some(writer) = writer(self.config) {
            self.writer = writer;
        }
    }
}

/// Flushes, and waits until the connection has taken all lines or is gone, or until `until`. Says
/// whether nobody asked to end meanwhile.
fn write_out<W: World>(sender: &mut Sender, ring: &mut Ring, world: &mut W, until: Option<u64>) -> bool {
    let mut now = world.now();
    sender.on(Event::Flush, world, ring, now);
    while ring.unsent_length() > 0 && sender.is_under_way() && until.is_none_or(|until| now < until) {
        let deadline = sender.deadline();
        let wake_up = [deadline, until].into_iter().flatten().min();
        let ready = world.sleep(wake_up, sender.is_stalled());
        now = world.now();
        if ready.signal == Some(Signal::Stop) {
            return false;
        }
        if ready.transfer {
            sender.on(Event::Ready, world, ring, now);
        } else if deadline.is_some_and(|deadline| now >= deadline) {
            sender.on(Event::Due, world, ring, now);
        }
    }
    true
}

fn record<'s>(sample: &Sample<'s>) -> Record<'s> {
    Record {
        metric: sample.metric.name,
        instance: sample.instance,
        value: sample.value,
    }
}

fn log_step<W: World>(world: &mut W, clock: usize, before: usize) {
    let way: &[u8] = if clock > before {
        b"forward by "
    } else {
        b"back by "
    };
    let [what, way, end] = [
        b"the wall clock has gone ".as_slice(),
        way,
        b" s: lines that have not been sent are stamped anew",
    ]
    .map(Part::Text);
    world.log(&[what, way, Part::Number(clock.abs_diff(before) as u64), end]);
}

fn log_sample<W: World>(world: &mut W, sample: &Sample, line: &[u8]) {
    let mut buffer = [0; 32];
    let mut value = Text::new(&mut buffer);
    value.fixed(sample.value);
    let name = Part::Text(sample.metric.name.as_bytes());
    world.log(&[
        Part::Text(b"sample "),
        name,
        Part::Text(b" "),
        Part::Text(value.bytes()),
    ]);
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    world.log(&[Part::Text(b"~~ sender get metric "), Part::Text(line)]);
}

/// Writes lines from the endpoint given, or from the host's name. `None` if that and the tags are
/// too long.
pub fn writer(config: &Config) -> Option<json::Writer> {
    let mut buffer = [0; HOST_NAME_MAX + 1];
    let name = match config.endpoint {
        Some(endpoint) => endpoint,
        None => sys::host_name(&mut buffer).unwrap_or_default(),
    };
    let name = if name.is_empty() { b"localhost" } else { name };
    json::Writer::new(name, OS, config.tags())
}
