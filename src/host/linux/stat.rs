//! `/proc/stat` (`proc(5)`, `Documentation/filesystems/proc.rst`).

use crate::host::CpuTimes;
use crate::num::parse_u64;
use crate::scan::{fields, lines};

/// Reads the line of all processors:
///
/// `cpu  user nice system idle iowait irq softirq steal guest guest_nice`
///
/// Linux 2.6.11 and later have at least the first eight; the last two are contained in the first
/// two. Those that a kernel lacks are 0.
pub(super) fn parse(text: &[u8]) -> Result<CpuTimes, &'static str> {
    lines(text)
        .find_map(|line| line.strip_prefix(b"cpu "))
        .and_then(times)
        .ok_or("no line of all processors")
}

fn times(line: &[u8]) -> Option<CpuTimes> {
    let mut times = [0; 8];
    let mut count = 0;
    for (place, field) in times.iter_mut().zip(fields(line)) {
        *place = parse_u64(field)?;
        count += 1;
    }
    let [user, nice, system, idle, io_wait, irq, soft_irq, steal] = times;
    let sum = |parts: &[u64]| parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(*part));
    (count >= 4).then_some(CpuTimes {
        busy: sum(&[user, nice, system, irq, soft_irq, steal])?,
        idle: sum(&[idle, io_wait])?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_kernels_have_fewer_fields() {
        let parsed = |text: &str| parse(text.as_bytes()).ok().map(|times| (times.busy, times.idle));
        assert_eq!(parsed("cpu 1 2 4 8\n"), Some((7, 8)));
        assert_eq!(parsed("cpu  1 2 4 8 16 32 64 128 256 512\n"), Some((231, 24)));
        assert_eq!(parsed("intr 5\ncpu  1 2 4 8 16\ncpu0 9 9 9 9\n"), Some((7, 24)));
    }

    #[test]
    fn what_is_no_cpu_line_gives_no_times() {
        for bad in [
            "",
            "cpu  1 2 4 8",
            "cpu  1 2 4\n",
            "cpu0 1 2 4 8\n",
            "cpu  1 2 -4 8\n",
            "cpu  1 2 4 8 x\n",
            "cpu  18446744073709551615 1 0 0\n",
            "cpu  0 0 0 18446744073709551615 1\n",
            "\0\0\0\n",
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
