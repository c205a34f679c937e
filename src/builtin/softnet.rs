//! How the processors keep up with the network.

use super::table::{Metrics, metrics};
use super::{Sink, tell_whole};
use crate::host::{Fault, Host};

pub(super) static METRICS: Metrics = metrics! {
    Counter "softnet.processed" "" "packets that all processors took from their queues";
    Counter "softnet.dropped" "" "packets that found a full queue";
    Counter "softnet.squeezed" "" "turns that ended before their queue was empty";
};

pub(super) fn take(host: &mut Host, sink: Sink) -> Result<(), Fault> {
    tell_whole(sink, &METRICS, 0, &host.softnet()?.map(Some));
    Ok(())
}
