//! Samples become lines of the ring, one batch after the other: a family, a file, a piece of a script's output, a
//! datagram. The sender runs between two batches, never within one.

use super::tables::{OWN, Tables};
use super::thin_levels::RECEIVED;
use super::{Agent, Cx, SMALL_BUFFER, UNMATCHED, plan};
use crate::base::bit_set::{Timers, set_bits};
use crate::base::decimal::Fixed;
use crate::base::text::{Text, hash};
use crate::config::Config;
use crate::custom::{RECEIVED_MAX, read_line};
use crate::families::{AgentStats, FAMILIES, Instance, is_metric};
use crate::format::{Sample, json};
use crate::platform::LogArg;
use crate::ring::{LINE_MAX, Ring};
use crate::schedule::ALL_FAMILIES;
use crate::sender::Event;

/// Datagrams that are collected in one turn: a burst does not keep the loop from other work.
pub(super) const DATAGRAMS_MAX: usize = 64;
/// The kernel holds no more of them (`net.unix.max_dgram_qlen` is 10 to 512).
const HELD_MAX: usize = 1024;

/// Bytes of the patterns of a family that match nothing which are shown.
pub(super) const PATTERNS_SHOWN: usize = 400;

/// The ring, and the writer of its lines.
pub(super) struct Output<'m> {
    pub(super) writer: &'m mut json::Writer,
    pub(super) ring: Ring<'m>,
    /// With `-format text`: the samples until they are printed. Their text is in the ring then.
    pub(super) tables: Option<&'m mut Tables>,
    /// Lines made so far.
    pub(super) lines: u64,
    /// Bytes of the ring that they took.
    pub(super) bytes: u64,
    /// Collections that failed, and samples that do not fit into a line.
    pub(super) errors: u64,
}

impl Output<'_> {
    /// Appends the line of a sample of the user's own, or puts it into the tables; `None` if it is longer than a line may
    /// be, or has the name of a built-in metric, whose values come from the agent alone.
    pub(super) fn push_sample(
        &mut self,
        sample: &Sample,
        now: u64,
        thin_level: u8,
        cx: &mut Cx,
    ) -> Option<()> {
        if is_metric(sample.metric) {
            return None;
        }
        if let Some(tables) = &mut self.tables {
            tables.set_instance(OWN, sample.metric, sample.instance);
            tables.push(None, sample.value, now);
            log_sample(sample.metric, sample.value, cx);
            return Some(());
        }
        self.writer.set_instance(sample.instance);
        self.push(sample.metric, sample.value, thin_level, cx)
    }

    /// Appends a line for each sample of an instance of a family, or puts the samples into the tables.
    fn push_instance(&mut self, family: usize, instance: &Instance, now: u64, thin_level: u8, cx: &mut Cx) {
        if let Some(tables) = &mut self.tables {
            tables.set_instance(family, b"", instance.tags);
            for (metric, value) in instance.samples() {
                tables.push(Some(metric), value, now);
                log_sample(metric.name.as_bytes(), value, cx);
            }
            return;
        }
        self.writer.set_instance(instance.tags);
        for (metric, value) in instance.samples() {
            let pushed = self.push(metric.name.as_bytes(), value, thin_level, cx);
            // The name of an instance may be longer than a line.
            self.errors += u64::from(pushed.is_none());
        }
    }

    /// Appends the line of a sample of the writer's current instance; `None` if it is longer than a line may be.
    pub(super) fn push(&mut self, metric: &[u8], value: Fixed, thin_level: u8, cx: &mut Cx) -> Option<()> {
        let Self { writer, ring, .. } = self;
        let length = ring.push_with(thin_level, |buffer| writer.write(buffer, metric, value))?;
        self.lines += 1;
        self.bytes += Ring::bytes_for(length) as u64;
        if cx.config.debug {
            // A line of the log is in the ring, also if the agent is killed now: it is encoded again for the log.
            let mut buffer = [0; LINE_MAX];
            let length = writer.write(&mut buffer, metric, value)?;
            log_sample(metric, value, cx);
            let line = buffer.get(..length)?;
            let line = LogArg::Text(line.strip_suffix(b"\n").unwrap_or(line));
            cx.platform.log("~~ sender get metric %", &[line]);
        }
        Some(())
    }
}

/// Logs a sample with `-debug`.
fn log_sample(metric: &[u8], value: Fixed, cx: &mut Cx) {
    let mut buffer = [0; 32];
    let mut text = Text::new(&mut buffer);
    text.fixed(value);
    let args = [metric, text.bytes()].map(LogArg::Text);
    if cx.config.debug {
        cx.platform.log("sample % %", &args);
    }
}

impl Agent<'_> {
    /// Returns the families whose last turn did not read everything, and which run still.
    pub(super) fn unfinished(&self) -> Timers {
        self.collector.unfinished() & self.sched.families()
    }

    /// Collects the families among the timers that are due, and goes on with those that are unfinished.
    pub(super) fn collect(&mut self, due: Timers, cx: &mut Cx) {
        let unfinished = self.unfinished();
        let families = due & ALL_FAMILIES | unfinished;
        if families == 0 {
            return;
        }
        let before = self.output.bytes;
        self.begin_turn(cx.config);
        for number in set_bits(families) {
            self.make_room(cx);
            self.collect_family(number, unfinished & 1 << number != 0, cx);
            // With `-once` nothing else waits, and the lines of a family stay together.
            while self.is_once && self.unfinished() & 1 << number != 0 {
                self.collect_family(number, true, cx);
            }
        }
        self.check_buffer(self.output.bytes - before, cx);
    }

    /// Sends the lines of a crowded ring, and asks what has arrived before a batch could evict unacknowledged lines.
    pub(super) fn make_room(&mut self, cx: &mut Cx) {
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
    fn check_buffer(&mut self, needed: u64, cx: &mut Cx) {
        if needed > cx.config.buffer as u64 && !self.is_once && !self.has_warned_of_buffer {
            self.has_warned_of_buffer = true;
            cx.platform.log(SMALL_BUFFER, &[LogArg::Number(needed)]);
        }
    }

    /// Begins a turn of the families.
    pub(super) fn begin_turn(&mut self, config: &Config) {
        let ring = &self.output.ring;
        let counts = ring.counts();
        let stats = AgentStats {
            start: self.clock.stamp(self.started),
            acknowledged_age: self.now.saturating_sub(self.sender.acknowledged_at()),
            lines: self.output.lines,
            thinned: counts.thinned,
            dropped: counts.dropped + counts.misdated,
            rejected: config.has_http().then(|| self.sender.rejected()),
            reconnects: self.sender.reconnects(),
            errors: self.output.errors,
            malformed: config.listen.map(|_| self.malformed),
            queued: ring.queued() as u64,
        };
        self.collector.begin_turn(self.now, stats);
    }

    /// Collects a family, or goes on with it if it is unfinished.
    fn collect_family(&mut self, number: usize, is_unfinished: bool, cx: &mut Cx) {
        let family = LogArg::Text(FAMILIES[number].name.as_bytes());
        if cx.config.debug {
            cx.platform.log("## ticker hit %", &[family]);
        }
        let turn = if self.is_once {
            self.now
        } else {
            self.sched.reached(number)
        };
        // What a later step reads is not of the time of the turn.
        self.set_time(if is_unfinished { self.now } else { turn });
        let thin_level = self.thin_levels.of(number, turn);
        let lines = self.output.lines;
        let filters = plan::filters(cx.config);
        let (output, now) = (&mut self.output, self.now);
        let emit = &mut |instance: &Instance| output.push_instance(number, instance, now, thin_level, cx);
        let result = self.collector.collect(number, &mut self.host, filters, emit);
        let is_finished = self.unfinished() & 1 << number == 0;
        if is_finished && (is_unfinished || self.output.lines > lines) {
            self.thin_levels.note(number, turn);
        }
        if result.is_err_and(|error| error.is_failure()) {
            self.output.errors += 1;
        }
        self.log_family(number, result, cx);
        let mut buffer = [0; PATTERNS_SHOWN];
        let mut patterns = Text::new(&mut buffer);
        if self.collector.put_unmatched(number, filters, &mut patterns) {
            let args = [family, LogArg::Text(patterns.bytes())];
            cx.platform.log(UNMATCHED, &args);
        }
    }

    /// Stamps the following lines with this moment of the monotonic clock.
    pub(super) fn set_time(&mut self, moment: u64) {
        self.output.writer.set_time(self.clock.stamp(moment));
    }

    /// Collects at most `most` waiting datagrams: lines of name, value and tags, or lines that another agent has
    /// written.
    pub(super) fn collect_received(&mut self, most: usize, cx: &mut Cx) {
        // A longer datagram is malformed as a whole.
        let mut buffer = [0; RECEIVED_MAX + 1];
        self.set_time(self.now);
        for _ in 0..most {
            self.make_room(cx);
            let Some((length, sender)) = cx.platform.receive(&mut buffer) else {
                return;
            };
            let mut malformed = None;
            if (1..=RECEIVED_MAX).contains(&length) {
                for line in buffer[..length].split(|byte| *byte == b'\n') {
                    if read_line(line, &mut |sample| self.push_received(sample, cx)).is_none() {
                        malformed.get_or_insert(line);
                    }
                }
            } else {
                malformed = Some(&buffer[..length]);
            }
            if let Some(line) = malformed {
                self.malformed += 1;
                self.log_malformed(line, sender, cx);
            }
        }
    }

    /// Stops the listener, and collects all that it has received.
    pub(super) fn collect_last_received(&mut self, cx: &mut Cx) {
        cx.platform.stop_listening();
        self.collect_received(HELD_MAX, cx);
    }

    fn push_received(&mut self, sample: &Sample, cx: &mut Cx) -> Option<()> {
        // Lines of one name and tags are thinned among themselves, as far as there are numbers for all.
        let mut number = hash(sample.metric);
        for (_, tag) in sample.instance {
            number = number.rotate_left(5) ^ hash(tag);
        }
        let number = RECEIVED.start + number as usize % RECEIVED.len();
        let thin_level = self.thin_levels.of(number, self.now);
        self.output.push_sample(sample, self.now, thin_level, cx)?;
        self.thin_levels.note(number, self.now);
        Some(())
    }
}
