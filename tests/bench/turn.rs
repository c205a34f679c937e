//! The time on the processor of one turn of all families, from the files to lines in the ring, beside
//! that of the bare system calls: the same files read from kept descriptors, the same file systems
//! asked. The two take turns, so that what disturbs one disturbs the other; medians are printed.
//!
//! "Hot" is back to back, "cold" with the caches filled with something else before each, as a turn
//! after five seconds of sleep finds them.

use cpu_time::ThreadTime;
use mini_monitor::families::{self, AgentStats, Collector, FAMILIES, Filters, Instance};
use mini_monitor::format::json::{self, Writer};
use mini_monitor::platform::{self, PIECES_MAX};
use mini_monitor::procfs::{self, Host};
use mini_monitor::ring::{Policy, Ring, Words};
use std::fs::File;
use std::hint::black_box;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::Duration;

/// What the families read; those that this kernel lacks cost neither side a read.
const FILES: [&str; 25] = [
    "stat",
    "loadavg",
    "meminfo",
    "net/dev",
    "vmstat",
    "pressure/cpu",
    "pressure/io",
    "pressure/memory",
    "pressure/irq",
    "diskstats",
    "net/snmp",
    "net/netstat",
    "net/snmp6",
    "net/sockstat",
    "sys/net/netfilter/nf_conntrack_count",
    "sys/net/netfilter/nf_conntrack_max",
    "net/softnet_stat",
    "net/wireless",
    "self/statm",
    "net/arp",
    "sys/fs/file-nr",
    "sys/kernel/random/entropy_avail",
    "sys/kernel/pid_max",
    "uptime",
    "self/mountinfo",
];

/// The agent's buffer for one file.
const BUFFER: usize = 8192;

struct Bare {
    files: Vec<File>,
    mounts: Vec<Vec<u8>>,
    buffer: [u8; BUFFER],
}

impl Bare {
    fn open(interfaces: &[String], mounts: Vec<Vec<u8>>) -> Self {
        let proc = FILES.iter().map(|name| Path::new("/proc").join(name));
        let sys = interfaces.iter().flat_map(|name| {
            ["carrier", "speed"].map(|file| Path::new("/sys/class/net").join(name).join(file))
        });
        Self {
            files: proc.chain(sys).filter_map(|path| File::open(path).ok()).collect(),
            mounts,
            buffer: [0; BUFFER],
        }
    }

    /// Each file to its end, each file system once.
    fn turn(&mut self) {
        for file in &self.files {
            let mut offset = 0;
            while let Ok(length) = file.read_at(&mut self.buffer, offset) {
                offset += length as u64;
                black_box(&self.buffer);
                if length < 2048 {
                    break;
                }
            }
        }
        for mount in &self.mounts {
            let _ = black_box(platform::file_system(mount));
        }
        black_box(platform::own_cpu_micros());
        let _ = black_box(platform::discipline());
    }
}

struct Ours<'m> {
    host: Host,
    collector: Collector,
    lines: Lines<'m>,
    now: u64,
    instances: Instances,
}

/// Writes each sample as a line of the ring.
struct Lines<'m> {
    writer: Writer,
    ring: Ring<'m>,
    count: u64,
}

impl Lines<'_> {
    fn push(&mut self, instance: &Instance) {
        let Self { writer, ring, .. } = self;
        writer.set_instance(instance.tags);
        for (metric, value) in instance.samples() {
            let length = ring.push_with(0, |buffer| writer.write(buffer, metric.name.as_bytes(), value));
            self.count += u64::from(length.is_some());
        }
    }
}

/// The interfaces and mount points that there are samples of.
#[derive(Default)]
struct Instances {
    interfaces: Vec<String>,
    mounts: Vec<Vec<u8>>,
}

impl Instances {
    fn push(&mut self, instance: &Instance) {
        let name = instance
            .tags
            .first()
            .map(|(_, name)| name.to_vec())
            .unwrap_or_default();
        for (metric, _) in instance.samples() {
            match metric.name {
                "net.in.bytes" => self.interfaces.push(String::from_utf8(name.clone()).unwrap()),
                "disk.total" => self.mounts.push(name.clone()),
                _ => {}
            }
        }
    }
}

/// What is asked for if nothing else is.
const FILTERS: Filters = Filters {
    instances: &[],
    processes: b"",
    leases: b"/tmp/dhcp.leases",
};

impl<'m> Ours<'m> {
    fn new(words: &'m mut Words, memory: &'m mut [u8]) -> Self {
        let policy = Policy {
            is_thinning: true,
            replay: 10_000,
            is_checked: false,
            boot: 0,
            restamp: json::move_stamp,
            is_dated: |_| true,
        };
        Self {
            host: Host::open(
                b"/proc",
                b"/sys",
                b"/",
                Box::leak(Box::new(procfs::Memory::EMPTY)),
            )
            .unwrap(),
            collector: Collector::new(Box::leak(Box::new(families::Memory::EMPTY))),
            lines: Lines {
                writer: Writer::new(b"jungle85", "linux", &[]).unwrap(),
                ring: Ring::new(words, memory, policy),
                count: 0,
            },
            now: 0,
            instances: Instances::default(),
        }
    }

    /// What the turns are about, for the other side.
    fn learn(&mut self) {
        self.collector.begin_turn(0, AgentStats::default());
        for family in 0..FAMILIES.len() {
            let _ = self
                .collector
                .collect(family, &mut self.host, FILTERS, &mut |instance| {
                    self.instances.push(instance)
                });
        }
    }

    fn turn(&mut self) {
        self.now += 5_000;
        self.collector.begin_turn(self.now, AgentStats::default());
        self.lines.writer.set_time(1_503_212_470 + self.now / 1_000);
        for family in 0..FAMILIES.len() {
            let _ = self
                .collector
                .collect(family, &mut self.host, FILTERS, &mut |instance| {
                    self.lines.push(instance)
                });
        }
        // All has been sent and has arrived, as far as the ring knows.
        loop {
            let mut pieces = [[].as_slice(); PIECES_MAX];
            let pieces = self.lines.ring.unsent(&mut pieces, usize::MAX);
            let length: usize = pieces.iter().map(|piece| piece.len()).sum();
            if length == 0 {
                break;
            }
            self.lines.ring.mark_sent(length);
        }
        self.lines.ring.acknowledge(0, self.now);
    }
}

fn timed(turn: impl FnOnce()) -> Duration {
    let start = ThreadTime::now();
    turn();
    start.elapsed()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times[times.len() / 2]
}

fn main() {
    let is_test = std::env::args().any(|argument| argument == "--test");
    let rounds = if is_test { 5 } else { 1_000 };
    let mut words = Words::default();
    let mut memory = vec![0; Ring::memory_for(64 << 10)];
    let mut ours = Ours::new(&mut words, &mut memory);
    ours.learn();
    let mut bare = Bare::open(&ours.instances.interfaces, ours.instances.mounts.clone());
    let mut filler = vec![1_u8; 64 << 20];
    println!(
        "{:6} {:>12} {:>12} {:>22}",
        "caches", "bare", "ours", "(ours - bare) / bare"
    );
    for (name, is_cold) in [("hot", false), ("cold", true)] {
        let rounds = if is_cold { rounds / 5 } else { rounds };
        let mut prepare = || {
            if is_cold {
                for byte in filler.iter_mut().step_by(64) {
                    *byte = byte.wrapping_add(1);
                }
                black_box(&filler);
            }
        };
        let (mut theirs, mut own) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            prepare();
            theirs.push(timed(|| bare.turn()));
            prepare();
            own.push(timed(|| ours.turn()));
        }
        let (theirs, own) = (median(theirs), median(own));
        let ratio = own.as_secs_f64() / theirs.as_secs_f64() - 1.0;
        println!("{name:6} {theirs:>12.1?} {own:>12.1?} {ratio:>22.2}");
    }
    assert!(ours.lines.count > 100);
}
