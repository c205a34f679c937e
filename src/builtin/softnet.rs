//! How the processors keep up with the network.

use super::table::{Metric, counter};
use super::{Sink, all};
use crate::host::{Fault, Host};

pub(super) static METRICS: [Metric; 3] = [
    counter!(
        "softnet.processed",
        "",
        "packets that all processors took from their queues",
    ),
    counter!("softnet.dropped", "", "packets that found a full queue"),
    counter!(
        "softnet.squeezed",
        "",
        "turns that ended before their queue was empty",
    ),
];

pub(super) fn take(host: &mut Host, sink: Sink) -> Result<(), Fault> {
    all(sink, &METRICS, &host.softnet()?.map(Some));
    Ok(())
}
