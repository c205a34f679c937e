//! What `-check` prints: what would run, and how long the buffer lasts.

use super::plan;
use super::thin_levels::CUSTOM;
use crate::base::decimal::{Fixed, divide};
use crate::base::fields::has;
use crate::base::text::{Put, Text};
use crate::config::{CUSTOM_MAX, Config, Origin};
use crate::custom;
use crate::families::{self, AgentStats, Collector, Emitter, FAMILIES, FAMILY_COUNT, Metric, Tags};
use crate::format::json;
use crate::platform;
use crate::platform::Transfer;
use crate::procfs::Host;
use crate::ring::{LINE_MAX, Ring};

/// Milliseconds between two reads of the families: enough for counters of time to advance.
const PAUSE: u32 = 50;

/// The series that this machine has, those of scripts and of other programs apart.
pub(super) struct Series<'a> {
    writer: &'a mut json::Writer,
    count: u32,
    /// Of each family and each metric of the user's own: bytes of the buffer that a turn takes, and milliseconds
    /// between two of them.
    turns: [[u32; 2]; CUSTOM + CUSTOM_MAX],
    config: &'a Config<'a>,
}

impl<'a> Series<'a> {
    /// Collects all families, and reads the files of the user's own metrics.
    pub(super) fn count(
        config: &'a Config,
        writer: &'a mut json::Writer,
        host: &mut Host,
        memory: &'static mut families::Memory,
    ) -> Self {
        let mut series = Self {
            writer,
            count: 0,
            turns: [[0, 1]; CUSTOM + CUSTOM_MAX],
            config,
        };
        let mut collector = Collector::new(memory);
        series.collect(host, &mut collector, 0);
        platform::pause(PAUSE);
        // What needs two reads has all of its samples now.
        series.count = 0;
        series.collect(host, &mut collector, PAUSE.into());
        for number in 0..CUSTOM_MAX {
            if let Some(custom) = config.custom_at(number)
                && let Origin::File(file) = &custom.origin
                && let Ok(value) = custom::read(file)
            {
                let number = CUSTOM + number;
                series.turns[number] = [0, custom.interval.unwrap_or(config.interval)];
                series.writer.set_instance(&[]);
                series.note(number, file.metric, value);
            }
        }
        series
    }

    fn collect(&mut self, host: &mut Host, collector: &mut Collector, now: u64) {
        for number in 0..FAMILY_COUNT {
            let Some(period) = plan::period(self.config, number) else {
                continue;
            };
            self.turns[number] = [0, period];
            loop {
                let stats = AgentStats {
                    malformed: self.config.listen.map(|_| 0),
                    ..AgentStats::default()
                };
                collector.begin_turn(now, stats);
                let filters = plan::filters(self.config);
                let mut counter = Counter {
                    series: self,
                    family: number,
                };
                let _ = collector.collect(number, host, filters, &mut counter);
                if collector.unfinished() == 0 {
                    break;
                }
            }
        }
    }

    #[inline(never)]
    fn note(&mut self, number: usize, metric: &[u8], value: Fixed) {
        if let Some(length) = self.writer.write(&mut [0; LINE_MAX], metric, value) {
            self.turns[number][0] += Ring::bytes_for(length) as u32;
            self.count += 1;
        }
    }

    /// Bytes of the buffer that one turn of all families takes.
    fn turn_bytes(&self) -> u64 {
        self.turns
            .iter()
            .take(FAMILY_COUNT)
            .map(|[bytes, _]| u64::from(*bytes))
            .sum()
    }

    /// Seconds that the buffer lasts if the samples of a series are at least these milliseconds apart.
    #[inline(never)]
    fn lasting(&self, spacing: u32) -> u64 {
        // Bytes in a million seconds.
        let mut rate = 1;
        for [bytes, period] in self.turns {
            rate += divide(u64::from(bytes) * 1_000_000_000, period.max(spacing).into()).0;
        }
        divide(self.config.buffer as u64 * 1_000_000, rate).0
    }
}

/// Counts the samples of a family.
struct Counter<'c, 'a> {
    series: &'c mut Series<'a>,
    family: usize,
}

impl Emitter for Counter<'_, '_> {
    fn set_instance(&mut self, tags: Tags) {
        self.series.writer.set_instance(tags);
    }

    fn emit(&mut self, metric: &'static Metric, value: Fixed) {
        self.series.note(self.family, metric.name.as_bytes(), value);
    }
}

/// Writes a line for each transfer, the buffer, each family that would run, and each metric of the user's own.
pub(super) fn describe(config: &Config, series: &Series, put: Put) {
    for transfer in config.transfers() {
        put_line(put, &mut |line| {
            line.put(b"receiver: ");
            put_transfer(line, transfer);
        });
    }
    if let Some(path) = config.listen {
        put_line(put, &mut |line| {
            line.put(b"listener: ");
            line.put(path);
        });
    }
    put_line(put, &mut |line| put_buffer(line, series));
    let needed = series.turn_bytes();
    if needed > config.buffer as u64 {
        put_line(put, &mut |line| {
            line.put(b"the buffer holds less than one turn of samples (");
            line.number(needed);
            line.put(b" bytes needed); raise -buffer");
        });
    }
    for (number, family) in FAMILIES.iter().enumerate() {
        let Some(period) = plan::period(config, number) else {
            continue;
        };
        let filter = config.filters().get(number).copied().unwrap_or_default();
        put_line(put, &mut |line| {
            line.put(family.name.as_bytes());
            line.put(b": every ");
            put_duration(line, period);
            put_list(line, b", only ", filter.only.unwrap_or_default());
            put_list(line, b", without ", filter.ignore);
            if family.name == "process" {
                put_list(line, b", of ", config.processes);
            }
        });
    }
    describe_customs(config, put);
}

/// Writes a line for each metric of the user's own.
fn describe_customs(config: &Config, put: Put) {
    for custom in config.custom() {
        put_line(put, &mut |line| {
            line.put(custom.name());
            line.put(b": every ");
            put_duration(line, custom.interval.unwrap_or(config.interval));
            match custom.origin {
                Origin::Script(script) => put_list(line, b", as ", script.user.unwrap_or_default()),
                Origin::File(number) => put_list(line, b", from ", number.file),
            }
        });
    }
}

/// Says how long an outage may be until samples are left out, and until those that are left of a series are, on
/// average, a minute and ten minutes apart.
fn put_buffer(line: &mut Text, series: &Series) {
    line.put(b"buffer ");
    line.number(series.config.buffer as u64 >> 10);
    line.put(b"K: ");
    line.number(series.count.into());
    line.put(b" series, ");
    put_span(line, series.lasting(0));
    line.put(b" at full density, ");
    if !series.config.is_thinning {
        return line.put(b"the oldest lines dropped after that");
    }
    line.put(b"thinned after that: ");
    put_span(line, series.lasting(60_000));
    line.put(b" at a sample a minute, ");
    put_span(line, series.lasting(600_000));
    line.put(b" at one every 10 minutes");
}

/// Seconds in the unit that suits them, rounded down.
fn put_span(line: &mut Text, seconds: u64) {
    let (unit, name): (u64, &[u8]) = match seconds {
        0..120 => (1, b" s"),
        120..7_200 => (60, b" min"),
        _ => (3_600, b" h"),
    };
    line.number(divide(seconds, unit).0);
    line.put(name);
}

#[inline(never)]
fn put_line(put: Put, write: &mut dyn FnMut(&mut Text)) {
    let mut buffer = [0; 1024];
    let mut line = Text::new(&mut buffer);
    write(&mut line);
    put(line.into_line());
}

fn put_list(line: &mut Text, words: &[u8], list: &[u8]) {
    if !list.is_empty() {
        line.put(words);
        line.put(list);
    }
}

fn put_transfer(line: &mut Text, transfer: &Transfer) {
    match *transfer {
        Transfer::Stdout => line.put(b"standard output"),
        Transfer::Unix(path) => {
            line.put(b"unix:");
            line.put(path);
        }
        Transfer::Command(command) => {
            line.put(b"exec:");
            line.put(command);
        }
        Transfer::Tcp { host, port } => {
            let (open, close): (&[u8], &[u8]) = if has(host, b':') { (b"[", b"]") } else { (b"", b"") };
            line.put(open);
            line.put(host);
            line.put(close);
            line.put(b":");
            line.number(port.into());
        }
    }
}

/// Milliseconds as they are given.
fn put_duration(line: &mut Text, millis: u32) {
    let (amount, unit): (u32, &[u8]) = if millis.is_multiple_of(1_000) {
        (millis / 1_000, b"s")
    } else {
        (millis, b"ms")
    };
    line.number(amount.into());
    line.put(unit);
}
