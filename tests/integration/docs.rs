//! The README's tables say what the binary says.

use crate::common::output;
use std::fs;
use std::path::Path;

fn file(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(name)).unwrap()
}

fn printed(flag: &str) -> String {
    String::from_utf8(output(&[flag]).stdout).unwrap()
}

/// The cells of the rows of the table below a heading, without back quotes.
fn table(text: &str, heading: &str) -> Vec<Vec<String>> {
    let section = text.split(&format!("\n## {heading}\n")).nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let cells = |row: &str| {
        let cells = row.trim_matches('|').split('|');
        cells.map(|cell| cell.trim().replace('`', "")).collect()
    };
    rows.map(cells).collect()
}

#[test]
fn readme_has_every_flag_with_its_default_and_meaning() {
    let help = printed("-h");
    let mut expected = Vec::new();
    let mut lines = help.lines().skip(1);
    while let (Some(flag), Some(meaning)) = (lines.next(), lines.next()) {
        let (meaning, default) = match meaning.trim().rsplit_once(" (default ") {
            Some((meaning, default)) => (meaning, default.trim_end_matches(')')),
            None => (meaning.trim(), ""),
        };
        expected.push(vec![
            flag.trim().to_owned(),
            default.to_owned(),
            meaning.to_owned(),
        ]);
    }
    assert!(expected.len() > 10);
    assert_eq!(table(&file("README.md"), "Flags"), expected);
}

#[test]
fn readme_has_every_metric_with_unit_kind_interval_and_meaning() {
    let list = printed("-list");
    let columns = |line: &str| {
        let mut rest = line;
        let mut cells = Vec::new();
        for _ in 0..5 {
            let (cell, after) = rest.split_once(' ').unwrap();
            cells.push(cell.to_owned());
            rest = after.trim_start();
        }
        cells.push(rest.to_owned());
        cells
    };
    let expected: Vec<Vec<String>> = list.lines().map(columns).collect();
    assert!(expected.len() > 8);
    assert_eq!(table(&file("README.md"), "Metrics"), expected);
}

#[test]
fn make_help_lists_exactly_the_targets() {
    let makefile = file("Makefile");
    let phony = makefile
        .lines()
        .find_map(|line| line.strip_prefix(".PHONY: "))
        .unwrap();
    let mut phony: Vec<&str> = phony.split(' ').collect();
    let mut helped: Vec<&str> = makefile
        .lines()
        .filter_map(|line| line.split_once(": ").filter(|(_, rest)| rest.contains("## ")))
        .map(|(name, _)| name)
        .collect();
    phony.sort_unstable();
    helped.sort_unstable();
    assert_eq!(helped, phony);
}

#[test]
fn changelog_starts_with_this_version() {
    let heading = format!("\n## {}", env!("CARGO_PKG_VERSION"));
    let changelog = file("CHANGELOG.md");
    let first = changelog.find("\n## ").unwrap();
    assert!(changelog[first..].starts_with(&heading));
}
