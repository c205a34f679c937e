//! Who is in the network: neighbours that the kernel knows, addresses that are lent.

use super::emitter::{INTERFACES_MAX, too_many_interfaces};
use super::metrics::metrics;
use super::{Context, FamilyEmitter, FamilyValues};
use crate::base::decimal::Fixed;
use crate::procfs::{Host, InterfaceName, ProcFile, ReadError};

metrics! {
    ENTRIES Gauge "arp.entries" "" "IPv4 neighbours that the kernel knows or asks for on an interface (iface=)";
    LEASES  Gauge "dhcp.leases" "" "addresses that dnsmasq has leased, if its lease file exists";
}

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

pub(super) fn collect(cx: &mut Context) -> Result<(), ReadError> {
    let entries = entries(&mut cx.collector.memory.neighbours, cx.host, &mut cx.emitter);
    let leases = cx.host.leases(cx.filters.leases);
    let mut values = FamilyValues::new();
    values.set_u64(LEASES, leases.ok().map(u64::from));
    cx.emitter.emit(&values);
    entries?;
    leases.map(|_| ()).or_else(ReadError::unless_missing)
}

fn entries(all: &mut Neighbours, host: &mut Host, emitter: &mut FamilyEmitter) -> Result<(), ReadError> {
    all.entries = [0; INTERFACES_MAX];
    let mut is_over = false;
    let result = host.neighbours(&mut |name| {
        if emitter.wants(name) {
            is_over |= !all.add(name);
        }
    });
    if let Err(error) = result {
        return error.unless_missing();
    }
    for (name, &entries) in all.names.iter().zip(&all.entries) {
        if !name.is_none() {
            let entries = Fixed::whole(entries.into());
            emitter.emit_one(&[(b"iface=", name.bytes())], ENTRIES, entries);
        }
    }
    if is_over {
        return Err(too_many_interfaces(ProcFile::Arp));
    }
    Ok(())
}
