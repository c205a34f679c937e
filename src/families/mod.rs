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
pub use table::{FAMILIES, FAMILY_COUNT, Family, Kind, Metric, Metrics, find, is_metric, list, name};

use crate::base::decimal::Fixed;
use crate::base::glob::Choice;
use crate::base::wheel::Timers;
use crate::procfs::{Fault, Flaw, Host, Source, Take, Values};

/// One value of one metric.
pub struct Sample<'a> {
    /// The metric.
    pub metric: &'a Metric,
    /// What tells one instance from another, such as `mount=` and `/`.
    pub instance: &'a [(&'static [u8], &'a [u8])],
    /// The value, in the metric's unit.
    pub value: Fixed,
}

/// Takes samples.
pub type Sink<'s> = &'s mut dyn FnMut(Sample);

/// What tells one instance from another; nothing where there is one only.
type Tags<'t> = &'t [(&'static [u8], &'t [u8])];

/// Interfaces that have samples; of more, the first ones.
const INTERFACES_MAX: u32 = 64;

/// Where the values of a family go.
struct Out<'o> {
    family: &'static Family,
    wishes: Wishes<'o>,
    /// Which instances the user wants.
    choice: Choice<'o>,
    /// The key of the tag that tells one instance from another, with its `=`.
    key: &'static [u8],
    sink: Sink<'o>,
    /// Instances that have been taken, or would have been, and that have room.
    count: u32,
    most: u32,
}

impl<'o> Out<'o> {
    fn new(family: &'static Family, wishes: Wishes<'o>, choice: Choice<'o>, sink: Sink<'o>) -> Self {
        Self {
            family,
            wishes,
            choice,
            key: b"",
            sink,
            count: 0,
            most: u32::MAX,
        }
    }

    /// Hands over a sample of that metric, if the family has it.
    #[inline(never)]
    fn tell_one(&mut self, number: usize, tags: Tags, value: Fixed) {
        if let Some(metric) = &self.family.metrics.get(number) {
            (self.sink)(Sample {
                metric,
                instance: tags,
                value,
            });
        }
    }

    /// Hands over a sample of each metric that has a value.
    #[inline(never)]
    fn tell(&mut self, tags: Tags, values: &Values) {
        for number in 0..self.family.metrics.count() {
            if let Some(value) = values.get(number) {
                self.tell_one(number, tags, value);
            }
        }
    }

    /// The instances are interfaces: the first ones.
    fn of_interfaces(&mut self) {
        (self.key, self.most) = (b"iface=", INTERFACES_MAX);
    }

    /// More interfaces than have room are a fault.
    fn check_interfaces(&self, source: Source) -> Result<(), Fault> {
        if self.count > self.most {
            return Err(Flaw::Interfaces.of(source));
        }
        Ok(())
    }
}

impl Take for Out<'_> {
    #[inline(never)]
    fn wants(&self, name: &[u8]) -> bool {
        let ignored = self.family.ignored.unwrap_or_default();
        self.choice.wants(name, ignored.as_bytes())
    }

    #[inline(never)]
    fn take(&mut self, name: &[u8], values: &Values) {
        self.count += 1;
        if self.count <= self.most {
            self.tell(&[(self.key, name)], values);
        }
    }
}

/// What the user wants of the families.
#[derive(Clone, Copy, Default)]
pub struct Wishes<'a> {
    /// Which instances, of each family.
    pub choices: &'a [Choice<'a>],
    /// A list of patterns: names of processes.
    pub processes: &'a [u8],
    /// The lease file of dnsmasq.
    pub leases: &'a [u8],
}

/// What the families remember from one turn to the next: room for many instances, of which most machines have
/// few. All of it is zero at first, so that what nobody writes to takes no memory.
#[repr(C)]
pub struct Memory {
    disks: diskio::Disks,
    neighbours: neighbours::Neighbours,
    processes: process::Processes,
    cpu: cpu::Cpu,
}

impl Memory {
    /// Nothing is remembered yet.
    pub const EMPTY: Self = Self {
        disks: diskio::Disks::NONE,
        neighbours: neighbours::Neighbours::NONE,
        processes: process::Processes::NONE,
        cpu: cpu::Cpu::NONE,
    };
}

/// The families.
pub struct Builtin {
    /// When the turn is, in milliseconds of the monotonic clock.
    now: u64,
    own: Own,
    memory: &'static mut Memory,
    #[cfg(feature = "numbered")]
    number: u64,
}

impl Builtin {
    /// Families that remember nothing yet.
    pub fn new(memory: &'static mut Memory) -> Self {
        Self {
            now: 0,
            own: Own::default(),
            memory,
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
    pub fn take(&mut self, family: usize, host: &mut Host, wishes: Wishes, sink: Sink) -> Result<(), Fault> {
        let choice = wishes.choices.get(family).copied().unwrap_or_default();
        let Some(family) = FAMILIES.get(family) else {
            return Ok(());
        };
        let mut values = Values::default();
        let mut out = Out::new(family, wishes, choice, sink);
        let result = (family.take)(self, host, &mut out, &mut values);
        out.tell(&[], &values);
        result
    }

    /// What was read before is of another machine.
    pub fn forget(&mut self) {
        *self.memory = Memory::EMPTY;
    }

    /// A pass over all processes starts anew: other ones are asked for.
    pub fn forget_pass(&mut self, host: &mut Host) {
        self.memory.processes = process::Processes::NONE;
        host.end_pass();
    }

    /// Families that have not looked at all in their turn, and go on at the next occasion.
    pub fn unfinished(&self) -> Timers {
        let process = find(b"process", false).filter(|_| self.memory.processes.is_under_way());
        process.map_or(0, |number| 1 << number)
    }
}
