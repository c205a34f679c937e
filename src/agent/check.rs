//! What `-check` prints: what would run, and how long the buffer lasts.

use super::endpoint::endpoint;
use super::thin_levels::CUSTOM;
use super::{plan, warnings};
use crate::base::decimal::{Fixed, divide};
use crate::base::fields::{has, until};
use crate::base::text::{Put, Text};
use crate::base::url::Url;
use crate::config::{self, CUSTOM_MAX, Config, Custom, Format};
use crate::custom::{self, CustomError};
use crate::families::{self, AgentStats, Collector, FAMILIES, FAMILY_COUNT, Family, Instance};
use crate::format::json;
use crate::platform::{self, Args, Cause, LogArg, Transfer, format_args};
use crate::procfs::{Host, OS, ReadError};
use crate::ring::{LINE_MAX, Ring};

/// Longest line.
const LINE_LENGTH: usize = 1024;

/// Milliseconds between two reads of the families: enough for counters of time to advance.
const PAUSE: u32 = 50;

/// Milliseconds of a day.
const DAY: u64 = 86_400_000;

/// What a start would find.
pub(super) struct FoundResources<'a> {
    /// The configuration file.
    pub(super) file: Option<&'a [u8]>,
    /// The spool and the socket of the listener, if another agent has them.
    pub(super) in_use: [Option<&'a [u8]>; 2],
}

/// The series that this machine has, those of scripts and of other programs apart.
pub(super) struct Series<'a> {
    writer: &'a mut json::Writer,
    /// The turns of each family and each custom metric.
    turns: [Turn; CUSTOM + CUSTOM_MAX],
    config: &'a Config<'a>,
    /// The collector, which knows the patterns that match nothing.
    pub(super) collector: Collector,
    /// The error of each family.
    pub(super) family_errors: [Option<ReadError>; FAMILY_COUNT],
    /// The error of each custom metric.
    pub(super) custom_errors: [Option<CustomError>; CUSTOM_MAX],
}

/// What a turn of a family or a custom metric costs.
#[derive(Clone, Copy)]
struct Turn {
    /// Samples.
    count: u32,
    /// Bytes of the buffer.
    buffered: u32,
    /// Bytes of the lines.
    sent: u32,
    /// Milliseconds between two turns.
    period: u32,
}

impl Turn {
    fn every(period: u32) -> Self {
        Self {
            count: 0,
            buffered: 0,
            sent: 0,
            period,
        }
    }

    /// Adds a sample of the writer's instance, if it fits into a line.
    fn add(&mut self, writer: &mut json::Writer, metric: &[u8], value: Fixed) {
        if let Some(length) = writer.write(&mut [0; LINE_MAX], metric, value) {
            self.count += 1;
            self.buffered += Ring::bytes_for(length) as u32;
            self.sent += length as u32;
        }
    }
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
            turns: [Turn::every(1); CUSTOM + CUSTOM_MAX],
            config,
            collector: Collector::new(memory),
            family_errors: [None; FAMILY_COUNT],
            custom_errors: [None; CUSTOM_MAX],
        };
        series.collect(host, 0);
        platform::pause(PAUSE);
        // What needs two reads has all of its samples now.
        series.collect(host, PAUSE.into());
        let numbers = config.custom().enumerate();
        for (number, custom) in numbers.filter(|(_, custom)| !custom.is_script()) {
            let turn = &mut series.turns[CUSTOM + number];
            *turn = Turn::every(custom.period(config));
            match custom::read(&custom.number) {
                Ok(value) => {
                    series.writer.set_instance(custom.number.tags());
                    turn.add(series.writer, custom.number.metric, value);
                }
                Err(error) => series.custom_errors[number] = Some(error),
            }
        }
        series
    }

    fn collect(&mut self, host: &mut Host, now: u64) {
        for number in 0..FAMILY_COUNT {
            let Some(period) = plan::period(self.config, number) else {
                continue;
            };
            self.turns[number] = Turn::every(period);
            loop {
                let stats = AgentStats {
                    malformed: self.config.listen.map(|_| 0),
                    rejected: self.config.has_http().then_some(0),
                    ..AgentStats::default()
                };
                self.collector.begin_turn(now, stats);
                let filters = plan::filters(self.config);
                let (writer, turn) = (&mut *self.writer, &mut self.turns[number]);
                let count = &mut |instance: &Instance| {
                    writer.set_instance(instance.tags);
                    for (metric, value) in instance.samples() {
                        turn.add(writer, metric.name.as_bytes(), value);
                    }
                };
                let result = self.collector.collect(number, host, filters, count);
                self.family_errors[number] = result.err();
                if self.collector.unfinished() == 0 {
                    break;
                }
            }
        }
    }

    /// Bytes of the buffer that one turn of all families takes.
    pub(super) fn turn_bytes(&self) -> u64 {
        let turns = self.turns.iter().take(FAMILY_COUNT);
        turns.map(|turn| u64::from(turn.buffered)).sum()
    }

    /// Bytes of the lines of a day.
    fn bytes_a_day(&self) -> u64 {
        let of_turn = |turn: &Turn| divide(u64::from(turn.sent) * DAY, turn.period.into()).0;
        self.turns.iter().map(of_turn).sum()
    }

    /// Seconds that the buffer lasts if the samples of a series are at least these milliseconds apart.
    fn lasting(&self, spacing: u32) -> u64 {
        // Bytes in a million seconds.
        let mut rate = 1;
        for turn in &self.turns {
            let bytes = u64::from(turn.buffered) * 1_000_000_000;
            rate += divide(bytes, turn.period.max(spacing).into()).0;
        }
        divide(self.config.buffer as u64 * 1_000_000, rate).0
    }
}

/// Writes a warning for each flag of one value that is repeated.
pub(super) fn warn_of_repeated(mut arguments: Args, put: Put) {
    config::repeated(&mut arguments, &mut |flag| {
        let args = [flag.name.as_bytes(), flag.last, flag.before].map(LogArg::Text);
        put_line("warning: -%: given twice; \"%\" replaces \"%\"", &args, put);
    });
}

/// Writes a line for the file, each setting that is not the default, each receiver, the names, the buffer, each family that
/// would run, and each custom metric, and then the warnings.
pub(super) fn describe(config: &Config, found: &FoundResources, series: &mut Series, host: &Host, put: Put) {
    let text = LogArg::Text;
    let file = found.file.unwrap_or(b"none");
    put_line("configuration file: %", &[text(file)], put);
    for (name, value) in config.settings() {
        put_line("setting: % %", &[text(name.as_bytes()), text(value)], put);
    }
    for (index, transfer) in config.transfers().iter().enumerate() {
        put_transfer(transfer, config.format_for(transfer), put);
        put_headers(config.headers_of(index), put);
    }
    put_headers(config.unused_headers(), put);
    if let Some(path) = config.listen {
        put_line("listener: %", &[text(path)], put);
    }
    let is_own = config.endpoint.is_none();
    let origin: &[u8] = if is_own { b" (the host name)" } else { b"" };
    let mut buffer = [0; _];
    let name = endpoint(config, &mut buffer);
    put_line("endpoint: %%", &[text(name), text(origin)], put);
    put_names("tags: ", OS.as_bytes(), &mut config.tags().iter().copied(), put);
    put_buffer(series, put);
    let bytes = LogArg::Number(series.bytes_a_day());
    put_line("lines: % bytes a day", &[bytes], put);
    for (number, family) in FAMILIES.iter().enumerate() {
        if let Some(period) = plan::period(config, number) {
            put_family(config, number, family, period, put);
        }
    }
    let is_off = |(number, _): &(usize, &Family)| plan::period(config, *number).is_none();
    let mut off = FAMILIES.iter().enumerate().filter(is_off);
    if let Some((_, first)) = off.next() {
        let mut others = off.map(|(_, family)| family.name.as_bytes());
        put_names("off: ", first.name.as_bytes(), &mut others, put);
    }
    for custom in config.custom() {
        put_custom(custom, config, put);
    }
    warnings::warn(config, found, series, host, put);
}

/// Writes a line: the message with its [`format_args`].
pub(super) fn put_line(message: &'static str, args: &[LogArg], put: &mut dyn FnMut(&[u8])) {
    let mut buffer = [0; LINE_LENGTH];
    let mut line = Text::new(&mut buffer);
    for arg in format_args(message, args) {
        match arg {
            LogArg::Text(text) => line.put(text),
            LogArg::Number(number) => line.number(number),
            LogArg::Cause(Cause::System(errno)) => platform::describe(&mut line, errno),
            // These are of a connection.
            LogArg::Cause(_) | LogArg::Address(_) | LogArg::Local => {}
        }
    }
    put(line.into_line());
}

/// Writes a line of names with commas between.
fn put_names(start: &str, first: &[u8], others: &mut dyn Iterator<Item = &[u8]>, put: Put) {
    let mut buffer = [0; LINE_LENGTH];
    let mut line = Text::new(&mut buffer);
    line.put(start.as_bytes());
    line.put(first);
    for name in others {
        put_part(&mut line, ", ", name);
    }
    put(line.into_line());
}

/// Writes interval and filters of a family, those that are left out by default among them.
fn put_family(config: &Config, number: usize, family: &Family, period: u32, put: Put) {
    let filter = config.filters().get(number).copied().unwrap_or_default();
    let default = family.ignored.filter(|_| filter.only.is_none());
    let default = default.unwrap_or_default().as_bytes();
    let separator = if default.is_empty() { ", without " } else { "," };
    let is_process = family.name == "process";
    let mut buffer = [0; LINE_LENGTH];
    let mut line = Text::new(&mut buffer);
    put_interval(&mut line, family.name.as_bytes(), period);
    put_part(&mut line, ", only ", filter.only.unwrap_or_default());
    put_part(&mut line, ", without ", default);
    put_part(&mut line, separator, filter.ignore);
    put_part(
        &mut line,
        ", of ",
        if is_process { config.processes } else { b"" },
    );
    put(line.into_line());
}

fn put_custom(custom: &Custom, config: &Config, put: Put) {
    let mut buffer = [0; LINE_LENGTH];
    let mut line = Text::new(&mut buffer);
    put_interval(&mut line, custom.name(), custom.period(config));
    put_part(&mut line, ", as ", custom.script.user.unwrap_or_default());
    put_part(&mut line, ", from ", custom.number.file);
    for (_, tag) in custom.number.tags() {
        put_part(&mut line, ", tag ", tag);
    }
    put(line.into_line());
}

/// Begins the line of a family or a custom metric.
fn put_interval(line: &mut Text, name: &[u8], period: u32) {
    line.put(name);
    line.put(b": every ");
    line.duration(period);
}

/// Appends a part of a line after the words before it; nothing if it is empty.
fn put_part(line: &mut Text, before: &str, part: &[u8]) {
    if !part.is_empty() {
        line.put(before.as_bytes());
        line.put(part);
    }
}

/// Writes how long an outage may be until samples are left out, and until those that are left of a series are, on
/// average, a minute and ten minutes apart.
fn put_buffer(series: &Series, put: Put) {
    let mut buffer = [0; LINE_LENGTH];
    let mut line = Text::new(&mut buffer);
    line.put(b"buffer ");
    line.number(series.config.buffer as u64 >> 10);
    line.put(b"K: ");
    line.number(series.turns.iter().map(|turn| u64::from(turn.count)).sum());
    line.put(b" series, ");
    put_span(&mut line, series.lasting(0));
    line.put(b" at full density, ");
    if series.config.is_thinning {
        line.put(b"thinned after that: ");
        put_span(&mut line, series.lasting(60_000));
        line.put(b" at a sample a minute, ");
        put_span(&mut line, series.lasting(600_000));
        line.put(b" at one every 10 minutes");
    } else {
        line.put(b"the oldest lines dropped after that");
    }
    put(line.into_line());
}

/// Appends seconds in the unit that suits them, rounded down.
fn put_span(line: &mut Text, seconds: u64) {
    let (unit, name): (u64, &[u8]) = match seconds {
        0..120 => (1, b" s"),
        120..7_200 => (60, b" min"),
        _ => (3_600, b" h"),
    };
    line.number(divide(seconds, unit).0);
    line.put(name);
}

/// Writes the names of headers. Their values may be secrets.
fn put_headers(headers: &[&[u8]], put: Put) {
    for header in headers {
        put_line("header: %", &[LogArg::Text(until(header, b':'))], put);
    }
}

/// Writes a receiver and the form that it gets. User, password and query of a URL may be secrets.
fn put_transfer(transfer: &Transfer, format: Format, put: Put) {
    let mut buffer = [0; LINE_LENGTH];
    let mut line = Text::new(&mut buffer);
    line.put(b"receiver: ");
    match *transfer {
        Transfer::Stdout => line.put(b"standard output"),
        Transfer::Unix(path) => put_part(&mut line, "unix:", path),
        Transfer::Command(command) => put_part(&mut line, "exec:", command),
        Transfer::Tcp { host, port } => {
            let has_brackets = has(host, b':');
            line.put(if has_brackets { b"[" } else { b"" });
            line.put(host);
            line.put(if has_brackets { b"]:" } else { b":" });
            line.number(port.into());
        }
        Transfer::Http { url, is_tls, .. } => {
            line.put(if is_tls { b"https://" } else { b"http://" });
            if let Some(Url { authority, path, .. }) = Url::parse(url) {
                line.put(authority);
                line.put(path);
            }
        }
    }
    if format != Format::Json {
        put_part(&mut line, " as ", format.name().as_bytes());
    }
    put(line.into_line());
}
