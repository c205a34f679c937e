//! What the lines say, against what the test reads itself.

mod common;

use common::{Agent, Folder, Line, Lines, command, output, values};
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::process::Command;

fn once(arguments: &[&str]) -> Vec<Line> {
    let output = output(&[&["-once"], arguments].concat());
    assert_eq!(
        output.status.code(),
        Some(0),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.ends_with('\n'));
    text.lines().map(Line::parse).collect()
}

fn names(lines: &[Line]) -> Vec<&str> {
    lines.iter().map(|line| line.metric.as_str()).collect()
}

fn assert_close(value: f64, expected: f64) {
    assert!(
        (value - expected).abs() <= 0.000_051,
        "{value}, expected {expected}"
    );
}

/// A sample without who says it and when: `net.up iface=eth0 1`.
fn short(line: &Line, value: &str) -> String {
    let words = [line.metric.as_str()]
        .into_iter()
        .chain(line.tag[1..].iter().map(String::as_str));
    words.chain([value]).collect::<Vec<_>>().join(" ")
}

#[test]
fn what_a_machine_s_files_give_is_exactly_what_stands_beside_them() {
    for machine in ["vm-6.18", "router-2.6.32", "server-many-interrupts", "bare"] {
        let root = common::fixture(machine);
        let (proc, sys) = (root.to_str().unwrap(), root.with_file_name("sys"));
        let output = output(&["-once", "-proc", proc, "-sys", sys.to_str().unwrap()]);
        let text = String::from_utf8(output.stdout).unwrap();
        let samples = text.lines().map(|text| {
            let value = text
                .split("\"value\":")
                .nth(1)
                .unwrap()
                .split(',')
                .next()
                .unwrap();
            short(&Line::parse(text), value)
        });
        // The file system and the clock are this machine's own.
        let is_ours = |sample: &String| sample.starts_with("disk.") || sample.starts_with("clock.");
        let found: Vec<String> = samples.filter(|sample| !is_ours(sample)).collect();
        let expected = fs::read_to_string(root.with_file_name("expected.txt")).unwrap();
        assert_eq!(found, expected.lines().collect::<Vec<_>>(), "{machine}");
    }
}

#[test]
fn once_prints_each_series_once_and_only_metrics_of_the_list() {
    let list = String::from_utf8(output(&["-list"]).stdout).unwrap();
    let listed: BTreeSet<&str> = list.lines().map(|line| line.split(' ').next().unwrap()).collect();
    let lines = once(&[]);
    let mut series = BTreeSet::new();
    for line in &lines {
        assert!(listed.contains(line.metric.as_str()), "{}", line.metric);
        assert!(series.insert((&line.metric, &line.tag)), "{line:?} twice");
    }
    // Every family of a kernel like ours is there.
    for metric in [
        "cpu.usage",
        "cpu.core.usage",
        "cpu.load1",
        "swap.total",
        "vm.pgfault",
        "ip.in.packets",
        "disk.usage",
    ] {
        assert!(names(&lines).contains(&metric), "{metric}");
    }
}

#[test]
fn the_uptime_lies_between_a_read_before_and_one_after_and_the_clock_is_told() {
    let read = || -> f64 {
        let text = fs::read_to_string("/proc/uptime").unwrap();
        text.split(' ').next().unwrap().parse().unwrap()
    };
    let before = read();
    let lines = once(&[]);
    let values = values(&lines);
    assert!((before..=read()).contains(&values["system.uptime"]));
    assert!([0.0, 1.0].contains(&values["clock.synced"]));
    assert!(values["clock.offset.us"].abs() < 1e6);
}

#[test]
fn live_counters_lie_between_a_read_before_and_one_after() {
    let read = || {
        let stat = fs::read_to_string("/proc/stat").unwrap();
        let vmstat = fs::read_to_string("/proc/vmstat").unwrap();
        let field = |text: &str, name: &str| -> f64 {
            let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.split_whitespace().next().unwrap().parse().unwrap()
        };
        [
            ("cpu.switches", field(&stat, "ctxt ")),
            ("cpu.interrupts", field(&stat, "intr ")),
            ("cpu.forks", field(&stat, "processes ")),
            ("vm.pgfault", field(&vmstat, "pgfault ")),
            ("vm.pgmajfault", field(&vmstat, "pgmajfault ")),
        ]
    };
    let before = read();
    let lines = once(&[]);
    let values = values(&lines);
    for ((metric, before), (_, after)) in before.into_iter().zip(read()) {
        assert!(
            (before..=after).contains(&values[metric]),
            "{metric}: {before}, {}, {after}",
            values[metric]
        );
    }
}

fn meminfo(text: &str, field: &str) -> f64 {
    let line = text.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse::<f64>().unwrap() * 1024.0
}

#[test]
fn live_values_agree_with_proc_and_df() {
    let read = || {
        let load = fs::read_to_string("/proc/loadavg").unwrap();
        (load, fs::read_to_string("/proc/meminfo").unwrap())
    };
    // The load averages change every five seconds: a pair of reads that agree has it between them.
    let (load, memory, lines) = loop {
        let before = read();
        let lines = once(&[]);
        if read().0.split(' ').take(3).eq(before.0.split(' ').take(3)) {
            break (before.0, before.1, lines);
        }
    };
    let values = values(&lines);
    for (metric, field) in ["cpu.load1", "cpu.load5", "cpu.load15"]
        .iter()
        .zip(load.split(' '))
    {
        assert_close(values[metric], field.parse().unwrap());
    }
    let total = meminfo(&memory, "MemTotal:");
    assert_close(values["mem.total"], total);
    let used = total - meminfo(&memory, "MemAvailable:");
    // Memory moves from one read to the next; by less than this on a machine that also builds.
    assert!((values["mem.used"] - used).abs() < total * 0.05);
    assert_close(values["mem.percent"], values["mem.used"] / total * 100.0);
    assert!((0.0..=100.0).contains(&values["cpu.usage"]));

    let df = Command::new("df")
        .args(["-B1", "--output=used,pcent", "/"])
        .output()
        .unwrap();
    let df = String::from_utf8(df.stdout).unwrap();
    let fields: Vec<&str> = df.lines().nth(1).unwrap().split_whitespace().collect();
    let used: f64 = fields[0].parse().unwrap();
    assert!((values["disk.usage"] - used).abs() < used * 0.05, "{df}");
    // df rounds up to whole percents.
    let percent: f64 = fields[1].trim_end_matches('%').parse().unwrap();
    assert!(
        (percent - 1.5..=percent + 0.5).contains(&values["disk.percent"]),
        "{df}"
    );
    let disk = lines.iter().find(|line| line.metric == "disk.usage").unwrap();
    assert_eq!(disk.tag, ["linux", "mount=/"]);
}

#[test]
fn captured_files_give_exactly_these_values() {
    let fixture = |machine| common::fixture(machine).to_str().unwrap().to_owned();
    let of_machine = |machine| once(&["-proc", &fixture(machine)]);
    let router = of_machine("router-2.6.32");
    let router = values(&router);
    assert_close(router["cpu.load1"], 0.08);
    assert_close(router["mem.total"], 61_564.0 * 1024.0);
    // No MemAvailable there: free, buffers and cached.
    assert_close(
        router["mem.used"],
        (61_564.0 - 21_876.0 - 3_020.0 - 12_344.0) * 1024.0,
    );
    assert_close(router["mem.percent"], 39.5101);
    let server = of_machine("server-many-interrupts");
    assert_close(values(&server)["mem.percent"], 23.8348);
    assert_close(values(&server)["cpu.load15"], 9.0);
    // Counters that stand still have no share.
    assert!(!names(&server).contains(&"cpu.usage"));
}

#[test]
fn cpu_usage_is_of_the_time_between_two_reads() {
    let folder = Folder::of_machine("usage", "server-many-interrupts");
    let stat = fs::OpenOptions::new()
        .write(true)
        .open(folder.join("stat"))
        .unwrap();
    let write = |line: &str| stat.write_all_at(format!("{line:<40}\n").as_bytes(), 0).unwrap();
    // The file stays longer than the buffer; its first line is all that counts.
    write("cpu  100 0 100 1000 100 0 0 0 0 0");
    let mut agent = Agent::start(&[
        "-proc",
        folder.path(),
        "-trans=-",
        "-interval=50ms",
        "-flush=50ms",
    ]);
    let lines = Lines::of(agent.out());
    lines.wait_for("cpu.load1");
    // 10 of 65 ticks; guest time is contained in user time.
    write("cpu  105 0 103 1040 115 1 1 0 99 0");
    let usage = lines.wait_for("\"cpu.usage\"");
    assert_close(Line::parse(&usage).value, 15.3846);
    // Counters that go back give no sample, and the next ones count from there.
    write("cpu  50 0 50 500 50 0 0 0 0 0");
    let mut turns = 0;
    while turns < 6 {
        let line = lines.next();
        assert!(!line.contains("cpu.usage"), "{line}");
        turns += usize::from(line.contains("cpu.load1\""));
    }
    write("cpu  51 0 50 501 52 0 0 0 0 0");
    let usages = |lines: &Lines| Line::parse(&lines.wait_for("\"cpu.usage\"")).value;
    assert_close(usages(&lines), 25.0);
    agent.stop();
}

#[test]
fn endpoint_and_tags_are_what_was_asked_for_whatever_bytes_they_hold() {
    let endpoint = "a \"b\" \\c\u{1}\u{7f} gr\u{fc}n";
    let lines = once(&["-endpoint", endpoint, "-tag", "site=north", "-tag", "x\ty"]);
    for line in &lines {
        assert_eq!(line.endpoint, endpoint);
        assert_eq!(line.tag[..3], ["linux", "site=north", "x\ty"]);
    }
    let not_utf8 = std::ffi::OsStr::from_bytes(b"caf\xe9\n");
    let output = command()
        .args(["-once", "-endpoint"])
        .arg(not_utf8)
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(
        Line::parse(text.lines().next().unwrap()).endpoint,
        "caf\u{fffd}\n"
    );
}

#[test]
fn once_prints_all_even_where_the_ring_does_not_hold_it() {
    let tag = "t".repeat(560);
    assert_eq!(once(&["-buffer=4K", "-tag", &tag]).len(), once(&[]).len());
}

#[test]
fn once_waits_for_a_reader_that_is_slow() {
    let tag = "t".repeat(560);
    let mut agent = Agent::start(&["-once", "-buffer=4K", "-tag", &tag]);
    // More than a pipe holds comes faster than it is read, a byte at a time.
    let mut text = Vec::new();
    #[allow(clippy::unbuffered_bytes)]
    for byte in agent.out().bytes() {
        text.push(byte.unwrap());
    }
    let text = String::from_utf8(text).unwrap();
    assert_eq!(text.lines().map(Line::parse).count(), once(&[]).len());
    assert_eq!(agent.wait().code(), Some(0));
}

#[test]
fn once_fails_if_the_lines_cannot_be_written() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let status = command()
        .arg("-once")
        .stdout(full)
        .stderr(std::process::Stdio::null())
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn the_endpoint_is_the_host_name_unless_given() {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(once(&[])[0].endpoint, host.trim_end());
}
