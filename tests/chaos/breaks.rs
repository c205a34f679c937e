//! Several agents and receivers at once, each break drawn from a seed.

use crate::common::Folder;
use crate::pair::{Flags, Pair};
use crate::random::{Random, seed};
use crate::seen::Seen;
use std::collections::BTreeMap;
use std::env;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::scope;
use std::time::Instant;

/// What has been acknowledged is kept for longer than any machine makes a receiver wait.
const USUAL: Flags = Flags {
    list: &[
        "-metrics=test",
        "-interval=20ms",
        "-flush=20ms",
        "-replay=60s",
        "-buffer=1M",
    ],
    tags: &[],
    has_spool: true,
};

const LARGE: Flags = Flags {
    list: &[
        "-metrics=test",
        "-interval=20ms",
        "-flush=50ms",
        "-replay=60s",
        "-buffer=4M",
    ],
    ..USUAL
};

/// No file, no death.
const MEMORY: Flags = Flags {
    has_spool: false,
    ..USUAL
};

/// A buffer that is full, in which what waits is a small part, after half a minute. Lines are seldom, so
/// that no machine makes that part a large one.
const SMALL: Flags = Flags {
    list: &[
        "-metrics=test",
        "-interval=100ms",
        "-flush=20ms",
        "-replay=60s",
        "-buffer=64K",
    ],
    tags: &[
        "A longer line, so that the small buffer comes round: 64 KiB hold as many of these as are made \
             in half a minute.",
    ],
    has_spool: true,
};

/// What has been acknowledged is kept for a shorter time than its receiver stalls for.
const STALLED: Flags = Flags {
    list: &[
        "-metrics=test",
        "-interval=20ms",
        "-flush=20ms",
        "-replay=5s",
        "-buffer=1M",
    ],
    ..USUAL
};

/// Lines of 20 ms in rather more than that `-replay`.
const STALL: u64 = 300;

const PAIRS: [Flags; 8] = [USUAL, USUAL, USUAL, LARGE, MEMORY, SMALL, SMALL, STALLED];

/// What all pairs have done.
#[derive(Default)]
struct Tally {
    breaks: BTreeMap<&'static str, usize>,
    lines: u64,
    repeats: u64,
}

impl Tally {
    fn add(&mut self, breaks: &[&'static str], seen: &Seen) {
        for name in breaks {
            *self.breaks.entry(name).or_default() += 1;
        }
        self.lines += seen.count();
        self.repeats += seen.repeats();
    }
}

/// Breaks until there have been enough, over all pairs.
fn run(pair: &mut Pair, flags: Flags, left: &AtomicUsize) -> Vec<&'static str> {
    let mut breaks = Vec::new();
    let take = |left: usize| left.checked_sub(1);
    while left
        .fetch_update(Ordering::Relaxed, Ordering::Relaxed, take)
        .is_ok()
    {
        let is_stalled = flags.list == STALLED.list && breaks.len() % 8 == 0;
        breaks.push(if is_stalled {
            pair.stall(STALL)
        } else {
            pair.break_off()
        });
    }
    breaks
}

#[test]
fn no_line_is_lost_whatever_breaks() {
    let count = env::var("BREAKS").map_or(60, |text| text.parse().expect("BREAKS"));
    let (seed, start, folder) = (seed(), Instant::now(), Folder::new("chaos"));
    let (left, tally) = (AtomicUsize::new(count), Mutex::new(Tally::default()));
    scope(|scope| {
        for (number, flags) in PAIRS.into_iter().enumerate() {
            let spool = folder.join(&format!("spool-{number}"));
            let (left, tally) = (&left, &tally);
            scope.spawn(move || {
                let random = Random::new(seed, number);
                let mut pair = Pair::new(random, number, flags, spool.to_str().unwrap());
                let breaks = run(&mut pair, flags, left);
                let seen = pair.finish();
                tally.lock().unwrap().add(&breaks, &seen);
            });
        }
    });
    let Tally {
        breaks,
        lines,
        repeats,
    } = tally.into_inner().unwrap();
    assert_eq!(breaks.values().sum::<usize>(), count);
    println!("{count} breaks in {} s: {breaks:?}", start.elapsed().as_secs());
    let share = repeats * 100 / (lines + repeats);
    println!("{lines} lines, none missing, and {repeats} repeats: {share} % of what came");
}
