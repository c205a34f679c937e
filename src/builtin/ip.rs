//! The network's protocols.

use super::table::{Metric, counter, gauge};
use super::{Sink, all};
use crate::host::{Fault, Host, Protocols};

pub(super) static METRICS: [Metric; 35] = [
    counter!("ip.in.packets", "", "packets received"),
    counter!("ip.out.packets", "", "packets made here and sent"),
    counter!("ip.forwarded", "", "packets forwarded"),
    counter!(
        "ip.in.discards",
        "",
        "packets received and discarded for want of room",
    ),
    counter!(
        "ip.out.discards",
        "",
        "packets to be sent and discarded for want of room",
    ),
    counter!("ip.in.errors", "", "packets received with a bad header"),
    counter!("ip6.in.packets", "", "the same of version 6"),
    counter!("ip6.out.packets", "", "the same of version 6"),
    counter!("ip6.forwarded", "", "the same of version 6"),
    counter!("ip6.in.discards", "", "the same of version 6"),
    counter!("ip6.out.discards", "", "the same of version 6"),
    counter!("ip6.in.errors", "", "the same of version 6"),
    counter!("icmp.in", "", "messages received"),
    counter!("icmp.out", "", "messages sent"),
    counter!("icmp.in.errors", "", "bad messages received"),
    counter!("udp.in", "", "datagrams received"),
    counter!("udp.out", "", "datagrams sent"),
    counter!("udp.in.errors", "", "datagrams that could not be delivered"),
    counter!("udp.no.ports", "", "datagrams for a port where nobody listens"),
    counter!("udp.rcvbuf.errors", "", "datagrams lost to a full receive buffer"),
    counter!("udp.sndbuf.errors", "", "datagrams lost to a full send buffer"),
    counter!("tcp.active.opens", "", "connections opened from here"),
    counter!("tcp.passive.opens", "", "connections opened from elsewhere"),
    counter!("tcp.attempt.fails", "", "connections that did not come about"),
    counter!("tcp.estab.resets", "", "connections that were reset"),
    counter!("tcp.in.segs", "", "segments received"),
    counter!("tcp.out.segs", "", "segments sent"),
    counter!("tcp.retrans.segs", "", "segments sent again"),
    counter!("tcp.in.errors", "", "bad segments received"),
    counter!("tcp.out.resets", "", "resets sent"),
    gauge!("tcp.established", "", "connections that are established"),
    counter!("tcp.listen.overflows", "", "connections that found a full queue"),
    counter!(
        "tcp.listen.drops",
        "",
        "connections dropped by a listening socket, for whatever reason",
    ),
    counter!("tcp.timeouts", "", "time-outs of retransmissions"),
    counter!("tcp.syn.retrans", "", "SYNs sent again"),
];

pub(super) fn take(host: &mut Host, sink: Sink) -> Result<(), Fault> {
    let mut counts = Protocols::default();
    let result = host.protocols(&mut counts);
    let mut rest = METRICS.as_slice();
    for part in [
        counts.ip.as_slice(),
        &counts.ip6,
        &counts.icmp,
        &counts.udp,
        &counts.tcp,
        &counts.tcp_more,
    ] {
        let (metrics, others) = rest.split_at(part.len().min(rest.len()));
        all(&mut *sink, metrics, part);
        rest = others;
    }
    result
}
