//! SIGHUP: the configuration file is read again.

mod common;

use common::{Agent, Folder, Line, Lines, Transfer, descriptors};
use socket2::SockRef;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::time::Duration;

/// An agent with a file that can be changed.
struct Reloaded {
    agent: Agent,
    path: PathBuf,
    _folder: Folder,
}

impl Reloaded {
    fn start(name: &str, text: &str, flags: &[&str]) -> Self {
        let folder = Folder::new(name);
        let path = folder.join("mini-monitor.json");
        fs::write(&path, text).unwrap();
        let file = format!("-config={}", path.display());
        let agent = Agent::start(&[&[file.as_str()], flags].concat());
        Self {
            agent,
            path,
            _folder: folder,
        }
    }

    /// Puts another text in the place of the file, and says so.
    fn change(&self, text: &str) {
        let new = self.path.with_extension("new");
        fs::write(&new, text).unwrap();
        fs::rename(&new, &self.path).unwrap();
        self.agent.signal("HUP");
    }

    /// The same with a text that is good.
    fn take(&self, text: &str) {
        self.change(text);
        self.agent.log.wait_for("the configuration has been read again");
    }
}

/// A file in which the lines go there, with these keys besides.
fn file(transfer: &Transfer, keys: &str) -> String {
    format!(
        "{{\"trans\": \"{}\", \"interval\": \"20ms\", \"flush\": \"20ms\"{keys}}}",
        transfer.address()
    )
}

fn next_of(lines: &Lines, is_it: impl Fn(&Line) -> bool) -> Line {
    let next = || Line::parse(&lines.next());
    let found = (0..5_000).map(|_| next()).find(|line| is_it(line));
    found.expect("no such line among 5,000")
}

/// No connection comes, and the one that there is goes on.
fn assert_kept(transfer: &Transfer, lines: &Lines) {
    lines.next();
    assert!(!transfer.has_one_waiting(), "a second connection");
}

/// Lines that the agent makes under one file after the other, which each has an endpoint of its own.
struct Told<'t> {
    transfer: &'t Transfer,
    reloaded: &'t Reloaded,
    lines: &'t Lines,
    number: usize,
}

impl Told<'_> {
    /// Takes a file with these keys, and waits for the first of its lines.
    fn take(&mut self, keys: &str) -> Line {
        self.number += 1;
        let endpoint = format!("e{}", self.number);
        let keys = format!(r#", "endpoint": "{endpoint}"{keys}"#);
        self.reloaded.take(&file(self.transfer, &keys));
        next_of(self.lines, |line| line.endpoint == endpoint)
    }

    /// The metrics of the next lines.
    fn metrics(&self) -> BTreeSet<String> {
        (0..300).map(|_| Line::parse(&self.lines.next()).metric).collect()
    }

    fn wait_for_tag(&self, tag: &str) -> Line {
        next_of(self.lines, |line| line.tag.iter().any(|other| other == tag))
    }
}

#[test]
fn each_key_takes_effect_and_the_connection_stays() {
    let transfer = Transfer::new();
    let reloaded = Reloaded::start("keys", &file(&transfer, ""), &[]);
    let lines = Lines::of(transfer.accept());
    let mut told = Told {
        transfer: &transfer,
        reloaded: &reloaded,
        lines: &lines,
        number: 0,
    };
    told.take("");
    let line = told.take(r#", "tag": ["a=b", "c"]"#);
    assert!(
        line.tag.starts_with(&["linux".into(), "a=b".into(), "c".into()]),
        "{line:?}"
    );
    // What is not said any more is as if it had never been.
    assert!(!told.take("").tag.contains(&"c".to_owned()));

    // Families that are off, on, alone, and those of the default.
    let has =
        |metrics: &BTreeSet<String>, start: &str| metrics.iter().any(|metric| metric.starts_with(start));
    assert!(has(&told.metrics(), "cpu.load"));
    told.take(r#", "families": {"load": {"on": false}}"#);
    let metrics = told.metrics();
    assert!(!has(&metrics, "cpu.load") && has(&metrics, "mem."), "{metrics:?}");
    told.take(r#", "metrics": "agent=20ms,load""#);
    let metrics = told.metrics();
    assert!(
        has(&metrics, "cpu.load") && has(&metrics, "agent.") && !has(&metrics, "mem."),
        "{metrics:?}"
    );
    told.take(r#", "only": "net=lo""#);
    told.wait_for_tag("iface=lo");
    told.take(r#", "families": {"net": {"only": ["lo", "nothing"]}}"#);
    told.wait_for_tag("iface=lo");
    told.take(r#", "process": "mini-monitor*,qemu*", "families": {"process": {"interval": "20ms"}}"#);
    told.wait_for_tag("name=mini-monitor*");
    let leases = reloaded.path.with_extension("leases");
    fs::write(&leases, "1 a b c\n2 a b c\n").unwrap();
    let path = leases.display();
    told.take(&format!(
        r#", "leases": "{path}", "families": {{"neighbours": {{"interval": "20ms"}}}}"#
    ));
    let count = next_of(&lines, |line| line.metric == "dhcp.leases").value;
    assert!((count - 2.0).abs() < 0.1);

    told.take(r#", "debug": true"#);
    reloaded.agent.log.wait_for("## ticker hit");
    for keys in [
        r#", "buffer": "1M""#,
        r#", "proc": "/proc/.""#,
        r#", "sys": "/sys/.""#,
    ] {
        told.take(keys);
        reloaded.agent.log.wait_for("holds from the next start on");
    }
    told.take(r#", "overflow": "drop", "replay": "1s", "timeout": "10s", "spread": true"#);
    assert_kept(&transfer, &lines);
}

#[test]
fn another_address_gets_the_next_lines() {
    let [first, second] = [Transfer::new(), Transfer::new()];
    let mut reloaded = Reloaded::start("address", &file(&first, ""), &["-debug"]);
    let before = Lines::of(first.accept());
    before.next();
    reloaded.take(&file(&second, ""));
    let after = Lines::of(second.accept());
    after.next();
    // Both are transfers: the connection to the second one is kept, whatever its place is.
    let both = format!(
        "{{\"trans\": [\"{}\", \"{}\"], \"flush\": \"20ms\", \"interval\": \"20ms\"}}",
        first.address(),
        second.address()
    );
    reloaded.take(&both);
    assert_kept(&second, &after);
    assert!(!first.has_one_waiting());
    reloaded.agent.stop();
    let log = reloaded.agent.log.so_far();
    let mut received = before.rest();
    received.extend(after.rest());
    let received: BTreeSet<String> = received.into_iter().collect();
    let made = log
        .iter()
        .filter_map(|line| line.split_once("~~ sender get metric "));
    // The first lines were taken above.
    let missing: Vec<_> = made.filter(|(_, line)| !received.contains(*line)).collect();
    assert!(
        missing.len() < 20,
        "{} lines are missing: {missing:?}",
        missing.len()
    );
}

#[test]
fn what_is_sent_again_and_what_goes_first_are_those_of_the_new_file() {
    let transfer = Transfer::new();
    let reloaded = Reloaded::start(
        "replay",
        &file(&transfer, r#", "replay": "0", "metrics": "load""#),
        &[],
    );
    let stream = transfer.accept();
    reloaded.take(&file(
        &transfer,
        r#", "replay": "1m", "metrics": "load", "endpoint": "again""#,
    ));
    let mut reader = BufReader::new(&stream).lines().map(Result::unwrap);
    assert!(reader.any(|line| Line::parse(&line).endpoint == "again"));
    // Those of this moment may come again whatever is asked for: they are in flight.
    let received: Vec<String> = reader.take(400).collect();
    let received: BTreeSet<&String> = received.iter().take(50).collect();
    // It dies, and nobody knows what it has read.
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
    let again = Lines::of(transfer.accept());
    assert!(
        (0..400).any(|_| received.contains(&again.next())),
        "nothing came again"
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
            "no family is left (process runs with -process); all stays as it was",
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
    let good = |number: usize| {
        let keys = format!(
            r#", "tag": "t{number}", "families": {{"load": {{"interval": "{}ms"}}, "net": {{"on": {}}}}}"#,
            20 + number % 7,
            number.is_multiple_of(2)
        );
        file(&transfer, &keys)
    };
    let mut reloaded = Reloaded::start("many", &good(0), &["-debug", "-buffer=256K"]);
    let lines = Lines::of(transfer.accept());
    let mut received = vec![lines.next()];
    let mut log = Vec::new();
    let (mut before, mut size) = (0, 0);
    for number in 1..=200 {
        if number % 2 == 0 {
            reloaded.change(&good(number));
            reloaded.agent.log.up_to("has been read again", &mut log);
        } else {
            reloaded.change(["{\"tag\": 5}", "{\"flush\": \"never\"}", "{\"a\": \"\\u00e9"][number % 3]);
            reloaded.agent.log.up_to("all stays as it was", &mut log);
        }
        received.push(lines.next());
        if number == 20 {
            (before, size) = (descriptors(reloaded.agent.pid()), reloaded.agent.status("VmRSS"));
        }
    }
    let (after, now) = (descriptors(reloaded.agent.pid()), reloaded.agent.status("VmRSS"));
    assert_eq!(after, before, "descriptors");
    println!("{size} kB after 20 reloads, {now} kB after 200");
    assert!(!transfer.has_one_waiting(), "a second connection");
    reloaded.agent.stop();
    log.extend(reloaded.agent.log.so_far());
    log.extend(reloaded.agent.rest_of_log());
    received.extend(lines.rest());
    let received: BTreeSet<&str> = received.iter().map(String::as_str).collect();
    let made: Vec<_> = log
        .iter()
        .filter_map(|line| line.split_once("~~ sender get metric "))
        .collect();
    assert!(made.len() > 200, "{} lines", made.len());
    let missing: Vec<_> = made.iter().filter(|(_, line)| !received.contains(line)).collect();
    assert!(
        missing.is_empty(),
        "{} of {} are missing: {:?}",
        missing.len(),
        made.len(),
        missing[0]
    );
    // The ring may have filled meanwhile; nothing else grows.
    assert!(now <= size + 256 + 64, "{size} kB have become {now}");
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
