//! What a receiver expects in the place of the ring's JSON lines: pure functions, one file an encoding.

mod counter_starts;
pub mod gzip;
mod influx;
mod json_labels;
mod labels;
mod line;
mod otlp;
mod prometheus;
mod protobuf;
#[cfg(test)]
mod tests;

use crate::base::decimal::Fixed;
use crate::base::double::double_bits;
use crate::base::text::{Text, hash};
use crate::families::{FAMILIES, Metric, MetricKind};
use counter_starts::CounterStarts;
use influx::Influx;
use line::Line;

/// An encoding of lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// JSON lines with the tags as an object.
    JsonLabels,
    /// Influx line protocol, with this many zeros after the seconds of a stamp, at most nine.
    Influx(u8),
    /// OTLP, a request of protobuf.
    Otlp,
    /// Prometheus remote write, a request of protobuf in a snappy block.
    Prometheus,
}

/// Since when counters count, in seconds since 1970, if that is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Starts {
    /// The start of the machine.
    pub machine: Option<u64>,
    /// The start of the agent, for its own counters.
    pub agent: Option<u64>,
}

/// What became of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pushed {
    /// The body has it.
    Whole,
    /// The body is too small, and as it was before.
    Full,
    /// It is no line as the agent writes it, and is left out.
    Invalid,
}

/// Writes bodies.
pub struct Encoder {
    encoding: Encoding,
    starts: Starts,
    influx: Influx,
    /// Counters that have started over, for OTLP.
    counter_starts: CounterStarts,
    /// The family and the row of the metric that was found last: lines come in the order of the tables.
    last_found: (usize, usize),
}

impl Encoder {
    /// An encoder before its first body.
    pub const NEW: Self = Self {
        encoding: Encoding::JsonLabels,
        starts: Starts {
            machine: None,
            agent: None,
        },
        influx: Influx::EMPTY,
        counter_starts: CounterStarts::NEW,
        last_found: (0, 0),
    };

    /// Starts a body. `starts` is of all its counters.
    pub fn begin(&mut self, encoding: Encoding, starts: Starts, body: &mut Text) {
        (self.encoding, self.starts) = (encoding, starts);
        self.influx.begin();
        body.truncate(0);
        if encoding == Encoding::Prometheus {
            body.put(&[0; prometheus::HEAD]);
        }
    }

    /// Appends a line of the ring to the body.
    pub fn push(&mut self, body: &mut Text, line: &[u8]) -> Pushed {
        let parsed = Line::parse(line);
        let Some((line, value)) = parsed.and_then(|line| Some((line, Fixed::parse(line.value)?))) else {
            return Pushed::Invalid;
        };
        let before = body.bytes().len();
        match self.encoding {
            Encoding::JsonLabels => json_labels::push(body, &line),
            Encoding::Influx(zeros) => {
                let zeros = b"000000000".get(..zeros.into()).unwrap_or_default();
                self.influx.push(body, &line, zeros);
            }
            Encoding::Otlp => {
                let metric = self.find(line.metric);
                let is_counter = metric.is_some_and(|metric| metric.kind == MetricKind::Counter);
                let bits = double_bits(value);
                let start = if is_counter { self.start(&line, bits) } else { None };
                otlp::push(body, &line, bits, metric, start);
            }
            Encoding::Prometheus => prometheus::push(body, &line, value),
        }
        if body.is_cut() {
            body.truncate(before);
            return Pushed::Full;
        }
        Pushed::Whole
    }

    /// Ends a body; returns where in it the request starts.
    pub fn finish(&self, body: &mut [u8]) -> usize {
        match self.encoding {
            Encoding::Prometheus => prometheus::finish(body),
            _ => 0,
        }
    }

    /// Returns when the counter of a line began: with the machine or the agent, or after the last sample before its value
    /// dropped. A line of an earlier boot has no known start otherwise.
    fn start(&mut self, line: &Line, bits: u64) -> Option<u64> {
        let is_own = line.metric.starts_with(b"agent.");
        let start = if is_own {
            self.starts.agent
        } else {
            self.starts.machine
        };
        let series = hash(line.metric) ^ hash(line.identity).rotate_left(1);
        let after_drop = self.counter_starts.note(series, line.timestamp, bits);
        start.filter(|start| *start <= line.timestamp).max(after_drop)
    }

    /// Finds the metric of that name, first after the one that was found last.
    fn find(&mut self, name: &[u8]) -> Option<&'static Metric> {
        let (family, row) = self.last_found;
        let at = |family: usize, row: usize| FAMILIES.get(family)?.metrics.get(row);
        let is_it = |metric: &&Metric| metric.name.as_bytes() == name;
        for next in [row, row + 1] {
            if let Some(metric) = at(family, next).filter(is_it) {
                self.last_found.1 = next;
                return Some(metric);
            }
        }
        for (family, rows) in FAMILIES.iter().enumerate() {
            if let Some(row) = rows.metrics.iter().position(|metric| is_it(&metric)) {
                self.last_found = (family, row);
                return at(family, row);
            }
        }
        None
    }
}
