//! Sockets.

use super::table::{Metric, gauge};
use super::{Sink, all};
use crate::host::{Fault, Host};

pub(super) static METRICS: [Metric; 8] = [
    gauge!("sockets.used", "", "sockets of all kinds"),
    gauge!("sockets.tcp.inuse", "", "TCP sockets that are not closed"),
    gauge!(
        "sockets.tcp.orphan",
        "",
        "TCP sockets that no process holds any more",
    ),
    gauge!(
        "sockets.tcp.timewait",
        "",
        "TCP sockets that wait for the last packets",
    ),
    gauge!("sockets.tcp.alloc", "", "TCP sockets in any state"),
    gauge!("sockets.tcp.mem", "pages", "memory of TCP sockets"),
    gauge!("sockets.udp.inuse", "", "UDP sockets"),
    gauge!("sockets.udp.mem", "pages", "memory of UDP sockets"),
];

pub(super) fn take(host: &mut Host, sink: Sink) -> Result<(), Fault> {
    let sockets = host.sockets()?;
    let values = [
        sockets.used,
        sockets.tcp_in_use,
        sockets.tcp_orphans,
        sockets.tcp_time_wait,
        sockets.tcp_allocated,
        sockets.tcp_pages,
        sockets.udp_in_use,
        sockets.udp_pages,
    ];
    all(sink, &METRICS, &values);
    Ok(())
}
