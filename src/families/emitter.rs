//! Where samples go.

use super::{FamilyValues, Metric, MetricId, MetricKind};
use crate::base::decimal::Fixed;
use crate::base::glob::{Filter, fits};
use crate::procfs::{Limit, ProcFile, ReadError, ReadErrorKind};
use core::cell::Cell;

/// The identity of an instance of a family, such as `iface=` and `eth0`; empty where a family has one only.
pub type Tags<'t> = &'t [(&'static [u8], &'t [u8])];

/// Most keys of a family.
pub(super) const KEYS_MAX: usize = 2;

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
    /// The keys of the tags that distinguish its instances.
    pub(super) keys: &'static [&'static [u8]],
    /// Which instances the user wants.
    pub(super) filter: Filter<'e>,
    /// Patterns of the instances that are left out by default.
    pub(super) ignored: &'static str,
    pub(super) emitter: &'e mut dyn Emitter,
    /// A bit for each of the first patterns that has matched an instance, while that is recorded.
    pub(super) matched: Option<Cell<u64>>,
}

impl FamilyEmitter<'_> {
    /// Returns whether the user wants the instance of that name.
    pub(super) fn wants(&self, name: &[u8]) -> bool {
        self.record(name);
        self.filter.wants(name, self.ignored.as_bytes())
    }

    /// Records which patterns match the name of an instance.
    pub(super) fn record(&self, name: &[u8]) {
        if self.matched.is_some() {
            for (index, pattern) in self.filter.patterns().enumerate() {
                if fits(pattern, name) {
                    self.record_match(index);
                }
            }
        }
    }

    /// Records that the pattern of that index has matched.
    pub(super) fn record_match(&self, index: usize) {
        if let Some(matched) = &self.matched {
            matched.set(matched.get() | 1_u64.checked_shl(index as u32).unwrap_or_default());
        }
    }

    /// Emits a sample of each metric that has a value. The instance has a value for each of the family's keys, or for
    /// the first of them; none for what the machine has once.
    pub(super) fn emit_instance(&mut self, instance: &[&[u8]], values: &FamilyValues) {
        if values.count() == 0 {
            return;
        }
        self.set_instance(instance);
        for (row, value) in values.iter() {
            self.emit(row, value);
        }
    }

    /// Emits a sample of one metric.
    pub(super) fn emit_one(&mut self, instance: &[&[u8]], id: MetricId, value: Fixed) {
        self.set_instance(instance);
        self.emit(id.row(), value);
    }

    fn set_instance(&mut self, instance: &[&[u8]]) {
        let mut tags: [(&[u8], &[u8]); KEYS_MAX] = [(b"", b""); _];
        for ((tag, key), value) in tags.iter_mut().zip(self.keys).zip(instance) {
            *tag = (key, value);
        }
        self.emitter
            .set_instance(tags.get(..instance.len()).unwrap_or_default());
    }

    fn emit(&mut self, row: usize, value: Fixed) {
        // Where the kernel does not know a value or a limit, it may print −1 without its sign.
        if let Some(metric) = self.metrics.get(row)
            && !(metric.kind == MetricKind::Gauge && value.is_unsigned_minus_one())
        {
            self.emitter.emit(metric, value);
        }
    }
}

/// A limit on the number of interfaces that have samples: the first 64, and up to 64 more that have a device.
#[derive(Default)]
pub(super) struct InterfaceLimit {
    count: usize,
    further: usize,
}

/// Interfaces that have samples.
pub(super) const INTERFACES_MAX: usize = 64;

impl InterfaceLimit {
    /// Counts an interface. Returns whether it has samples.
    pub(super) fn admit(&mut self, has_device: impl FnOnce() -> bool) -> bool {
        self.count += 1;
        if self.count <= INTERFACES_MAX {
            return true;
        }
        let is_further = self.further < INTERFACES_MAX && has_device();
        self.further += usize::from(is_further);
        is_further
    }

    /// Returns an error if there were too many.
    pub(super) fn check(&self, file: ProcFile) -> Result<(), ReadError> {
        if self.count > INTERFACES_MAX + self.further {
            return Err(too_many_interfaces(file));
        }
        Ok(())
    }
}

/// The error that a file names more interfaces than have samples.
pub(super) fn too_many_interfaces(file: ProcFile) -> ReadError {
    ReadError::new(file, ReadErrorKind::TooMany(Limit::Interfaces))
}
