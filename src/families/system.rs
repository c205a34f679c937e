//! How long the machine has run, and whether its clock is right.

use super::table::{Metrics, metrics};
use super::{Builtin, Out};
use crate::base::decimal::Fixed;
use crate::procfs::{Fault, Host, Values};

pub(super) static METRICS: Metrics = metrics! {
    Gauge "system.uptime" "s" "time since the start, whatever the wall clock says";
    Gauge "clock.synced" "" "1 if somebody keeps the wall clock right, 0 if nobody does";
    Gauge "clock.offset.us" "us" "what the wall clock is still to be moved by, also below zero";
};

/// Where the metrics stand in the table.
const SYNCED: usize = 1;
const OFFSET: usize = 2;

pub(super) fn take(_: &mut Builtin, host: &mut Host, _: &mut Out, values: &mut Values) -> Result<(), Fault> {
    if let Some(clock) = host.clock() {
        values.set_whole(SYNCED, clock.is_synced.into());
        values.set(OFFSET, Some(Fixed::signed(clock.offset_nanos, 3)));
    }
    host.uptime(values)
}
