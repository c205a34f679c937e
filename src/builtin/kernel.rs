//! What the kernel has to give.

use super::table::{Metrics, metrics};
use super::{Sink, percent, tell, tell_whole};
use crate::host::{Fault, Host, Limits};

pub(super) static METRICS: Metrics = metrics! {
    Gauge "kernel.files.allocated" "" "open files";
    Gauge "kernel.files.max" "" "open files at the most";
    Gauge "kernel.entropy" "bits" "randomness at hand";
    Gauge "kernel.pids.max" "" "the number that process numbers stay below";
    Gauge "kernel.files.percent" "percent" "allocated of max";
};

pub(super) fn take(host: &mut Host, sink: Sink) -> Result<(), Fault> {
    let mut limits = Limits::default();
    let result = host.limits(&mut limits);
    let values = [
        limits.files_open,
        limits.files_max,
        limits.entropy,
        limits.pids_max,
    ];
    tell_whole(sink, &METRICS, 0, &values);
    tell(
        sink,
        &METRICS,
        4,
        &[],
        &[percent(limits.files_open, limits.files_max)],
    );
    result
}
