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
    is_under_way: bool,
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

    fn values(&self) -> FamilyValues {
        let mut values = FamilyValues::new();
        let millis = self.ticks.checked_mul(1_000);
        values.set_u64(COUNT, Some(self.count));
        values.set_u64(RESIDENT, self.pages.checked_mul(page_size()));
        values.set_u64(
            MILLIS,
            millis.map(|millis| divide(millis, ticks_per_second().max(1)).0),
        );
        values
    }
}

impl Processes {
    pub(super) const NONE: Self = Self {
        sums: [Sum::ZERO; PROCESSES_MAX],
        is_under_way: false,
    };

    /// Whether the pass continues at the next opportunity.
    pub(super) fn is_under_way(&self) -> bool {
        self.is_under_way
    }

    fn add(&mut self, names: &[u8], process: &Process) {
        if process.is_dead {
            return;
        }
        for (name, sum) in items(names).zip(&mut self.sums) {
            // The kernel cuts the names of programs.
            let name = match name.get(..KERNEL_NAME_MAX) {
                Some(cut) if !is_pattern(name) => cut,
                _ => name,
            };
            if fits(name, process.name) {
                sum.count += 1;
                sum.pages += process.pages;
                sum.ticks += process.ticks;
            }
        }
    }

    /// Returns each name once, with its values.
    fn results<'n>(&self, names: &'n [u8]) -> impl Iterator<Item = (&'n [u8], FamilyValues)> {
        let all = items(names).zip(&self.sums).enumerate();
        let is_first = move |index: usize, name: &[u8]| items(names).take(index).all(|other| other != name);
        all.filter(move |(index, (name, _))| is_first(*index, name))
            .map(|(_, (name, sum))| (name, sum.values()))
    }
}

/// Continues the pass over all processes; the samples come at its end.
pub(super) fn collect(cx: &mut FamilyContext) -> Result<(), ReadError> {
    let names = cx.filters.processes;
    let pass = &mut cx.collector.memory.processes;
    if names.is_empty() {
        return Ok(());
    }
    if !pass.is_under_way {
        pass.sums = [Sum::ZERO; PROCESSES_MAX];
    }
    let result = read(cx.host, names, pass);
    pass.is_under_way = cx.host.is_in_pass();
    if result.is_ok() && !pass.is_under_way {
        for (name, values) in pass.results(names) {
            cx.emitter.emit_instance(&[(b"name=", name)], &values);
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

    #[test]
    fn names_are_patterns_and_long_ones_are_cut_as_the_kernel_cuts_them() {
        let names =
            b"init,prometheus-node-exporter,kworker/*,absent,init,?r*o*m*e*t*h*e*u*s*-*n*o*d*e,????????????????*";
        let mut processes = Processes::NONE;
        for (name, is_dead) in [
            ("init", false),
            ("prometheus-node", false),
            ("kworker/0:1", false),
            ("kworker/1:0", false),
            ("init", true),
            ("initx", false),
        ] {
            let process = Process {
                name: name.as_bytes(),
                is_dead,
                ticks: 7,
                pages: 1 << 40,
            };
            processes.add(names, &process);
        }
        let found: Vec<_> = processes.results(names).collect();
        let counts: Vec<_> = found
            .iter()
            .map(|(name, values)| (std::str::from_utf8(name).unwrap(), values.get(COUNT)))
            .collect();
        let expected = [
            ("init", 1),
            ("prometheus-node-exporter", 1),
            ("kworker/*", 2),
            ("absent", 0),
            ("?r*o*m*e*t*h*e*u*s*-*n*o*d*e", 1),
            ("????????????????*", 0),
        ];
        assert_eq!(
            counts,
            expected.map(|(name, count)| (name, Some(Fixed::whole(count))))
        );
        let millis = 14 * 1_000 / ticks_per_second();
        assert_eq!(found[2].1.get(MILLIS), Some(Fixed::whole(millis)));
    }
}
