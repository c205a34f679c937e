//! File systems.

use super::table::{Metrics, metrics};
use super::{Sink, tell};
use crate::host::{Ask, Fault, FileSystem, Host};
use crate::num::Fixed;
use crate::pattern::{Choice, is_in_list};

/// Mount points that are left out, unless the user says which ones to take: those of containers.
pub(super) const IGNORED: &str = "/var/lib/docker/*,/var/lib/containers/*";

/// Types of file systems on disks and flash of this machine: asking them does not wait for others.
const ON_DISK: &str = "overlay,ext4,ext3,ext2,f2fs,jffs2,ubifs,yaffs2,yaffs,xfs,btrfs,bcachefs,zfs,vfat,msdos,exfat,\
                       ntfs,ntfs3,hfs,hfsplus,jfs,nilfs2,reiserfs,ufs,minix,udf,logfs";
/// On other machines, or in the hands of a process: patterns.
const MAY_WAIT: &str =
    "nfs*,cifs,smb*,fuse*,9p,ceph,afs,lustre,gfs*,ocfs2,autofs,virtiofs,coda,ncpfs,glusterfs,davfs";
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
    Gauge "disk.readonly" "" "1 if it is mounted read-only, or has become so, 0 otherwise";
};

pub(super) fn take(choice: Choice, host: &mut Host, sink: Sink) -> Result<(), Fault> {
    host.mounts(
        &|point, kind| ask(choice, point, kind),
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
pub(crate) fn ask(choice: Choice, point: &[u8], kind: &[u8]) -> Ask {
    let is_in = |types: &str| is_in_list(types.as_bytes(), kind);
    if !choice.wants(point, IGNORED.as_bytes()) {
        return if is_in(MAY_WAIT) {
            Ask::NeverAsItMayWait
        } else {
            Ask::Never
        };
    }
    let has_asked = choice.only.is_some();
    if choice.names(point) {
        Ask::Named
    } else if is_in(MAY_WAIT) {
        Ask::NeverAsItMayWait
    } else if is_in(ON_DISK)
        || (is_in(IMAGES) && has_asked)
        || (is_in(IN_MEMORY) && (has_asked || point == b"/tmp"))
    {
        Ask::Usual
    } else {
        Ask::Never
    }
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
        use Ask::{Named, Never, NeverAsItMayWait, Usual};
        let asked = |only: Option<&'static str>, point: &str, kind: &str| {
            let choice = Choice {
                only: only.map(str::as_bytes),
                ignore: b"/mnt/secret",
            };
            ask(choice, point.as_bytes(), kind.as_bytes())
        };
        for (point, kind, usually, by_pattern) in [
            ("/", "overlay", Usual, Usual),
            ("/overlay", "jffs2", Usual, Usual),
            ("/tmp", "tmpfs", Usual, Usual),
            ("/run", "tmpfs", Never, Usual),
            ("/rom", "squashfs", Never, Usual),
            ("/mnt/nas", "nfs4", NeverAsItMayWait, NeverAsItMayWait),
            ("/mnt/phone", "fuse.sshfs", NeverAsItMayWait, NeverAsItMayWait),
            ("/mnt/stick", "fuseblk", NeverAsItMayWait, NeverAsItMayWait),
            ("/proc", "proc", Never, Never),
            ("/mnt/new", "fs-of-tomorrow", Never, Never),
            ("/mnt/secret", "ext4", Never, Never),
            ("/mnt/secret", "nfs", NeverAsItMayWait, NeverAsItMayWait),
            ("/var/lib/docker/overlay2/x/merged", "overlay", Never, Usual),
        ] {
            assert_eq!(asked(None, point, kind), usually, "{point} {kind}");
            assert_eq!(asked(Some("/x,*"), point, kind), by_pattern, "{point} {kind}");
        }
        assert_eq!(asked(Some("/,/mnt/nas"), "/mnt/nas", "nfs4"), Named);
        assert_eq!(asked(Some("/mnt/n?s"), "/mnt/nas", "nfs4"), NeverAsItMayWait);
        assert_eq!(asked(Some("/mnt/secret"), "/mnt/secret", "ext4"), Never);
    }
}
