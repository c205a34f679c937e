//! The network's protocols.

use super::table::{Metrics, metrics};
use super::{Builtin, Out};
use crate::procfs::{Fault, Host, Values};

pub(super) static METRICS: Metrics = metrics! {
    Counter "ip.in.packets" "" "packets received";
    Counter "ip.out.packets" "" "packets made here and sent";
    Counter "ip.forwarded" "" "packets forwarded";
    Counter "ip.in.discards" "" "packets received and discarded for want of room";
    Counter "ip.out.discards" "" "packets to be sent and discarded for want of room";
    Counter "ip.in.errors" "" "packets received with a bad header";
    Counter "ip6.in.packets" "" "of version 6";
    Counter "ip6.out.packets" "" "of version 6";
    Counter "ip6.forwarded" "" "of version 6";
    Counter "ip6.in.discards" "" "of version 6";
    Counter "ip6.out.discards" "" "of version 6";
    Counter "ip6.in.errors" "" "of version 6";
    Counter "icmp.in" "" "messages received";
    Counter "icmp.out" "" "messages sent";
    Counter "icmp.in.errors" "" "bad messages received";
    Counter "udp.in" "" "datagrams received";
    Counter "udp.out" "" "datagrams sent";
    Counter "udp.in.errors" "" "datagrams that could not be delivered";
    Counter "udp.no.ports" "" "datagrams for a port where nobody listens";
    Counter "udp.rcvbuf.errors" "" "datagrams lost to a full receive buffer";
    Counter "udp.sndbuf.errors" "" "datagrams lost to a full send buffer";
    Counter "tcp.active.opens" "" "connections opened from here";
    Counter "tcp.passive.opens" "" "connections opened from elsewhere";
    Counter "tcp.attempt.fails" "" "connections that did not come about";
    Counter "tcp.estab.resets" "" "connections that were reset";
    Counter "tcp.in.segs" "" "segments received";
    Counter "tcp.out.segs" "" "segments sent";
    Counter "tcp.retrans.segs" "" "segments sent again";
    Counter "tcp.in.errors" "" "bad segments received";
    Counter "tcp.out.resets" "" "resets sent";
    Gauge "tcp.established" "" "connections that are established";
    Counter "tcp.listen.overflows" "" "connections that found a full queue";
    Counter "tcp.listen.drops" "" "connections dropped by a listening socket, for whatever reason";
    Counter "tcp.timeouts" "" "time-outs of retransmissions";
    Counter "tcp.syn.retrans" "" "SYNs sent again";
};

pub(super) fn take(_: &mut Builtin, host: &mut Host, _: &mut Out, values: &mut Values) -> Result<(), Fault> {
    host.protocols(values)
}
