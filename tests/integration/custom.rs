//! Metrics of the user's own.

use crate::common::{Agent, Folder, Line, Lines, Transfer, output};
use std::fs;
use std::path::Path;

/// The values of a metric, printed once.
fn once(folder: &Folder, customs: &str) -> (Vec<Line>, String) {
    let file = folder.config(&format!("{{\"metrics\": \"load\", \"custom\": [{customs}]}}"));
    let output = output(&[&file, "-once"]);
    let lines = String::from_utf8(output.stdout).unwrap();
    (
        lines.lines().map(Line::parse).collect(),
        String::from_utf8(output.stderr).unwrap(),
    )
}

fn value(lines: &[Line], metric: &str) -> Option<f64> {
    lines
        .iter()
        .find(|line| line.metric == metric)
        .map(|line| line.value)
}

fn is(value: Option<f64>, expected: f64) -> bool {
    value.is_some_and(|value| (value - expected).abs() < 1e-9)
}

#[test]
fn custom_number_is_found_by_line_and_field_or_by_key() {
    let folder = Folder::new("custom-file");
    let path = folder.join("values");
    fs::write(
        &path,
        "12034\nused: 1536 of 4096 kB\n\tname=psu volts=-3.25,amps=7\nlast 9",
    )
    .unwrap();
    let file = path.display();
    let (lines, log) = once(
        &folder,
        &format!(
            r#"{{"metric": "volts", "file": "{file}", "scale": -3}},
            {{"metric": "more", "file": "{file}", "scale": 2}},
            {{"metric": "used", "file": "{file}", "key": "used", "ratio": "1/1024"}},
            {{"metric": "of", "file": "{file}", "line": 2, "field": 4}},
            {{"metric": "minus", "file": "{file}", "line": 3, "field": 4}},
            {{"metric": "psu", "file": "{file}", "key": "name=psu volts", "field": 3}},
            {{"metric": "last", "file": "{file}", "line": 4, "field": 2}},
            {{"metric": "free", "file": "/proc/meminfo", "key": "MemFree", "ratio": "1024/1"}}"#
        ),
    );
    assert_eq!(log, "");
    for (metric, expected) in [
        ("volts", 12.034),
        ("more", 1_203_400.0),
        ("used", 1.5),
        ("of", 4096.0),
        ("minus", -3.25),
        ("psu", 7.0),
        ("last", 9.0),
    ] {
        assert!(
            is(value(&lines, metric), expected),
            "{metric}: {:?}",
            value(&lines, metric)
        );
    }
    assert!(value(&lines, "free").unwrap() > 1e6);
}

#[test]
fn custom_number_that_is_invalid_is_logged_once_and_counted() {
    let folder = Folder::new("custom-fault");
    let path = folder.join("value");
    fs::write(&path, "3 apples\n").unwrap();
    let transfer = Transfer::new();
    let custom = |metric: &str, keys: &str| {
        format!(
            r#"{{"metric": "{metric}", "file": "{}", "interval": "20ms"{keys}}}"#,
            path.display()
        )
    };
    let text = format!(
        r#"{{"trans": "{}", "flush": "20ms", "metrics": "agent=20ms,agent", "custom": [{}, {}, {}, {}]}}"#,
        transfer.address(),
        custom("word", r#", "field": 2"#),
        custom("line", r#", "line": 2"#),
        custom("good", ""),
        r#"{"metric": "gone", "file": "/nowhere", "interval": "20ms"}"#
    );
    let mut agent = Agent::start(&[&folder.config(&text)]);
    let lines = Lines::of(transfer.accept());
    let mut log = Vec::new();
    for _ in 0..3 {
        log.push(agent.log.next());
        while !log.last().unwrap().contains(": ") || log.last().unwrap().contains("local addr") {
            log.push(agent.log.next());
        }
    }
    let next = |metric: &str| loop {
        let line = Line::parse(&lines.next());
        if line.metric == metric {
            return line.value;
        }
    };
    for _ in 0..20 {
        assert!((next("good") - 3.0).abs() < 1e-9);
    }
    assert!(next("agent.errors") > 30.0);
    // Mended, and broken in another way.
    fs::write(&path, "3 4\n5\n").unwrap();
    agent.log.wait_for("word: can be read again");
    assert!((next("word") - 4.0).abs() < 1e-9 && (next("line") - 5.0).abs() < 1e-9);
    agent.stop();
    log.extend(agent.rest_of_log());
    let count = |words: &str| log.iter().filter(|line| line.contains(words)).count();
    let file = path.display();
    assert_eq!(
        count(&format!("word: {file}: not a number, or too large")),
        1,
        "{log:?}"
    );
    assert_eq!(
        count(&format!("line: {file}: no such line or field")),
        1,
        "{log:?}"
    );
    assert_eq!(count("gone: /nowhere: no such file or directory"), 1, "{log:?}");
}

#[test]
fn custom_number_has_its_own_interval_and_its_file_may_be_replaced() {
    let folder = Folder::new("custom-interval");
    let path = folder.join("value");
    fs::write(&path, "1").unwrap();
    let text = |often: &str, interval: &str| {
        format!(
            r#"{{"trans": "-", "flush": "10ms", "metrics": "load=24h,load", "custom": [
            {{"metric": "{often}", "file": "{0}", "interval": "{interval}"}},
            {{"metric": "seldom", "file": "{0}", "interval": "24h"}}]}}"#,
            path.display()
        )
    };
    let mut agent = Agent::start(&[&folder.config(&text("often", "20ms"))]);
    let lines = Lines::of(agent.out());
    let (mut often, mut seldom) = (0, 0);
    // The seldom one has its first turn within a second.
    while often < 20 || seldom == 0 {
        let line = Line::parse(&lines.next());
        often += usize::from(line.metric == "often");
        seldom += usize::from(line.metric == "seldom");
    }
    assert_eq!(seldom, 1);
    let new = folder.join("new");
    fs::write(&new, "2").unwrap();
    fs::rename(&new, &path).unwrap();
    while (Line::parse(&lines.next()).value - 2.0).abs() > 0.1 {}
    // Read again: what is another one is due, what is as it was goes on.
    folder.config(&text("other", "20ms"));
    agent.signal("HUP");
    let after: Vec<_> = (0..200).map(|_| Line::parse(&lines.next()).metric).collect();
    assert!(after.iter().any(|metric| metric == "other"), "{after:?}");
    assert!(!after.iter().any(|metric| metric == "seldom"), "{after:?}");
    agent.stop();
}

#[test]
fn example_file_has_every_key_and_runs() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib/mini-monitor.json");
    let text = fs::read_to_string(&example).unwrap();
    let file = format!("-config={}", example.display());
    let help = String::from_utf8(output(&["-h"]).stdout).unwrap();
    let flags = help.lines().filter_map(|line| line.trim().strip_prefix('-'));
    let names = flags.map(|line| line.split(' ').next().unwrap());
    let settings: Vec<_> = names.take_while(|name| *name != "config").collect();
    assert!(settings.len() > 15);
    let told = String::from_utf8(output(&[&file, "-check"]).stdout).unwrap();
    for key in settings.iter().chain(&[
        "families", "custom", "on", "line", "key", "field", "scale", "ratio",
    ]) {
        // What says the same in another way is in `families`.
        let is_there = ["metrics"].contains(key) || text.contains(&format!("\"{key}\":"));
        assert!(is_there, "{key} is not in the example");
    }
    assert!(
        told.contains("net: every 5s, only eth*,br-lan, without eth9"),
        "{told}"
    );
    assert!(
        told.contains("mem.dirty.mb: every 5s, from /proc/meminfo"),
        "{told}"
    );

    let spool = Folder::new("example");
    let path = format!("-spool={}", spool.join("spool").display());
    let transfer = Transfer::new();
    let mut agent = Agent::start(&[&file, &path, &transfer.flag(), "-flush=20ms"]);
    let lines = Lines::of(transfer.accept());
    let dirty = lines.wait_for("mem.dirty.mb");
    let line = Line::parse(&dirty);
    assert_eq!(
        (line.endpoint.as_str(), &line.tag[1..]),
        ("router-7", &["site=attic".to_owned(), "rack=1".into()][..])
    );
    lines.wait_for("files.open");
    lines.wait_for("example.words");
    agent.stop();
}
