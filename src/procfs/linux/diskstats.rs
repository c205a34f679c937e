//! `/proc/diskstats` (`Documentation/admin-guide/iostats.rst`):
//! ` 254 0 vda 5231 2919 735410 2388 450 3430 257312 702 0 1128 3238 …`.

use super::row::{NO, row};
use super::{Host, Source};
use crate::base::decimal::parse_u64;
use crate::base::fields::fields;
use crate::procfs::{Fault, Flaw, Values};

/// The metrics of the columns: reads that are done, that were merged, sectors read, milliseconds that all reads
/// took, each counted; the same of writes; reads and writes under way, milliseconds in which there was
/// something to do, and those once more for each read and write.
const COLUMNS: [u8; 11] = [0, NO, 1, 2, 3, NO, 4, 5, 7, 6, NO];
const READ_BYTES: usize = 1;
const WRITTEN_BYTES: usize = 4;
/// Bytes of a sector, whatever the device has.
const SECTOR: u32 = 512;

/// Takes a block device's name, the kernel's number for it, and its values.
pub(super) type TakeDisk<'t> = &'t mut dyn FnMut(&[u8], u64, &mut Values);

impl Host {
    /// Hands over each block device, in the kernel's order: its counts since the start. On 32-bit machines,
    /// most of them go back to 0 at 2³².
    pub fn disks(&mut self, take: TakeDisk) -> Result<(), Fault> {
        let mut values = Values::default();
        let result = self.files.read(Source::Diskstats, Flaw::NoDisk, &mut |line| {
            let disk = parse(line, &mut values);
            if let Some((name, device)) = disk {
                take(name, device, &mut values);
            }
            disk.is_some()
        });
        match result {
            // A router may have flash alone, which is no block device.
            Err(fault) if fault.is(Flaw::Empty) => Ok(()),
            result => result,
        }
    }
}

/// Before Linux 2.6.25 a partition has four numbers only: it is left out.
fn parse<'l>(line: &'l [u8], values: &mut Values) -> Option<(&'l [u8], u64)> {
    let mut fields = fields(line);
    let (major, minor) = (parse_u64(fields.next()?)?, parse_u64(fields.next()?)?);
    let name = fields.next()?;
    if row(&mut fields, &COLUMNS, values) < COLUMNS.len() {
        return None;
    }
    values.multiply(READ_BYTES, SECTOR);
    values.multiply(WRITTEN_BYTES, SECTOR);
    Some((name, major << 32 | minor))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_eleven_numbers_count_and_fewer_are_none() {
        let mut values = Values::default();
        let line = b"   8       0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17";
        assert_eq!(parse(line, &mut values), Some((b"sda".as_slice(), 8 << 32)));
        let found: Vec<_> = (0..8).map_while(|number| values.whole(number)).collect();
        assert_eq!(found, [1, 3 * 512, 4, 5, 7 * 512, 8, 10, 9]);
        for bad in ["", "8 1 sda1 1 2 3 4", "8 0 sda 1 2 3 4 5 6 7 8 9 -1 11"] {
            assert!(parse(bad.as_bytes(), &mut values).is_none(), "{bad:?}");
        }
    }
}
