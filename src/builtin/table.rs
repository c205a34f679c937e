//! The table of all families, and with them of all metrics.

use super::{Builtin, Sink};
use super::{
    conntrack, cpu, disk, diskio, ip, kernel, load, mem, neighbours, net, own, pressure, process, sockets,
    softnet, system, temp, vm, wifi,
};
use crate::host::{Fault, Host};
use crate::pattern::Choice;
use crate::text::{Put, Text};

/// What a metric's values mean to the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A count since some start, which the receiver turns into a rate.
    Counter,
}

/// One metric. Its words are one text, cut by lengths: three pointers in each of a hundred rows would
/// weigh more than what they point to.
pub struct Metric {
    text: &'static str,
    name: u8,
    unit: u8,
    /// Gauge or counter.
    pub kind: Kind,
}

impl Metric {
    /// Takes name, unit and help, one behind the other, with the lengths of the first two.
    pub(super) const fn new(text: &'static str, name: usize, unit: usize, kind: Kind) -> Self {
        Self {
            text,
            name: name as u8,
            unit: unit as u8,
            kind,
        }
    }

    /// Its name in a line.
    pub fn name(&self) -> &'static str {
        self.text.get(..usize::from(self.name)).unwrap_or_default()
    }

    /// The unit of its values; nothing for a bare number.
    pub fn unit(&self) -> &'static str {
        let start = usize::from(self.name);
        self.text
            .get(start..start + usize::from(self.unit))
            .unwrap_or_default()
    }

    /// What it says, in a sentence.
    pub fn help(&self) -> &'static str {
        let start = usize::from(self.name) + usize::from(self.unit);
        self.text.get(start..).unwrap_or_default()
    }
}

/// A metric that goes up and down: its name, its unit, what it says.
macro_rules! gauge {
    ($name:literal, $unit:literal, $help:literal $(,)?) => {
        $crate::builtin::table::Metric::new(
            concat!($name, $unit, $help),
            $name.len(),
            $unit.len(),
            $crate::builtin::table::Kind::Gauge,
        )
    };
}

/// A metric that counts.
macro_rules! counter {
    ($name:literal, $unit:literal, $help:literal $(,)?) => {
        $crate::builtin::table::Metric::new(
            concat!($name, $unit, $help),
            $name.len(),
            $unit.len(),
            $crate::builtin::table::Kind::Counter,
        )
    };
}

pub(super) use {counter, gauge};

/// Metrics that are read together.
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// Milliseconds between two turns, unless the user says otherwise.
    pub interval: u32,
    /// Whether some of its values come from two reads: the second is taken a second after the first.
    pub is_paired: bool,
    /// Its metrics.
    pub metrics: &'static [Metric],
    /// Patterns of the instances that are left out, unless the user says which ones to take; `None` if
    /// there is nothing to choose.
    pub ignored: Option<&'static str>,
    /// Takes its samples. What can be told is told, also before an error.
    pub take: Take,
}

type Take = fn(&mut Builtin, Choice, &mut Host, Sink) -> Result<(), Fault>;

/// How many families there are.
pub const FAMILY_COUNT: usize = FAMILIES.len();

/// Interval of most families, in milliseconds: the one that `-interval` changes.
const USUAL_INTERVAL: u32 = 5_000;

/// A family with nothing to choose, and with one read a turn.
const fn family(name: &'static str, seconds: u32, metrics: &'static [Metric], take: Take) -> Family {
    Family {
        name,
        interval: seconds * 1_000,
        is_paired: false,
        metrics,
        ignored: None,
        take,
    }
}

/// All families; those of one turn are taken in this order.
pub const FAMILIES: &[Family] = &[
    Family {
        is_paired: true,
        ..family("cpu", 5, &cpu::METRICS, |all, _, host, sink| {
            all.cpu.take(host, sink)
        })
    },
    family("load", 5, &load::METRICS, |_, _, host, sink| {
        load::take(host, sink)
    }),
    family("mem", 5, &mem::METRICS, |_, _, host, sink| mem::take(host, sink)),
    Family {
        ignored: Some(net::IGNORED),
        ..family("net", 5, &net::METRICS, |_, choice, host, sink| {
            net::take(choice, host, sink)
        })
    },
    family("vm", 10, &vm::METRICS, |_, _, host, sink| vm::take(host, sink)),
    family("pressure", 10, &pressure::METRICS, |_, _, host, sink| {
        pressure::take(host, sink)
    }),
    Family {
        is_paired: true,
        ignored: Some(diskio::IGNORED),
        ..family("diskio", 10, &diskio::METRICS, |all, choice, host, sink| {
            all.disks.take(choice, host, all.now, sink)
        })
    },
    family("ip", 10, &ip::METRICS, |_, _, host, sink| ip::take(host, sink)),
    family("sockets", 10, &sockets::METRICS, |_, _, host, sink| {
        sockets::take(host, sink)
    }),
    family("conntrack", 10, &conntrack::METRICS, |_, _, host, sink| {
        conntrack::take(host, sink)
    }),
    family("softnet", 10, &softnet::METRICS, |_, _, host, sink| {
        softnet::take(host, sink)
    }),
    Family {
        ignored: Some(""),
        ..family("wifi", 10, &wifi::METRICS, |_, choice, host, sink| {
            wifi::take(choice, host, sink)
        })
    },
    family("agent", 10, &own::METRICS, |all, _, host, sink| {
        own::take(&all.own, host, sink)
    }),
    Family {
        ignored: Some(""),
        ..family(
            "neighbours",
            30,
            &neighbours::METRICS,
            |all, choice, host, sink| all.neighbours.take(choice, host, all.wishes.leases, sink),
        )
    },
    Family {
        ignored: Some(""),
        ..family("temp", 30, &temp::METRICS, |_, choice, host, sink| {
            temp::take(choice, host, sink)
        })
    },
    family("kernel", 30, &kernel::METRICS, |_, _, host, sink| {
        kernel::take(host, sink)
    }),
    family("system", 30, &system::METRICS, |_, _, host, sink| {
        system::take(host, sink)
    }),
    family("process", 30, &process::METRICS, |all, _, host, sink| {
        all.processes.take(host, sink)
    }),
    Family {
        ignored: Some(disk::IGNORED),
        ..family("disk", 60, &disk::METRICS, |_, choice, host, sink| {
            disk::take(choice, host, sink)
        })
    },
];

/// The number of the family of that name; with `to_choose`, only if there is something to choose in it.
pub fn find(name: &[u8], to_choose: bool) -> Option<usize> {
    FAMILIES
        .iter()
        .position(|family| family.name.as_bytes() == name && (family.ignored.is_some() || !to_choose))
}

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

/// Writes what `-list` prints: a metric a line, its name, unit, kind, family, interval and meaning.
pub fn list(put: Put) {
    for family in FAMILIES {
        for metric in family.metrics {
            let mut buffer = [0; 256];
            let mut line = Text::new(&mut buffer);
            column(&mut line, metric.name(), 24);
            column(
                &mut line,
                if metric.unit().is_empty() {
                    "-"
                } else {
                    metric.unit()
                },
                9,
            );
            let kind = match metric.kind {
                Kind::Gauge => "gauge",
                Kind::Counter => "counter",
            };
            column(&mut line, kind, 9);
            column(&mut line, family.name, 12);
            line.number(u64::from(family.interval / 1000));
            line.put(b"s  ");
            line.put(metric.help().as_bytes());
            line.put(b"\n");
            put(line.bytes());
        }
    }
}

/// Fills up to the width, with one blank at the least.
fn column(line: &mut Text, text: &str, width: usize) {
    line.put(text.as_bytes());
    for _ in text.len()..width.max(text.len() + 1) {
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
            assert!(names.insert(metric.name()), "{} twice", metric.name());
            let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.';
            assert!(metric.name().bytes().all(is_plain), "{}", metric.name());
            assert!(
                !metric.help().is_empty() && metric.help().len() < 120,
                "{}",
                metric.name
            );
        }
    }

    #[test]
    fn a_slow_family_stays_slow() {
        let interval = |name, wanted| {
            let family = FAMILIES.iter().find(|family| family.name == name).unwrap();
            family.interval_at(wanted)
        };
        assert_eq!(interval("cpu", 1_000), 1_000);
        assert_eq!(interval("disk", 1_000), 60_000);
        assert_eq!(interval("disk", 90_000), 90_000);
    }
}
