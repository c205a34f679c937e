//! `-once`: every metric collected once and printed.

use super::{Agent, Cx, Ending, plan};
use crate::base::bit_set::{Timers, set_bits};
use crate::base::text::Text;
use crate::config::Config;
use crate::families::{Discard, FAMILIES, Metric, MetricKind};
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
        let families = self.sched.families();
        let mut twice = PAIRED & families;
        if self.output.tables.is_some() {
            // Rates need two reads of counters, and keep what the first one has.
            twice |= with_counters() & families;
            self.collect(families, cx);
        } else {
            // The first read of families that need two makes no samples.
            self.begin_turn(config);
            for family in set_bits(twice) {
                let filters = plan::filters(config);
                let _ = self
                    .collector
                    .collect(family, &mut self.host, filters, &mut Discard);
            }
            self.collect(families & !twice, cx);
        }
        let now = self.now;
        self.custom.begin(config, &|_| now);
        self.collect_custom(cx);
        self.notify_sender(Event::Flush, cx);
        let mut is_stopped = false;
        while !is_stopped
            && (cx.platform.now() < second || self.custom.are_running())
            && !self.sender.has_ended()
        {
            let until = if cx.platform.now() < second { second } else { NEVER };
            is_stopped = self.step(cx, until) == Some(Signal::Stop);
        }
        if !is_stopped {
            self.collect_now(twice, cx);
            self.write_tables(cx);
            self.notify_sender(Event::Flush, cx);
        }
        let is_open = |agent: &Self| agent.output.ring.unsent_length() > 0 || agent.sender.awaits_answer();
        while !is_stopped && is_open(self) && self.sender.can_send(self.now) {
            is_stopped = self.step(cx, NEVER) == Some(Signal::Stop);
        }
        let ending = self.finish(cx);
        let counts = self.output.ring.counts();
        let lost = counts.dropped + counts.thinned;
        if is_stopped {
            // It was not asked to print the rest.
            return Ending::Failed;
        }
        if self.output.lines == 0 {
            log_no_line(cx);
            return Ending::Failed;
        }
        if is_open(self) {
            return Ending::OutputFailed;
        }
        if lost > 0 {
            let message = "not enough memory: % lines are missing";
            cx.platform.log(message, &[LogArg::Number(lost)]);
            return Ending::Failed;
        }
        ending
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
