//! Several transfers, and what the user may ask of a running agent.

use super::platform::{Sim, Weather};
use super::{HOUR, Outcome, check_accounts, run_in};
use mini_monitor::platform::Signal;

const MINUTE: u64 = 60_000;

fn run(seed: u64, sim: Sim) -> Outcome {
    run_in(sim, seed, &[])
}

/// The delays of a backoff that starts over, each within its fifth.
fn check_climb(gaps: &[u64]) {
    let mut base = 100;
    for (number, gap) in gaps.iter().enumerate() {
        let span = base * 4 / 5..=base * 6 / 5;
        assert!(span.contains(gap), "gap {number}: {gap} for {base}, of {gaps:?}");
        base = (base * 2).min(30_000);
    }
}

#[test]
fn a_round_asks_all_transfers_at_once_in_their_order_and_the_delay_grows_once_a_round() {
    let sim = Sim::new(41, HOUR, Weather::Nameless)
        .beside(Weather::Absent)
        .beside(Weather::Absent);
    let outcome = run(41, sim);
    let (rounds, rest) = outcome.sim.dials().as_chunks::<3>();
    assert!(rounds.len() > 100 && rest.is_empty());
    for round in rounds {
        let start = round[0].0;
        // A refusal may come with the next wake-up, but in the same moment.
        assert_eq!(*round, [(start, 0), (start, 1), (start, 2)]);
    }
    let starts: Vec<u64> = rounds.iter().map(|round| round[0].0).collect();
    let gaps: Vec<u64> = starts.windows(2).map(|pair| pair[1] - pair[0]).collect();
    check_climb(&gaps);
    let log = outcome.sim.log();
    assert_eq!(
        log[..4],
        [
            "dial tcp: lookup receiver.example: Lookup(-2)",
            "dial tcp second 0: connection refused",
            "dial tcp third 0: connection refused",
            "dial tcp: lookup receiver.example: Lookup(-2)",
        ]
    );
    assert!(log.len() < 100);
}

#[test]
fn a_transfer_that_does_not_answer_has_its_ten_seconds_and_the_next_one_follows() {
    let sim = Sim::new(43, HOUR, Weather::Silent).beside(Weather::Stands(5 * MINUTE));
    let outcome = run(43, sim);
    let dials = outcome.sim.dials();
    assert_eq!(dials[..2], [(0, 0), (10_000, 1)]);
    let connections = outcome.sim.connections();
    assert_eq!(connections[0], (10_000, 1));
    // Lost after five minutes: a new round, from the first, after the first delay.
    let lost = 10_000 + 5 * MINUTE;
    assert!((lost + 100..=lost + 120).contains(&dials[2].0), "{dials:?}");
    assert_eq!(dials[2].1, 0);
    assert_eq!(dials[3], (dials[2].0 + 10_000, 1));
    check_accounts(&outcome, 43);
    assert_eq!(outcome.dropped, 0);
    let told = |words: &str| outcome.sim.log().iter().any(|line| line == words);
    assert!(told("dial tcp receiver 0: TimedOut") && told("connected to tcp second 0, local addr:sim"));
}

#[test]
fn the_first_transfer_gets_the_lines_back_after_ten_minutes_and_none_is_lost() {
    let sim = Sim::new(47, HOUR, Weather::From(5 * MINUTE)).beside(Weather::Calm);
    let outcome = run(47, sim);
    let [(0, 1), (back, 0)] = outcome.sim.connections() else {
        panic!("{:?}", outcome.sim.connections());
    };
    // With the first flush from then on.
    assert!((10 * MINUTE..10 * MINUTE + 5_000).contains(back), "{back}");
    assert_eq!(outcome.dropped, 0);
    assert_eq!(outcome.received.distinct() as u64, outcome.lines);
    assert_eq!(
        outcome.sim.log(),
        [
            "dial tcp receiver 0: connection refused",
            "connected to tcp second 0, local addr:sim",
            "returning to the first receiver from tcp second 0",
            "connected to tcp receiver 0, local addr:sim",
        ]
    );
}

#[test]
fn a_first_transfer_that_stays_away_is_asked_every_ten_minutes_and_costs_no_line() {
    let sim = Sim::new(53, HOUR, Weather::Absent).beside(Weather::Calm);
    let outcome = run(53, sim);
    let connections = outcome.sim.connections();
    assert_eq!(connections.len(), 6, "{connections:?}");
    for pair in connections.windows(2) {
        let gap = pair[1].0 - pair[0].0;
        assert!((10 * MINUTE..10 * MINUTE + 5_000).contains(&gap), "{gap}");
    }
    assert!(connections.iter().all(|connection| connection.1 == 1));
    assert_eq!(outcome.dropped, 0);
    assert_eq!(outcome.received.distinct() as u64, outcome.lines);
}

#[test]
fn a_connection_is_not_left_while_lines_are_on_their_way_nor_at_the_end() {
    // Also when the ring has given them up for younger ones meanwhile.
    let slow = Weather::ReadsAt(40 * MINUTE);
    let sim = Sim::new(59, HOUR, Weather::From(1)).beside(slow);
    let outcome = run_in(
        sim,
        59,
        &["-metrics=load", "-buffer=4K", "-interval=30s", "-timeout=1h"],
    );
    assert_eq!(outcome.sim.connections().len(), 2);
    assert_eq!(outcome.sim.left_behind(), 0);
    check_accounts(&outcome, 59);

    // It reads only after a quarter of an hour: until then nothing that was sent has arrived, be there
    // room for more or not.
    for interval in ["-interval=5s", "-interval=1m"] {
        let slow = Weather::ReadsAt(15 * MINUTE);
        let sim = Sim::new(59, HOUR, Weather::From(1)).beside(slow);
        let outcome = run_in(sim, 59, &["-metrics=load", "-buffer=1M", "-timeout=1h", interval]);
        let connections = outcome.sim.connections();
        assert_eq!(connections.len(), 2, "{connections:?}");
        assert!(connections[1].0 >= 15 * MINUTE, "{connections:?}");
        assert_eq!(outcome.sim.left_behind(), 0);
        assert_eq!(outcome.dropped, 0);
        assert_eq!(outcome.received.distinct() as u64, outcome.lines);
    }

    // The last flush comes when it is time to go back: it goes where there is a connection.
    let sim = Sim::new(61, 12 * MINUTE, Weather::Silent).beside(Weather::Calm);
    let outcome = run_in(sim, 61, &["-flush=24h", "-buffer=1M"]);
    assert_eq!(outcome.sim.connections().len(), 1);
    assert_eq!(outcome.received.distinct() as u64, outcome.lines);
}

#[test]
fn in_a_storm_over_several_transfers_no_line_is_missing_without_being_counted() {
    let mut used = [0; 3];
    for seed in 1..=30_u64 {
        let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let sim = Sim::new(seed, 2 * HOUR, Weather::Stormy)
            .beside(Weather::Stormy)
            .beside(Weather::Stands(11 * MINUTE));
        let buffer = ["-buffer=8K", "-buffer=64K"][(seed % 2) as usize];
        let outcome = run_in(sim, seed, &[buffer]);
        check_accounts(&outcome, seed);
        for connection in outcome.sim.connections() {
            used[connection.1] += 1;
        }
    }
    assert!(used.iter().all(|&count| count > 10), "{used:?}");
}

#[test]
fn a_receiver_that_takes_nothing_is_kept_if_it_is_alone_and_left_after_ten_timeouts_otherwise() {
    let stuck = || Sim::new(101, HOUR, Weather::ReadsAt(u64::MAX / 2));
    let outcome = run_in(stuck(), 101, &["-buffer=1M"]);
    assert_eq!(outcome.sim.connections(), [(0, 0)]);

    let outcome = run_in(stuck().beside(Weather::Calm), 101, &["-buffer=1M"]);
    let connections = outcome.sim.connections();
    assert!(connections.len() > 2, "{connections:?}");
    for pair in connections.windows(2) {
        let (stood, number) = (pair[1].0 - pair[0].0, pair[0].1);
        // The other one is left for the first after ten minutes.
        let expected = if number == 0 { 5 * MINUTE } else { 10 * MINUTE };
        assert!((expected..expected + 6_000).contains(&stood), "{connections:?}");
        assert_eq!(pair[1].1, 1 - number);
    }
    check_accounts(&outcome, 101);
}

/// The transfer with which an endpoint starts when all are absent; holds it to their order.
fn first_of(endpoint: &str) -> usize {
    let sim = Sim::new(67, MINUTE, Weather::Absent)
        .beside(Weather::Absent)
        .beside(Weather::Absent);
    let outcome = run_in(sim, 67, &["-spread", "-endpoint", endpoint]);
    let (rounds, _) = outcome.sim.dials().as_chunks::<3>();
    let first = rounds[0][0].1;
    for round in rounds {
        let order = round.map(|dial| dial.1);
        assert_eq!(order, [first, (first + 1) % 3, (first + 2) % 3]);
    }
    first
}

#[test]
fn spread_endpoints_start_with_different_transfers_and_stay_where_they_are() {
    let mut starts = [0; 3];
    for number in 0..60 {
        starts[first_of(&format!("router{number}"))] += 1;
    }
    assert!(starts.iter().all(|&count| count >= 8), "{starts:?}");

    let first = first_of("sim");
    let weather = |number| {
        if number == first {
            Weather::From(MINUTE)
        } else {
            Weather::Calm
        }
    };
    let sim = Sim::new(71, HOUR, weather(0))
        .beside(weather(1))
        .beside(weather(2));
    let outcome = run_in(sim, 71, &["-spread"]);
    assert_eq!(outcome.sim.connections(), [(0, (first + 1) % 3)]);
}

#[test]
fn a_retry_does_not_wait_and_its_delays_start_over() {
    let mut sim = Sim::new(73, HOUR, Weather::Absent);
    let asked = 20 * MINUTE + 1;
    sim.signal(asked, Signal::Reload);
    let outcome = run(73, sim);
    let dials: Vec<u64> = outcome.sim.dials().iter().map(|dial| dial.0).collect();
    let at = dials.iter().position(|&time| time == asked);
    let at = at.expect("no attempt in that moment");
    let gaps: Vec<u64> = dials[at..].windows(2).map(|pair| pair[1] - pair[0]).collect();
    check_climb(&gaps);
}

#[test]
fn a_retry_leaves_a_connection_and_an_attempt_as_they_are() {
    let story = |weather, asks: bool| {
        let mut sim = Sim::new(79, HOUR, weather).beside(Weather::Silent);
        if asks {
            for time in [1, 5_000, 9_999, 12 * MINUTE, 30 * MINUTE] {
                sim.signal(time, Signal::Reload);
            }
        }
        let outcome = run(79, sim);
        (outcome.sim.dials().to_vec(), outcome.received.distinct())
    };
    assert!(story(Weather::Calm, true) == story(Weather::Calm, false));
    let early = |dials: Vec<(u64, usize)>| -> Vec<_> {
        dials
            .into_iter()
            .take_while(|dial| dial.0 < 11 * MINUTE)
            .collect()
    };
    let asked = early(story(Weather::Silent, true).0);
    assert_eq!(asked, early(story(Weather::Silent, false).0));
    assert!(asked.len() > 20);
}

#[test]
fn a_report_is_one_line_and_changes_nothing() {
    let mut sim = Sim::new(83, HOUR, Weather::Silent).beside(Weather::Window(10_000, 20 * MINUTE));
    for time in [5_000, 15_000, 40 * MINUTE] {
        sim.signal(time, Signal::Report);
    }
    let outcome = run_in(sim, 83, &["-metrics=load", "-buffer=4K", "-overflow=drop"]);
    let mut log = outcome
        .sim
        .log()
        .iter()
        .filter(|line| line.contains("; bytes queued: "));
    let mut next = || log.next().unwrap().as_str();
    assert!(next().starts_with("connecting to tcp receiver 0; bytes queued: "));
    let up = next();
    assert!(
        up.starts_with("connected to tcp second 0; bytes queued: "),
        "{up}"
    );
    assert!(
        up.ends_with("; lines sent: 12, thinned: 0, dropped: 0; reconnects: 0"),
        "{up}"
    );
    let late = next();
    assert!(
        !late.starts_with("connected") && !late.contains(", dropped: 0;"),
        "{late}"
    );
    assert!(late.ends_with("; reconnects: 1"), "{late}");
    assert!(log.next().is_none());
}

#[test]
fn a_transfer_that_takes_each_connection_and_drops_it_leaves_the_others_their_turn() {
    let sim = Sim::new(89, HOUR, Weather::Flaps(u64::MAX)).beside(Weather::Calm);
    let outcome = run(89, sim);
    let connections = outcome.sim.connections();
    assert_eq!((connections[0].1, connections[1].1), (0, 1));
    // Each ten minutes the first is tried once more.
    assert!((10..=14).contains(&connections.len()), "{connections:?}");
    check_accounts(&outcome, 89);
}

#[test]
fn repeats_alone_do_not_start_the_delays_over() {
    let outcome = run(97, Sim::new(97, HOUR, Weather::Flaps(u64::MAX)));
    // New lines come each five seconds, and the delays climb between: 0.1 s, 0.2 s, 0.4 s ...
    let connections = outcome.sim.connections().len();
    assert!((720..6 * 720).contains(&connections), "{connections}");
}
