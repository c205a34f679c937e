//! SIGHUP: the configuration file is read again.

mod common;

use common::reloaded::{Reloaded, file, next_of};
use common::{Agent, Folder, Line, Lines, Transfer, descriptors, mappings, runner, told};
use std::collections::BTreeSet;
use std::fs;

/// No connection comes, and the one that there is goes on: its next line.
fn assert_kept(transfer: &Transfer, lines: &Lines) -> String {
    let line = lines.next();
    assert!(!transfer.has_one_waiting(), "a second connection");
    line
}

#[test]
fn another_address_gets_the_next_lines() {
    let [first, second] = [Transfer::new(), Transfer::new()];
    let mut reloaded = Reloaded::start("address", &file(&first, ""), &["-debug"]);
    let before = Lines::of(first.accept());
    let mut received = vec![before.next()];
    reloaded.take(&file(&second, ""));
    let after = Lines::of(second.accept());
    received.push(after.next());
    // Both are transfers: the connection to the second one is kept, whatever its place is.
    let both = format!(
        "{{\"trans\": [\"{}\", \"{}\"], \"flush\": \"20ms\", \"interval\": \"20ms\"}}",
        first.address(),
        second.address()
    );
    reloaded.take(&both);
    received.push(assert_kept(&second, &after));
    assert!(!first.has_one_waiting());
    reloaded.agent.stop();
    let log = reloaded.agent.log.so_far();
    received.extend(before.rest());
    received.extend(after.rest());
    let received: BTreeSet<String> = received.into_iter().collect();
    let missing: Vec<_> = told(&log).filter(|line| !received.contains(*line)).collect();
    assert!(
        missing.is_empty(),
        "{} lines are missing: {missing:?}",
        missing.len()
    );
}

#[test]
fn a_bad_file_is_told_and_all_stays_as_it_was() {
    let transfer = Transfer::new();
    let mut reloaded = Reloaded::start("bad", &file(&transfer, r#", "endpoint": "one""#), &[]);
    let lines = Lines::of(transfer.accept());
    lines.next();
    for (text, words) in [
        (
            "{\"flush\": \"soon\"}",
            ":1: flush: \"soon\" is not a duration from 10ms to 24h (try \"5s\"); all stays as it was",
        ),
        (
            "{",
            ":1: the end of the file in place of a key in quotes or }; all stays as it was",
        ),
        (
            "{\"families\": {\"cpu\": {\"on\": 1}}}",
            ":1: families.cpu.on: 1 is not true or false (try true); all stays",
        ),
        (
            "{\"metrics\": \"process\"}",
            ": no family is left (process runs with process); all stays as it was",
        ),
    ] {
        reloaded.change(text);
        reloaded.agent.log.wait_for(words);
    }
    fs::remove_file(&reloaded.path).unwrap();
    reloaded.agent.signal("HUP");
    reloaded
        .agent
        .log
        .wait_for(": no such file or directory; all stays as it was");
    let line = next_of(&lines, |_| true);
    assert_eq!(line.endpoint, "one");
    assert_kept(&transfer, &lines);
    reloaded.agent.stop();
}

#[test]
fn flags_win_again_each_time() {
    let transfer = Transfer::new();
    let flags = ["-endpoint=flag", "-tag=t"];
    let reloaded = Reloaded::start(
        "flags",
        &file(&transfer, r#", "endpoint": "a", "tag": "x""#),
        &flags,
    );
    let lines = Lines::of(transfer.accept());
    for keys in ["", r#", "endpoint": "b", "tag": ["y", "z"]"#] {
        reloaded.take(&file(&transfer, keys));
        for _ in 0..20 {
            let line = Line::parse(&lines.next());
            assert!(line.endpoint == "flag" && line.tag[1] == "t", "{line:?}");
            assert!(line.tag.len() < 3 || line.tag[2].contains('='), "{line:?}");
        }
    }
}

#[test]
fn two_hundred_reloads_good_and_bad_leave_no_gap_and_cost_nothing() {
    let transfer = Transfer::new();
    let folder = Folder::new("many-spools");
    let good = |number: usize| {
        let count = number / 2;
        let spool = [
            String::new(),
            format!(r#", "spool": "{}""#, folder.join("spool").display()),
        ];
        let keys = format!(
            r#", "tag": "t{number}", "families": {{"load": {{"interval": "{}ms"}}, "vm": {{"on": {}}}}},
                "buffer": "{}K"{}"#,
            20 + number % 7,
            count.is_multiple_of(2),
            256 + 64 * (count % 3),
            spool[count / 2 % 2],
        );
        file(&transfer, &keys)
    };
    let mut reloaded = Reloaded::start("many", &good(0), &["-debug"]);
    let lines = Lines::of(transfer.accept());
    let mut received = vec![lines.next()];
    let mut log = Vec::new();
    let open = |agent: &Agent| (descriptors(agent.pid()), mappings(agent.pid()));
    let (mut before, mut size) = ((0, 0), 0);
    for number in 1..=200 {
        if number % 2 == 0 {
            reloaded.change(&good(number));
            reloaded.agent.log.up_to("has been read again", &mut log);
        } else {
            reloaded.change(["{\"tag\": 5}", "{\"flush\": \"never\"}", "{\"a\": \"\\u00e9"][number % 3]);
            reloaded.agent.log.up_to("all stays as it was", &mut log);
        }
        received.push(lines.next());
        if number == 32 {
            (before, size) = (open(&reloaded.agent), reloaded.agent.status("VmRSS"));
        }
    }
    let (after, now) = (open(&reloaded.agent), reloaded.agent.status("VmRSS"));
    assert_eq!(after, before, "descriptors and mappings");
    println!("{size} kB after 32 reloads, {now} kB after 200");
    assert!(!transfer.has_one_waiting(), "a second connection");
    reloaded.agent.stop();
    log.extend(reloaded.agent.log.so_far());
    log.extend(reloaded.agent.rest_of_log());
    received.extend(lines.rest());
    let received: BTreeSet<&str> = received.iter().map(String::as_str).collect();
    let made: Vec<_> = told(&log).collect();
    assert!(made.len() > 200, "{} lines", made.len());
    let missing: Vec<_> = made.iter().filter(|line| !received.contains(*line)).collect();
    assert!(
        missing.is_empty(),
        "{} of {} are missing: {:?}",
        missing.len(),
        made.len(),
        missing[0]
    );
    // The ring of 320 KB may have filled meanwhile; nothing else grows, but an emulator with what it has translated.
    let emulator = if runner().is_empty() { 0 } else { 2_048 };
    assert!(now <= size + 320 + 64 + emulator, "{size} kB have become {now}");
}

#[test]
fn without_a_file_it_asks_for_an_attempt_and_no_more() {
    let absent = Transfer::absent();
    let agent = Agent::start(&[&format!("-trans={absent}")]);
    agent.log.wait_for("dial tcp");
    agent.signal("HUP");
    agent.log.wait_for("dial tcp");
    assert!(
        !agent
            .log
            .so_far()
            .iter()
            .any(|line| line.contains("configuration"))
    );
}
