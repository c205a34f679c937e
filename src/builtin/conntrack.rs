//! Connections that the packet filter tracks; nothing where it tracks none.

use super::table::{Metrics, metrics};
use super::{Sink, percent, tell, tell_whole};
use crate::host::{Fault, Host};

pub(super) static METRICS: Metrics = metrics! {
    Gauge "conntrack.count" "" "connections that are tracked";
    Gauge "conntrack.max" "" "connections that can be tracked";
    Gauge "conntrack.percent" "percent" "count of max";
};

pub(super) fn take(host: &mut Host, sink: Sink) -> Result<(), Fault> {
    let tracked = match host.tracked() {
        Ok(tracked) => tracked,
        Err(fault) => return fault.unless_missing(),
    };
    tell_whole(sink, &METRICS, 0, &[tracked.count, tracked.max]);
    tell(sink, &METRICS, 2, &[], &[percent(tracked.count, tracked.max)]);
    Ok(())
}
