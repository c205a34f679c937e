//! What the user wants of the families, by their numbers.

use super::HOST_NAME_MAX;
use crate::base::text::hash;
use crate::config::{self, Config, FAMILIES_MAX, Turns};
use crate::families::{FAMILIES, FAMILY_COUNT, Filters, find};
use crate::format::json::Writer;
use crate::procfs::OS;
use crate::sender::Targets;

const _: () = assert!(FAMILY_COUNT <= FAMILIES_MAX);

/// Whether the agent can do what is asked for.
pub(super) fn check<'a>(config: &Config) -> Result<(), config::Error<'a>> {
    if !has_room(config) {
        return Err(config::Error::TooLong);
    }
    let has_family = (0..FAMILY_COUNT).any(|number| period(config, number).is_some());
    if !has_family && config.custom().next().is_none() {
        return Err(config::Error::NothingRuns);
    }
    Ok(())
}

/// Whether endpoint and tags fit into a line.
fn has_room(config: &Config) -> bool {
    // A host name of the worst kind has to fit too: it may come later.
    let worst = config.endpoint.unwrap_or(&[1; HOST_NAME_MAX]);
    Writer::new(worst, OS, config.tags()).is_some()
}

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

/// Where the lines go, and how.
pub(super) fn targets<'a>(config: &'a Config<'a>, writer: &Writer) -> Targets<'a> {
    let transfers = config.transfers();
    let spread = if config.spread { hash(writer.identity()) } else { 0 };
    Targets {
        transfers,
        first: spread as usize % transfers.len().max(1),
        returns: !config.spread,
        timeout: config.timeout,
        debug: config.debug,
    }
}

/// Which instances, of which family.
pub(super) fn filters<'a>(config: &'a Config<'a>) -> Filters<'a> {
    Filters {
        instances: config.choices(),
        processes: config.processes,
        leases: config.leases,
    }
}
