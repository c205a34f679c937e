//! What `-check` prints: what would run, and how long the buffer lasts.

use super::plan;
use super::ranks::CUSTOM;
use crate::base::decimal::{Fixed, divide};
use crate::base::fields::has;
use crate::base::text::{Put, Text};
use crate::config::{CUSTOM_MAX, Config, Origin};
use crate::custom;
use crate::families::{self, Builtin, FAMILIES, FAMILY_COUNT, Own};
use crate::format::{Record, json};
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
        let mut builtin = Builtin::new(memory);
        series.collect(host, &mut builtin, 0);
        platform::pause(PAUSE);
        // What needs two reads has all of its samples now.
        series.count = 0;
        series.collect(host, &mut builtin, PAUSE.into());
        for number in 0..CUSTOM_MAX {
            if let Some(custom) = config.custom_at(number)
                && let Origin::File(file) = &custom.origin
                && let Ok(value) = custom::read(file)
            {
                let number = CUSTOM + number;
                series.turns[number] = [0, custom.interval.unwrap_or(config.interval)];
                series.note(number, file.metric, &[], value);
            }
        }
        series
    }

    fn collect(&mut self, host: &mut Host, builtin: &mut Builtin, now: u64) {
        for number in 0..FAMILY_COUNT {
            let Some(period) = plan::period(self.config, number) else {
                continue;
            };
            self.turns[number] = [0, period];
            loop {
                let own = Own {
                    malformed: self.config.listen.map(|_| 0),
                    ..Own::default()
                };
                builtin.begin_turn(host, now, own);
                let _ = builtin.take(number, host, plan::wishes(self.config), &mut |sample| {
                    let metric = sample.metric.name.as_bytes();
                    self.note(number, metric, sample.instance, sample.value);
                });
                if builtin.unfinished() == 0 {
                    break;
                }
            }
        }
    }

    #[inline(never)]
    fn note(&mut self, number: usize, metric: &[u8], instance: &[(&[u8], &[u8])], value: Fixed) {
        let record = Record {
            metric,
            instance,
            value,
        };
        if let Some(line) = self.writer.line(&mut [0; LINE_MAX], &record) {
            self.turns[number][0] += Ring::bytes_for(line.len()) as u32;
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

    /// Seconds that the buffer lasts if the samples of a series are at least so many milliseconds apart.
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

/// Writes a line for each transfer, the buffer, each family that would run, and each metric of the user's own.
pub(super) fn describe(config: &Config, series: &Series, put: Put) {
    for transfer in config.transfers() {
        put_line(put, &mut |line| {
            line.put(b"transfer: ");
            put_transfer(line, transfer);
        });
    }
    if let Some(path) = config.listen {
        put_line(put, &mut |line| {
            line.put(b"listens at ");
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
        let choice = config.choices().get(number).copied().unwrap_or_default();
        put_line(put, &mut |line| {
            line.put(family.name.as_bytes());
            line.put(b": every ");
            put_duration(line, period);
            put_list(line, b", only ", choice.only.unwrap_or_default());
            put_list(line, b", without ", choice.ignore);
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
                Origin::File(number) => put_list(line, b", out of ", number.file),
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
