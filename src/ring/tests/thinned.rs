//! Long outages: what is kept of them.

use super::*;
use crate::ring::evict::thin_level;
use std::collections::BTreeMap;

/// Series that are told together every so many milliseconds, from a first turn on.
struct Group {
    series: usize,
    period: u64,
    first: u64,
    /// Of each line.
    length: usize,
}

const fn group(series: usize, period: u64, first: u64, length: usize) -> Group {
    Group {
        series,
        period,
        first,
        length,
    }
}

/// Tells all groups into the ring until so many bytes have been told; answers how long it took.
fn outage(ring: &mut Ring, groups: &[Group], bytes: usize, random: &mut Random) -> u64 {
    let mut next: Vec<u64> = groups.iter().map(|group| group.first).collect();
    let mut last: Vec<Option<u64>> = groups.iter().map(|_| None).collect();
    let mut told = 0;
    loop {
        let now = *next.iter().min().unwrap();
        for (number, group) in groups
            .iter()
            .enumerate()
            .filter(|(number, _)| next[*number] == now)
        {
            // Now and then a wake-up is late.
            let late = if random.index(50) == 0 {
                random.index(group.period as usize / 3)
            } else {
                0
            };
            let time = now + late as u64;
            let level = last[number].map_or(THIN_LEVEL_MAX, |last| thin_level(last, time));
            for series in 0..group.series {
                let mut line = format!("{number}/{series} {time} ").into_bytes();
                line.resize(group.length - 1, b'.');
                line.push(b'\n');
                ring.push(&line, level);
                told += HEAD + line.len();
            }
            last[number] = Some(time);
        }
        for (next, group) in next.iter_mut().zip(groups) {
            if *next == now {
                *next += group.period;
            }
        }
        if told >= bytes {
            return now;
        }
    }
}

/// The times of each series that are left, in order.
fn times(ring: &Ring) -> BTreeMap<String, Vec<u64>> {
    let mut times: BTreeMap<String, Vec<u64>> = BTreeMap::new();
    let text = String::from_utf8(unsent(ring)).unwrap();
    for line in text.lines() {
        let mut words = line.split(' ');
        let (name, time) = (words.next().unwrap(), words.next().unwrap());
        times.entry(name.into()).or_default().push(time.parse().unwrap());
    }
    times
}

/// What has to hold of a series over an outage that lasted from 0 to `end`.
fn check(name: &str, times: &[u64], first: u64, period: u64, end: u64) {
    assert!(times.is_sorted(), "{name}: {times:?}");
    // A slow series has its first, or last, sample where it has it.
    assert!(
        times[0] <= (end / 10).max(first),
        "{name}: nothing at the start: {times:?} of {end}"
    );
    let last = times.last().unwrap();
    assert!(
        end - last <= (end / 10).max(period * 4 / 3),
        "{name}: nothing at the end: {times:?} of {end}"
    );
    let gaps: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
    for (place, &gap) in gaps.iter().enumerate() {
        let before = place.checked_sub(1).map(|place| gaps[place]);
        let beside: Vec<u64> = before.into_iter().chain(gaps.get(place + 1).copied()).collect();
        if !beside.is_empty() {
            let mean = beside.iter().sum::<u64>() / beside.len() as u64;
            assert!(gap <= 4 * mean, "{name}: gap {gap} beside {beside:?}: {times:?}");
        }
    }
}

fn holds(groups: &[Group], buffer: usize, times_over: usize, seed: u64) {
    let mut random = Random(seed);
    let mut store = Store::new(buffer);
    let mut ring = store.ring(THINNING);
    let end = outage(&mut ring, groups, times_over * buffer, &mut random);
    let counts = ring.counts();
    assert!(
        counts.thinned > 0 && counts.dropped == 0,
        "{} dropped",
        counts.dropped
    );
    assert!(
        ring.queued() >= buffer / 2,
        "{} of {buffer} in use",
        ring.queued()
    );
    let times = times(&ring);
    let series: usize = groups.iter().map(|group| group.series).sum();
    assert_eq!(times.len(), series);
    for (name, times) in times {
        let group = &groups[name.split('/').next().unwrap().parse::<usize>().unwrap()];
        if end >= group.first + group.period {
            check(&name, &times, group.first, group.period, end);
        }
    }
}

/// How often the outage fills the buffer.
const OVER: [usize; 4] = [2, 8, 64, 1_000];

#[test]
fn thinned_series_span_an_outage_of_any_length_without_a_hole() {
    for (seed, over) in seeds(4).zip(OVER) {
        println!("{over} buffers");
        // As the agent's own families are: fast ones, slow ones, and all in one wake-up.
        let groups = [
            group(10, 5_000, 0, 130),
            group(4, 10_000, 0, 140),
            group(2, 60_000, 0, 150),
        ];
        holds(&groups, 64 << 10, over, seed);
        holds(&groups, 256 << 10, over, seed);
        holds(&[group(3, 20, 0, 120)], 16 << 10, over, seed);
        holds(
            &[group(1, 1_000, 300, 120), group(1, 7_000, 900, 500)],
            64 << 10,
            over,
            seed,
        );
    }
}

#[test]
fn slow_series_is_not_thinned_before_fast_ones_are_as_sparse() {
    let mut store = Store::new(64 << 10);
    let mut ring = store.ring(THINNING);
    let groups = [group(10, 1_000, 0, 130), group(2, 60_000, 0, 130)];
    let end = outage(&mut ring, &groups, 5 * (64 << 10), &mut Random(9));
    let times = times(&ring);
    assert_eq!(times["1/0"].len() as u64, end / 60_000 + 1);
}

#[test]
fn newest_samples_are_the_densest() {
    let mut store = Store::new(64 << 10);
    let mut ring = store.ring(THINNING);
    outage(
        &mut ring,
        &[group(5, 5_000, 0, 130)],
        100 * (64 << 10),
        &mut Random(11),
    );
    let times = &times(&ring)["0/0"];
    let gap = |pair: &[u64]| pair[1] - pair[0];
    let (first, last) = (gap(&times[..2]), gap(&times[times.len() - 2..]));
    assert!(last < 10_000 && first > 8 * last, "{times:?}");
    let (old, new) = times.split_at(times.len() / 2);
    assert!(
        old.last().unwrap() - old[0] > 4 * (new.last().unwrap() - new[0]),
        "{times:?}"
    );
}

#[test]
fn lines_in_flight_and_sent_in_part_are_not_thinned() {
    for seed in seeds(50) {
        let mut store = Store::new(16 << 10);
        let mut ring = store.ring(THINNING);
        let mut random = Random(seed);
        outage(&mut ring, &[group(2, 1_000, 0, 100)], 8 << 10, &mut random);
        let all = unsent(&ring);
        let sent = random.index(5_000);
        ring.mark_sent(sent);
        let mut stream = all[..sent].to_vec();
        outage(
            &mut ring,
            &[group(2, 1_000, 1_000_000, 100)],
            100 << 10,
            &mut random,
        );
        assert!(ring.counts().thinned > 0);
        stream.extend(unsent(&ring));
        let whole = stream
            .split_inclusive(|&byte| byte == b'\n')
            .all(|line| line.len() == 100);
        assert!(whole, "seed {seed:#x}: a cut line");
        ring.acknowledge(0, 0);
        ring.rewind(0, false);
        assert!(unsent(&ring).starts_with(&all[..sent]), "seed {seed:#x}");
    }
}
