//! Days in a simulated platform in which all goes wrong that can: receivers that die with what they have not
//! read, servers that refuse, fail and forget, links that stall, names that change, a wall clock that is wrong,
//! agents that are killed and come back on their spool. A day is drawn from its seed: `SEED=7` is that one,
//! `SEEDS=1000` the first thousand.

pub(crate) mod checks;
mod lives;
mod requests;

use crate::agent::FOR_GOOD;
use crate::plan::Plan;
use crate::platform::Sim;
use checks::Tally;
use std::rc::Rc;
use std::time::{Duration, Instant};

/// After so many days the process has the memory that it takes, but for so many pages.
const WARM: u64 = 20;
const GROWTH: u64 = 16_384;

/// Says which day it was, if it ends badly.
struct Seed(u64);

impl Drop for Seed {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the day of SEED={}", self.0);
        }
    }
}

fn day(seed: u64) -> Tally {
    let _seed = Seed(seed);
    let plan = Rc::new(Plan::draw(seed));
    let mut day = Sim::new(Rc::clone(&plan));
    let lives = lives::all(&plan, &mut day);
    checks::check(&plan, &day, &lives)
}

fn asked(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name}={text}")))
}

fn descriptors() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

/// Pages that the process has resident, without those that are free again.
#[allow(unsafe_code)]
fn pages() -> u64 {
    // SAFETY: the call takes a number only, and touches nothing that is in use.
    unsafe { libc::malloc_trim(0) };
    let text = std::fs::read_to_string("/proc/self/statm").unwrap();
    text.split(' ').nth(1).unwrap().parse().unwrap()
}

#[test]
#[cfg_attr(not(feature = "numbered"), ignore = "a day needs the feature `numbered`")]
fn days_lose_no_line() {
    let _alone = crate::PROCESS.write();
    let (first, last) = match (asked("SEED"), asked("SEEDS")) {
        (Some(seed), _) => (seed, seed),
        (None, count) => (1, count.unwrap_or(u64::MAX)),
    };
    assert_eq!(day(first), day(first), "a day is its seed");
    let started = Instant::now();
    let mut all = Tally::default();
    let (mut days, mut warm) = (0, None);
    for seed in first..=last {
        let before = descriptors();
        all.add(&day(seed));
        assert_eq!(descriptors(), before, "SEED={seed}");
        days += 1;
        if days >= WARM {
            let warm = *warm.get_or_insert_with(pages);
            // Each life has memory for good, as an agent has it once.
            let for_good = all.lives * FOR_GOOD.div_ceil(4_096);
            assert!(
                pages() < warm + for_good + GROWTH,
                "SEED={seed}: {} pages, {warm} before",
                pages()
            );
        }
        if last == u64::MAX && started.elapsed() > Duration::from_secs(10) {
            break;
        }
    }
    let pace = u128::from(days * 24_000) / started.elapsed().as_millis().max(1);
    println!("{days} days, {pace} hours a second: {all:#?}");
}
