//! The configuration as the loop uses it: periods, filters and targets.

use super::HOST_NAME_MAX;
use crate::base::text::hash;
use crate::config::{Config, ErrorKind, FAMILIES_MAX, Interval};
use crate::families::{FAMILIES, FAMILY_COUNT, Filters, find};
use crate::format::json::Writer;
use crate::procfs::OS;
use crate::sender::Targets;

const _: () = assert!(FAMILY_COUNT <= FAMILIES_MAX);

/// Checks the options as a whole.
pub(super) fn check(config: &Config) -> Result<(), ErrorKind> {
    if !has_room(config) {
        return Err(ErrorKind::NameTooLong);
    }
    let has_family = (0..FAMILY_COUNT).any(|number| period(config, number).is_some());
    if !has_family && config.custom().next().is_none() {
        return Err(ErrorKind::NoFamilies);
    }
    Ok(())
}

/// Whether endpoint and tags fit into a line.
fn has_room(config: &Config) -> bool {
    // The longest host name has to fit too: the name may change.
    let worst = config.endpoint.unwrap_or(&[1; HOST_NAME_MAX]);
    Writer::new(worst, OS, config.tags()).is_some()
}

/// Returns milliseconds between two turns of the family of that index, if it runs.
pub(super) fn period(config: &Config, number: usize) -> Option<u32> {
    match config.interval_of(number) {
        // No process is named.
        _ if config.processes.is_empty() && Some(number) == find(b"process", false) => None,
        Interval::Off => None,
        Interval::Every(period) => Some(period),
        Interval::Default => Some(FAMILIES.get(number)?.interval_at(config.interval)),
    }
}

/// Returns the receivers, and how the sender treats them.
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

/// Returns the filters of the families' instances.
pub(super) fn filters<'a>(config: &'a Config<'a>) -> Filters<'a> {
    Filters {
        instances: config.filters(),
        processes: config.processes,
        leases: config.leases,
    }
}
