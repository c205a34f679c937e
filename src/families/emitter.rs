//! Where samples go.

use super::{Family, FamilyValues, Metric, MetricKind};
use crate::base::decimal::Fixed;
use crate::base::glob::{Filter, fits};
use crate::procfs::{Limit, ProcFile, ReadError, ReadErrorKind};

/// The identity of an instance of a family, such as `iface=` and `eth0`; empty where a family has one only.
pub type Tags<'t> = &'t [(&'static [u8], &'t [u8])];

/// An instance of a family, with its values.
pub struct Instance<'i> {
    /// Its identity.
    pub tags: Tags<'i>,
    metrics: &'static [Metric],
    values: &'i FamilyValues,
}

impl Instance<'_> {
    /// Returns a sample of each metric that has a value. Where the kernel does not know a value or a limit, it may print −1
    /// without its sign: such a gauge has none.
    pub fn samples(&self) -> impl Iterator<Item = (&'static Metric, Fixed)> {
        self.values.iter().filter_map(|(row, value)| {
            let metric = self.metrics.get(row)?;
            let is_unknown = metric.kind == MetricKind::Gauge && value.is_unsigned_minus_one();
            (!is_unknown).then_some((metric, value))
        })
    }
}

/// Receives the instances one after the other.
pub type Emit<'e> = &'e mut dyn FnMut(&Instance);

/// Most keys of a family.
pub(super) const KEYS_MAX: usize = 2;

/// Emits samples of one family, of the instances that the user wants.
pub(super) struct FamilyEmitter<'e> {
    pub(super) family: &'static Family,
    /// Which instances the user wants.
    pub(super) filter: Filter<'e>,
    pub(super) emit: Emit<'e>,
    /// A bit for each of the first patterns that has matched an instance, while that is recorded.
    pub(super) matched: Option<u64>,
}

impl FamilyEmitter<'_> {
    /// Returns whether the user wants the instance of that name.
    pub(super) fn wants(&mut self, name: &[u8]) -> bool {
        self.record(name);
        self.filter
            .wants(name, self.family.ignored.unwrap_or_default().as_bytes())
    }

    /// Records which patterns match the name of an instance.
    pub(super) fn record(&mut self, name: &[u8]) {
        if self.matched.is_none() {
            return;
        }
        let filter = self.filter;
        for (index, pattern) in filter.patterns().enumerate() {
            if fits(pattern, name) {
                self.record_match(index);
            }
        }
    }

    /// Records that the pattern of that index has matched.
    pub(super) fn record_match(&mut self, index: usize) {
        if let Some(matched) = &mut self.matched {
            *matched |= 1_u64.checked_shl(index as u32).unwrap_or_default();
        }
    }

    /// Emits a sample of each metric that has a value. The instance has a value for each of the family's keys, or for
    /// the first of them; none for what the machine has once.
    pub(super) fn emit(&mut self, instance: &[&[u8]], values: &FamilyValues) {
        if values.count() == 0 {
            return;
        }
        let mut tags: [(&[u8], &[u8]); KEYS_MAX] = [(b"", b""); _];
        for ((tag, key), value) in tags.iter_mut().zip(self.family.keys).zip(instance) {
            *tag = (key, value);
        }
        (self.emit)(&Instance {
            tags: tags.get(..instance.len()).unwrap_or_default(),
            metrics: self.family.metrics,
            values,
        });
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
