//! Links of network interfaces: `carrier` and `speed` below `/sys/class/net`
//! (`Documentation/ABI/testing/sysfs-class-net`). To open a file costs more than to read it, so they stay open while
//! their interface exists.

use super::sysfs::{VALUE_MAX, open, read_value};
use crate::base::decimal::parse_u64;
use crate::base::name::Name;
use crate::base::text::hash;
use crate::platform::{Directory, Errno, File};

/// The name of an interface, of at most 15 bytes (`IFNAMSIZ`).
pub type InterfaceName = Name<16>;

/// Interfaces whose files stay open. Further ones share the last slot, and their files are opened in each turn.
const SLOTS_MAX: usize = 33;
/// Turns after which all files are opened again, whether or not they are stale.
const TURNS_MAX: u32 = 64;

/// The state of an interface's link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Whether there is a carrier. `None` if the kernel does not print it.
    pub is_up: Option<bool>,
    /// Speed in megabits per second. `None` if it is unknown.
    pub megabits: Option<u64>,
}

/// The open files of the interfaces.
///
/// An open file follows its interface when that is renamed, and another interface may have got the name since. Then
/// the names change or their order does, or a counter goes back: in each case all files are opened again.
pub struct Links {
    names: [InterfaceName; SLOTS_MAX],
    slots: [Slot; SLOTS_MAX],
    turn: u32,
    /// A counter of some interface went back in this turn.
    has_counter_reset: bool,
    /// A hash of the interfaces' names in their order, in this turn and in the one before.
    names_hash: u32,
    names_hash_before: u32,
}

struct Slot {
    /// The interface was read in this turn.
    is_used: bool,
    /// The low bits of its count of packets.
    packets: u32,
    carrier: Option<File>,
    speed: Option<File>,
}

impl Links {
    /// No file is open.
    pub const NONE: Self = Self {
        names: [InterfaceName::NONE; SLOTS_MAX],
        slots: [const { Slot::EMPTY }; SLOTS_MAX],
        turn: 0,
        has_counter_reset: false,
        names_hash: 0,
        names_hash_before: 0,
    };

    /// Reads the link of an interface that has carried this many packets.
    pub fn read(&mut self, sys: &Directory, name: &[u8], packets: u32) -> Link {
        self.names_hash = self.names_hash.rotate_left(5) ^ hash(name);
        let find = |name| self.names.iter().position(|other| other.bytes() == name);
        let known = find(name);
        let index = known.or_else(|| find(b"")).unwrap_or(SLOTS_MAX - 1);
        let slot = &mut self.slots[index];
        if known.is_none() {
            self.names[index] = InterfaceName::new(name);
            slot.open(sys, name);
        }
        let link = slot.read().unwrap_or_else(|| {
            // The interface is gone, and another one has got its name.
            slot.open(sys, name);
            slot.read().unwrap_or(Link {
                is_up: Some(false),
                megabits: None,
            })
        });
        if slot.may_stay() {
            self.has_counter_reset |= (packets.wrapping_sub(slot.packets) as i32) < 0;
            (slot.is_used, slot.packets) = (true, packets);
        } else {
            self.names[index] = InterfaceName::NONE;
            *slot = Slot::EMPTY;
        }
        link
    }

    /// Ends a turn. Closes the files of the interfaces that were not read in it, and all files if they may be stale.
    pub fn end_turn(&mut self) {
        // There are no names before the first turn.
        let has_renames = self.names_hash != self.names_hash_before && self.names_hash_before != 0;
        let is_last = self.turn == TURNS_MAX;
        let is_stale = self.has_counter_reset || has_renames || is_last;
        for (name, slot) in self.names.iter_mut().zip(&mut self.slots) {
            if is_stale || !slot.is_used {
                *name = InterfaceName::NONE;
                *slot = Slot::EMPTY;
            }
            slot.is_used = false;
        }
        (self.names_hash, self.names_hash_before) = (0, self.names_hash);
        self.has_counter_reset = false;
        self.turn = if is_last { 0 } else { self.turn + 1 };
    }
}

impl Slot {
    const EMPTY: Self = Self {
        is_used: false,
        packets: 0,
        carrier: None,
        speed: None,
    };

    fn open(&mut self, sys: &Directory, interface: &[u8]) {
        *self = Self::EMPTY;
        self.carrier = open(sys, &[b"class/net/", interface, b"/carrier"]);
        self.speed = open(sys, &[b"class/net/", interface, b"/speed"]);
    }

    fn may_stay(&self) -> bool {
        let files = [&self.carrier, &self.speed];
        files.into_iter().flatten().all(File::may_stay)
    }

    /// Reads the files. Returns `None` if their interface is gone.
    fn read(&self) -> Option<Link> {
        let mut buffer = [0; VALUE_MAX];
        let is_up = match self.carrier.as_ref().map(|file| file.read_at(&mut buffer, 0)) {
            None => None,
            Some(Ok(_)) => Some(buffer.first() == Some(&b'1')),
            Some(Err(Errno::NO_DEVICE)) => return None,
            // The file of an interface that is set down cannot be read.
            Some(Err(_)) => Some(false),
        };
        let speed = self.speed.as_ref().and_then(|file| read_value(file, &mut buffer));
        Some(Link {
            is_up,
            megabits: speed
                .and_then(parse_u64)
                .filter(|megabits| !is_unknown(*megabits)),
        })
    }
}

/// Returns whether a driver prints this number where it does not know the speed: 0, or `SPEED_UNKNOWN` (−1) of 16 or 32
/// bits without its sign (`include/uapi/linux/ethtool.h`). With its sign it is no number.
fn is_unknown(megabits: u64) -> bool {
    matches!(megabits, 0 | 0xffff | 0xffff_ffff)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::{Path, PathBuf};

    fn put(root: &Path, interface: &str, carrier: &str, speed: &str) {
        let folder = root.join("class/net").join(interface);
        fs::create_dir_all(&folder).unwrap();
        for (file, text) in [("carrier", carrier), ("speed", speed)] {
            // A new file: one that is open keeps its text.
            let _ = fs::remove_file(folder.join(file));
            fs::write(folder.join(file), text).unwrap();
        }
    }

    fn sys(name: &str) -> (PathBuf, Directory) {
        let root = std::env::temp_dir().join(format!("mini-monitor-{name}-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        let sys = Directory::open(root.to_str().unwrap().as_bytes()).unwrap();
        (root, sys)
    }

    fn link(is_up: bool, megabits: u64) -> Link {
        Link {
            is_up: Some(is_up),
            megabits: Some(megabits),
        }
    }

    #[test]
    fn unknown_speed_and_missing_carrier_have_no_value() {
        let (root, sys) = sys("links-unknown");
        let mut links = Links::NONE;
        put(&root, "eth0", "1\n", "1000\n");
        for (interface, speed) in [
            ("eth1", "-1\n"),
            ("eth2", "0\n"),
            ("eth3", "65535\n"),
            ("eth4", "4294967295\n"),
            ("eth5", "18446744073709551616\n"),
        ] {
            put(&root, interface, "0\n", speed);
        }
        assert_eq!(links.read(&sys, b"eth0", 0), link(true, 1_000));
        for interface in [b"eth1", b"eth2", b"eth3", b"eth4", b"eth5"] {
            let down = Link {
                is_up: Some(false),
                megabits: None,
            };
            assert_eq!(links.read(&sys, interface, 0), down);
        }
        assert_eq!(links.read(&sys, b"none", 0), Link::default());
        fs::remove_dir_all(root).unwrap();
    }

    #[test]
    fn files_are_opened_again_after_a_rename_or_a_counter_reset() {
        let (root, sys) = sys("links-stale");
        let mut links = Links::NONE;
        let mut turn = |interfaces: &[&[u8]], packets: u32| {
            let read = interfaces.iter().map(|name| links.read(&sys, name, packets));
            let last = read.last().unwrap();
            links.end_turn();
            last
        };
        put(&root, "eth0", "1\n", "1000\n");
        assert_eq!(turn(&[b"eth0"], 10), link(true, 1_000));
        put(&root, "eth0", "0\n", "100\n");
        assert_eq!(turn(&[b"eth0"], 11), link(true, 1_000), "the files stay open");
        assert_eq!(turn(&[b"eth0"], 5), link(true, 1_000), "the counter goes back");
        assert_eq!(turn(&[b"eth0"], 6), link(false, 100));
        put(&root, "eth0", "1\n", "10\n");
        assert_eq!(
            turn(&[b"other", b"eth0"], 7),
            link(false, 100),
            "the names change"
        );
        assert_eq!(turn(&[b"other", b"eth0"], 8), link(true, 10));
        fs::remove_dir_all(root).unwrap();
    }
}
