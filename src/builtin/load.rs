//! Load averages, and the tasks behind them.

use super::table::{Metrics, metrics};
use super::{Sink, tell, tell_whole};
use crate::host::{Fault, Host};

pub(super) static METRICS: Metrics = metrics! {
    Gauge "cpu.load1" "" "tasks that run, or wait to run or for a disk, averaged over 1 minute";
    Gauge "cpu.load5" "" "the same over 5 minutes";
    Gauge "cpu.load15" "" "the same over 15 minutes";
    Gauge "proc.total" "" "processes and threads";
    Gauge "proc.running" "" "tasks that run or want to";
    Gauge "proc.blocked" "" "tasks that wait for a disk";
};

pub(super) fn take(host: &mut Host, sink: Sink) -> Result<(), Fault> {
    let load = host.load();
    if let Ok(load) = load {
        tell(sink, &METRICS, 0, &[], &load.averages.map(Some));
        tell_whole(sink, &METRICS, 3, &[load.tasks]);
    }
    if let Ok(stat) = host.tasks() {
        tell_whole(sink, &METRICS, 4, &[stat.running, stat.blocked]);
    }
    load.map(|_| ())
}
