//! `/proc/vmstat` (`proc(5)`): `pgfault 34124663`, a line each.

use super::{Host, names::Names};
use crate::host::Fault;
use crate::num::parse_u64;
use crate::scan::fields;

/// Faults, major faults, pages swapped in and out, and processes killed for want of memory.
const NAMES: Names<5> = Names([b"pgfault", b"pgmajfault", b"pswpin", b"pswpout", b"oom_kill"]);

impl Host {
    /// Counts since the start: page faults, those that read a disk, pages swapped in, pages
    /// swapped out, processes killed for want of memory (since Linux 4.13).
    pub fn vm(&mut self) -> Result<[Option<u64>; 5], Fault> {
        let mut counts = [None; 5];
        let file = &mut self.files.vmstat;
        file.lines(&self.proc, &mut self.buffer, &mut |line| {
            let mut fields = fields(line);
            if let Some(place) = NAMES.place(fields.next(), &mut counts) {
                *place = fields.next().and_then(parse_u64);
            }
        })?;
        if counts == [None; 5] {
            return Err(file.lacks("none of the counts"));
        }
        Ok(counts)
    }
}
