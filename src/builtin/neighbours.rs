//! Who is in the network: neighbours that the kernel knows, addresses that are lent.

use super::table::{Metrics, metrics};
use super::{Sink, tell, tell_whole};
use crate::host::{Fault, Flaw, Host, INTERFACE_NAME_MAX, Source};
use crate::num::Fixed;
use crate::pattern::Choice;

/// Interfaces that have samples; of more, the first ones.
const INTERFACES_MAX: usize = 64;

pub(super) static METRICS: Metrics = metrics! {
    Gauge "arp.entries" "" "IPv4 neighbours that the kernel knows, or asks for, behind an interface (iface=)";
    Gauge "dhcp.leases" "" "addresses that dnsmasq has lent, where there is its lease file";
};

/// Counts of interfaces that have, or once had, neighbours: those that have none any more say so.
pub(super) struct Neighbours {
    interfaces: [Interface; INTERFACES_MAX],
}

#[derive(Clone, Copy, Default)]
struct Interface {
    name: [u8; INTERFACE_NAME_MAX],
    length: u8,
    entries: u32,
}

impl Interface {
    fn name(&self) -> &[u8] {
        self.name.get(..usize::from(self.length)).unwrap_or_default()
    }
}

impl Default for Neighbours {
    fn default() -> Self {
        Self {
            interfaces: [Interface::default(); INTERFACES_MAX],
        }
    }
}

impl Neighbours {
    pub(super) fn take(
        &mut self,
        choice: Choice,
        host: &mut Host,
        leases: &[u8],
        sink: Sink,
    ) -> Result<(), Fault> {
        let entries = self.entries(choice, host, &mut *sink);
        let leases = host.leases(leases);
        tell_whole(sink, &METRICS, 1, &[leases.ok()]);
        entries?;
        leases.map(|_| ()).or_else(Fault::unless_missing)
    }

    fn entries(&mut self, choice: Choice, host: &mut Host, sink: Sink) -> Result<(), Fault> {
        for interface in &mut self.interfaces {
            interface.entries = 0;
        }
        let mut is_over = false;
        let result = host.neighbours(&mut |name| {
            if name.len() <= INTERFACE_NAME_MAX && choice.wants(name, b"") {
                match self.interface(name) {
                    Some(interface) => interface.entries += 1,
                    None => is_over = true,
                }
            }
        });
        if let Err(fault) = result {
            return fault.unless_missing();
        }
        for interface in self.interfaces.iter().filter(|interface| interface.length > 0) {
            let count = Fixed::whole(u64::from(interface.entries));
            tell(
                &mut *sink,
                &METRICS,
                0,
                &[("iface", interface.name())],
                &[Some(count)],
            );
        }
        if is_over {
            return Err(Flaw::Interfaces.of(Source::Arp));
        }
        Ok(())
    }

    /// The place of that interface, or a new one.
    #[inline(never)]
    fn interface(&mut self, name: &[u8]) -> Option<&mut Interface> {
        let places = &mut self.interfaces;
        let known = places.iter().position(|place| place.name() == name);
        // One that has no neighbours any more makes room, if need be.
        let free = || places.iter().position(|place| place.length == 0);
        let spent = || places.iter().position(|place| place.entries == 0);
        let place = known.or_else(free).or_else(spent)?;
        let place = places.get_mut(place)?;
        if known.is_none() {
            *place = Interface::default();
            place.name.get_mut(..name.len())?.copy_from_slice(name);
            place.length = name.len() as u8;
        }
        Some(place)
    }
}
