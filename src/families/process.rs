//! Processes of the names that the user asks for, summed up over all processes of a name.

use super::metrics::metrics;
use super::{FamilyContext, FamilyValues};
use crate::base::decimal::divide;
use crate::base::glob::{fits, is_pattern, items};
use crate::procfs::processes::{self, Process};
use crate::procfs::{Host, ReadError, page_size, ticks_per_second};

/// Names that can be asked for.
pub const PROCESSES_MAX: usize = 32;
/// Bytes of a program's name that the kernel keeps (`TASK_COMM_LEN`).
const KERNEL_NAME_MAX: usize = 15;

metrics! {
    COUNT    Gauge   "process.count"  ""      "processes of a name asked for (name=)";
    RESIDENT Gauge   "process.rss"    "bytes" "resident memory of the processes of a name, shared pages counted in each";
    MILLIS   Counter "process.cpu.ms" "ms"    "CPU time used by the processes of a name that run now";
}

/// A pass over all processes, which may take several turns.
pub(super) struct Processes {
    sums: [Sum; PROCESSES_MAX],
    /// This kernel does not cut the names of its threads.
    has_long_names: bool,
}

/// The sums over the processes of a name.
#[derive(Clone, Copy)]
struct Sum {
    count: u64,
    pages: u64,
    ticks: u64,
}

impl Sum {
    const ZERO: Self = Self {
        count: 0,
        pages: 0,
        ticks: 0,
    };

    fn set_values(&self, values: &mut FamilyValues) {
        values.set_u64(COUNT, Some(self.count));
        values.set_u64(RESIDENT, self.pages.checked_mul(page_size()));
        let millis = self.ticks.checked_mul(1_000);
        values.set_u64(
            MILLIS,
            millis.map(|millis| divide(millis, ticks_per_second().max(1)).0),
        );
    }
}

impl Processes {
    pub(super) const NONE: Self = Self {
        sums: [Sum::ZERO; PROCESSES_MAX],
        has_long_names: false,
    };

    fn add(&mut self, names: &[u8], process: &Process) {
        if process.is_dead {
            return;
        }
        self.has_long_names |= process.name.len() > KERNEL_NAME_MAX;
        let may_be_cut = !(process.is_kernel_thread && self.has_long_names);
        for (name, sum) in items(names).zip(&mut self.sums) {
            if fits(name, process.name) || may_be_cut && is_cut(name, process.name) {
                sum.count += 1;
                sum.pages += process.pages;
                sum.ticks += process.ticks;
            }
        }
    }
}

/// Returns whether the kernel's name for a program is the start of the one that is asked for, and as long as the kernel
/// keeps it.
fn is_cut(name: &[u8], kernel_name: &[u8]) -> bool {
    kernel_name.len() == KERNEL_NAME_MAX && !is_pattern(name) && name.starts_with(kernel_name)
}

/// Continues the pass over all processes; the samples come at its end.
pub(super) fn collect(cx: &mut FamilyContext) -> Result<(), ReadError> {
    let names = cx.filters.processes;
    let pass = &mut cx.collector.memory.processes;
    if names.is_empty() {
        return Ok(());
    }
    if !cx.host.is_in_pass() {
        pass.sums = [Sum::ZERO; PROCESSES_MAX];
    }
    let result = read(cx.host, names, pass);
    cx.is_unfinished = cx.host.is_in_pass();
    if result.is_ok() && !cx.is_unfinished {
        let mut values = FamilyValues::NONE;
        for (index, (name, sum)) in items(names).zip(&pass.sums).enumerate() {
            if sum.count > 0 {
                cx.emitter.record_match(index);
            }
            if !items(names).take(index).any(|before| before == name) {
                sum.set_values(&mut values);
                cx.emitter.emit(&[name], &values);
            }
        }
    }
    result
}

fn read(host: &mut Host, names: &[u8], pass: &mut Processes) -> Result<(), ReadError> {
    let mut processes = host.processes()?;
    while let Some(text) = processes.next_text()? {
        if let Some(process) = processes::parse(text) {
            pass.add(names, &process);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::decimal::Fixed;
    use crate::families::tests::{Collected, Machine};

    #[test]
    fn names_are_patterns_and_long_ones_are_cut_as_the_kernel_cuts_them() {
        let names =
            b"init,prometheus-node-exporter,kworker/*,absent,?r*o*m*e*t*h*e*u*s*-*n*o*d*e,????????????????*,\
              jbd2/nvme0n1p2-8,jbd2/nvme0n1p3-8,(sd-pam),xfs-buf/nvme0n1,xfs-buf/nvme0n10";
        let mut processes = Processes::NONE;
        for (name, is_dead) in [
            ("init", false),
            ("prometheus-node", false),
            ("kworker/0:1", false),
            ("kworker/1:0", false),
            ("init", true),
            ("initx", false),
            ("jbd2/nvme0n1p2-8", false),
            ("xfs-buf/nvme0n1", false),
            ("(sd-pam)", false),
        ] {
            let process = Process {
                name: name.as_bytes(),
                is_dead,
                is_kernel_thread: name.contains('/'),
                ticks: 7,
                pages: 1 << 40,
            };
            processes.add(names, &process);
        }
        let counts: Vec<_> = processes.sums.iter().take(11).map(|sum| sum.count).collect();
        assert_eq!(counts, [1, 1, 2, 0, 1, 1, 1, 0, 1, 1, 0]);
        let mut values = FamilyValues::NONE;
        processes.sums[2].set_values(&mut values);
        let millis = 14 * 1_000 / ticks_per_second();
        assert_eq!(values.get(MILLIS), Some(Fixed::whole(millis)));
    }

    #[test]
    fn name_that_is_asked_for_twice_has_one_sample() {
        let mut machine = Machine::new("processes");
        machine.processes = b"init,absent,init";
        machine.write(
            "1/stat",
            "1 (init) S 0 1 1 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 1 100 10 1\n",
        );
        let mut samples = Collected::default();
        machine.collect("process", 0, &mut samples).unwrap();
        let counts: Vec<_> = samples
            .0
            .iter()
            .filter(|(name, _, _)| *name == "process.count")
            .collect();
        assert_eq!(
            counts,
            [
                &("process.count", "name=init".into(), Fixed::whole(1)),
                &("process.count", "name=absent".into(), Fixed::whole(0))
            ]
        );
    }
}
