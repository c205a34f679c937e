//! File systems: their sizes as `statfs(2)` returns them, for the mounts in `/proc/self/mountinfo`.

use super::metrics::metrics;
use super::{FamilyContext, FamilyValues};
use crate::base::decimal::Fixed;
use crate::base::glob::{Filter, is_in_list};
use crate::procfs::mounts::{self, MOUNT_POINT_MAX, MountTable, StatfsPolicy};
use crate::procfs::{FileSystem, ProcFile, ReadError, statfs};

/// Mount points that are left out by default: those of containers.
pub(super) const IGNORED: &str = "/var/lib/docker/*,/var/lib/containers/*";

/// File systems that have samples; of more, the first ones.
const FILE_SYSTEMS_MAX: usize = 64;

/// Types of file systems on this machine's disks and flash, where `statfs(2)` does not block.
const ON_DISK: &str = "overlay,ext4,ext3,ext2,f2fs,jffs2,ubifs,yaffs2,yaffs,xfs,btrfs,bcachefs,zfs,vfat,msdos,exfat,\
                       ntfs,ntfs3,hfs,hfsplus,jfs,nilfs2,reiserfs,ufs,minix,udf,logfs";
/// Types of file systems on other machines, or served by a process: `statfs(2)` may block. Patterns.
const BLOCKING: &str =
    "nfs*,cifs,smb*,fuse*,9p,ceph,afs,lustre,gfs*,ocfs2,autofs,virtiofs,coda,ncpfs,glusterfs,davfs";
/// Types of file systems in memory.
const IN_MEMORY: &str = "tmpfs,ramfs";
/// Types of read-only images, which are always full.
const IMAGES: &str = "squashfs,erofs,cramfs,romfs,iso9660";

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

/// Collects the file systems that the user wants, each once however often it is mounted, in the kernel's order. After
/// one that cannot be asked, the others are collected still.
pub(super) fn collect(cx: &mut FamilyContext) -> Result<(), ReadError> {
    let mut table = MountTable::EMPTY;
    read_mounts(cx, &mut table)?;
    let mut result = Ok(());
    let mut count = 0;
    while let Some(mount) = table.next_visible() {
        count += 1;
        if count > FILE_SYSTEMS_MAX {
            break;
        }
        match statfs(mount.point) {
            Ok(sizes) => {
                let mut values = values(&sizes);
                values.set_u64(READ_ONLY, mount.is_read_only.map(u64::from));
                let tags = [(b"mount=".as_slice(), mount.point), (b"fstype=", mount.kind)];
                cx.emitter.emit_instance(&tags, &values);
            }
            Err(errno) if result.is_ok() => result = Err(cx.host.mount_error(mount.point, errno)),
            Err(_) => {}
        }
    }
    if table.is_full() || count > FILE_SYSTEMS_MAX {
        return Err(ReadError::too_many(
            ProcFile::Mountinfo,
            "more than 64 file systems, or 4 KB of their names",
        ));
    }
    result
}

fn read_mounts(cx: &mut FamilyContext, table: &mut MountTable) -> Result<(), ReadError> {
    let filter = cx.emitter.filter;
    let mut buffer = [0; MOUNT_POINT_MAX];
    let mut has_mounts = false;
    let mut lines = cx.host.files.lines(ProcFile::Mountinfo)?;
    while let Some(line) = lines.next_line()? {
        let Some(mount) = mounts::parse(line) else {
            continue;
        };
        has_mounts = true;
        if let Some(point) = mounts::decode(mount.point, &mut buffer) {
            table.add(&mount, point, statfs_policy(filter, point, mount.kind));
        }
    }
    lines.expect(has_mounts, "no mounts")
}

/// Returns whether `statfs(2)` is called on the file system of this mount point and type. One that may block is called
/// only if the user has named the mount point; so is one without files of its own, such as `/proc`.
fn statfs_policy(filter: Filter, point: &[u8], kind: &[u8]) -> StatfsPolicy {
    let is_wanted = || filter.wants(point, IGNORED.as_bytes());
    if filter.names(point) && is_wanted() {
        return StatfsPolicy::CallNamed;
    }
    let is_in = |types: &str| is_in_list(types.as_bytes(), kind);
    if is_in(BLOCKING) {
        return StatfsPolicy::SkipBlocking;
    }
    let has_only = filter.only.is_some();
    let is_called =
        is_in(ON_DISK) || (is_in(IMAGES) && has_only) || (is_in(IN_MEMORY) && (has_only || point == b"/tmp"));
    if is_called && is_wanted() {
        StatfsPolicy::Call
    } else {
        StatfsPolicy::Skip
    }
}

/// Returns the values of the sizes. Blocks that are reserved for root count neither as used nor as free in the
/// percentage, as in that of `df`.
fn values(sizes: &FileSystem) -> FamilyValues {
    let mut values = FamilyValues::new();
    let bytes = |blocks: u64| blocks.checked_mul(sizes.unit);
    let used = sizes.blocks.saturating_sub(sizes.free);
    values.set_u64(TOTAL, bytes(sizes.blocks));
    values.set_u64(USED, bytes(used));
    values.set_u64(FREE, bytes(sizes.available));
    values.set(
        PERCENT,
        Fixed::percent(used, used.saturating_add(sizes.available)),
    );
    if sizes.inodes > 0 {
        let used = sizes.inodes.saturating_sub(sizes.inodes_free);
        values.set_u64(INODES, Some(sizes.inodes));
        values.set_u64(INODES_USED, Some(used));
        values.set(INODES_PERCENT, Fixed::percent(used, sizes.inodes));
    }
    values
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reserved_blocks_are_left_out_of_the_percentage() {
        let sizes = FileSystem {
            unit: 4096,
            blocks: 1000,
            free: 500,
            available: 450,
            inodes: 0,
            inodes_free: 0,
        };
        let found = values(&sizes);
        assert_eq!(found.get(PERCENT), Some(Fixed::new(526_316, 4)));
        assert_eq!(
            [INODES, INODES_USED, INODES_PERCENT].map(|id| found.get(id)),
            [None; 3]
        );
        assert_eq!(values(&FileSystem::default()).get(PERCENT), None);
    }

    #[test]
    fn blocking_file_system_is_called_only_if_named() {
        use StatfsPolicy::{Call, CallNamed, Skip, SkipBlocking};
        let policy = |only: Option<&'static str>, point: &str, kind: &str| {
            let filter = Filter {
                only: only.map(str::as_bytes),
                ignore: b"/mnt/secret",
            };
            statfs_policy(filter, point.as_bytes(), kind.as_bytes())
        };
        for (point, kind, by_default, by_pattern) in [
            ("/", "overlay", Call, Call),
            ("/overlay", "jffs2", Call, Call),
            ("/tmp", "tmpfs", Call, Call),
            ("/run", "tmpfs", Skip, Call),
            ("/rom", "squashfs", Skip, Call),
            ("/mnt/nas", "nfs4", SkipBlocking, SkipBlocking),
            ("/mnt/phone", "fuse.sshfs", SkipBlocking, SkipBlocking),
            ("/mnt/stick", "fuseblk", SkipBlocking, SkipBlocking),
            ("/proc", "proc", Skip, Skip),
            ("/mnt/new", "fs-of-tomorrow", Skip, Skip),
            ("/mnt/secret", "ext4", Skip, Skip),
            ("/mnt/secret", "nfs", SkipBlocking, SkipBlocking),
            ("/var/lib/docker/overlay2/x/merged", "overlay", Skip, Call),
        ] {
            assert_eq!(policy(None, point, kind), by_default, "{point} {kind}");
            assert_eq!(policy(Some("/x,*"), point, kind), by_pattern, "{point} {kind}");
        }
        assert_eq!(policy(Some("/,/mnt/nas"), "/mnt/nas", "nfs4"), CallNamed);
        assert_eq!(policy(Some("/mnt/n?s"), "/mnt/nas", "nfs4"), SkipBlocking);
        assert_eq!(policy(Some("/mnt/secret"), "/mnt/secret", "ext4"), Skip);
    }

    /// The mounts of each captured machine, compared with those listed beside the capture.
    #[test]
    fn captured_machines_have_these_visible_mounts() {
        let machines = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).unwrap();
        let mut count = 0;
        for machine in machines.map(|entry| entry.unwrap().path()) {
            let name = machine.display();
            let Ok(expected) = std::fs::read_to_string(machine.join("mounts.txt")) else {
                assert!(!machine.join("proc/self/mountinfo").exists(), "{name}");
                continue;
            };
            let text = std::fs::read_to_string(machine.join("proc/self/mountinfo")).unwrap();
            let mut table = MountTable::EMPTY;
            let mut buffer = [0; MOUNT_POINT_MAX];
            for mount in text.lines().filter_map(|line| mounts::parse(line.as_bytes())) {
                let point = mounts::decode(mount.point, &mut buffer).unwrap();
                table.add(&mount, point, statfs_policy(Filter::default(), point, mount.kind));
            }
            let mut found = Vec::new();
            while let Some(mount) = table.next_visible() {
                let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
                found.push(format!("{} {}", text(mount.point), text(mount.kind)));
            }
            assert_eq!(found, expected.lines().collect::<Vec<_>>(), "{name}");
            count += 1;
        }
        assert!(count >= 2);
    }
}
