//! `/proc/vmstat` (`proc(5)`): `pgfault 34124663`, a line each.

use super::{
    Host, Source,
    names::{Names, names},
};
use crate::host::{Fault, Flaw};
use crate::num::parse_u64;
use crate::scan::fields;

/// Faults, major faults, pages swapped in and out, and processes killed for want of memory.
const NAMES: Names<5> = names!["pgfault", "pgmajfault", "pswpin", "pswpout", "oom_kill"];

impl Host {
    /// Counts since the start: page faults, those that read a disk, pages swapped in, pages
    /// swapped out, processes killed for want of memory (since Linux 4.13).
    pub fn vm(&mut self) -> Result<[Option<u64>; 5], Fault> {
        let mut counts = [None; 5];
        let file = self.files.of(Source::Vmstat);
        file.lines(&self.proc, &mut self.buffer, &mut |line| {
            let mut fields = fields(line);
            if let Some(place) = NAMES.place(fields.next(), &mut counts) {
                *place = fields.next().and_then(parse_u64);
            }
        })?;
        if counts == [None; 5] {
            return Err(file.lacks(Flaw::NoCounts));
        }
        Ok(counts)
    }
}
