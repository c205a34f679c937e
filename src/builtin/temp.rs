//! Temperatures and fans.

use super::table::{Metrics, metrics};
use super::{Sink, tell};
use crate::host::{Fault, Host, Reading};
use crate::num::Fixed;
use crate::pattern::Choice;

pub(super) static METRICS: Metrics = metrics! {
    Gauge "temp.celsius" "celsius" "temperature of a thermal zone or of a chip's sensor (sensor=)";
    Gauge "fan.rpm" "rpm" "speed of a fan (sensor=)";
};

pub(super) fn take(choice: Choice, host: &mut Host, sink: Sink) -> Result<(), Fault> {
    host.sensors(&|name| choice.wants(name, b""), &mut |name, reading| {
        let (number, value) = match reading {
            Reading::Temperature(degrees) => (0, degrees),
            Reading::Fan(speed) => (1, Fixed::whole(speed)),
        };
        tell(sink, &METRICS, number, &[("sensor", name)], &[Some(value)]);
    })
}
