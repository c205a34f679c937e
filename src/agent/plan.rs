//! The configuration as the loop uses it: periods, filters and targets.

use super::HOST_NAME_MAX;
use crate::base::decimal::Fixed;
use crate::base::text::hash;
use crate::base::url::Url;
use crate::config::{Config, ErrorKind, FAMILIES_MAX, FamilyTable, Format, Interval};
use crate::encode::{Encoding, Starts};
use crate::families::{
    FAMILIES, FAMILY_COUNT, Filters, find, find_by_metric, is_instance_key, is_metric, name,
};
use crate::format::json::Writer;
use crate::platform::{TRANSFERS_MAX, Transfer};
use crate::procfs::OS;
use crate::ring::LINE_MAX;
use crate::sender::Targets;

const _: () = assert!(FAMILY_COUNT <= FAMILIES_MAX);

/// Looks up the families' tables for the configuration.
pub static FAMILY_TABLE: FamilyTable = FamilyTable {
    find,
    name,
    find_by_metric,
    is_metric,
    // Receivers of labels get the endpoint and the operating system under such keys.
    is_reserved_tag: |key| matches!(key, b"endpoint" | b"os") || is_instance_key(key),
};

/// Returns what is wrong with the options as a whole, and the number of the event of the file that has set them.
pub(super) fn check(config: &Config) -> Option<(ErrorKind, u32)> {
    // The longest host name has to fit too: the name may change.
    let worst = config.endpoint.unwrap_or(&[1; HOST_NAME_MAX]);
    let Some(mut writer) = Writer::new(worst, OS, config.tags()) else {
        return Some((ErrorKind::NameTooLong, config.name_event));
    };
    for custom in config.custom() {
        writer.set_instance(custom.number.tags());
        let longest = Fixed::new(u64::MAX, 9);
        if writer
            .write(&mut [0; LINE_MAX], custom.number.metric, longest)
            .is_none()
        {
            return Some((ErrorKind::OwnTagsTooLong, custom.tag_event));
        }
    }
    if config.user.is_some() && config.custom().any(|custom| custom.script.user.is_some()) {
        return Some((ErrorKind::UserOfScript, 0));
    }
    let fits = |receiver: &Transfer| config.format_for(receiver).fits(receiver);
    if !config.transfers().iter().all(fits) {
        return Some((ErrorKind::FormatNeedsHttp, 0));
    }
    if config.has_headers_twice() {
        return Some((ErrorKind::HeadersTwice, config.header_event));
    }
    if config.format == Some(Format::Text) && !config.is_printed() {
        return Some((ErrorKind::TextNotPrinted, 0));
    }
    let has_family = (0..FAMILY_COUNT).any(|number| period(config, number).is_some());
    let has_metrics = has_family || config.custom().next().is_some();
    (!has_metrics).then_some((ErrorKind::NoFamilies, config.families_event))
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
    let mut encodings = [None; TRANSFERS_MAX];
    for (slot, receiver) in encodings.iter_mut().zip(transfers) {
        *slot = encoding(config.format_for(receiver), receiver);
    }
    Targets {
        transfers,
        encodings,
        via: core::array::from_fn(|index| config.via_for(transfers.get(index)?)),
        starts: Starts::default(),
        headers: core::array::from_fn(|index| config.headers_of(index)),
        gzip: config.gzip,
        first: spread as usize % transfers.len().max(1),
        returns: !config.spread,
        // Lines are stamped in whole seconds.
        max_age: Some(u64::from(config.max_age.div_ceil(1_000))).filter(|seconds| *seconds > 0),
        timeout: config.timeout,
        debug: config.debug,
    }
}

/// Returns what a receiver gets in the place of the ring's lines.
fn encoding(format: Format, receiver: &Transfer) -> Option<Encoding> {
    match format {
        Format::Json | Format::Text => None,
        Format::JsonLabels => Some(Encoding::JsonLabels),
        Format::Influx => Some(Encoding::Influx(stamp_zeros(receiver))),
        Format::Otlp => Some(Encoding::Otlp),
        Format::Prometheus => Some(Encoding::Prometheus),
    }
}

/// Returns how many zeros follow the seconds of a stamp of Influx: it has nanoseconds on a stream, and over HTTP the unit
/// of the URL's query, which is seconds if it has none.
fn stamp_zeros(receiver: &Transfer) -> u8 {
    let Transfer::Http { url, .. } = receiver else {
        return 9;
    };
    let unit = Url::parse(url).and_then(|url| url.query_value(b"precision"));
    match unit {
        Some(b"ns" | b"n" | b"nanosecond") => 9,
        Some(b"us" | b"u" | b"microsecond") => 6,
        Some(b"ms" | b"millisecond") => 3,
        _ => 0,
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
