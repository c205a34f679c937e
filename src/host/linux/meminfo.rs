//! `/proc/meminfo` (`proc(5)`): `MemTotal:       24684092 kB`, a line each.

use super::{
    Host, Source,
    names::{Names, names},
};
use crate::host::{Fault, Flaw, Memory};
use crate::num::parse_u64;
use crate::scan::fields;

const NAMES: Names<9> = names![
    "MemTotal:",
    "MemFree:",
    "MemAvailable:",
    "Buffers:",
    "Cached:",
    "Shmem:",
    "Slab:",
    "SwapTotal:",
    "SwapFree:",
];

impl Host {
    /// Memory and swap.
    pub fn memory(&mut self) -> Result<Memory, Fault> {
        let mut values = [None; 9];
        let file = self.files.of(Source::Meminfo);
        file.lines(&self.proc, &mut self.buffer, &mut |line| {
            read_line(line, &mut values)
        })?;
        let [
            total,
            free,
            available,
            buffers,
            cached,
            shmem,
            slab,
            swap_total,
            swap_free,
        ] = values;
        let mut memory = Memory {
            total,
            free,
            available,
            buffers,
            cached,
            shmem,
            slab,
            swap_total,
            swap_free,
        };
        if total.is_none() {
            return Err(file.lacks(Flaw::NoTotal));
        }
        // Before Linux 3.14 the kernel does not say what can be had without swapping.
        memory.available = memory.available.or_else(|| free_and_cached(&memory));
        if memory.available.is_none() {
            return Err(file.lacks(Flaw::NoAvailable));
        }
        Ok(memory)
    }
}

fn free_and_cached(memory: &Memory) -> Option<u64> {
    memory
        .free?
        .checked_add(memory.buffers?)?
        .checked_add(memory.cached?)
}

fn read_line(line: &[u8], values: &mut [Option<u64>; 9]) {
    let mut fields = fields(line);
    if let Some(place) = NAMES.place(fields.next(), values) {
        *place = bytes(fields.next(), fields.next());
    }
}

fn bytes(number: Option<&[u8]>, unit: Option<&[u8]>) -> Option<u64> {
    let kibibytes = parse_u64(number?)?;
    (unit == Some(b"kB")).then(|| kibibytes.checked_mul(1024))?
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(line: &str) -> Option<u64> {
        let mut values = [None; 9];
        read_line(line.as_bytes(), &mut values);
        values[0]
    }

    #[test]
    fn what_is_no_size_is_not_there() {
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
