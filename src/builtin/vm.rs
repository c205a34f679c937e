//! Paging.

use super::table::{Metrics, metrics};
use super::{Sink, tell_whole};
use crate::host::{Fault, Host};

pub(super) static METRICS: Metrics = metrics! {
    Counter "vm.pgfault" "" "page faults";
    Counter "vm.pgmajfault" "" "page faults that had to read a disk";
    Counter "vm.swap.in" "pages" "pages read from swap space";
    Counter "vm.swap.out" "pages" "pages written to swap space";
    Counter "vm.oom.kills" "" "processes killed for want of memory";
};

pub(super) fn take(host: &mut Host, sink: Sink) -> Result<(), Fault> {
    tell_whole(sink, &METRICS, 0, &host.vm()?);
    Ok(())
}
