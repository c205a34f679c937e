//! Processes of the names that the user asks for.

use super::metrics::metrics;
use super::{Context, FamilyEmitter, FamilyValues};
use crate::base::decimal::divide;
use crate::base::glob::{fits, is_pattern, items};
use crate::procfs::{Process, ReadError, page_size, ticks_per_second};

/// Names that can be asked for.
pub const PROCESSES_MAX: usize = 32;
/// The kernel keeps so many bytes of a program's name (`TASK_COMM_LEN`).
const KEPT: usize = 15;

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

/// Of the processes of a name: how many, their pages, and their ticks; in the order of the metrics.
type Sum = [u64; 3];

impl Processes {
    pub(super) const NONE: Self = Self {
        sums: [[0; 3]; PROCESSES_MAX],
        is_under_way: false,
    };

    /// The pass goes on at the next occasion.
    pub(super) fn is_under_way(&self) -> bool {
        self.is_under_way
    }

    fn add(&mut self, names: &[u8], process: &Process) {
        if process.is_dead {
            return;
        }
        for (name, sum) in items(names).zip(&mut self.sums) {
            // The kernel has cut it, too.
            let name = match name.get(..KEPT) {
                Some(kept) if !is_pattern(name) => kept,
                _ => name,
            };
            if fits(name, process.name) {
                let more = [1, process.pages, process.ticks];
                for (sum, more) in sum.iter_mut().zip(&more) {
                    *sum += *more;
                }
            }
        }
    }

    fn emit(&self, names: &[u8], emitter: &mut FamilyEmitter) {
        let mut values = FamilyValues::new();
        for (name, sum) in items(names).zip(&self.sums) {
            // A repeated name was emitted with its first occurrence.
            if items(names).find(|other| *other == name).map(<[u8]>::as_ptr) != Some(name.as_ptr()) {
                continue;
            }
            for (id, sum) in [COUNT, RESIDENT, MILLIS].iter().zip(sum) {
                values.set_u64(*id, Some(*sum));
            }
            values.multiply(RESIDENT, page_size() as u32);
            values.multiply(MILLIS, 1_000);
            let (millis, _) = divide(
                values.get_u64(MILLIS).unwrap_or_default(),
                ticks_per_second().max(1),
            );
            values.set_u64(MILLIS, Some(millis));
            emitter.emit_instance(&[(b"name=", name)], &values);
        }
    }
}

/// Goes on with the pass; the samples come at its end.
pub(super) fn collect(cx: &mut Context) -> Result<(), ReadError> {
    let names = cx.filters.processes;
    let processes = &mut cx.collector.memory.processes;
    if names.is_empty() {
        return Ok(());
    }
    if !processes.is_under_way {
        processes.sums = [[0; 3]; PROCESSES_MAX];
    }
    let result = cx.host.processes(&mut |process| processes.add(names, process));
    processes.is_under_way = cx.host.is_in_pass();
    if result.is_ok() && !processes.is_under_way {
        processes.emit(names, &mut cx.emitter);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::decimal::Fixed;
    use crate::base::glob::Choice;
    use crate::families::tests::Samples;

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
        let mut found = Samples::default();
        let mut emitter = FamilyEmitter {
            metrics: METRICS,
            filter: Choice::default(),
            ignored: "",
            emitter: &mut found,
        };
        processes.emit(names, &mut emitter);
        let found = found.0;
        let counts: Vec<_> = found
            .iter()
            .step_by(3)
            .map(|(_, tags, value)| (tags.strip_prefix("name=").unwrap(), *value))
            .collect();
        let expected = [
            ("init", 1),
            ("prometheus-node-exporter", 1),
            ("kworker/*", 2),
            ("absent", 0),
            ("?r*o*m*e*t*h*e*u*s*-*n*o*d*e", 1),
            ("????????????????*", 0),
        ];
        assert_eq!(counts, expected.map(|(name, count)| (name, Fixed::whole(count))));
        assert_eq!(found[8].2, Fixed::whole(14 * 1_000 / ticks_per_second()));
    }
}
