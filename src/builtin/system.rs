//! How long the machine has run, and whether its clock is right.

use super::table::{Metric, gauge};
use super::{Sink, plain};
use crate::host::{Fault, Host};
use crate::num::Fixed;

pub(super) static METRICS: [Metric; 3] = [
    gauge!(
        "system.uptime",
        "s",
        "time since the start, whatever the wall clock says"
    ),
    gauge!(
        "clock.synced",
        "",
        "1 if somebody keeps the wall clock right, 0 if nobody does"
    ),
    gauge!(
        "clock.offset.us",
        "us",
        "what the wall clock is still to be moved by, also below zero"
    ),
];

pub(super) fn take(host: &mut Host, sink: Sink) -> Result<(), Fault> {
    let [uptime, synced, offset] = &METRICS;
    let seconds = host.uptime();
    plain(sink, uptime, seconds.ok());
    let clock = host.clock();
    plain(
        sink,
        synced,
        clock.map(|clock| Fixed::whole(u64::from(clock.is_synced))),
    );
    plain(
        sink,
        offset,
        clock.map(|clock| Fixed::signed(clock.offset_nanos, 3)),
    );
    seconds.map(|_| ())
}
