//! How long the machine has run, and whether its clock is right.

use super::table::{Metrics, metrics};
use super::{Sink, tell};
use crate::host::{Fault, Host};
use crate::num::Fixed;

pub(super) static METRICS: Metrics = metrics! {
    Gauge "system.uptime" "s" "time since the start, whatever the wall clock says";
    Gauge "clock.synced" "" "1 if somebody keeps the wall clock right, 0 if nobody does";
    Gauge "clock.offset.us" "us" "what the wall clock is still to be moved by, also below zero";
};

pub(super) fn take(host: &mut Host, sink: Sink) -> Result<(), Fault> {
    let seconds = host.uptime();
    let clock = host.clock();
    let values = [
        seconds.ok(),
        clock.map(|clock| Fixed::whole(u64::from(clock.is_synced))),
        clock.map(|clock| Fixed::signed(clock.offset_nanos, 3)),
    ];
    tell(sink, &METRICS, 0, &[], &values);
    seconds.map(|_| ())
}
