//! Several transfers, and what the user may ask of a running agent.

use super::{check_accounts, check_climb, gaps, run_in, set_clock};
use crate::clock::WallClock;
use crate::plan::{HOUR, MINUTE};
use crate::platform::Sim;
use crate::receiver::Kind;
use mini_monitor::format::json;
use mini_monitor::platform::Signal;

#[test]
fn a_round_asks_all_transfers_at_once_in_their_order_and_the_delay_grows_once_a_round() {
    let sim = Sim::of(41, HOUR, &[Kind::Nameless, Kind::Absent, Kind::Absent]);
    let outcome = run_in(sim, &[]);
    let (rounds, rest) = outcome.sim.network.dials.as_chunks::<3>();
    assert!(rounds.len() > 100 && rest.is_empty());
    for round in rounds {
        let start = round[0].0;
        // A refusal may come with the next wake-up, but in the same moment.
        assert_eq!(*round, [(start, 0), (start, 1), (start, 2)]);
    }
    let starts: Vec<_> = rounds.iter().map(|round| round[0]).collect();
    check_climb(&gaps(&starts));
    let log = outcome.log;
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
    let sim = Sim::of(43, HOUR, &[Kind::Silent, Kind::ClosesAfter(5 * MINUTE)]);
    let outcome = run_in(sim, &[]);
    let dials = &outcome.sim.network.dials;
    assert_eq!(dials[..2], [(0, 0), (10_000, 1)]);
    let connections = &outcome.connections;
    assert_eq!(connections[0], (10_000, 1));
    // Lost after five minutes: a new round, from the first, after the first delay.
    let lost = 10_000 + 5 * MINUTE;
    assert!((lost + 100..=lost + 120).contains(&dials[2].0), "{dials:?}");
    assert_eq!(dials[2].1, 0);
    assert_eq!(dials[3], (dials[2].0 + 10_000, 1));
    check_accounts(&outcome);
    assert_eq!(outcome.dropped, 0);
    let told = |words: &str| outcome.log.iter().any(|line| line == words);
    assert!(told("dial tcp receiver 0: TimedOut") && told("connected to tcp second 0, local addr:sim"));
}

#[test]
fn lines_from_the_future_are_not_repeated_on_a_stream_when_the_clock_was_set_back() {
    // The connection ends just before the clock is set back, and the next one comes just after that.
    let mut sim = Sim::of(48, 59 * MINUTE, &[Kind::ClosesAfter(10 * MINUTE - 50)]);
    let steps = [(MINUTE, HOUR as i64), (10 * MINUTE, 0)];
    set_clock(&mut sim, &steps);
    let outcome = run_in(sim, &["-metrics=load", "-replay=5m"]);
    check_accounts(&outcome);
    assert_eq!(
        (outcome.dropped, outcome.lines),
        (0, outcome.received.distinct() as u64 + outcome.rejected)
    );
    let clock = WallClock::stepping(&steps);
    let [before, after] = &outcome.sim.network.past.iter().collect::<Vec<_>>()[..2] else {
        panic!("two connections");
    };
    assert!(
        before.opened < MINUTE && after.opened > 10 * MINUTE,
        "{}",
        after.opened
    );
    let latest = clock.shows(after.opened) / 1_000 + 60;
    for line in after.received().split_inclusive(|byte| *byte == b'\n').take(10) {
        assert!(
            json::stamp(line).unwrap() <= latest,
            "{}",
            String::from_utf8_lossy(line)
        );
    }
    // The lines of the last connection's last minutes are repeated as ever.
    assert!(outcome.received.repeats() > 0);
}

#[test]
fn the_first_transfer_gets_the_lines_back_after_ten_minutes_and_none_is_lost() {
    let sim = Sim::of(47, HOUR, &[Kind::From(5 * MINUTE), Kind::Present]);
    let outcome = run_in(sim, &[]);
    let [(0, 1), (back, 0)] = outcome.connections[..] else {
        panic!("{:?}", outcome.connections);
    };
    // With the first flush from then on.
    assert!((10 * MINUTE..10 * MINUTE + 5_000).contains(&back), "{back}");
    assert_eq!(outcome.dropped, 0);
    assert_eq!(outcome.received.distinct() as u64, outcome.lines);
    assert_eq!(
        outcome.log,
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
    let sim = Sim::of(53, HOUR, &[Kind::Absent, Kind::Present]);
    let outcome = run_in(sim, &[]);
    let connections = &outcome.connections;
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
    let slow = Kind::ReadsFrom(40 * MINUTE);
    let sim = Sim::of(59, HOUR, &[Kind::From(1), slow]);
    let outcome = run_in(
        sim,
        &["-metrics=load", "-buffer=4K", "-interval=30s", "-timeout=1h"],
    );
    assert_eq!(outcome.connections.len(), 2);
    assert_eq!(outcome.sim.network.left_behind, 0);
    check_accounts(&outcome);

    // It reads only after a quarter of an hour: until then nothing that was sent has arrived, be there
    // room for more or not.
    for interval in ["-interval=5s", "-interval=1m"] {
        let slow = Kind::ReadsFrom(15 * MINUTE);
        let sim = Sim::of(59, HOUR, &[Kind::From(1), slow]);
        let outcome = run_in(sim, &["-metrics=load", "-buffer=1M", "-timeout=1h", interval]);
        let connections = &outcome.connections;
        assert_eq!(connections.len(), 2, "{connections:?}");
        assert!(connections[1].0 >= 15 * MINUTE, "{connections:?}");
        assert_eq!(outcome.sim.network.left_behind, 0);
        assert_eq!(outcome.dropped, 0);
        assert_eq!(outcome.received.distinct() as u64, outcome.lines);
    }

    // The last flush comes when it is time to go back: it goes where there is a connection.
    let sim = Sim::of(61, 12 * MINUTE, &[Kind::Silent, Kind::Present]);
    let outcome = run_in(sim, &["-flush=24h", "-buffer=1M"]);
    assert_eq!(outcome.connections.len(), 1);
    assert_eq!(outcome.received.distinct() as u64, outcome.lines);
}

#[test]
fn in_a_storm_over_several_transfers_no_line_is_missing_without_being_counted() {
    let mut used = [0; 3];
    for seed in 1..=30_u64 {
        let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let sim = Sim::of(
            seed,
            2 * HOUR,
            &[Kind::Stormy, Kind::Stormy, Kind::ClosesAfter(11 * MINUTE)],
        );
        let buffer = ["-buffer=8K", "-buffer=64K"][(seed % 2) as usize];
        let outcome = run_in(sim, &[buffer]);
        check_accounts(&outcome);
        for connection in outcome.connections {
            used[connection.1] += 1;
        }
    }
    assert!(used.iter().all(|&count| count > 10), "{used:?}");
}

#[test]
fn a_receiver_that_takes_nothing_is_kept_if_it_is_alone_and_left_after_ten_timeouts_otherwise() {
    let stuck = Kind::ReadsFrom(u64::MAX / 2);
    let outcome = run_in(Sim::of(101, HOUR, &[stuck]), &["-buffer=1M"]);
    assert_eq!(outcome.connections, [(0, 0)]);

    let sim = Sim::of(101, HOUR, &[stuck, Kind::Present]);
    let outcome = run_in(sim, &["-buffer=1M"]);
    let connections = &outcome.connections;
    assert!(connections.len() > 2, "{connections:?}");
    for pair in connections.windows(2) {
        let (stood, number) = (pair[1].0 - pair[0].0, pair[0].1);
        // The other one is left for the first after ten minutes.
        let expected = if number == 0 { 5 * MINUTE } else { 10 * MINUTE };
        assert!((expected..expected + 6_000).contains(&stood), "{connections:?}");
        assert_eq!(pair[1].1, 1 - number);
    }
    check_accounts(&outcome);
}

/// The transfer with which an endpoint starts when all are absent; holds it to their order.
fn first_of(endpoint: &str) -> usize {
    let sim = Sim::of(67, MINUTE, &[Kind::Absent, Kind::Absent, Kind::Absent]);
    let outcome = run_in(sim, &["-spread", "-endpoint", endpoint]);
    let (rounds, _) = outcome.sim.network.dials.as_chunks::<3>();
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
            Kind::From(MINUTE)
        } else {
            Kind::Present
        }
    };
    let sim = Sim::of(71, HOUR, &[weather(0), weather(1), weather(2)]);
    let outcome = run_in(sim, &["-spread"]);
    assert_eq!(outcome.connections, [(0, (first + 1) % 3)]);
}

#[test]
fn a_retry_does_not_wait_and_its_delays_start_over() {
    let mut sim = Sim::of(73, HOUR, &[Kind::Absent]);
    let asked = 20 * MINUTE + 1;
    sim.signals.push_back((asked, Signal::Reload));
    let outcome = run_in(sim, &[]);
    let dials = &outcome.sim.network.dials;
    let at = dials.iter().position(|dial| dial.0 == asked);
    let at = at.expect("no attempt in that moment");
    // The last one is that of the end, which waits for no delay.
    let (last, dials) = dials[at..].split_last().unwrap();
    assert_eq!(last.0, HOUR);
    check_climb(&gaps(dials));
}

#[test]
fn a_retry_leaves_a_connection_and_an_attempt_as_they_are() {
    let story = |weather, asks: bool| {
        let mut sim = Sim::of(79, HOUR, &[weather, Kind::Silent]);
        if asks {
            for time in [1, 5_000, 9_999, 12 * MINUTE, 30 * MINUTE] {
                sim.signals.push_back((time, Signal::Reload));
            }
        }
        let outcome = run_in(sim, &[]);
        (outcome.sim.network.dials, outcome.received.distinct())
    };
    assert!(story(Kind::Present, true) == story(Kind::Present, false));
    let early = |dials: Vec<(u64, usize)>| -> Vec<_> {
        dials
            .into_iter()
            .take_while(|dial| dial.0 < 11 * MINUTE)
            .collect()
    };
    let asked = early(story(Kind::Silent, true).0);
    assert_eq!(asked, early(story(Kind::Silent, false).0));
    assert!(asked.len() > 20);
}

#[test]
fn a_report_is_one_line_and_changes_nothing() {
    let mut sim = Sim::of(83, HOUR, &[Kind::Silent, Kind::Between(10_000, 20 * MINUTE)]);
    for time in [5_000, 15_000, 40 * MINUTE] {
        sim.signals.push_back((time, Signal::Report));
    }
    let outcome = run_in(sim, &["-metrics=load", "-buffer=4K", "-overflow=drop"]);
    let mut log = outcome
        .log
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
    let sim = Sim::of(89, HOUR, &[Kind::ClosesFirst(u64::MAX), Kind::Present]);
    let outcome = run_in(sim, &[]);
    let connections = &outcome.connections;
    assert_eq!((connections[0].1, connections[1].1), (0, 1));
    // Each ten minutes the first is tried once more.
    assert!((10..=14).contains(&connections.len()), "{connections:?}");
    check_accounts(&outcome);
}

#[test]
fn repeats_alone_do_not_start_the_delays_over() {
    let outcome = run_in(Sim::of(97, HOUR, &[Kind::ClosesAfter(1_200)]), &[]);
    // New lines come each five seconds, and the delays climb between: 0.1 s, 0.2 s, 0.4 s. Without that there are 2769.
    let connections = outcome.connections.len();
    assert!((720..2500).contains(&connections), "{connections}");
}

#[test]
fn connections_that_end_with_the_first_lines_do_not_start_the_delays_over() {
    let outcome = run_in(Sim::of(98, HOUR, &[Kind::ClosesFirst(u64::MAX)]), &[]);
    // Two fast ones, and then at most one each 24 s once the delays have climbed.
    let connections = outcome.connections.len();
    assert!((120..160).contains(&connections), "{connections}");
    check_accounts(&outcome);
}
