//! How long an outage may be until what is left of it is sparse: the table of `docs/delivery.md`.

use super::*;
use crate::ring::evict::thin_level;

/// Series of a machine with 179 of them, by milliseconds between two samples.
const GROUPS: [(usize, u64); 4] = [(80, 5_000), (60, 10_000), (25, 30_000), (14, 60_000)];
/// Bytes of a line.
const LENGTH: usize = 106;
/// Milliseconds between the samples that are left of a series, on average over the outage.
const SPACINGS: [u64; 2] = [60_000, 600_000];

/// Seconds of an outage that a buffer outlasts with every sample, and with those of a series of the first group at
/// most so far apart.
fn lasting(buffer: usize) -> Vec<u64> {
    let mut store = Store::new(buffer);
    let mut ring = store.ring(THINNING);
    let (mut found, mut now, mut last) = (Vec::new(), 0, [None; GROUPS.len()]);
    let mut thinned = 0;
    let [looked_at, other] =
        ["a", "b"].map(|start| format!("{start:.<width$}\n", width = LENGTH - 1).into_bytes());
    while found.len() <= SPACINGS.len() {
        for (number, (series, period)) in GROUPS.into_iter().enumerate() {
            if now % period != 0 {
                continue;
            }
            let level = last[number].map_or(THIN_LEVEL_MAX, |last| thin_level(last, now));
            last[number] = Some(now);
            for series in 0..series {
                ring.push(
                    if (number, series) == (0, 7) {
                        &looked_at
                    } else {
                        &other
                    },
                    level,
                );
            }
        }
        let counts = ring.counts();
        assert_eq!(counts.dropped, 0);
        // Nothing else takes samples away.
        if std::mem::replace(&mut thinned, counts.thinned) < counts.thinned {
            let text = String::from_utf8(unsent(&ring)).unwrap();
            let left = text.lines().filter(|line| line.starts_with('a')).count() as u64;
            let spacing = found.len().checked_sub(1).map(|before| SPACINGS[before]);
            if spacing.is_none_or(|spacing| now > left * spacing) {
                found.push(now / 1_000);
            }
        }
        now += 5_000;
    }
    found
}

fn text(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        _ => format!("{} h", seconds / 3_600),
    }
}

#[test]
fn tables_of_outages_in_the_documentation_match() {
    let pages = [
        include_str!("../../../docs/delivery.md"),
        include_str!("../../../README.md"),
    ];
    let mut rows = Vec::new();
    for (name, buffer) in [
        ("64K", 64 << 10),
        ("256K", 256 << 10),
        ("1M", 1 << 20),
        ("4M", 4 << 20),
    ] {
        let times: Vec<String> = lasting(buffer).into_iter().map(text).collect();
        rows.push(format!("| {name} | {} |", times.join(" | ")));
    }
    for page in pages {
        let is_there = |row: &String| page.contains(row);
        assert!(rows.iter().all(is_there), "{rows:#?}");
    }
}
