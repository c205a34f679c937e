//! The table of mounts: which of them can be seen, and may be asked for their sizes.

mod line;

pub use line::{MOUNT_POINT_MAX, Mount, decode, parse};

use crate::base::text::{Text, hash};

/// Visible mounts that may be asked for their sizes. Some of them show a file system that a better one shows, too.
const CANDIDATES_MAX: usize = 128;
/// Bytes of the candidates' mount points and types.
const NAMES_MAX: usize = 4096;
/// Mounts whose position in the tree of mounts is known.
const NODES_MAX: usize = 1024;
/// Mounts on the way from a mount to the root of the tree.
const DEPTH_MAX: usize = 32;

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
    /// Index of the candidate that [`MountTable::next_chosen`] looks at next.
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
mod tests;
