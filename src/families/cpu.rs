//! Time of the processors: `/proc/stat` (`proc(5)`, `Documentation/filesystems/proc.rst`).

use super::load::Tasks;
use super::metrics::metrics;
use super::{FamilyContext, FamilyEmitter, FamilyValues, MetricId};
use crate::base::bit_set::BitSet;
use crate::base::decimal::{DIGITS_MAX, Fixed, format_u64, parse_u64};
use crate::base::fields::{Fields, fields};
use crate::procfs::{ProcFile, ReadError};

/// Processors that have a metric each; of further ones there is only the sum.
const CORES_MAX: usize = 256;

metrics! {
    USAGE      Gauge   "cpu.usage"      "percent" "CPU time that was neither idle nor iowait, percent of all CPU time";
    USER       Gauge   "cpu.user"       "percent" "CPU time spent in user mode, guests included, percent of all CPU time";
    NICE       Gauge   "cpu.nice"       "percent" "CPU time spent in user mode at low priority, percent of all CPU time";
    SYSTEM     Gauge   "cpu.system"     "percent" "CPU time spent in the kernel, percent of all CPU time";
    IDLE       Gauge   "cpu.idle"       "percent" "CPU time spent idle, percent of all CPU time";
    IOWAIT     Gauge   "cpu.iowait"     "percent" "CPU time spent waiting for disk I/O, percent of all CPU time";
    IRQ        Gauge   "cpu.irq"        "percent" "CPU time spent in interrupts, percent of all CPU time";
    SOFTIRQ    Gauge   "cpu.softirq"    "percent" "CPU time spent in soft interrupts such as the network's, percent of all CPU time";
    STEAL      Gauge   "cpu.steal"      "percent" "CPU time that the hypervisor gave to others, percent of all CPU time";
    GUEST      Gauge   "cpu.guest"      "percent" "CPU time spent in virtual machines of this host, percent of all CPU time";
    SWITCHES   Counter "cpu.switches"   ""        "context switches" from "ctxt";
    INTERRUPTS Counter "cpu.interrupts" ""        "interrupts" from "intr";
    FORKS      Counter "cpu.forks"      ""        "processes and threads created" from "processes";
    COUNT      Gauge   "cpu.count"      ""        "processors that are online";
    CORE_USAGE Gauge   "cpu.core.usage" "percent" "CPU time of a processor (core=) that was neither idle nor iowait, percent of its time";
}

/// The metrics of the parts of the time.
const PARTS: [MetricId; 9] = [USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, GUEST];

/// Time of one processor, or of all, since the start, in ticks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct CpuTimes {
    /// Busy, and idle or waiting for a disk. The kernel may move time from one of the last two to the other, so that
    /// each goes back now and then, but their sum does not.
    sums: [u64; 2],
    /// User, nice, system, idle, iowait, irq, softirq, steal, guest; guest is contained in user and nice.
    parts: [u64; 9],
}

/// The last read, which the next one is compared with.
pub(super) struct Cpu {
    before: Option<CpuTimes>,
    /// The low bits of busy and other time of each processor.
    cores: [[u32; 2]; CORES_MAX],
    /// The processors that were online.
    online: BitSet,
}

impl Cpu {
    pub(super) const NONE: Self = Self {
        before: None,
        cores: [[0; 2]; CORES_MAX],
        online: BitSet::EMPTY,
    };

    /// Emits the usage of one processor, and keeps its times.
    fn emit_core(&mut self, core: u64, times: &CpuTimes, emitter: &mut FamilyEmitter) {
        let Some(slot) = self.cores.get_mut(core as usize) else {
            return;
        };
        let before = core::mem::replace(slot, times.sums.map(|sum| sum as u32));
        // None if it went back; between two reads, less than half of what 32 bits hold goes by.
        let elapsed = |index: usize| u32::try_from(slot[index].wrapping_sub(before[index]) as i32).ok();
        if self.online.contains(core as usize)
            && let (Some(busy), Some(rest)) = (elapsed(0), elapsed(1))
            && let Some(share) = Fixed::percent(busy.into(), u64::from(busy) + u64::from(rest))
        {
            let mut digits = [0; DIGITS_MAX];
            let name = format_u64(core, &mut digits);
            emitter.emit_one(&[(b"core=", name)], CORE_USAGE, share);
        }
    }
}

/// What one read of the file gives beside values and the times of each processor.
#[derive(Default)]
struct Reading {
    tasks: Tasks,
    /// The times of all processors.
    all: Option<CpuTimes>,
    online: BitSet,
    /// Processors that are online.
    count: u64,
    are_too_many: bool,
}

pub(super) fn collect(cx: &mut FamilyContext) -> Result<(), ReadError> {
    let mut reading = Reading::default();
    let result = read(cx, &mut reading);
    let values = &mut cx.values;
    values.set_u64(COUNT, Some(reading.count).filter(|count| *count > 0));
    let memory = &mut cx.collector.memory.cpu;
    if let (Some(before), Some(now)) = (&memory.before, &reading.all) {
        set_shares(before, now, values);
    }
    memory.before = reading.all;
    memory.online = reading.online;
    cx.collector.tasks = Some(reading.tasks);
    result?;
    if reading.are_too_many {
        return Err(ReadError::too_many(ProcFile::Stat, "more than 256 processors"));
    }
    Ok(())
}

fn read(cx: &mut FamilyContext, reading: &mut Reading) -> Result<(), ReadError> {
    let memory = &mut cx.collector.memory.cpu;
    let mut lines = cx.host.files.lines(ProcFile::Stat)?;
    while let Some(line) = lines.next_line()? {
        if let Some((core, times)) = reading.parse(line, &mut cx.values) {
            reading.count += 1;
            if reading.online.insert(core) {
                memory.emit_core(core, &times, &mut cx.emitter);
            } else {
                reading.are_too_many = true;
            }
        }
    }
    lines.expect(reading.all.is_some(), "no cpu line")
}

impl Reading {
    /// Parses a line. Returns number and times of a processor, if it is a line of one.
    fn parse(&mut self, line: &[u8], values: &mut FamilyValues) -> Option<(u64, CpuTimes)> {
        let mut fields = fields(line);
        let name = fields.next()?;
        let Some(core) = name.strip_prefix(b"cpu") else {
            if let Some(id) = KEYS.find(name) {
                values.set_u64(*id, fields.next_u64());
            } else if name.starts_with(b"procs_") {
                self.tasks.set(name, fields.next_u64());
            }
            return None;
        };
        let times = parse_times(&mut fields)?;
        if core.is_empty() {
            self.all = Some(times);
            return None;
        }
        Some((parse_u64(core)?, times))
    }
}

/// Parses `user nice system idle iowait irq softirq steal guest guest_nice`: an old kernel has fewer columns, at least
/// four, and the others are 0. `None` if these are no numbers, or their sums do not fit.
fn parse_times(fields: &mut Fields) -> Option<CpuTimes> {
    const COLUMNS: usize = 10;
    const COLUMNS_MIN: usize = 4;
    const IDLE: usize = 3;
    const IOWAIT: usize = 4;
    const GUEST: usize = 8;
    let mut times = CpuTimes::default();
    for column in 0..COLUMNS {
        if column >= COLUMNS_MIN && fields.is_empty() {
            break;
        }
        let ticks = fields.next_u64()?;
        let sum = usize::from(matches!(column, IDLE | IOWAIT));
        // Guests' time is contained in the first two columns.
        if column < GUEST {
            times.sums[sum] = times.sums[sum].checked_add(ticks)?;
        }
        let part = &mut times.parts[column.min(GUEST)];
        *part = part.checked_add(ticks)?;
    }
    Some(times)
}

/// Sets the shares of the time between two reads.
fn set_shares(before: &CpuTimes, now: &CpuTimes, values: &mut FamilyValues) {
    let Some((busy, total)) = elapsed(&before.sums, &now.sums) else {
        return;
    };
    values.set(USAGE, Fixed::percent(busy, total));
    for (id, (before, now)) in PARTS.iter().zip(before.parts.iter().zip(&now.parts)) {
        // Idle and iowait may go back by a little, as the kernel moves time between them.
        values.set(*id, Fixed::percent(now.saturating_sub(*before), total));
    }
}

/// Returns busy time and all time between two reads; `None` if a counter went back.
fn elapsed(before: &[u64; 2], now: &[u64; 2]) -> Option<(u64, u64)> {
    let busy = now[0].checked_sub(before[0])?;
    let rest = now[1].checked_sub(before[1])?;
    Some((busy, busy.checked_add(rest)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parses a text: the times of all processors, those of each, and the counts.
    fn read(text: &str) -> (Reading, Vec<(u64, CpuTimes)>, FamilyValues) {
        let (mut reading, mut values) = (Reading::default(), FamilyValues::new());
        let cores = text
            .lines()
            .filter_map(|line| reading.parse(line.as_bytes(), &mut values))
            .collect();
        (reading, cores, values)
    }

    #[test]
    fn old_kernels_have_fewer_columns() {
        let shares = |text| read(text).0.all.map(|times| times.sums.into());
        assert_eq!(shares("cpu 1 2 4 8"), Some((7, 8)));
        assert_eq!(shares("cpu  1 2 4 8 16 32 64 128 256 512"), Some((231, 24)));
        assert_eq!(read("cpu 0 0 0 0 0 0 0 0 3 4").0.all.unwrap().parts[8], 7);
    }

    #[test]
    fn lines_come_in_any_order_and_processors_may_be_missing() {
        let (reading, cores, values) =
            read("intr 5 1 2\nctxt 6\ncpu1 1 2 3 4\ncpu4 1 2 3 4\nbtime 9\nprocesses 7\nprocs_running 2\n");
        let counts = [SWITCHES, INTERRUPTS, FORKS].map(|id| values.get_u64(id));
        assert_eq!(counts, [Some(6), Some(5), Some(7)]);
        let mut tasks = Tasks::default();
        tasks.set(b"procs_running", Some(2));
        assert_eq!(reading.tasks, tasks);
        assert_eq!(cores.iter().map(|core| core.0).collect::<Vec<_>>(), [1, 4]);
    }

    #[test]
    fn bad_times_give_none() {
        for bad in [
            "cpu",
            "cpu  1 2 4",
            "cpu  1 2 -4 8",
            "cpu  1 2 4 8 x",
            "cpu  18446744073709551615 1 0 0",
            "cpux 1 2 3 4",
        ] {
            let (reading, cores, _) = read(bad);
            assert!(reading.all.is_none() && cores.is_empty(), "{bad:?}");
        }
    }

    #[test]
    fn usage_is_of_the_time_between_two_reads() {
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
