//! Paging: `/proc/vmstat` (`proc(5)`), lines such as `pgfault 34124663`.

use super::FamilyContext;
use super::metrics::metrics;
use crate::base::fields::fields;
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
    let lines = cx.host.files.lines(ProcFile::Vmstat)?;
    while values.count() < KEYS.count()
        && let Some(line) = lines.next_line()
    {
        let mut fields = fields(line);
        if let Some(id) = fields.next().and_then(|name| KEYS.find(name)) {
            values.set_u64(*id, fields.next_u64());
        }
    }
    // The kernel counts pages.
    for id in [SWAP_IN, SWAP_OUT] {
        values.multiply(id, page_size());
    }
    lines.finish(values.count() > 0)
}
