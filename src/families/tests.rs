//! The families against captured and made up files.

use super::*;
use crate::base::decimal::Fixed;
use crate::procfs;
use std::fs;
use std::path::{Path, PathBuf};

/// Samples: metric, tags and value of each.
#[derive(Default, Debug, PartialEq)]
pub(super) struct Collected(pub(super) Vec<(&'static str, String, Fixed)>);

impl Collected {
    fn push(&mut self, instance: &Instance) {
        let tag =
            |(key, value): &(&[u8], &[u8])| String::from_utf8_lossy(&[*key, *value].concat()).into_owned();
        let tags = instance.tags.iter().map(tag).collect::<Vec<_>>().join(" ");
        let samples = instance
            .samples()
            .map(|(metric, value)| (metric.name, tags.clone(), value));
        self.0.extend(samples);
    }

    /// Returns the value of the first sample of a metric.
    pub(super) fn value(&self, metric: &str) -> Option<Fixed> {
        let sample = self.0.iter().find(|(name, ..)| *name == metric)?;
        Some(sample.2)
    }
}

/// A machine with files of its own below a temporary folder, which is its `/proc` and its `/sys`.
pub(super) struct Machine {
    pub(super) root: PathBuf,
    /// The processes that are asked for.
    pub(super) processes: &'static [u8],
    host: Host,
    collector: Collector,
}

impl Machine {
    pub(super) fn new(name: &str) -> Self {
        let shared = Path::new("/dev/shm");
        let base = if shared.is_dir() {
            shared.to_owned()
        } else {
            std::env::temp_dir()
        };
        let root = base.join(format!("mini-monitor-{name}-{}", std::process::id()));
        fs::create_dir_all(&root).unwrap();
        let memory = Box::leak(Box::new(procfs::Memory::EMPTY));
        let path = root.to_str().unwrap().as_bytes();
        Self {
            host: Host::open(path, path, b"/", memory).unwrap(),
            collector: Collector::new(Box::leak(Box::new(Memory::EMPTY))),
            processes: b"",
            root,
        }
    }

    /// Writes a file.
    pub(super) fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let path = self.root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Collects a family in a turn of its own. No file system is asked for its sizes.
    pub(super) fn collect(
        &mut self,
        family: &str,
        now: u64,
        samples: &mut Collected,
    ) -> Result<(), ReadError> {
        let only = Some(b"/nothing".as_slice()).filter(|_| family == "disk");
        self.collect_filtered(family, now, Filter { only, ignore: b"" }, samples)
    }

    /// Collects the instances of a family that a filter lets through.
    pub(super) fn collect_filtered(
        &mut self,
        family: &str,
        now: u64,
        filter: Filter,
        samples: &mut Collected,
    ) -> Result<(), ReadError> {
        let filters = Filters {
            instances: &[filter; FAMILY_COUNT],
            processes: self.processes,
            ..Filters::default()
        };
        self.collector.begin_turn(now, AgentStats::default());
        let family = find(family.as_bytes(), false).unwrap();
        self.collector
            .collect(family, &mut self.host, filters, &mut |instance| {
                samples.push(instance)
            })
    }
}

impl Machine {
    /// Calls a collect function for a family of which all instances are wanted. Returns whether it has more to read.
    pub(super) fn collect_by(
        &mut self,
        family: &str,
        samples: &mut Collected,
        collect: impl FnOnce(&mut FamilyContext) -> Result<(), ReadError>,
    ) -> Result<bool, ReadError> {
        let family = &FAMILIES[find(family.as_bytes(), false).unwrap()];
        let mut cx = FamilyContext {
            host: &mut self.host,
            collector: &mut self.collector,
            filters: Filters::default(),
            emitter: FamilyEmitter {
                family,
                filter: Filter::default(),
                emit: &mut |instance| samples.push(instance),
                matched: None,
            },
            values: FamilyValues::NONE,
            is_unfinished: false,
        };
        collect(&mut cx)?;
        Ok(cx.is_unfinished)
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.root).unwrap();
    }
}

/// The files of `/proc`, and a family that reads each.
const FILES: [(&str, &str); 24] = [
    ("stat", "cpu"),
    ("loadavg", "load"),
    ("meminfo", "mem"),
    ("uptime", "system"),
    ("vmstat", "vm"),
    ("pressure/cpu", "pressure"),
    ("pressure/io", "pressure"),
    ("pressure/memory", "pressure"),
    ("net/dev", "net"),
    ("net/snmp", "ip"),
    ("net/netstat", "ip"),
    ("net/snmp6", "ip"),
    ("net/sockstat", "sockets"),
    ("net/softnet_stat", "softnet"),
    ("sys/net/netfilter/nf_conntrack_count", "conntrack"),
    ("sys/net/netfilter/nf_conntrack_max", "conntrack"),
    ("sys/fs/file-nr", "kernel"),
    ("sys/kernel/random/entropy_avail", "kernel"),
    ("sys/kernel/pid_max", "kernel"),
    ("self/mountinfo", "disk"),
    ("self/statm", "agent"),
    ("diskstats", "diskio"),
    ("net/arp", "neighbours"),
    ("net/wireless", "wifi"),
];

/// Every prefix of every file, read as the agent reads it. A family that has found all that it wants does not read
/// the rest.
#[test]
fn truncated_file_is_an_error_unless_nothing_of_interest_is_missing() {
    let fixtures = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures");
    for machine in fs::read_dir(fixtures).unwrap().map(|entry| entry.unwrap().path()) {
        for (file, family) in FILES
            .iter()
            .filter(|(file, _)| machine.join("proc").join(file).exists())
        {
            let mut copy = Machine::new("prefixes");
            for (other, _) in FILES {
                if let Ok(text) = fs::read(machine.join("proc").join(other)) {
                    copy.write(other, text);
                }
            }
            let text = fs::read(machine.join("proc").join(file)).unwrap();
            let mut whole = Collected::default();
            let is_good = copy.collect(family, 0, &mut whole).is_ok();
            let open = fs::File::options()
                .write(true)
                .open(copy.root.join(file))
                .unwrap();
            for length in (0..text.len()).rev() {
                open.set_len(length as u64).unwrap();
                // A file that ends between two lines may be one of another kernel.
                let ends_a_line = length > 0 && text[length - 1] == b'\n';
                // Without block devices there are no lines.
                let may_be_empty = length == 0 && *family == "diskio";
                let mut samples = Collected::default();
                let result = copy.collect(family, 0, &mut samples);
                let is_done = ["mem", "vm", "ip", "sockets"].contains(family) && is_good && samples == whole;
                assert!(
                    ends_a_line || may_be_empty || result.is_err() || is_done,
                    "{length} bytes of {file} of {}",
                    machine.display()
                );
            }
        }
    }
}

#[test]
fn names_are_unique_and_need_no_escape() {
    let mut names = std::collections::BTreeSet::new();
    for metric in FAMILIES.iter().flat_map(|family| family.metrics) {
        assert!(names.insert(metric.name), "{} twice", metric.name);
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'.';
        assert!(metric.name.bytes().all(is_plain), "{}", metric.name);
        assert!((1..120).contains(&metric.help.len()), "{}", metric.name);
    }
}

/// Each is read alone, in a list or a graph's legend.
#[test]
fn meanings_of_metrics_stand_alone() {
    for metric in FAMILIES.iter().flat_map(|family| family.metrics) {
        let words: Vec<&str> = metric
            .help
            .split(|letter: char| !letter.is_alphanumeric())
            .collect();
        let first = words[0].to_lowercase();
        let pronouns = [
            "it", "its", "they", "them", "their", "this", "that", "these", "those", "what", "who",
        ];
        assert!(
            !pronouns.contains(&first.as_str()),
            "{}: {}",
            metric.name,
            metric.help
        );
        assert!(!words.contains(&"it"), "{}: {}", metric.name, metric.help);
        assert!(
            !metric.help.contains("the same"),
            "{}: {}",
            metric.name,
            metric.help
        );
    }
}

#[test]
fn slow_family_stays_slow() {
    let interval = |name, wanted| {
        let family = FAMILIES.iter().find(|family| family.name == name).unwrap();
        family.interval_at(wanted)
    };
    assert_eq!(interval("cpu", 1_000), 1_000);
    assert_eq!(interval("disk", 1_000), 60_000);
    assert_eq!(interval("disk", 90_000), 90_000);
}
