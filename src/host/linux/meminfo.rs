//! `/proc/meminfo` (`proc(5)`): `MemTotal:       24684092 kB`, a line each.

use crate::host::Memory;
use crate::num::parse_u64;
use crate::scan::{fields, lines};

/// Reads the lines that are of use, in whatever order they come.
pub(super) fn parse(text: &[u8]) -> Result<Memory, &'static str> {
    let [mut total, mut available, mut free, mut buffers, mut cached] = [None; 5];
    for line in lines(text) {
        let mut fields = fields(line);
        let place = match fields.next() {
            Some(b"MemTotal:") => &mut total,
            Some(b"MemFree:") => &mut free,
            Some(b"Buffers:") => &mut buffers,
            Some(b"Cached:") => &mut cached,
            Some(b"MemAvailable:") => &mut available,
            _ => continue,
        };
        *place = bytes(fields.next(), fields.next());
        // The rest of the file, some fifty lines, adds nothing to these two.
        if total.is_some() && available.is_some() {
            break;
        }
    }
    let sum = || free?.checked_add(buffers?)?.checked_add(cached?);
    match (total, available.or_else(sum)) {
        (Some(total), Some(available)) => Ok(Memory { total, available }),
        (None, _) => Err("no MemTotal"),
        (_, None) => Err("neither MemAvailable nor MemFree, Buffers and Cached"),
    }
}

fn bytes(number: Option<&[u8]>, unit: Option<&[u8]>) -> Option<u64> {
    let kibibytes = parse_u64(number?)?;
    (unit == Some(b"kB")).then(|| kibibytes.checked_mul(1024))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn available_counts_and_where_it_lacks_free_buffers_and_cached_do() {
        let parsed =
            |text: &str| parse(text.as_bytes()).map(|memory| (memory.total / 1024, memory.available / 1024));
        let old = "Buffers: 3 kB\nMemFree:\t2 kB\nMemTotal:       10 kB\nActive: 9 kB\nCached: 1 kB\n";
        assert_eq!(parsed(old), Ok((10, 6)));
        assert_eq!(
            parsed("MemTotal: 10 kB\nMemAvailable: 7 kB\nMemFree: 1 kB\n"),
            Ok((10, 7))
        );
    }

    #[test]
    fn an_available_before_the_total_counts_too() {
        let text = b"MemAvailable: 7 kB\nMemTotal: 10 kB\nMemFree: 1 kB\nBuffers: 1 kB\nCached: 1 kB\n";
        assert_eq!(parse(text).map(|memory| memory.available), Ok(7 * 1024));
    }

    #[test]
    fn what_is_no_size_is_not_there() {
        let rest = "MemFree: 1 kB\nBuffers: 1 kB\nCached: 1 kB\n";
        for bad in [
            "",
            "MemTotal: 10 kB",
            "MemTotal: 10\n",
            "MemTotal: x kB\n",
            "MemTotal:\n",
            "MemTotal: 10 MB\n",
            "MemTotal: 18446744073709551615 kB\n",
            "memtotal: 10 kB\n",
        ] {
            assert_eq!(
                parse(format!("{rest}{bad}").as_bytes()),
                Err("no MemTotal"),
                "{bad:?}"
            );
        }
        let cut = b"MemTotal: 10 kB\nMemFree: 1 kB\nBuffers: 1 kB\n";
        assert!(parse(cut).is_err());
    }
}
