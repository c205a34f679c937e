//! A `/proc` that holds anything but what it should.

mod common;

use common::{Agent, Folder, Line, Lines, Transfer};
use std::fs;
use std::path::Path;

/// A family, one of its files, and how the names of the metrics from it start.
type Source = (&'static str, &'static str, &'static [&'static str]);

const SOURCES: [Source; 12] = [
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
];

/// Families that say nothing where the kernel lacks their file.
const OPTIONAL: [&str; 2] = ["pressure", "conntrack"];

/// What is done to the file, and what the log says of it.
type Spoiler = (fn(&Path), &'static str);

const SPOILERS: [Spoiler; 7] = [
    (|file| fs::write(file, "").unwrap(), "empty"),
    (|file| fs::remove_file(file).unwrap(), "no such file or directory"),
    (cut, "cut short"),
    (|file| fs::write(file, [0; 3000]).unwrap(), "cut short"),
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
fn a_spoilt_file_costs_its_samples_and_one_log_line() {
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
        assert!(!is_of_file, "{file}, {words}: {line:?}");
        rest += 1;
        if line.timestamp > begin + 1 {
            break;
        }
    }
    assert!(rest > 100, "the other families went on");
    agent.stop();
    let log: Vec<String> = agent.log.so_far();
    let told: Vec<&String> = log.iter().filter(|line| !line.contains("local addr:")).collect();
    let is_silent = OPTIONAL.contains(&family) && words.starts_with("no such file");
    if is_silent {
        assert!(told.is_empty(), "{told:#?}");
        return;
    }
    assert_eq!(told.len(), 1, "{told:#?}");
    let expected = format!("{family}: {}/{file}: {words}", folder.path());
    assert!(told[0].contains(&expected), "{} is not {expected}", told[0]);
}

#[test]
fn a_file_that_comes_back_is_read_again_and_that_is_told() {
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
