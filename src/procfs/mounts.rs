//! The table of mounts: `/proc/self/mountinfo` (`proc(5)`), lines such as
//! `36 35 98:0 /root /mount\040point rw,noatime master:1 - ext3 /dev/root rw,errors=continue`.

use crate::base::decimal::parse_u64;
use crate::base::fields::fields;
use crate::base::text::{Text, hash};

/// Visible mounts that may be asked for their sizes. Some of them show a file system that a better one shows, too.
const CANDIDATES_MAX: usize = 128;
/// Bytes of the candidates' mount points and types.
const NAMES_MAX: usize = 4096;
/// Mounts whose position in the tree of mounts is known.
const NODES_MAX: usize = 1024;
/// Mounts on the way from a mount to the root of the tree.
const DEPTH_MAX: usize = 32;
/// Longest mount point that `statfs(2)` can be called on: the longest path, without its NUL.
pub const MOUNT_POINT_MAX: usize = 1023;

/// Whether `statfs(2)` is called on a file system. The call may block for as long as a server, or the process that
/// serves the file system, does not answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StatfsPolicy {
    /// Not called: the file system is not wanted.
    Skip,
    /// Not called, since the call may block; nor is it called on what is mounted below.
    SkipBlocking,
    /// Called if the way to the mount point leads through no file system of [`StatfsPolicy::SkipBlocking`].
    Call,
    /// Called in any case: the user has named the mount point.
    CallNamed,
}

/// A line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mount<'l> {
    id: u32,
    /// Identifier of the mount that this one is mounted on.
    parent: u32,
    /// Device number: the same for all mounts of a file system.
    device: u32,
    /// The mount point with its escapes, see [`decode`].
    pub point: &'l [u8],
    /// Type of the file system, such as `ext4`.
    pub kind: &'l [u8],
    /// Whether the file system is on a block device.
    pub is_on_block_device: bool,
    /// Whether the root of the file system is mounted, and not a folder or a file of it.
    pub is_root: bool,
    /// Whether the file system is read-only. `None` if its options do not start with `ro` or `rw`.
    pub is_read_only: Option<bool>,
}

/// Parses a line. Returns `None` if it is not one of a mount.
pub fn parse(line: &[u8]) -> Option<Mount<'_>> {
    let mut fields = fields(line);
    let (id, parent) = (fields.next_u64()? as u32, fields.next_u64()? as u32);
    let device = fields.next()?;
    let colon = device.iter().position(|&byte| byte == b':')?;
    let major = parse_u64(device.get(..colon)?)? as u32;
    let minor = parse_u64(device.get(colon + 1..)?)? as u32;
    let (root, point) = (fields.next()?, fields.next()?);
    // Any number of optional fields, then a dash.
    while fields.next()? != b"-" {}
    let kind = fields.next()?;
    // The source before the options may be empty.
    let (source, options) = match (fields.next(), fields.next()) {
        (source, Some(options)) => (source.unwrap_or_default(), options),
        (options, None) => (b"".as_slice(), options.unwrap_or_default()),
    };
    Some(Mount {
        id,
        parent,
        // The kernel's own packing: 12 and 20 bits.
        device: major << 20 | minor,
        point,
        kind,
        // Some have a number of their own, with the major 0.
        is_on_block_device: major != 0 || source.starts_with(b"/dev/"),
        is_root: root == b"/",
        is_read_only: parse_access(options),
    })
}

/// Returns whether the options of a file system say that it is read-only. (Those of the mount hold for this mount alone: a
/// sandbox mounts everything once more, read-only.)
fn parse_access(options: &[u8]) -> Option<bool> {
    // Since Linux 6.15, an ext4 that has found an error keeps `rw` and adds this.
    const AFTER_ERROR: &[u8] = b",emergency_ro";
    match options.get(..2) {
        Some(b"ro") => Some(true),
        Some(b"rw") => Some(options.windows(AFTER_ERROR.len()).any(|part| part == AFTER_ERROR)),
        _ => None,
    }
}

/// Returns the rank of a mount among those of its file system, 0 for the best: what the user has named and `/`, a mount of
/// the root, a mount of a part, and parts below `/etc` and `/dev`, where containers have single files of a volume.
fn rank(mount: &Mount, point: &[u8], policy: StatfsPolicy) -> u8 {
    if policy == StatfsPolicy::CallNamed || point == b"/" {
        0
    } else if mount.is_root {
        1
    } else if point.starts_with(b"/etc/") || point.starts_with(b"/dev/") {
        3
    } else {
        2
    }
}

/// Replaces the octal escapes of a mount point (`\040`) by the bytes that they stand for. Returns `None` if the result
/// is longer than [`MOUNT_POINT_MAX`].
pub fn decode<'b>(escaped: &[u8], buffer: &'b mut [u8; MOUNT_POINT_MAX]) -> Option<&'b [u8]> {
    let (mut rest, mut end) = (escaped, 0);
    while let [first, after @ ..] = rest {
        let mut byte = *first;
        rest = after;
        if let [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] = after
            && byte == b'\\'
        {
            byte = a << 6 | (b & 7) << 3 | c & 7;
            rest = after;
        }
        *buffer.get_mut(end)? = byte;
        end += 1;
    }
    buffer.get(..end)
}

/// A mount that its mount point leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VisibleMount<'t> {
    /// The mount point.
    pub point: &'t [u8],
    /// Type of the file system, such as `ext4`.
    pub kind: &'t [u8],
    /// Whether the file system is read-only. `None` if its options do not start with `ro` or `rw`.
    pub is_read_only: Option<bool>,
}

/// The mounts of a name space: how they lie on each other, and which of them may be asked for their sizes. The lines are
/// read twice, as any mount may hide one that is listed before it: [`MountTable::add`] and then [`MountTable::choose`].
pub struct MountTable {
    nodes: [Node; NODES_MAX],
    /// Number of mounts, which may exceed the number of nodes.
    mount_count: usize,
    candidates: [Candidate; CANDIDATES_MAX],
    candidate_count: usize,
    names: [u8; NAMES_MAX],
    names_length: usize,
    is_full: bool,
    /// Index of the candidate that [`MountTable::next_visible`] looks at next.
    next: usize,
}

/// The position of a mount in the tree of mounts.
#[derive(Clone, Copy)]
struct Node {
    id: u32,
    parent: u32,
    point_hash: u32,
    may_block: bool,
}

/// A mount that may be asked.
#[derive(Clone, Copy)]
struct Candidate {
    device: u32,
    /// The mount point is `names[start..middle]`, the type `names[middle..end]`.
    start: u16,
    middle: u16,
    end: u16,
    rank: u8,
    is_read_only: Option<bool>,
}

impl MountTable {
    /// A table without mounts.
    pub const EMPTY: Self = Self {
        nodes: [Node {
            id: 0,
            parent: 0,
            point_hash: 0,
            may_block: false,
        }; NODES_MAX],
        mount_count: 0,
        candidates: [Candidate {
            device: 0,
            start: 0,
            middle: 0,
            end: 0,
            rank: 0,
            // All of it is zero, so that it costs no bytes of the program's file.
            is_read_only: Some(false),
        }; CANDIDATES_MAX],
        candidate_count: 0,
        names: [0; NAMES_MAX],
        names_length: 0,
        is_full: false,
        next: 0,
    };

    /// Forgets all mounts.
    pub fn clear(&mut self) {
        (self.mount_count, self.candidate_count) = (0, 0);
        (self.names_length, self.is_full, self.next) = (0, false, 0);
    }

    /// Adds a mount to the tree. `point` is its decoded mount point.
    pub fn add(&mut self, mount: &Mount, point: &[u8], policy: StatfsPolicy) {
        if let Some(node) = self.nodes.get_mut(self.mount_count) {
            *node = Node {
                id: mount.id,
                parent: mount.parent,
                point_hash: hash(point),
                may_block: policy == StatfsPolicy::SkipBlocking,
            };
        }
        self.mount_count += 1;
    }

    /// Makes a mount a candidate if it may be asked and is visible, and if none before it shows its file system as well.
    /// The tree has to be complete.
    pub fn choose(&mut self, mount: &Mount, point: &[u8], policy: StatfsPolicy) {
        let is_wanted = matches!(policy, StatfsPolicy::Call | StatfsPolicy::CallNamed);
        let rank = rank(mount, point, policy);
        let mut others = self.candidates.iter().take(self.candidate_count);
        if !is_wanted
            || others.any(|other| other.device == mount.device && other.rank <= rank)
            || !self.is_visible(mount, point, policy)
        {
            return;
        }
        let (start, middle) = (self.names_length, self.names_length + point.len());
        let mut names = Text::new(self.names.get_mut(start..).unwrap_or_default());
        names.put(point);
        names.put(mount.kind);
        let end = start + names.bytes().len();
        match self.candidates.get_mut(self.candidate_count) {
            Some(candidate) if !names.is_cut() => {
                *candidate = Candidate {
                    device: mount.device,
                    start: start as u16,
                    middle: middle as u16,
                    end: end as u16,
                    rank,
                    is_read_only: mount.is_read_only,
                };
                self.candidate_count += 1;
                self.names_length = end;
            }
            _ => self.is_full = true,
        }
    }

    /// Whether a candidate did not fit.
    pub fn is_full(&self) -> bool {
        self.is_full
    }

    /// Whether there are more mounts than the tree holds. Which of them others hide is not known then: none counts as
    /// hidden.
    pub fn is_cut(&self) -> bool {
        self.mount_count > NODES_MAX
    }

    /// Returns the next candidate, one for each file system: the best one.
    pub fn next_chosen(&mut self) -> Option<VisibleMount<'_>> {
        let candidates = self.candidates.get(..self.candidate_count)?;
        loop {
            let candidate = candidates.get(self.next)?;
            self.next += 1;
            let is_better =
                |other: &Candidate| other.device == candidate.device && other.rank < candidate.rank;
            if !candidates.iter().any(is_better) {
                return Some(VisibleMount {
                    point: self.names.get(candidate.start.into()..candidate.middle.into())?,
                    kind: self.names.get(candidate.middle.into()..candidate.end.into())?,
                    is_read_only: candidate.is_read_only,
                });
            }
        }
    }

    /// Returns whether no other mount hides this one, and the way to it leads through no file system that may block
    /// (unless the user has named it).
    ///
    /// What is mounted on the mount point, or above it in the tree of names, hides the mount unless it lies below it in
    /// the tree of mounts.
    fn is_visible(&self, mount: &Mount, point: &[u8], policy: StatfsPolicy) -> bool {
        let nodes = self.nodes.get(..self.mount_count).unwrap_or(&self.nodes);
        let root = hash(b"/");
        let (mut ancestors, mut depth) = ([0; DEPTH_MAX], 0);
        let (mut next, mut top) = (mount.parent, hash(point));
        while let (Some(ancestor), Some(node)) = (
            ancestors.get_mut(depth),
            nodes.iter().find(|node| node.id == next),
        ) {
            if node.may_block && policy != StatfsPolicy::CallNamed {
                return false;
            }
            *ancestor = node.id;
            (next, top, depth) = (node.parent, node.point_hash, depth + 1);
        }
        if self.is_cut() {
            // A hidden mount too many is better than a visible one too few, but not one below a mount that may block.
            return top == root || policy == StatfsPolicy::CallNamed;
        }
        let ancestors = ancestors.get(..depth).unwrap_or_default();
        // Of `/a/b`: `/`, `/a` and `/a/b`.
        for end in 0..=point.len() {
            let prefix = match point.get(end) {
                _ if end == 0 => root,
                None | Some(b'/') => hash(point.get(..end).unwrap_or_default()),
                Some(_) => continue,
            };
            let hides = |node: &Node| {
                node.point_hash == prefix && node.id != mount.id && !ancestors.contains(&node.id)
            };
            if nodes.iter().any(hides) {
                return false;
            }
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visible(text: &str) -> (Vec<String>, bool) {
        let mut table = MountTable::EMPTY;
        let mut buffer = [0; MOUNT_POINT_MAX];
        for push in [MountTable::add, MountTable::choose] {
            for mount in text.lines().filter_map(|line| parse(line.as_bytes())) {
                let Some(point) = decode(mount.point, &mut buffer) else {
                    continue;
                };
                let policy = match mount.kind {
                    b"proc" => StatfsPolicy::Skip,
                    b"nfs4" => StatfsPolicy::SkipBlocking,
                    _ if point.ends_with(b"named") => StatfsPolicy::CallNamed,
                    _ => StatfsPolicy::Call,
                };
                push(&mut table, &mount, point, policy);
            }
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut found = Vec::new();
        while let Some(mount) = table.next_chosen() {
            found.push(format!("{} {}", text(mount.point), text(mount.kind)));
        }
        (found, table.is_full())
    }

    #[test]
    fn octal_escapes_are_decoded() {
        let line = "36 35 98:0 / /a\\040b\\134\\011c\\012\\0x rw master:1 shared:2 - ext4 /dev/x rw";
        assert_eq!(visible(line).0, ["/a b\\\tc\n\\0x ext4"]);
        assert_eq!(
            visible("1 2 3:4 / /a\\400\\04 rw - ext4 x rw").0,
            ["/a\\400\\04 ext4"]
        );
    }

    #[test]
    fn each_file_system_is_visible_once_at_its_first_reachable_point() {
        let text = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
                    2 1 8:1 /home /srv rw - ext4 /dev/sda1 rw\n\
                    3 1 8:2 / /mnt rw - ext4 /dev/sda2 rw\n\
                    4 3 8:3 / /mnt rw - vfat /dev/sda3 rw\n\
                    5 1 8:2 / /again rw - ext4 /dev/sda2 rw\n\
                    6 1 8:4 / /x rw - ext4 /dev/sda4 rw\n\
                    7 6 0:5 / /x rw - proc proc rw\n";
        assert_eq!(visible(text).0, ["/ ext4", "/mnt vfat", "/again ext4"]);
    }

    #[test]
    fn volume_is_named_by_its_root_and_not_by_a_file_of_a_container() {
        let text = "100 50 8:1 /rootfs / rw - ext4 /dev/sda1 rw\n\
                    103 100 8:2 /x/resolv.conf /etc/resolv.conf rw - ext4 /dev/sda2 rw\n\
                    104 100 8:3 /y/hosts /etc/hosts rw - ext4 /dev/sda3 rw\n\
                    105 100 8:4 /z/resolv.conf /etc/other.conf rw - ext4 /dev/sda4 rw\n\
                    106 100 8:2 / /data rw - ext4 /dev/sda2 rw\n\
                    107 100 8:1 / /host rw - ext4 /dev/sda1 rw\n\
                    108 100 8:4 /volumes/v/_data /var/data rw - ext4 /dev/sda4 rw\n\
                    109 100 8:5 / /all rw - ext4 /dev/sda5 rw\n\
                    110 100 8:5 /part /is/named rw - ext4 /dev/sda5 rw\n";
        assert_eq!(
            visible(text).0,
            [
                "/ ext4",
                "/etc/hosts ext4",
                "/data ext4",
                "/var/data ext4",
                "/is/named ext4"
            ]
        );
    }

    #[test]
    fn block_device_is_recognised_by_number_or_source() {
        let is_on_block_device = |line: &str| parse(line.as_bytes()).unwrap().is_on_block_device;
        assert!(is_on_block_device("1 0 8:1 / / rw - ufsd none rw"));
        assert!(is_on_block_device("1 0 0:45 / / rw - simfs /dev/simfs rw"));
        assert!(!is_on_block_device("1 0 0:45 / / rw - tmpfs none rw"));
        assert!(!is_on_block_device("1 0 0:45 / / rw - tmpfs  rw"));
    }

    /// The lines are in no order of mounting: the tree of mounts decides.
    #[test]
    fn mount_hides_others_that_are_not_mounted_on_it() {
        let text = "1 0 0:2 / / rw - rootfs rootfs rw\n\
                    2 5 8:2 / /on rw - ext4 /dev/sda2 rw\n\
                    3 1 8:3 / /under/it rw - ext4 /dev/sda3 rw\n\
                    4 3 8:4 / /under/it/deep rw - ext4 /dev/sda4 rw\n\
                    5 1 8:1 / / rw - ext4 /dev/sda1 rw\n\
                    6 5 0:6 / /under rw - tmpfs none rw\n\
                    7 6 8:7 / /under/new rw - ext4 /dev/sda7 rw\n\
                    8 5 8:8 / /underneath rw - ext4 /dev/sda8 rw\n";
        let expected = [
            "/on ext4",
            "/ ext4",
            "/under tmpfs",
            "/under/new ext4",
            "/underneath ext4",
        ];
        assert_eq!(visible(text).0, expected);
    }

    #[test]
    fn visible_mount_is_found_after_any_number_of_hidden_ones() {
        let line = |id: u32| format!("{id} 1 8:2 / /old/{id} rw - ext4 /dev/sda2 rw\n");
        let hidden: String = (2..300).map(line).collect();
        let text = format!(
            "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n{hidden}\
             400 1 8:2 / /new rw - ext4 /dev/sda2 rw\n\
             401 1 0:9 / /old rw - tmpfs none rw\n"
        );
        assert_eq!(
            visible(&text),
            (
                vec!["/ ext4".into(), "/new ext4".into(), "/old tmpfs".into()],
                false
            )
        );
    }

    /// Below an unknown mount there may be one that blocks.
    #[test]
    fn no_mount_is_hidden_when_not_all_mounts_are_known() {
        let pseudo = |id: usize| format!("{id} 1 0:{id} / /proc/{id} rw - proc x rw\n");
        let many: String = (10..10 + NODES_MAX - 1).map(pseudo).collect();
        let text = format!(
            "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n{many}\
             5000 1 8:2 / /late rw - ext4 /dev/x rw\n\
             5001 1 8:3 / /proc rw - ext4 /dev/x rw\n\
             5002 4999 8:4 / /lost rw - ext4 /dev/x rw\n\
             5003 4999 8:5 / /lost/named rw - ext4 /dev/x rw\n"
        );
        assert_eq!(
            visible(&text).0,
            ["/ ext4", "/late ext4", "/proc ext4", "/lost/named ext4"]
        );
    }

    #[test]
    fn mount_below_a_blocking_one_is_skipped_unless_named() {
        let text = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
                    2 1 0:9 / /nas rw - nfs4 host:/ rw\n\
                    3 2 8:3 / /nas/local rw - vfat /dev/sda3 rw\n\
                    4 3 8:4 / /nas/local/deep rw - vfat /dev/sda4 rw\n\
                    5 2 8:5 / /nas/named rw - vfat /dev/sda5 rw\n";
        assert_eq!(visible(text).0, ["/ ext4", "/nas/named vfat"]);
    }

    #[test]
    fn lines_of_no_mount_are_rejected() {
        for bad in [
            "",
            "36 35 98:0 /root /mnt rw",
            "36 35 98:0 /root /mnt rw -",
            "36 35 98 /root /mnt rw - ext4",
            "36 35 x:0 / /mnt rw - ext4 x rw",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn first_mounts_are_kept_when_the_table_is_full() {
        let line = |number: usize, point: &str| format!("{number} 1 7:{number} / {point} rw - ext4 x rw\n");
        let many = |count| (1..=count).map(|number| line(number, &format!("/m{number}")));
        let (found, is_full) = visible(&many(CANDIDATES_MAX).collect::<String>());
        assert_eq!((found.len(), is_full), (CANDIDATES_MAX, false));
        let (found, is_full) = visible(&many(CANDIDATES_MAX + 1).collect::<String>());
        assert_eq!((found.len(), is_full), (CANDIDATES_MAX, true));
        assert_eq!(found[63], "/m64 ext4");
        let long = format!("/{}", "long".repeat(250));
        let text: String = (1..=5)
            .map(|number| line(number, &format!("{long}{number}")))
            .collect();
        let (found, is_full) = visible(&text);
        assert_eq!((found.len(), is_full), (4, true));
        // A mount point too long for a path cannot be asked, and uses no space.
        let (found, is_full) = visible(&(line(1, &long.repeat(2)) + &line(2, "/short")));
        assert_eq!((found, is_full), (vec!["/short ext4".into()], false));
    }
}
