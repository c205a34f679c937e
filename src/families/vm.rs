//! Paging: `/proc/vmstat` (`proc(5)`), lines such as `pgfault 34124663`.

use super::metrics::metrics;
use super::{Context, FamilyValues};
use crate::base::fields::fields;
use crate::procfs::{Files, ProcFile, ReadError};

metrics! {
    FAULTS       Counter "vm.pgfault"    ""      "page faults" from "pgfault";
    MAJOR_FAULTS Counter "vm.pgmajfault" ""      "page faults that had to read a disk" from "pgmajfault";
    SWAP_IN      Counter "vm.swap.in"    "pages" "pages read from swap space" from "pswpin";
    SWAP_OUT     Counter "vm.swap.out"   "pages" "pages written to swap space" from "pswpout";
    OOM_KILLS    Counter "vm.oom.kills"  ""      "processes killed because memory ran out (Linux 4.13 and later)" from "oom_kill";
}

pub(super) fn collect(cx: &mut Context) -> Result<(), ReadError> {
    let mut values = FamilyValues::new();
    let result = read(&mut cx.host.files, &mut values);
    cx.emitter.emit(&values);
    result
}

fn read(files: &mut Files, values: &mut FamilyValues) -> Result<(), ReadError> {
    let mut lines = files.lines(ProcFile::Vmstat)?;
    while values.count() < KEYS.count()
        && let Some(line) = lines.next_line()?
    {
        let mut fields = fields(line);
        if let Some(id) = fields.next().and_then(|name| KEYS.find(name)) {
            values.set_u64(*id, fields.next_u64());
        }
    }
    lines.expect(values.count() > 0, "no counts")
}
