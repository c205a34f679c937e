//! How busy the processors are.

use super::{Sink, plain, table};
use crate::host::{CpuTimes, Fault, Host};
use crate::num::Fixed;

/// The last read, which the next one is compared with.
#[derive(Default)]
pub(super) struct Cpu {
    before: Option<CpuTimes>,
}

impl Cpu {
    pub(super) fn take(&mut self, host: &mut Host, sink: Sink) -> Result<(), Fault> {
        let now = host.cpu();
        let before = core::mem::replace(&mut self.before, now.ok());
        let [usage] = &table::CPU_METRICS;
        if let Some(value) = before.and_then(|before| share(before, now.ok()?)) {
            plain(sink, usage, value);
        }
        now.map(|_| ())
    }
}

/// The busy share of the time from one read to the other; none if a counter went back, or if no
/// time has passed.
fn share(before: CpuTimes, now: CpuTimes) -> Option<Fixed> {
    let busy = now.busy.checked_sub(before.busy)?;
    let idle = now.idle.checked_sub(before.idle)?;
    Fixed::percent(busy, busy.checked_add(idle)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_between_the_two_reads() {
        let times = |busy, idle| CpuTimes { busy, idle };
        assert_eq!(
            share(times(100, 100), times(110, 155)),
            Some(Fixed::new(153_846, 4))
        );
        assert_eq!(share(times(0, 0), times(5, 0)), Some(Fixed::new(1_000_000, 4)));
        assert_eq!(share(times(5, 5), times(5, 5)), None);
        assert_eq!(share(times(5, 5), times(6, 4)), None);
        assert_eq!(share(times(5, 5), times(4, 6)), None);
        assert_eq!(share(times(0, 0), times(u64::MAX, 1)), None);
    }
}
