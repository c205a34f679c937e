//! The table of mounts: `/proc/self/mountinfo` (`proc(5)`), lines such as
//! `36 35 98:0 /root /mount\040point rw,noatime master:1 - ext3 /dev/root rw,errors=continue`.

use crate::base::decimal::parse_u64;
use crate::base::fields::fields;
use crate::base::text::{Text, hash};

/// Mounts in the table that may be asked for their sizes. Some of them are hidden by others, or show a file system
/// that another one shows, too.
const CANDIDATES_MAX: usize = 128;
/// Candidates of one file system: all but one may be hidden.
const CANDIDATES_OF_ONE_MAX: usize = 3;
/// Bytes of the candidates' mount points and types.
const NAMES_MAX: usize = 4096;
/// Mounts whose position in the tree of mounts is known.
const NODES_MAX: usize = 256;
/// Mounts on the way from a mount to the root of the tree.
const DEPTH_MAX: usize = 32;
/// Longest mount point that can be asked: the longest path, without its NUL.
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
    access: Access,
}

/// What the options of a file system say about writing to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Access {
    Unknown,
    ReadOnly,
    ReadWrite,
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

/// Parses a line. Returns `None` if it is not one of a mount.
pub fn parse(line: &[u8]) -> Option<Mount<'_>> {
    let mut fields = fields(line);
    let (id, parent) = (fields.next_u64()? as u32, fields.next_u64()? as u32);
    let device = fields.next()?;
    let colon = device.iter().position(|&byte| byte == b':')?;
    let (major, minor) = (
        parse_u32(device.get(..colon)?)?,
        parse_u32(device.get(colon + 1..)?)?,
    );
    let point = fields.nth(1)?;
    // Any number of optional fields, then a dash.
    while fields.next()? != b"-" {}
    Some(Mount {
        id,
        parent,
        // The kernel's own packing: 12 and 20 bits.
        device: major << 20 | minor,
        point,
        kind: fields.next()?,
        // The source before the options may be empty.
        access: fields.last().map_or(Access::Unknown, parse_access),
    })
}

fn parse_u32(text: &[u8]) -> Option<u32> {
    parse_u64(text).map(|number| number as u32)
}

/// Parses the options of a file system. (Those of the mount hold for this mount alone: a sandbox mounts everything
/// once more, read-only.)
fn parse_access(options: &[u8]) -> Access {
    // Since Linux 6.15, an ext4 that has found an error keeps `rw` and adds this.
    const AFTER_ERROR: &[u8] = b",emergency_ro";
    match options.get(..2) {
        Some(b"ro") => Access::ReadOnly,
        Some(b"rw") if options.windows(AFTER_ERROR.len()).any(|part| part == AFTER_ERROR) => Access::ReadOnly,
        Some(b"rw") => Access::ReadWrite,
        _ => Access::Unknown,
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

/// The mounts of a name space: how they lie on each other, and which of them may be asked for their sizes.
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
    id: u32,
    parent: u32,
    device: u32,
    /// The mount point is `names[start..middle]`, the type `names[middle..end]`.
    start: u16,
    middle: u16,
    end: u16,
    is_named: bool,
    access: Access,
    is_reported: bool,
}

impl MountTable {
    /// A table without mounts. All of it is zero, so that it costs no bytes of the program's file.
    pub const EMPTY: Self = Self {
        nodes: [Node {
            id: 0,
            parent: 0,
            point_hash: 0,
            may_block: false,
        }; NODES_MAX],
        mount_count: 0,
        candidates: [Candidate {
            id: 0,
            parent: 0,
            device: 0,
            start: 0,
            middle: 0,
            end: 0,
            is_named: false,
            access: Access::Unknown,
            is_reported: false,
        }; CANDIDATES_MAX],
        candidate_count: 0,
        names: [0; NAMES_MAX],
        names_length: 0,
        is_full: false,
        next: 0,
    };

    /// Adds a mount. `point` is its decoded mount point.
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
        let is_candidate = matches!(policy, StatfsPolicy::Call | StatfsPolicy::CallNamed);
        if !is_candidate || self.candidates_of(mount.device) >= CANDIDATES_OF_ONE_MAX {
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
                    id: mount.id,
                    parent: mount.parent,
                    device: mount.device,
                    start: start as u16,
                    middle: middle as u16,
                    end: end as u16,
                    is_named: policy == StatfsPolicy::CallNamed,
                    access: mount.access,
                    is_reported: false,
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

    fn candidates_of(&self, device: u32) -> usize {
        let candidates = self.candidates.iter().take(self.candidate_count);
        candidates.filter(|candidate| candidate.device == device).count()
    }

    /// Returns the next candidate that its mount point leads to: the first such mount of each file system, in the
    /// order of the lines.
    pub fn next_visible(&mut self) -> Option<VisibleMount<'_>> {
        loop {
            let index = self.next;
            if index >= self.candidate_count {
                return None;
            }
            self.next += 1;
            let (candidate, before) = self.candidates.get(..=index)?.split_last()?;
            let is_same = |other: &Candidate| other.is_reported && other.device == candidate.device;
            if before.iter().any(is_same) || !self.is_visible(candidate) {
                continue;
            }
            let candidate = self.candidates.get_mut(index)?;
            candidate.is_reported = true;
            let (start, middle, end) = (candidate.start, candidate.middle, candidate.end);
            return Some(VisibleMount {
                point: self.names.get(start.into()..middle.into())?,
                kind: self.names.get(middle.into()..end.into())?,
                is_read_only: match candidate.access {
                    Access::Unknown => None,
                    Access::ReadOnly => Some(true),
                    Access::ReadWrite => Some(false),
                },
            });
        }
    }

    /// Returns whether no other mount hides this one, and the way to it leads through no file system that may block
    /// (unless the user has named it).
    ///
    /// What is mounted on the mount point, or above it in the tree of names, hides the mount unless it lies below it in
    /// the tree of mounts.
    fn is_visible(&self, candidate: &Candidate) -> bool {
        let nodes = self.nodes.get(..self.mount_count).unwrap_or(&self.nodes);
        let (mut ancestors, mut depth) = ([0; DEPTH_MAX], 0);
        let mut next = candidate.parent;
        while let (Some(ancestor), Some(node)) = (
            ancestors.get_mut(depth),
            nodes.iter().find(|node| node.id == next),
        ) {
            if node.may_block && !candidate.is_named {
                return false;
            }
            *ancestor = node.id;
            (next, depth) = (node.parent, depth + 1);
        }
        if self.mount_count > NODES_MAX {
            // The tree is not known as a whole: a hidden mount too many is better than a visible one too few.
            return true;
        }
        let ancestors = ancestors.get(..depth).unwrap_or_default();
        let point = self
            .names
            .get(candidate.start.into()..candidate.middle.into())
            .unwrap_or_default();
        // Of `/a/b`: `/`, `/a` and `/a/b`.
        for end in 0..=point.len() {
            let prefix = match point.get(end) {
                _ if end == 0 => b"/",
                None | Some(b'/') => point.get(..end).unwrap_or_default(),
                Some(_) => continue,
            };
            let prefix = hash(prefix);
            let hides = |node: &Node| {
                node.point_hash == prefix && node.id != candidate.id && !ancestors.contains(&node.id)
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
            table.add(&mount, point, policy);
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut found = Vec::new();
        while let Some(mount) = table.next_visible() {
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
    fn no_mount_is_hidden_when_not_all_mounts_are_known() {
        let pseudo = |id: usize| format!("{id} 1 0:{id} / /proc/{id} rw - proc x rw\n");
        let many: String = (10..10 + NODES_MAX).map(pseudo).collect();
        let text = many + "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n900 899 8:2 / /late rw - ext4 /dev/x rw\n";
        assert_eq!(visible(&text).0, ["/ ext4", "/late ext4"]);
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
