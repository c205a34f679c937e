//! The agent in a simulated platform: its own clocks, network and receivers, all drawn from one seed.
//! Hours pass in a moment, and a failure is its seed.

mod outages;
mod platform;
mod receiver;
mod transfers;

use mini_monitor::agent::{Agent, Ending, Lines, Memory, writer};
use mini_monitor::config::{self, Config};
use mini_monitor::families;
use mini_monitor::procfs::{self, Host};
use mini_monitor::ring::{Policy, Ring, Words};
use platform::{Sim, Weather};
use receiver::Received;

const HOUR: u64 = 3_600_000;
const PROC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/bare/proc");

/// What one run leaves behind.
struct Outcome {
    lines: u64,
    dropped: u64,
    queued: usize,
    received: Received,
    sim: Sim,
}

fn run(seed: u64, hours: u64, weather: Weather, flags: &[&str]) -> Outcome {
    run_in(Sim::new(seed, hours * HOUR, weather), seed, flags)
}

fn run_in(mut sim: Sim, seed: u64, flags: &[&str]) -> Outcome {
    println!("seed {seed:#x}");
    let transfers = sim.transfers();
    let mut arguments = vec!["-endpoint", "sim", "-proc", PROC, "-trans", &transfers];
    arguments.extend(flags);
    let arguments = arguments.iter().map(|argument| argument.as_bytes());
    let mut config = Config::default();
    let parsed = config::parse(&mut config, arguments, families::find);
    parsed.unwrap_or_else(|_| panic!("bad flags"));
    let mut words = Words::default();
    let mut memory = vec![0; Ring::memory_for(config.buffer)];
    let policy = Policy {
        is_thinning: config.is_thinning,
        replay: config.replay,
        is_checked: false,
    };
    let ring = Ring::new(&mut words, &mut memory, policy);
    let host = Host::open(
        config.proc,
        config.sys,
        Box::leak(Box::new(procfs::Memory::EMPTY)),
    )
    .unwrap();
    let writer = writer(&config).unwrap();
    let now = mini_monitor::platform::Platform::now(&mut sim);
    let memory = Memory {
        families: Box::leak(Box::new(families::Memory::EMPTY)),
        lines: Box::leak(Box::new(Lines::EMPTY)),
    };
    let mut agent = Agent::new(&config, host, memory, writer, ring, seed as u32, now);
    let begun = agent.begin(&config, &mut sim);
    // There is no file to read again.
    let runs = std::iter::repeat_with(|| agent.run(&config, &mut sim));
    let ending = begun
        .into_iter()
        .chain(runs)
        .find(|ending| *ending != Ending::Reload);
    assert_eq!(ending, Some(Ending::Done));
    Outcome {
        lines: agent.lines(),
        dropped: agent.counts().dropped + agent.counts().thinned,
        queued: agent.queued(),
        received: Received::check(&sim.streams(), seed),
        sim,
    }
}

/// All that was made has come in, waits, or is counted as lost; nothing else has come in.
fn check_accounts(outcome: &Outcome, seed: u64) {
    let came = outcome.received.distinct() as u64;
    let waiting = (outcome.queued / outcome.received.shortest().max(1)) as u64;
    assert!(came <= outcome.lines, "seed {seed:#x}: more came than was made");
    assert!(
        outcome.lines <= came + waiting + outcome.dropped,
        "seed {seed:#x}: {} made, {came} came, {waiting} wait, {} dropped",
        outcome.lines,
        outcome.dropped,
    );
}

#[test]
fn in_any_weather_no_line_is_cut_and_none_is_missing_without_being_counted() {
    let (mut breaks, mut repeats, mut dropped) = (0, 0, 0);
    for seed in 1..=120_u64 {
        let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let buffer = ["-buffer=4K", "-buffer=8K", "-buffer=64K"][(seed % 3) as usize];
        let outcome = run(seed, 2, Weather::Stormy, &[buffer]);
        check_accounts(&outcome, seed);
        assert!(outcome.sim.ending().1 <= 2_000, "seed {seed:#x}");
        breaks += outcome.sim.breaks();
        repeats += outcome.received.repeats();
        dropped += outcome.dropped;
    }
    println!("{breaks} breaks, {repeats} repeats, {dropped} dropped");
    assert!(breaks > 1_000 && repeats > 0 && dropped > 0, "the storm was none");
}

#[test]
fn a_buffer_that_is_large_enough_loses_nothing_over_hours_of_storm() {
    for seed in 1..=20_u64 {
        let seed = seed.wrapping_mul(0xd134_2543_de82_ef95);
        let outcome = run(seed, 3, Weather::Stormy, &["-buffer=2M"]);
        check_accounts(&outcome, seed);
        assert_eq!(outcome.dropped, 0, "seed {seed:#x}");
        // A turn may be late by three seconds there.
        outcome.received.check_no_gap(8, seed);
    }
}

#[test]
fn an_absent_receiver_costs_few_attempts_few_log_lines_and_no_more_wake_ups() {
    let outcome = run(7, 24, Weather::Absent, &[]);
    let attempts = outcome.sim.attempts();
    let gaps: Vec<u64> = attempts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    let mut base = 100;
    for (number, gap) in gaps.iter().enumerate() {
        assert!((100..=30_000).contains(gap), "{gap}");
        assert!(
            (base * 4 / 5..=base * 6 / 5).contains(gap),
            "gap {number}: {gap} for {base}"
        );
        base = (base * 2).min(30_000);
    }
    let at_cap = &gaps[10..];
    let (least, most) = (at_cap.iter().min().unwrap(), at_cap.iter().max().unwrap());
    assert!(
        most - least > 4_000,
        "the cap has clamped the jitter away: {least} to {most}"
    );

    // Each attempt while the backoff climbs, then one line in two hours, with the count.
    let log = outcome.sim.log();
    assert!((21..=22).contains(&log.len()), "{} lines", log.len());
    assert!(
        log[..10].iter().all(|line| line.ends_with("connection refused")),
        "{log:#?}"
    );
    assert!(log[10].ends_with("attempts)"), "{}", log[10]);

    // A turn every 5 s, the attempts and their refusals: nothing else wakes the agent.
    let turns = 24 * 720;
    let most_wake_ups = turns + 2 * attempts.len() as u64 + 3;
    assert!(
        outcome.sim.wake_ups() <= most_wake_ups,
        "{}",
        outcome.sim.wake_ups()
    );
    assert_eq!(outcome.sim.idle_wake_ups(), 0);
}

#[test]
fn a_receiver_that_takes_nothing_keeps_its_connection_and_the_backoff_does_not_start_over() {
    // It accepts, takes no whole line and closes: each attempt comes later than the one before.
    let outcome = run(11, 2, Weather::SlamsTheDoor, &[]);
    let gaps: Vec<u64> = outcome
        .sim
        .attempts()
        .windows(2)
        .map(|pair| pair[1] - pair[0])
        .collect();
    assert!(gaps[12..].iter().all(|gap| *gap > 20_000), "{gaps:?}");
    // Connections and attempts share no budget: ten of each, and how each connection was lost.
    assert!(outcome.sim.log().len() <= 30, "{:#?}", outcome.sim.log());
}

#[test]
fn a_calm_network_brings_every_line_once_on_shared_wake_ups() {
    let outcome = run(5, 24, Weather::Calm, &[]);
    assert_eq!((outcome.dropped, outcome.received.repeats()), (0, 0));
    assert_eq!(outcome.received.distinct() as u64, outcome.lines);
    outcome.received.check_no_gap(5, 5);
    assert_eq!(outcome.sim.idle_wake_ups(), 0);
    assert!(
        outcome.sim.wake_ups() <= 24 * 720 + 5,
        "{}",
        outcome.sim.wake_ups()
    );
    assert_eq!(outcome.sim.log().len(), 1, "{:#?}", outcome.sim.log());
    // One write a flush.
    assert!(outcome.sim.sends() <= 24 * 720 + 5, "{}", outcome.sim.sends());
}

#[test]
fn at_the_end_what_is_due_is_taken_and_what_the_connection_takes_within_two_seconds_is_sent() {
    // A turn every second: one falls on the very end.
    let outcome = run(29, 1, Weather::Calm, &["-interval=1s"]);
    let (stop, lasted) = outcome.sim.ending();
    assert_eq!((outcome.received.last(), lasted), (stop, 0));

    // It begins to read a second after the end: in time for all.
    let flags = ["-interval=1s", "-buffer=4M"];
    let outcome = run(31, 1, Weather::ReadsAt(HOUR + 1_000), &flags);
    assert_eq!(outcome.received.distinct() as u64, outcome.lines);
    assert!((1..2_000).contains(&outcome.sim.ending().1));

    // It never does.
    let outcome = run(37, 1, Weather::ReadsAt(u64::MAX / 2), &flags);
    assert_eq!(outcome.sim.ending().1, 2_000);
}

#[test]
fn attempts_after_a_connection_are_told_two_hours_apart_once_ten_were_told() {
    // Away until the attempts are seldom, there for some seconds, away again.
    let outcome = run(13, 5, Weather::Window(90_000, 125_000), &[]);
    let log = outcome.sim.log();
    let up = log
        .iter()
        .position(|line| line == "connected to tcp receiver 0, local addr:sim")
        .unwrap();
    assert_eq!(up, 10, "{log:#?}");
    assert!(
        log[up + 1].starts_with("read ") || log[up + 1].starts_with("flush error"),
        "{log:#?}"
    );
    let after = &log[up + 2..];
    assert_eq!(after.len(), 2, "{log:#?}");
    assert!(after.iter().all(|line| line.ends_with(" attempts)")), "{log:#?}");
}

#[test]
fn a_connection_that_stays_is_told_however_many_came_and_went_before() {
    let outcome = run(17, 3, Weather::Flaps(500), &["-interval=1s", "-flush=1s"]);
    assert_eq!(outcome.sim.breaks(), 500);
    let log = outcome.sim.log();
    // Ten connections and how each was lost, and then the one that stays.
    assert_eq!(log.len(), 21, "{log:#?}");
    let last = "connected to tcp receiver 0, local addr:sim (491 connections since the last one logged)";
    assert_eq!(log.last().unwrap(), last);
}

#[test]
fn a_day_of_any_weather_has_less_than_a_hundred_lines_in_the_log() {
    let weathers = [
        Weather::Stormy,
        Weather::Absent,
        Weather::SlamsTheDoor,
        Weather::Flaps(u64::MAX),
        Weather::Stands(120_000),
    ];
    for seed in 1..=3_u64 {
        let seed = seed.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        for weather in weathers {
            let outcome = run(seed, 24, weather, &["-buffer=8K", "-metrics=load"]);
            let log = outcome.sim.log();
            assert!(log.len() < 100, "seed {seed:#x}, {weather:?}: {log:#?}");
            assert!(log.len() > 20, "seed {seed:#x}, {weather:?}: it was no weather");
        }
        // The first of several is away for the day, and asked again and again.
        for weather in [Weather::Calm, Weather::Stands(120_000), Weather::Nameless] {
            let sim = Sim::new(seed, 24 * HOUR, Weather::Absent).beside(weather);
            let log = run_in(sim, seed, &["-metrics=load"]).sim.log().len();
            assert!((20..100).contains(&log), "seed {seed:#x}, {weather:?}: {log}");
        }
    }
}

#[test]
fn lines_are_flushed_before_the_ring_is_full() {
    let outcome = run(19, 2, Weather::Calm, &["-flush=30m"]);
    assert_eq!(outcome.dropped, 0);
    outcome.received.check_no_gap(5, 19);
}

#[test]
fn a_buffer_smaller_than_a_turn_is_logged_once() {
    let warnings = |buffer: &str| {
        let tag = format!("-tag=long={}", "x".repeat(100));
        let outcome = run(19, 1, Weather::Calm, &[buffer, &tag]);
        let log = outcome.sim.log().iter();
        log.filter(|line| line.contains("; raise -buffer")).count()
    };
    assert_eq!(warnings("-buffer=4K"), 1);
    assert_eq!(warnings("-buffer=256K"), 0);
}

#[test]
fn a_fault_that_stays_is_told_however_often_it_came_and_went_before() {
    let folder = std::env::temp_dir().join(format!("mini-monitor-sim-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::copy(format!("{PROC}/loadavg"), folder.join("loadavg")).unwrap();
    let whole = std::fs::read(folder.join("loadavg")).unwrap();
    let mut sim = Sim::new(23, 3 * HOUR, Weather::Calm);
    let path = folder.join("loadavg");
    sim.watch(move |time| {
        let is_good = time < 300_000 && time / 5_000 % 2 == 0;
        std::fs::write(&path, if is_good { whole.as_slice() } else { b"" }).unwrap();
    });
    let outcome = run_in(sim, 23, &["-proc", folder.to_str().unwrap()]);
    std::fs::remove_dir_all(&folder).unwrap();
    let log: Vec<_> = outcome
        .sim
        .log()
        .iter()
        .filter(|line| line.starts_with("load: "))
        .collect();
    assert!(log.len() <= 12, "{log:#?}");
    assert!(log.last().unwrap().ends_with("loadavg: empty"), "{log:#?}");
}

#[test]
fn equal_seeds_give_equal_runs() {
    let story = |seed| {
        // The agent's processor time and the clock's state are this machine's own.
        let outcome = run(seed, 1, Weather::Stormy, &["-metrics=agent=off,system=off"]);
        (outcome.sim.log().to_vec(), outcome.lines, outcome.sim.streams())
    };
    assert!(story(3) == story(3));
    assert!(story(3) != story(4));
}
