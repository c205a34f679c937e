//! What `/sys/class/net` says of the interfaces' links
//! (`Documentation/ABI/testing/sysfs-class-net`). Opening a file costs more than reading it, so they
//! stay open for as long as their interface is there.

use super::sysfs::{ROOM, open, value};
use crate::base::decimal::Fixed;
use crate::base::text::hash;
use crate::platform::{Directory, Errno, File};
use crate::procfs::{InterfaceName, MetricId, Values};

/// Interfaces whose files are kept open; those of more, but one of them, are opened anew in each turn.
const LINKS_MAX: usize = 33;
/// After so many rounds all are opened anew, whatever the signs below say.
const ROUNDS_MAX: u32 = 64;

/// Bits a second in the unit of the kernel's speeds.
const MEGABIT: u32 = 1_000_000;

/// The open files of interfaces.
pub struct Links {
    /// The interfaces' names, and what is kept of each.
    known_names: [InterfaceName; LINKS_MAX],
    known: [Known; LINKS_MAX],
    round: u32,
    /// A file follows its device when that is renamed, and another device may have got its name: the
    /// names are others then or in another order, or a counter has gone back.
    is_stale: bool,
    /// A hash of the names in their order, of this round and of the one before.
    names: [u32; 2],
}

struct Known {
    /// The interface has been asked for in this round.
    is_here: bool,
    /// The low bits of what it had carried.
    packets: u32,
    carrier: Option<File>,
    speed: Option<File>,
}

impl Links {
    pub(super) const NONE: Self = Self {
        known_names: [InterfaceName::NONE; LINKS_MAX],
        known: [const { Known::NONE }; LINKS_MAX],
        round: 0,
        is_stale: false,
        names: [0; 2],
    };

    /// Closes what was not asked for in this round, or all if it cannot be trusted.
    pub fn end_round(&mut self) {
        let [names, names_before] = self.names;
        // In the first round there are none before.
        let are_others = names != names_before && names_before != 0;
        let is_last = self.round == ROUNDS_MAX;
        let is_stale = self.is_stale || are_others || is_last;
        for (name, known) in self.known_names.iter_mut().zip(&mut self.known) {
            if is_stale || !known.is_here {
                *name = InterfaceName::NONE;
                *known = Known::NONE;
            }
            known.is_here = false;
        }
        self.names = [0, names];
        self.is_stale = false;
        self.round = if is_last { 0 } else { self.round + 1 };
    }

    /// Looks at the link of the interface, which has carried so many packets.
    pub fn look(
        &mut self,
        sys: &Directory,
        name: &[u8],
        packets: u32,
        values: &mut Values,
        up: MetricId,
        speed: MetricId,
    ) {
        let [names, _] = &mut self.names;
        *names = names.rotate_left(5) ^ hash(name);
        // The last place is for all that find none.
        let place = |name| self.known_names.iter().position(|other| other.bytes() == name);
        let old = place(name);
        let place = old.or_else(|| place(b"")).unwrap_or(LINKS_MAX - 1);
        let Some(known) = self.known.get_mut(place) else {
            return;
        };
        if old.is_none() {
            self.known_names[place] = InterfaceName::new(name);
            known.open(sys, name);
        }
        if !known.read(values, up, speed) {
            // Another interface has got the name of one that is gone.
            known.open(sys, name);
            known.read(values, up, speed);
        }
        if !known.may_stay() {
            // There are too few descriptors.
            self.known_names[place] = InterfaceName::NONE;
            *known = Known::NONE;
            return;
        }
        self.is_stale |= (packets.wrapping_sub(known.packets) as i32) < 0;
        (known.is_here, known.packets) = (true, packets);
    }
}

impl Known {
    const NONE: Self = Self {
        is_here: false,
        packets: 0,
        carrier: None,
        speed: None,
    };

    #[inline(never)]
    fn open(&mut self, sys: &Directory, interface: &[u8]) {
        *self = Self::NONE;
        self.carrier = open(sys, &[b"class/net/", interface, b"/carrier"]);
        self.speed = open(sys, &[b"class/net/", interface, b"/speed"]);
    }

    fn may_stay(&self) -> bool {
        let files = [&self.carrier, &self.speed];
        files.into_iter().flatten().all(File::may_stay)
    }

    /// Says whether its files are those of an interface that is still there.
    #[inline(never)]
    fn read(&self, values: &mut Values, up: MetricId, speed: MetricId) -> bool {
        let mut room = ROOM;
        let carrier = self.carrier.as_ref().map(|file| file.read_at(&mut room, 0));
        let is_up = match carrier {
            Some(Ok(_)) => room.first() == Some(&b'1'),
            // An interface that is down has a carrier that cannot be read.
            _ => false,
        };
        values.set(up, carrier.map(|_| Fixed::whole(is_up.into())));
        values.parse(speed, self.speed.as_ref().and_then(|file| value(file, &mut room)));
        values.multiply(speed, MEGABIT);
        if values.number(speed) == 0 {
            values.set(speed, None);
        }
        carrier != Some(Err(Errno::NO_DEVICE))
    }
}
