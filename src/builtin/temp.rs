//! Temperatures and fans.

use super::table::{Metric, gauge};
use super::{Sink, instance};
use crate::host::{Fault, Host, Reading};
use crate::num::Fixed;
use crate::pattern::Choice;

pub(super) static METRICS: [Metric; 2] = [
    gauge!(
        "temp.celsius",
        "celsius",
        "temperature of a thermal zone or of a chip's sensor (sensor=)",
    ),
    gauge!("fan.rpm", "rpm", "speed of a fan (sensor=)"),
];

pub(super) fn take(choice: Choice, host: &mut Host, sink: Sink) -> Result<(), Fault> {
    let [celsius, rpm] = &METRICS;
    host.sensors(&|name| choice.wants(name, b""), &mut |name, reading| {
        let (metric, value) = match reading {
            Reading::Temperature(degrees) => (celsius, degrees),
            Reading::Fan(speed) => (rpm, Fixed::whole(speed)),
        };
        instance(&mut *sink, metric, &[("sensor", name)], Some(value));
    })
}
