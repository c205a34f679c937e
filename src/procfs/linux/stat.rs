//! `/proc/stat` (`proc(5)`, `Documentation/filesystems/proc.rst`).

use super::{
    Host, Source,
    names::{Names, names},
};
use crate::base::decimal::parse_u64;
use crate::base::fields::{Fields, fields};
use crate::procfs::{CpuTimes, Fault, Flaw, Values};

/// Context switches, interrupts, processes and threads made since the start; tasks that run or want to, and
/// those that wait for a disk, which are for another family.
const NAMES: Names = names![10: "ctxt" "intr" "processes" "" "" "procs_running" "procs_blocked"];
const RUNNING: usize = 15;
const BLOCKED: usize = 16;

/// Takes the number and the times of one processor.
pub(super) type TakeCore<'t> = &'t mut dyn FnMut(u64, &CpuTimes);

impl Host {
    /// Reads the file: counts, the times of all processors, and those of each that is online.
    pub fn stat(
        &mut self,
        values: &mut Values,
        cpu: &mut Option<CpuTimes>,
        take_core: TakeCore,
    ) -> Result<(), Fault> {
        let result = self.files.read(Source::Stat, Flaw::NoTimes, &mut |line| {
            read_line(line, values, cpu, take_core)
        });
        self.tasks = [RUNNING, BLOCKED].map(|number| values.get(number));
        self.tasks_turn = self.turn;
        result
    }

    /// Tasks that run or want to, and those that wait for a disk, as the values of two metrics; without a
    /// second read in the same turn.
    pub fn tasks(&mut self, running: usize, values: &mut Values) {
        if self.tasks_turn != self.turn {
            let _ = self.stat(&mut Values::default(), &mut None, &mut |_, _| {});
        }
        for (number, count) in self.tasks.iter().enumerate() {
            values.set(running + number, *count);
        }
    }
}

/// Whether it is the line of all processors.
fn read_line(line: &[u8], values: &mut Values, cpu: &mut Option<CpuTimes>, take_core: TakeCore) -> bool {
    let mut fields = fields(line);
    let Some(name) = fields.next() else {
        return false;
    };
    let Some(core) = name.strip_prefix(b"cpu") else {
        if let Some(number) = NAMES.number(name) {
            values.parse(number, fields.next());
        }
        return false;
    };
    let mut times = CpuTimes::default();
    if !times_of(&mut fields, &mut times) {
        return false;
    }
    if let Some(number) = parse_u64(core) {
        take_core(number, &times);
    } else if core.is_empty() {
        *cpu = Some(times);
    }
    core.is_empty()
}

/// `user nice system idle iowait irq softirq steal guest guest_nice`: an old kernel has fewer, four at
/// least, and those that it lacks are 0. Says whether they are times, and their sums fit.
fn times_of(fields: &mut Fields, times: &mut CpuTimes) -> bool {
    const COLUMNS: usize = 10;
    const IDLE: usize = 3;
    const IOWAIT: usize = 4;
    const GUEST: usize = 8;
    for column in 0..COLUMNS {
        let Some(field) = fields.next() else {
            return column > IDLE;
        };
        let Some(ticks) = parse_u64(field) else {
            return false;
        };
        let [busy, rest] = &mut times.sums;
        let sum = if matches!(column, IDLE | IOWAIT) {
            rest
        } else {
            busy
        };
        // Guests' time is contained in the first two.
        if column < GUEST && !add(sum, ticks) {
            return false;
        }
        let part = times.parts.get_mut(column.min(GUEST));
        if part.is_none_or(|part| !add(part, ticks)) {
            return false;
        }
    }
    true
}

/// Says whether there is such a sum.
#[inline(never)]
fn add(sum: &mut u64, ticks: u64) -> bool {
    let (total, is_over) = sum.overflowing_add(ticks);
    *sum = total;
    !is_over
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The times of all processors, those of each, and the counts.
    fn read(text: &str) -> (Option<CpuTimes>, Vec<(u64, CpuTimes)>, Values) {
        let (mut cpu, mut cores, mut values) = (None, Vec::new(), Values::default());
        for line in text.lines() {
            read_line(line.as_bytes(), &mut values, &mut cpu, &mut |number, times| {
                cores.push((number, *times))
            });
        }
        (cpu, cores, values)
    }

    #[test]
    fn old_kernels_have_fewer_fields() {
        let shares = |text| read(text).0.map(|times| times.sums.into());
        assert_eq!(shares("cpu 1 2 4 8"), Some((7, 8)));
        assert_eq!(shares("cpu  1 2 4 8 16 32 64 128 256 512"), Some((231, 24)));
        assert_eq!(read("cpu 0 0 0 0 0 0 0 0 3 4").0.unwrap().parts[8], 7);
    }

    #[test]
    fn lines_come_in_any_order_and_processors_may_be_missing() {
        let (_, cores, values) =
            read("intr 5 1 2\nctxt 6\ncpu1 1 2 3 4\ncpu4 1 2 3 4\nbtime 9\nprocesses 7\nprocs_running 2\n");
        let counts = [10, 11, 12, RUNNING, BLOCKED].map(|number| values.whole(number));
        assert_eq!(counts, [Some(6), Some(5), Some(7), Some(2), None]);
        assert_eq!(cores.iter().map(|core| core.0).collect::<Vec<_>>(), [1, 4]);
    }

    #[test]
    fn what_is_no_line_of_times_gives_none() {
        for bad in [
            "cpu",
            "cpu  1 2 4",
            "cpu  1 2 -4 8",
            "cpu  1 2 4 8 x",
            "cpu  18446744073709551615 1 0 0",
            "cpux 1 2 3 4",
        ] {
            let (cpu, cores, _) = read(bad);
            assert!(cpu.is_none() && cores.is_empty(), "{bad:?}");
        }
    }
}
