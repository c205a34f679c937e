//! Processes of the names that the user asks for.

use super::table::{Metrics, metrics};
use super::{Builtin, Out};
use crate::base::decimal::divide;
use crate::base::glob::{fits, is_pattern, items};
use crate::procfs::{Fault, Host, Process, Take, Values, page_size, ticks_per_second};

/// Names that can be asked for.
pub const PROCESSES_MAX: usize = 32;
/// The kernel keeps so many bytes of a program's name (`TASK_COMM_LEN`).
const KEPT: usize = 15;

pub(super) static METRICS: Metrics = metrics! {
    Gauge "process.count" "" "processes of a name asked for (name=)";
    Gauge "process.rss" "bytes" "memory that they have resident, shared pages each time";
    Counter "process.cpu.ms" "ms" "processor time that those which run now have used";
};

/// Where the metrics stand in the table.
const RESIDENT: usize = 1;
const MILLIS: usize = 2;

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

    fn tell(&self, names: &[u8], out: &mut Out) {
        let mut values = Values::default();
        out.key = b"name=";
        for (name, sum) in items(names).zip(&self.sums) {
            // Named again, it has been told.
            if items(names).find(|other| *other == name).map(<[u8]>::as_ptr) != Some(name.as_ptr()) {
                continue;
            }
            for (number, sum) in sum.iter().enumerate() {
                values.set_whole(number, *sum);
            }
            values.multiply(RESIDENT, page_size() as u32);
            values.multiply(MILLIS, 1_000);
            let (millis, _) = divide(values.number(MILLIS), ticks_per_second().max(1));
            values.set_whole(MILLIS, millis);
            out.take(name, &values);
        }
    }
}

/// Goes on with the pass; the samples come at its end.
pub(super) fn take(all: &mut Builtin, host: &mut Host, out: &mut Out, _: &mut Values) -> Result<(), Fault> {
    let names = out.wishes.processes;
    let all = &mut all.memory.processes;
    if names.is_empty() {
        return Ok(());
    }
    if !all.is_under_way {
        all.sums = [[0; 3]; PROCESSES_MAX];
    }
    let result = host.processes(&mut |process| all.add(names, process));
    all.is_under_way = host.is_in_pass();
    if result.is_ok() && !all.is_under_way {
        all.tell(names, out);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::decimal::Fixed;
    use crate::base::glob::Choice;
    use crate::families::{FAMILIES, find};

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
        let mut found = Vec::new();
        let mut sink = |sample: crate::families::Sample| {
            let name = String::from_utf8_lossy(sample.instance[0].1).into_owned();
            found.push((sample.metric.name, name, sample.value));
        };
        let family = &FAMILIES[find(b"process", false).unwrap()];
        processes.tell(
            names,
            &mut Out::new(
                family,
                crate::families::Wishes::default(),
                Choice::default(),
                &mut sink,
            ),
        );
        let counts: Vec<_> = found
            .iter()
            .step_by(3)
            .map(|(_, name, value)| (name.as_str(), *value))
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
