//! `/proc/diskstats` (`Documentation/admin-guide/iostats.rst`):
//! ` 254 0 vda 5231 2919 735410 2388 450 3430 257312 702 0 1128 3238 …`.

use super::{Host, Source};
use crate::host::{Disk, Fault, Flaw, Trouble};
use crate::num::parse_u64;
use crate::scan::fields;

/// Bytes of a sector, whatever the device has.
const SECTOR: u64 = 512;

impl Host {
    /// Hands over the name and the counts of each block device, in the kernel's order.
    pub fn disks(&mut self, take: &mut dyn FnMut(&[u8], Disk)) -> Result<(), Fault> {
        let mut is_empty = true;
        let file = self.files.of(Source::Diskstats);
        let result = file.lines(&self.proc, &mut self.buffer, &mut |line| {
            if let Some((name, disk)) = parse(line) {
                is_empty = false;
                take(name, disk);
            }
        });
        match result {
            // A router may have flash alone, which is no block device.
            Err(fault) if fault.trouble == Trouble::Content(Flaw::Empty) => Ok(()),
            Ok(()) if is_empty => Err(file.lacks(Flaw::NoDisk)),
            result => result,
        }
    }
}

/// Before Linux 2.6.25 a partition has four numbers only: it is left out.
fn parse(line: &[u8]) -> Option<(&[u8], Disk)> {
    let mut fields = fields(line);
    let (major, minor) = (parse_u64(fields.next()?)?, parse_u64(fields.next()?)?);
    let name = fields.next()?;
    let mut counts = [0; 11];
    for count in &mut counts {
        *count = parse_u64(fields.next()?)?;
    }
    let [
        reads,
        _,
        read_sectors,
        read_millis,
        writes,
        _,
        written_sectors,
        write_millis,
        in_flight,
        busy_millis,
        _,
    ] = counts;
    let disk = Disk {
        device: major << 32 | minor,
        reads,
        read_bytes: read_sectors.checked_mul(SECTOR),
        read_millis,
        writes,
        written_bytes: written_sectors.checked_mul(SECTOR),
        write_millis,
        busy_millis,
        in_flight,
    };
    Some((name, disk))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_eleven_numbers_count_and_fewer_are_none() {
        let line = b"   8       0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17";
        let (name, disk) = parse(line).unwrap();
        assert_eq!(name, b"sda");
        let expected = Disk {
            device: 8 << 32,
            reads: 1,
            read_bytes: Some(3 * 512),
            read_millis: 4,
            writes: 5,
            written_bytes: Some(7 * 512),
            write_millis: 8,
            in_flight: 9,
            busy_millis: 10,
        };
        assert_eq!(disk, expected);
        for bad in ["", "8 1 sda1 1 2 3 4", "8 0 sda 1 2 3 4 5 6 7 8 9 -1 11"] {
            assert!(parse(bad.as_bytes()).is_none(), "{bad:?}");
        }
    }
}
