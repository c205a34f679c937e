//! `-once` with metrics of the user's own, and what is left when standard output ends.

mod common;

use common::{Agent, Folder, Line, Lines, command};
use std::fs;
use std::path::Path;

fn config(folder: &Folder, text: &str) -> String {
    let path = folder.join("mini-monitor.json");
    fs::write(&path, text).unwrap();
    format!("-config={}", path.display())
}

fn lines(text: &str, metric: &str) -> usize {
    text.lines()
        .filter(|line| Line::parse(line).metric == metric)
        .count()
}

#[test]
fn each_metric_is_taken_once_however_long_the_slowest_takes() {
    let folder = Folder::new("once-each");
    let config = config(
        &folder,
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

#[test]
fn nothing_is_left_when_nobody_reads_standard_output_any_more() {
    let folder = Folder::new("reader-gone");
    let socket = folder.join("socket");
    let text = format!(
        r#"{{"trans": "-", "metrics": "agent=20ms", "flush": "20ms", "listen": "{}",
            "custom": [{{"exec": "trap '' TERM; echo own $$; sleep 1000; sleep 1000", "interval": "1h"}}]}}"#,
        socket.display()
    );
    let mut agent = Agent::start(&[&config(&folder, &text)]);
    let out = Lines::of(agent.out());
    let script = Line::parse(&out.wait_for("\"own\"")).value as u32;
    assert!(socket.exists());
    drop(out);
    assert_eq!(agent.wait().code(), Some(1));
    assert!(!socket.exists());
    assert!(!Path::new(&format!("/proc/{script}")).exists());
}
