//! What the kernel has to give.

use super::table::{Metric, gauge};
use super::{Sink, all, plain};
use crate::host::{Fault, Host, Limits};
use crate::num::Fixed;

pub(super) static METRICS: [Metric; 5] = [
    gauge!("kernel.files.allocated", "", "open files"),
    gauge!("kernel.files.max", "", "open files at the most"),
    gauge!("kernel.entropy", "bits", "randomness at hand"),
    gauge!(
        "kernel.pids.max",
        "",
        "the number that process numbers stay below",
    ),
    gauge!("kernel.files.percent", "percent", "allocated of max"),
];

pub(super) fn take(host: &mut Host, sink: Sink) -> Result<(), Fault> {
    let mut limits = Limits::default();
    let result = host.limits(&mut limits);
    let [counts @ .., percent] = &METRICS;
    let values = [
        limits.files_open,
        limits.files_max,
        limits.entropy,
        limits.pids_max,
    ];
    all(&mut *sink, counts, &values);
    let share = limits.files_open.zip(limits.files_max);
    plain(
        sink,
        percent,
        share.and_then(|(open, max)| Fixed::percent(open, max)),
    );
    result
}
