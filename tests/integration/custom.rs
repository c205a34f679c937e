//! Metrics of the user's own.

use crate::common::{Agent, Folder, Line, Lines, Transfer, is_root, output};
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
fn custom_number_has_its_tags_after_those_of_each_line() {
    let folder = Folder::new("custom-tags");
    let path = folder.join("value");
    fs::write(&path, "7\n8\n").unwrap();
    let number = |keys: &str| format!(r#"{{"metric": "own", "file": "{}"{keys}}}"#, path.display());
    let customs = [
        number(r#", "tag": ["place=at\"tic", "plain"]"#),
        number(r#", "tag": "place=cellar", "line": 2"#),
        number(""),
    ];
    let file = folder.config(&format!(
        r#"{{"metrics": "load", "tag": "site=a", "custom": [{}]}}"#,
        customs.join(", ")
    ));
    let checked = String::from_utf8(output(&[&file, "-check"]).stdout).unwrap();
    assert!(checked.contains("value, tag place=cellar\n"), "{checked}");
    let printed = String::from_utf8(output(&[&file, "-once"]).stdout).unwrap();
    let own: Vec<_> = printed
        .lines()
        .map(Line::parse)
        .filter(|line| line.metric == "own")
        .collect();
    let tags: Vec<_> = own.iter().map(|line| line.tag.join(" ")).collect();
    assert_eq!(
        tags,
        [
            "linux site=a place=at\"tic plain",
            "linux site=a place=cellar",
            "linux site=a"
        ]
    );
    assert!(is(Some(own[0].value), 7.0) && is(Some(own[1].value), 8.0));
}

#[test]
fn tags_that_do_not_fit_into_a_line_are_refused() {
    let folder = Folder::new("custom-long-tags");
    let check = |length: usize| {
        let tag = "x".repeat(length);
        let file = folder.config(&format!(
            "{{\n\"custom\": [{{\"metric\": \"a\", \"file\": \"/b\",\n\"tag\": \"{tag}\"}}]}}"
        ));
        let output = output(&[&file, "-check"]);
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    assert_eq!(check(1000), (Some(0), String::new()));
    let (status, error) = check(2000);
    assert_eq!(status, Some(1));
    assert!(
        error.ends_with(":3: custom.tag: a line with these tags takes more than 2048 bytes\n"),
        "{error}"
    );
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

fn contrib(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("contrib").join(name);
    format!("-config={}", path.display())
}

#[test]
fn reference_file_runs() {
    let file = contrib("reference.json");
    let told = String::from_utf8(output(&[&file, "-check"]).stdout).unwrap();
    for line in [
        "net: every 5s, only eth*,br-lan, without eth9\n",
        "mem.dirty.mb: every 5s, from /proc/meminfo, tag unit=mb\n",
    ] {
        assert!(told.contains(line), "{told}");
    }
    // All else is at its default.
    let settings: Vec<&str> = told
        .lines()
        .filter(|line| line.starts_with("setting: "))
        .collect();
    assert_eq!(settings, ["setting: endpoint router-7"]);

    let transfer = Transfer::new();
    let mut agent = Agent::start(&[&file, &transfer.flag(), "-flush=20ms", "-tag=site=attic"]);
    let lines = Lines::of(transfer.accept());
    let mut missing = vec!["files.open", "mem.dirty.mb", "directories.in.tmp"];
    // A script with another user.
    if is_root() {
        missing.push("descriptors.limit");
    }
    while !missing.is_empty() {
        let line = lines.next_of(|line| missing.contains(&line.metric.as_str()));
        assert_eq!(
            (line.endpoint.as_str(), line.tag[1].as_str()),
            ("router-7", "site=attic")
        );
        missing.retain(|metric| *metric != line.metric);
    }
    agent.stop();
}

#[test]
fn sample_file_changes_nothing() {
    let told = |flags: &[&str]| {
        // Files of a machine that stays as it is.
        let proc = format!("-proc={}", crate::common::fixture("bare").display());
        let output = output(&[&["-check", "-metrics=load", &proc], flags].concat());
        assert_eq!(output.status.code(), Some(0));
        let text = String::from_utf8(output.stdout).unwrap();
        let (_, rest) = text.split_once('\n').unwrap();
        rest.to_owned()
    };
    let empty = Folder::new("no-keys");
    assert_eq!(
        told(&[&contrib("mini-monitor.json")]),
        told(&[&empty.config("{}")])
    );
}
