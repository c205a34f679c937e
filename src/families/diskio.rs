//! Block devices: `/proc/diskstats` (`Documentation/admin-guide/iostats.rst`),
//! ` 254 0 vda 5231 2919 735410 2388 450 3430 257312 702 0 1128 3238 …`.

use super::metrics::metrics;
use super::{FamilyContext, FamilyEmitter, FamilyValues, MetricId, SKIP};
use crate::base::decimal::Fixed;
use crate::base::fields::fields;
use crate::procfs::{ProcFile, ReadError, ReadErrorKind};

/// Devices that have samples; of more, the first ones.
const DISKS_MAX: usize = 64;

/// Devices that are left out, like partitions, unless the user chooses others.
pub(super) const IGNORED: &str = "loop*,ram*,zram*,fd*,sr*";

metrics! {
    READS       Counter "diskio.reads"       ""        "reads from a block device (device=)";
    READ_BYTES  Counter "diskio.read.bytes"  "bytes"   "bytes read from a block device";
    READ_MS     Counter "diskio.read.ms"     "ms"      "time spent on reads from a block device, summed over all reads";
    WRITES      Counter "diskio.writes"      ""        "writes to a block device";
    WRITE_BYTES Counter "diskio.write.bytes" "bytes"   "bytes written to a block device";
    WRITE_MS    Counter "diskio.write.ms"    "ms"      "time spent on writes to a block device, summed over all writes";
    BUSY_MS     Counter "diskio.busy.ms"     "ms"      "time in which a block device had requests to serve";
    IN_FLIGHT   Gauge   "diskio.inflight"    ""        "reads and writes that a block device has not completed";
    UTILISATION Gauge   "diskio.util"        "percent" "time in which a block device had requests to serve, percent of all time";
}

/// The metrics of the columns. Without one: merged reads and writes, and the time weighted by requests. On 32-bit
/// machines most columns go back to 0 at 2³².
#[rustfmt::skip]
const COLUMNS: [Option<MetricId>; 11] = [
    Some(READS), SKIP, Some(READ_BYTES), Some(READ_MS),
    Some(WRITES), SKIP, Some(WRITE_BYTES), Some(WRITE_MS),
    Some(IN_FLIGHT), Some(BUSY_MS), SKIP,
];

/// Bytes of a sector, whatever the device has.
const SECTOR: u32 = 512;

/// The last read, which the next one is compared with.
#[derive(Clone, Copy)]
pub(super) struct Disks {
    /// Each device, and the milliseconds in which it was busy.
    busy: [(u64, u64); DISKS_MAX],
    count: usize,
    /// Time of the read, in milliseconds.
    at: u64,
}

impl Disks {
    pub(super) const NONE: Self = Self {
        busy: [(0, 0); DISKS_MAX],
        count: 0,
        at: 0,
    };

    /// Returns the milliseconds in which the device was busy since this read; `None` if it was not there, or if its
    /// counter went back.
    fn busy_since(&self, device: u64, busy: u64) -> Option<u64> {
        let mut before = self.busy.iter().take(self.count);
        let (_, millis) = before.find(|(other, _)| *other == device)?;
        busy.checked_sub(*millis)
    }
}

pub(super) fn collect(cx: &mut FamilyContext) -> Result<(), ReadError> {
    let mut disks = Disks {
        at: cx.collector.now,
        ..Disks::NONE
    };
    let result = collect_disks(cx, &mut disks);
    cx.collector.memory.disks = disks;
    match result {
        // A router may have only flash, which is no block device.
        Err(error) if error.kind == ReadErrorKind::Empty => Ok(()),
        result => result.or_else(ReadError::unless_missing),
    }
}

fn collect_disks(cx: &mut FamilyContext, disks: &mut Disks) -> Result<(), ReadError> {
    let before = &cx.collector.memory.disks;
    let elapsed = disks.at.saturating_sub(before.at);
    let mut values = FamilyValues::new();
    let (mut was_found, mut are_too_many) = (false, false);
    let mut lines = cx.host.files.lines(ProcFile::Diskstats)?;
    while let Some(line) = lines.next_line()? {
        let Some((name, device)) = parse(line, &mut values) else {
            continue;
        };
        was_found = true;
        if !is_wanted(&cx.emitter, name) {
            continue;
        }
        let Some(slot) = disks.busy.get_mut(disks.count) else {
            are_too_many = true;
            continue;
        };
        let busy = values.get_u64(BUSY_MS).unwrap_or_default();
        *slot = (device, busy);
        disks.count += 1;
        let share = before
            .busy_since(device, busy)
            .and_then(|busy| Fixed::percent(busy, elapsed));
        values.set(UTILISATION, share);
        cx.emitter.emit_instance(&[(b"device=", name)], &values);
    }
    lines.expect(was_found, "no block device")?;
    if are_too_many {
        return Err(ReadError::too_many(ProcFile::Diskstats, "more than 64 devices"));
    }
    Ok(())
}

/// Parses a line: the name of the device, and the kernel's number for it. Before Linux 2.6.25 a partition has four
/// numbers only: it is left out.
fn parse<'l>(line: &'l [u8], values: &mut FamilyValues) -> Option<(&'l [u8], u64)> {
    let mut fields = fields(line);
    let (major, minor) = (fields.next_u64()?, fields.next_u64()?);
    let name = fields.next()?;
    if values.set_columns(&mut fields, &COLUMNS) < COLUMNS.len() {
        return None;
    }
    values.multiply(READ_BYTES, SECTOR);
    values.multiply(WRITE_BYTES, SECTOR);
    Some((name, major << 32 | minor))
}

/// Returns whether the user wants the device. Partitions have to be asked for.
fn is_wanted(emitter: &FamilyEmitter, name: &[u8]) -> bool {
    emitter.wants(name) && (emitter.filter.only.is_some() || !is_partition(name))
}

/// Returns whether the device is a partition: `sda1`, `mmcblk0p2`, `nvme0n1p1`, but not `mtdblock1`, `dm-0`, `md127`, `mmcblk0boot0`. The kernel puts a
/// `p` between the number of a partition and a name that ends in a digit (`block/partitions/core.c`).
fn is_partition(name: &[u8]) -> bool {
    let mut disk = name;
    while let [head @ .., b'0'..=b'9'] = disk {
        disk = head;
    }
    match disk {
        _ if disk.len() == name.len() => false,
        [.., b'0'..=b'9', b'p'] => true,
        [b's' | b'h' | b'v', b'd', letters @ ..] | [b'x', b'v', b'd', letters @ ..] => {
            !letters.is_empty() && letters.iter().all(u8::is_ascii_lowercase)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::glob::Filter;
    use crate::families::tests::{Machine, Samples};
    use crate::families::{Discard, FAMILIES, find};

    #[test]
    fn utilisation_is_of_the_time_between_two_turns() {
        let mut machine = Machine::new("util");
        let mut share = |now: u64, device: u64, busy: u64| {
            machine.write(
                "diskstats",
                format!("8 {device} sda 1 1 1 1 1 1 1 1 0 {busy} 1\n"),
            );
            let mut samples = Samples::default();
            machine.collect("diskio", now, &mut samples).unwrap();
            samples.value("diskio.util")
        };
        let percent = |percent: u64| Some(Fixed::new(percent * 10_000, 4));
        assert_eq!(share(1_000, 0, 500), None, "the first turn");
        assert_eq!(share(2_000, 0, 750), percent(25));
        assert_eq!(share(4_000, 0, 1_750), percent(50));
        assert_eq!(share(5_000, 0, 9_750), percent(100), "more than there was");
        assert_eq!(share(6_000, 0, 9_000), None, "it went back");
        assert_eq!(share(7_000, 0, 9_000), percent(0));
        assert_eq!(share(8_000, 1, 9_000), None, "another disk of that name");
    }

    #[test]
    fn partitions_and_memory_devices_are_left_out_by_default() {
        let family = &FAMILIES[find(b"diskio", false).unwrap()];
        let wants = |filter: Filter, name: &[u8]| {
            let emitter = FamilyEmitter {
                metrics: METRICS,
                filter,
                ignored: family.ignored.unwrap(),
                emitter: &mut Discard,
            };
            is_wanted(&emitter, name)
        };
        let usual = |name: &str| wants(Filter::default(), name.as_bytes());
        for disk in [
            "sda",
            "sdaa",
            "vda",
            "xvda",
            "hda",
            "mmcblk0",
            "mmcblk0boot0",
            "nvme0n1",
            "mtdblock0",
            "mtdblock12",
            "dm-0",
            "md0",
            "md127",
            "nbd3",
            "ubiblock0_0",
            "bcache0",
            "sd",
            "s1",
        ] {
            assert!(usual(disk), "{disk}");
        }
        for other in [
            "sda1",
            "sdaa15",
            "vda2",
            "xvda1",
            "hda4",
            "mmcblk0p1",
            "nvme0n1p12",
            "md0p1",
            "nbd3p1",
            "loop0",
            "loop0p1",
            "ram15",
            "zram0",
            "fd0",
            "sr0",
        ] {
            assert!(!usual(other), "{other}");
        }
        let all = Filter {
            only: Some(b"*"),
            ignore: b"",
        };
        assert!(wants(all, b"sda1") && wants(all, b"loop0"));
    }

    #[test]
    fn line_has_eleven_numbers() {
        let mut values = FamilyValues::new();
        let line = b"   8       0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17";
        assert_eq!(parse(line, &mut values), Some((b"sda".as_slice(), 8 << 32)));
        let found: Vec<_> = values.iter().map(|(_, value)| value.parts().0).collect();
        assert_eq!(found, [1, 3 * 512, 4, 5, 7 * 512, 8, 10, 9]);
        for bad in ["", "8 1 sda1 1 2 3 4", "8 0 sda 1 2 3 4 5 6 7 8 9 -1 11"] {
            assert!(parse(bad.as_bytes(), &mut values).is_none(), "{bad:?}");
        }
    }
}
