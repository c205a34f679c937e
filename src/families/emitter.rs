//! Where samples go.

use super::{FamilyValues, Metric, MetricId};
use crate::base::decimal::Fixed;
use crate::base::glob::Filter;
use crate::procfs::{ProcFile, ReadError};

/// Tells one instance of a family from another, such as `iface=` and `eth0`; empty where a family has one only.
pub type Tags<'t> = &'t [(&'static [u8], &'t [u8])];

/// Receives samples.
pub trait Emitter {
    /// Sets the instance that the next samples are of.
    fn set_instance(&mut self, tags: Tags);

    /// Appends a sample of the current instance.
    fn emit(&mut self, metric: &'static Metric, value: Fixed);
}

/// An emitter that drops all samples, for a read that the next one is compared with.
pub struct Discard;

impl Emitter for Discard {
    fn set_instance(&mut self, _: Tags) {}

    fn emit(&mut self, _: &'static Metric, _: Fixed) {}
}

/// Emits samples of one family, of the instances that the user wants.
pub(super) struct FamilyEmitter<'e> {
    pub(super) metrics: &'static [Metric],
    /// Which instances the user wants.
    pub(super) filter: Filter<'e>,
    /// Patterns of the instances that are left out by default.
    pub(super) ignored: &'static str,
    pub(super) emitter: &'e mut dyn Emitter,
}

impl FamilyEmitter<'_> {
    /// Returns whether the user wants the instance of that name.
    pub(super) fn wants(&self, name: &[u8]) -> bool {
        self.filter.wants(name, self.ignored.as_bytes())
    }

    /// Emits a sample of each metric that has a value.
    pub(super) fn emit_instance(&mut self, tags: Tags, values: &FamilyValues) {
        if values.count() == 0 {
            return;
        }
        self.emitter.set_instance(tags);
        for (row, value) in values.iter() {
            if let Some(metric) = self.metrics.get(row) {
                self.emitter.emit(metric, value);
            }
        }
    }

    /// Emits a sample of one metric.
    pub(super) fn emit_one(&mut self, tags: Tags, id: MetricId, value: Fixed) {
        if let Some(metric) = self.metrics.get(id.row()) {
            self.emitter.set_instance(tags);
            self.emitter.emit(metric, value);
        }
    }
}

/// A limit on the number of interfaces that have samples: the first 64.
#[derive(Default)]
pub(super) struct InterfaceLimit(usize);

/// Interfaces that have samples.
pub(super) const INTERFACES_MAX: usize = 64;

impl InterfaceLimit {
    /// Counts an interface. Returns whether it is one of the first.
    pub(super) fn admit(&mut self) -> bool {
        self.0 += 1;
        self.0 <= INTERFACES_MAX
    }

    /// Returns an error if there were too many.
    pub(super) fn check(&self, file: ProcFile) -> Result<(), ReadError> {
        if self.0 > INTERFACES_MAX {
            return Err(too_many_interfaces(file));
        }
        Ok(())
    }
}

/// The error that a file names more interfaces than have samples.
pub(super) fn too_many_interfaces(file: ProcFile) -> ReadError {
    ReadError::too_many(file, "more than 64 interfaces")
}
