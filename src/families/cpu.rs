//! How busy the processors are, and with what.

use super::table::{Metrics, metrics};
use super::{Builtin, Out};
use crate::base::bit_set::BitSet;
use crate::base::decimal::{DIGITS_MAX, Fixed, format_u64};
use crate::procfs::{CpuTimes, Fault, Flaw, Host, Source, Values};

/// Processors that have a metric each; of further ones there is only the sum.
const CORES_MAX: usize = 256;

/// Where the metrics stand in the table.
const USAGE: usize = 0;
const PARTS: usize = 1;
const COUNT: usize = 13;
const CORE_USAGE: usize = 14;

pub(super) static METRICS: Metrics = metrics! {
    Gauge "cpu.usage" "percent" "share of all processors' time that was neither idle nor iowait";
    Gauge "cpu.user" "percent" "share in user mode, guests included";
    Gauge "cpu.nice" "percent" "share in user mode at low priority";
    Gauge "cpu.system" "percent" "share in the kernel";
    Gauge "cpu.idle" "percent" "share with nothing to do";
    Gauge "cpu.iowait" "percent" "share with nothing to do but to wait for a disk";
    Gauge "cpu.irq" "percent" "share in interrupts";
    Gauge "cpu.softirq" "percent" "share in soft interrupts, such as the network's";
    Gauge "cpu.steal" "percent" "share that the hypervisor gave to others";
    Gauge "cpu.guest" "percent" "share in virtual machines that run here";
    Counter "cpu.switches" "" "context switches";
    Counter "cpu.interrupts" "" "interrupts";
    Counter "cpu.forks" "" "processes and threads made";
    Gauge "cpu.count" "" "processors that are online";
    Gauge "cpu.core.usage" "percent" "the same as cpu.usage of each processor (core=)";
};

/// The last read, which the next one is compared with.
pub(super) struct Cpu {
    before: Option<CpuTimes>,
    /// The low bits of busy and other time of each processor.
    cores: [[u32; 2]; CORES_MAX],
    /// Those that were online.
    online: BitSet,
}

impl Cpu {
    pub(super) const NONE: Self = Self {
        before: None,
        cores: [[0; 2]; CORES_MAX],
        online: BitSet::EMPTY,
    };

    /// Tells the share of one processor, and remembers its times.
    fn tell(&mut self, number: u64, times: &CpuTimes, out: &mut Out) {
        let Some(place) = self.cores.get_mut(number as usize) else {
            return;
        };
        let before = core::mem::replace(place, times.sums.map(|sum| sum as u32));
        // None if it went back; no more than half of what 32 bits hold goes by from one read to the next.
        let elapsed = |way: usize| u32::try_from(place[way].wrapping_sub(before[way]) as i32).ok();
        if self.online.contains(number as usize)
            && let (Some(busy), Some(rest)) = (elapsed(0), elapsed(1))
            && let Some(share) = Fixed::percent(busy.into(), u64::from(busy) + u64::from(rest))
        {
            let mut digits = [0; DIGITS_MAX];
            let name = format_u64(number, &mut digits);
            out.tell_one(CORE_USAGE, &[(b"core=", name)], share);
        }
    }
}

pub(super) fn take(
    all: &mut Builtin,
    host: &mut Host,
    out: &mut Out,
    values: &mut Values,
) -> Result<(), Fault> {
    let all = &mut all.memory.cpu;
    let mut online = BitSet::EMPTY;
    let (mut count, mut is_over) = (0, false);
    let mut now = None;
    let result = host.stat(values, &mut now, &mut |number, times| {
        count += 1;
        if online.insert(number) {
            all.tell(number, times, out);
        } else {
            is_over = true;
        }
    });
    all.online = online;
    if count > 0 {
        values.set_whole(COUNT, count);
    }
    if let (Some(before), Some(now)) = (&all.before, &now) {
        shares(before, now, values);
    }
    all.before = now;
    result?;
    if is_over {
        return Err(Flaw::Processors.of(Source::Stat));
    }
    Ok(())
}

fn shares(before: &CpuTimes, now: &CpuTimes, values: &mut Values) {
    let Some((busy, total)) = elapsed(&before.sums, &now.sums) else {
        return;
    };
    values.set(USAGE, Fixed::percent(busy, total));
    for (number, (before, now)) in before.parts.iter().zip(&now.parts).enumerate() {
        // Idle and iowait may go back by a little, as the kernel moves time between them.
        values.set(PARTS + number, Fixed::percent(now.saturating_sub(*before), total));
    }
}

/// Busy time and all time from one read to the other; none if a counter went back.
fn elapsed(before: &[u64; 2], now: &[u64; 2]) -> Option<(u64, u64)> {
    let busy = now[0].checked_sub(before[0])?;
    let rest = now[1].checked_sub(before[1])?;
    Some((busy, busy.checked_add(rest)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_between_the_two_reads() {
        let share = |before: (u64, u64), now: (u64, u64)| {
            elapsed(&before.into(), &now.into()).and_then(|(busy, total)| Fixed::percent(busy, total))
        };
        assert_eq!(share((100, 100), (110, 155)), Some(Fixed::new(153_846, 4)));
        assert_eq!(share((0, 0), (5, 0)), Some(Fixed::new(1_000_000, 4)));
        assert_eq!(share((5, 5), (5, 5)), None);
        assert_eq!(share((5, 5), (6, 4)), None);
        assert_eq!(share((5, 5), (4, 6)), None);
        assert_eq!(share((0, 0), (u64::MAX, 1)), None);
    }
}
