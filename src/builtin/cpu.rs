//! How busy the processors are, and with what.

use super::table::{Metrics, metrics};
use super::{Sink, tell, tell_whole};
use crate::host::{CpuTimes, Fault, Flaw, Host, Source, Stat};
use crate::num::{DIGITS_MAX, Fixed, format_u64};

/// Processors that have a metric each; of further ones there is only the sum.
const CORES_MAX: usize = 256;

/// Where the metrics stand in the table.
const USAGE: usize = 0;
const PARTS: usize = 1;
const SWITCHES: usize = 10;
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
    /// Busy and other time of each processor; none of one that was not online.
    cores: [Option<(u64, u64)>; CORES_MAX],
}

impl Default for Cpu {
    fn default() -> Self {
        Self {
            before: None,
            cores: [None; CORES_MAX],
        }
    }
}

impl Cpu {
    pub(super) fn take(&mut self, host: &mut Host, sink: Sink) -> Result<(), Fault> {
        let mut online = [false; CORES_MAX];
        let mut is_over = false;
        let cores = &mut self.cores;
        let stat = host.stat(&mut |number, times| {
            let Some(place) = cores.get_mut(number) else {
                is_over = true;
                return;
            };
            online[number] = true;
            tell_core(place, number, (times.busy, times.rest), &mut *sink);
        });
        for (place, _) in cores.iter_mut().zip(online).filter(|(_, is_online)| !is_online) {
            *place = None;
        }
        let now = stat.ok().and_then(|stat| stat.cpu);
        let before = core::mem::replace(&mut self.before, now);
        if let (Some(before), Some(now)) = (before, now) {
            shares(before, now, sink);
        }
        counts(&stat?, sink);
        if is_over {
            return Err(Flaw::Processors.of(Source::Stat));
        }
        Ok(())
    }
}

/// Tells the share of one processor, and remembers its times.
#[inline(never)]
fn tell_core(place: &mut Option<(u64, u64)>, number: usize, now: (u64, u64), sink: Sink) {
    let elapsed = place.replace(now).and_then(|before| elapsed(before, now));
    let value = elapsed.and_then(|(busy, total)| Fixed::percent(busy, total));
    let mut digits = [0; DIGITS_MAX];
    let name = format_u64(number as u64, &mut digits);
    tell(sink, &METRICS, CORE_USAGE, &[("core", name)], &[value]);
}

fn counts(stat: &Stat, sink: Sink) {
    let count = Some(stat.count).filter(|count| *count > 0);
    let values = [stat.switches, stat.interrupts, stat.forks, count];
    tell_whole(sink, &METRICS, SWITCHES, &values);
}

fn shares(before: CpuTimes, now: CpuTimes, sink: Sink) {
    let Some((busy, total)) = elapsed((before.busy, before.rest), (now.busy, now.rest)) else {
        return;
    };
    tell(sink, &METRICS, USAGE, &[], &[Fixed::percent(busy, total)]);
    let times = before.parts.iter().zip(now.parts);
    for (number, (before, now)) in times.enumerate() {
        // Idle and iowait may go back by a little, as the kernel moves time between them.
        let share = Fixed::percent(now.saturating_sub(*before), total);
        tell(sink, &METRICS, PARTS + number, &[], &[share]);
    }
}

/// Busy time and all time from one read to the other; none if a counter went back.
fn elapsed(before: (u64, u64), now: (u64, u64)) -> Option<(u64, u64)> {
    let busy = now.0.checked_sub(before.0)?;
    let rest = now.1.checked_sub(before.1)?;
    Some((busy, busy.checked_add(rest)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_share_is_between_the_two_reads() {
        let share = |before, now| elapsed(before, now).and_then(|(busy, total)| Fixed::percent(busy, total));
        assert_eq!(share((100, 100), (110, 155)), Some(Fixed::new(153_846, 4)));
        assert_eq!(share((0, 0), (5, 0)), Some(Fixed::new(1_000_000, 4)));
        assert_eq!(share((5, 5), (5, 5)), None);
        assert_eq!(share((5, 5), (6, 4)), None);
        assert_eq!(share((5, 5), (4, 6)), None);
        assert_eq!(share((0, 0), (u64::MAX, 1)), None);
    }
}
