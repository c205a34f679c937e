//! Who is in the network: neighbours that the kernel knows (`/proc/net/arp`, `proc(5)`), addresses that dnsmasq has
//! leased.

use super::emitter::{INTERFACES_MAX, too_many_interfaces};
use super::metrics::metrics;
use super::{FamilyContext, FamilyValues};
use crate::base::fields::fields;
use crate::procfs::{InterfaceName, ProcFile, ReadError};

metrics! {
    ENTRIES Gauge "arp.entries" "" "IPv4 neighbours that the kernel knows or asks for on an interface (iface=)";
    LEASES  Gauge "dhcp.leases" "" "addresses that dnsmasq has leased, if its lease file exists";
}

/// The interfaces that have, or once had, neighbours: one that has lost them all has samples of 0.
pub(super) struct Neighbours {
    names: [InterfaceName; INTERFACES_MAX],
    /// The number of each interface's neighbours.
    entries: [u32; INTERFACES_MAX],
}

impl Neighbours {
    pub(super) const NONE: Self = Self {
        names: [InterfaceName::NONE; INTERFACES_MAX],
        entries: [0; INTERFACES_MAX],
    };

    /// Counts a neighbour of an interface. Returns false if there are too many interfaces.
    fn add(&mut self, interface: &[u8]) -> bool {
        let find = |name| self.names.iter().position(|other| other.bytes() == name);
        // An interface that has lost its neighbours gives way.
        let without_neighbours = || self.entries.iter().position(|entries| *entries == 0);
        let index = find(interface).or_else(|| find(b"")).or_else(without_neighbours);
        let Some(index) = index else {
            return false;
        };
        self.names[index] = InterfaceName::new(interface);
        self.entries[index] += 1;
        true
    }
}

/// Collects the neighbours of the interfaces that the user wants, and the number of leases.
pub(super) fn collect(cx: &mut FamilyContext) -> Result<(), ReadError> {
    let neighbours = collect_neighbours(cx);
    let leases = cx.host.leases(cx.filters.leases);
    cx.values.set_u64(LEASES, leases.ok().map(u64::from));
    neighbours?;
    leases.map(|_| ()).or_else(ReadError::unless_missing)
}

fn collect_neighbours(cx: &mut FamilyContext) -> Result<(), ReadError> {
    let mut has_room = true;
    if let Err(error) = read_neighbours(cx, &mut has_room) {
        return error.unless_missing();
    }
    let all = &cx.collector.memory.neighbours;
    let mut values = FamilyValues::NONE;
    for (name, entries) in all.names.iter().zip(all.entries) {
        if !name.is_none() {
            values.set_u64(ENTRIES, Some(entries.into()));
            cx.emitter.emit(&[name.bytes()], &values);
        }
    }
    if has_room {
        Ok(())
    } else {
        Err(too_many_interfaces(ProcFile::Arp))
    }
}

/// Counts the neighbours. Clears `has_room` if there are too many interfaces.
fn read_neighbours(cx: &mut FamilyContext, has_room: &mut bool) -> Result<(), ReadError> {
    let all = &mut cx.collector.memory.neighbours;
    all.entries = [0; INTERFACES_MAX];
    let mut has_heading = false;
    let lines = cx.host.files.lines(ProcFile::Arp)?;
    while let Some(line) = lines.next_line() {
        has_heading |= line.starts_with(b"IP address");
        if let Some(interface) = parse(line)
            && cx.emitter.wants(interface)
        {
            *has_room &= all.add(interface);
        }
    }
    lines.finish(has_heading)
}

/// Returns the interface of an entry such as `192.0.2.1 0x1 0x2 02:fc:00:00:00:05 * eth0`.
fn parse(line: &[u8]) -> Option<&[u8]> {
    let mut fields = fields(line);
    let address = fields.next()?;
    let is_address = address.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let interface = fields.nth(4)?;
    (is_address && fields.next().is_none()).then_some(interface)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arp_entry_has_its_interface_in_the_sixth_field() {
        let entry = b"192.0.2.1        0x1         0x2         02:fc:00:00:00:05     *        br-lan";
        assert_eq!(parse(entry), Some(b"br-lan".as_slice()));
        for bad in [
            "",
            "IP address       HW type     Flags       HW address            Mask     Device",
            "192.0.2.1 0x1 0x2 02:fc:00:00:00:05 *",
            "192.0.2.1 0x1 0x2 02:fc:00:00:00:05 * eth0 more",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
