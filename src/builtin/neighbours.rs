//! Who is in the network: neighbours that the kernel knows, addresses that are lent.

use super::table::{Metrics, metrics};
use super::{Sink, tell, tell_whole};
use crate::host::{Fault, Flaw, Host, InterfaceName, Source};
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
    name: InterfaceName,
    entries: u32,
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
            let Some(name) = InterfaceName::new(name).filter(|_| choice.wants(name, b"")) else {
                return;
            };
            match self.interface(name) {
                Some(interface) => interface.entries += 1,
                None => is_over = true,
            }
        });
        if let Err(fault) = result {
            return fault.unless_missing();
        }
        for interface in self
            .interfaces
            .iter()
            .filter(|interface| !interface.name.bytes().is_empty())
        {
            let count = Fixed::whole(u64::from(interface.entries));
            tell(
                &mut *sink,
                &METRICS,
                0,
                &[("iface", interface.name.bytes())],
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
    fn interface(&mut self, name: InterfaceName) -> Option<&mut Interface> {
        let places = &mut self.interfaces;
        let named = |wanted: &[u8]| places.iter().position(|place| place.name.bytes() == wanted);
        let free = || named(b"");
        // One that has no neighbours any more makes room, if need be.
        let spent = || places.iter().position(|place| place.entries == 0);
        let place = named(name.bytes()).or_else(free).or_else(spent)?;
        let place = places.get_mut(place)?;
        place.name = name;
        Some(place)
    }
}
