//! Who is in the network: neighbours that the kernel knows, addresses that are lent.

use super::table::{Metrics, metrics};
use super::{Builtin, Out};
use crate::host::{Fault, Flaw, Host, InterfaceName, Source, Take, Values};
use crate::num::Fixed;

/// Interfaces that have samples; of more, the first ones.
const INTERFACES_MAX: usize = 64;

pub(super) static METRICS: Metrics = metrics! {
    Gauge "arp.entries" "" "IPv4 neighbours that the kernel knows, or asks for, behind an interface (iface=)";
    Gauge "dhcp.leases" "" "addresses that dnsmasq has lent, where there is its lease file";
};

const LEASES: usize = 1;

/// Counts of interfaces that have, or once had, neighbours: those that have none any more say so.
pub(super) struct Neighbours([Interface; INTERFACES_MAX]);

#[derive(Clone, Copy)]
struct Interface {
    name: InterfaceName,
    entries: u32,
}

impl Neighbours {
    pub(super) const NONE: Self = Self(
        [Interface {
            name: InterfaceName::NONE,
            entries: 0,
        }; INTERFACES_MAX],
    );

    /// The place of that name.
    #[inline(never)]
    fn named(&self, name: &[u8]) -> Option<usize> {
        self.0.iter().position(|place| place.name.bytes() == name)
    }

    /// Counts a neighbour behind that interface; says whether there is a place for it.
    #[inline(never)]
    fn add(&mut self, name: &[u8]) -> bool {
        // One that has no neighbours any more makes room, if need be.
        let spent = || self.0.iter().position(|place| place.entries == 0);
        let place = self.named(name).or_else(|| self.named(b"")).or_else(spent);
        let Some(place) = place.and_then(|place| self.0.get_mut(place)) else {
            return false;
        };
        place.name.set(name);
        place.entries += 1;
        true
    }
}

pub(super) fn take(
    all: &mut Builtin,
    host: &mut Host,
    out: &mut Out,
    values: &mut Values,
) -> Result<(), Fault> {
    let entries = entries(&mut all.neighbours, host, out);
    let leases = host.leases(all.wishes.leases);
    if let Ok(leases) = leases {
        values.set_whole(LEASES, leases);
    }
    entries?;
    leases.map(|_| ()).or_else(Fault::unless_missing)
}

fn entries(all: &mut Neighbours, host: &mut Host, out: &mut Out) -> Result<(), Fault> {
    for interface in &mut all.0 {
        interface.entries = 0;
    }
    let mut is_over = false;
    let result = host.neighbours(&mut |name| {
        if out.wants(name) {
            is_over |= !all.add(name);
        }
    });
    if let Err(fault) = result {
        return fault.unless_missing();
    }
    for interface in &all.0 {
        let name = interface.name.bytes();
        if !name.is_empty() {
            out.tell_one(0, &[("iface", name)], Fixed::whole(interface.entries.into()));
        }
    }
    if is_over {
        return Err(Flaw::Interfaces.of(Source::Arp));
    }
    Ok(())
}
