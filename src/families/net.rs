//! Network interfaces.

use super::table::{Metrics, metrics};
use super::{Builtin, Out};
use crate::procfs::{Fault, Host, Source, Values};

/// Left out, unless the user says which ones to take: the loopback says nothing of the network, and
/// containers come and go.
pub(super) const IGNORED: &str = "lo,veth*";

pub(super) static METRICS: Metrics = metrics! {
    Counter "net.in.bytes" "bytes" "received by an interface (iface=)";
    Counter "net.in.packets" "" "packets received";
    Counter "net.in.errors" "" "bad packets received";
    Counter "net.in.dropped" "" "packets received and dropped";
    Counter "net.in.fifo" "" "packets lost because a queue was full";
    Counter "net.in.frame" "" "packets with a bad frame";
    Counter "net.in.multicast" "" "multicast packets received";
    Counter "net.out.bytes" "bytes" "sent by an interface (iface=)";
    Counter "net.out.packets" "" "packets sent";
    Counter "net.out.errors" "" "packets that could not be sent";
    Counter "net.out.dropped" "" "packets dropped before they were sent";
    Counter "net.out.fifo" "" "packets lost because a queue was full";
    Counter "net.out.collisions" "" "collisions on the wire";
    Counter "net.out.carrier" "" "losses of the carrier";
    Gauge "net.up" "" "1 with a link, 0 without one";
    Gauge "net.speed" "bit/s" "speed of the link, where the driver tells it";
};

pub(super) fn take(_: &mut Builtin, host: &mut Host, out: &mut Out, _: &mut Values) -> Result<(), Fault> {
    out.of_interfaces();
    host.interfaces(out)?;
    out.check_interfaces(Source::NetDev)
}
