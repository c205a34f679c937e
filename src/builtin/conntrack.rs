//! Connections that the packet filter tracks; nothing where it tracks none.

use super::table::{Metric, gauge};
use super::{Sink, all, plain};
use crate::host::{Fault, Host};
use crate::num::Fixed;

pub(super) static METRICS: [Metric; 3] = [
    gauge!("conntrack.count", "", "connections that are tracked"),
    gauge!("conntrack.max", "", "connections that can be tracked"),
    gauge!("conntrack.percent", "percent", "count of max"),
];

pub(super) fn take(host: &mut Host, sink: Sink) -> Result<(), Fault> {
    let tracked = match host.tracked() {
        Ok(tracked) => tracked,
        Err(fault) => return fault.unless_missing(),
    };
    let [counts @ .., percent] = &METRICS;
    all(&mut *sink, counts, &[tracked.count, tracked.max]);
    let share = tracked.count.zip(tracked.max);
    plain(
        sink,
        percent,
        share.and_then(|(count, max)| Fixed::percent(count, max)),
    );
    Ok(())
}
