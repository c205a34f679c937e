//! Load averages, and the tasks behind them.

use super::table::{Metrics, metrics};
use super::{Builtin, Out};
use crate::procfs::{Fault, Host, Values};

pub(super) static METRICS: Metrics = metrics! {
    Gauge "cpu.load1" "" "tasks that run, or wait to run or for a disk, averaged over 1 minute";
    Gauge "cpu.load5" "" "the same over 5 minutes";
    Gauge "cpu.load15" "" "the same over 15 minutes";
    Gauge "proc.total" "" "processes and threads";
    Gauge "proc.running" "" "tasks that run or want to";
    Gauge "proc.blocked" "" "tasks that wait for a disk";
};

/// Where the metrics from `/proc/stat` start in the table.
const RUNNING: usize = 4;

pub(super) fn take(_: &mut Builtin, host: &mut Host, _: &mut Out, values: &mut Values) -> Result<(), Fault> {
    host.tasks(RUNNING, values);
    host.load(values)
}
