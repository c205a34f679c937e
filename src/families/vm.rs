//! Paging: `/proc/vmstat` (`proc(5)`), lines such as `pgfault 34124663`.

use super::metrics::metrics;
use super::{FamilyContext, FamilyValues};
use crate::procfs::{ProcFile, ReadError, page_size};

metrics! {
    FAULTS       Counter "vm.pgfault"    ""      "page faults" from "pgfault";
    MAJOR_FAULTS Counter "vm.pgmajfault" ""      "page faults that had to read a disk" from "pgmajfault";
    SWAP_IN      Counter "vm.swap.in"    "bytes" "memory read from swap space" from "pswpin";
    SWAP_OUT     Counter "vm.swap.out"   "bytes" "memory written to swap space" from "pswpout";
    OOM_KILLS    Counter "vm.oom.kills"  ""      "processes killed because memory ran out (Linux 4.13 and later)" from "oom_kill";
}

pub(super) fn collect(cx: &mut FamilyContext) -> Result<(), ReadError> {
    let values = &mut cx.values;
    let parse = |line: &[u8], values: &mut FamilyValues| values.set_named(&KEYS, line);
    let lines = values.read_lines(&mut cx.host.files, ProcFile::Vmstat, KEYS.count(), parse)?;
    // The kernel counts pages.
    for id in [SWAP_IN, SWAP_OUT] {
        values.multiply(id, page_size());
    }
    lines.finish(values.count() > 0)
}
