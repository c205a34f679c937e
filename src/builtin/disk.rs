//! File systems.

use super::table::{Metrics, metrics};
use super::{Sink, tell};
use crate::host::{Fault, FileSystem, Host};
use crate::num::Fixed;
use crate::pattern::{Choice, items};

/// Mount points that are left out, unless the user says which ones to take: those of containers.
pub(super) const IGNORED: &str = "/var/lib/docker/*,/var/lib/containers/*";

/// Types of file systems on disks and flash of this machine: asking them does not wait for others.
const ON_DISK: &str = "overlay,ext4,ext3,ext2,f2fs,jffs2,ubifs,yaffs2,yaffs,xfs,btrfs,bcachefs,zfs,vfat,msdos,exfat,\
                       ntfs,ntfs3,hfs,hfsplus,jfs,nilfs2,reiserfs,ufs,minix,udf,logfs";
/// In memory.
const IN_MEMORY: &str = "tmpfs,ramfs";
/// Images that nobody can write to: always full.
const IMAGES: &str = "squashfs,erofs,cramfs,romfs,iso9660";

pub(super) static METRICS: Metrics = metrics! {
    Gauge "disk.total" "bytes" "size of a file system (mount=, fstype=)";
    Gauge "disk.usage" "bytes" "used on it";
    Gauge "disk.free" "bytes" "what users can still use";
    Gauge "disk.percent" "percent" "used of what users can use, as df has it";
    Gauge "disk.inodes.total" "" "files that it can hold, where that is fixed";
    Gauge "disk.inodes.used" "" "files that it holds";
    Gauge "disk.inodes.percent" "percent" "used of total";
    Gauge "disk.readonly" "" "1 if nobody can write to it, 0 otherwise";
};

pub(super) fn take(choice: Choice, host: &mut Host, sink: Sink) -> Result<(), Fault> {
    host.mounts(
        &|point, kind| wants(choice, point, kind),
        &mut |point, kind, sizes| {
            tell(
                sink,
                &METRICS,
                0,
                &[("mount", point), ("fstype", kind)],
                &values(&sizes),
            );
        },
    )
}

/// One that may wait for others, as those of a network do, is asked only if the user has named it. So
/// is what holds no files of its own, such as `/proc`.
pub(crate) fn wants(choice: Choice, point: &[u8], kind: &[u8]) -> bool {
    let is_in = |types: &str| items(types.as_bytes()).any(|known| known == kind);
    let is_local = if is_in(ON_DISK) {
        true
    } else if is_in(IN_MEMORY) {
        choice.only.is_some() || point == b"/tmp"
    } else {
        choice.only.is_some() && is_in(IMAGES)
    };
    choice.wants(point, IGNORED.as_bytes()) && (is_local || choice.names(point))
}

fn values(sizes: &FileSystem) -> [Option<Fixed>; 8] {
    let used = sizes.blocks.saturating_sub(sizes.free);
    let inodes = Some(sizes.inodes).filter(|inodes| *inodes > 0);
    let inodes_used = inodes.map(|inodes| inodes.saturating_sub(sizes.inodes_free));
    let bytes = |blocks: u64| blocks.checked_mul(sizes.unit).map(Fixed::whole);
    [
        bytes(sizes.blocks),
        bytes(used),
        bytes(sizes.available),
        share(sizes, used),
        inodes.map(Fixed::whole),
        inodes_used.map(Fixed::whole),
        inodes_used.and_then(|used| Fixed::percent(used, sizes.inodes)),
        Some(Fixed::whole(u64::from(sizes.is_read_only))),
    ]
}

/// As `df` has it: blocks reserved for root count neither as used nor as free.
fn share(sizes: &FileSystem, used: u64) -> Option<Fixed> {
    Fixed::percent(used, used.checked_add(sizes.available)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_blocks_are_left_out_of_the_share() {
        let sizes = FileSystem {
            unit: 4096,
            blocks: 1000,
            free: 500,
            available: 450,
            inodes: 0,
            inodes_free: 0,
            is_read_only: true,
        };
        let values = values(&sizes);
        assert_eq!(values[3], Some(Fixed::new(526_316, 4)));
        assert_eq!(values[4..7], [None; 3]);
        assert_eq!(values[7], Some(Fixed::whole(1)));
        assert_eq!(share(&FileSystem::default(), 0), None);
    }

    #[test]
    fn what_may_wait_for_others_is_asked_only_by_its_name() {
        let wanted = |only: Option<&'static str>, point: &str, kind: &str| {
            let choice = Choice {
                only: only.map(str::as_bytes),
                ignore: b"/mnt/secret",
            };
            wants(choice, point.as_bytes(), kind.as_bytes())
        };
        for (point, kind, usually, by_pattern) in [
            ("/", "overlay", true, true),
            ("/overlay", "jffs2", true, true),
            ("/tmp", "tmpfs", true, true),
            ("/run", "tmpfs", false, true),
            ("/rom", "squashfs", false, true),
            ("/mnt/nas", "nfs4", false, false),
            ("/mnt/phone", "fuse.sshfs", false, false),
            ("/mnt/stick", "fuseblk", false, false),
            ("/proc", "proc", false, false),
            ("/mnt/new", "fs-of-tomorrow", false, false),
            ("/mnt/secret", "ext4", false, false),
            ("/var/lib/docker/overlay2/x/merged", "overlay", false, true),
        ] {
            assert_eq!(wanted(None, point, kind), usually, "{point} {kind}");
            assert_eq!(wanted(Some("/x,*"), point, kind), by_pattern, "{point} {kind}");
        }
        assert!(wanted(Some("/,/mnt/nas"), "/mnt/nas", "nfs4"));
        assert!(!wanted(Some("/mnt/n?s"), "/mnt/nas", "nfs4"));
        assert!(!wanted(Some("/mnt/secret"), "/mnt/secret", "ext4"));
    }
}
