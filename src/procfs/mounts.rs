//! `/proc/self/mountinfo` (`proc(5)`):
//! `36 35 98:0 /root /mount\040point rw,noatime master:1 - ext3 /dev/root rw,errors=continue`.

use super::{Host, Source};
use crate::base::decimal::parse_u64;
use crate::base::fields::fields;
use crate::base::name::Name;
use crate::base::text::{Text, hash};
use crate::platform;
use crate::procfs::{Ask, Fault, FileSystem, Flaw, Subject};

/// File systems that are asked; of more, the first ones.
const ASKED_MAX: usize = 64;
/// Mounts that may be asked: some are hidden, or of a file system that has been asked.
const ENTRIES_MAX: usize = 128;
/// So many mounts of one file system are kept in mind: all but one may be hidden.
const SAME_MAX: usize = 3;
/// Room for their mount points and types.
const NAMES_MAX: usize = 4096;
/// Mounts of which it is known what lies on what.
const NODES_MAX: usize = 256;
/// Mounts that lie on each other.
const DEPTH_MAX: usize = 32;
/// Longest mount point.
const POINT_MAX: usize = 1024;

/// Whether the file system of this mount point and type is to be asked.
pub(super) type WhetherToAsk<'w> = &'w dyn Fn(&[u8], &[u8]) -> Ask;
/// Takes a mount point, its type, its sizes, and whether nobody can write to the file system, if that is known.
pub(super) type TakeMount<'t> = &'t mut dyn FnMut(&[u8], &[u8], &FileSystem, Option<bool>);
/// Takes a mount point, its type, and whether its file system is read-only.
type TakeVisible<'t> = &'t mut dyn FnMut(&[u8], &[u8], Option<bool>);

impl Host {
    /// Asks each file system that is wanted, once however often it is mounted, in the kernel's order.
    /// One that cannot be asked is a fault, after the others; [`Host::failed_mount`] is its mount point.
    pub fn mounts(&mut self, ask: WhetherToAsk, take: TakeMount) -> Result<(), Fault> {
        let mut mounts = Mounts::NONE;
        self.files.read(Source::Mountinfo, Flaw::NoMounts, &mut |line| {
            let mount = parse(line);
            if let Some(mount) = &mount {
                mounts.add(mount, ask);
            }
            mount.is_some()
        })?;
        let mut failure = Ok(());
        let mut count = 0;
        mounts.for_each_visible(&mut |point, kind, is_read_only| {
            count += 1;
            if count > ASKED_MAX {
                return;
            }
            match platform::file_system(point) {
                Ok(sizes) => take(point, kind, &sizes, is_read_only),
                Err(errno) if failure.is_ok() => {
                    failure = Err(Fault::system(Subject::MountPoint, errno));
                    self.failed_mount = Name::new(point.get(..96).unwrap_or(point));
                }
                Err(_) => {}
            }
        });
        if mounts.is_over || count > ASKED_MAX {
            return Err(Fault::too_many(Subject::File(Source::Mountinfo), Flaw::Mounts));
        }
        failure
    }

    /// The mount point of the file system that could not be asked, cut to its room.
    pub fn failed_mount(&self) -> &[u8] {
        self.failed_mount.bytes()
    }
}

/// A line, its names as they stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mount<'l> {
    id: u32,
    /// The mount that it lies on.
    parent: u32,
    device: u32,
    point: &'l [u8],
    kind: &'l [u8],
    is_read_only: Option<bool>,
}

fn parse(line: &[u8]) -> Option<Mount<'_>> {
    let mut fields = fields(line);
    let (id, parent) = (number(fields.next()?)?, number(fields.next()?)?);
    let numbers = fields.next()?;
    let colon = numbers.iter().position(|&byte| byte == b':')?;
    let (major, minor) = (number(numbers.get(..colon)?)?, number(numbers.get(colon + 1..)?)?);
    let point = fields.nth(1)?;
    // Options of any number, then a dash.
    while fields.next()? != b"-" {}
    Some(Mount {
        id,
        parent,
        // As the kernel has them in 32 bits.
        device: major << 20 | minor,
        point,
        kind: fields.next()?,
        // A device may have no name.
        is_read_only: fields.last().and_then(is_read_only),
    })
}

/// What the options of a file system say of writing to it; `None` if it is something else than options. (Those of the
/// mount say what holds for this mount alone: a sandbox has everything mounted once more, read-only.)
fn is_read_only(options: &[u8]) -> Option<bool> {
    // An ext4 that has found an error says so since Linux 6.15.
    const AFTER_ERROR: &[u8] = b",emergency_ro";
    match options.get(..2)? {
        b"ro" => Some(true),
        b"rw" => Some(
            options
                .windows(AFTER_ERROR.len())
                .any(|option| option == AFTER_ERROR),
        ),
        _ => None,
    }
}

#[inline(never)]
fn number(text: &[u8]) -> Option<u32> {
    parse_u64(text).map(|number| number as u32)
}

/// All mounts, as far as it matters what lies on what, and those that may be asked.
struct Mounts {
    nodes: [Node; NODES_MAX],
    /// Of all mounts: there may be more than nodes.
    node_count: usize,
    entries: [Entry; ENTRIES_MAX],
    count: usize,
    names: [u8; NAMES_MAX],
    used: usize,
    is_over: bool,
}

#[derive(Clone, Copy)]
struct Node {
    id: u32,
    parent: u32,
    /// A hash of the mount point.
    point: u32,
    may_wait: bool,
}

#[derive(Clone, Copy)]
struct Entry {
    id: u32,
    parent: u32,
    device: u32,
    /// Where its mount point and then its type start and end in the names.
    start: u16,
    middle: u16,
    end: u16,
    is_named: bool,
    /// Whether it is known if its file system is read-only, and whether it is. (In an `Option` nothing would not be
    /// zeros, and all entries would be in the program's file.)
    is_known: bool,
    is_read_only: bool,
    /// Its file system has been handed over by this mount point.
    is_told: bool,
}

impl Mounts {
    const NONE: Self = Self {
        nodes: [Node {
            id: 0,
            parent: 0,
            point: 0,
            may_wait: false,
        }; NODES_MAX],
        node_count: 0,
        entries: [Entry {
            id: 0,
            parent: 0,
            device: 0,
            start: 0,
            middle: 0,
            end: 0,
            is_named: false,
            is_known: false,
            is_read_only: false,
            is_told: false,
        }; ENTRIES_MAX],
        count: 0,
        names: [0; NAMES_MAX],
        used: 0,
        is_over: false,
    };

    fn add(&mut self, mount: &Mount, ask: WhetherToAsk) {
        let &Mount {
            id, parent, device, ..
        } = mount;
        let mut room = [0; POINT_MAX];
        // What is longer cannot be asked.
        let Some(point) = decode(mount.point, &mut room) else {
            return;
        };
        let ask = ask(point, mount.kind);
        if let Some(node) = self.nodes.get_mut(self.node_count) {
            *node = Node {
                id,
                parent,
                point: hash(point),
                may_wait: ask == Ask::NeverAsItMayWait,
            };
        }
        self.node_count += 1;
        if matches!(ask, Ask::Never | Ask::NeverAsItMayWait) || self.same(device) >= SAME_MAX {
            return;
        }
        let (start, middle) = (self.used, self.used + point.len());
        let mut names = Text::new(self.names.get_mut(start..).unwrap_or_default());
        names.put(point);
        names.put(mount.kind);
        let end = start + names.bytes().len();
        match self.entries.get_mut(self.count) {
            Some(entry) if !names.is_cut() => {
                *entry = Entry {
                    id,
                    parent,
                    device,
                    start: start as u16,
                    middle: middle as u16,
                    end: end as u16,
                    is_named: ask == Ask::Named,
                    is_known: mount.is_read_only.is_some(),
                    is_read_only: mount.is_read_only == Some(true),
                    is_told: false,
                };
                self.count += 1;
                self.used = end;
            }
            _ => self.is_over = true,
        }
    }

    /// Mounts of the device that may be asked.
    fn same(&self, device: u32) -> usize {
        let entries = self.entries.iter().take(self.count);
        entries.filter(|entry| entry.device == device).count()
    }

    /// Hands over the mount point and the type of each that can be reached by its mount point, the first
    /// of each device, and whether it is read-only.
    fn for_each_visible(&mut self, take: TakeVisible) {
        for number in 0..self.count {
            let Some((entry, before)) = self.entries.get(..=number).and_then(<[Entry]>::split_last) else {
                return;
            };
            let is_same = |other: &Entry| other.is_told && other.device == entry.device;
            let names = |start: u16, end: u16| self.names.get(start.into()..end.into()).unwrap_or_default();
            let point = names(entry.start, entry.middle);
            if before.iter().any(is_same) || !self.is_reached(entry, point) {
                continue;
            }
            let is_read_only = entry.is_known.then_some(entry.is_read_only);
            take(point, names(entry.middle, entry.end), is_read_only);
            if let Some(entry) = self.entries.get_mut(number) {
                entry.is_told = true;
            }
        }
    }

    /// Whether nothing hides the mount: what is mounted on its point or above it in the tree of names
    /// lies below it in the tree of mounts. And the way to it leads through nothing that may wait for
    /// others, unless the user has named it.
    fn is_reached(&self, entry: &Entry, point: &[u8]) -> bool {
        let nodes = self.nodes.get(..self.node_count).unwrap_or(&self.nodes);
        let (mut below, mut depth) = ([0; DEPTH_MAX], 0);
        let mut next = entry.parent;
        while let (Some(place), Some(node)) =
            (below.get_mut(depth), nodes.iter().find(|node| node.id == next))
        {
            if node.may_wait && !entry.is_named {
                return false;
            }
            *place = node.id;
            (next, depth) = (node.parent, depth + 1);
        }
        if self.node_count > NODES_MAX {
            // Not all is known of what lies on what: too much is told rather than too little.
            return true;
        }
        let below = below.get(..depth).unwrap_or_default();
        // The root, all on the way, the point: `/`, `/a`, `/a/b`.
        for end in 0..=point.len() {
            let way = match point.get(end) {
                _ if end == 0 => b"/",
                None | Some(b'/') => point.get(..end).unwrap_or_default(),
                Some(_) => continue,
            };
            let way = hash(way);
            let hides = |node: &Node| node.point == way && node.id != entry.id && !below.contains(&node.id);
            if nodes.iter().any(hides) {
                return false;
            }
        }
        true
    }
}

/// Writes the name with the bytes that its octal escapes (`\040`) stand for.
fn decode<'b>(name: &[u8], room: &'b mut [u8]) -> Option<&'b [u8]> {
    let (mut rest, mut end) = (name, 0);
    while let [first, behind @ ..] = rest {
        let mut byte = *first;
        rest = behind;
        if let [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', behind @ ..] = behind
            && byte == b'\\'
        {
            byte = a << 6 | (b & 7) << 3 | c & 7;
            rest = behind;
        }
        *room.get_mut(end)? = byte;
        end += 1;
    }
    room.get(..end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::glob::Choice;
    use crate::families;

    fn visible(text: &str) -> (Vec<String>, bool) {
        visible_of(text, &|point, kind| match kind {
            b"proc" => Ask::Never,
            b"nfs4" => Ask::NeverAsItMayWait,
            _ if point.ends_with(b"named") => Ask::Named,
            _ => Ask::Usual,
        })
    }

    fn visible_of(text: &str, ask: WhetherToAsk) -> (Vec<String>, bool) {
        let mut mounts = Mounts::NONE;
        for line in text.lines() {
            if let Some(mount) = parse(line.as_bytes()) {
                mounts.add(&mount, ask);
            }
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut found = Vec::new();
        mounts.for_each_visible(&mut |point, kind, _| found.push(format!("{} {}", text(point), text(kind))));
        (found, mounts.is_over)
    }

    /// The mounts of each captured machine, as the disk family chooses them, beside what stands there.
    #[test]
    fn of_a_machine_s_mounts_these_are_asked() {
        let machines = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).unwrap();
        let mut count = 0;
        for machine in machines.map(|entry| entry.unwrap().path()) {
            let Ok(expected) = std::fs::read_to_string(machine.join("mounts.txt")) else {
                assert!(
                    !machine.join("proc/self/mountinfo").exists(),
                    "{}",
                    machine.display()
                );
                continue;
            };
            let text = std::fs::read_to_string(machine.join("proc/self/mountinfo")).unwrap();
            let usual = |point: &[u8], kind: &[u8]| families::ask_mount(Choice::default(), point, kind);
            let found = visible_of(&text, &usual).0;
            assert_eq!(
                found,
                expected.lines().collect::<Vec<_>>(),
                "{}",
                machine.display()
            );
            count += 1;
        }
        assert!(count >= 2);
    }

    #[test]
    fn escapes_stand_for_one_byte_each() {
        let line = "36 35 98:0 / /a\\040b\\134\\011c\\012\\0x rw master:1 shared:2 - ext4 /dev/x rw";
        assert_eq!(visible(line).0, ["/a b\\\tc\n\\0x ext4"]);
        assert_eq!(
            visible("1 2 3:4 / /a\\400\\04 rw - ext4 x rw").0,
            ["/a\\400\\04 ext4"]
        );
    }

    #[test]
    fn a_file_system_counts_once_at_the_first_point_where_it_can_be_reached() {
        let text = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
                    2 1 8:1 /home /srv rw - ext4 /dev/sda1 rw\n\
                    3 1 8:2 / /mnt rw - ext4 /dev/sda2 rw\n\
                    4 3 8:3 / /mnt rw - vfat /dev/sda3 rw\n\
                    5 1 8:2 / /again rw - ext4 /dev/sda2 rw\n\
                    6 1 8:4 / /x rw - ext4 /dev/sda4 rw\n\
                    7 6 0:5 / /x rw - proc proc rw\n";
        assert_eq!(visible(text).0, ["/ ext4", "/mnt vfat", "/again ext4"]);
    }

    /// The kernel's order is not that of mounting: what lies on what counts.
    #[test]
    fn a_mount_above_hides_what_does_not_lie_on_it() {
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
    fn among_very_many_mounts_none_is_taken_for_hidden() {
        let pseudo = |id: usize| format!("{id} 1 0:{id} / /proc/{id} rw - proc x rw\n");
        let many: String = (10..10 + NODES_MAX).map(pseudo).collect();
        let text = many + "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n900 899 8:2 / /late rw - ext4 /dev/x rw\n";
        assert_eq!(visible(&text).0, ["/ ext4", "/late ext4"]);
    }

    #[test]
    fn the_way_leads_through_nothing_that_may_wait_unless_it_is_named() {
        let text = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
                    2 1 0:9 / /nas rw - nfs4 host:/ rw\n\
                    3 2 8:3 / /nas/local rw - vfat /dev/sda3 rw\n\
                    4 3 8:4 / /nas/local/deep rw - vfat /dev/sda4 rw\n\
                    5 2 8:5 / /nas/named rw - vfat /dev/sda5 rw\n";
        assert_eq!(visible(text).0, ["/ ext4", "/nas/named vfat"]);
    }

    #[test]
    fn what_is_no_mount_is_none() {
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
    fn beyond_the_bounds_the_first_ones_stay() {
        let line = |number: usize, point: &str| format!("{number} 1 7:{number} / {point} rw - ext4 x rw\n");
        let many = |count| (1..=count).map(|number| line(number, &format!("/m{number}")));
        let (found, is_over) = visible(&many(ENTRIES_MAX).collect::<String>());
        assert_eq!((found.len(), is_over), (ENTRIES_MAX, false));
        let (found, is_over) = visible(&many(ENTRIES_MAX + 1).collect::<String>());
        assert_eq!((found.len(), is_over), (ENTRIES_MAX, true));
        assert_eq!(found[63], "/m64 ext4");
        let long = format!("/{}", "long".repeat(250));
        let text: String = (1..=5)
            .map(|number| line(number, &format!("{long}{number}")))
            .collect();
        let (found, is_over) = visible(&text);
        assert_eq!((found.len(), is_over), (4, true));
        // Longer than a path may be: it cannot be asked, and takes no room.
        let (found, is_over) = visible(&(line(1, &long.repeat(2)) + &line(2, "/short")));
        assert_eq!((found, is_over), (vec!["/short ext4".into()], false));
    }
}
