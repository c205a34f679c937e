//! Load averages, and the tasks behind them.

use super::table::{Metric, gauge};
use super::{Sink, plain};
use crate::host::{Fault, Host};
use crate::num::Fixed;

pub(super) static METRICS: [Metric; 6] = [
    gauge!(
        "cpu.load1",
        "",
        "tasks that run, or wait to run or for a disk, averaged over 1 minute",
    ),
    gauge!("cpu.load5", "", "the same over 5 minutes"),
    gauge!("cpu.load15", "", "the same over 15 minutes"),
    gauge!("proc.total", "", "processes and threads"),
    gauge!("proc.running", "", "tasks that run or want to"),
    gauge!("proc.blocked", "", "tasks that wait for a disk"),
];

pub(super) fn take(host: &mut Host, sink: Sink) -> Result<(), Fault> {
    let [averages @ .., total, running, blocked] = &METRICS;
    let load = host.load();
    if let Ok(load) = load {
        for (metric, average) in averages.iter().zip(load.averages) {
            plain(sink, metric, Some(average));
        }
        plain(sink, total, load.tasks.map(Fixed::whole));
    }
    let tasks = host.tasks();
    if let Ok(tasks) = tasks {
        plain(sink, running, tasks.running.map(Fixed::whole));
        plain(sink, blocked, tasks.blocked.map(Fixed::whole));
    }
    load.map(|_| ())
}
