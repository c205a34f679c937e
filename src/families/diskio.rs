//! Block devices: `/proc/diskstats` (`Documentation/admin-guide/iostats.rst`),
//! ` 254 0 vda 5231 2919 735410 2388 450 3430 257312 702 0 1128 3238 …`.

use super::metrics::metrics;
use super::{FamilyContext, FamilyEmitter, FamilyValues, MetricId, SKIP};
use crate::base::decimal::Fixed;
use crate::base::fields::fields;
use crate::base::text::hash;
use crate::procfs::{Limit, ProcFile, ReadError, ReadErrorKind};

/// Devices that have samples; of more, the first ones.
const DISKS_MAX: usize = 64;

/// Devices that are left out, like partitions, unless the user chooses others.
pub(super) const IGNORED: &str = "loop*,ram*,zram*,fd*,sr*";

metrics! {
    READS       Counter "diskio.read.ops"       ""        "reads from a block device (device=)";
    READ_BYTES  Counter "diskio.read.bytes"  "bytes"   "bytes read from a block device";
    READ_MS     Counter "diskio.read.ms"     "ms"      "time spent on reads from a block device, summed over all reads";
    WRITES      Counter "diskio.write.ops"      ""        "writes to a block device";
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
const SECTOR: u64 = 512;

/// Devices whose names are known.
const NAMES_MAX: usize = 256;

/// The last read, which the next one is compared with.
#[derive(Clone, Copy)]
pub(super) struct Disks {
    /// The key of each device, and the milliseconds in which it was busy.
    busy: [(u64, u64); DISKS_MAX],
    count: usize,
    /// Time of the read, in milliseconds.
    at: u64,
}

/// Hashes of the names of all devices that the file had so far, partitions too.
pub(super) struct Names {
    hashes: [u32; NAMES_MAX],
    count: usize,
}

impl Names {
    pub(super) const NONE: Self = Self {
        hashes: [0; NAMES_MAX],
        count: 0,
    };

    fn contains(&self, name: &[u8]) -> bool {
        let hash = hash(name);
        self.hashes.iter().take(self.count).any(|other| *other == hash)
    }

    fn add(&mut self, name: &[u8]) {
        if self.contains(name) {
            return;
        }
        if self.count == NAMES_MAX {
            self.count = 0;
        }
        self.hashes[self.count] = hash(name);
        self.count += 1;
    }
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
    let names = &mut cx.collector.memory.disk_names;
    let elapsed = disks.at.saturating_sub(before.at);
    let mut values = FamilyValues::NONE;
    let (mut was_found, mut are_too_many) = (false, false);
    let lines = cx.host.files.lines(ProcFile::Diskstats)?;
    while let Some(line) = lines.next_line() {
        let Some((name, device)) = parse(line, names, &mut values) else {
            continue;
        };
        was_found = true;
        if !is_wanted(&mut cx.emitter, name, names) {
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
        cx.emitter.emit(&[name], &values);
    }
    lines.finish(was_found)?;
    if are_too_many {
        let kind = ReadErrorKind::TooMany(Limit::Devices);
        return Err(ReadError::new(ProcFile::Diskstats, kind));
    }
    Ok(())
}

/// Parses a line, and adds the name of the device. Returns that name, and a key that identifies the device: the kernel's
/// number, which all hidden paths of `NVMe` share, and a hash of the name, which another device may get. Before Linux
/// 2.6.25 a partition has four numbers only: it is left out.
fn parse<'l>(line: &'l [u8], names: &mut Names, values: &mut FamilyValues) -> Option<(&'l [u8], u64)> {
    let mut fields = fields(line);
    let (major, minor) = (fields.next_u64(), fields.next_u64());
    let name = fields.next()?;
    names.add(name);
    // 12 and 20 bits.
    let number = major? << 20 | minor?;
    if values.set_columns(&mut fields, &COLUMNS) < COLUMNS.len() {
        return None;
    }
    values.multiply(READ_BYTES, SECTOR);
    values.multiply(WRITE_BYTES, SECTOR);
    Some((name, number << 32 | u64::from(hash(name))))
}

/// Returns whether the user wants the device. Partitions, whose disks are among these names, have to be asked for.
fn is_wanted(emitter: &mut FamilyEmitter, name: &[u8], names: &Names) -> bool {
    let is_partition = || disk_of(name).is_some_and(|disk| names.contains(disk));
    emitter.wants(name) && (emitter.filter.only.is_some() || !is_partition())
}

/// Returns the name of the disk that a device of this name is a partition of if there is one: `sda` of `sda1`, `mmcblk0` of
/// `mmcblk0p2`. The kernel puts a `p` between the number of a partition and a name that ends in a digit
/// (`block/partitions/core.c`).
fn disk_of(name: &[u8]) -> Option<&[u8]> {
    let mut disk = name;
    while let [head @ .., b'0'..=b'9'] = disk {
        disk = head;
    }
    if let [head @ .., b'p'] = disk
        && head.last().is_some_and(u8::is_ascii_digit)
    {
        disk = head;
    }
    Some(disk).filter(|disk| !disk.is_empty() && disk.len() < name.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::glob::Filter;
    use crate::families::tests::{Collected, Machine};
    use crate::families::{FAMILIES, find};

    #[test]
    fn utilisation_is_of_the_time_between_two_turns() {
        let mut machine = Machine::new("util");
        let mut share = |now: u64, device: u64, busy: u64| {
            machine.write(
                "diskstats",
                format!("8 {device} sda 1 1 1 1 1 1 1 1 0 {busy} 1\n"),
            );
            let mut samples = Collected::default();
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
        // In any order.
        let names = "sdb sdb2 nvme2n1p1 nvme2n1 sda sda1 sdaa sdaa15 vda vda2 xvda1 xvda2 xvdf xvdf1 dasda dasda1 mmcblk0 mmcblk0p1 \
                     mmcblk0boot0 nvme0c0n1 nvme0n1 nvme0n1p12 nvme1n1 mtdblock1 mtdblock12 dm-1 dm-10 md1 \
                     md1p1 md12 nbd3 nbd3p1 ubiblock0_0 sd s1 loop0 loop0p1 loop01 ram15 zram0 fd0 sr0";
        let wanted = |filter: Filter| {
            let mut emitter = FamilyEmitter {
                family,
                filter,
                emit: &mut |_| {},
                matched: None,
            };
            let mut known = Names::NONE;
            names.split(' ').for_each(|name| known.add(name.as_bytes()));
            let wanted = names
                .split(' ')
                .filter(|name| is_wanted(&mut emitter, name.as_bytes(), &known));
            wanted.collect::<Vec<_>>().join(" ")
        };
        let disks = "sdb nvme2n1 sda sdaa vda xvda1 xvda2 xvdf dasda mmcblk0 mmcblk0boot0 nvme0c0n1 nvme0n1 nvme1n1 \
                     mtdblock1 mtdblock12 dm-1 dm-10 md1 md12 nbd3 ubiblock0_0 sd s1";
        assert_eq!(wanted(Filter::default()), disks);
        let all = Filter {
            only: Some(b"*"),
            ignore: b"",
        };
        assert_eq!(wanted(all), names);
    }

    #[test]
    fn paths_with_one_number_are_told_apart_by_their_names() {
        let mut machine = Machine::new("paths");
        let mut shares = |now: u64| {
            machine.write(
                "diskstats",
                "0 0 nvme0c0n1 1 1 1 1 1 1 1 1 0 1000 1\n0 0 nvme1c1n1 1 1 1 1 1 1 1 1 0 900000 1\n",
            );
            let mut samples = Collected::default();
            machine.collect("diskio", now, &mut samples).unwrap();
            let shares = samples.0.iter().filter(|(name, ..)| *name == "diskio.util");
            shares.map(|(.., value)| *value).collect::<Vec<_>>()
        };
        assert_eq!(shares(1_000), []);
        assert_eq!(shares(2_000), [Fixed::new(0, 4); 2]);
    }

    #[test]
    fn line_has_eleven_numbers() {
        let mut values = FamilyValues::NONE;
        let mut names = Names::NONE;
        let line = b"   8       0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17";
        assert_eq!(
            parse(line, &mut names, &mut values),
            Some((b"sda".as_slice(), 8 << 52 | u64::from(hash(b"sda"))))
        );
        let found: Vec<_> = values.iter().map(|(_, value)| value.parts().0).collect();
        assert_eq!(found, [1, 3 * 512, 4, 5, 7 * 512, 8, 10, 9]);
        for bad in ["", "8 1 sda1 1 2 3 4", "8 0 sda 1 2 3 4 5 6 7 8 9 -1 11"] {
            assert!(
                parse(bad.as_bytes(), &mut names, &mut values).is_none(),
                "{bad:?}"
            );
        }
    }
}
