//! Reception of wireless interfaces; nothing where the kernel has no wireless extensions.

use super::table::{Metrics, metrics};
use super::{Sink, tell};
use crate::host::{Fault, Host};
use crate::pattern::Choice;

pub(super) static METRICS: Metrics = metrics! {
    Gauge "wifi.quality" "" "quality of the link of an interface (iface=), most often of 70";
    Gauge "wifi.signal" "dBm" "strength of the signal";
    Gauge "wifi.noise" "dBm" "strength of the noise, where the driver tells it";
};

pub(super) fn take(choice: Choice, host: &mut Host, sink: Sink) -> Result<(), Fault> {
    let result = host.wireless(&mut |name, wireless| {
        if choice.wants(name, b"") {
            let values = [wireless.quality, wireless.signal, wireless.noise];
            tell(sink, &METRICS, 0, &[("iface", name)], &values);
        }
    });
    result.or_else(Fault::unless_missing)
}
