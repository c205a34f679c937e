//! Reception of wireless interfaces; nothing where the kernel has no wireless extensions.

use super::table::{Metrics, metrics};
use super::{Sink, tell};
use crate::host::{Fault, Flaw, Host, Source, Wireless};
use crate::pattern::Choice;

/// Interfaces that have samples; of more, the first ones.
const INTERFACES_MAX: usize = 64;

pub(super) static METRICS: Metrics = metrics! {
    Gauge "wifi.quality" "" "quality of the link of an interface (iface=), most often of 70";
    Gauge "wifi.signal" "dBm" "strength of the signal";
    Gauge "wifi.noise" "dBm" "strength of the noise, where the driver tells it";
};

pub(super) fn take(choice: Choice, host: &mut Host, sink: Sink) -> Result<(), Fault> {
    let mut count = 0;
    let result = host.wireless(&mut |name, wireless| {
        if !choice.wants(name, b"") {
            return;
        }
        count += 1;
        if count <= INTERFACES_MAX {
            tell_interface(&mut *sink, name, wireless);
        }
    });
    match result {
        Err(fault) => fault.unless_missing(),
        Ok(()) if count > INTERFACES_MAX => Err(Flaw::Interfaces.of(Source::Wireless)),
        Ok(()) => Ok(()),
    }
}

#[inline(never)]
fn tell_interface(sink: Sink, name: &[u8], wireless: Wireless) {
    let values = [wireless.quality, wireless.signal, wireless.noise];
    tell(sink, &METRICS, 0, &[("iface", name)], &values);
}
