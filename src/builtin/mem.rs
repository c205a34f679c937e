//! Memory and swap.

use super::table::{Metrics, metrics};
use super::{Builtin, Out};
use crate::host::{Fault, Host, Values};

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

pub(super) fn take(_: &mut Builtin, host: &mut Host, _: &mut Out, values: &mut Values) -> Result<(), Fault> {
    let result = host.memory(values);
    // A container may see less in total than is available outside it.
    values.subtract(1, 0, 3);
    values.share(8, 1, 0);
    values.subtract(10, 9, 11);
    values.share(12, 10, 9);
    result
}
