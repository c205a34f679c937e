//! Connections that the packet filter tracks (`Documentation/networking/nf_conntrack-sysctl.rst`); no sample where it
//! tracks none.

use super::metrics::metrics;
use super::{Context, FamilyValues};
use crate::procfs::{Files, ProcFile, ReadError};

metrics! {
    COUNT   Gauge "conntrack.count"   ""        "connections that the packet filter tracks";
    MAX     Gauge "conntrack.max"     ""        "maximum number of connections that the packet filter tracks";
    PERCENT Gauge "conntrack.percent" "percent" "tracked connections, percent of the maximum";
}

pub(super) fn collect(cx: &mut Context) -> Result<(), ReadError> {
    let mut values = FamilyValues::new();
    let result = read(&mut cx.host.files, &mut values);
    values.share(PERCENT, COUNT, MAX);
    cx.emitter.emit(&values);
    result.or_else(ReadError::unless_missing)
}

fn read(files: &mut Files, values: &mut FamilyValues) -> Result<(), ReadError> {
    values.read_columns(files, ProcFile::ConntrackCount, &[Some(COUNT)])?;
    values.read_columns(files, ProcFile::ConntrackMax, &[Some(MAX)])
}
