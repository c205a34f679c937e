//! What `/sys/class/net` says of the interfaces' links
//! (`Documentation/ABI/testing/sysfs-class-net`). Opening a file costs more than reading it, so they
//! stay open for as long as their interface is there.

use super::sysfs::{ROOM, open, value};
use crate::host::{InterfaceName, Link};
use crate::num::parse_u64;
use crate::sys::{Directory, Errno, File};
use crate::text::hash;

/// Interfaces whose files are kept open; those of more are opened anew in each turn.
const LINKS_MAX: usize = 32;
/// After so many rounds all are opened anew, whatever the signs below say.
const ROUNDS_MAX: u32 = 64;

pub(super) struct Links {
    known: [Option<Known>; LINKS_MAX],
    round: u32,
    /// A file follows its device when that is renamed, and another device may have got its name: the
    /// names are others then or in another order, or a counter has gone back.
    is_stale: bool,
    /// A hash of the names in their order, of this round and of the one before.
    names: [u32; 2],
}

struct Known {
    name: InterfaceName,
    /// The last round in which the interface was there.
    round: u32,
    packets: u64,
    carrier: Option<File>,
    speed: Option<File>,
}

impl Links {
    pub(super) fn new() -> Self {
        Self {
            known: [const { None }; LINKS_MAX],
            round: 0,
            is_stale: false,
            names: [0; 2],
        }
    }

    /// Closes what was not asked for in this round, or all if it cannot be trusted.
    pub(super) fn end_round(&mut self) {
        let [names, names_before] = self.names;
        // In the first round there are none before.
        let are_others = names != names_before && names_before != 0;
        let is_stale = self.is_stale || are_others || self.round == ROUNDS_MAX;
        for place in &mut self.known {
            if is_stale || place.as_ref().is_some_and(|known| known.round != self.round) {
                *place = None;
            }
        }
        self.names = [0, names];
        self.is_stale = false;
        self.round = if self.round == ROUNDS_MAX {
            0
        } else {
            self.round + 1
        };
    }

    /// The link of the interface, which has carried so many packets.
    pub(super) fn link(&mut self, sys: &Directory, name: &[u8], packets: u64) -> Link {
        let [names, _] = &mut self.names;
        *names = names.rotate_left(5) ^ hash(name);
        let is_it = |known: &Known| known.name.bytes() == name;
        let place = self
            .known
            .iter()
            .position(|known| known.as_ref().is_some_and(is_it))
            .or_else(|| self.known.iter().position(Option::is_none));
        let mut nothing = None;
        let place = place
            .and_then(|place| self.known.get_mut(place))
            .unwrap_or(&mut nothing);
        let Some(mut known) = place.take().or_else(|| Known::open(sys, name)) else {
            return Link::default();
        };
        let mut link = known.read();
        if link == Err(Errno::NO_DEVICE) {
            // Another interface has got the name of one that is gone.
            let Some(anew) = Known::open(sys, name) else {
                return Link::default();
            };
            known = anew;
            link = known.read();
        }
        self.is_stale |= packets < known.packets;
        (known.round, known.packets) = (self.round, packets);
        *place = Some(known);
        link.unwrap_or_default()
    }
}

impl Known {
    fn open(sys: &Directory, interface: &[u8]) -> Option<Self> {
        let file = |attribute: &[u8]| open(sys, &[b"class/net/", interface, b"/", attribute]);
        Some(Self {
            name: InterfaceName::new(interface)?,
            round: 0,
            packets: 0,
            carrier: file(b"carrier"),
            speed: file(b"speed"),
        })
    }

    fn read(&self) -> Result<Link, Errno> {
        let mut room = ROOM;
        let is_up = match self.carrier.as_ref().map(|file| file.read_at(&mut room, 0)) {
            None => None,
            Some(Ok(_)) => Some(room.first() == Some(&b'1')),
            Some(Err(Errno::NO_DEVICE)) => return Err(Errno::NO_DEVICE),
            // An interface that is down has a carrier that cannot be read.
            Some(Err(_)) => Some(false),
        };
        let speed = self.speed.as_ref().and_then(|file| value(file, &mut room));
        Ok(Link {
            is_up,
            megabits: speed.and_then(parse_u64).filter(|speed| *speed > 0),
        })
    }
}
