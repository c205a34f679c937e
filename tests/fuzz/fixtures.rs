//! Every prefix and very many mutations of every file in `tests/fixtures`, read as the agent reads it:
//! through the family that the file belongs to, up to the lines. No panic, and no value that its field
//! cannot hold.
//!
//! `MUTATIONS` says how many of each file; `SEED` repeats a run. What failed stays in the folder that is
//! printed.

mod mutate;

use mini_monitor::base::decimal::Fixed;
use mini_monitor::families::{
    self, AgentStats, Collector, FAMILIES, FAMILY_COUNT, Filters, Instance, Metric, MetricKind, find,
};
use mini_monitor::format::json::Writer;
use mini_monitor::procfs::{self, Host};
use mini_monitor::ring::LINE_MAX;
use mutate::{count, mutate, seed};
use std::env;
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

/// The families that read a file, by the start of its path.
const READERS: [(&str, &[&str]); 23] = [
    ("proc/stat", &["cpu", "load"]),
    ("proc/loadavg", &["load"]),
    ("proc/meminfo", &["mem"]),
    ("proc/uptime", &["system"]),
    ("proc/vmstat", &["vm"]),
    ("proc/pressure/", &["pressure"]),
    ("proc/diskstats", &["diskio"]),
    ("proc/net/dev", &["net"]),
    ("proc/net/snmp", &["ip"]),
    ("proc/net/netstat", &["ip"]),
    ("proc/net/sockstat", &["sockets"]),
    ("proc/net/softnet_stat", &["softnet"]),
    ("proc/net/arp", &["neighbours"]),
    ("proc/net/wireless", &["wifi"]),
    ("proc/self/mountinfo", &["disk"]),
    ("proc/self/statm", &["agent"]),
    ("proc/sys/net/netfilter/", &["conntrack"]),
    ("proc/sys/fs/", &["kernel"]),
    ("proc/sys/kernel/", &["kernel"]),
    ("proc/", &["process"]),
    ("sys/class/net/", &["net"]),
    ("sys/class/", &["temp"]),
    ("dhcp.leases", &["neighbours"]),
];

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// A machine of which one file is changed again and again.
struct Bench {
    root: PathBuf,
    file: File,
    path: PathBuf,
    text: Vec<u8>,
    families: Vec<usize>,
    host: Host,
    collector: Collector,
    filters: Filters<'static>,
    now: u64,
    lines: Lines,
}

impl Bench {
    /// Copies what the file's families read, and no more devices than its own: those cost time alone.
    fn new(machine: &Path, file: &Path, name: &str) -> Option<Self> {
        let path = file.strip_prefix(machine).unwrap().to_str().unwrap().to_owned();
        let (_, readers) = READERS
            .iter()
            .find(|(start, _)| path.starts_with(start))
            .unwrap_or_else(|| panic!("no family reads {path}"));
        let shared = Path::new("/dev/shm");
        let base = if shared.is_dir() {
            shared.to_owned()
        } else {
            env::temp_dir()
        };
        let root = base.join(format!("mini-monitor-{}-{name}", std::process::id()));
        let mut all = Vec::new();
        files(machine, &mut all);
        for other in all {
            let inside = other.strip_prefix(machine).unwrap();
            let is_shared = inside.starts_with("proc")
                && !inside
                    .components()
                    .any(|part| part.as_os_str().as_encoded_bytes()[0].is_ascii_digit());
            if is_shared || other.parent() == file.parent() {
                let target = root.join(inside);
                fs::create_dir_all(target.parent().unwrap()).unwrap();
                fs::copy(&other, target).unwrap();
            }
        }
        fs::create_dir_all(root.join("sys/class/thermal")).unwrap();
        if let Some(interface) = path.strip_prefix("sys/class/net/") {
            let interface = interface.split('/').next().unwrap();
            let dev = fs::read_to_string(root.join("proc/net/dev")).ok()?;
            let is_its =
                |line: &&str| !line.contains(':') || line.trim().starts_with(&format!("{interface}:"));
            let dev: String = dev
                .lines()
                .filter(is_its)
                .map(|line| format!("{line}\n"))
                .collect();
            fs::write(root.join("proc/net/dev"), dev).unwrap();
        }
        let leaked = |path: PathBuf| -> &'static [u8] { path.to_str().unwrap().to_owned().leak().as_bytes() };
        let filters = Filters {
            instances: &[],
            processes: b"*,init,kworker/*",
            leases: leaked(root.join("dhcp.leases")),
        };
        let target = root.join(&path);
        Some(Self {
            file: OpenOptions::new().write(true).open(&target).unwrap(),
            text: fs::read(&target).unwrap(),
            path: target,
            families: readers
                .iter()
                .map(|name| find(name.as_bytes(), false).unwrap())
                .collect(),
            host: Host::open(
                leaked(root.join("proc")),
                leaked(root.join("sys")),
                b"/",
                Box::leak(Box::new(procfs::Memory::EMPTY)),
            )
            .unwrap(),
            filters,
            collector: Collector::new(Box::leak(Box::new(families::Memory::EMPTY))),
            root,
            now: 0,
            lines: Lines {
                writer: Writer::new(b"fuzz", "linux", &[]).unwrap(),
                count: 0,
            },
        })
    }

    fn put(&mut self, text: &[u8]) {
        self.file.write_all_at(text, 0).unwrap();
        self.file.set_len(text.len() as u64).unwrap();
    }

    /// One turn of the families.
    fn turn(&mut self) {
        self.now += 1_000;
        self.collector.begin_turn(self.now, AgentStats::default());
        for family in &self.families {
            let _ = self
                .collector
                .collect(*family, &mut self.host, self.filters, &mut |instance| {
                    self.lines.push(instance)
                });
        }
    }

    fn prefixes(&mut self) {
        let text = self.text.clone();
        for length in 0..text.len() {
            self.put(&text[..length]);
            self.turn();
        }
    }

    fn mutations(&mut self, count: u64, seed: u64) {
        let mut random = fastrand::Rng::with_seed(seed);
        let text = self.text.clone();
        let mut changed = Vec::new();
        for _ in 0..count {
            changed.clear();
            changed.extend_from_slice(&text);
            for _ in 0..random.u8(1..=6) {
                mutate(&mut changed, &mut random);
            }
            self.put(&changed);
            self.turn();
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("FAILED with {}", self.path.display());
        } else {
            fs::remove_dir_all(&self.root).unwrap();
        }
    }
}

/// Writes each sample as a line, and checks both.
struct Lines {
    writer: Writer,
    count: u64,
}

impl Lines {
    fn push(&mut self, instance: &Instance) {
        self.writer.set_instance(instance.tags);
        for (metric, value) in instance.samples() {
            check_value(metric, value);
            self.count += 1;
            let mut buffer = [0; LINE_MAX];
            if let Some(length) = self.writer.write(&mut buffer, metric.name.as_bytes(), value) {
                check_line(&buffer[..length], self.count);
            }
        }
    }
}

/// Below zero are degrees, levels of radio and the clock's offset; a percentage is one.
fn check_value(metric: &Metric, value: Fixed) {
    let may_be_negative = ["temp.celsius", "wifi.signal", "wifi.noise", "clock.offset.us"];
    assert!(
        !value.is_negative() || may_be_negative.contains(&metric.name),
        "{}: {value:?}",
        metric.name
    );
    let (whole, fraction, scale) = value.parts();
    let is_at_most = |most: u64| whole < most || (whole == most && fraction == 0);
    match metric.unit {
        "percent" => assert!(is_at_most(100), "{}: {value:?}", metric.name),
        "dBm" => assert!(
            value.is_negative() && is_at_most(255),
            "{}: {value:?}",
            metric.name
        ),
        _ => {}
    }
    assert!(
        metric.kind == MetricKind::Gauge || scale == 0,
        "{}: {value:?}",
        metric.name
    );
    if matches!(
        metric.name,
        "net.up" | "disk.readonly" | "agent.alive" | "clock.synced"
    ) {
        assert!(value == Fixed::whole(0) || value == Fixed::whole(1));
    }
}

fn check_line(line: &[u8], number: u64) {
    let text = std::str::from_utf8(line).unwrap();
    assert!(text.ends_with('\n') && text.matches('\n').count() == 1);
    // A whole parser costs more than all the rest.
    if number.is_multiple_of(61) {
        let parsed: serde_json::Value = serde_json::from_str(text).unwrap();
        assert!(parsed["value"].is_number() && parsed["tag"].is_array());
    }
}

fn machine(name: &str) {
    let (count, seed) = (count(), seed());
    let machine = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../fixtures")
        .join(name);
    let machine = machine.canonicalize().unwrap();
    let mut all: Vec<PathBuf> = Vec::new();
    files(&machine, &mut all);
    // Folders of devices are reached by the links of their classes.
    let is_input = |file: &PathBuf| {
        let inside = file.strip_prefix(&machine).unwrap();
        let text = inside.to_str().unwrap();
        !["expected.txt", "mounts.txt"].contains(&text)
            && !inside.ends_with(".keep")
            && !inside.starts_with("sys/devices")
    };
    all.retain(is_input);
    all.sort();
    let mut tried = 0;
    for file in &all {
        let Some(mut bench) = Bench::new(&machine, file, name) else {
            continue;
        };
        bench.turn();
        bench.prefixes();
        bench.mutations(count, seed);
        tried += 1;
    }
    println!("{name}: seed {seed}, {count} mutations and every prefix of {tried} files");
    assert!(tried > 0 && FAMILIES.len() == FAMILY_COUNT);
}

macro_rules! machines {
    ($($test:ident $name:literal),* $(,)?) => {
        $(#[test] fn $test() { machine($name); })*
        #[test]
        fn every_machine_is_here() {
            let mut known = vec![$($name),*, "README.md"];
            let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fixtures");
            let mut found: Vec<String> = fs::read_dir(folder)
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            known.sort_unstable();
            found.sort_unstable();
            assert_eq!(found, known);
        }
    };
}

machines! {
    router_6_12 "router-6.12",
    malta_6_1 "malta-6.1",
    raspi3b_6_12 "raspi3b-6.12",
    vm_6_18 "vm-6.18",
    router_2_6_32 "router-2.6.32",
    server_many_interrupts "server-many-interrupts",
    distinct "distinct",
    bare "bare",
}
