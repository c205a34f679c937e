//! `-once`: every metric collected once and printed.

use super::{Agent, Cx, Ending, plan};
use crate::base::bit_set::{Timers, set_bits};
use crate::base::text::Text;
use crate::config::Config;
use crate::families::{FAMILIES, Metric, MetricKind};
use crate::platform::{LogArg, NEVER, Platform, Signal};
use crate::schedule::{PAIR_GAP, PAIRED};
use crate::sender::Event;

/// Bytes of the names of families that are logged.
const NAMES_SHOWN: usize = 200;

impl Agent<'_> {
    /// Collects every metric once, those that need two reads a second later, and prints the lines, or tables of them. The
    /// ring is large enough for all of them.
    pub fn once(&mut self, config: &Config, platform: &mut dyn Platform) -> Ending {
        self.is_once = true;
        let cx = &mut self.cx(config, platform);
        self.now = cx.platform.now();
        let second = self.now + PAIR_GAP;
        self.check_wall_clock(cx);
        self.notify_sender(Event::Due, cx);
        let twice = self.collect_once(cx);
        let now = self.now;
        self.custom.begin(config, &|_| now);
        self.collect_custom(cx);
        self.notify_sender(Event::Flush, cx);
        let is_stopped = self.collect_again(twice, second, cx).is_none();
        let ending = self.finish(cx);
        if is_stopped {
            // It was not asked to print the rest.
            return Ending::Failed;
        }
        if self.output.lines == 0 {
            log_no_line(cx);
            return Ending::Failed;
        }
        if self.has_unsent() {
            return Ending::OutputFailed;
        }
        let counts = self.output.ring.counts();
        let lost = counts.dropped + counts.thinned;
        if lost > 0 {
            let message = "not enough memory: % lines are missing";
            cx.platform.log(message, &[LogArg::Number(lost)]);
            return Ending::Failed;
        }
        ending
    }

    /// Collects the families. Returns those to collect a second time.
    fn collect_once(&mut self, cx: &mut Cx) -> Timers {
        let families = self.sched.families();
        let paired = PAIRED & families;
        if self.output.tables.is_some() {
            self.collect(families, cx);
            // Rates need two reads of counters, and keep what the first one has.
            return paired | with_counters() & families;
        }
        // The first read of families that need two makes no samples.
        self.begin_turn(cx.config);
        let filters = plan::filters(cx.config);
        for family in set_bits(paired) {
            let host = &mut self.host;
            let _ = self.collector.collect(family, host, filters, &mut |_| {});
        }
        self.collect(families & !paired, cx);
        paired
    }

    /// Waits for the scripts and until `second`, collects these families, and prints all lines. Returns `None` if the user
    /// asks the agent to end.
    fn collect_again(&mut self, families: Timers, second: u64, cx: &mut Cx) -> Option<()> {
        loop {
            let is_early = cx.platform.now() < second;
            if self.sender.has_ended() || !is_early && !self.custom.are_running() {
                break;
            }
            self.step_unless_stopped(cx, if is_early { second } else { NEVER })?;
        }
        self.collect_now(families, cx);
        self.write_tables(cx);
        self.notify_sender(Event::Flush, cx);
        while self.has_unsent() && self.sender.can_send(self.now) {
            self.step_unless_stopped(cx, NEVER)?;
        }
        Some(())
    }

    /// Does [`Agent::step`]; returns `None` if the user asks the agent to end.
    fn step_unless_stopped(&mut self, cx: &mut Cx, at_most: u64) -> Option<()> {
        (self.step(cx, at_most) != Some(Signal::Stop)).then_some(())
    }
}

/// Returns the families that have counters.
fn with_counters() -> Timers {
    let is_counter = |metric: &Metric| metric.kind == MetricKind::Counter;
    let families = FAMILIES.iter().enumerate();
    let with = families.filter(|(_, family)| family.metrics.iter().any(is_counter));
    with.fold(0, |set, (number, _)| set | 1 << number)
}

/// Logs which families have run in vain; the lines before it have the errors and the patterns that match nothing.
fn log_no_line(cx: &mut Cx) {
    let mut buffer = [0; NAMES_SHOWN];
    let mut names = Text::new(&mut buffer);
    for (number, family) in FAMILIES.iter().enumerate() {
        if plan::period(cx.config, number).is_some() {
            names.put(b" ");
            names.put(family.name.as_bytes());
        }
    }
    let has_custom = cx.config.custom().next().is_some();
    let custom: &[u8] = if has_custom { b" custom" } else { b"" };
    let args = [LogArg::Text(names.bytes()), LogArg::Text(custom)];
    cx.platform
        .log("no line to print: no sample of the enabled families:%%", &args);
}
