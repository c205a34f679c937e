//! Memory and swap: `/proc/meminfo` (`proc(5)`), lines such as `MemTotal:       24684092 kB`.

use super::metrics::metrics;
use super::{FamilyContext, FamilyValues};
use crate::base::fields::fields;
use crate::procfs::{Files, ProcFile, ReadError};

metrics! {
    TOTAL        Gauge "mem.total"     "bytes"   "memory that the kernel manages" from "MemTotal:";
    USED         Gauge "mem.used"      "bytes"   "memory in use: total minus available";
    FREE         Gauge "mem.free"      "bytes"   "memory that is not used at all" from "MemFree:";
    AVAILABLE    Gauge "mem.available" "bytes"   "memory available without swapping (old kernels: free, buffers and cached)" from "MemAvailable:";
    BUFFERS      Gauge "mem.buffers"   "bytes"   "memory that caches blocks of devices" from "Buffers:";
    CACHED       Gauge "mem.cached"    "bytes"   "memory that caches pages of files" from "Cached:";
    SHMEM        Gauge "mem.shmem"     "bytes"   "shared memory and tmpfs" from "Shmem:";
    SLAB         Gauge "mem.slab"      "bytes"   "memory for the kernel's own structures" from "Slab:";
    PERCENT      Gauge "mem.percent"   "percent" "memory in use, percent of the total";
    SWAP_TOTAL   Gauge "swap.total"    "bytes"   "swap space" from "SwapTotal:";
    SWAP_USED    Gauge "swap.used"     "bytes"   "swap space in use";
    SWAP_FREE    Gauge "swap.free"     "bytes"   "swap space that is free" from "SwapFree:";
    SWAP_PERCENT Gauge "swap.percent"  "percent" "swap space in use, percent of the total; none without swap space";
}

pub(super) fn collect(cx: &mut FamilyContext) -> Result<(), ReadError> {
    let values = &mut cx.values;
    let result = read(&mut cx.host.files, values);
    // A container may see less in total than is available outside it.
    values.subtract(USED, TOTAL, AVAILABLE);
    values.share(PERCENT, USED, TOTAL);
    if values.get(SWAP_FREE).is_none() {
        values.set_u64(SWAP_USED, values.get_u64(SWAP_TOTAL));
    }
    values.subtract(SWAP_USED, SWAP_TOTAL, SWAP_FREE);
    values.share(SWAP_PERCENT, SWAP_USED, SWAP_TOTAL);
    result
}

fn read(files: &mut Files, values: &mut FamilyValues) -> Result<(), ReadError> {
    let lines = values.read_lines(files, ProcFile::Meminfo, KEYS.count(), parse)?;
    lines.finish(values.get(TOTAL).is_some())?;
    // Linux before 3.14 prints no MemAvailable. Of the others, what is missing counts as 0, as in free(1).
    if values.get(AVAILABLE).is_none() {
        let parts = [FREE, BUFFERS, CACHED].map(|id| values.get_u64(id).unwrap_or_default());
        values.set_u64(
            AVAILABLE,
            Some(parts.iter().fold(0, |sum, part| sum.saturating_add(*part))),
        );
    }
    Ok(())
}

/// Parses a line. The kernel's kB are 1024 bytes.
fn parse(line: &[u8], values: &mut FamilyValues) {
    let mut fields = fields(line);
    let Some(id) = fields.next().and_then(|name| KEYS.find(name)) else {
        return;
    };
    let number = fields.next_u64();
    let has_unit = fields.next() == Some(b"kB");
    let bytes = number
        .filter(|_| has_unit)
        .and_then(|number| number.checked_mul(1024));
    values.set_u64(*id, bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(line: &str) -> Option<u64> {
        let mut values = FamilyValues::NONE;
        parse(line.as_bytes(), &mut values);
        values.get_u64(TOTAL)
    }

    #[test]
    fn lines_without_number_or_unit_give_no_value() {
        assert_eq!(total("MemTotal:\t  10 kB"), Some(10_240));
        for bad in [
            "MemTotal: 10",
            "MemTotal: x kB",
            "MemTotal:",
            "MemTotal: 10 MB",
            "MemTotal: 18446744073709551615 kB",
            "memtotal: 10 kB",
        ] {
            assert_eq!(total(bad), None, "{bad:?}");
        }
    }
}
