//! Memory and swap.

use super::table::{Metrics, metrics};
use super::{Sink, percent, tell};
use crate::host::{Fault, Host};
use crate::num::Fixed;

pub(super) static METRICS: Metrics = metrics! {
    Gauge "mem.total" "bytes" "memory that the kernel manages";
    Gauge "mem.used" "bytes" "total less what is available";
    Gauge "mem.free" "bytes" "used by nobody";
    Gauge "mem.available" "bytes" "to be had without swapping (old kernels: free, buffers and cached)";
    Gauge "mem.buffers" "bytes" "cached blocks of devices";
    Gauge "mem.cached" "bytes" "cached pages of files";
    Gauge "mem.shmem" "bytes" "shared memory and tmpfs";
    Gauge "mem.slab" "bytes" "the kernel's own structures";
    Gauge "mem.percent" "percent" "used of total";
    Gauge "swap.total" "bytes" "swap space";
    Gauge "swap.used" "bytes" "swap space in use";
    Gauge "swap.free" "bytes" "swap space that is free";
    Gauge "swap.percent" "percent" "used of the swap space, if there is any";
};

pub(super) fn take(host: &mut Host, sink: Sink) -> Result<(), Fault> {
    let memory = host.memory()?;
    // A container may see less in total than is available outside it.
    let used = |total: Option<u64>, free: Option<u64>| Some(total?.saturating_sub(free?));
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
    tell(sink, &METRICS, 0, &[], &values);
    Ok(())
}
