//! Samples become lines of the ring, one batch after the other: a family, a file, a piece of a script's output, a
//! datagram. The sender runs between two batches, never within one.

use super::{Agent, Cx, family_log, plan};
use crate::base::decimal::Fixed;
use crate::base::text::Text;
use crate::base::wheel::{Timers, set_bits};
use crate::config::Config;
use crate::families::{AgentStats, Emitter, FAMILIES, Metric, Tags};
use crate::format::{Sample, json};
use crate::platform::{LogArg, Platform};
use crate::procfs::ReadError;
use crate::ring::{LINE_MAX, Ring};
use crate::schedule::ALL_FAMILIES;
use crate::sender::Event;

/// The ring, and the writer of its lines.
pub(super) struct Output<'m> {
    pub(super) writer: json::Writer,
    pub(super) ring: Ring<'m>,
    /// Lines made so far.
    pub(super) lines: u64,
    /// Bytes of the ring that they took.
    pub(super) bytes: u64,
    /// Collections that failed, and samples that do not fit into a line.
    pub(super) errors: u64,
}

impl<'m> Output<'m> {
    pub(super) fn new(writer: json::Writer, ring: Ring<'m>) -> Self {
        Self {
            writer,
            ring,
            lines: 0,
            bytes: 0,
            errors: 0,
        }
    }

    /// Appends the line of a sample to the ring; `None` if it is longer than a line may be.
    pub(super) fn push<P: Platform>(
        &mut self,
        sample: &Sample,
        thin_level: u8,
        cx: &mut Cx<P>,
    ) -> Option<()> {
        self.writer.set_instance(sample.instance);
        self.push_value(sample.metric, sample.value, thin_level, cx)
    }

    /// Appends the line of a sample of the writer's current instance; `None` if it is longer than a line may be.
    fn push_value<P: Platform>(
        &mut self,
        metric: &[u8],
        value: Fixed,
        thin_level: u8,
        cx: &mut Cx<P>,
    ) -> Option<()> {
        let Self { writer, ring, .. } = self;
        let length = ring.push_with(thin_level, |buffer| writer.write(buffer, metric, value))?;
        self.lines += 1;
        self.bytes += Ring::bytes_for(length) as u64;
        if cx.config.debug {
            let mut buffer = [0; LINE_MAX];
            let length = writer.write(&mut buffer, metric, value)?;
            log_sample(cx.platform, metric, value, buffer.get(..length)?);
        }
        Some(())
    }
}

/// Appends a line to the ring for each sample of a family.
struct LineEmitter<'e, 'm, 'c, P: Platform> {
    output: &'e mut Output<'m>,
    thin_level: u8,
    cx: &'e mut Cx<'c, P>,
}

impl<P: Platform> Emitter for LineEmitter<'_, '_, '_, P> {
    fn set_instance(&mut self, tags: Tags) {
        self.output.writer.set_instance(tags);
    }

    fn emit(&mut self, metric: &'static Metric, value: Fixed) {
        let pushed = self
            .output
            .push_value(metric.name.as_bytes(), value, self.thin_level, self.cx);
        // The name of an instance may be longer than a line.
        self.output.errors += u64::from(pushed.is_none());
    }
}

fn log_sample<P: Platform>(platform: &mut P, metric: &[u8], value: Fixed, line: &[u8]) {
    let mut buffer = [0; 32];
    let mut text = Text::new(&mut buffer);
    text.fixed(value);
    let name = LogArg::Text(metric);
    platform.log("sample % %", &[name, LogArg::Text(text.bytes())]);
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    platform.log("~~ sender get metric %", &[LogArg::Text(line)]);
}

impl Agent<'_> {
    /// Collects the families among these timers.
    pub(super) fn collect<P: Platform>(&mut self, timers: Timers, cx: &mut Cx<P>) {
        let families = timers & ALL_FAMILIES;
        if families == 0 {
            return;
        }
        let before = self.output.bytes;
        self.begin_turn(cx.config);
        for number in set_bits(families) {
            self.make_room(cx);
            self.collect_family(number, cx);
        }
        self.check_buffer(self.output.bytes - before, cx);
    }

    /// Sends the lines of a crowded ring, and asks what has arrived before a batch could evict unacknowledged lines.
    pub(super) fn make_room<P: Platform>(&mut self, cx: &mut Cx<P>) {
        let batch = self.output.bytes - self.batch_start;
        self.batch_start = self.output.bytes;
        self.largest_batch = self.largest_batch.max(batch);
        if self.output.ring.is_short_for(self.largest_batch as usize) {
            self.notify_sender(Event::Crowded, cx);
        }
        if self.output.ring.is_crowded() && !self.sender.is_stalled() {
            self.notify_sender(Event::Flush, cx);
        }
    }

    /// Warns once of a buffer that is too small for the lines of one turn.
    fn check_buffer<P: Platform>(&mut self, needed: u64, cx: &mut Cx<P>) {
        if needed > cx.config.buffer as u64 && !self.is_once && !self.has_warned_of_buffer {
            self.has_warned_of_buffer = true;
            let words = "the buffer holds less than one turn of samples (% bytes needed); raise -buffer";
            cx.platform.log(words, &[LogArg::Number(needed)]);
        }
    }

    /// Begins a turn of the families.
    pub(super) fn begin_turn(&mut self, config: &Config) {
        let ring = &self.output.ring;
        let counts = ring.counts();
        let stats = AgentStats {
            lines: self.output.lines,
            thinned: counts.thinned,
            dropped: counts.dropped,
            reconnects: self.sender.reconnects(),
            errors: self.output.errors,
            malformed: config.listen.map(|_| self.malformed),
            queued: ring.queued() as u64,
        };
        self.collector.begin_turn(self.now, stats);
    }

    fn collect_family<P: Platform>(&mut self, number: usize, cx: &mut Cx<P>) {
        let family = LogArg::Text(FAMILIES[number].name.as_bytes());
        if cx.config.debug {
            cx.platform.log("## ticker hit %", &[family]);
        }
        let moment = if self.is_once {
            self.now
        } else {
            self.sched.reached(number)
        };
        self.set_time(moment);
        let thin_level = self.thin_levels.of(number, self.now);
        let lines = self.output.lines;
        let filters = plan::filters(cx.config);
        let mut emitter = LineEmitter {
            output: &mut self.output,
            thin_level,
            cx,
        };
        let result = self
            .collector
            .collect(number, &mut self.host, filters, &mut emitter);
        if self.output.lines > lines {
            self.thin_levels.note(number, self.now);
        }
        self.log_result(number, family, result, cx);
    }

    /// Stamps the following lines with this moment of the monotonic clock.
    pub(super) fn set_time(&mut self, moment: u64) {
        self.output.writer.set_time(self.clock.stamp(moment));
    }

    /// Logs once that a family fails, and once that it no longer does.
    fn log_result<P: Platform>(
        &mut self,
        number: usize,
        family: LogArg,
        result: Result<(), ReadError>,
        cx: &mut Cx<P>,
    ) {
        if result.is_err_and(|error| !error.is_too_many()) {
            self.output.errors += 1;
        }
        if let Some(before) = self.family_log.replace(number, result, self.now) {
            if let Err(error) = result {
                family_log::log_failure(cx.platform, family, error, cx.config, &self.host);
            } else {
                let had_too_many = before.is_err_and(|error| error.is_too_many());
                family_log::log_recovery(cx.platform, family, had_too_many);
            }
        }
    }
}
