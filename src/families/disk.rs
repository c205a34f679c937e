//! File systems: their sizes as `statfs(2)` returns them, for the mounts in `/proc/self/mountinfo`.

use super::metrics::metrics;
use super::{FamilyContext, FamilyValues};
use crate::base::decimal::Fixed;
use crate::base::glob::{Filter, is_in_list};
use crate::base::name::Name;
use crate::procfs::mounts::{self, MOUNT_POINT_MAX, Mount, MountTable, StatfsPolicy};
use crate::procfs::{FileSystem, Limit, ProcFile, ReadError, ReadErrorKind, Subject};

/// Mount points that are left out by default: those of containers.
pub(super) const IGNORED: &str =
    "/var/lib/docker/*,/var/lib/containers/*,/run/containerd/*,/run/k3s/*,/var/lib/kubelet/*";

/// File systems that have samples; of more, the first ones.
const FILE_SYSTEMS_MAX: usize = 64;

/// Types of file systems in flash, over others, or with a device number of their own. Those on block devices need no list.
const LOCAL: &str = "overlay*,aufs,unionfs*,mini_fo,jffs2,ubifs,yaffs*,logfs,btrfs,bcachefs,zfs,simfs,vzfs";
/// Types of file systems on other machines, or served by a process: `statfs(2)` may block. Patterns.
const BLOCKING: &str = "nfs*,cifs,smb*,fuse*,9p,ceph,afs,lustre,gfs*,gpfs,ocfs2,orangefs,pvfs2,virtiofs,vboxsf,\
     vmhgfs,prl_fs,coda,ncpfs,glusterfs,davfs";
/// Types of file systems in memory.
const IN_MEMORY: &str = "tmpfs,ramfs,rootfs";
/// Types of read-only images, which are always full.
const IMAGES: &str = "squashfs,erofs,cramfs,romfs,axfs,iso9660";
/// Types of file systems without storage, whatever they have as their source.
const PSEUDO: &str = "autofs,devtmpfs,usbfs,binfmt_misc";

metrics! {
    TOTAL          Gauge "disk.total"          "bytes"   "size of a file system (mount=, fstype=)";
    USED           Gauge "disk.usage"          "bytes"   "used bytes of a file system";
    FREE           Gauge "disk.free"           "bytes"   "bytes of a file system that users can still use";
    PERCENT        Gauge "disk.percent"        "percent" "used bytes of a file system, percent of what users can use, like df";
    INODES         Gauge "disk.inodes.total"   ""        "maximum number of files of a file system, if there is one";
    INODES_USED    Gauge "disk.inodes.used"    ""        "files of a file system";
    INODES_PERCENT Gauge "disk.inodes.percent" "percent" "files of a file system, percent of the maximum";
    READ_ONLY      Gauge "disk.readonly"       ""        "1 if a file system is read-only, or has become so after an error, 0 otherwise";
}

/// Collects the file systems that the user wants, each once however often it is mounted. After one that cannot be asked,
/// the others are collected still.
pub(super) fn collect(cx: &mut FamilyContext) -> Result<(), ReadError> {
    read_mounts(cx)?;
    let table = &mut cx.collector.memory.mounts;
    let mut result = Ok(());
    let mut count = 0;
    while let Some(mount) = table.next_chosen() {
        count += 1;
        if count > FILE_SYSTEMS_MAX {
            break;
        }
        match cx.host.file_system(mount.point) {
            Ok(sizes) => {
                let mut values = values(&sizes);
                values.set_u64(READ_ONLY, mount.is_read_only.map(u64::from));
                cx.emitter.emit(&[mount.point, mount.kind], &values);
            }
            Err(errno) if result.is_ok() => {
                cx.host.failed_mount = Name::start_of(mount.point);
                result = Err(ReadError::new(Subject::MountPoint, errno.into()));
            }
            Err(_) => {}
        }
    }
    let limit = if table.is_full() || count > FILE_SYSTEMS_MAX {
        Limit::FileSystems
    } else if table.is_cut() {
        Limit::Mounts
    } else {
        return result;
    };
    Err(ReadError::new(ProcFile::Mountinfo, ReadErrorKind::TooMany(limit)))
}

fn read_mounts(cx: &mut FamilyContext) -> Result<(), ReadError> {
    let table = &mut cx.collector.memory.mounts;
    table.clear();
    let mut buffer = [0; MOUNT_POINT_MAX];
    for push in [MountTable::add, MountTable::choose] {
        let mut has_mounts = false;
        let lines = cx.host.files.lines(ProcFile::Mountinfo)?;
        while let Some(line) = lines.next_line() {
            if let Some((mount, point, policy)) = parse(line, cx.emitter.filter, &mut buffer) {
                cx.emitter.record(point);
                push(table, &mount, point, policy);
                has_mounts = true;
            }
        }
        lines.finish(has_mounts)?;
    }
    Ok(())
}

/// Parses a line: the mount, its mount point, and whether `statfs(2)` is called on it.
fn parse<'l, 'b>(
    line: &'l [u8],
    filter: Filter,
    buffer: &'b mut [u8; MOUNT_POINT_MAX],
) -> Option<(Mount<'l>, &'b [u8], StatfsPolicy)> {
    let mount = mounts::parse(line)?;
    let point = mounts::decode(mount.point, buffer)?;
    Some((mount, point, statfs_policy(filter, point, &mount)))
}

/// Returns whether `statfs(2)` is called on the file system of this mount point and type. One that may block is called
/// only if the user has named the mount point; so is one without files of its own, such as `/proc`.
fn statfs_policy(filter: Filter, point: &[u8], mount: &Mount) -> StatfsPolicy {
    let is_wanted = filter.wants(point, IGNORED.as_bytes());
    if is_wanted && filter.names(point) {
        return StatfsPolicy::CallNamed;
    }
    let is_in = |types: &str| is_in_list(types.as_bytes(), mount.kind);
    if is_in(BLOCKING) {
        return StatfsPolicy::SkipBlocking;
    }
    let has_only = filter.only.is_some();
    let is_called = if is_in(IMAGES) {
        has_only
    } else if is_in(IN_MEMORY) {
        has_only || point == b"/tmp"
    } else {
        is_in(LOCAL) || mount.is_on_block_device && !is_in(PSEUDO)
    };
    if is_called && is_wanted {
        StatfsPolicy::Call
    } else {
        StatfsPolicy::Skip
    }
}

/// Returns the values of the sizes. Blocks that are reserved for root count neither as used nor as free in the
/// percentage, as in that of `df`.
fn values(sizes: &FileSystem) -> FamilyValues {
    let mut values = FamilyValues::NONE;
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
    use std::fs;

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
            // Types in upper case are on a block device.
            let device = if kind == kind.to_lowercase() { "0:9" } else { "8:9" };
            let line = format!("1 0 {device} / {point} rw - {} none rw", kind.to_lowercase());
            let mount = mounts::parse(line.as_bytes()).unwrap();
            statfs_policy(filter, point.as_bytes(), &mount)
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
            ("/mnt/new", "FS-OF-TOMORROW", Call, Call),
            ("/", "simfs", Call, Call),
            ("/snap/core", "SQUASHFS", Skip, Call),
            ("/mnt/stick", "FUSEBLK", SkipBlocking, SkipBlocking),
            ("/", "rootfs", Skip, Call),
            ("/net", "autofs", Skip, Skip),
            ("/net", "AUTOFS", Skip, Skip),
            ("/mnt/cluster", "GPFS", SkipBlocking, SkipBlocking),
            ("/mnt/secret", "EXT4", Skip, Skip),
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

    /// Returns the mounts that are chosen from a table, a line each: mount point and type.
    fn chosen(table: &str) -> Vec<String> {
        let mut mounts = MountTable::EMPTY;
        let mut buffer = [0; MOUNT_POINT_MAX];
        for push in [MountTable::add, MountTable::choose] {
            for line in table.lines() {
                let (mount, point, policy) = parse(line.as_bytes(), Filter::default(), &mut buffer).unwrap();
                push(&mut mounts, &mount, point, policy);
            }
        }
        let mut chosen = Vec::new();
        while let Some(mount) = mounts.next_chosen() {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            chosen.push(format!("{} {}", text(mount.point), text(mount.kind)));
        }
        chosen
    }

    /// The mounts of each captured machine, compared with those listed beside the capture.
    #[test]
    fn captured_machines_have_these_visible_mounts() {
        let machines = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).unwrap();
        let mut count = 0;
        for machine in machines.map(|entry| entry.unwrap().path()) {
            let name = machine.display();
            let Ok(expected) = fs::read_to_string(machine.join("mounts.txt")) else {
                assert!(!machine.join("proc/self/mountinfo").exists(), "{name}");
                continue;
            };
            let table = fs::read_to_string(machine.join("proc/self/mountinfo")).unwrap();
            assert_eq!(chosen(&table), expected.lines().collect::<Vec<_>>(), "{name}");
            count += 1;
        }
        assert!(count >= 2);
    }

    /// The tables that people have reported faults from: `disk.total mount=/ fstype=simfs`, and `NOT` before what must not
    /// come.
    #[test]
    fn reported_machines_have_the_expected_mounts() {
        let cases = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/cases")).unwrap();
        let mut count = 0;
        for case in cases.map(|entry| entry.unwrap().path()) {
            let Ok(table) = fs::read_to_string(case.join("proc/self/mountinfo")) else {
                continue;
            };
            let chosen = chosen(&table);
            let rules = fs::read_to_string(case.join("expected.txt")).unwrap();
            for rule in rules.lines().filter(|rule| rule.contains("mount=")) {
                let (_, mount) = rule.split_once("mount=").unwrap();
                let mount = mount.replace("fstype=", "");
                let comes = chosen
                    .iter()
                    .any(|chosen| format!("{chosen} ").starts_with(&format!("{mount} ")));
                assert_eq!(comes, !rule.starts_with("NOT"), "{}: {rule}", case.display());
                count += 1;
            }
        }
        assert!(count >= 10, "{count}");
    }
}
