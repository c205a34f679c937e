//! `/proc/meminfo` (`proc(5)`): `MemTotal:       24684092 kB`, a line each.

use super::{
    Host, Source,
    names::{Names, names},
};
use crate::base::fields::fields;
use crate::procfs::{Fault, Flaw, Values};

/// All that the kernel manages, what is used by nobody, what can be had without swapping (since Linux 3.14),
/// blocks of devices, pages of files, shared memory and `tmpfs`, the kernel's own structures; swap space, and
/// what is free of it. What is used, and its share, are made of these.
const NAMES: Names = names![
    0: "MemTotal:" "" "MemFree:" "MemAvailable:" "Buffers:" "Cached:" "Shmem:" "Slab:" ""
    "SwapTotal:" "" "SwapFree:"
];

const TOTAL: usize = 0;
const FREE: usize = 2;
const AVAILABLE: usize = 3;
const BUFFERS: usize = 4;
const CACHED: usize = 5;

impl Host {
    /// Memory and swap, in bytes.
    pub fn memory(&mut self, values: &mut Values) -> Result<(), Fault> {
        self.files.read(Source::Meminfo, Flaw::NoTotal, &mut |line| {
            read_line(line, values);
            values.get(TOTAL).is_some()
        })?;
        // Before Linux 3.14 the kernel does not say what can be had without swapping.
        if values.get(AVAILABLE).is_none() {
            let Some(sum) = free_and_cached(values) else {
                self.files.close(Source::Meminfo);
                return Err(Flaw::NoAvailable.of(Source::Meminfo));
            };
            values.set_whole(AVAILABLE, sum);
        }
        Ok(())
    }
}

fn free_and_cached(values: &Values) -> Option<u64> {
    [BUFFERS, CACHED]
        .iter()
        .try_fold(values.whole(FREE)?, |sum, part| {
            sum.checked_add(values.whole(*part)?)
        })
}

/// The kernel's kB are 1024 bytes.
fn read_line(line: &[u8], values: &mut Values) {
    let mut fields = fields(line);
    let Some(number) = fields.next().and_then(|name| NAMES.number(name)) else {
        return;
    };
    values.parse(number, fields.next());
    if fields.next() == Some(b"kB") {
        values.multiply(number, 1024);
    } else {
        values.set(number, None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn total(line: &str) -> Option<u64> {
        let mut values = Values::default();
        read_line(line.as_bytes(), &mut values);
        values.whole(TOTAL)
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
