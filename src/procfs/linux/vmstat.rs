//! `/proc/vmstat` (`proc(5)`): `pgfault 34124663`, a line each.

use super::{
    Host, Source,
    names::{Names, names},
};
use crate::procfs::{Fault, Flaw, Values};

/// Counts since the start: page faults, those that read a disk, pages swapped in, pages swapped out,
/// processes killed for want of memory (since Linux 4.13).
const NAMES: Names = names![0: "pgfault" "pgmajfault" "pswpin" "pswpout" "oom_kill"];

impl Host {
    /// What memory management has had to do.
    pub fn vm(&mut self, values: &mut Values) -> Result<(), Fault> {
        self.files.read(Source::Vmstat, Flaw::NoCounts, &mut |line| {
            NAMES.take(line, values)
        })
    }
}
