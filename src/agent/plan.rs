//! What the user wants of the families, by their numbers.

use crate::builtin::{FAMILIES, FAMILY_COUNT, Wishes, find};
use crate::config::{Config, FAMILIES_MAX, Turns};

const _: () = assert!(FAMILY_COUNT <= FAMILIES_MAX);

/// Milliseconds between two turns of each family; none of one that does not run.
pub(super) fn periods(config: &Config) -> [Option<u32>; FAMILY_COUNT] {
    let process = find(b"process", false);
    core::array::from_fn(|number| match config.turns(number) {
        // Nobody has asked for any.
        _ if Some(number) == process && config.processes.is_empty() => None,
        Turns::Off => None,
        Turns::Every(period) => Some(period),
        Turns::Usual => Some(FAMILIES[number].interval_at(config.interval)),
    })
}

/// Which instances, of which family.
pub(super) fn wishes<'a>(config: &Config<'a>) -> Wishes<'a> {
    Wishes {
        choices: core::array::from_fn(|number| config.choice(number)),
        processes: config.processes,
        leases: config.leases,
    }
}
