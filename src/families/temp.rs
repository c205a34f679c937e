//! Temperatures and fans.

use super::table::{Metrics, metrics};
use super::{Builtin, Out};
use crate::procfs::{Fault, Host, Values};

pub(super) static METRICS: Metrics = metrics! {
    Gauge "temp.celsius" "celsius" "temperature of a thermal zone or of a chip's sensor (sensor=)";
    Gauge "fan.rpm" "rpm" "speed of a fan (sensor=)";
};

pub(super) fn take(_: &mut Builtin, host: &mut Host, out: &mut Out, _: &mut Values) -> Result<(), Fault> {
    out.key = b"sensor=";
    host.sensors(out)
}
