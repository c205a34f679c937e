//! `/proc/pressure/*` (`Documentation/accounting/psi.rst`, since Linux 4.20):
//! `some avg10=0.00 avg60=0.00 avg300=0.00 total=1118547`.

use super::{
    Host, Source,
    names::{Names, names},
};
use crate::base::fields::fields;
use crate::procfs::{Fault, Flaw, Values};

/// Resources that tasks wait for: processors, disks, memory, interrupts.
const FILES: [Source; 4] = [
    Source::PressureCpu,
    Source::PressureIo,
    Source::PressureMemory,
    Source::PressureIrq,
];

/// Some tasks waited, or all.
const WAYS: Names = names![0: "some" "full"];

impl Host {
    /// Microseconds in which some tasks, and then all, waited for each of the resources.
    pub fn pressure(&mut self, values: &mut Values) -> Result<(), Fault> {
        let mut first = Ok(());
        for (number, source) in FILES.iter().enumerate() {
            let result = self.files.read(*source, Flaw::NoTotals, &mut |line| {
                let mut fields = fields(line);
                let Some(way) = fields.next().and_then(|name| WAYS.number(name)) else {
                    return false;
                };
                let total = fields.find_map(|field| field.strip_prefix(b"total="));
                values.parse(2 * number + way, total)
            });
            first = first.and(result.or_else(Fault::unless_missing));
        }
        first
    }
}
