//! `/proc/pressure/*` (`Documentation/accounting/psi.rst`, since Linux 4.20):
//! `some avg10=0.00 avg60=0.00 avg300=0.00 total=1118547`.

use super::{Host, Source};
use crate::host::{Fault, Flaw, RESOURCES};
use crate::num::parse_u64;
use crate::scan::fields;

const FILES: [Source; RESOURCES] = [
    Source::PressureCpu,
    Source::PressureIo,
    Source::PressureMemory,
    Source::PressureIrq,
];

impl Host {
    /// Microseconds in which some tasks, or all, waited for each of [`RESOURCES`]; what cannot be read
    /// stays `None`.
    pub fn pressure(&mut self, all: &mut [[Option<u64>; 2]; RESOURCES]) -> Result<(), Fault> {
        let mut first = Ok(());
        for (source, [some, full]) in FILES.into_iter().zip(all) {
            let file = self.files.of(source);
            let result = file.lines(&self.proc, &mut self.buffer, &mut |line| {
                let place = match fields(line).next() {
                    Some(b"some") => &mut *some,
                    Some(b"full") => &mut *full,
                    _ => return,
                };
                *place = fields(line).find_map(|field| parse_u64(field.strip_prefix(b"total=")?));
            });
            let result = match result {
                Ok(()) if some.is_none() && full.is_none() => Err(file.lacks(Flaw::NoTotals)),
                result => result.or_else(Fault::unless_missing),
            };
            first = first.and(result);
        }
        first
    }
}
