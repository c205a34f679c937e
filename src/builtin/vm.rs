//! Paging.

use super::table::{Metric, counter};
use super::{Sink, all};
use crate::host::{Fault, Host};

pub(super) static METRICS: [Metric; 5] = [
    counter!("vm.pgfault", "", "page faults"),
    counter!("vm.pgmajfault", "", "page faults that had to read a disk"),
    counter!("vm.swap.in", "pages", "pages read from swap space"),
    counter!("vm.swap.out", "pages", "pages written to swap space"),
    counter!("vm.oom.kills", "", "processes killed for want of memory"),
];

pub(super) fn take(host: &mut Host, sink: Sink) -> Result<(), Fault> {
    all(sink, &METRICS, &host.vm()?);
    Ok(())
}
