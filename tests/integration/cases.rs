//! Files of machines that people have reported faults from, each with the samples that must come, and those that must not.
//!
//! `tests/cases/NUMBER-NAME/expected.txt` has a rule a line: `metric key=value … value`, without a value where any will do,
//! `NOT` before what must not come, and comments. The mounts of a case are checked by the tests of the family `disk`.

use crate::common::{Agent, Folder, Line, Lines, output};
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

fn cases() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let cases = fs::read_dir(folder).unwrap();
    cases.map(|entry| entry.unwrap().path()).collect()
}

/// The processes that the rules name.
fn processes(rules: &str) -> String {
    let names = rules
        .split_whitespace()
        .filter_map(|word| word.strip_prefix("name="));
    names.collect::<Vec<_>>().join(",")
}

/// The flags for the roots of a case, which may lack one of them.
fn roots(case: &Path) -> [String; 2] {
    ["proc", "sys"].map(|root| {
        let folder = Some(case.join(root)).filter(|folder| folder.exists());
        format!("-{root}={}", folder.as_deref().unwrap_or(case).display())
    })
}

/// Checks the lines of a case; returns the rules that are broken.
fn broken<'r>(rules: &'r str, lines: &[Line]) -> Vec<&'r str> {
    let is_kept = |rule: &&str| {
        let words: Vec<&str> = rule.split(' ').collect();
        let (is_forbidden, words) = match words.split_first() {
            Some((&"NOT", rest)) => (true, rest),
            _ => (false, &words[..]),
        };
        let (value, tags): (Vec<&str>, Vec<&str>) =
            words[1..].iter().partition(|word| word.parse::<f64>().is_ok());
        let comes = lines.iter().any(|line| {
            line.metric == words[0]
                && tags.iter().all(|tag| line.tag.iter().any(|other| other == tag))
                && value
                    .iter()
                    .all(|value| (line.value - value.parse::<f64>().unwrap()).abs() < 0.000_051)
        });
        comes != is_forbidden
    };
    let rules = rules
        .lines()
        .filter(|rule| !rule.is_empty() && !rule.starts_with('#'));
    rules.filter(|rule| !is_kept(rule)).collect()
}

#[test]
fn reported_machines_give_the_expected_samples() {
    let mut count = 0;
    for case in cases() {
        let rules = fs::read_to_string(case.join("expected.txt")).unwrap();
        if case.join("stat.before").exists() || case.join("proc/self/mountinfo").exists() {
            continue;
        }
        let [proc, sys] = roots(&case);
        let names = format!("-process=init,{}", processes(&rules));
        let output = output(&[
            "-once",
            "-trans=-",
            "-metrics=cpu,mem,net,diskio,temp,process",
            &proc,
            &sys,
            &names,
        ]);
        let text = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<Line> = text.lines().map(Line::parse).collect();
        assert_eq!(broken(&rules, &lines), [""; 0], "{}", case.display());
        count += 1;
    }
    assert!(count >= 11, "{count}");
}

/// Shares need two reads: the text of `stat.before`, and then that of `proc/stat`.
#[test]
fn reported_machines_give_the_expected_shares_of_two_reads() {
    let mut count = 0;
    for case in cases().iter().filter(|case| case.join("stat.before").exists()) {
        let folder = Folder::new("case");
        let read = |file: &str| fs::read_to_string(case.join(file)).unwrap();
        let (before, after, rules) = (read("stat.before"), read("proc/stat"), read("expected.txt"));
        // The file stays the same one, and is never seen half-written.
        let length = before.len().max(after.len()) + 1;
        let text = |text: &str| format!("{text}{}\n", " ".repeat(length - text.len() - 1));
        fs::write(folder.join("stat"), text(&before)).unwrap();
        let mut agent = Agent::start(&[
            "-trans=-",
            &format!("-proc={}", folder.path()),
            "-metrics=cpu=50ms",
            "-flush=50ms",
        ]);
        let output = Lines::of(agent.out());
        output.wait_for("\"cpu.count\"");
        let file = fs::OpenOptions::new().write(true).open(folder.join("stat"));
        file.unwrap().write_all_at(text(&after).as_bytes(), 0).unwrap();
        // Turns of the file before may still come.
        let (mut lines, mut turns) = (Vec::new(), 0);
        while turns < 4 || turns < 100 && !broken(&rules, &lines).is_empty() {
            let line = Line::parse(&output.next());
            turns += u32::from(line.metric == "cpu.count");
            lines.push(line);
        }
        agent.stop();
        assert_eq!(broken(&rules, &lines), [""; 0], "{}", case.display());
        count += 1;
    }
    assert!(count >= 3, "{count}");
}
