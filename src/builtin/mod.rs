//! The builtin collectors: one file a metric family, which makes samples of what the host says.

mod cpu;
mod disk;
mod load;
mod mem;
mod table;

pub use table::{FAMILIES, FAMILY_COUNT, Family, Kind, Metric, list};

use crate::host::{Fault, Host};
use crate::num::Fixed;

/// One value of one metric.
pub struct Sample<'a> {
    /// The metric.
    pub metric: &'static Metric,
    /// What tells one instance from another, such as `mount` and `/`.
    pub instance: &'a [(&'static str, &'a [u8])],
    /// The value, in the metric's unit.
    pub value: Fixed,
}

/// Takes samples.
pub type Sink<'s> = &'s mut dyn FnMut(Sample);

/// Hands over a sample of a metric that has one instance.
fn plain(sink: Sink, metric: &'static Metric, value: Fixed) {
    sink(Sample {
        metric,
        instance: &[],
        value,
    });
}

/// What the families remember from one turn to the next.
#[derive(Default)]
pub struct Builtin {
    cpu: cpu::Cpu,
}

impl Builtin {
    /// Takes the samples of the family of that number in [`FAMILIES`]. What can be told is told,
    /// also before an error.
    pub fn take(&mut self, family: usize, host: &mut Host, sink: Sink) -> Result<(), Fault> {
        match family {
            table::CPU => self.cpu.take(host, sink),
            table::LOAD => load::take(host, sink),
            table::MEM => mem::take(host, sink),
            table::DISK => disk::take(host, sink),
            _ => Ok(()),
        }
    }
}
