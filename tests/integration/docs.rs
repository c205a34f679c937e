//! README, manual pages and documents say what the binary says, and agree with themselves.

use crate::common::{Folder, command, output};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Stdio};

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
fn options_page_has_every_flag_with_its_default_and_meaning() {
    let expected = help_options();
    assert!(expected.len() > 10);
    assert_eq!(table(&file("docs/options.md"), "Flags"), expected);
}

/// The options that -h prints: the flag with the name of its value, the default (or nothing), the meaning.
pub(crate) fn help_options() -> Vec<[String; 3]> {
    let help = printed("-h");
    let (options, _) = help.split_once("\nExamples:\n").unwrap();
    let entries = options.split("\n  -").skip(1);
    let option = |entry: &str| {
        let (flag, text) = entry.split_once('\n').unwrap();
        let lines = text.lines().map_while(|line| line.strip_prefix("      "));
        let text = lines.collect::<Vec<_>>().join(" ");
        let (meaning, default) = match text.rsplit_once(" (default ") {
            Some((meaning, default)) => (meaning, default.trim_end_matches(')')),
            None => (text.as_str(), ""),
        };
        [&format!("-{flag}"), default, meaning].map(str::to_owned)
    };
    entries.map(option).collect()
}

#[test]
fn examples_of_help_are_accepted() {
    let help = printed("-h");
    let (_, examples) = help.split_once("\nExamples:\n").unwrap();
    let examples = examples
        .lines()
        .filter_map(|line| line.strip_prefix("  mini-monitor "));
    let folder = Folder::new("help-examples");
    let spool = folder.join("spool").display().to_string();
    let mut count = 0;
    for example in examples.map(|example| example.replace("/root/spool", &spool)) {
        // Two commands are refused; -once shows itself that it works.
        let mut arguments: Vec<&str> = example.split(' ').collect();
        if !arguments.contains(&"-once") {
            arguments.push("-check");
        }
        let output = command().args(&arguments).output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {output:?}");
        count += 1;
    }
    assert_eq!(count, 2);
}

#[test]
fn metrics_page_has_every_metric_with_unit_kind_interval_and_meaning() {
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
    assert_eq!(table(&file("docs/metrics.md"), "All metrics"), expected);
}

/// README, changelog, the page for contributors and those of docs, each with its text.
fn pages() -> Vec<(String, String)> {
    let docs = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs")).unwrap();
    let names = docs.map(|entry| format!("docs/{}", entry.unwrap().file_name().display()));
    let names = names.filter(|name| Path::new(name).extension().is_some_and(|end| end == "md"));
    let top = ["README.md", "CHANGELOG.md", "CONTRIBUTING.md"].map(str::to_owned);
    let with_text = |name: String| {
        let text = file(&name);
        (name, text)
    };
    top.into_iter().chain(names).map(with_text).collect()
}

/// The anchors of a page, as GitHub makes them of its headings.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let heading = heading.trim_start_matches('#').trim().to_lowercase();
        let kept = heading
            .chars()
            .filter(|c| c.is_alphanumeric() || " -_".contains(*c));
        kept.collect::<String>().replace(' ', "-")
    };
    headings.map(anchor).collect()
}

/// Lines that are not indented as commands are.
fn prose(text: &str) -> String {
    let lines = text.lines().filter(|line| !line.starts_with("    "));
    lines.collect::<Vec<_>>().join("\n")
}

#[test]
fn every_relative_link_of_the_documentation_leads_somewhere() {
    let (mut links, mut anchored) = (0, 0);
    for (name, text) in pages() {
        assert!(!text.contains("```"), "{name}: fences hide headings and links");
        for rest in prose(&text).split("](").skip(1) {
            let target = rest.split(')').next().unwrap();
            if target.contains("://") {
                continue;
            }
            let (path, anchor) = target.split_once('#').unwrap_or((target, ""));
            let page = match path {
                "" => Path::new(env!("CARGO_MANIFEST_DIR")).join(&name),
                _ => Path::new(env!("CARGO_MANIFEST_DIR"))
                    .join(&name)
                    .with_file_name(path),
            };
            assert!(page.exists(), "{name}: {target}");
            links += 1;
            if !anchor.is_empty() {
                let anchors = anchors(&fs::read_to_string(page).unwrap());
                assert!(
                    anchors.iter().any(|known| known == anchor),
                    "{name}: {target}: {anchors:?}"
                );
                anchored += 1;
            }
        }
    }
    assert!(links > 40 && anchored > 15, "{links} {anchored}");
}

#[test]
fn every_file_named_in_the_documentation_exists() {
    let mut count = 0;
    for (name, text) in pages() {
        for words in prose(&text).split('`').skip(1).step_by(2) {
            let path = words.split(' ').next().unwrap();
            let starts = ["contrib/", "docs/", "src/", "tests/", ".ci/"];
            if starts.iter().any(|start| path.starts_with(start)) {
                let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(path);
                assert!(path.exists(), "{name}: {words}");
                count += 1;
            }
        }
    }
    assert!(count > 10, "{count}");
}

#[test]
fn readme_has_at_most_140_lines() {
    let lines = file("README.md").lines().count();
    assert!(lines <= 140, "{lines} lines");
}

#[test]
fn every_page_of_docs_is_in_the_readme_and_starts_with_its_purpose() {
    let readme = file("README.md");
    let (_, list) = readme.split_once("\n## Documentation\n").unwrap();
    for (name, text) in pages() {
        if name.starts_with("docs/") {
            assert!(list.contains(&format!("]({name})")), "{name}");
            let first = text.lines().nth(2).unwrap();
            assert!(first.starts_with("This page "), "{name}: {first}");
        }
    }
}

/// The indented blocks of a page that are a configuration, without their indentation.
fn configurations(text: &str) -> Vec<String> {
    let mut blocks = vec![String::new()];
    for line in text.lines() {
        match (line.strip_prefix("    "), blocks.last_mut()) {
            (Some(line), Some(block)) => block.extend([line, "\n"]),
            _ => blocks.push(String::new()),
        }
    }
    let is_configuration = |block: &String| block.starts_with('{') && !block.starts_with("{\"metric\"");
    let part = |block: &String| block.starts_with('"').then(|| format!("{{{block}}}"));
    let parts: Vec<String> = blocks.iter().filter_map(part).collect();
    blocks.retain(is_configuration);
    blocks.extend(parts);
    blocks
}

#[test]
fn configurations_of_the_documentation_are_accepted() {
    let folder = Folder::new("docs-configuration");
    let path = folder.join("file.json");
    let mut count = 0;
    for (name, text) in pages() {
        for block in configurations(&text) {
            // No name server is asked.
            let block = block
                .replace("db.lan", "127.0.0.1")
                .replace("transfer.lan", "127.0.0.1");
            // Only root runs scripts as another user.
            let block = block
                .replace("a.lan", "127.0.0.1")
                .replace(", \"user\": \"nobody\"", "");
            fs::write(&path, &block).unwrap();
            let output = output(&["-check", "-config", path.to_str().unwrap()]);
            let log = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(0), "{name}: {block}{log}");
            count += 1;
        }
    }
    assert!(count >= 5, "{count}");
}

#[test]
fn defaults_in_sentences_are_those_of_help() {
    let mut count = 0;
    for [flag, default, _] in help_options() {
        let name = flag.split(' ').next().unwrap();
        // 5s is "5 s" in a sentence.
        let spaced = default.replace('s', " s");
        for (page, text) in pages() {
            let text = text.replace('\n', " ");
            for (position, _) in text.match_indices(&format!(" (`{name}`")) {
                let before = &text[..position];
                if before.ends_with(" s") {
                    assert!(before.ends_with(&format!(" {spaced}")), "{page}: {name}");
                    count += 1;
                }
            }
            for rest in text.split(&format!("`{name}`, ")).skip(1) {
                if let Some((value, _)) = rest.split_once(" by default")
                    && !value.contains(' ')
                {
                    assert_eq!(value, default, "{page}: {name}");
                    count += 1;
                }
            }
        }
    }
    assert!(count >= 3, "{count}");
}

/// The words of a command, as the shell splits them.
fn words(command: &str) -> Vec<String> {
    let script = format!("printf '%s\\n' {command}");
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn commands_of_the_documentation_are_accepted() {
    let mut count = 0;
    for (name, text) in pages() {
        // Examples in containers, with this machine's files; no name server is asked.
        let text = text
            .replace("\\\n", " ")
            .replace("/host/", "/")
            .replace("-root /host", "-root /")
            .replace("db.lan", "127.0.0.1")
            .replace("collect.lan", "127.0.0.1");
        let commands = text.lines().filter_map(|line| {
            let line = line.strip_prefix("    ")?.trim_start_matches("$ ");
            line.trim_start_matches("target/release/")
                .strip_prefix("mini-monitor -")
        });
        for command in commands {
            let mut words = words(&format!("-{command}"));
            if !words.iter().any(|word| word == "-once" || word == "-check") {
                words.push("-check".to_owned());
            }
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let output = output(&words);
            assert!(output.status.success(), "{name}: {command}: {output:?}");
            count += 1;
        }
    }
    assert!(count >= 15, "{count}");
}

#[test]
fn targets_of_make_that_the_documentation_names_exist() {
    let makefile = file("Makefile");
    let is_target = |name: &str| makefile.contains(&format!("\n{name}: "));
    let mut count = 0;
    for (name, text) in pages() {
        let code = text.split('`').skip(1).step_by(2);
        let blocks = text.lines().filter(|line| line.starts_with("    "));
        let blocks = blocks.map(|line| line.split(" #").next().unwrap());
        for rest in code.chain(blocks).flat_map(|code| code.split("make ").skip(1)) {
            let mut words = rest.split_whitespace();
            // Variables may come first.
            let target = words.find(|word| !word.contains('=')).unwrap_or("all");
            assert!(is_target(target), "{name}: make {rest}");
            count += 1;
        }
    }
    assert!(count > 60, "{count}");
}

/// The first cell and the others of each row of a page's tables.
fn rows(text: &str) -> Vec<(&str, Vec<&str>)> {
    let rows = text.lines().filter_map(|line| line.strip_prefix("| "));
    rows.map(|row| {
        let mut cells = row.trim_end_matches('|').split('|').map(str::trim);
        (cells.next().unwrap(), cells.collect())
    })
    .collect()
}

#[test]
fn traffic_of_the_readme_is_that_of_the_fleet_page() {
    let (readme, fleet) = (file("README.md"), file("docs/fleet.md"));
    let sentences = fleet.replace('\n', " ");
    let (_, table) = readme.split_once("| format |").unwrap();
    let table = table.split("\n\n").next().unwrap();
    let mut count = 0;
    for (format, cells) in rows(table) {
        let Some((_, known)) = rows(&fleet)
            .into_iter()
            .find(|(first, cells)| *first == format && cells.len() == 4)
        else {
            assert!(format.starts_with('-'), "{format}");
            continue;
        };
        assert_eq!(cells[0], known[2], "{format}");
        let form = match format.strip_suffix(", `-gzip`") {
            Some(form) => form.replace(" over HTTP", "") + " with `-gzip`",
            None => format.to_owned(),
        };
        let slow = ["MB as", "MB a day as"].map(|unit| format!("{} {unit} {form}", cells[1]));
        assert!(slow.iter().any(|slow| sentences.contains(slow)), "{slow:?}");
        count += 1;
    }
    assert_eq!(count, 5);
}

/// The URLs of a document's tables that have a cell with a form, with that form. The hosts are replaced by this one.
fn urls_with_forms(text: &str) -> Vec<(String, &str)> {
    let forms = ["influx", "otlp", "prometheus", "json"];
    let rows = text.lines().filter(|line| line.starts_with("| "));
    rows.filter_map(|row| {
        let mut cells = row.split('|').map(|cell| cell.trim().trim_matches('`'));
        let form = cells.find(|cell| forms.contains(cell))?;
        let (_, url) = row.split_once("://")?;
        let url = url.split(['`', '\'', ' ']).next()?;
        let path = &url[url.find('/')?..];
        Some((format!("http://127.0.0.1:1{path}"), form))
    })
    .collect()
}

#[test]
fn urls_of_the_documentation_have_the_forms_that_it_names() {
    for (name, least) in [("docs/receivers.md", 15), ("docs/fleet.md", 7)] {
        let text = file(name);
        let urls = urls_with_forms(&text);
        assert!(urls.len() >= least, "{name}: {urls:?}");
        for (url, form) in urls {
            let report = String::from_utf8(output(&["-check", "-trans", &url]).stdout).unwrap();
            let url = url.split('?').next().unwrap();
            let expected = match form {
                "json" => format!("receiver: {url}\n"),
                _ => format!("receiver: {url} as {form}\n"),
            };
            assert!(report.contains(&expected), "{name}: {expected}{report}");
        }
    }
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

const MANUAL: &str = "docs/man/mini-monitor.8";
const MANUAL_OF_FILE: &str = "docs/man/mini-monitor.json.5";

#[test]
fn manual_has_the_options_of_help() {
    let help = printed("-h");
    for (page, kind) in [(MANUAL, "flags"), (MANUAL_OF_FILE, "keys")] {
        let mut script = Command::new("sh")
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/man/options"))
            .arg(kind)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        // The script closes its input early when it needs the first part only.
        let _ = script.stdin.take().unwrap().write_all(help.as_bytes());
        let expected = String::from_utf8(script.wait_with_output().unwrap().stdout).unwrap();
        assert!(expected.lines().count() > 20);
        let text = file(page);
        let (_, list) = text.split_once("Options begin.\n").unwrap();
        let (list, _) = list.split_once(".\\\" Options end.").unwrap();
        assert!(list == expected, "{page} is old: make manual");
    }
}

#[test]
fn manual_has_every_key_of_the_reference() {
    let reference = file("contrib/reference.json");
    // A string is a key if a colon follows it.
    let strings: Vec<&str> = reference.split('"').collect();
    let pairs = strings.windows(2).skip(1).step_by(2);
    let keys = pairs.filter(|pair| pair[1].starts_with(':'));
    // The keys of `families`; `process` is a family and an option.
    let families: BTreeSet<String> = printed("-list")
        .lines()
        .map(|line| line.split_whitespace().nth(3).unwrap().to_owned())
        .collect();
    let expected: BTreeSet<&str> = keys
        .filter(|pair| !(pair[1].starts_with(": {") && families.contains(pair[0])))
        .map(|pair| pair[0])
        .collect();
    assert!(expected.len() > 30);

    let manual = file(MANUAL_OF_FILE);
    let lines: Vec<&str> = manual.lines().collect();
    let named = lines.windows(2).filter_map(|pair| match pair[0] {
        "The key" => pair[1].strip_prefix(".Cm "),
        _ => pair[1].strip_prefix(".It Cm "),
    });
    let named: BTreeSet<&str> = named.map(|key| key.split(' ').next().unwrap()).collect();
    assert_eq!(named, expected);
}

#[test]
fn manual_has_the_exit_statuses_of_the_options_page() {
    let rows = file("docs/options.md");
    let rows = rows.split("\n## Exit status\n").nth(1).unwrap();
    let rows = rows.split("\n## ").next().unwrap();
    let statuses = rows.lines().filter_map(|line| line.strip_prefix("| "));
    let expected: Vec<&str> = statuses
        .skip(1)
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let manual = file(MANUAL);
    let section = manual.split("\n.Sh EXIT STATUS\n").nth(1).unwrap();
    let section = section.split("\n.Sh ").next().unwrap();
    let items = section.lines().filter_map(|line| line.strip_prefix(".It "));
    assert_eq!(items.collect::<Vec<_>>(), expected);
    assert_eq!(expected.len(), 4);
}

#[test]
fn examples_of_the_manual_are_valid() {
    let here = |text: &str| {
        text.replace("db.lan", "127.0.0.1")
            .replace("collect.lan", "127.0.0.1")
    };
    let folder = Folder::new("manual");
    let manual = file(MANUAL_OF_FILE);
    let example = manual.split(".Bd -literal -offset indent\n").nth(1).unwrap();
    let example = example.split("\n.Ed\n").next().unwrap();
    let path = folder.join("example.json");
    fs::write(&path, here(example)).unwrap();

    let manual = here(&file(MANUAL)).replace("/etc/mini-monitor.json", path.to_str().unwrap());
    let examples = manual
        .lines()
        .filter_map(|line| line.strip_prefix(".Dl mini-monitor "));
    let mut count = 0;
    for example in examples {
        let mut arguments: Vec<&str> = example.split(' ').collect();
        if !["-once", "-check"].contains(&arguments[0]) {
            arguments.push("-check");
        }
        let result = output(&arguments);
        assert!(result.status.success(), "{example}: {result:?}");
        count += 1;
    }
    assert_eq!(count, 5);
}
