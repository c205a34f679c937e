//! The table of all families, and with them of all metrics.

use super::{Builtin, Out};
use super::{
    conntrack, cpu, disk, diskio, ip, kernel, load, mem, neighbours, net, own, pressure, process, sockets,
    softnet, system, temp, vm, wifi,
};
use crate::base::packed;
use crate::base::text::{Put, Text};
use crate::procfs::{Fault, Host, VALUES_MAX, Values};

/// What a metric's values mean to the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A value that goes up and down.
    Gauge,
    /// A count since some start, which the receiver turns into a rate.
    Counter,
}

/// One metric.
#[derive(Clone, Copy, Debug)]
pub struct Metric {
    /// Its name in a line.
    pub name: &'static str,
    /// The unit of its values; nothing for a bare number.
    pub unit: &'static str,
    /// Gauge or counter.
    pub kind: Kind,
}

/// The metrics of a family. Their words are one text, cut by lengths: pointers to each of some hundred
/// words would weigh more than what they point to.
pub struct Metrics {
    text: &'static str,
    rows: &'static [Row],
    /// What each says, in a sentence: a packed line.
    help: &'static [u8],
}

/// Where a metric's words are: its name and its unit, one behind the other.
#[derive(Clone, Copy)]
pub(super) struct Row {
    start: u16,
    name: u8,
    /// The length of its unit, and [`COUNTER`].
    unit: u8,
}

/// It is a counter.
const COUNTER: u8 = 0x80;

/// Rows from the lengths of name and unit.
pub(super) const fn rows<const N: usize>(lengths: [(usize, usize, Kind); N]) -> [Row; N] {
    let mut rows = [Row {
        start: 0,
        name: 0,
        unit: 0,
    }; N];
    let (mut number, mut start) = (0, 0);
    while number < N {
        let (name, unit, kind) = lengths[number];
        assert!(name < 64 && unit < 64, "too long");
        rows[number] = Row {
            start: start as u16,
            name: name as u8,
            unit: unit as u8 | if matches!(kind, Kind::Counter) { COUNTER } else { 0 },
        };
        start += name + unit;
        number += 1;
    }
    rows
}

impl Metrics {
    pub(super) const fn new(text: &'static str, rows: &'static [Row], help: &'static [u8]) -> Self {
        assert!(rows.len() <= VALUES_MAX);
        Self { text, rows, help }
    }

    /// The metric of that number.
    pub fn get(&self, number: usize) -> Option<Metric> {
        let row = self.rows.get(number)?;
        let text = self.text.get(usize::from(row.start)..)?;
        let (name, rest) = text.split_at_checked(usize::from(row.name))?;
        Some(Metric {
            name,
            unit: rest.get(..usize::from(row.unit & !COUNTER))?,
            kind: if row.unit & COUNTER == 0 {
                Kind::Gauge
            } else {
                Kind::Counter
            },
        })
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.rows.len()
    }

    /// All of them, in order.
    pub fn iter(&self) -> impl Iterator<Item = Metric> {
        (0..self.rows.len()).filter_map(|number| self.get(number))
    }

    /// Writes what the metric of that number says, in a sentence.
    pub fn help(&self, number: usize, text: &mut Text) {
        packed::put_line(text, self.help, number);
    }
}

/// Metrics, one after the other: `Gauge` or `Counter`, its name, its unit, what it says.
macro_rules! metrics {
    ($($kind:ident $name:literal $unit:literal $help:literal;)*) => {{
        use $crate::families::table::{Kind, Metrics, Row, rows};
        const LENGTHS: &[(usize, usize, Kind)] = &[$(($name.len(), $unit.len(), Kind::$kind)),*];
        const ROWS: [Row; LENGTHS.len()] = rows([$(($name.len(), $unit.len(), Kind::$kind)),*]);
        Metrics::new(
            concat!($($name, $unit),*),
            &ROWS,
            $crate::base::packed::packed!(concat!($($help, "\n"),*)),
        )
    }};
}

pub(super) use metrics;

/// Metrics that are read together.
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// Milliseconds between two turns, unless the user says otherwise.
    pub interval: u32,
    /// Whether some of its values come from two reads: the second is taken a second after the first.
    pub is_paired: bool,
    /// Its metrics.
    pub metrics: &'static Metrics,
    /// Patterns of the instances that are left out, unless the user says which ones to take; `None` if
    /// there is nothing to choose.
    pub ignored: Option<&'static str>,
    /// Tells of its instances, and sets the values of its metrics that have one only. What can be told is
    /// told, also before an error.
    pub(super) take: Take,
}

type Take = fn(&mut Builtin, &mut Host, &mut Out, &mut Values) -> Result<(), Fault>;

/// How many families there are.
pub const FAMILY_COUNT: usize = FAMILIES.len();

/// Interval of most families, in milliseconds: the one that `-interval` changes.
const USUAL_INTERVAL: u32 = 5_000;

/// A family with nothing to choose, and with one read a turn.
const fn family(name: &'static str, seconds: u32, metrics: &'static Metrics, take: Take) -> Family {
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
        ..family("cpu", 5, &cpu::METRICS, cpu::take)
    },
    family("load", 5, &load::METRICS, load::take),
    family("mem", 5, &mem::METRICS, mem::take),
    Family {
        ignored: Some(net::IGNORED),
        ..family("net", 5, &net::METRICS, net::take)
    },
    family("vm", 10, &vm::METRICS, vm::take),
    family("pressure", 10, &pressure::METRICS, pressure::take),
    Family {
        is_paired: true,
        ignored: Some(diskio::IGNORED),
        ..family("diskio", 10, &diskio::METRICS, diskio::take)
    },
    family("ip", 10, &ip::METRICS, ip::take),
    family("sockets", 10, &sockets::METRICS, sockets::take),
    family("conntrack", 10, &conntrack::METRICS, conntrack::take),
    family("softnet", 10, &softnet::METRICS, softnet::take),
    Family {
        ignored: Some(""),
        ..family("wifi", 10, &wifi::METRICS, wifi::take)
    },
    family("agent", 10, &own::METRICS, own::take),
    Family {
        ignored: Some(""),
        ..family("neighbours", 30, &neighbours::METRICS, neighbours::take)
    },
    Family {
        ignored: Some(""),
        ..family("temp", 30, &temp::METRICS, temp::take)
    },
    family("kernel", 30, &kernel::METRICS, kernel::take),
    family("system", 30, &system::METRICS, system::take),
    family("process", 30, &process::METRICS, process::take),
    Family {
        ignored: Some(disk::IGNORED),
        ..family("disk", 60, &disk::METRICS, disk::take)
    },
    #[cfg(feature = "numbered")]
    family("test", 5, &super::numbered::METRICS, |all, _, _, values| {
        super::numbered::take(&mut all.number, values);
        Ok(())
    }),
];

/// The number of the family of that name; with `to_choose`, only if there is something to choose in it.
pub fn find(name: &[u8], to_choose: bool) -> Option<usize> {
    FAMILIES
        .iter()
        .position(|family| family.name.as_bytes() == name && (family.ignored.is_some() || !to_choose))
}

/// The name of the family of that number.
pub fn name(number: usize) -> Option<&'static [u8]> {
    FAMILIES.get(number).map(|family| family.name.as_bytes())
}

/// Whether a metric of some family has that name.
pub fn is_metric(name: &[u8]) -> bool {
    let has_it = |family: &Family| family.metrics.iter().any(|metric| metric.name.as_bytes() == name);
    FAMILIES.iter().any(has_it)
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
        for (number, metric) in family.metrics.iter().enumerate() {
            let mut buffer = [0; 256];
            let mut line = Text::new(&mut buffer);
            column(&mut line, metric.name, 24);
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
            column(&mut line, family.name, 12);
            line.number(u64::from(family.interval / 1000));
            line.put(b"s  ");
            family.metrics.help(number, &mut line);
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
        for metrics in FAMILIES.iter().map(|family| family.metrics) {
            for (number, metric) in metrics.iter().enumerate() {
                assert!(names.insert(metric.name), "{} twice", metric.name);
                let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.';
                assert!(metric.name.bytes().all(is_plain), "{}", metric.name);
                let mut buffer = [0; 120];
                let mut text = Text::new(&mut buffer);
                metrics.help(number, &mut text);
                assert!((1..120).contains(&text.bytes().len()), "{}", metric.name);
            }
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
