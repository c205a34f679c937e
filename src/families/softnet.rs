//! How the processors keep up with the network.

use super::table::{Metrics, metrics};
use super::{Builtin, Out};
use crate::procfs::{Fault, Host, Values};

pub(super) static METRICS: Metrics = metrics! {
    Counter "softnet.processed" "" "packets that all processors took from their queues";
    Counter "softnet.dropped" "" "packets that found a full queue";
    Counter "softnet.squeezed" "" "turns that ended before their queue was empty";
};

pub(super) fn take(_: &mut Builtin, host: &mut Host, _: &mut Out, values: &mut Values) -> Result<(), Fault> {
    host.softnet(values)
}
