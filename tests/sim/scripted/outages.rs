//! Long outages: what is left of each series when the receiver is there again.

use super::{Outcome, run, run_in};
use crate::plan::HOUR;
use crate::platform::Sim;
use crate::receiver::Kind;
use std::collections::BTreeMap;

const BUFFER: u64 = 64 << 10;
/// When the outage starts, and for how long the receiver is there after it.
const BEFORE: u64 = 600_000;
const AFTER: u64 = 300_000;

/// What the agent makes when nothing is in its way.
struct Usual {
    bytes_an_hour: u64,
    /// Seconds between two samples of each series.
    periods: BTreeMap<String, u64>,
}

fn usual() -> Usual {
    let outcome = run(91, 1, Kind::Present, &[]);
    let period = |(name, times): (&str, Vec<u64>)| {
        let period = times[2] - times[1];
        (name.to_owned(), period)
    };
    Usual {
        bytes_an_hour: outcome.received.bytes() as u64,
        periods: outcome.received.series().into_iter().map(period).collect(),
    }
}

/// The receiver is away for as long as the lines take to fill so many buffers; answers from when to when,
/// in seconds since 1970.
fn outage(usual: &Usual, buffers: u64, way: &str) -> (Outcome, u64, u64) {
    let length = buffers * BUFFER * HOUR / usual.bytes_an_hour;
    let (from, to) = (BEFORE, BEFORE + length);
    let sim = Sim::of(97 + buffers, to + AFTER, &[Kind::AwayBetween(from, to)]);
    let outcome = run_in(sim, &[way, "-buffer=64K"]);
    let end = outcome.sim.ending().0 - AFTER / 1_000;
    (outcome, end - length / 1_000, end)
}

/// The samples of a series in a time.
fn within(times: &[u64], from: u64, to: u64) -> Vec<u64> {
    let is_within = |time: &u64| (from..=to).contains(time);
    times.iter().copied().filter(is_within).collect()
}

fn check_span(name: &str, times: &[u64], period: u64, (from, to): (u64, u64)) {
    let reach = ((to - from) / 10).max(period * 4 / 3);
    assert!(
        times[0] <= from + reach,
        "{name}: nothing at the start: {times:?}"
    );
    let last = times.last().unwrap();
    assert!(to - last <= reach, "{name}: nothing at the end, {to}: {times:?}");
    let gaps: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (place, gap) in gaps.iter().enumerate() {
        let beside = gaps[place.saturating_sub(1)..(place + 2).min(gaps.len())].iter();
        let (sum, count) = (beside.clone().sum::<u64>() - gap, beside.len() as u64 - 1);
        assert!(
            count == 0 || gap * count <= 4 * sum,
            "{name}: a gap of {gap}: {times:?}"
        );
    }
}

#[test]
fn however_long_an_outage_is_each_series_spans_it_without_a_hole() {
    let usual = usual();
    for buffers in [2, 8, 64] {
        let (outcome, from, to) = outage(&usual, buffers, "-overflow=thin");
        let series = outcome.received.series();
        assert_eq!(series.len(), usual.periods.len());
        for (name, times) in series {
            let period = usual.periods[name];
            // The outage begins with the last sample before it.
            let times = within(&times, from - period, to);
            assert!(!times.is_empty(), "{buffers} buffers: nothing is left of {name}");
            check_span(name, &times, period, (from, to));
            let made = (to - from) / period;
            if made <= 4 {
                assert!(times.len() as u64 >= made, "{buffers} buffers: {name}, {times:?}");
            }
        }
    }
}

#[test]
fn with_drop_the_newest_are_left_and_nothing_is_missing_between_them() {
    let usual = usual();
    for buffers in [2, 8, 64] {
        let (outcome, from, to) = outage(&usual, buffers, "-overflow=drop");
        for (name, times) in outcome.received.series() {
            let times = within(&times, from, to);
            let period = usual.periods[name];
            // What is left is a buffer's worth.
            let oldest = to - (to - from) / buffers - period;
            assert!(times.iter().all(|time| *time >= oldest), "{name}: {times:?}");
            if period < (to - oldest) / 2 {
                assert!(to - times.last().unwrap() <= period, "{name}: {times:?}");
                assert!(times.windows(2).all(|pair| pair[1] - pair[0] <= period), "{name}");
            }
        }
    }
}
