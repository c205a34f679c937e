//! Connections that the packet filter tracks; nothing where it tracks none.

use super::table::{Metrics, metrics};
use super::{Builtin, Out};
use crate::procfs::{Fault, Host, Values};

pub(super) static METRICS: Metrics = metrics! {
    Gauge "conntrack.count" "" "connections that are tracked";
    Gauge "conntrack.max" "" "connections that can be tracked";
    Gauge "conntrack.percent" "percent" "count of max";
};

/// Where the metrics stand in the table.
const COUNT: usize = 0;
const MAX: usize = 1;
const SHARE: usize = 2;

pub(super) fn take(_: &mut Builtin, host: &mut Host, _: &mut Out, values: &mut Values) -> Result<(), Fault> {
    let result = host.tracked(values);
    values.share(SHARE, COUNT, MAX);
    result.or_else(Fault::unless_missing)
}
