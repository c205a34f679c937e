//! Pressure stall information: `/proc/pressure/*` (`Documentation/accounting/psi.rst`, since Linux 4.20), lines such as
//! `some avg10=0.00 avg60=0.00 avg300=0.00 total=1118547`.

use super::metrics::metrics;
use super::{FamilyContext, FamilyValues, MetricId};
use crate::base::decimal::parse_u64;
use crate::base::fields::fields;
use crate::procfs::{Files, ProcFile, ReadError};

metrics! {
    CPU_SOME    Counter "pressure.cpu.some.us"    "us" "time in which at least one task waited for a processor";
    CPU_FULL    Counter "pressure.cpu.full.us"    "us" "time in which all tasks waited for a processor";
    IO_SOME     Counter "pressure.io.some.us"     "us" "time in which at least one task waited for a disk";
    IO_FULL     Counter "pressure.io.full.us"     "us" "time in which all tasks waited for a disk";
    MEMORY_SOME Counter "pressure.memory.some.us" "us" "time in which at least one task waited for memory";
    MEMORY_FULL Counter "pressure.memory.full.us" "us" "time in which all tasks waited for memory";
    IRQ_SOME    Counter "pressure.irq.some.us"    "us" "time in which at least one task waited for an interrupt to end";
    IRQ_FULL    Counter "pressure.irq.full.us"    "us" "time in which all tasks waited for an interrupt to end";
}

/// The file of each resource, and the metrics of its lines `some` and `full`.
const RESOURCES: [(ProcFile, MetricId, MetricId); 4] = [
    (ProcFile::PressureCpu, CPU_SOME, CPU_FULL),
    (ProcFile::PressureIo, IO_SOME, IO_FULL),
    (ProcFile::PressureMemory, MEMORY_SOME, MEMORY_FULL),
    (ProcFile::PressureIrq, IRQ_SOME, IRQ_FULL),
];

pub(super) fn collect(cx: &mut FamilyContext) -> Result<(), ReadError> {
    let mut result = Ok(());
    for (file, some, full) in RESOURCES {
        let read = read(&mut cx.host.files, file, some, full, &mut cx.values);
        result = result.and(read.or_else(ReadError::unless_missing));
    }
    result
}

fn read(
    files: &mut Files,
    file: ProcFile,
    some: MetricId,
    full: MetricId,
    values: &mut FamilyValues,
) -> Result<(), ReadError> {
    let mut was_found = false;
    let lines = files.lines(file)?;
    while let Some(line) = lines.next_line() {
        let mut fields = fields(line);
        let id = match fields.next() {
            Some(b"some") => some,
            Some(b"full") => full,
            _ => continue,
        };
        let total = fields.find_map(|field| field.strip_prefix(b"total="));
        values.set_u64(id, total.and_then(parse_u64));
        was_found |= values.get(id).is_some();
    }
    lines.finish(was_found)
}
