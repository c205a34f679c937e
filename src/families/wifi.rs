//! Reception of wireless interfaces; nothing where the kernel has no wireless extensions.

use super::table::{Metrics, metrics};
use super::{Builtin, Out};
use crate::procfs::{Fault, Host, Source, Values};

pub(super) static METRICS: Metrics = metrics! {
    Gauge "wifi.quality" "" "quality of the link of an interface (iface=), most often of 70";
    Gauge "wifi.signal" "dBm" "strength of the signal";
    Gauge "wifi.noise" "dBm" "strength of the noise, where the driver tells it";
};

pub(super) fn take(_: &mut Builtin, host: &mut Host, out: &mut Out, _: &mut Values) -> Result<(), Fault> {
    out.of_interfaces();
    host.wireless(out).or_else(Fault::unless_missing)?;
    out.check_interfaces(Source::Wireless)
}
