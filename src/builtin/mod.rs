//! The builtin collectors: one file a metric family, which makes samples of what the host says.

mod conntrack;
mod cpu;
mod disk;
mod ip;
mod kernel;
mod load;
mod mem;
mod net;
mod pressure;
mod sockets;
mod softnet;
mod system;
mod table;
mod vm;

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

/// Hands over a sample of a metric that has one instance, if there is a value.
fn plain(sink: Sink, metric: &'static Metric, value: Option<Fixed>) {
    instance(sink, metric, &[], value);
}

/// Hands over a sample of one of several instances, if there is a value.
fn instance(sink: Sink, metric: &'static Metric, instance: &[(&'static str, &[u8])], value: Option<Fixed>) {
    if let Some(value) = value {
        sink(Sample {
            metric,
            instance,
            value,
        });
    }
}

/// Hands over a sample of each metric that has a value.
fn all(sink: Sink, metrics: &'static [Metric], values: &[Option<u64>]) {
    for (metric, value) in metrics.iter().zip(values) {
        plain(&mut *sink, metric, value.map(Fixed::whole));
    }
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
        FAMILIES
            .get(family)
            .map_or(Ok(()), |family| (family.take)(self, host, sink))
    }
}
