//! Load averages.

use super::{Sink, plain, table};
use crate::host::{Fault, Host};

pub(super) fn take(host: &mut Host, sink: Sink) -> Result<(), Fault> {
    let load = host.load()?;
    for (metric, average) in table::LOAD_METRICS.iter().zip(load.averages) {
        plain(sink, metric, average);
    }
    Ok(())
}
