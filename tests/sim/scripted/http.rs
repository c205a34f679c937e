//! Receivers of HTTP: what `docs/receivers.md` promises.

use super::{Outcome, check_accounts, check_climb, run_in, set_clock};
use crate::chance::Chance;
use crate::clock::WallClock;
use crate::plan::{HOUR, MINUTE};
use crate::platform::Sim;
use crate::receiver::Kind;
use crate::server::{Reply, Request, Server, Then};
use mini_monitor::platform::Signal;
use std::cell::{Cell, RefCell};
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

/// A run of one server that is always there.
fn run(seed: u64, length: u64, server: Server, flags: &[&str]) -> Outcome {
    run_of(seed, length, vec![(Kind::Present, server)], flags)
}

/// A run of several servers.
fn run_of(seed: u64, length: u64, servers: Vec<(Kind, Server)>, flags: &[&str]) -> Outcome {
    run_in(sim_of(seed, length, servers), flags)
}

fn sim_of(seed: u64, length: u64, servers: Vec<(Kind, Server)>) -> Sim {
    let kinds: Vec<Kind> = servers.iter().map(|server| server.0).collect();
    let mut sim = Sim::of(seed, length, &kinds);
    for (number, (_, server)) in servers.into_iter().enumerate() {
        sim.network.serve(number, server);
    }
    sim
}

/// A server that answers by the number of the request.
fn by_number(answer: impl Fn(usize) -> Reply + 'static) -> Server {
    Server::new(move |request, _| answer(request.number))
}

fn well() -> Server {
    by_number(|_| Reply::status(204))
}

fn requests(outcome: &Outcome) -> Vec<&Request> {
    outcome.sim.network.requests().collect()
}

/// Every line has been stored.
fn check_all_came(outcome: &Outcome) {
    check_accounts(outcome);
    let came = outcome.received.distinct() as u64;
    assert_eq!((outcome.dropped, outcome.rejected, came), (0, 0, outcome.lines));
}

/// Everything has come, but lines that are counted.
fn check_counts(outcome: &Outcome) {
    assert_eq!(outcome.queued, 0, "lines wait");
    let came = outcome.received.distinct() as u64;
    let lost = outcome.lines - came;
    assert_eq!(lost, outcome.dropped + outcome.rejected, "{lost} lines are lost");
}

/// The lines of a metric in a request.
fn has(request: &Request, metric: &str) -> bool {
    request.body.contains(&format!("\"metric\":\"{metric}\""))
}

/// The milliseconds between requests, without those that follow at once.
fn pauses(requests: &[&Request]) -> Vec<u64> {
    let gaps = requests.windows(2).map(|pair| pair[1].at - pair[0].at);
    gaps.filter(|gap| *gap > 0).collect()
}

#[test]
fn calm_server_gets_every_line_once_on_connections_of_ten_minutes() {
    let outcome = run(1, 2 * HOUR, well(), &[]);
    check_all_came(&outcome);
    assert_eq!(outcome.received.repeats(), 0);
    for request in requests(&outcome) {
        assert!(
            request
                .head
                .contains("\r\nContent-Type: application/x-ndjson\r\n")
        );
    }
    let connections = &outcome.connections;
    assert!((12..=15).contains(&connections.len()), "{connections:?}");
    for connection in &outcome.sim.network.past {
        assert!(connection.closed - connection.opened <= 10 * MINUTE + 5_000);
    }
    assert_eq!(outcome.log.len(), 1, "{:#?}", outcome.log);
    // A turn, its answer, and each new connection.
    assert!(
        outcome.sim.wake_ups <= 2 * 2 * 720 + 40,
        "{}",
        outcome.sim.wake_ups
    );
}

#[test]
fn nothing_connects_while_there_is_nothing_to_send() {
    let mut server = well();
    server.idle = Some(5_000);
    let mut sim = sim_of(2, HOUR, vec![(Kind::Present, server)]);
    for minute in [5, 6, 25, 45] {
        sim.signals.push_back((minute * MINUTE, Signal::Reload));
    }
    let outcome = run_in(sim, &["-metrics=load", "-interval=10m", "-replay=0"]);
    check_all_came(&outcome);
    let requests = requests(&outcome);
    assert_eq!(outcome.sim.network.dials.len(), requests.len());
    assert!((6..=8).contains(&requests.len()), "{}", requests.len());
}

#[test]
fn busy_server_is_asked_again_with_the_same_batch_after_growing_delays() {
    // (After 502 with what -replay covers: see below.)
    for (status, flags) in [
        (429, &[][..]),
        (503, &[]),
        (500, &[]),
        (502, &["-replay=0"]),
        (401, &[]),
        (404, &[]),
    ] {
        let server =
            by_number(move |number| Reply::status(if (2..20).contains(&number) { status } else { 204 }));
        let outcome = run(3, HOUR, server, flags);
        check_all_came(&outcome);
        let requests = requests(&outcome);
        let batch = &requests[2].body;
        let again = requests[2..=20].iter().filter(|request| request.body == *batch);
        // The others are probes.
        assert!(again.count() >= 15, "{status}");
        check_climb(&pauses(&requests[2..=20]));
    }
}

#[test]
fn retry_after_is_waited_for_and_bounded() {
    for (header, least) in [("Retry-After: 7", 7_000), ("Retry-After: 99999999", 600_000)] {
        for status in [429, 503] {
            let server = by_number(move |number| match number {
                2 => Reply::with(status, header),
                _ => Reply::status(204),
            });
            let outcome = run(4, HOUR, server, &[]);
            check_all_came(&outcome);
            let requests = requests(&outcome);
            let gap = requests[3].at - requests[2].at;
            // A tenth more at most, and the delay of the flush that asks for it.
            assert!(
                (least..=least + least / 10).contains(&gap),
                "{gap} after {header}"
            );
        }
    }
}

#[test]
fn agents_do_not_come_back_at_once_after_retry_after() {
    let gap = |seed| {
        let server = by_number(|number| match number {
            2 => Reply::with(503, "Retry-After: 60"),
            _ => Reply::status(204),
        });
        let outcome = run(seed, HOUR, server, &[]);
        let requests = requests(&outcome);
        requests[3].at - requests[2].at
    };
    let gaps: BTreeSet<u64> = (1..=10).map(gap).collect();
    assert!(gaps.iter().all(|gap| (60_000..=66_000).contains(gap)), "{gaps:?}");
    assert!(gaps.len() >= 8, "{gaps:?}");
}

#[test]
fn retry_after_holds_its_own_receiver_only() {
    for held in 0..3 {
        // One is busy, and the others fail without a wish, for five minutes.
        let server = |number| {
            let (status, header) = if number == held {
                (503, "Retry-After: 600")
            } else {
                (500, "")
            };
            let answer = move |request: &Request, _: &mut Chance| {
                if request.at < 5 * MINUTE {
                    Reply::with(status, header)
                } else {
                    Reply::status(204)
                }
            };
            (Kind::Present, Server::new(answer))
        };
        let outcome = run_of(22, HOUR, (0..3).map(server).collect(), &["-buffer=2M"]);
        check_all_came(&outcome);
        let times_of = |receiver: usize| -> Vec<u64> {
            let past = outcome.sim.network.past.iter();
            let own = past.filter(|connection| connection.receiver == Some(receiver));
            let sessions = own.filter_map(|connection| connection.session.as_ref());
            let requests = sessions.flat_map(|session| &session.requests);
            requests.map(|request| request.at).collect()
        };
        let times = [0, 1, 2].map(times_of);
        // The next one is tried at once, and again with the delays of the backoff, while the busy one is left alone.
        for (number, times) in times.iter().enumerate() {
            let early = times.iter().copied().filter(|at| *at < 5 * MINUTE);
            let early: Vec<u64> = early.collect();
            if number == held {
                assert_eq!(early.len(), 1, "{held}: {early:?}");
            } else {
                assert!(early.len() >= 14, "{held}: {early:?}");
                let longest = early.windows(2).map(|pair| pair[1] - pair[0]).max();
                assert!(longest <= Some(30_000), "{held}: {early:?}");
            }
        }
        let starts = times.iter().map(|times| times[0]);
        assert!(starts.max().unwrap() <= times[0][0] + 100, "{held}: {times:?}");
        if held == 0 {
            assert!(times[0][1] - times[0][0] >= 600_000, "{:?}", times[0]);
        }
    }
}

#[test]
fn wish_of_one_receiver_does_not_delay_another_one() {
    let first = by_number(|_| Reply::with(503, "Retry-After: 600"));
    // It dies once, an hour later.
    let second = by_number(|number| match number {
        3 => Reply {
            text: "HTTP/1.1 2".to_owned(),
            ..Reply::silence().then(Then::Closes)
        },
        _ => Reply::status(204),
    });
    let servers = vec![(Kind::Between(0, 1_000), first), (Kind::Present, second)];
    let outcome = run_of(5, 9 * MINUTE, servers, &[]);
    check_all_came(&outcome);
    let requests = requests(&outcome);
    let of_second: Vec<&&Request> = requests.iter().filter(|request| request.status != 503).collect();
    let gap = of_second[4].at - of_second[3].at;
    assert!(gap <= 10_000, "{gap} ms");
}

#[test]
fn lost_connection_repeats_the_same_batch() {
    for (then, is_stored) in [
        (Then::Dies, false),
        (Then::Closes, false),
        (Then::Dies, true),
        (Then::Closes, true),
    ] {
        let server = by_number(move |number| match number % 5 {
            3 => Reply {
                is_stored,
                ..Reply::silence().then(then)
            },
            _ => Reply::status(204),
        });
        let outcome = run(6, HOUR, server, &["-replay=0"]);
        check_all_came(&outcome);
        let requests = requests(&outcome);
        for pair in requests.windows(2).filter(|pair| pair[0].status == 0) {
            assert_eq!(pair[0].body, pair[1].body);
            assert!(pair[1].at - pair[0].at <= 150);
        }
    }
}

#[test]
fn bad_gateway_repeats_what_its_server_may_have_lost() {
    // A proxy goes on while its server dies, and loses what it got in the last seconds.
    let server = by_number(|number| match number {
        18 | 19 => Reply {
            is_stored: false,
            ..Reply::status(204)
        },
        20..25 => Reply::status(502),
        _ => Reply::status(204),
    });
    let outcome = run(3, HOUR, server, &[]);
    check_all_came(&outcome);
    // Four turns of five seconds.
    let turn = requests(&outcome)[10].lines().len();
    assert!(
        outcome.received.repeats() <= 4 * turn,
        "{}",
        outcome.received.repeats()
    );
}

#[test]
fn half_an_answer_or_none_at_all_repeats_the_batch() {
    for text in [
        "",
        "HTTP/1.1 20",
        "HTTP/1.1 204 x\r\nContent-Le",
        "HTTP/1.1 200 x\r\nContent-Length: 9\r\n",
    ] {
        for then in [Then::Stays, Then::Closes, Then::Dies] {
            let server = by_number(move |number| match number % 7 {
                4 => Reply {
                    text: text.to_owned(),
                    ..Reply::silence().then(then)
                },
                _ => Reply::status(204),
            });
            let outcome = run(7, HOUR, server, &["-replay=0", "-timeout=10s"]);
            check_all_came(&outcome);
            for pair in requests(&outcome).windows(2).filter(|pair| pair[0].status == 0) {
                assert_eq!(pair[0].body, pair[1].body, "{text}");
            }
        }
    }
}

#[test]
fn answer_that_comes_byte_by_byte_has_the_time_of_one_timeout() {
    let server = by_number(|number| Reply {
        drip: if number == 5 { 29_000 } else { 0 },
        ..Reply::status(204)
    });
    let outcome = run(29, HOUR, server, &["-replay=0", "-timeout=30s"]);
    check_all_came(&outcome);
    let requests = requests(&outcome);
    assert_eq!(requests[5].body, requests[6].body);
    let gap = requests[6].at - requests[5].at;
    assert!((30_000..31_000).contains(&gap), "{gap} ms");
}

#[test]
fn compressed_body_of_a_type_that_is_not_supported_is_sent_without_compression() {
    let server = Server::new(|request, _| {
        let is_compressed = request.head.contains("\r\nContent-Encoding: gzip\r\n");
        Reply::status(if is_compressed { 415 } else { 204 })
    });
    let outcome = run(30, HOUR, server, &["-gzip"]);
    check_all_came(&outcome);
    let statuses: Vec<u16> = requests(&outcome).iter().map(|request| request.status).collect();
    assert_eq!(statuses[..2], [415, 204]);
    assert!(statuses[2..].iter().all(|status| *status == 204));
    // Without compression it is a mistake as others: all lines are kept, and the pauses grow.
    let server = Server::new(|request, _| Reply::status(if request.at < 20 * MINUTE { 415 } else { 204 }));
    let outcome = run(30, HOUR, server, &["-buffer=2M"]);
    check_all_came(&outcome);
    let refused = requests(&outcome)
        .iter()
        .filter(|request| request.status == 415)
        .count();
    assert!((30..80).contains(&refused), "{refused} requests");
}

#[test]
fn many_failures_lead_to_a_probe_and_a_refused_probe_keeps_all_lines() {
    for (status, many) in [(429, 10), (503, 10), (500, 5), (400, 1), (409, 1), (422, 1)] {
        let server = Server::new(move |request, _| {
            let is_bad = (MINUTE..40 * MINUTE).contains(&request.at);
            Reply::status(if is_bad { status } else { 204 })
        });
        let outcome = run(8, HOUR, server, &["-buffer=2M"]);
        check_all_came(&outcome);
        let requests = requests(&outcome);
        let first = requests
            .iter()
            .position(|request| request.status == status)
            .unwrap();
        let bad = &requests[first..first + 3 * (many + 1)];
        for (place, request) in bad.iter().enumerate() {
            let is_probe = place % (many + 1) == many;
            assert_eq!(request.lines().len() == 1, is_probe, "{status}: request {place}");
        }
        assert!(has(bad[many], "agent.alive"), "{}", bad[many].body);
    }
}

/// A server that answers so to each body with a line of that metric.
fn poisoned_by(metric: &'static str, status: u16, period: (u64, u64)) -> Server {
    Server::new(move |request, _| {
        let is_bad = has(request, metric) && (period.0..period.1).contains(&request.at);
        Reply::status(if is_bad { status } else { 204 })
    })
}

#[test]
fn poisoned_line_costs_itself_and_its_series_an_hour() {
    for status in [400, 409, 422, 413, 500] {
        let period = (MINUTE, 10 * MINUTE);
        let outcome = run(9, 2 * HOUR, poisoned_by("cpu.load5", status, period), &[]);
        check_counts(&outcome);
        assert_eq!(outcome.dropped, 0);
        let series = outcome.received.series();
        let longest = |metric: &str| {
            let found = series.iter().find(|one| one.0.starts_with(metric));
            let stamps = found.expect("a series").1;
            stamps.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap()
        };
        let gap = longest("cpu.load5");
        // The search takes a minute at most, also where it waits before a line may be dropped.
        assert!((3_600..3_660).contains(&gap), "{status}: {gap}");
        for (metric, most) in [("cpu.load1", 10), ("cpu.load15", 10), ("agent.alive", 60)] {
            assert!(longest(metric) <= most, "{status}: {metric}");
        }
        // Counted once each.
        assert!(
            (gap / 5).abs_diff(outcome.rejected) <= 2,
            "{status}: {}",
            outcome.rejected
        );
    }
}

#[test]
fn search_for_refused_lines_sends_at_most_twenty_requests_a_second() {
    // Each line is refused but for the probe, so that a probe comes before each line that is dropped.
    let server = Server::new(|request, _| {
        let is_probe = request.lines().len() == 1 && has(request, "agent.alive");
        Reply::status(if is_probe { 204 } else { 400 })
    });
    let outcome = run(10, 10 * MINUTE, server, &[]);
    check_accounts(&outcome);
    let requests = requests(&outcome);
    assert!(requests.len() > 100, "{} requests", requests.len());
    // The batch with which a search starts and its first probe do not wait.
    for window in requests.windows(41) {
        let span = window[40].at - window[0].at;
        assert!(span >= 1800, "41 requests in {span} ms");
    }
}

#[test]
fn poisoned_line_that_is_answered_as_if_the_server_were_busy_is_found() {
    // "Too many series" comes with these, too.
    for status in [429, 503] {
        let period = (MINUTE, 5 * HOUR);
        let outcome = run(
            23,
            6 * HOUR,
            poisoned_by("cpu.load5", status, period),
            &["-buffer=4M"],
        );
        check_counts(&outcome);
        assert_eq!(outcome.dropped, 0);
        let series = outcome.received.series();
        let load1 = series.iter().find(|one| one.0.starts_with("cpu.load1")).unwrap();
        assert!(load1.1.windows(2).all(|pair| pair[1] - pair[0] <= 10), "{status}");
        assert!(
            (1..=6 * 720).contains(&outcome.rejected),
            "{status}: {}",
            outcome.rejected
        );
    }
}

#[test]
fn lines_of_refused_series_alone_make_no_request() {
    // Most batches have lines of these series only, which are left out once each was refused.
    let server = Server::new(|request, _| {
        let lines = request.lines();
        let is_of_agent = |line: &&str| line.starts_with("{\"metric\":\"agent.");
        Reply::status(if lines.iter().all(is_of_agent) { 204 } else { 400 })
    });
    let outcome = run(24, 30 * MINUTE, server, &["-metrics=load,agent=10m"]);
    check_counts(&outcome);
    let late = requests(&outcome)
        .iter()
        .filter(|request| request.at > 15 * MINUTE)
        .count();
    assert!(late <= 4, "{late} requests");
}

#[test]
fn repeats_that_are_refused_as_out_of_order_count_as_delivered() {
    // As Prometheus does, it refuses all of a body with a sample that is older than the newest of its series. It dies at times.
    let mut newest = HashMap::<String, u64>::new();
    let server = Server::new(move |request, _| {
        let samples = request.lines().into_iter().map(|line| {
            let (series, rest) = line.split_once(",\"value\":").unwrap();
            let stamp = rest.rsplit(':').next().unwrap().trim_end_matches("}\n");
            (series.to_owned(), stamp.parse::<u64>().unwrap())
        });
        let samples: Vec<(String, u64)> = samples.collect();
        if samples
            .iter()
            .any(|(series, stamp)| newest.get(series).is_some_and(|other| stamp < other))
        {
            return Reply::status(400);
        }
        newest.extend(samples);
        let reply = Reply::status(204);
        if request.number % 50 == 49 {
            reply.then(Then::Dies)
        } else {
            reply
        }
    });
    let outcome = run(25, 2 * HOUR, server, &["-metrics=load", "-replay=1m"]);
    check_all_came(&outcome);
    let requests = requests(&outcome);
    let refused = requests.iter().filter(|request| request.status == 400).count();
    let deaths = requests
        .iter()
        .filter(|request| request.number % 50 == 49)
        .count();
    assert!(deaths > 10 && refused > 0, "{deaths} deaths, {refused} refused");
    assert!(refused <= 2 * deaths, "{refused} of {}", requests.len());
    assert!(
        requests.iter().all(|request| request.lines().len() > 1),
        "a probe"
    );
    assert!(
        !outcome.log.iter().any(|line| line.contains("HTTP status")),
        "{:#?}",
        outcome.log
    );
}

#[test]
fn answer_to_a_request_that_is_still_being_written_beats_the_end_of_the_connection() {
    let mut server = well();
    server.early = (3, "HTTP/1.1 401 x\r\nContent-Length: 9\r\n\r\nno token\n");
    // More than the connection takes at once.
    let outcome = run(27, HOUR, server, &["-buffer=1M", "-flush=10m"]);
    check_all_came(&outcome);
    let has = |text: &str| outcome.log.iter().any(|line| line.contains(text));
    assert!(has("HTTP status 401") && has("no token"), "{:#?}", outcome.log);
    assert!(!has("request to"), "{:#?}", outcome.log);
}

#[test]
fn connection_is_left_a_second_before_the_server_closes_it() {
    for (header, is_shared) in [
        ("Keep-Alive: timeout=6", false),
        ("Keep-Alive: timeout=7, max=9", true),
    ] {
        let server = by_number(move |_| Reply::with(204, header));
        let outcome = run(26, 8 * MINUTE, server, &["-replay=0"]);
        check_all_came(&outcome);
        let (connections, requests) = (outcome.connections.len(), requests(&outcome).len());
        assert!(requests > 80, "{requests}");
        let expected = if is_shared { 1 } else { requests };
        assert_eq!(connections, expected, "{header}");
    }
}

#[test]
fn series_of_the_probe_may_be_the_poisoned_one() {
    let outcome = run(
        10,
        2 * HOUR,
        poisoned_by("agent.alive", 400, (0, u64::MAX)),
        &["-buffer=2M"],
    );
    check_counts(&outcome);
    assert!((1..=721).contains(&outcome.rejected), "{}", outcome.rejected);
}

#[test]
fn probe_that_makes_older_lines_refused_does_not_leave_its_series_out() {
    // A server that takes no line that is older than the newest of its series, and has a minute of trouble.
    let newest = RefCell::new(HashMap::new());
    let server = Server::new(move |request, _| {
        let mut newest = newest.borrow_mut();
        let lines: Vec<(String, u64)> = request
            .lines()
            .iter()
            .map(|line| {
                let (series, rest) = line.split_once(",\"value\":").unwrap();
                let stamp = rest.rsplit(':').next().unwrap().trim_end_matches("}\n");
                (series.to_owned(), stamp.parse().unwrap())
            })
            .collect();
        let is_old =
            |(series, stamp): &(String, u64)| newest.get(series).is_some_and(|newest| stamp < newest);
        let is_poisoned = has(request, "cpu.load5") && (MINUTE..2 * MINUTE).contains(&request.at);
        if is_poisoned || lines.iter().any(is_old) {
            return Reply::status(400);
        }
        newest.extend(lines);
        Reply::status(204)
    });
    let outcome = run(20, HOUR, server, &["-metrics=load,agent=1s", "-flush=10s"]);
    check_counts(&outcome);
    let series = outcome.received.series();
    let (_, stamps) = series
        .iter()
        .find(|(name, _)| name.starts_with("agent.alive"))
        .unwrap();
    let longest = stamps.windows(2).map(|pair| pair[1] - pair[0]).max().unwrap();
    assert!(longest < 120, "{longest} s without agent.alive");
    // Those are of the poisoned series, which is left out for an hour, and a few.
    assert!((700..740).contains(&outcome.rejected), "{}", outcome.rejected);
}

#[test]
fn rejected_lines_are_counted_once_after_breaks() {
    // The server ends connections at times, and repeats follow.
    let server = Server::new(|request, _| {
        if has(request, "cpu.load5") {
            Reply::status(400)
        } else if request.number % 10 == 9 {
            Reply::silence().then(Then::Dies)
        } else {
            Reply::status(204)
        }
    });
    let outcome = run(11, 2 * HOUR, server, &["-replay=1m"]);
    check_counts(&outcome);
    assert!(outcome.received.repeats() > 0);
}

#[test]
fn server_that_refuses_everything_in_the_middle_of_the_search_costs_one_line_at_most() {
    for first in 1..12 {
        // A line is refused; some requests later everything is, for an hour.
        let since = Rc::new(Cell::new(usize::MAX));
        let server = Server::new(move |request, _| {
            let is_poisoned = has(request, "cpu.load5");
            if is_poisoned {
                since.set(since.get().min(request.number));
            }
            let is_mistaken = request.number >= since.get().saturating_add(first) && request.at < HOUR;
            Reply::status(if is_mistaken || is_poisoned && request.at < HOUR {
                400
            } else {
                204
            })
        });
        let outcome = run(12, 3 * HOUR, server, &["-buffer=4M"]);
        check_counts(&outcome);
        let series = outcome.received.series();
        for metric in ["cpu.load1", "cpu.load15", "proc.total", "disk.read.bytes"] {
            let Some(stamps) = series.iter().find(|one| one.0.starts_with(metric)) else {
                continue;
            };
            let missing = stamps.1.windows(2).filter(|pair| pair[1] - pair[0] > 10).count();
            assert!(missing <= 1, "{first}: {metric} has {missing} holes");
        }
        assert_eq!(outcome.dropped, 0);
        assert!(outcome.rejected < 800, "{first}: {}", outcome.rejected);
    }
}

#[test]
fn body_that_is_too_large_is_halved_and_a_limit_below_a_line_keeps_all() {
    let server = Server::new(|request, _| Reply::status(if request.lines().len() > 3 { 413 } else { 204 }));
    check_all_came(&run(13, HOUR, server, &[]));
    let server = Server::new(|request, _| Reply::status(if request.at < 20 * MINUTE { 413 } else { 204 }));
    check_all_came(&run(13, HOUR, server, &["-buffer=2M"]));
}

#[test]
fn limit_of_a_body_is_found_once_in_ten_minutes() {
    for then in [Then::Stays, Then::Closes] {
        let server = Server::new(move |request, _| {
            Reply::status(if request.lines().len() > 3 { 413 } else { 204 }).then(then)
        });
        let outcome = run(13, HOUR, server, &["-metrics=load,mem"]);
        check_all_came(&outcome);
        let requests = requests(&outcome);
        let refused = requests.iter().filter(|request| request.status == 413).count();
        assert!(refused <= 7 * 6, "{refused} of {}", requests.len());
    }
}

#[test]
fn next_receiver_follows_whatever_the_first_one_does_and_the_first_gets_the_lines_back() {
    let failures: [fn() -> Reply; 6] = [
        || Reply::status(503),
        || Reply::status(404),
        || Reply::status(400),
        Reply::silence,
        || Reply::silence().then(Then::Closes),
        || Reply::silence().after(8_000).then(Then::Dies),
    ];
    for (number, failure) in failures.into_iter().enumerate() {
        let first = Server::new(move |request, _| {
            if request.at < 15 * MINUTE {
                failure()
            } else {
                Reply::status(204)
            }
        });
        let servers = vec![(Kind::Present, first), (Kind::Present, well())];
        let outcome = run_of(14, HOUR, servers, &["-timeout=10s"]);
        check_all_came(&outcome);
        let past = &outcome.sim.network.past;
        let second: Vec<_> = past.iter().filter(|one| one.receiver == Some(1)).collect();
        assert!(second[0].opened <= 11_000, "{number}: {}", second[0].opened);
        let last = second.last().unwrap().closed;
        assert!((20 * MINUTE..21 * MINUTE).contains(&last), "{number}: {last}");
        assert_eq!(past.last().unwrap().receiver, Some(0));
    }
}

#[test]
fn end_waits_for_the_answer_two_seconds() {
    let slow = |after| by_number(move |_| Reply::status(204).after(after));
    for length in [HOUR, HOUR + 1, HOUR + 700] {
        let outcome = run(15, length, slow(900), &["-interval=1s", "-flush=1s"]);
        check_all_came(&outcome);
        assert!(outcome.sim.ending().1 < 2_000);
    }
    let outcome = run(15, HOUR, slow(5_000), &["-interval=1s"]);
    assert_eq!(outcome.sim.ending().1, 2_000);
    // Each request has a connection of its own, and there are many lines.
    let server = Server::new(|request, _| {
        let status = if request.lines().len() > 2 { 413 } else { 204 };
        Reply::with(status, "Connection: close").then(Then::Closes)
    });
    let outcome = run(15, HOUR + 500, server, &["-interval=1s", "-flush=10m"]);
    check_all_came(&outcome);
}

#[test]
fn end_during_a_pause_makes_an_attempt() {
    for seed in 0..4 {
        // The receiver returns during the last pause.
        let kind = Kind::From(HOUR - 500);
        let stream = run_in(Sim::of(31 + seed, HOUR, &[kind]), &["-buffer=2M"]);
        let away = |request: &Request, _: &mut Chance| {
            let is_away = request.at < HOUR - 500;
            Reply::status(if is_away { 503 } else { 204 })
        };
        let servers = [(kind, well()), (Kind::Present, Server::new(away))];
        let of_http = servers.map(|server| run_of(31 + seed, HOUR, vec![server], &["-buffer=2M"]));
        for outcome in [stream].iter().chain(&of_http) {
            check_all_came(outcome);
            assert!(outcome.sim.ending().1 < 2_000);
        }
        // Retry-After holds.
        let held = by_number(|number| match number {
            0..3 => Reply::status(204),
            3 => Reply::with(503, "Retry-After: 600"),
            _ => panic!("a request to a server that wants to be left alone"),
        });
        let outcome = run(31 + seed, 5 * MINUTE, held, &[]);
        assert!(outcome.queued > 0 && outcome.sim.ending().1 == 0);
    }
}

#[test]
fn full_ring_evicts_lines_in_flight_and_counts_them() {
    for flags in [["-overflow=drop", "-buffer=4K"], ["-overflow=thin", "-buffer=8K"]] {
        let failures: [fn() -> Reply; 3] = [
            || Reply::status(503),
            Reply::silence,
            || Reply::status(204).after(25_000),
        ];
        for failure in failures {
            let server = Server::new(move |request, _| {
                if request.at < 30 * MINUTE {
                    failure()
                } else {
                    Reply::status(204)
                }
            });
            let outcome = run(16, HOUR, server, &flags);
            assert!(outcome.dropped > 0);
            check_counts(&outcome);
        }
    }
}

#[test]
fn backlog_is_sent_at_four_times_the_normal_rate_after_an_outage() {
    // The server refuses at once, fails after a while, or answers nothing at all.
    let answers: [fn() -> Reply; 3] = [
        || Reply::status(503),
        || Reply::status(504).after(25_000),
        Reply::silence,
    ];
    for (number, away) in answers.into_iter().enumerate() {
        let server = Server::new(move |request, _| {
            let is_away = (10 * MINUTE..40 * MINUTE).contains(&request.at);
            if is_away { away() } else { Reply::status(204) }
        });
        let outcome = run(
            19,
            HOUR,
            server,
            &["-buffer=1M", "-metrics=cpu,load,mem", "-replay=0"],
        );
        check_all_came(&outcome);
        assert_eq!(outcome.dropped, 0);
        // Lines of each minute, of the requests that were answered with success.
        let mut minutes = [0; 60];
        for request in requests(&outcome).iter().filter(|request| request.is_accepted()) {
            minutes[(request.at / MINUTE) as usize] += request.lines().len();
        }
        let normal = minutes[5];
        assert!(normal > 80, "{number}: {minutes:?}");
        let after = &minutes[40..];
        // A batch may be larger than what is left for it.
        assert!(
            after.iter().all(|count| *count <= 4 * normal + 200),
            "{number}: {minutes:?}"
        );
        let catching_up = after.iter().filter(|count| **count > 3 * normal).count();
        assert!((8..12).contains(&catching_up), "{number}: {minutes:?}");
    }
}

#[test]
fn backlog_of_a_slow_answer_is_sent_at_four_times_the_normal_rate() {
    let server = by_number(|number| Reply::status(204).after(if number == 100 { 25_000 } else { 0 }));
    let flags = [
        "-interval=1s",
        "-flush=1s",
        "-metrics=load",
        "-replay=0",
        "-buffer=1M",
    ];
    let outcome = run(28, 10 * MINUTE, server, &flags);
    check_all_came(&outcome);
    let requests = requests(&outcome);
    let normal = requests[50].lines().len();
    let answered = requests[100].at + 25_000;
    let lines_until = |end| -> usize {
        let found = requests[101..].iter().filter(|request| request.at < end);
        found.map(|request| request.lines().len()).sum()
    };
    // What was allowed before the answer, and two flushes; a batch may be a little larger.
    let soon = lines_until(answered + 2_000);
    assert!(
        soon <= 3 * 4 * normal + normal,
        "{soon} lines of {normal} a second"
    );
    let later = lines_until(answered + 12_000);
    assert!(later >= (25 + 11) * normal, "{later} lines of {normal} a second");
}

#[test]
fn lines_that_are_too_old_are_dropped_after_an_outage() {
    let server = Server::new(move |request, _| {
        let is_away = (10 * MINUTE..100 * MINUTE).contains(&request.at);
        Reply::status(if is_away { 503 } else { 204 })
    });
    let flags = ["-buffer=1M", "-metrics=load", "-replay=0", "-max-age=30m"];
    let outcome = run(21, 3 * HOUR, server, &flags);
    check_counts(&outcome);
    assert_eq!(outcome.dropped, 0);
    let clock = WallClock::right();
    let age = |at: u64, stamp: u64| (clock.shows(at) / 1_000).saturating_sub(stamp);
    let stamp = |line: &str| {
        line.rsplit(':')
            .next()
            .unwrap()
            .trim_end_matches("}\n")
            .parse()
            .unwrap()
    };
    let sent: Vec<u64> = requests(&outcome)
        .iter()
        .filter(|request| request.at > 100 * MINUTE)
        .flat_map(|request| {
            request
                .lines()
                .iter()
                .map(|line| age(request.at, stamp(line)))
                .collect::<Vec<_>>()
        })
        .collect();
    let oldest = sent.iter().max().unwrap();
    assert!((1_700..=1_800).contains(oldest), "{oldest} s");
    assert!(outcome.rejected > 60 * 60 / 5, "{}", outcome.rejected);
}

#[test]
fn max_age_below_a_second_drops_lines_of_an_outage() {
    let server = Server::new(move |request, _| {
        let is_away = (MINUTE..5 * MINUTE).contains(&request.at);
        Reply::status(if is_away { 503 } else { 204 })
    });
    let flags = ["-buffer=1M", "-metrics=load", "-replay=0", "-max-age=500ms"];
    let outcome = run(21, 10 * MINUTE, server, &flags);
    check_counts(&outcome);
    assert!(outcome.rejected > 3 * 60 / 5, "{}", outcome.rejected);
}

#[test]
fn lines_that_are_refused_for_their_age_leave_no_series_out() {
    let server = Server::new(move |request, _| {
        if (10 * MINUTE..100 * MINUTE).contains(&request.at) {
            return Reply::status(503);
        }
        let now = WallClock::right().shows(request.at) / 1_000;
        let is_old = |line: &str| {
            let stamp = line.rsplit(':').next().unwrap().trim_end_matches("}\n");
            stamp.parse::<u64>().unwrap() + 3_600 < now
        };
        Reply::status(if request.lines().iter().any(|line| is_old(line)) {
            400
        } else {
            204
        })
    });
    let outcome = run(
        22,
        4 * HOUR,
        server,
        &["-buffer=1M", "-metrics=load", "-replay=0"],
    );
    check_counts(&outcome);
    let series = outcome.received.series();
    for metric in ["cpu.load1", "proc.total"] {
        let (_, stamps) = series.iter().find(|(name, _)| name.starts_with(metric)).unwrap();
        let gaps: Vec<u64> = stamps
            .windows(2)
            .map(|pair| pair[1] - pair[0])
            .filter(|gap| *gap > 60)
            .collect();
        // The outage, but for its last hour.
        assert!(gaps.len() == 1 && gaps[0] < 80 * 60, "{metric}: {gaps:?}");
    }
}

#[test]
fn no_line_from_the_future_is_sent_when_the_clock_was_set_back() {
    for status in [503, 400] {
        let server = Server::new(move |request, _| {
            let is_bad = (9 * MINUTE..11 * MINUTE).contains(&request.at);
            Reply::status(if is_bad { status } else { 204 })
        });
        let mut sim = sim_of(17, 59 * MINUTE, vec![(Kind::Present, server)]);
        let steps = [(MINUTE, HOUR as i64), (10 * MINUTE, 0)];
        set_clock(&mut sim, &steps);
        let outcome = run_in(sim, &["-metrics=load"]);
        check_counts(&outcome);
        assert!(outcome.rejected > 0);
        let clock = WallClock::stepping(&steps);
        for request in requests(&outcome) {
            for line in request.lines() {
                let stamp = line.rsplit(':').next().unwrap().trim_end_matches("}\n");
                let ahead = stamp
                    .parse::<u64>()
                    .unwrap()
                    .saturating_sub(clock.shows(request.at) / 1_000);
                assert!(ahead <= 61, "{ahead} s ahead: {line}");
            }
        }
    }
}

#[test]
fn nothing_is_sent_while_the_clock_is_implausible() {
    let mut sim = sim_of(18, HOUR, vec![(Kind::Present, well())]);
    // The platform holds each request to that.
    let years = 50 * 365 * 24 * HOUR as i64;
    set_clock(
        &mut sim,
        &[
            (0, -years),
            (10 * MINUTE, 0),
            (20 * MINUTE, -years),
            (30 * MINUTE, 0),
        ],
    );
    let outcome = run_in(sim, &[]);
    check_all_came(&outcome);
    let requests = requests(&outcome);
    assert!(requests[0].at >= 10 * MINUTE);
    let is_quiet = |request: &&&Request| (20 * MINUTE + 5_000..30 * MINUTE).contains(&request.at);
    assert_eq!(requests.iter().filter(is_quiet).count(), 0);
}

#[test]
fn idle_close_is_no_failure_and_repeats_little() {
    let mut server = well();
    server.idle = Some(1_000);
    let outcome = run(19, HOUR, server, &["-replay=10s"]);
    check_all_came(&outcome);
    assert_eq!(outcome.log.len(), 1, "{:#?}", outcome.log);
    for request in requests(&outcome).windows(2) {
        assert!(request[1].at - request[0].at <= 5_000);
    }
    // A line comes with its flush, and again with those of the next ten seconds.
    assert!(outcome.received.repeats() as u64 <= 2 * outcome.lines);
}

#[test]
fn server_that_loses_what_it_answered_last_gets_it_again() {
    for seed in 0..20 {
        for is_closing in [false, true] {
            let mut server = by_number(move |_| {
                if is_closing {
                    Reply::with(204, "Connection: close").then(Then::Closes)
                } else {
                    Reply::status(204)
                }
            });
            server.loses = 8_000;
            let death = 10 * MINUTE + 1_000 + 200 * seed;
            let kind = Kind::AwayBetween(death, death + MINUTE);
            let outcome = run_of(
                20 + seed,
                HOUR,
                vec![(kind, server)],
                &["-interval=1s", "-flush=5s"],
            );
            check_all_came(&outcome);
        }
    }
}

/// The series and the stamp of a JSON line.
fn series_and_stamp(line: &str) -> (&str, u64) {
    let (series, rest) = line.split_once(",\"value\":").unwrap();
    let stamp = rest.split_once("\"timestamp\":").unwrap().1;
    let digits = stamp.split(|letter: char| !letter.is_ascii_digit()).next();
    (series, digits.unwrap().parse().unwrap())
}

/// A server that refuses what is older than the newest line of its series, and with it the whole request. Others get
/// that reply by their number.
fn in_order(reply: impl Fn(usize) -> Reply + 'static) -> Server {
    let newest = RefCell::new(HashMap::<String, u64>::new());
    Server::new(move |request, _| {
        let mut newest = newest.borrow_mut();
        let mut next = newest.clone();
        for line in request.lines() {
            let (series, stamp) = series_and_stamp(line);
            if newest.get(series).is_some_and(|newest| stamp < *newest) {
                return Reply::status(400);
            }
            next.insert(series.to_owned(), stamp);
        }
        *newest = next;
        reply(request.number)
    })
}

#[test]
fn answer_that_is_lost_costs_no_series_where_only_what_is_newer_is_accepted() {
    // It has stored several lines of each series, and refuses the older ones when they come again.
    let server = in_order(|number| {
        let mut reply = Reply::status(204);
        if number == 20 {
            reply = Reply::silence().then(Then::Dies);
            reply.is_stored = true;
        }
        reply
    });
    let outcome = run(14, HOUR, server, &["-interval=1s", "-flush=10s", "-buffer=2M"]);
    assert_eq!((outcome.dropped, outcome.queued), (0, 0));
    assert_eq!(outcome.received.distinct() as u64, outcome.lines);
}

#[test]
fn server_that_refuses_what_is_older_than_the_newest_gets_all_lines_after_its_death() {
    for seed in 0..20 {
        let server = in_order(|_| Reply::status(204));
        let death = 10 * MINUTE + 1_000 + 200 * seed;
        let kind = Kind::AwayBetween(death, death + MINUTE);
        let flags = ["-interval=1s", "-flush=5s", "-buffer=2M"];
        let outcome = run_of(40 + seed, HOUR, vec![(kind, server)], &flags);
        check_all_came(&outcome);
        assert!(requests(&outcome).iter().any(|request| request.status == 400));
    }
}

#[test]
fn server_that_refuses_and_closes_is_not_asked_in_a_loop() {
    for flags in [["-gzip", "-buffer=2M"], ["-buffer=2M", "-buffer=2M"]] {
        let server = Server::new(|request, _| {
            let status = if request.at < 30 * MINUTE { 400 } else { 204 };
            let mut reply = Reply::with(status, "Connection: close").then(Then::Closes);
            reply.is_stored &= !request.head.contains("gzip");
            reply
        });
        let outcome = run(21, HOUR, server, &flags);
        let requests = requests(&outcome);
        let bad = requests.iter().filter(|request| request.status == 400).count();
        assert!((50..400).contains(&bad), "{bad} requests");
        assert_eq!((outcome.dropped, outcome.rejected, outcome.queued), (0, 0, 0));
    }
}
