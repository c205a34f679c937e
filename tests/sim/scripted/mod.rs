//! Receivers that follow a script: what arrives, when the agent wakes, and what it logs.

mod http;
mod outages;
mod received;
mod transfers;

use crate::agent::{PROC, parse, policy, run as run_agent};
use crate::clock::WallClock;
use crate::connection::Connection;
use crate::plan::{HOUR, MINUTE};
use crate::platform::Sim;
use crate::receiver::Kind;
use mini_monitor::config::{Config, ConfigMemory};
use mini_monitor::ring::{Ring, Words};
use received::Received;
use std::cell::Cell;
use std::rc::Rc;

/// The result of one run.
struct Outcome {
    lines: u64,
    dropped: u64,
    rejected: u64,
    queued: usize,
    received: Received,
    log: Vec<String>,
    /// When each connection was accepted, and by which receiver.
    connections: Vec<(u64, usize)>,
    sim: Sim,
}

/// Has the wall clock step.
fn set_clock(sim: &mut Sim, steps: &[(u64, i64)]) {
    let plan = Rc::get_mut(&mut sim.plan).expect("a plan of its own");
    plan.clock = WallClock::stepping(steps);
}

fn run(seed: u64, hours: u64, kind: Kind, flags: &[&str]) -> Outcome {
    run_in(Sim::of(seed, hours * HOUR, &[kind]), flags)
}

fn run_in(mut sim: Sim, flags: &[&str]) -> Outcome {
    let _shared = crate::PROCESS.read();
    let seed = sim.plan.seed;
    println!("seed {seed:#x}");
    let receivers = sim.network.transfers();
    let own = ["-endpoint", "sim", "-proc", PROC, "-trans", &receivers];
    let mut memory = Box::new(ConfigMemory::EMPTY);
    let (_, mut lists) = memory.split(0);
    let mut config = Config::default();
    parse(&mut config, own.iter().chain(flags).copied(), &mut lists);
    let (mut words, mut memory) = (Words::default(), vec![0; Ring::memory_for(config.buffer)]);
    let ring = Ring::new(&mut words, &mut memory, policy(&config));
    let now = sim.begin(0, None);
    let mut agent = run_agent(&config, ring, (seed as u32, now), &mut sim, |_| {});
    sim.pass(0);
    assert!(sim.wake_ups < 1_000_000, "the agent does not sleep");
    let counts = agent.ring_mut().counts();
    let past = sim.network.past.iter();
    Outcome {
        lines: agent.lines(),
        dropped: counts.dropped + counts.thinned,
        rejected: agent.rejected() + counts.misdated,
        queued: agent.ring_mut().queued(),
        received: Received::check(past.clone().flat_map(Connection::stored), seed),
        log: sim.log.iter().map(|(_, line)| line.clone()).collect(),
        connections: past
            .map(|one| (one.opened, one.receiver.expect("a receiver")))
            .collect(),
        sim,
    }
}

/// The milliseconds between one look-up or connection and the next.
fn gaps(times: &[(u64, usize)]) -> Vec<u64> {
    times.windows(2).map(|pair| pair[1].0 - pair[0].0).collect()
}

/// The delays of a backoff that starts over, each within its fifth and its bounds.
fn check_climb(gaps: &[u64]) {
    let mut base = 100;
    for (number, gap) in gaps.iter().enumerate() {
        assert!((100..=30_000).contains(gap), "{gap}");
        let span = base * 4 / 5..=base * 6 / 5;
        assert!(span.contains(gap), "gap {number}: {gap} for {base}, of {gaps:?}");
        base = (base * 2).min(30_000);
    }
}

/// All that was made has come in, waits, or is counted as lost; nothing else has come in.
fn check_accounts(outcome: &Outcome) {
    let seed = outcome.sim.plan.seed;
    let came = outcome.received.distinct() as u64;
    let waiting = (outcome.queued / outcome.received.shortest().max(1)) as u64;
    assert!(came <= outcome.lines, "seed {seed:#x}: more came than was made");
    assert!(
        outcome.lines <= came + waiting + outcome.dropped + outcome.rejected,
        "seed {seed:#x}: {} made, {came} came, {waiting} wait, {} dropped, {} rejected",
        outcome.lines,
        outcome.dropped,
        outcome.rejected,
    );
}

#[test]
fn in_any_weather_no_line_is_cut_and_none_is_missing_without_being_counted() {
    let (mut breaks, mut repeats, mut dropped) = (0, 0, 0);
    for seed in 1..=120_u64 {
        let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let buffer = ["-buffer=4K", "-buffer=8K", "-buffer=64K"][(seed % 3) as usize];
        let outcome = run(seed, 2, Kind::Stormy, &[buffer]);
        check_accounts(&outcome);
        assert!(outcome.sim.ending().1 <= 2_000, "seed {seed:#x}");
        breaks += outcome.sim.network.breaks;
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
        let outcome = run(seed, 3, Kind::Stormy, &["-buffer=2M"]);
        check_accounts(&outcome);
        assert_eq!(outcome.dropped, 0, "seed {seed:#x}");
        // A turn may be late by three seconds there.
        outcome.received.check_no_gap(8, seed);
    }
}

#[test]
fn an_absent_receiver_costs_few_attempts_few_log_lines_and_no_more_wake_ups() {
    let outcome = run(7, 24, Kind::Absent, &[]);
    let dials = &outcome.sim.network.dials;
    let gaps = gaps(dials);
    check_climb(&gaps);
    let at_cap = &gaps[10..];
    let (least, most) = (at_cap.iter().min().unwrap(), at_cap.iter().max().unwrap());
    assert!(
        most - least > 4_000,
        "the cap has clamped the jitter away: {least} to {most}"
    );

    // Each attempt while the backoff climbs, then one line in two hours, with the count.
    let log = outcome.log;
    assert!((21..=22).contains(&log.len()), "{} lines", log.len());
    assert!(
        log[..10].iter().all(|line| line.ends_with("connection refused")),
        "{log:#?}"
    );
    assert!(log[10].ends_with("attempts)"), "{}", log[10]);

    // A turn every 5 s, the attempts and their refusals: nothing else wakes the agent.
    let turns = 24 * 720;
    let most_wake_ups = turns + 2 * dials.len() as u64 + 3;
    assert!(outcome.sim.wake_ups <= most_wake_ups, "{}", outcome.sim.wake_ups);
    assert_eq!(outcome.sim.idle_wake_ups, 0);
}

#[test]
fn a_receiver_that_takes_nothing_keeps_its_connection_and_the_backoff_does_not_start_over() {
    // It accepts, takes no whole line and closes: each attempt comes later than the one before.
    let outcome = run(11, 2, Kind::ClosesAtOnce, &[]);
    let gaps = gaps(&outcome.sim.network.dials);
    assert!(gaps[12..].iter().all(|gap| *gap > 20_000), "{gaps:?}");
    // Connections and attempts share no budget: ten of each, and how each connection was lost.
    assert!(outcome.log.len() <= 30, "{:#?}", outcome.log);
}

#[test]
fn a_calm_network_brings_every_line_once_on_shared_wake_ups() {
    let outcome = run(5, 24, Kind::Present, &[]);
    assert_eq!((outcome.dropped, outcome.received.repeats()), (0, 0));
    assert_eq!(outcome.received.distinct() as u64, outcome.lines);
    outcome.received.check_no_gap(5, 5);
    assert_eq!(outcome.sim.idle_wake_ups, 0);
    assert!(outcome.sim.wake_ups <= 24 * 720 + 5, "{}", outcome.sim.wake_ups);
    assert_eq!(outcome.log.len(), 1, "{:#?}", outcome.log);
    // One write a flush.
    assert!(outcome.sim.sends <= 24 * 720 + 5, "{}", outcome.sim.sends);
}

#[test]
fn at_the_end_what_is_due_is_taken_and_what_the_connection_takes_within_two_seconds_is_sent() {
    // A turn every second: one falls on the very end.
    let turn = Rc::new(Cell::new(0));
    let mut sim = Sim::of(29, MINUTE, &[Kind::Present]);
    let last = Rc::clone(&turn);
    sim.watcher = Box::new(move |time| last.set(if time < MINUTE { time } else { last.get() }));
    run_in(sim, &["-interval=1s"]);
    let sim = Sim::of(29, HOUR + turn.get(), &[Kind::Present]);
    let outcome = run_in(sim, &["-interval=1s"]);
    let (stop, lasted) = outcome.sim.ending();
    assert_eq!((outcome.received.last(), lasted), (stop, 0));

    // It begins to read a second after the end: in time for all.
    let flags = ["-interval=1s", "-buffer=4M"];
    let outcome = run(31, 1, Kind::ReadsFrom(HOUR + 1_000), &flags);
    assert_eq!(outcome.received.distinct() as u64, outcome.lines);
    assert!((1..2_000).contains(&outcome.sim.ending().1));

    // It never does.
    let outcome = run(37, 1, Kind::ReadsFrom(u64::MAX / 2), &flags);
    assert_eq!(outcome.sim.ending().1, 2_000);
}

#[test]
fn attempts_after_a_connection_are_told_two_hours_apart_once_ten_were_told() {
    // Away until the attempts are seldom, there for some seconds, away again.
    let outcome = run(13, 5, Kind::Between(90_000, 125_000), &[]);
    let log = outcome.log;
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
    let outcome = run(17, 3, Kind::ClosesFirst(200), &["-interval=1s", "-flush=1s"]);
    assert_eq!(outcome.sim.network.breaks, 200);
    let log = outcome.log;
    // Ten connections and how each was lost, that it is a habit, and then the one that stays.
    assert_eq!(log.len(), 22, "{log:#?}");
    let habit = "tcp receiver 0 closes each connection when it gets lines: check port and -format";
    assert!(log[..9].iter().any(|line| line == habit), "{log:#?}");
    let last = "connected to tcp receiver 0, local addr:sim (191 connections since the last one logged)";
    assert_eq!(log.last().unwrap(), last);
}

#[test]
fn a_day_of_any_weather_has_less_than_a_hundred_lines_in_the_log() {
    let kinds = [
        Kind::Stormy,
        Kind::Absent,
        Kind::ClosesAtOnce,
        Kind::ClosesFirst(u64::MAX),
        Kind::ClosesAfter(120_000),
    ];
    for seed in 1..=3_u64 {
        let seed = seed.wrapping_mul(0xbf58_476d_1ce4_e5b9);
        for kind in kinds {
            let outcome = run(seed, 24, kind, &["-buffer=8K", "-metrics=load"]);
            let log = outcome.log;
            assert!(log.len() < 100, "seed {seed:#x}, {kind:?}: {log:#?}");
            assert!(log.len() > 20, "seed {seed:#x}, {kind:?}: it was no weather");
        }
        // The first of several is away for the day, and asked again and again.
        for kind in [Kind::Present, Kind::ClosesAfter(120_000), Kind::Nameless] {
            let sim = Sim::of(seed, 24 * HOUR, &[Kind::Absent, kind]);
            let log = run_in(sim, &["-metrics=load"]).log.len();
            assert!((20..100).contains(&log), "seed {seed:#x}, {kind:?}: {log}");
        }
    }
}

#[test]
fn lines_are_flushed_before_the_ring_is_full() {
    let outcome = run(19, 2, Kind::Present, &["-flush=30m"]);
    assert_eq!(outcome.dropped, 0);
    outcome.received.check_no_gap(5, 19);
}

#[test]
fn a_buffer_smaller_than_a_turn_is_logged_once() {
    let warnings = |buffer: &str| {
        let tag = format!("-tag=long={}", "x".repeat(100));
        let outcome = run(19, 1, Kind::Present, &[buffer, &tag]);
        let log = outcome.log.iter();
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
    let mut sim = Sim::of(23, 3 * HOUR, &[Kind::Present]);
    let path = folder.join("loadavg");
    sim.watcher = Box::new(move |time| {
        let is_good = time < 300_000 && time / 5_000 % 2 == 0;
        std::fs::write(&path, if is_good { whole.as_slice() } else { b"" }).unwrap();
    });
    let outcome = run_in(sim, &["-proc", folder.to_str().unwrap()]);
    std::fs::remove_dir_all(&folder).unwrap();
    let log: Vec<_> = outcome
        .log
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
        let outcome = run(seed, 1, Kind::Stormy, &["-metrics=agent=off,system=off"]);
        let past = outcome.sim.network.past.iter();
        let streams: Vec<_> = past.map(|one| one.received().to_vec()).collect();
        (outcome.log, outcome.lines, streams)
    };
    assert!(story(3) == story(3));
    assert!(story(3) != story(4));
}
