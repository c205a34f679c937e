//! Metric families: one file each, with its table of metrics and the function that collects it.
//!
//! A new metric is a row of its family's table; a new family is a file and a row of [`FAMILIES`].

mod agent;
mod conntrack;
mod cpu;
mod disk;
mod diskio;
mod emitter;
mod ip;
mod kernel;
mod list;
mod load;
mod mem;
mod metrics;
mod neighbours;
mod net;
#[cfg(feature = "numbered")]
mod numbered;
mod pressure;
mod process;
mod sockets;
mod softnet;
mod system;
mod temp;
#[cfg(test)]
mod tests;
mod values;
mod vm;
mod wifi;

pub use agent::AgentStats;
pub use emitter::{Emit, Instance, Tags};
pub use list::list;
pub use metrics::{Metric, MetricKind};
pub use process::PROCESSES_MAX;
pub use values::VALUES_MAX;

use crate::base::bit_set::Timers;
use crate::base::glob::{Filter, items};
use crate::base::text::Text;
use crate::procfs::mounts::MountTable;
use crate::procfs::{Host, ReadError};
use emitter::{FamilyEmitter, KEYS_MAX};
use load::Tasks;
use values::{FamilyValues, MetricId, SKIP};

/// Metrics that are collected together.
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// Milliseconds between two turns, unless the user sets another interval.
    pub interval: u32,
    /// Whether some of its values come from two reads: the second follows the first after a second.
    pub is_paired: bool,
    /// The keys, each with its `=`, of the tags that distinguish its instances.
    pub keys: &'static [&'static [u8]],
    /// Its metrics.
    pub metrics: &'static [Metric],
    /// Patterns of the instances that are left out unless the user chooses others; `None` if it has no instances to
    /// choose from.
    pub ignored: Option<&'static str>,
    /// Emits its samples, as many as can be collected also if there is an error.
    collect: fn(&mut FamilyContext) -> Result<(), ReadError>,
}

/// All families. Those of one turn are collected in this order.
#[rustfmt::skip]
pub const FAMILIES: &[Family] = &[
    Family::new("cpu", 5, cpu::METRICS, cpu::collect).by(&[b"core="]).paired(),
    Family::new("load", 5, load::METRICS, load::collect),
    Family::new("mem", 5, mem::METRICS, mem::collect),
    Family::new("net", 5, net::METRICS, net::collect).by(&[b"iface="]).ignoring("lo,veth*,cali*,lxc*,docker*,vnet*,tap*"),
    Family::new("vm", 10, vm::METRICS, vm::collect),
    Family::new("pressure", 10, pressure::METRICS, pressure::collect),
    Family::new("diskio", 10, diskio::METRICS, diskio::collect).by(&[b"device="]).paired().ignoring(diskio::IGNORED),
    Family::new("ip", 30, ip::METRICS, ip::collect),
    Family::new("sockets", 10, sockets::METRICS, sockets::collect),
    Family::new("conntrack", 10, conntrack::METRICS, conntrack::collect),
    Family::new("softnet", 10, softnet::METRICS, softnet::collect),
    Family::new("wifi", 10, wifi::METRICS, wifi::collect).by(&[b"iface="]).ignoring(""),
    Family::new("agent", 10, agent::METRICS, agent::collect).by(&[b"version="]),
    Family::new("neighbours", 30, neighbours::METRICS, neighbours::collect).by(&[b"iface="]).ignoring(""),
    Family::new("temp", 30, temp::METRICS, temp::collect).by(&[b"sensor=", b"device="]).ignoring(""),
    Family::new("kernel", 30, kernel::METRICS, kernel::collect),
    Family::new("system", 30, system::METRICS, system::collect),
    Family::new("process", 30, process::METRICS, process::collect).by(&[b"name="]),
    Family::new("disk", 60, disk::METRICS, disk::collect).by(&[b"mount=", b"fstype="]).ignoring(disk::IGNORED),
    #[cfg(feature = "numbered")]
    Family::new("test", 5, numbered::METRICS, numbered::collect),
];

/// How many families there are.
pub const FAMILY_COUNT: usize = FAMILIES.len();

/// Milliseconds between two turns of most families: the interval that `-interval` changes.
const DEFAULT_INTERVAL: u32 = 5_000;

impl Family {
    const fn new(
        name: &'static str,
        seconds: u32,
        metrics: &'static [Metric],
        collect: fn(&mut FamilyContext) -> Result<(), ReadError>,
    ) -> Self {
        assert!(metrics.len() <= VALUES_MAX);
        Self {
            name,
            interval: seconds * 1_000,
            is_paired: false,
            keys: &[],
            metrics,
            ignored: None,
            collect,
        }
    }

    const fn by(self, keys: &'static [&'static [u8]]) -> Self {
        assert!(keys.len() <= KEYS_MAX);
        Self { keys, ..self }
    }

    const fn paired(self) -> Self {
        Self {
            is_paired: true,
            ..self
        }
    }

    const fn ignoring(self, patterns: &'static str) -> Self {
        Self {
            ignored: Some(patterns),
            ..self
        }
    }

    /// Returns the milliseconds between two turns if the user wants this many between two samples: a slow family stays
    /// slow.
    pub fn interval_at(&self, wanted: u32) -> u32 {
        if self.interval == DEFAULT_INTERVAL {
            wanted
        } else {
            wanted.max(self.interval)
        }
    }
}

/// Returns the index of the family of that name; with `to_choose`, only if there are instances to choose from.
pub fn find(name: &[u8], to_choose: bool) -> Option<usize> {
    FAMILIES
        .iter()
        .position(|family| family.name.as_bytes() == name && (family.ignored.is_some() || !to_choose))
}

/// Returns the name of the family of that index.
pub fn name(index: usize) -> Option<&'static [u8]> {
    FAMILIES.get(index).map(|family| family.name.as_bytes())
}

/// The starts of words for what a family collects that its metrics' names do not have.
const SYNONYMS: [(&[u8], &[u8]); 4] = [
    (b"filesystem", b"disk"),
    (b"interface", b"net"),
    (b"memory", b"mem"),
    (b"wireless", b"wifi"),
];

/// Returns the index of the family whose metrics have such names: they begin with the text, the text is a synonym, or
/// they have it between two dots.
pub fn find_by_metric(text: &[u8]) -> Option<usize> {
    let find_by = |is_such: fn(&[u8], &[u8]) -> bool| {
        let has_such = |family: &Family| {
            let mut metrics = family.metrics.iter();
            metrics.any(|metric| is_such(metric.name.as_bytes(), text))
        };
        FAMILIES.iter().position(has_such)
    };
    let synonym = || {
        let (_, family) = SYNONYMS.iter().find(|(word, _)| text.starts_with(word))?;
        find(family, false)
    };
    find_by(|name, text| matches!(name.strip_prefix(text), Some([] | [b'.', ..])))
        .or_else(synonym)
        .or_else(|| find_by(|name, text| name.split(|byte| *byte == b'.').any(|part| part == text)))
}

/// Returns whether a family distinguishes its instances by tags with that key.
pub fn is_instance_key(key: &[u8]) -> bool {
    let mut keys = FAMILIES.iter().flat_map(|family| family.keys);
    keys.any(|known| known.strip_suffix(b"=") == Some(key))
}

/// Returns whether a family has a metric of that name.
pub fn is_metric(name: &[u8]) -> bool {
    let mut metrics = FAMILIES.iter().flat_map(|family| family.metrics);
    metrics.any(|metric| metric.name.as_bytes() == name)
}

/// What the user wants of the families.
#[derive(Clone, Copy, Default)]
pub struct Filters<'a> {
    /// Which instances, of each family.
    pub instances: &'a [Filter<'a>],
    /// Names of processes, a list of patterns.
    pub processes: &'a [u8],
    /// Path of dnsmasq's lease file.
    pub leases: &'a [u8],
}

/// What the families keep from one turn to the next: arrays for many instances, of which most machines have few. All
/// bytes are zero at first, so that what is never written takes no memory.
#[repr(C)]
pub struct Memory {
    disks: diskio::Disks,
    disk_names: diskio::Names,
    neighbours: neighbours::Neighbours,
    processes: process::Processes,
    cpu: cpu::Cpu,
    columns: ip::Columns,
    mounts: MountTable,
    sensors: temp::Pass,
}

impl Memory {
    /// Nothing was read yet.
    pub const EMPTY: Self = Self {
        disks: diskio::Disks::NONE,
        disk_names: diskio::Names::NONE,
        neighbours: neighbours::Neighbours::NONE,
        processes: process::Processes::NONE,
        cpu: cpu::Cpu::NONE,
        columns: ip::Columns::NONE,
        mounts: MountTable::EMPTY,
        sensors: temp::Pass::NONE,
    };
}

/// Collects the families.
pub struct Collector {
    memory: &'static mut Memory,
    /// Time of the turn, in milliseconds of the monotonic clock.
    now: u64,
    stats: AgentStats,
    /// Numbers of tasks, if they were read in this turn.
    tasks: Option<Tasks>,
    /// Families whose last turn did not read everything.
    unfinished: Timers,
    /// Families whose first turn has ended.
    recorded: Timers,
    /// The patterns of each family that have matched in its first turn.
    matched: [u64; FAMILY_COUNT],
    #[cfg(feature = "numbered")]
    turns: u64,
}

/// What a family's collect function works with.
struct FamilyContext<'c> {
    host: &'c mut Host,
    collector: &'c mut Collector,
    filters: Filters<'c>,
    emitter: FamilyEmitter<'c>,
    /// The values of the metrics that have one instance: emitted at the end, also after an error.
    values: FamilyValues,
    /// Set by a family that has more to read: it continues at the next opportunity.
    is_unfinished: bool,
}

impl Collector {
    /// A collector whose families have read nothing yet.
    pub fn new(memory: &'static mut Memory) -> Self {
        Self {
            memory,
            now: 0,
            stats: AgentStats::default(),
            tasks: None,
            unfinished: 0,
            recorded: 0,
            matched: [0; FAMILY_COUNT],
            #[cfg(feature = "numbered")]
            turns: 0,
        }
    }

    /// Begins a turn at this time, in milliseconds of the monotonic clock.
    pub fn begin_turn(&mut self, now: u64, stats: AgentStats) {
        (self.now, self.stats, self.tasks) = (now, stats, None);
    }

    /// Emits the samples of the family of that index in [`FAMILIES`], as many as can be collected also if there is an
    /// error.
    pub fn collect(
        &mut self,
        number: usize,
        host: &mut Host,
        filters: Filters,
        emit: Emit,
    ) -> Result<(), ReadError> {
        let filter = filters.instances.get(number).copied().unwrap_or_default();
        let Some(family) = FAMILIES.get(number) else {
            return Ok(());
        };
        let is_recording = self.recorded & 1 << number == 0;
        let matched = is_recording.then(|| self.matched[number]);
        let mut cx = FamilyContext {
            host,
            collector: self,
            filters,
            emitter: FamilyEmitter {
                family,
                filter,
                emit,
                matched,
            },
            values: FamilyValues::NONE,
            is_unfinished: false,
        };
        let result = (family.collect)(&mut cx);
        cx.emitter.emit(&[], &cx.values);
        let is_unfinished = cx.is_unfinished;
        if let Some(matched) = cx.emitter.matched {
            self.matched[number] = matched;
        }
        self.unfinished = self.unfinished & !(1 << number) | Timers::from(is_unfinished) << number;
        result
    }

    /// Writes the patterns that matched nothing in the first turn of the family, once after that. Returns whether there are
    /// any.
    pub fn put_unmatched(&mut self, number: usize, filters: Filters, text: &mut Text) -> bool {
        if (self.recorded | self.unfinished) & 1 << number != 0 {
            return false;
        }
        self.recorded |= 1 << number;
        let filter = filters.instances.get(number).copied().unwrap_or_default();
        let is_process = Some(number) == find(b"process", false);
        let processes = if is_process { filters.processes } else { b"" };
        let patterns = filter.patterns().chain(items(processes)).take(64);
        let mut separator: &[u8] = b"";
        for (index, pattern) in patterns.enumerate() {
            if self.matched[number] >> index & 1 == 0 {
                text.put(separator);
                text.put(pattern);
                separator = b",";
            }
        }
        !separator.is_empty()
    }

    /// Drops what was read: it is of another machine.
    pub fn reset(&mut self) {
        *self.memory = Memory::EMPTY;
        self.unfinished = 0;
    }

    /// Starts unfinished passes over processes and sensors from the beginning: others are asked for.
    pub fn restart_passes(&mut self, host: &mut Host) {
        self.memory.sensors.restart();
        host.end_passes();
        self.unfinished = 0;
        (self.recorded, self.matched) = (0, [0; FAMILY_COUNT]);
    }

    /// Returns the families whose turn did not read everything: they continue at the next opportunity.
    pub fn unfinished(&self) -> Timers {
        self.unfinished
    }
}
