//! What the user wants of the families, by their numbers.

use crate::builtin::{FAMILIES, FAMILY_COUNT, Wishes, find};
use crate::config::{Config, FAMILIES_MAX, Turns};

const _: () = assert!(FAMILY_COUNT <= FAMILIES_MAX);

/// Milliseconds between two turns of the family of that number, if it runs.
pub(super) fn period(config: &Config, number: usize) -> Option<u32> {
    match config.turns(number) {
        // Nobody has asked for any.
        _ if config.processes.is_empty() && Some(number) == find(b"process", false) => None,
        Turns::Off => None,
        Turns::Every(period) => Some(period),
        Turns::Usual => Some(FAMILIES.get(number)?.interval_at(config.interval)),
    }
}

/// Which instances, of which family.
pub(super) fn wishes<'a>(config: &'a Config<'a>) -> Wishes<'a> {
    Wishes {
        choices: config.choices(),
        processes: config.processes,
        leases: config.leases,
    }
}
