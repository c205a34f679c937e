//! Connections that the packet filter tracks (`Documentation/networking/nf_conntrack-sysctl.rst`); no sample where it
//! tracks none.

use super::FamilyContext;
use super::metrics::metrics;
use crate::procfs::{ProcFile, ReadError};

metrics! {
    COUNT   Gauge "conntrack.count"   ""        "connections that the packet filter tracks";
    MAX     Gauge "conntrack.max"     ""        "maximum number of connections that the packet filter tracks";
    PERCENT Gauge "conntrack.percent" "percent" "tracked connections, percent of the maximum";
}

pub(super) fn collect(cx: &mut FamilyContext) -> Result<(), ReadError> {
    let (files, values) = (&mut cx.host.files, &mut cx.values);
    let count = values.read_columns(files, ProcFile::ConntrackCount, &[Some(COUNT)]);
    let result = count.and_then(|()| values.read_columns(files, ProcFile::ConntrackMax, &[Some(MAX)]));
    values.share(PERCENT, COUNT, MAX);
    result.or_else(ReadError::unless_missing)
}
