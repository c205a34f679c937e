//! Limits of the kernel, and their use (`Documentation/admin-guide/sysctl`).

use super::metrics::metrics;
use super::{FamilyContext, SKIP};
use crate::procfs::{ProcFile, ReadError};

metrics! {
    FILES         Gauge "kernel.files.allocated" ""        "open files of all processes";
    FILES_MAX     Gauge "kernel.files.max"       ""        "maximum number of open files";
    ENTROPY       Gauge "kernel.entropy"         "bits"    "randomness in the kernel's pool";
    PIDS_MAX      Gauge "kernel.pids.max"        ""        "number that process identifiers stay below";
    FILES_PERCENT Gauge "kernel.files.percent"   "percent" "open files, percent of the maximum";
}

pub(super) fn collect(cx: &mut FamilyContext) -> Result<(), ReadError> {
    let (files, values) = (&mut cx.host.files, &mut cx.values);
    let open_files = values.read_columns(files, ProcFile::FileNr, &[Some(FILES), SKIP, Some(FILES_MAX)]);
    let entropy = values.read_columns(files, ProcFile::Entropy, &[Some(ENTROPY)]);
    let pids = values.read_columns(files, ProcFile::PidMax, &[Some(PIDS_MAX)]);
    values.share(FILES_PERCENT, FILES, FILES_MAX);
    open_files.and(entropy).and(pids)
}
