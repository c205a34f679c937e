//! Memory.

use super::{Sink, plain, table};
use crate::host::{Fault, Host};
use crate::num::Fixed;

pub(super) fn take(host: &mut Host, sink: Sink) -> Result<(), Fault> {
    let memory = host.memory()?;
    let [total, used, percent] = &table::MEM_METRICS;
    // A container may see less in total than is available outside it.
    let bytes = memory.total.saturating_sub(memory.available);
    plain(sink, total, Fixed::whole(memory.total));
    plain(sink, used, Fixed::whole(bytes));
    if let Some(share) = Fixed::percent(bytes, memory.total) {
        plain(sink, percent, share);
    }
    Ok(())
}
