//! Sockets: `/proc/net/sockstat` (`proc(5)`), lines such as `TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 319`.

use super::metrics::metrics;
use super::{FamilyContext, FamilyValues};
use crate::base::fields::fields;
use crate::procfs::{ProcFile, ReadError, page_size};

metrics! {
    USED         Gauge "sockets.used"         ""      "sockets of all kinds" from "sockets: used";
    TCP_INUSE    Gauge "sockets.tcp.inuse"    ""      "IPv4 TCP sockets that are not closed" from "TCP: inuse";
    TCP_ORPHAN   Gauge "sockets.tcp.orphan"   ""      "TCP sockets that no process holds any more" from "TCP: orphan";
    TCP_TIMEWAIT Gauge "sockets.tcp.timewait" ""      "TCP sockets in state TIME-WAIT" from "TCP: tw";
    TCP_ALLOC    Gauge "sockets.tcp.alloc"    ""      "TCP sockets in any state" from "TCP: alloc";
    TCP_MEM      Gauge "sockets.tcp.mem"      "bytes" "memory of TCP sockets" from "TCP: mem";
    UDP_INUSE    Gauge "sockets.udp.inuse"    ""      "IPv4 UDP sockets" from "UDP: inuse";
    UDP_MEM      Gauge "sockets.udp.mem"      "bytes" "memory of UDP sockets" from "UDP: mem";
}

pub(super) fn collect(cx: &mut FamilyContext) -> Result<(), ReadError> {
    let values = &mut cx.values;
    let lines = values.read_lines(&mut cx.host.files, ProcFile::Sockstat, KEYS.count(), parse)?;
    // The kernel counts pages.
    for id in [TCP_MEM, UDP_MEM] {
        values.multiply(id, page_size());
    }
    lines.finish(values.count() > 0)
}

/// Parses a line: a section, then names and values in turn.
fn parse(line: &[u8], values: &mut FamilyValues) {
    let mut fields = fields(line);
    let section = fields.next().unwrap_or_default();
    while let Some(name) = fields.next() {
        let number = fields.next_u64();
        if let Some(id) = KEYS.find_in(section, name) {
            values.set_u64(*id, number);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_come_in_pairs() {
        let mut values = FamilyValues::NONE;
        for line in [
            "sockets: used 10",
            "TCP: tw 3 inuse 1 new 9 alloc",
            "UDP: inuse x mem 2",
            "UDPLITE: inuse 7",
        ] {
            parse(line.as_bytes(), &mut values);
        }
        let expected = [
            (USED.row(), 10),
            (TCP_INUSE.row(), 1),
            (TCP_TIMEWAIT.row(), 3),
            (UDP_MEM.row(), 2),
        ];
        let found: Vec<_> = values.iter().map(|(row, value)| (row, value.parts().0)).collect();
        assert_eq!(found, expected);
    }
}
