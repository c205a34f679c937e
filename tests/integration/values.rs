//! What the lines say, against what the test reads itself.

// Counts of a test are small.
#![allow(clippy::cast_precision_loss)]

use crate::common::{Agent, Folder, Line, Lines, command, output, values};
use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;

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
fn captured_machines_give_exactly_the_expected_samples() {
    for machine in [
        "vm-6.18",
        "router-6.12",
        "malta-6.1",
        "raspi3b-6.12",
        "router-2.6.32",
        "server-many-interrupts",
        "distinct",
        "bare",
    ] {
        let root = crate::common::fixture(machine);
        let file = |name: &str| root.with_file_name(name).to_str().unwrap().to_owned();
        let output = output(&[
            "-once",
            "-proc",
            root.to_str().unwrap(),
            "-sys",
            &file("sys"),
            "-leases",
            &file("dhcp.leases"),
            "-process",
            "init,process_api,kworker/*,a) b(c",
        ]);
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
        // The file systems, the clock and the agent's time are this machine's own.
        let ours = [
            "disk.",
            "clock.",
            "agent.cpu.us",
            "agent.start.s",
            "agent.acknowledged.age.s",
        ];
        let is_ours = |sample: &String| ours.iter().any(|start| sample.starts_with(start));
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

/// A sandbox mounts what it protects read-only once more: the file system is as it was.
#[test]
fn disk_readonly_describes_the_file_system_and_not_the_mount() {
    let folder = Folder::of_machine("readonly", "vm-6.18");
    let mut count = 0;
    let mut read_only = |mount: &str, file_system: &str| {
        // Its own device each time, and `/`, which is there on any machine.
        count += 1;
        let line = format!("1 0 8:{count} / / {mount} shared:1 - ext4 {file_system}\n");
        fs::write(folder.join("self/mountinfo"), line).unwrap();
        let lines = once(&["-metrics=disk", "-proc", folder.path()]);
        assert!(names(&lines).contains(&"disk.total"));
        values(&lines).get("disk.readonly").copied()
    };
    assert_eq!(read_only("rw,noatime", "/dev/x rw,errors=continue"), Some(0.0));
    assert_eq!(read_only("ro,noatime", "/dev/x rw,errors=remount-ro"), Some(0.0));
    assert_eq!(read_only("rw,noatime", "/dev/x ro"), Some(1.0));
    assert_eq!(read_only("ro", "/dev/x ro,errors=continue"), Some(1.0));
    // An ext4 of Linux 6.15 and later that has found an error.
    assert_eq!(
        read_only("rw", "/dev/x rw,emergency_ro,errors=remount-ro"),
        Some(1.0)
    );
    // The device has no name; the line goes on beyond what is read of one.
    assert_eq!(read_only("rw", " ro"), Some(1.0));
    assert_eq!(read_only("ro", &format!("/dev/x rw,{}", "x".repeat(9_000))), None);
}

#[test]
fn captured_files_give_exactly_these_values() {
    let fixture = |machine| crate::common::fixture(machine).to_str().unwrap().to_owned();
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
fn cpu_usage_covers_the_time_between_two_reads() {
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
fn cpu_states_have_their_names_and_a_processor_that_returns_starts_over() {
    let folder = Folder::of_machine("parts", "bare");
    let write = |text: &str| {
        let copy = folder.join("copy");
        fs::write(&copy, text).unwrap();
        // The file stays the same one, and is never seen half-written.
        let file = fs::OpenOptions::new()
            .write(true)
            .open(folder.join("stat"))
            .unwrap();
        file.write_all_at(format!("{text}{}\n", " ".repeat(400 - text.len())).as_bytes(), 0)
            .unwrap();
    };
    let mut agent = Agent::start(&[
        "-trans=-",
        "-proc",
        folder.path(),
        "-metrics=cpu=50ms",
        "-flush=50ms",
    ]);
    let lines = Lines::of(agent.out());
    write("cpu 0 0 0 0 0 0 0 0 0 0\ncpu0 0 0 0 10\ncpu1 0 0 0 10\n");
    lines.wait_for("\"cpu.count\",\"endpoint\":");
    while Line::parse(&lines.wait_for("\"cpu.count\"")).value < 2.0 {}
    write("cpu 10 20 30 40 50 60 70 80 5 7\ncpu0 30 0 0 20\n");
    // A turn without an advance has no such line.
    let first = lines.wait_for("\"cpu.core.usage\"");
    let rest = std::iter::repeat_with(|| lines.next());
    let found: Vec<(String, f64)> = std::iter::once(first)
        .chain(rest)
        .map(|line| Line::parse(&line))
        .take_while(|line| line.metric != "cpu.count")
        .map(|line| (line.metric, line.value))
        .collect();
    let expected = [
        ("cpu.core.usage", 75.0),
        ("cpu.usage", 75.0),
        ("cpu.user", 2.7778),
        ("cpu.nice", 5.5556),
        ("cpu.system", 8.3333),
        ("cpu.idle", 11.1111),
        ("cpu.iowait", 13.8889),
        ("cpu.irq", 16.6667),
        ("cpu.softirq", 19.4444),
        ("cpu.steal", 22.2222),
        ("cpu.guest", 3.3333),
    ];
    assert_eq!(found.len(), expected.len(), "{found:?}");
    for ((metric, value), (name, share)) in found.iter().zip(expected) {
        assert_eq!(metric, name);
        assert_close(*value, share);
    }
    // The one that was away comes back: its time since then is not that of a turn.
    while Line::parse(&lines.wait_for("\"cpu.count\"")).value > 1.0 {}
    write("cpu 10 20 30 40 50 60 70 80 5 7\ncpu0 30 0 0 20\ncpu1 900 0 0 900\n");
    loop {
        let line = Line::parse(&lines.next());
        assert!(line.tag.get(1).is_none_or(|tag| tag != "core=1"), "{line:?}");
        if line.metric == "cpu.count" && line.value > 1.0 {
            break;
        }
    }
    write("cpu 10 20 30 40 50 60 70 80 5 7\ncpu0 30 0 0 20\ncpu1 901 0 0 903\n");
    assert_close(Line::parse(&lines.wait_for("core=1")).value, 25.0);
    agent.stop();
}

#[test]
fn neighbours_that_are_gone_are_not_counted() {
    let folder = Folder::of_machine("arp", "vm-6.18");
    let flags = "-metrics=neighbours=20ms";
    let mut agent = Agent::start(&["-trans=-", "-proc", folder.path(), flags, "-flush=20ms"]);
    let lines = Lines::of(agent.out());
    let value = |lines: &Lines| Line::parse(&lines.wait_for("\"arp.entries\"")).value;
    assert_close(value(&lines), 1.0);
    let text = fs::read_to_string(folder.join("net/arp")).unwrap();
    let (heading, entry) = text.split_once('\n').unwrap();
    fs::write(
        folder.join("net/arp"),
        format!("{heading}\n{entry}{entry}{entry}"),
    )
    .unwrap();
    while value(&lines) < 2.5 {}
    fs::write(folder.join("net/arp"), format!("{heading}\n")).unwrap();
    while value(&lines) > 0.5 {}
    assert_close(value(&lines), 0.0);
    agent.stop();
}

#[test]
fn endpoint_and_tags_may_hold_any_bytes() {
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
fn once_prints_all_lines_although_the_buffer_is_smaller() {
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
    assert_eq!(status.code(), Some(3));
}

#[test]
fn endpoint_defaults_to_the_host_name() {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!(once(&[])[0].endpoint, host.trim_end());
}

/// The families or instances that a machine of the fixtures has lines of, with these flags.
fn told(machine: &str, flags: &[&str], prefix: &str) -> Vec<String> {
    let root = crate::common::fixture(machine);
    let (proc, sys) = (root.to_str().unwrap().to_owned(), root.with_file_name("sys"));
    let arguments = [&["-proc", &proc, "-sys", sys.to_str().unwrap()], flags].concat();
    let lines = once(&arguments);
    let of_metric = lines.iter().filter(|line| line.metric.starts_with(prefix));
    let mut found: Vec<String> = of_metric
        .map(|line| line.tag.get(1).unwrap_or(&line.metric).clone())
        .collect();
    found.sort();
    found.dedup();
    found
}

#[test]
fn families_run_as_configured() {
    let load = [
        "cpu.load1",
        "cpu.load15",
        "cpu.load5",
        "proc.blocked",
        "proc.running",
        "proc.total",
    ];
    assert_eq!(told("malta-6.1", &["-metrics=load"], ""), load);
    assert_eq!(told("malta-6.1", &["-metrics=load,cpu=off"], ""), load);
    let all = told("malta-6.1", &[], "");
    let without: Vec<String> = all
        .iter()
        .filter(|name| !load.contains(&name.as_str()))
        .cloned()
        .collect();
    assert_eq!(told("malta-6.1", &["-metrics=load=off"], ""), without);
    assert_eq!(told("malta-6.1", &["-metrics=load=1s"], ""), all);
    // One family every 20 ms, beside one that keeps its own interval.
    let mut agent = Agent::start(&["-trans=-", "-flush=20ms", "-metrics=load=20ms,mem"]);
    let lines = Lines::of(agent.out());
    let (mut loads, mut memories) = (0, 0);
    // The other one has its first turn within a second.
    while loads < 20 || memories == 0 {
        let line = Line::parse(&lines.next());
        loads += usize::from(line.metric == "cpu.load1");
        memories += usize::from(line.metric == "mem.total");
        assert!(
            load.contains(&line.metric.as_str())
                || line.metric.starts_with("mem.")
                || line.metric.starts_with("swap.")
        );
    }
    assert!((1..=2).contains(&memories), "{memories}");
    agent.stop();
}

#[test]
fn instances_are_filtered_as_configured() {
    let interfaces = |flags: &[&str]| {
        told("router-6.12", flags, "net.in.bytes")
            .join(" ")
            .replace("iface=", "")
    };
    assert_eq!(interfaces(&["-only=net=wlan*,l?"]), "lo wlan0 wlan1 wlan2 wlan3");
    assert_eq!(
        interfaces(&["-only=net=wlan*", "-ignore=net=*2"]),
        "wlan0 wlan1 wlan3"
    );
    let usual = interfaces(&[]);
    assert!(usual.contains("br-lan") && !usual.contains("lo "));
    assert_eq!(interfaces(&["-ignore=net=br-lan"]), usual.replace("br-lan ", ""));
    let of = |prefix: &str, flags: &[&str]| told("router-6.12", flags, prefix).join(" ");
    assert_eq!(of("wifi.", &["-ignore=wifi=wlan1"]), "iface=wlan2");
    assert_eq!(of("arp.", &["-only=neighbours=wlan*"]), "iface=wlan1");
    assert_eq!(of("temp.", &["-only=temp=acpitz*"]), "sensor=acpitz");
    assert_eq!(
        of("diskio.", &["-only=diskio=sda?,loop0"]),
        "device=loop0 device=sda1 device=sda2 device=sda5 device=sda6"
    );
    assert_eq!(of("disk.", &["-only=disk=/"]), "mount=/");
    // Named in full, also what is never asked otherwise; and what is left out counts more.
    assert_eq!(of("disk.", &["-only=disk=/proc"]), "mount=/proc");
    assert_eq!(of("disk.", &["-only=disk=/pro?"]), "");
    assert_eq!(of("disk.", &["-only=disk=/proc", "-ignore=disk=/p*"]), "");
}

#[test]
fn pass_over_many_processes_takes_several_turns() {
    const PROCESSES: usize = 3_500;
    let folder = Folder::of_machine("processes", "bare");
    for number in 1..=PROCESSES {
        let name = if number % 7 == 0 { "seventh" } else { "other" };
        let stat = format!("{number} ({name}) S 1 1 1 0 -1 0 0 0 0 0 3 2 0 0 20 0 1 0 9 0 1 0\n");
        fs::create_dir(folder.join(&number.to_string())).unwrap();
        fs::write(folder.join(&format!("{number}/stat")), stat).unwrap();
    }
    // What is left of a pass goes on with the turns of others, not with its own.
    let own_turn_is_far = [
        "-trans=-",
        "-flush=50ms",
        "-metrics=process=1h,load=50ms",
        "-process=*",
    ];
    let mut agent = Agent::start(&[&own_turn_is_far[..], &["-proc", folder.path()]].concat());
    let lines = Lines::of(agent.out());
    let count = Line::parse(&lines.wait_for("\"process.count\"")).value;
    assert_close(count, PROCESSES as f64);
    agent.stop();
    let mut agent = Agent::start(&[
        "-trans=-",
        "-flush=50ms",
        "-metrics=process=200ms,load=50ms",
        "-process=seventh,*",
        "-proc",
        folder.path(),
    ]);
    let lines = Lines::of(agent.out());
    for pass in 0..3 {
        let mut turns = 0;
        let counted = loop {
            let line = Line::parse(&lines.next());
            turns += usize::from(line.metric == "cpu.load1");
            if line.metric == "process.count" && line.tag[1] == "name=*" {
                break line.value;
            }
            if line.metric == "process.count" {
                assert_close(line.value, (PROCESSES / 7) as f64);
            }
        };
        assert_close(counted, PROCESSES as f64);
        assert!(turns >= 3, "pass {pass} took {turns} turns of others");
        let cpu = Line::parse(&lines.wait_for("\"process.cpu.ms\""));
        assert_close(cpu.value, PROCESSES as f64 * 50.0);
    }
    agent.stop();
}
