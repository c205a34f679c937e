//! What the kernel has to give.

use super::table::{Metrics, metrics};
use super::{Builtin, Out};
use crate::procfs::{Fault, Host, Values};

pub(super) static METRICS: Metrics = metrics! {
    Gauge "kernel.files.allocated" "" "open files";
    Gauge "kernel.files.max" "" "open files at the most";
    Gauge "kernel.entropy" "bits" "randomness at hand";
    Gauge "kernel.pids.max" "" "the number that process numbers stay below";
    Gauge "kernel.files.percent" "percent" "allocated of max";
};

/// Where the metrics stand in the table.
const ALLOCATED: usize = 0;
const MAX: usize = 1;
const SHARE: usize = 4;

pub(super) fn take(_: &mut Builtin, host: &mut Host, _: &mut Out, values: &mut Values) -> Result<(), Fault> {
    let result = host.limits(values);
    values.share(SHARE, ALLOCATED, MAX);
    result
}
