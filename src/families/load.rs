//! Load averages and tasks: `/proc/loadavg` (`proc(5)`), `0.25 0.11 0.04 2/79 1865`, and two lines of `/proc/stat`.

use super::metrics::metrics;
use super::{FamilyContext, FamilyValues};
use crate::base::decimal::{Fixed, parse_u64};
use crate::base::fields::fields;
use crate::procfs::{Files, ProcFile, ReadError};

metrics! {
    LOAD1   Gauge "cpu.load1"    "" "tasks that run, or wait for a processor or a disk, averaged over 1 minute";
    LOAD5   Gauge "cpu.load5"    "" "tasks that run, or wait for a processor or a disk, averaged over 5 minutes";
    LOAD15  Gauge "cpu.load15"   "" "tasks that run, or wait for a processor or a disk, averaged over 15 minutes";
    TOTAL   Gauge "proc.total"   "" "processes and threads";
    RUNNING Gauge "proc.running" "" "tasks that run or wait for a processor";
    BLOCKED Gauge "proc.blocked" "" "tasks that wait for a disk";
}

/// Numbers of tasks, which `/proc/stat` has among the times of the processors.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tasks {
    running: Option<u64>,
    blocked: Option<u64>,
}

impl Tasks {
    /// Sets a number if the line of that name has one. Returns whether both are known.
    pub(super) fn set(&mut self, name: &[u8], number: Option<u64>) -> bool {
        match name {
            b"procs_running" => self.running = number,
            b"procs_blocked" => self.blocked = number,
            _ => return false,
        }
        self.running.is_some() && self.blocked.is_some()
    }
}

pub(super) fn collect(cx: &mut FamilyContext) -> Result<(), ReadError> {
    let files = &mut cx.host.files;
    // The cpu family has read them in the same turn, if it is collected then.
    let tasks = cx.collector.tasks.unwrap_or_else(|| read_tasks(files));
    cx.values.set_u64(RUNNING, tasks.running);
    cx.values.set_u64(BLOCKED, tasks.blocked);
    let lines = files.lines(ProcFile::Loadavg)?;
    let line = lines.next_line().unwrap_or_default();
    let is_good = parse(line, &mut cx.values);
    lines.finish(is_good)
}

/// Reads the numbers of tasks, as far as they are there.
fn read_tasks(files: &mut Files) -> Tasks {
    let mut tasks = Tasks::default();
    if let Ok(lines) = files.lines(ProcFile::Stat) {
        while let Some(line) = lines.next_line() {
            let mut fields = fields(line);
            let name = fields.next().unwrap_or_default();
            if name.starts_with(b"procs_") && tasks.set(name, fields.next_u64()) {
                break;
            }
        }
        let _ = lines.finish(true);
    }
    tasks
}

fn parse(line: &[u8], values: &mut FamilyValues) -> bool {
    let mut fields = fields(line);
    for id in [LOAD1, LOAD5, LOAD15] {
        let average = fields.next().and_then(Fixed::parse);
        let Some(average) = average.filter(|average| !average.is_negative()) else {
            return false;
        };
        values.set(id, Some(average));
    }
    // Running tasks, a slash, and all tasks.
    let tasks = fields.next().unwrap_or_default();
    let slash = tasks.iter().position(|&byte| byte == b'/');
    let total = slash.and_then(|slash| parse_u64(tasks.get(slash + 1..)?));
    values.set_u64(TOTAL, total);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &[u8]) -> Option<FamilyValues> {
        let mut values = FamilyValues::NONE;
        parse(line, &mut values).then_some(values)
    }

    #[test]
    fn averages_and_tasks_are_the_first_four_fields() {
        let load = read(b"0.25 11.00 0.04 2/79 1865").unwrap();
        assert_eq!(
            [LOAD1, LOAD5, LOAD15].map(|id| load.get(id).unwrap()),
            [Fixed::new(25, 2), Fixed::new(1100, 2), Fixed::new(4, 2)]
        );
        assert_eq!(load.get_u64(TOTAL), Some(79));
        assert_eq!(read(b"0.25 0.11 0.04").unwrap().get(TOTAL), None);
        for bad in ["", "0.25 0.11", "a b c", "-1.00 0 0"] {
            assert!(read(bad.as_bytes()).is_none(), "{bad:?}");
        }
    }
}
