//! The table of all metrics.

use crate::text::{Put, Text};

/// What a metric's values mean to the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A count since some start, which the receiver turns into a rate.
    Counter,
}

/// One metric.
pub struct Metric {
    /// Its name in a line.
    pub name: &'static str,
    /// The unit of its values; nothing for a bare number.
    pub unit: &'static str,
    /// Gauge or counter.
    pub kind: Kind,
    /// What it says, in a sentence.
    pub help: &'static str,
}

/// Metrics that are read together.
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// Milliseconds between two turns, unless the user says otherwise.
    pub interval: u32,
    /// Whether its values come from two reads: the second is taken a second after the first.
    pub is_paired: bool,
    /// Its metrics, in the order in which they come.
    pub metrics: &'static [Metric],
}

const fn gauge(name: &'static str, unit: &'static str, help: &'static str) -> Metric {
    Metric {
        name,
        unit,
        kind: Kind::Gauge,
        help,
    }
}

pub(super) static CPU_METRICS: [Metric; 1] = [gauge(
    "cpu.usage",
    "percent",
    "share of all processors' time since the last turn that was neither idle nor iowait",
)];

pub(super) static LOAD_METRICS: [Metric; 3] = [
    gauge(
        "cpu.load1",
        "",
        "tasks that run, or wait to run or for a disk, averaged over 1 minute",
    ),
    gauge("cpu.load5", "", "the same over 5 minutes"),
    gauge("cpu.load15", "", "the same over 15 minutes"),
];

pub(super) static MEM_METRICS: [Metric; 3] = [
    gauge("mem.total", "bytes", "memory that the kernel manages"),
    gauge(
        "mem.used",
        "bytes",
        "total less what is available (old kernels: less free, buffers and cached)",
    ),
    gauge("mem.percent", "percent", "used of total"),
];

pub(super) static DISK_METRICS: [Metric; 2] = [
    gauge("disk.usage", "bytes", "used on the file system at /"),
    gauge(
        "disk.percent",
        "percent",
        "used of what users can use at /, as df has it",
    ),
];

// Numbers of the families: their places in the table, and their order within a turn.
pub(super) const CPU: usize = 0;
pub(super) const LOAD: usize = 1;
pub(super) const MEM: usize = 2;
pub(super) const DISK: usize = 3;
/// How many families there are.
pub const FAMILY_COUNT: usize = 4;

/// Interval of most families, in milliseconds: the one that `-interval` changes.
const USUAL_INTERVAL: u32 = 5_000;

/// All families.
pub static FAMILIES: [Family; FAMILY_COUNT] = [
    Family {
        name: "cpu",
        interval: USUAL_INTERVAL,
        is_paired: true,
        metrics: &CPU_METRICS,
    },
    Family {
        name: "load",
        interval: USUAL_INTERVAL,
        is_paired: false,
        metrics: &LOAD_METRICS,
    },
    Family {
        name: "mem",
        interval: USUAL_INTERVAL,
        is_paired: false,
        metrics: &MEM_METRICS,
    },
    Family {
        name: "disk",
        interval: 60_000,
        is_paired: false,
        metrics: &DISK_METRICS,
    },
];

impl Family {
    /// Milliseconds between two turns if the user wants this many between two samples: a slow
    /// family stays slow.
    pub fn interval_at(&self, wanted: u32) -> u32 {
        if self.interval == USUAL_INTERVAL {
            wanted
        } else {
            wanted.max(self.interval)
        }
    }
}

/// Writes what `-list` prints: a metric a line, its name, unit, kind, interval and meaning.
pub fn list(put: Put) {
    for family in &FAMILIES {
        for metric in family.metrics {
            let mut buffer = [0; 256];
            let mut line = Text::new(&mut buffer);
            column(&mut line, metric.name, 14);
            column(
                &mut line,
                if metric.unit.is_empty() { "-" } else { metric.unit },
                9,
            );
            let kind = match metric.kind {
                Kind::Gauge => "gauge",
                Kind::Counter => "counter",
            };
            column(&mut line, kind, 9);
            line.number(u64::from(family.interval / 1000));
            line.put(b"s  ");
            line.put(metric.help.as_bytes());
            line.put(b"\n");
            put(line.bytes());
        }
    }
}

fn column(line: &mut Text, text: &str, width: usize) {
    line.put(text.as_bytes());
    for _ in text.len()..width {
        line.put(b" ");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_need_no_escape() {
        let mut names = std::collections::BTreeSet::new();
        for metric in FAMILIES.iter().flat_map(|family| family.metrics) {
            assert!(names.insert(metric.name), "{} twice", metric.name);
            let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.';
            assert!(metric.name.bytes().all(is_plain), "{}", metric.name);
            assert!(
                !metric.help.is_empty() && metric.help.len() < 120,
                "{}",
                metric.name
            );
        }
    }

    #[test]
    fn a_slow_family_stays_slow() {
        assert_eq!(FAMILIES[CPU].interval_at(1_000), 1_000);
        assert_eq!(FAMILIES[DISK].interval_at(1_000), 60_000);
        assert_eq!(FAMILIES[DISK].interval_at(90_000), 90_000);
    }
}
