//! Who is in the network: neighbours that the kernel knows, addresses that are lent.

use super::table::{Metrics, metrics};
use super::{Builtin, Out};
use crate::base::decimal::Fixed;
use crate::procfs::{Fault, Flaw, Host, InterfaceName, Source, Take, Values};

/// Interfaces that have a place.
const INTERFACES_MAX: usize = super::INTERFACES_MAX as usize;

pub(super) static METRICS: Metrics = metrics! {
    Gauge "arp.entries" "" "IPv4 neighbours that the kernel knows, or asks for, behind an interface (iface=)";
    Gauge "dhcp.leases" "" "addresses that dnsmasq has lent, where there is its lease file";
};

/// Where the metrics stand in the table.
const ENTRIES: usize = 0;
const LEASES: usize = 1;

/// Interfaces that have, or once had, neighbours: those that have none any more say so.
pub(super) struct Neighbours {
    names: [InterfaceName; INTERFACES_MAX],
    /// How many each has.
    entries: [u32; INTERFACES_MAX],
}

impl Neighbours {
    pub(super) const NONE: Self = Self {
        names: [InterfaceName::NONE; INTERFACES_MAX],
        entries: [0; INTERFACES_MAX],
    };

    /// Counts a neighbour behind that interface; says whether there is a place for it.
    fn add(&mut self, name: &[u8]) -> bool {
        // One that has no neighbours any more makes room, if need be.
        let spent = || self.entries.iter().position(|entries| *entries == 0);
        let place = |name| self.names.iter().position(|other| other.bytes() == name);
        let Some(place) = place(name).or_else(|| place(b"")).or_else(spent) else {
            return false;
        };
        self.names[place] = InterfaceName::new(name);
        self.entries[place] += 1;
        true
    }
}

pub(super) fn take(
    all: &mut Builtin,
    host: &mut Host,
    out: &mut Out,
    values: &mut Values,
) -> Result<(), Fault> {
    let entries = entries(&mut all.memory.neighbours, host, out);
    let leases = host.leases(out.wishes.leases);
    if let Ok(leases) = leases {
        values.set_whole(LEASES, leases.into());
    }
    entries?;
    leases.map(|_| ()).or_else(Fault::unless_missing)
}

fn entries(all: &mut Neighbours, host: &mut Host, out: &mut Out) -> Result<(), Fault> {
    all.entries = [0; INTERFACES_MAX];
    let mut is_over = false;
    let result = host.neighbours(&mut |name| {
        if out.wants(name) {
            is_over |= !all.add(name);
        }
    });
    if let Err(fault) = result {
        return fault.unless_missing();
    }
    for (name, &entries) in all.names.iter().zip(&all.entries) {
        if !name.is_none() {
            out.tell_one(
                ENTRIES,
                &[(b"iface=", name.bytes())],
                Fixed::whole(entries.into()),
            );
        }
    }
    if is_over {
        return Err(Flaw::Interfaces.of(Source::Arp));
    }
    Ok(())
}
