//! File systems.

use super::metrics::metrics;
use super::{Context, FamilyValues};
use crate::base::glob::{Choice, is_in_list};
use crate::procfs::{Ask, FileSystem, ReadError};

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

static CLASSES: [&str; 4] = [MAY_WAIT, ON_DISK, IMAGES, IN_MEMORY];

metrics! {
    TOTAL          Gauge "disk.total"          "bytes"   "size of a file system (mount=, fstype=)";
    USED           Gauge "disk.usage"          "bytes"   "used bytes of a file system";
    FREE           Gauge "disk.free"           "bytes"   "bytes of a file system that users can still use";
    PERCENT        Gauge "disk.percent"        "percent" "used bytes of a file system, percent of what users can use, like df";
    INODES         Gauge "disk.inodes.total"   ""        "maximum number of files of a file system, if it is fixed";
    INODES_USED    Gauge "disk.inodes.used"    ""        "files of a file system";
    INODES_PERCENT Gauge "disk.inodes.percent" "percent" "files of a file system, percent of the maximum";
    READ_ONLY      Gauge "disk.readonly"       ""        "1 if a file system is read-only, or has become so after an error, 0 otherwise";
}

pub(super) fn collect(cx: &mut Context) -> Result<(), ReadError> {
    let filter = cx.emitter.filter;
    cx.host.mounts(
        &|point, kind| ask(filter, point, kind),
        &mut |point, kind, sizes, is_read_only| {
            let mut values = FamilyValues::new();
            set(&mut values, sizes);
            values.set_u64(READ_ONLY, is_read_only.map(u64::from));
            let tags: [(&[u8], &[u8]); 2] = [(b"mount=", point), (b"fstype=", kind)];
            cx.emitter.emit_instance(&tags, &values);
        },
    )
}

/// One that may wait for others, as those of a network do, is asked only if the user has named it. So
/// is what holds no files of its own, such as `/proc`.
pub(crate) fn ask(choice: Choice, point: &[u8], kind: &[u8]) -> Ask {
    let is_wanted = || choice.wants(point, IGNORED.as_bytes());
    if choice.names(point) && is_wanted() {
        return Ask::Named;
    }
    let has_only = choice.only.is_some();
    let is_in = |types: &&str| is_in_list(types.as_bytes(), kind);
    let may_be_asked = match CLASSES.iter().position(is_in) {
        Some(0) => return Ask::NeverAsItMayWait,
        Some(1) => true,
        Some(2) => has_only,
        Some(3) => has_only || point == b"/tmp",
        _ => false,
    };
    if may_be_asked && is_wanted() {
        Ask::Usual
    } else {
        Ask::Never
    }
}

/// As `df` has the share: blocks reserved for root count neither as used nor as free.
fn set(values: &mut FamilyValues, sizes: &FileSystem) {
    values.set_whole(TOTAL, sizes.blocks);
    values.set_whole(FREE, sizes.free);
    values.subtract(USED, TOTAL, FREE);
    values.set_whole(FREE, sizes.available);
    values.set_whole(PERCENT, values.number(USED).saturating_add(sizes.available));
    values.share(PERCENT, USED, PERCENT);
    for id in [TOTAL, USED, FREE] {
        values.multiply(id, sizes.unit as u32);
    }
    if sizes.inodes > 0 {
        values.set_whole(INODES, sizes.inodes);
        values.set_whole(INODES_USED, sizes.inodes_free);
        values.subtract(INODES_USED, INODES, INODES_USED);
        values.share(INODES_PERCENT, INODES_USED, INODES);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::decimal::Fixed;

    #[test]
    fn reserved_blocks_are_left_out_of_the_share() {
        let sizes = FileSystem {
            unit: 4096,
            blocks: 1000,
            free: 500,
            available: 450,
            inodes: 0,
            inodes_free: 0,
        };
        let mut values = FamilyValues::new();
        set(&mut values, &sizes);
        assert_eq!(values.get(PERCENT), Some(Fixed::new(526_316, 4)));
        assert_eq!(
            [INODES, INODES_USED, INODES_PERCENT].map(|id| values.get(id)),
            [None; 3]
        );
        let mut values = FamilyValues::new();
        set(&mut values, &FileSystem::default());
        assert_eq!(values.get(PERCENT), None);
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
