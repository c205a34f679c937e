//! SIGHUP: the configuration file is read again.

use crate::common::reloaded::{Reloaded, file};
use crate::common::{
    Agent, Folder, Line, Lines, Transfer, descriptors, mappings, poll, refused, runner, told,
};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{sleep, spawn};
use std::time::Duration;

/// No connection comes, and the one that there is goes on: its next line.
fn assert_kept(transfer: &Transfer, lines: &Lines) -> String {
    let line = lines.next();
    assert!(!transfer.has_one_waiting(), "a second connection");
    line
}

#[test]
fn reload_of_another_address_sends_it_the_next_lines() {
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
    let log = reloaded.agent.rest_of_log();
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
fn reload_of_an_invalid_file_is_logged_and_changes_nothing() {
    let transfer = Transfer::new();
    let mut reloaded = Reloaded::start("bad", &file(&transfer, r#", "endpoint": "one""#), &[]);
    let lines = Lines::of(transfer.accept());
    lines.next();
    for (text, words) in [
        (
            "{\"flush\": \"soon\"}",
            ":1: flush: \"soon\" is not a duration from 10ms to 24h (try \"5s\"); the previous configuration stays in force",
        ),
        (
            "{",
            ":1: expected a quoted key or }, found the end of the file; the previous configuration stays in force",
        ),
        (
            "{\"families\": {\"cpu\": {\"on\": 1}}}",
            ":1: families.cpu.on: 1 is not true or false (try true); the previous",
        ),
        (
            "{\"metrics\": \"process\"}",
            ": no family is enabled (process needs names of processes); the previous configuration stays in force",
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
        .wait_for(": no such file or directory; the previous configuration stays in force");
    let line = lines.next_of(|_| true);
    assert_eq!(line.endpoint, "one");
    assert_kept(&transfer, &lines);
    reloaded.agent.stop();
}

#[test]
fn reload_keeps_the_precedence_of_flags() {
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
fn reloads_leave_no_gap_and_no_descriptor_or_memory() {
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
    let mut received = Vec::new();
    // By then all families have had their first read, and have opened their files.
    lines.up_to("\"system.uptime\"", &mut received);
    let mut log = Vec::new();
    // The least of some moments, as what a turn opens and closes does not count; and of five turns the median, as the
    // files of interfaces are opened again now and then, a turn after they were closed.
    let open = |agent: &Agent, received: &mut Vec<String>| {
        let mut turns = [(); 5].map(|()| {
            lines.up_to("\"mem.total\"", received);
            let moments = (0..10).map(|_| {
                sleep(Duration::from_millis(1));
                (descriptors(agent.pid()), mappings(agent.pid()))
            });
            moments.min().unwrap()
        });
        turns.sort_unstable();
        turns[2]
    };
    let (mut before, mut size) = ((0, 0), 0);
    for number in 1..=200 {
        if number % 2 == 0 {
            reloaded.change(&good(number));
            reloaded.agent.log.up_to("configuration reloaded", &mut log);
        } else {
            reloaded.change(["{\"tag\": 5}", "{\"flush\": \"never\"}", "{\"a\": \"\\u00e9"][number % 3]);
            reloaded
                .agent
                .log
                .up_to("the previous configuration stays in force", &mut log);
        }
        received.push(lines.next());
        if number == 32 || number == 200 {
            // With the second turn of one family, all that are as frequent have their files open again.
            let tag = format!("\"t{number}\"");
            for _ in 0..2 {
                let is_turn = |line: &String| line.contains("\"mem.total\"") && line.contains(&tag);
                received.push(lines.next());
                while !received.last().is_some_and(is_turn) {
                    received.push(lines.next());
                }
            }
        }
        if number == 32 {
            before = open(&reloaded.agent, &mut received);
            size = reloaded.agent.status("VmRSS");
        }
    }
    let after = open(&reloaded.agent, &mut received);
    let now = reloaded.agent.status("VmRSS");
    let files = || {
        let links = fs::read_dir(format!("/proc/{}/fd", reloaded.agent.pid())).unwrap();
        let links = links.filter_map(|link| fs::read_link(link.ok()?.path()).ok());
        links.collect::<Vec<_>>()
    };
    assert_eq!(after, before, "descriptors and mappings: {:#?}", files());
    println!("{size} kB after 32 reloads, {now} kB after 200");
    assert!(!transfer.has_one_waiting(), "a second connection");
    reloaded.agent.stop();
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
fn sighup_without_a_file_only_triggers_an_attempt() {
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

/// Waits until it is stopped, and whatever it has started has ended.
fn wait_for_stop(pid: u32) {
    let state = |pid: &str| {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        text.rsplit_once(") ").map(|(_, rest)| rest[..1].to_owned())
    };
    poll(
        || (state(&pid.to_string())? == "T").then_some(()),
        "the agent's stop",
    );
    let children = format!("/proc/{pid}/task/{pid}/children");
    let has_ended = || {
        let children = fs::read_to_string(&children).unwrap();
        children
            .split_whitespace()
            .all(|child| state(child).is_none_or(|state| state == "Z"))
    };
    poll(|| has_ended().then_some(()), "the end of its children");
}

#[test]
fn reload_of_another_command_does_not_restart_the_old_one() {
    let folder = Folder::new("commands");
    let [old, new] = ["old", "new"].map(|name| folder.join(name));
    let text = |path: &Path, then: &str| {
        format!(
            r#"{{"trans": "exec:echo start >>{}{then}", "flush": "20ms"}}"#,
            path.display()
        )
    };
    let starts = |path: &Path| fs::read_to_string(path).unwrap_or_default().lines().count();
    // The command ends at once, and the agent waits for its next attempt.
    let mut reloaded = Reloaded::start("commands-file", &text(&old, ""), &[]);
    poll(|| (starts(&old) > 0).then_some(()), "the first start");
    // It finds the signal as soon as it goes on, and that its next attempt is due, too.
    reloaded.agent.signal("STOP");
    wait_for_stop(reloaded.agent.pid());
    let before = starts(&old);
    reloaded.change(&text(&new, "; cat >/dev/null"));
    sleep(Duration::from_millis(300));
    reloaded.agent.signal("CONT");
    reloaded.agent.log.wait_for("configuration reloaded");
    poll(
        || (starts(&new) > 0).then_some(()),
        "the start of the new command",
    );
    assert_eq!(starts(&old), before);
    reloaded.agent.stop();
    assert_eq!((starts(&old), starts(&new)), (before, 1));
}

#[test]
fn reload_survives_a_directory_that_vanishes_meanwhile() {
    let transfer = Transfer::new();
    let machine = Folder::of_machine("vanishing", "vm-6.18");
    let (path, away) = (machine.path().to_owned(), format!("{}-away", machine.path()));
    let keys = format!(r#", "proc": "{path}", "metrics": "load""#);
    let mut reloaded = Reloaded::start("vanishing-file", &file(&transfer, &keys), &[]);
    let lines = Lines::of(transfer.accept());
    lines.next();
    let is_done = Arc::new(AtomicBool::new(false));
    let mover = spawn({
        let (is_done, path) = (Arc::clone(&is_done), path.clone());
        move || {
            while !is_done.load(Ordering::Relaxed) {
                fs::rename(&path, &away).unwrap();
                fs::rename(&away, &path).unwrap();
            }
        }
    });
    let (mut taken, mut refused) = (0, 0);
    for _ in 0..200 {
        reloaded.change(&file(&transfer, &keys));
        loop {
            let line = reloaded.agent.log.next();
            taken += u32::from(line.contains("configuration reloaded"));
            refused += u32::from(line.contains("; the previous configuration stays in force"));
            if line.contains("configuration reloaded")
                || line.contains("; the previous configuration stays in force")
            {
                break;
            }
        }
    }
    is_done.store(true, Ordering::Relaxed);
    mover.join().unwrap();
    println!("{taken} taken, {refused} refused");
    assert!(taken > 0);
    lines.next();
    reloaded.agent.stop();
}

#[test]
fn reload_of_another_address_does_not_connect_to_the_old_one() {
    let (absent, new) = (Transfer::absent(), Transfer::new());
    let text = format!(r#"{{"trans": "{absent}", "flush": "20ms"}}"#);
    let reloaded = Reloaded::start("dial", &text, &[]);
    reloaded.agent.log.wait_for(refused());
    reloaded.agent.signal("STOP");
    wait_for_stop(reloaded.agent.pid());
    // Now there is somebody, and the next attempt is due.
    let old = Transfer::at(absent);
    reloaded.change(&file(&new, ""));
    sleep(Duration::from_millis(300));
    reloaded.agent.signal("CONT");
    let lines = Lines::of(new.accept());
    lines.next();
    assert!(!old.has_one_waiting(), "a connection to the receiver before");
}
