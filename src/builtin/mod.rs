//! The builtin collectors: one file a metric family, which makes samples of what the host says.

mod conntrack;
mod cpu;
mod disk;
mod diskio;
mod ip;
mod kernel;
mod load;
mod mem;
mod neighbours;
mod net;
#[cfg(feature = "numbered")]
mod numbered;
mod own;
mod pressure;
mod process;
mod sockets;
mod softnet;
mod system;
mod table;
mod temp;
mod vm;
mod wifi;

#[cfg(test)]
pub(crate) use disk::ask as ask_mount;
pub use own::Own;
pub use process::PROCESSES_MAX;
pub use table::{FAMILIES, FAMILY_COUNT, Family, Kind, Metric, Metrics, find, list};

use crate::host::{Fault, Host};
use crate::num::Fixed;
use crate::pattern::Choice;
use crate::wheel::Timers;

/// One value of one metric.
pub struct Sample<'a> {
    /// The metric.
    pub metric: &'a Metric,
    /// What tells one instance from another, such as `mount` and `/`.
    pub instance: &'a [(&'static str, &'a [u8])],
    /// The value, in the metric's unit.
    pub value: Fixed,
}

/// Takes samples.
pub type Sink<'s> = &'s mut dyn FnMut(Sample);

/// What tells one instance from another; nothing where there is one only.
type Tags<'t> = &'t [(&'static str, &'t [u8])];

/// Hands over a sample of each metric, from the one of that number on, that has a value.
#[inline(never)]
fn tell(sink: Sink, metrics: &'static Metrics, first: usize, tags: Tags, values: &[Option<Fixed>]) {
    for (number, value) in values.iter().enumerate() {
        if let (Some(metric), Some(value)) = (metrics.get(first + number), *value) {
            sink(Sample {
                metric: &metric,
                instance: tags,
                value,
            });
        }
    }
}

/// The same with whole numbers, of metrics that have one instance.
#[inline(never)]
fn tell_whole(sink: Sink, metrics: &'static Metrics, first: usize, values: &[Option<u64>]) {
    for (number, value) in values.iter().enumerate() {
        tell(sink, metrics, first + number, &[], &[value.map(Fixed::whole)]);
    }
}

/// A share in percent, where both are known.
fn percent(part: Option<u64>, total: Option<u64>) -> Option<Fixed> {
    Fixed::percent(part?, total?)
}

/// What the user wants of the families.
#[derive(Clone, Copy)]
pub struct Wishes<'a> {
    /// Which instances, of each family.
    pub choices: [Choice<'a>; FAMILY_COUNT],
    /// A list of patterns: names of processes.
    pub processes: &'a [u8],
    /// The lease file of dnsmasq.
    pub leases: &'a [u8],
}

/// What the families remember from one turn to the next.
pub struct Builtin<'a> {
    wishes: Wishes<'a>,
    /// When the turn is, in milliseconds of the monotonic clock.
    now: u64,
    own: Own,
    cpu: cpu::Cpu,
    disks: diskio::Disks,
    neighbours: neighbours::Neighbours,
    processes: process::Processes<'a>,
    #[cfg(feature = "numbered")]
    number: u64,
}

impl<'a> Builtin<'a> {
    /// Nothing is remembered yet.
    pub fn new(wishes: Wishes<'a>) -> Self {
        Self {
            wishes,
            now: 0,
            own: Own::default(),
            cpu: cpu::Cpu::default(),
            disks: diskio::Disks::default(),
            neighbours: neighbours::Neighbours::default(),
            processes: process::Processes::new(wishes.processes),
            #[cfg(feature = "numbered")]
            number: 0,
        }
    }

    /// Begins a turn: what was read before is old.
    pub fn begin_turn(&mut self, host: &mut Host, now: u64, own: Own) {
        host.begin_turn();
        (self.now, self.own) = (now, own);
    }

    /// Takes the samples of the family of that number in [`FAMILIES`]. What can be told is told,
    /// also before an error.
    pub fn take(&mut self, family: usize, host: &mut Host, sink: Sink) -> Result<(), Fault> {
        let choice = self.wishes.choices.get(family).copied().unwrap_or_default();
        FAMILIES
            .get(family)
            .map_or(Ok(()), |family| (family.take)(self, choice, host, sink))
    }

    /// Families that have not looked at all in their turn, and go on at the next occasion.
    pub fn unfinished(&self) -> Timers {
        let process = find(b"process", false).filter(|_| self.processes.is_under_way());
        process.map_or(0, |number| 1 << number)
    }
}
