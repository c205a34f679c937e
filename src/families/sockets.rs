//! Sockets.

use super::table::{Metrics, metrics};
use super::{Builtin, Out};
use crate::procfs::{Fault, Host, Values};

pub(super) static METRICS: Metrics = metrics! {
    Gauge "sockets.used" "" "sockets of all kinds";
    Gauge "sockets.tcp.inuse" "" "TCP sockets that are not closed";
    Gauge "sockets.tcp.orphan" "" "TCP sockets that no process holds any more";
    Gauge "sockets.tcp.timewait" "" "TCP sockets that wait for the last packets";
    Gauge "sockets.tcp.alloc" "" "TCP sockets in any state";
    Gauge "sockets.tcp.mem" "pages" "memory of TCP sockets";
    Gauge "sockets.udp.inuse" "" "UDP sockets";
    Gauge "sockets.udp.mem" "pages" "memory of UDP sockets";
};

pub(super) fn take(_: &mut Builtin, host: &mut Host, _: &mut Out, values: &mut Values) -> Result<(), Fault> {
    host.sockets(values)
}
