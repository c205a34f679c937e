//! Time lost in waiting (PSI).

use super::table::{Metric, counter};
use super::{Sink, all};
use crate::host::{Fault, Host};

pub(super) static METRICS: [Metric; 8] = [
    counter!(
        "pressure.cpu.some.us",
        "us",
        "time in which some task waited for a processor",
    ),
    counter!("pressure.cpu.full.us", "us", "time in which all tasks did"),
    counter!(
        "pressure.io.some.us",
        "us",
        "time in which some task waited for a disk",
    ),
    counter!("pressure.io.full.us", "us", "time in which all tasks did"),
    counter!(
        "pressure.memory.some.us",
        "us",
        "time in which some task waited for memory",
    ),
    counter!("pressure.memory.full.us", "us", "time in which all tasks did"),
    counter!(
        "pressure.irq.some.us",
        "us",
        "time in which some task waited for an interrupt to end",
    ),
    counter!("pressure.irq.full.us", "us", "time in which all tasks did"),
];

pub(super) fn take(host: &mut Host, sink: Sink) -> Result<(), Fault> {
    all(sink, &METRICS, host.pressure()?.as_flattened());
    Ok(())
}
