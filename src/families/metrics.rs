//! Metrics: the rows of a family's table.

/// How a receiver has to read the values of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MetricKind {
    /// A value that goes up and down.
    Gauge,
    /// A count since some start, which a receiver turns into a rate.
    Counter,
}

/// A row of a family's table.
#[derive(Debug)]
pub struct Metric {
    /// Gauge or counter.
    pub kind: MetricKind,
    /// The name on the wire, such as `net.in.bytes`.
    pub name: &'static str,
    /// The unit of the values; empty for a plain count.
    pub unit: &'static str,
    /// The meaning, a phrase that stands alone.
    pub help: &'static str,
}

/// Declares a family's table, one row a metric: its identifier, kind, name, unit and help, and the kernel's name for
/// it where a file has its value under one.
///
/// ```text
/// FREE Gauge "mem.free" "bytes" "memory that is not used at all" from "MemFree:";
/// ```
///
/// Defines a [`MetricId`](super::MetricId) for each identifier, `METRICS`, the rows, and `KEYS`, the kernel's names.
macro_rules! metrics {
    ($($id:ident $kind:ident $name:literal $unit:literal $help:literal $(from $key:literal)?;)*) => {
        #[allow(non_camel_case_types, clippy::upper_case_acronyms)]
        enum Row { $($id),* }
        $(const $id: $crate::families::MetricId = $crate::families::MetricId::of_row(Row::$id as usize);)*
        /// The family's metrics.
        pub(super) const METRICS: &[$crate::families::Metric] = &[$($crate::families::Metric {
            kind: $crate::families::MetricKind::$kind,
            name: $name,
            unit: $unit,
            help: $help,
        }),*];
        #[allow(dead_code, reason = "a family may have columns in place of names")]
        static KEYS: $crate::procfs::Keys<$crate::families::MetricId> =
            $crate::procfs::Keys::new(&[$($(($key, $id),)?)*]);
    };
}

pub(super) use metrics;
