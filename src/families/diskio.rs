//! What block devices do.

use super::table::{Metrics, metrics};
use super::{Builtin, Out};
use crate::base::decimal::Fixed;
use crate::procfs::{Fault, Flaw, Host, Source, Take, Values};

/// Devices that have samples; of more, the first ones.
const DISKS_MAX: usize = 64;

/// Devices that are left out, and partitions, unless the user says which ones to take.
pub(super) const IGNORED: &str = "loop*,ram*,zram*,fd*,sr*";

pub(super) static METRICS: Metrics = metrics! {
    Counter "diskio.reads" "" "reads from a block device (device=)";
    Counter "diskio.read.bytes" "bytes" "read from it";
    Counter "diskio.read.ms" "ms" "time that all reads took, each counted";
    Counter "diskio.writes" "" "writes to it";
    Counter "diskio.write.bytes" "bytes" "written to it";
    Counter "diskio.write.ms" "ms" "time that all writes took, each counted";
    Counter "diskio.busy.ms" "ms" "time in which it had something to do";
    Gauge "diskio.inflight" "" "reads and writes under way";
    Gauge "diskio.util" "percent" "share of the time in which it had something to do";
};

/// Where the metrics stand in the table.
const BUSY: usize = 6;
const SHARE: usize = 8;

/// The last read, which the next one is compared with.
#[derive(Clone, Copy)]
pub(super) struct Disks {
    /// Device, and the time in which it was busy.
    before: [(u64, u64); DISKS_MAX],
    count: usize,
    /// When that was, in milliseconds.
    at: u64,
}

impl Disks {
    pub(super) const NONE: Self = Self {
        before: [(0, 0); DISKS_MAX],
        count: 0,
        at: 0,
    };

    /// Milliseconds in which the device was busy since the last read; none if it was not there, or if
    /// its count went back.
    fn busy(&self, device: u64, busy: u64) -> Option<u64> {
        let mut before = self.before.iter().take(self.count);
        let (_, millis) = before.find(|(other, _)| *other == device)?;
        busy.checked_sub(*millis)
    }
}

pub(super) fn take(all: &mut Builtin, host: &mut Host, out: &mut Out, _: &mut Values) -> Result<(), Fault> {
    let (before, now) = (&all.memory.disks, all.now);
    let elapsed = now.saturating_sub(before.at);
    let mut after = Disks {
        at: now,
        ..Disks::NONE
    };
    let mut is_over = false;
    out.key = b"device=";
    let result = host.disks(&mut |name, device, values| {
        if !is_wanted(out, name) {
            return;
        }
        let Some(place) = after.before.get_mut(after.count) else {
            is_over = true;
            return;
        };
        let busy = values.whole(BUSY).unwrap_or_default();
        *place = (device, busy);
        after.count += 1;
        let share = before
            .busy(device, busy)
            .and_then(|busy| Fixed::percent(busy, elapsed));
        values.set(SHARE, share);
        out.take(name, values);
    });
    all.memory.disks = after;
    result.or_else(Fault::unless_missing)?;
    if is_over {
        return Err(Flaw::Disks.of(Source::Diskstats));
    }
    Ok(())
}

/// A partition is, only if it is asked for.
fn is_wanted(out: &Out, name: &[u8]) -> bool {
    out.wants(name) && (out.choice.only.is_some() || !is_partition(name))
}

/// `sda1`, `mmcblk0p2`, `nvme0n1p1`, but not `mtdblock1`, `dm-0`, `md127`, `mmcblk0boot0`. The kernel puts a
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
    use crate::base::glob::Choice;
    use crate::families::{FAMILIES, Memory, Own, Wishes, find};
    use crate::procfs;

    #[test]
    fn the_share_is_of_the_time_between_two_turns() {
        let folder = std::env::temp_dir().join(format!("mini-monitor-util-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mut host = Host::open(
            folder.to_str().unwrap().as_bytes(),
            b"/nowhere",
            Box::leak(Box::new(procfs::Memory::EMPTY)),
        )
        .unwrap();
        let mut all = Builtin::new(Box::leak(Box::new(Memory::EMPTY)));
        let mut share = |now: u64, device: u64, busy: u64| {
            let line = format!("8 {device} sda 1 1 1 1 1 1 1 1 0 {busy} 1\n");
            std::fs::write(folder.join("diskstats"), line).unwrap();
            let mut found = None;
            let mut sink = |sample: crate::families::Sample| {
                if sample.metric.name == "diskio.util" {
                    found = Some(sample.value);
                }
            };
            let family = find(b"diskio", false).unwrap();
            all.begin_turn(&mut host, now, Own::default());
            all.take(family, &mut host, Wishes::default(), &mut sink).unwrap();
            found
        };
        let percent = |percent: u64| Some(Fixed::new(percent * 10_000, 4));
        assert_eq!(share(1_000, 0, 500), None, "the first turn");
        assert_eq!(share(2_000, 0, 750), percent(25));
        assert_eq!(share(4_000, 0, 1_750), percent(50));
        assert_eq!(share(5_000, 0, 9_750), percent(100), "more than there was");
        assert_eq!(share(6_000, 0, 9_000), None, "it went back");
        assert_eq!(share(7_000, 0, 9_000), percent(0));
        assert_eq!(share(8_000, 1, 9_000), None, "another disk of that name");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn partitions_and_memory_are_left_out_unless_asked_for() {
        let family = &FAMILIES[find(b"diskio", false).unwrap()];
        let wants = |choice: Choice, name: &[u8]| {
            let mut sink = |_: crate::families::Sample| {};
            is_wanted(&Out::new(family, Wishes::default(), choice, &mut sink), name)
        };
        let usual = |name: &str| wants(Choice::default(), name.as_bytes());
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
        let all = Choice {
            only: Some(b"*"),
            ignore: b"",
        };
        assert!(wants(all, b"sda1") && wants(all, b"loop0"));
    }
}
