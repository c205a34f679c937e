//! Time of the processors: `/proc/stat` (`proc(5)`, `Documentation/filesystems/proc.rst`).

use super::load::Tasks;
use super::metrics::metrics;
use super::{FamilyContext, FamilyEmitter, FamilyValues, MetricId};
use crate::base::decimal::{DIGITS_MAX, Fixed, format_u64, parse_u64};
use crate::base::fields::{Fields, fields};
use crate::procfs::{Limit, ProcFile, ReadError, ReadErrorKind};

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

/// The columns of a line: `user nice system idle iowait irq softirq steal guest guest_nice`, in ticks since the start of
/// the machine. Old kernels have fewer, but at least four.
type Columns = [u64; 10];
const COLUMNS_MIN: usize = 4;

/// The columns in which a processor does nothing.
const IDLE_COLUMN: usize = 3;
const IOWAIT_COLUMN: usize = 4;
/// The first column that is contained in others: the time of guests is, in user and nice.
const GUEST_COLUMN: usize = 8;

/// The metrics of the columns.
const PARTS: [MetricId; 10] = [
    USER, NICE, SYSTEM, IDLE, IOWAIT, IRQ, SOFTIRQ, STEAL, GUEST, GUEST,
];

/// The last read, which the next one is compared with.
pub(super) struct Cpu {
    before: Option<Columns>,
    cores: [Core; CORES_MAX],
}

/// A processor.
#[derive(Clone, Copy)]
struct Core {
    /// Its number: those of some machines have gaps.
    number: u32,
    columns: Columns,
    /// Whether it was online at the last read, and whether it is.
    was_online: bool,
    is_online: bool,
}

impl Cpu {
    #[expect(clippy::large_stack_arrays, reason = "static memory is made of it")]
    pub(super) const NONE: Self = Self {
        before: None,
        cores: [Core {
            number: 0,
            columns: [0; 10],
            was_online: false,
            is_online: false,
        }; CORES_MAX],
    };

    /// Returns the processor of this number, or a free place for it. `expected` is its index if all are online.
    fn find(&mut self, number: u32, expected: usize) -> Option<&mut Core> {
        let is_it = |core: &Core| core.was_online && core.number == number;
        let index = if self.cores.get(expected).is_some_and(is_it) {
            expected
        } else {
            let is_free = |core: &Core| !core.was_online && !core.is_online;
            let cores = &self.cores;
            (cores.iter().position(is_it)).or_else(|| cores.iter().position(is_free))?
        };
        self.cores.get_mut(index)
    }

    /// Emits the usage of a processor, and keeps its times. Returns false if there are too many.
    fn emit_core(
        &mut self,
        (number, columns): (u32, &Columns),
        expected: usize,
        emitter: &mut FamilyEmitter,
    ) -> bool {
        let Some(core) = self.find(number, expected) else {
            return false;
        };
        let before = core::mem::replace(&mut core.columns, *columns);
        (core.number, core.is_online) = (number, true);
        if core.was_online {
            let mut values = FamilyValues::NONE;
            values.set(CORE_USAGE, usage(&before, columns, &advances(&before, columns)));
            let mut digits = [0; DIGITS_MAX];
            let name = format_u64(number.into(), &mut digits);
            emitter.emit(&[name], &values);
        }
        true
    }

    /// Ends a read: what is online now was online before the next one.
    fn end_read(&mut self) {
        // What is not written takes no memory.
        for core in self
            .cores
            .iter_mut()
            .filter(|core| core.is_online || core.was_online)
        {
            core.was_online = core::mem::take(&mut core.is_online);
        }
    }
}

/// What one read of the file gives beside values and the times of each processor.
#[derive(Default)]
struct Reading {
    tasks: Tasks,
    /// The times of all processors.
    all: Option<Columns>,
    /// Processors that are online.
    count: usize,
    are_too_many: bool,
}

pub(super) fn collect(cx: &mut FamilyContext) -> Result<(), ReadError> {
    let mut reading = Reading::default();
    let result = read(cx, &mut reading);
    let memory = &mut cx.collector.memory.cpu;
    memory.end_read();
    if reading.count > 0 {
        cx.values.set_u64(COUNT, Some(reading.count as u64));
    }
    if let (Some(before), Some(now)) = (&memory.before, &reading.all) {
        set_shares(before, now, &mut cx.values);
    }
    memory.before = reading.all;
    cx.collector.tasks = Some(reading.tasks);
    result?;
    if reading.are_too_many {
        return Err(ReadError::new(
            ProcFile::Stat,
            ReadErrorKind::TooMany(Limit::Processors),
        ));
    }
    Ok(())
}

fn read(cx: &mut FamilyContext, reading: &mut Reading) -> Result<(), ReadError> {
    let memory = &mut cx.collector.memory.cpu;
    let lines = cx.host.files.lines(ProcFile::Stat)?;
    while let Some(line) = lines.next_line() {
        if let Some((number, columns)) = reading.parse(line, &mut cx.values) {
            let is_kept = memory.emit_core((number, &columns), reading.count, &mut cx.emitter);
            reading.are_too_many |= !is_kept;
            reading.count += 1;
        }
    }
    lines.finish(reading.all.is_some())
}

impl Reading {
    /// Parses a line. Returns number and times of a processor, if it is a line of one.
    fn parse(&mut self, line: &[u8], values: &mut FamilyValues) -> Option<(u32, Columns)> {
        let mut fields = fields(line);
        let name = fields.next()?;
        let Some(number) = name.strip_prefix(b"cpu") else {
            if let Some(id) = KEYS.find(name) {
                values.set_u64(*id, fields.next_u64());
            } else if name.starts_with(b"procs_") {
                self.tasks.set(name, fields.next_u64());
            }
            return None;
        };
        if number.is_empty() {
            self.all = parse_columns(&mut fields);
            return None;
        }
        Some((parse_u64(number)?.try_into().ok()?, parse_columns(&mut fields)?))
    }
}

/// A column that is no number.
const UNKNOWN: u64 = u64::MAX;

/// Parses the columns. `None` if there are too few; those that this kernel lacks are 0.
fn parse_columns(fields: &mut Fields) -> Option<Columns> {
    let mut columns = Columns::default();
    for (index, column) in columns.iter_mut().enumerate() {
        if fields.is_empty() {
            return (index >= COLUMNS_MIN).then_some(columns);
        }
        *column = fields.next_u64().unwrap_or(UNKNOWN);
    }
    Some(columns)
}

/// Returns how far the columns have advanced between two reads, and the sum of those that are no part of others. A column
/// has not advanced if it went back, or by more than all processors of any machine do between two reads.
fn advances(before: &Columns, now: &Columns) -> (Columns, u64) {
    let mut advances = Columns::default();
    let mut total = 0;
    for (index, advance) in advances.iter_mut().enumerate() {
        let difference = now[index].saturating_sub(before[index]);
        if difference <= u32::MAX.into() {
            *advance = difference;
        }
        if index < GUEST_COLUMN {
            total += *advance;
        }
    }
    (advances, total)
}

/// Returns the busy share of the time between two reads, whose [`advances`] these are; `None` if the busy time as a whole
/// went back.
fn usage(before: &Columns, now: &Columns, (advances, total): &(Columns, u64)) -> Option<Fixed> {
    let busy = |columns: &Columns| {
        let all = columns.iter().enumerate().take(GUEST_COLUMN);
        let busy = all.filter(|(index, _)| !matches!(*index, IDLE_COLUMN | IOWAIT_COLUMN));
        busy.fold(0_u64, |sum, (_, column)| sum.saturating_add(*column))
    };
    if busy(now) < busy(before) {
        return None;
    }
    Fixed::percent(busy(advances), *total)
}

/// Sets the shares of the time between two reads. A column that went back has a share of 0, and the others are shares of
/// what the others advanced.
fn set_shares(before: &Columns, now: &Columns, values: &mut FamilyValues) {
    let mut advances = advances(before, now);
    values.set(USAGE, usage(before, now, &advances));
    let (parts, total) = &mut advances;
    let [.., guest, guest_nice] = parts;
    *guest_nice += *guest;
    for (id, part) in PARTS.iter().zip(parts) {
        values.set(*id, Fixed::percent(*part, *total));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::tests::{Collected, Machine};

    /// Parses a text: the times of all processors, those of each, and the counts.
    fn read(text: &str) -> (Reading, Vec<(u32, Columns)>, FamilyValues) {
        let (mut reading, mut values) = (Reading::default(), FamilyValues::NONE);
        let cores = text
            .lines()
            .filter_map(|line| reading.parse(line.as_bytes(), &mut values))
            .collect();
        (reading, cores, values)
    }

    /// Returns the shares between two lines: usage, user, idle, steal and guest.
    fn shares(before: &str, now: &str) -> [Option<Fixed>; 5] {
        let columns = |text| read(text).0.all.unwrap();
        let mut values = FamilyValues::NONE;
        set_shares(&columns(before), &columns(now), &mut values);
        [USAGE, USER, IDLE, STEAL, GUEST].map(|id| values.get(id))
    }

    fn percent(percent: u64) -> Option<Fixed> {
        Fixed::percent(percent, 100)
    }

    #[test]
    fn old_kernels_have_fewer_columns() {
        let columns = |text| read(text).0.all;
        assert_eq!(columns("cpu 1 2 4 8"), Some([1, 2, 4, 8, 0, 0, 0, 0, 0, 0]));
        assert_eq!(
            columns("cpu  1 2 4 8 16 32 64 128 256 512"),
            Some([1, 2, 4, 8, 16, 32, 64, 128, 256, 512])
        );
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
    fn lines_with_too_few_columns_give_no_times() {
        for bad in ["cpu", "cpu  1 2 4", "cpux 1 2 3 4", "cpu4294967296 1 2 3 4"] {
            let (reading, cores, _) = read(bad);
            assert!(reading.all.is_none() && cores.is_empty(), "{bad:?}");
        }
    }

    #[test]
    fn usage_is_of_the_time_between_two_reads() {
        let usage = |before: [u64; 2], now: [u64; 2]| {
            let columns = |[busy, idle]: [u64; 2]| [busy, 0, 0, idle, 0, 0, 0, 0, 0, 0];
            let (before, now) = (columns(before), columns(now));
            usage(&before, &now, &advances(&before, &now))
        };
        assert_eq!(usage([100, 100], [110, 155]), Some(Fixed::new(153_846, 4)));
        assert_eq!(usage([0, 0], [5, 0]), percent(100));
        assert_eq!(usage([5, 5], [5, 5]), None);
        assert_eq!(usage([5, 5], [6, 4]), percent(100), "idle went back");
        assert_eq!(usage([5, 5], [4, 6]), None, "busy time went back");
        assert_eq!(usage([0, 0], [u64::MAX, 10]), percent(0));
    }

    #[test]
    fn column_that_goes_back_or_is_no_number_costs_that_column() {
        let before = "cpu 1000 0 0 1000 0 0 0 5000 10 10";
        assert_eq!(
            shares(before, "cpu 1020 0 0 1180 0 0 0 5000 20 10"),
            [percent(10), percent(10), percent(90), percent(0), percent(5)]
        );
        let absurd = [
            "4611686018427387904",
            "18446744073709551615",
            "18446744073709551616",
            "x",
        ];
        for steal in ["4990", "4000"].iter().chain(&absurd) {
            let now = format!("cpu 1020 0 0 1180 0 0 0 {steal} 10 10");
            let [usage, others @ ..] = shares(before, &now);
            let expected = [percent(10), percent(90), percent(0), percent(0)];
            assert_eq!(others, expected, "{steal}");
            assert!(usage == percent(10) || *steal == "4000", "{steal}: {usage:?}");
        }
        // And back.
        for steal in absurd {
            let before = format!("cpu 1000 0 0 1000 0 0 0 {steal} 10 10");
            let [_, others @ ..] = shares(&before, "cpu 1020 0 0 1180 0 0 0 5000 10 10");
            assert_eq!(
                others,
                [percent(10), percent(90), percent(0), percent(0)],
                "{steal}"
            );
        }
        // Idle time is counted as waiting for a disk now and then.
        let [usage, user, ..] = shares("cpu 0 0 0 0 50 0 0 0 0 0", "cpu 20 0 0 100 30 0 0 0 0 0");
        assert_eq!((usage, user), (Fixed::percent(20, 120), Fixed::percent(20, 120)));
    }

    #[test]
    fn bound_is_on_the_count_of_processors_not_on_their_numbers() {
        let mut machine = Machine::new("cores");
        let mut collect = |numbers: &[u32], ticks: u64| {
            let line = |number: &u32| format!("cpu{number} {ticks} 0 0 {} 0 0 0 0 0 0\n", 9 * ticks);
            let lines: String = numbers.iter().map(line).collect();
            machine.write("stat", format!("cpu 1 0 0 9 0 0 0 0 0 0\n{lines}"));
            let mut samples = Collected::default();
            let result = machine.collect("cpu", 0, &mut samples);
            let cores = samples.0.iter().filter(|(name, ..)| *name == "cpu.core.usage");
            let cores = cores
                .map(|(_, tags, value)| (tags.clone(), *value))
                .collect::<Vec<_>>();
            (cores, result.is_ok())
        };
        let usage = |number: u32| (format!("core={number}"), percent(10).unwrap());
        assert_eq!(collect(&[0, 8, 312], 10), (vec![], true));
        assert_eq!(
            collect(&[0, 8, 312], 20),
            (vec![usage(0), usage(8), usage(312)], true)
        );
        // One goes offline, and comes back.
        assert_eq!(collect(&[0, 312], 30), (vec![usage(0), usage(312)], true));
        assert_eq!(collect(&[0, 8, 312], 40), (vec![usage(0), usage(312)], true));
        assert_eq!(
            collect(&[0, 8, 312], 50),
            (vec![usage(0), usage(8), usage(312)], true)
        );
        let many: Vec<_> = (0..300).map(|number| 4 * number).collect();
        assert!(!collect(&many, 60).1);
        assert_eq!(collect(&many, 70).0.len(), CORES_MAX);
    }
}
