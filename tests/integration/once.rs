//! `-once` with metrics of the user's own, and what is left when standard output ends.

use crate::common::{Agent, Folder, Line, Lines, command, fixture, poll};
use std::fs;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Stdio};

fn lines(text: &str, metric: &str) -> usize {
    text.lines()
        .filter(|line| Line::parse(line).metric == metric)
        .count()
}

/// Starts the agent with `-once`; standard output is read by the test.
fn spawn_once(config: &str) -> Child {
    let mut once = command();
    once.args([config, "-once"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

#[test]
fn once_collects_each_metric_once_however_long_the_slowest_takes() {
    let folder = Folder::new("once-each");
    let config = folder.config(
        r#"{"metrics": "load", "custom": [
            {"metric": "file", "file": "/proc/self/stat", "field": 4, "interval": "10ms"},
            {"exec": "echo quick 1", "interval": "800ms"},
            {"exec": "sleep 2; echo slow 1", "interval": "1h"}]}"#,
    );
    let output = command().args([&config, "-once"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    for metric in ["file", "quick", "slow", "cpu.load1"] {
        assert_eq!(lines(&text, metric), 1, "{metric} in {text}");
    }
    assert_eq!(output.status.code(), Some(0));
}

/// Clock ticks of processor time (`proc(5)`).
fn ticks(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let (_, rest) = text.rsplit_once(')').unwrap();
    let fields: Vec<&str> = rest.split_whitespace().collect();
    [11, 12]
        .iter()
        .map(|place| fields[*place].parse::<u64>().unwrap())
        .sum()
}

#[test]
fn once_waits_for_a_slow_reader_and_scripts_wait_too() {
    let folder = Folder::new("once-slow");
    let [printed, done] = ["printed", "done"].map(|name| folder.join(name));
    // Together more than the pipe holds.
    let script = |name: &str, last: &str| {
        let text = format!("i=0; while [ $i -lt 400 ]; do i=$((i+1)); echo {name}$i $i; done; {last}");
        format!(r#"{{"exec": "{text}", "interval": "24h"}}"#)
    };
    let text = format!(
        r#"{{"metrics": "load", "buffer": "4K", "custom": [{}, {}, {}]}}"#,
        script("a", "true"),
        script("b", "true"),
        script(
            "c",
            &format!("touch {}; sleep 2; touch {}", printed.display(), done.display())
        )
    );
    let config = folder.config(&text);
    let mut child = spawn_once(&config);
    let mut out = child.stdout.take().unwrap();
    poll(|| printed.exists().then_some(()), "all that the script prints");
    let before = ticks(child.id());
    poll(|| done.exists().then_some(()), "the script's end");
    let used = ticks(child.id()) - before;
    assert!(used < 100, "{used} ticks while there was nothing to do");
    let mut text = String::new();
    out.read_to_string(&mut text).unwrap();
    assert!(text.len() > 64 << 10);
    for name in ["a1", "a400", "b1", "b400", "c1", "c400"] {
        assert_eq!(lines(&text, name), 1, "{name}");
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn once_leaves_no_process_when_standard_output_closes() {
    let folder = Folder::new("reader-gone");
    let socket = folder.join("socket");
    let text = format!(
        r#"{{"trans": "-", "metrics": "agent=20ms", "flush": "20ms", "listen": "{}",
            "custom": [{{"exec": "trap '' TERM; echo own $$; sleep 1000; sleep 1000", "interval": "1h"}}]}}"#,
        socket.display()
    );
    let mut agent = Agent::start(&[&folder.config(&text)]);
    let out = Lines::of(agent.out());
    let script = Line::parse(&out.wait_for("\"own\"")).value as u32;
    assert!(socket.exists());
    drop(out);
    assert_eq!(agent.wait().code(), Some(3));
    assert!(!socket.exists());
    assert!(!Path::new(&format!("/proc/{script}")).exists());
}

#[test]
fn check_counts_the_series_that_once_prints() {
    let folder = Folder::new("once-check");
    let config = folder.config(r#"{"custom": [{"metric": "file", "file": "/proc/self/stat", "field": 4}]}"#);
    let machine = fixture("router-6.12");
    let sys = machine.parent().unwrap().join("sys");
    let roots = [
        format!("-proc={}", machine.display()),
        format!("-sys={}", sys.display()),
    ];
    let printed = |flag: &str| {
        let output = command().args([&config, flag]).args(&roots).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let text = printed("-once");
    let check = printed("-check");
    let count = text.lines().count();
    let words = format!("\nbuffer 256K: {count} series, ");
    assert!(check.contains(&words), "{count} lines, but: {check}");
    assert!(
        check.contains(" at full density, thinned after that: "),
        "{check}"
    );
}

#[test]
fn check_reports_a_buffer_smaller_than_a_turn() {
    let machine = fixture("router-6.12");
    let sys = machine.parent().unwrap().join("sys");
    let check = |buffer: &str| {
        let roots = [
            format!("-proc={}", machine.display()),
            format!("-sys={}", sys.display()),
        ];
        let output = command().args(["-check", buffer]).args(roots).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    let warning = "\nwarning: the buffer holds less than one turn of samples (";
    assert!(check("-buffer=4K").contains(warning), "{}", check("-buffer=4K"));
    assert!(!check("-buffer=256K").contains(warning));
}

#[test]
fn once_keeps_lines_in_memory_for_a_reader_that_stops() {
    let folder = Folder::new("once-stops");
    // More than pipe and configured buffer hold, all of it printed at once.
    let script = "i=0; while [ $i -lt 1000 ]; do i=$((i+1)); echo n$i 1; done";
    let scripts: Vec<String> = (0..6)
        .map(|number| format!(r#"{{"exec": "{script} # {number}", "interval": "24h"}}"#))
        .collect();
    let text = format!(
        r#"{{"metrics": "load", "buffer": "4K", "custom": [{}]}}"#,
        scripts.join(", ")
    );
    let config = folder.config(&text);
    let mut child = spawn_once(&config);
    std::thread::sleep(std::time::Duration::from_secs(3));
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(lines(&text, "n1000"), 6);
    assert_eq!(
        text.lines()
            .filter(|line| line.contains("\"metric\":\"n"))
            .count(),
        6_000
    );
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
