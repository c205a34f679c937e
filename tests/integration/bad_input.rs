//! A `/proc` that holds anything but what it should.

// The counts that are compared are whole.
#![allow(clippy::float_cmp)]

use crate::common::{Agent, Folder, Line, Lines, Transfer, error_message};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A family, one of its files, and how the names of the metrics from it start.
type Source = (&'static str, &'static str, &'static [&'static str]);

const SOURCES: [Source; 16] = [
    (
        "cpu",
        "stat",
        &[
            "cpu.u", "cpu.s", "cpu.i", "cpu.f", "cpu.g", "cpu.n", "cpu.c", "proc.r", "proc.b",
        ],
    ),
    ("load", "loadavg", &["cpu.load", "proc.total"]),
    ("mem", "meminfo", &["mem.", "swap."]),
    ("net", "net/dev", &["net."]),
    ("vm", "vmstat", &["vm."]),
    ("pressure", "pressure/cpu", &["pressure.cpu."]),
    ("ip", "net/snmp", &["ip.", "icmp.", "udp.", "tcp.active"]),
    ("sockets", "net/sockstat", &["sockets."]),
    ("softnet", "net/softnet_stat", &["softnet."]),
    ("system", "uptime", &["system."]),
    ("kernel", "sys/fs/file-nr", &["kernel.files."]),
    (
        "conntrack",
        "sys/net/netfilter/nf_conntrack_count",
        &["conntrack."],
    ),
    ("diskio", "diskstats", &["diskio."]),
    ("neighbours", "net/arp", &["arp."]),
    ("disk", "self/mountinfo", &["disk."]),
    ("agent", "self/statm", &["agent.rss"]),
];

/// Families that say nothing where the kernel lacks their file.
const OPTIONAL: [&str; 5] = ["pressure", "conntrack", "diskio", "neighbours", "agent"];

/// What is done to the file, and what the log says of it.
type Spoiler = (fn(&Path), &'static str);

const SPOILERS: [Spoiler; 7] = [
    (|file| fs::write(file, "").unwrap(), "empty"),
    (|file| fs::remove_file(file).unwrap(), "no such file or directory"),
    (cut, "truncated"),
    // NUL bytes are the end.
    (|file| fs::write(file, [0; 3000]).unwrap(), "no"),
    (
        |file| fs::write(file, b"\xff\xfe\0\n\x80 12\n\n\n").unwrap(),
        "no",
    ),
    (make_directory, "is a directory"),
    (make_pipe, "illegal seek"),
];

fn cut(file: &Path) {
    let mut text = fs::read(file).unwrap();
    text.truncate((text.len() - 1).min(1_000));
    fs::write(file, text).unwrap();
}

fn make_directory(file: &Path) {
    fs::remove_file(file).unwrap();
    fs::create_dir(file).unwrap();
}

fn make_pipe(file: &Path) {
    fs::remove_file(file).unwrap();
    assert!(
        std::process::Command::new("mkfifo")
            .arg(file)
            .status()
            .unwrap()
            .success()
    );
}

#[test]
fn invalid_file_costs_its_samples_and_one_log_line() {
    std::thread::scope(|scope| {
        for source in SOURCES {
            for (number, spoiler) in SPOILERS.into_iter().enumerate() {
                let name = format!("spoilt-{}-{number}", source.1.replace('/', "-"));
                scope.spawn(move || check_spoilt(&name, source, spoiler));
            }
        }
    });
}

fn check_spoilt(name: &str, (family, file, metrics): Source, (spoil, words): Spoiler) {
    let folder = Folder::of_machine(name, "vm-6.18");
    spoil(&folder.join(file));
    let transfer = Transfer::new();
    let mut agent = Agent::start(&[
        &transfer.flag(),
        "-proc",
        folder.path(),
        // Each has its own, so that none is warned of another.
        "-endpoint",
        name,
        "-interval=30ms",
        "-flush=30ms",
    ]);
    let lines = Lines::of(transfer.accept());
    // Many turns, the second read of the processors' time (after a second) among them.
    let begin = Line::parse(&lines.next()).timestamp;
    let mut rest = 0;
    loop {
        let line = Line::parse(&lines.next());
        let is_of_file = metrics.iter().any(|start| line.metric.starts_with(start));
        // The end of this file is seen after its lines have been told.
        let may_be_told = (family, words) == ("diskio", "truncated");
        assert!(!is_of_file || may_be_told, "{file}, {words}: {line:?}");
        rest += 1;
        // The other families go on.
        if line.timestamp > begin + 1 && rest > 100 {
            break;
        }
    }
    agent.stop();
    let log: Vec<String> = agent.rest_of_log();
    let told: Vec<&String> = log.iter().filter(|line| !line.contains("local addr:")).collect();
    // A machine without block devices has an empty list of them.
    let is_silent = (OPTIONAL.contains(&family) && words.starts_with("no such file"))
        || (family == "diskio" && words == "empty");
    if is_silent {
        assert!(told.is_empty(), "{told:#?}");
        return;
    }
    assert_eq!(told.len(), 1, "{told:#?}");
    let expected = format!("{family}: {}/{file}: {}", folder.path(), error_message(words));
    assert!(told[0].contains(&expected), "{} is not {expected}", told[0]);
}

#[test]
fn file_that_comes_back_is_read_again_and_logged() {
    let folder = Folder::of_machine("back", "vm-6.18");
    fs::write(folder.join("loadavg"), "").unwrap();
    let mut agent = Agent::start(&[
        "-trans=-",
        "-proc",
        folder.path(),
        "-interval=10ms",
        "-flush=10ms",
    ]);
    let lines = Lines::of(agent.out());
    agent.log.wait_for("loadavg: empty");
    // Another file of that name: it has to be opened anew.
    let copy = folder.join("copy");
    fs::write(&copy, "1.00 2.00 3.00 1/2 3\n").unwrap();
    fs::rename(copy, folder.join("loadavg")).unwrap();
    agent.log.wait_for("load: can be read again");
    assert!(Line::parse(&lines.wait_for("cpu.load5")).value > 1.99);
    agent.stop();
}

/// A file that ends, and one that stands in its place and never does.
#[test]
fn file_without_end_is_reported_as_too_long() {
    let folder = Folder::of_machine("endless", "vm-6.18");
    for file in ["loadavg", "net/dev", "self/mountinfo", "diskstats"] {
        fs::remove_file(folder.join(file)).unwrap();
        std::os::unix::fs::symlink("/dev/zero", folder.join(file)).unwrap();
    }
    let output = crate::common::output(&["-once", "-proc", folder.path()]);
    let log = String::from_utf8(output.stderr).unwrap();
    for file in ["loadavg", "net/dev", "self/mountinfo", "diskstats"] {
        assert!(log.contains(&format!("{file}: longer than 16 MB")), "{log}");
    }
    assert!(String::from_utf8(output.stdout).unwrap().contains("mem.total"));
}

/// Anybody may put something in its place: it is in `/tmp`, and most often root reads it.
#[test]
fn lease_file_that_is_irregular_or_too_long_is_refused() {
    let folder = Folder::of_machine("leases", "vm-6.18");
    let of = |path: &Path| {
        let leases = format!("-leases={}", path.display());
        let output =
            crate::common::output(&["-once", "-proc", folder.path(), "-metrics=neighbours", &leases]);
        let [lines, log] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).unwrap());
        assert!(lines.contains("arp.entries"), "{log}");
        let lines: Vec<&str> = lines.lines().collect();
        let count = lines.iter().find_map(|line| {
            let line = Line::parse(line);
            (line.metric == "dhcp.leases").then_some(line.value)
        });
        (count, log.replace(path.to_str().unwrap(), "PATH"))
    };
    let refused = |path: &Path, words: &str| {
        let (count, log) = of(path);
        assert_eq!(count, None);
        assert!(
            log.ends_with(&format!(" neighbours: PATH: {words}\n")) && log.lines().count() == 1,
            "{log}"
        );
    };

    let lease = "1700000000 02:00:00:00:00:01 192.0.2.7 phone *\n";
    let file = folder.join("file");
    fs::write(&file, lease.repeat(3)).unwrap();
    assert_eq!(of(&file), (Some(3.0), String::new()));

    let link = folder.join("link");
    std::os::unix::fs::symlink(&file, &link).unwrap();
    refused(&link, "not a regular file");
    fs::write(folder.join("pipe"), "").unwrap();
    make_pipe(&folder.join("pipe"));
    refused(&folder.join("pipe"), "not a regular file");
    refused(Path::new(folder.path()), "not a regular file");
    refused(Path::new("/dev/zero"), "not a regular file");
    refused(Path::new("/dev/null"), "not a regular file");

    // Up to 1 MB, to the byte.
    let line = format!("1{}\n", " ".repeat(1022));
    fs::write(&file, line.repeat(1024)).unwrap();
    assert_eq!(of(&file), (Some(1024.0), String::new()));
    fs::write(&file, format!("{}\n", line.repeat(1024))).unwrap();
    refused(&file, "longer than 1 MB");
    fs::write(&file, line.repeat(2048)).unwrap();
    refused(&file, "longer than 1 MB");
}

/// The second trouble of a family is told as well, and a mount by its name.
#[test]
fn error_of_a_file_is_logged_when_it_changes() {
    let folder = Folder::of_machine("troubles", "vm-6.18");
    let line = |point: &str| format!("2 1 8:2 / {point} rw - ext4 /dev/x rw\n");
    fs::write(folder.join("self/mountinfo"), line("/no/such\\040place")).unwrap();
    fs::write(folder.join("net/netstat"), "TcpExt: A\nTcpExt: 1").unwrap();
    let flags = "-metrics=disk=20ms,ip=20ms";
    let mut agent = Agent::start(&["-trans=-", "-proc", folder.path(), flags]);
    agent.log.wait_for("ip: ");
    agent
        .log
        .wait_for("disk: /no/such place: no such file or directory");
    fs::write(folder.join("net/snmp"), "").unwrap();
    agent.log.wait_for("net/snmp: empty");
    fs::write(folder.join("self/mountinfo"), line("/")).unwrap();
    agent.log.wait_for("disk: can be read again");
    agent.stop();
}

/// Holds every line of a log to plain text: no control bytes of either kind, and all of it UTF-8.
fn assert_plain(log: Vec<u8>) -> String {
    let log = String::from_utf8(log).unwrap();
    let plain = |character: char| character == '\n' || !character.is_control();
    assert!(log.chars().all(plain) && log.ends_with('\n'), "{log:?}");
    log
}

#[test]
fn mount_point_in_the_log_has_its_control_bytes_masked() {
    let folder = Folder::of_machine("control-bytes", "vm-6.18");
    let point = "/no/such\\012forged\\033[31m\\011\\177\\302\\233é\\377";
    let line = format!("2 1 8:2 / {point} rw - ext4 /dev/x rw\n");
    fs::write(folder.join("self/mountinfo"), line).unwrap();
    let output = crate::common::output(&["-once", "-metrics=disk", "-proc", folder.path()]);
    let log = assert_plain(output.stderr);
    let expected = " disk: /no/such?forged?[31m????é?: no such file or directory";
    let lines: Vec<&str> = log.lines().collect();
    assert!(lines.len() == 2 && lines[0].ends_with(expected), "{log:?}");
    assert!(
        lines[1].ends_with(" no line to print: no sample of the enabled families: disk"),
        "{log:?}"
    );
}

#[test]
fn flags_and_keys_in_messages_have_their_control_bytes_masked() {
    let folder = Folder::new("control-flags");
    let output = |flags: &[&str]| {
        let output = crate::common::output(flags);
        (output.status.code(), output.stdout, output.stderr)
    };

    let (status, _, error) = output(&["-check", "-config", "/a\nforged\u{1b}[31m\t\u{9b}"]);
    let error = assert_plain(error);
    let expected = "mini-monitor: -config: \"/a?forged?[31m???\" is not a path";
    assert!(error.starts_with(expected), "{error:?}");
    assert_eq!((status, error.lines().count()), (Some(2), 1));

    // A path may have those control characters that take two bytes, `ESC [` in one among them.
    let (status, _, error) = output(&["-check", "-config=/no\u{9b}where"]);
    assert_eq!(
        assert_plain(error),
        "mini-monitor: /no??where: no such file or directory\n"
    );
    assert_eq!(status, Some(1));

    let config = folder.join("config.json");
    for (text, expected) in [
        // A key is spelled as in the file.
        (r#"{"a\nb\u001b\u009b": 5}"#, r":1: a\nb\u001b\u009b: unknown key"),
        ("{\"a\u{9b}b\": 5}", ":1: a??b: unknown key (accepted: trans, "),
        (
            "{\"flush\": \"a\u{9b}b\"}",
            ":1: flush: \"a??b\" is not a duration",
        ),
    ] {
        fs::write(&config, text).unwrap();
        let (_, _, error) = output(&["-check", "-config", config.to_str().unwrap()]);
        let error = assert_plain(error);
        assert!(error.contains(expected), "{error:?}");
    }

    let (status, text, _) = output(&[
        "-check",
        "-trans=unix:/a\u{9b}b,exec:echo\n\u{1b}",
        "-only=net=a\nb",
        &format!("-listen={}/x\u{9b}y", folder.path()),
        "-process=\u{9b}\t",
    ]);
    assert_eq!(status, Some(0));
    let text = assert_plain(text);
    for part in [
        "receiver: unix:/a??b\n",
        "receiver: exec:echo??\n",
        &format!("listener: {}/x??y\n", folder.path()),
        "only a?b\n",
        "of ???\n",
    ] {
        assert!(text.contains(part), "{part:?}: {text}");
    }

    // The log of a running agent: a receiver and a file that are not there, and a script's bad line.
    let text = r#"{"metrics": "load", "interval": "100ms", "custom": [
        {"metric": "a", "file": "/no\u009bsuch"},
        {"exec": "printf 'a\\033[31m\\302\\233 b\\n'"}]}"#;
    fs::write(&config, text).unwrap();
    let mut agent = Agent::start(&["-trans=unix:/no\u{9b}where", "-config", config.to_str().unwrap()]);
    let mut log = Vec::new();
    agent
        .log
        .up_to("malformed line \"a?[31m?? b\" (expected a name", &mut log);
    for expected in [
        "a: /no??such: no such file or directory",
        "dial unix /no??where: no such file or directory",
    ] {
        assert!(log.iter().any(|line| line.contains(expected)), "{log:#?}");
    }
    agent.stop();
}

/// More of each kind than there is room for.
#[test]
fn instances_beyond_a_limit_are_left_out_and_logged_once() {
    let folder = Folder::of_machine("bounds", "vm-6.18");
    let write = |file: &str, head: &str, line: &dyn Fn(usize) -> String, count: usize| {
        let lines: String = (0..count).map(line).collect();
        fs::write(folder.join(file), format!("{head}{lines}")).unwrap();
    };
    write("stat", "cpu 1 1 1 1\n", &|n| format!("cpu{n} 1 1 1 1\n"), 300);
    let numbers = "1 ".repeat(16);
    write("net/dev", "", &|n| format!("eth{n}: {numbers}\n"), 70);
    write("diskstats", "", &|n| format!("8 {n} disk{n} {numbers}\n"), 70);
    let mount = |n: usize| format!("{n} 1 8:{n} / /no/{n} rw - ext4 /dev/x rw\n");
    write("self/mountinfo", "", &mount, 70);
    let heading = "IP address       HW type     Flags       HW address            Mask     Device\n";
    write(
        "net/arp",
        heading,
        &|n| format!("192.0.2.{n} 0x1 0x2 02:00:00:00:00:01 * eth{n}\n"),
        70,
    );
    let wireless = |n: usize| format!(" wlan{n}: 0000 54. -56. -92. 0 0 0 0 0 0\n");
    write("net/wireless", "Inter-| sta-|\n", &wireless, 70);
    let mut agent = Agent::start(&[
        "-trans=-",
        "-proc",
        folder.path(),
        "-interval=20ms",
        "-flush=20ms",
        "-metrics=agent=20ms",
        // A turn has more lines than the usual one holds, should the reader be late.
        "-buffer=1M",
    ]);
    let lines = Lines::of(agent.out());
    let mut told: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    // The second read of the disks' time is a second after the first.
    while told.get("diskio.util").is_none_or(|disks| disks.len() < 64) {
        let line = Line::parse(&lines.next());
        // Nothing is broken.
        assert!(line.metric != "agent.errors" || line.value == 0.0);
        told.entry(line.metric)
            .or_default()
            .extend(line.tag.get(1).cloned());
    }
    agent.stop();
    for (metric, last, count) in [
        ("net.in.bytes", "iface=eth63", 64),
        ("diskio.read.ops", "device=disk63", 64),
        ("arp.entries", "iface=eth63", 64),
        ("wifi.signal", "iface=wlan63", 64),
    ] {
        assert_eq!(told[metric].len(), count, "{metric}");
        assert!(told[metric].contains(last), "{metric}");
    }
    let log: Vec<String> = agent.log.so_far();
    for words in [
        "cpu: PROC/stat: more than 256 processors",
        "net: PROC/net/dev: more than 64 interfaces",
        "diskio: PROC/diskstats: more than 64 devices",
        "neighbours: PROC/net/arp: more than 64 interfaces",
        "wifi: PROC/net/wireless: more than 64 interfaces",
        "disk: PROC/self/mountinfo: more than 64 file systems",
    ] {
        let words = words.replace("PROC", folder.path());
        let count = log.iter().filter(|line| line.contains(&words)).count();
        assert_eq!(count, 1, "{words}: {log:#?}");
    }
}

#[test]
fn more_mounts_than_the_tree_holds_are_logged_and_visible_ones_are_kept() {
    let folder = Folder::of_machine("mounts", "vm-6.18");
    let line = |id: u32| format!("{id} 1 0:{id} / /proc/{id} rw - proc none rw\n");
    let hidden: String = (2..1_100).map(line).collect();
    let table = format!("1 0 8:1 / / rw - ext4 /dev/x rw\n{hidden}2000 1 8:2 / /tmp rw - ext4 /dev/y rw\n");
    fs::write(folder.join("self/mountinfo"), table).unwrap();
    let flags = [&format!("-proc={}", folder.path()), "-metrics=disk", "-once"];
    let output = crate::common::output(&flags);
    let log = String::from_utf8(output.stderr).unwrap();
    let words = "disk: PROC/self/mountinfo: more than 1024 mounts: collecting the first ones";
    assert!(log.contains(&words.replace("PROC", folder.path())), "{log}");
    let lines = String::from_utf8(output.stdout).unwrap();
    for mount in ["\"mount=/\"", "\"mount=/tmp\""] {
        assert!(lines.contains(mount), "{lines}");
    }
}
