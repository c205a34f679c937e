//! Paging.

use super::table::{Metrics, metrics};
use super::{Builtin, Out};
use crate::procfs::{Fault, Host, Values};

pub(super) static METRICS: Metrics = metrics! {
    Counter "vm.pgfault" "" "page faults";
    Counter "vm.pgmajfault" "" "page faults that had to read a disk";
    Counter "vm.swap.in" "pages" "pages read from swap space";
    Counter "vm.swap.out" "pages" "pages written to swap space";
    Counter "vm.oom.kills" "" "processes killed for want of memory";
};

pub(super) fn take(_: &mut Builtin, host: &mut Host, _: &mut Out, values: &mut Values) -> Result<(), Fault> {
    host.vm(values)
}
