//! `/proc/pressure/*` (`Documentation/accounting/psi.rst`, since Linux 4.20):
//! `some avg10=0.00 avg60=0.00 avg300=0.00 total=1118547`.

use super::Host;
use crate::host::{Fault, RESOURCES};
use crate::num::parse_u64;
use crate::scan::fields;

impl Host {
    /// Microseconds in which some tasks, or all, waited for each of [`RESOURCES`].
    pub fn pressure(&mut self) -> Result<[[Option<u64>; 2]; RESOURCES], Fault> {
        let mut all = [[None; 2]; RESOURCES];
        for (file, [some, full]) in self.files.pressure.iter_mut().zip(&mut all) {
            let result = file.lines(&self.proc, &mut self.buffer, &mut |line| {
                let place = match fields(line).next() {
                    Some(b"some") => &mut *some,
                    Some(b"full") => &mut *full,
                    _ => return,
                };
                *place = fields(line).find_map(|field| parse_u64(field.strip_prefix(b"total=")?));
            });
            if result.is_ok() && some.is_none() && full.is_none() {
                return Err(file.lacks("no totals"));
            }
            result.or_else(Fault::unless_missing)?;
        }
        Ok(all)
    }
}
