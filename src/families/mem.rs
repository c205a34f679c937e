//! Memory and swap.

use super::table::{Metrics, metrics};
use super::{Builtin, Out};
use crate::procfs::{Fault, Host, Values};

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

/// Where the metrics stand in the table.
const TOTAL: usize = 0;
const USED: usize = 1;
const AVAILABLE: usize = 3;
const SHARE: usize = 8;
const SWAP_TOTAL: usize = 9;
const SWAP_USED: usize = 10;
const SWAP_FREE: usize = 11;
const SWAP_SHARE: usize = 12;

pub(super) fn take(_: &mut Builtin, host: &mut Host, _: &mut Out, values: &mut Values) -> Result<(), Fault> {
    let result = host.memory(values);
    // A container may see less in total than is available outside it.
    values.subtract(USED, TOTAL, AVAILABLE);
    values.share(SHARE, USED, TOTAL);
    values.subtract(SWAP_USED, SWAP_TOTAL, SWAP_FREE);
    values.share(SWAP_SHARE, SWAP_USED, SWAP_TOTAL);
    result
}
