//! Network interfaces: `/proc/net/dev` (`proc(5)`), and their links in `/sys/class/net`.

use super::emitter::InterfaceLimit;
use super::metrics::metrics;
use super::{FamilyContext, FamilyValues, MetricId, SKIP};
use crate::procfs::{ProcFile, ReadError, is_physical, split_name};

metrics! {
    IN_BYTES       Counter "net.in.bytes"       "bytes" "bytes received by an interface (iface=)";
    IN_PACKETS     Counter "net.in.packets"     ""      "packets received by an interface";
    IN_ERRORS      Counter "net.in.errors"      ""      "bad packets received by an interface";
    IN_DROPPED     Counter "net.in.dropped"     ""      "packets received by an interface and dropped";
    IN_FIFO        Counter "net.in.fifo"        ""      "received packets lost because a queue of the interface was full";
    IN_FRAME       Counter "net.in.frame"       ""      "received packets with a framing error";
    IN_MULTICAST   Counter "net.in.multicast"   ""      "multicast packets received by an interface";
    OUT_BYTES      Counter "net.out.bytes"      "bytes" "bytes sent by an interface (iface=)";
    OUT_PACKETS    Counter "net.out.packets"    ""      "packets sent by an interface";
    OUT_ERRORS     Counter "net.out.errors"     ""      "packets that an interface could not send";
    OUT_DROPPED    Counter "net.out.dropped"    ""      "packets dropped before an interface sent them";
    OUT_FIFO       Counter "net.out.fifo"       ""      "packets to be sent lost because a queue of the interface was full";
    OUT_COLLISIONS Counter "net.out.collisions" ""      "collisions that an interface detected";
    OUT_CARRIER    Counter "net.out.carrier"    ""      "times that an interface lost its carrier while sending";
    UP             Gauge   "net.up"             ""      "1 if an interface has a link, 0 otherwise";
    SPEED          Gauge   "net.speed"          "bit/s" "speed of an interface's link, if the driver reports one";
}

/// The metrics of the columns. Without one: compressed packets received and sent.
#[rustfmt::skip]
const COLUMNS: [Option<MetricId>; 16] = [
    Some(IN_BYTES), Some(IN_PACKETS), Some(IN_ERRORS), Some(IN_DROPPED),
    Some(IN_FIFO), Some(IN_FRAME), SKIP, Some(IN_MULTICAST),
    Some(OUT_BYTES), Some(OUT_PACKETS), Some(OUT_ERRORS), Some(OUT_DROPPED),
    Some(OUT_FIFO), Some(OUT_COLLISIONS), Some(OUT_CARRIER), SKIP,
];

pub(super) fn collect(cx: &mut FamilyContext) -> Result<(), ReadError> {
    let result = collect_interfaces(cx);
    cx.host.links.end_turn();
    result
}

fn collect_interfaces(cx: &mut FamilyContext) -> Result<(), ReadError> {
    let mut limit = InterfaceLimit::default();
    let mut values = FamilyValues::NONE;
    // There is at least the loopback interface.
    let mut was_found = false;
    let lines = cx.host.files.lines(ProcFile::NetDev)?;
    while let Some(line) = lines.next_line() {
        let Some(name) = parse(line, &mut values) else {
            continue;
        };
        was_found = true;
        let sys = cx.host.sys.as_ref();
        // Those of containers, which are many, may come before those of the machine.
        if !cx.emitter.wants(name) || !limit.admit(|| sys.is_some_and(|sys| is_physical(sys, name))) {
            continue;
        }
        if let Some(sys) = sys {
            let packets = [IN_PACKETS, OUT_PACKETS].map(|id| values.get_u64(id).unwrap_or_default());
            let packets = packets[0].wrapping_add(packets[1]) as u32;
            let link = cx.host.links.read(sys, name, packets);
            values.set_u64(UP, link.is_up.map(u64::from));
            let bits = link.megabits.and_then(|megabits| megabits.checked_mul(1_000_000));
            values.set_u64(SPEED, bits);
        }
        cx.emitter.emit(&[name], &values);
    }
    lines.finish(was_found)?;
    limit.check(ProcFile::NetDev)
}

/// Parses `  eth0: 57209635    2801 …` or, of an old kernel, `eth0:57209635 2801 …`. The heading lines have no colon.
fn parse<'l>(line: &'l [u8], values: &mut FamilyValues) -> Option<&'l [u8]> {
    let (name, mut numbers) = split_name(line)?;
    (values.set_columns(&mut numbers, &COLUMNS) == COLUMNS.len()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_may_be_followed_by_a_number_without_a_blank() {
        let numbers = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16";
        let mut values = FamilyValues::NONE;
        for line in [format!("  eth0: {numbers}"), format!("eth0:{numbers}")] {
            assert_eq!(parse(line.as_bytes(), &mut values), Some(b"eth0".as_slice()));
            let found: Vec<_> = values.iter().map(|(_, value)| value.parts().0).collect();
            assert_eq!(found, [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15]);
        }
        let alias = format!("eth0:1:{numbers}");
        assert_eq!(parse(alias.as_bytes(), &mut values), Some(b"eth0:1".as_slice()));
        for bad in [
            "",
            "eth0:",
            ": 1 2 3",
            " face |bytes    packets",
            "eth0: 1 2 3",
            &format!(":{numbers}"),
            &numbers.replace("1 ", "x "),
        ] {
            assert!(parse(bad.as_bytes(), &mut values).is_none(), "{bad:?}");
        }
    }
}
