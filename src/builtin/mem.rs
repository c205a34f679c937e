//! Memory and swap.

use super::table::{Metric, gauge};
use super::{Sink, plain};
use crate::host::{Fault, Host};
use crate::num::Fixed;

pub(super) static METRICS: [Metric; 13] = [
    gauge!("mem.total", "bytes", "memory that the kernel manages"),
    gauge!("mem.used", "bytes", "total less what is available"),
    gauge!("mem.free", "bytes", "used by nobody"),
    gauge!(
        "mem.available",
        "bytes",
        "to be had without swapping (old kernels: free, buffers and cached)",
    ),
    gauge!("mem.buffers", "bytes", "cached blocks of devices"),
    gauge!("mem.cached", "bytes", "cached pages of files"),
    gauge!("mem.shmem", "bytes", "shared memory and tmpfs"),
    gauge!("mem.slab", "bytes", "the kernel's own structures"),
    gauge!("mem.percent", "percent", "used of total"),
    gauge!("swap.total", "bytes", "swap space"),
    gauge!("swap.used", "bytes", "swap space in use"),
    gauge!("swap.free", "bytes", "swap space that is free"),
    gauge!(
        "swap.percent",
        "percent",
        "used of the swap space, if there is any",
    ),
];

pub(super) fn take(host: &mut Host, sink: Sink) -> Result<(), Fault> {
    let memory = host.memory()?;
    // A container may see less in total than is available outside it.
    let used = |total: Option<u64>, free: Option<u64>| Some(total?.saturating_sub(free?));
    let percent = |part: Option<u64>, total: Option<u64>| Fixed::percent(part?, total?);
    let mem_used = used(memory.total, memory.available);
    let swap_used = used(memory.swap_total, memory.swap_free);
    let whole = |bytes: Option<u64>| bytes.map(Fixed::whole);
    let values = [
        whole(memory.total),
        whole(mem_used),
        whole(memory.free),
        whole(memory.available),
        whole(memory.buffers),
        whole(memory.cached),
        whole(memory.shmem),
        whole(memory.slab),
        percent(mem_used, memory.total),
        whole(memory.swap_total),
        whole(swap_used),
        whole(memory.swap_free),
        percent(swap_used, memory.swap_total),
    ];
    for (metric, value) in METRICS.iter().zip(values) {
        plain(sink, metric, value);
    }
    Ok(())
}
