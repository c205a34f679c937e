//! Reception of wireless interfaces; nothing where the kernel has no wireless extensions.

use super::table::{Metric, gauge};
use super::{Sink, instance};
use crate::host::{Fault, Host};
use crate::pattern::Choice;

pub(super) static METRICS: [Metric; 3] = [
    gauge!(
        "wifi.quality",
        "",
        "quality of the link of an interface (iface=), most often of 70",
    ),
    gauge!("wifi.signal", "dBm", "strength of the signal"),
    gauge!(
        "wifi.noise",
        "dBm",
        "strength of the noise, where the driver tells it"
    ),
];

pub(super) fn take(choice: Choice, host: &mut Host, sink: Sink) -> Result<(), Fault> {
    let result = host.wireless(&mut |name, wireless| {
        if choice.wants(name, b"") {
            let values = [wireless.quality, wireless.signal, wireless.noise];
            for (metric, value) in METRICS.iter().zip(values) {
                instance(&mut *sink, metric, &[("iface", name)], value);
            }
        }
    });
    result.or_else(Fault::unless_missing)
}
