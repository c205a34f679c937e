//! What the lines say of this machine, against what the test reads itself, before and after.

// Values of a machine are far below 2⁵³, and those compared for equality are small and whole.
#![allow(clippy::cast_precision_loss, clippy::float_cmp)]

use crate::common::{Line, PATIENCE, output, runner};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Instant, SystemTime};

/// Values by series: `net.in.bytes iface=eth0`.
type Values = BTreeMap<String, f64>;

/// Metrics of a file with a name and a value a line, and the names.
type Names = &'static [(&'static str, &'static str)];

const STAT: Names = &[
    ("cpu.switches", "ctxt"),
    ("cpu.interrupts", "intr"),
    ("cpu.forks", "processes"),
    ("proc.running", "procs_running"),
    ("proc.blocked", "procs_blocked"),
];
const MEMINFO: Names = &[
    ("mem.total", "MemTotal:"),
    ("mem.free", "MemFree:"),
    ("mem.available", "MemAvailable:"),
    ("mem.buffers", "Buffers:"),
    ("mem.cached", "Cached:"),
    ("mem.shmem", "Shmem:"),
    ("mem.slab", "Slab:"),
    ("swap.total", "SwapTotal:"),
    ("swap.free", "SwapFree:"),
];
const VMSTAT: Names = &[
    ("vm.pgfault", "pgfault"),
    ("vm.pgmajfault", "pgmajfault"),
    ("vm.swap.in", "pswpin"),
    ("vm.swap.out", "pswpout"),
    ("vm.oom.kills", "oom_kill"),
];
const SNMP6: Names = &[
    ("ip6.in.packets", "Ip6InReceives"),
    ("ip6.out.packets", "Ip6OutRequests"),
    ("ip6.forwarded", "Ip6OutForwDatagrams"),
    ("ip6.in.dropped", "Ip6InDiscards"),
    ("ip6.out.dropped", "Ip6OutDiscards"),
    ("ip6.in.errors", "Ip6InHdrErrors"),
    ("icmp6.in.messages", "Icmp6InMsgs"),
    ("icmp6.out.messages", "Icmp6OutMsgs"),
    ("icmp6.in.errors", "Icmp6InErrors"),
    ("udp6.in.datagrams", "Udp6InDatagrams"),
    ("udp6.out.datagrams", "Udp6OutDatagrams"),
    ("udp6.in.errors", "Udp6InErrors"),
    ("udp6.no.ports", "Udp6NoPorts"),
    ("udp6.rcvbuf.errors", "Udp6RcvbufErrors"),
    ("udp6.sndbuf.errors", "Udp6SndbufErrors"),
];
const SNMP: Names = &[
    ("ip.in.packets", "Ip.InReceives"),
    ("ip.out.packets", "Ip.OutRequests"),
    ("ip.forwarded", "Ip.ForwDatagrams"),
    ("ip.in.dropped", "Ip.InDiscards"),
    ("ip.out.dropped", "Ip.OutDiscards"),
    ("ip.in.errors", "Ip.InHdrErrors"),
    ("icmp.in.messages", "Icmp.InMsgs"),
    ("icmp.out.messages", "Icmp.OutMsgs"),
    ("icmp.in.errors", "Icmp.InErrors"),
    ("udp.in.datagrams", "Udp.InDatagrams"),
    ("udp.out.datagrams", "Udp.OutDatagrams"),
    ("udp.in.errors", "Udp.InErrors"),
    ("udp.no.ports", "Udp.NoPorts"),
    ("udp.rcvbuf.errors", "Udp.RcvbufErrors"),
    ("udp.sndbuf.errors", "Udp.SndbufErrors"),
    ("tcp.active.opens", "Tcp.ActiveOpens"),
    ("tcp.passive.opens", "Tcp.PassiveOpens"),
    ("tcp.attempt.errors", "Tcp.AttemptFails"),
    ("tcp.estab.resets", "Tcp.EstabResets"),
    ("tcp.established", "Tcp.CurrEstab"),
    ("tcp.in.segs", "Tcp.InSegs"),
    ("tcp.out.segs", "Tcp.OutSegs"),
    ("tcp.retrans.segs", "Tcp.RetransSegs"),
    ("tcp.in.errors", "Tcp.InErrs"),
    ("tcp.out.resets", "Tcp.OutRsts"),
    ("tcp.listen.overflows", "TcpExt.ListenOverflows"),
    ("tcp.listen.dropped", "TcpExt.ListenDrops"),
    ("tcp.timeouts", "TcpExt.TCPTimeouts"),
    ("tcp.syn.retrans", "TcpExt.TCPSynRetrans"),
];
const SOCKSTAT: Names = &[
    ("sockets.used", "sockets: used"),
    ("sockets.tcp.inuse", "TCP: inuse"),
    ("sockets.tcp.orphan", "TCP: orphan"),
    ("sockets.tcp.timewait", "TCP: tw"),
    ("sockets.tcp.alloc", "TCP: alloc"),
    ("sockets.tcp.mem", "TCP: mem"),
    ("sockets.udp.inuse", "UDP: inuse"),
    ("sockets.udp.mem", "UDP: mem"),
];
const NUMBERS: Names = &[
    ("conntrack.count", "sys/net/netfilter/nf_conntrack_count"),
    ("conntrack.max", "sys/net/netfilter/nf_conntrack_max"),
    ("kernel.entropy", "sys/kernel/random/entropy_avail"),
    ("kernel.pids.max", "sys/kernel/pid_max"),
    ("system.uptime", "uptime"),
];
const NET: [(&str, usize); 14] = [
    ("in.bytes", 0),
    ("in.packets", 1),
    ("in.errors", 2),
    ("in.dropped", 3),
    ("in.fifo", 4),
    ("in.frame", 5),
    ("in.multicast", 7),
    ("out.bytes", 8),
    ("out.packets", 9),
    ("out.errors", 10),
    ("out.dropped", 11),
    ("out.fifo", 12),
    ("out.collisions", 13),
    ("out.carrier", 14),
];
const DISKIO: [(&str, usize, f64); 8] = [
    ("read.ops", 3, 1.0),
    ("read.bytes", 5, 512.0),
    ("read.ms", 6, 1.0),
    ("write.ops", 7, 1.0),
    ("write.bytes", 9, 512.0),
    ("write.ms", 10, 1.0),
    ("inflight", 11, 1.0),
    ("busy.ms", 12, 1.0),
];

/// Series that come from two reads, or that are the agent's own: they have tests of their own.
const APART: [&str; 15] = [
    "cpu.usage",
    "cpu.user",
    "cpu.nice",
    "cpu.system",
    "cpu.idle",
    "cpu.iowait",
    "cpu.irq",
    "cpu.softirq",
    "cpu.steal",
    "cpu.guest",
    "cpu.core.usage",
    "diskio.util",
    "agent.",
    "clock.",
    "process.",
];

fn read(file: &str) -> String {
    fs::read_to_string(Path::new("/proc").join(file)).unwrap_or_default()
}

fn number(text: &str) -> f64 {
    text.parse().unwrap_or_else(|_| panic!("{text:?} is no number"))
}

/// Takes the values of these names out of a file with a name and a value a line.
fn take_names(values: &mut Values, names: Names, file: &str, unit: f64) {
    for line in read(file).lines() {
        let mut fields = line.split_whitespace();
        let name = fields.next().unwrap_or_default();
        for (metric, _) in names.iter().filter(|(_, known)| *known == name) {
            values.insert((*metric).into(), number(fields.clone().next().unwrap()) * unit);
        }
    }
}

/// The fields of `/proc/net/snmp` and its like, as `Ip.InReceives`.
fn pairs(file: &str) -> Values {
    let text = read(file);
    let lines: Vec<&str> = text.lines().collect();
    let mut all = Values::new();
    for pair in lines.chunks(2) {
        let (protocol, names) = pair[0].split_once(": ").unwrap();
        let (_, numbers) = pair[1].split_once(": ").unwrap();
        for (name, value) in names.split(' ').zip(numbers.split(' ')) {
            if let Ok(value) = value.parse() {
                all.insert(format!("{protocol}.{name}"), value);
            }
        }
    }
    all
}

fn percent(values: &mut Values, metric: &str, part: &str, total: &str) {
    if let (Some(part), Some(total)) = (values.get(part), values.get(total))
        && *total > 0.0
    {
        values.insert(metric.into(), part / total * 100.0);
    }
}

fn take_network(values: &mut Values) {
    let mut all = pairs("net/snmp");
    all.extend(pairs("net/netstat"));
    for (metric, field) in SNMP.iter().filter(|(_, field)| all.contains_key(*field)) {
        values.insert((*metric).into(), all[*field]);
    }
    take_names(values, SNMP6, "net/snmp6", 1.0);
    for line in read("net/sockstat").lines() {
        let (protocol, rest) = line.split_once(' ').unwrap();
        let fields: Vec<&str> = rest.split_whitespace().collect();
        for pair in fields.chunks(2) {
            let name = format!("{protocol} {}", pair[0]);
            for (metric, _) in SOCKSTAT.iter().filter(|(_, known)| *known == name) {
                values.insert((*metric).into(), number(pair[1]));
            }
        }
    }
    for line in read("net/dev").lines().skip(2) {
        let (name, numbers) = line.split_once(':').unwrap();
        let name = name.trim();
        let left_out = ["veth", "cali", "lxc", "docker", "vnet", "tap"];
        if name == "lo" || left_out.iter().any(|start| name.starts_with(start)) {
            continue;
        }
        let numbers: Vec<&str> = numbers.split_whitespace().collect();
        for (metric, at) in NET {
            values.insert(format!("net.{metric} iface={name}"), number(numbers[at]));
        }
        let sys = Path::new("/sys/class/net").join(name);
        let carrier = fs::read_to_string(sys.join("carrier")).unwrap_or_default();
        values.insert(
            format!("net.up iface={name}"),
            f64::from(u8::from(carrier.trim() == "1")),
        );
        let speed = fs::read_to_string(sys.join("speed")).unwrap_or_default();
        if let Some(speed) = speed.trim().parse::<f64>().ok().filter(|speed| *speed > 0.0) {
            values.insert(format!("net.speed iface={name}"), speed * 1e6);
        }
    }
    let mut softnet = [0; 3];
    for line in read("net/softnet_stat").lines() {
        for (sum, field) in softnet.iter_mut().zip(line.split(' ')) {
            *sum += u64::from_str_radix(field, 16).unwrap();
        }
    }
    for (metric, sum) in ["processed", "dropped", "squeezed"].iter().zip(softnet) {
        values.insert(format!("softnet.{metric}"), sum as f64);
    }
    for line in read("net/arp").lines().skip(1) {
        let interface = line.split_whitespace().last().unwrap();
        *values
            .entry(format!("arp.entries iface={interface}"))
            .or_default() += 1.0;
    }
    for line in read("net/wireless").lines().skip(2) {
        let (name, numbers) = line.split_once(':').unwrap();
        let numbers: Vec<f64> = numbers
            .split_whitespace()
            .skip(1)
            .take(3)
            .map(|field| number(field.trim_end_matches('.')))
            .collect();
        values.insert(format!("wifi.quality iface={}", name.trim()), numbers[0]);
        for (metric, level) in ["signal", "noise"].iter().zip(&numbers[1..]) {
            if *level < 0.0 && *level > -256.0 {
                values.insert(format!("wifi.{metric} iface={}", name.trim()), *level);
            }
        }
    }
}

fn take_disks(values: &mut Values) {
    for line in read("diskstats").lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let name = fields[2];
        let is_whole = Path::new("/sys/block").join(name).exists();
        if !is_whole
            || ["loop", "ram", "zram", "fd", "sr"]
                .iter()
                .any(|start| name.starts_with(start))
        {
            continue;
        }
        for (metric, at, unit) in DISKIO {
            values.insert(
                format!("diskio.{metric} device={name}"),
                number(fields[at]) * unit,
            );
        }
    }
    let columns = "--output=target,fstype,size,used,avail,itotal,iused";
    let df = Command::new("df").args(["-B1", "-a", columns]).output().unwrap();
    for line in String::from_utf8(df.stdout).unwrap().lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        // What df may not ask has dashes.
        if fields.len() != 7 || fields.contains(&"-") {
            continue;
        }
        let (point, kind) = (fields[0], fields[1]);
        let mut insert = |metric: &str, value: f64| {
            values.insert(format!("disk.{metric} mount={point} fstype={kind}"), value)
        };
        let [total, used, free] = [fields[2], fields[3], fields[4]].map(number);
        insert("total", total);
        insert("usage", used);
        insert("free", free);
        insert("percent", used / (used + free) * 100.0);
        if number(fields[5]) > 0.0 {
            insert("inodes.total", number(fields[5]));
            insert("inodes.used", number(fields[6]));
            insert("inodes.percent", number(fields[6]) / number(fields[5]) * 100.0);
        }
        // The options of the file system, not of the mount, in which a sandbox may have said so.
        let is_read_only = read("self/mountinfo").lines().any(|line| {
            let (mount, file_system) = line.split_once(" - ").unwrap();
            let options = file_system.split(' ').next_back().unwrap();
            mount.split(' ').nth(4) == Some(point)
                && file_system.split(' ').next() == Some(kind)
                && options
                    .split(',')
                    .any(|option| option == "ro" || option == "emergency_ro")
        });
        insert("readonly", f64::from(u8::from(is_read_only)));
    }
}

fn take_sensors(values: &mut Values) {
    let text = |path: &Path| {
        let text = fs::read_to_string(path).ok()?;
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    };
    // The last part of a link that has a digit and a mark, or one without a digit.
    let device_of = |folder: &Path| {
        let link = |path: &Path| {
            fs::read_link(path)
                .unwrap_or_default()
                .to_str()
                .unwrap()
                .to_owned()
        };
        let (device, place) = (link(&folder.join("device")), link(folder));
        let is_address = |part: &&str| {
            part.contains(|letter: char| letter.is_ascii_digit()) && part.contains([':', '.', '-'])
        };
        let address = |path: &str| path.rsplit('/').find(is_address).map(str::to_owned);
        let last = device.rsplit('/').next().unwrap().to_owned();
        let is_stable =
            !last.is_empty() && !last.contains(|letter: char| letter.is_ascii_digit() || letter == '.');
        let found = address(&device)
            .or_else(|| address(&place))
            .or(Some(last).filter(|_| is_stable));
        found.map_or(String::new(), |device| format!(" device={device}"))
    };
    let mut insert = |metric: &str, name: String, folder: &Path, place: String, value: f64| {
        let device = device_of(folder);
        let series = |name: &str| format!("{metric} sensor={name}{device}");
        let series = if values.contains_key(&series(&name)) {
            format!("{metric} sensor={name} device={place}")
        } else {
            series(&name)
        };
        values.insert(series, value);
    };
    for number in 0..256 {
        let zone = Path::new("/sys/class/thermal").join(format!("thermal_zone{number}"));
        if let (Some(kind), Some(degrees)) = (text(&zone.join("type")), text(&zone.join("temp"))) {
            let place = format!("thermal_zone{number}");
            insert("temp.celsius", kind, &zone, place, self::number(&degrees) / 1e3);
        }
    }
    for number in 0..256 {
        let chip = Path::new("/sys/class/hwmon").join(format!("hwmon{number}"));
        let is_zone = fs::read_link(&chip).is_ok_and(|link| link.to_str().unwrap().contains("/thermal_zone"));
        let Some(name) = text(&chip.join("name")).filter(|_| !is_zone) else {
            continue;
        };
        for (metric, prefix, unit) in [("temp.celsius", "temp", 1e3), ("fan.rpm", "fan", 1.0)] {
            for sensor in (0..256).map(|sensor| format!("{prefix}{sensor}")) {
                let has_fault = text(&chip.join(format!("{sensor}_fault"))).is_some_and(|fault| fault == "1");
                if let Some(value) = text(&chip.join(format!("{sensor}_input"))).filter(|_| !has_fault) {
                    let label = text(&chip.join(format!("{sensor}_label"))).unwrap_or(sensor.clone());
                    insert(
                        metric,
                        format!("{name}/{label}"),
                        &chip,
                        format!("hwmon{number}"),
                        self::number(&value) / unit,
                    );
                }
            }
        }
    }
}

/// All that the lines are to say.
fn look() -> Values {
    let mut values = Values::new();
    take_names(&mut values, STAT, "stat", 1.0);
    take_names(&mut values, MEMINFO, "meminfo", 1024.0);
    take_names(&mut values, VMSTAT, "vmstat", 1.0);
    let is_core = |line: &&str| line.starts_with("cpu") && !line.starts_with("cpu ");
    values.insert(
        "cpu.count".into(),
        read("stat").lines().filter(is_core).count() as f64,
    );
    for (metric, file) in NUMBERS {
        if let Some(first) = read(file).split_whitespace().next() {
            values.insert((*metric).into(), number(first));
        }
    }
    let load = read("loadavg");
    let fields: Vec<&str> = load.split([' ', '/']).collect();
    for (metric, at) in [
        ("cpu.load1", 0),
        ("cpu.load5", 1),
        ("cpu.load15", 2),
        ("proc.total", 4),
    ] {
        values.insert(metric.into(), number(fields[at]));
    }
    take_network(&mut values);
    // Pages in the kernel's files.
    for metric in ["vm.swap.in", "vm.swap.out", "sockets.tcp.mem", "sockets.udp.mem"] {
        if let Some(value) = values.get_mut(metric) {
            *value *= mini_monitor::platform::page_size() as f64;
        }
    }
    for resource in ["cpu", "io", "memory", "irq"] {
        for line in read(&format!("pressure/{resource}")).lines() {
            let (kind, rest) = line.split_once(' ').unwrap();
            let (_, total) = rest.split_once("total=").unwrap();
            values.insert(format!("pressure.{resource}.{kind}.us"), number(total));
        }
    }
    let files = read("sys/fs/file-nr");
    let files: Vec<f64> = files.split_whitespace().map(number).collect();
    values.insert("kernel.files.allocated".into(), files[0]);
    values.insert("kernel.files.max".into(), files[2]);
    values.insert("mem.used".into(), values["mem.total"] - values["mem.available"]);
    values.insert("swap.used".into(), values["swap.total"] - values["swap.free"]);
    take_disks(&mut values);
    take_sensors(&mut values);
    percent(&mut values, "mem.percent", "mem.used", "mem.total");
    percent(&mut values, "swap.percent", "swap.used", "swap.total");
    percent(
        &mut values,
        "conntrack.percent",
        "conntrack.count",
        "conntrack.max",
    );
    percent(
        &mut values,
        "kernel.files.percent",
        "kernel.files.allocated",
        "kernel.files.max",
    );
    values
}

/// What the agent says, and the lines themselves.
fn once(arguments: &[&str]) -> (Values, Vec<Line>) {
    let output = output(&[&["-once"], arguments].concat());
    assert_eq!(output.status.code(), Some(0));
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Line> = text.lines().map(Line::parse).collect();
    let series = |line: &Line| {
        [std::slice::from_ref(&line.metric), &line.tag[1..]]
            .concat()
            .join(" ")
    };
    (
        lines.iter().map(|line| (series(line), line.value)).collect(),
        lines,
    )
}

/// Each counter lies between a read before and one after; and so does each gauge, as soon as it does
/// not move up and down meanwhile.
#[test]
fn live_values_lie_between_a_read_before_and_one_after() {
    let list = String::from_utf8(output(&["-list"]).stdout).unwrap();
    let counters: BTreeSet<&str> = list
        .lines()
        .filter(|line| line.split_whitespace().nth(2) == Some("counter"))
        .map(|line| line.split(' ').next().unwrap())
        .collect();
    let is_apart = |series: &&String| APART.iter().any(|start| series.starts_with(start));
    // The agent is a task itself; qemu has one of its own beside it.
    let own_tasks = if runner().is_empty() { 1.0 } else { 2.0 };
    let start = Instant::now();
    let mut agreed = BTreeSet::new();
    loop {
        let before = look();
        let (said, _) = once(&[]);
        let after = look();
        let told: BTreeSet<&String> = said.keys().filter(|series| !is_apart(series)).collect();
        let expected: BTreeSet<&String> = before
            .keys()
            .filter(|series| after.contains_key(*series))
            .collect();
        let mut open = Vec::new();
        for series in expected.union(&told) {
            let (Some(first), Some(last)) = (before.get(*series), after.get(*series)) else {
                open.push(format!("{series} is told, and is not there"));
                continue;
            };
            let Some(value) = said.get(*series) else {
                // Of several mounts of a file system one is told, and not all kinds are asked.
                if series.starts_with("disk.") && !series.contains("mount=/ ") {
                    continue;
                }
                open.push(format!("{series} is not told"));
                continue;
            };
            // The agent has open files itself; and a percentage has four decimals.
            let slack = match series.as_str() {
                "proc.total" => own_tasks,
                "kernel.files.allocated" => 100.0,
                "kernel.files.percent" => 100.0 / before["kernel.files.max"] * 100.0,
                _ => 0.000_051,
            };
            let lies_between = (first.min(*last) - slack..=first.max(*last) + slack).contains(value);
            let is_counter = counters.contains(series.split(' ').next().unwrap());
            assert!(lies_between || !is_counter, "{series}: {first}, {value}, {last}");
            if lies_between {
                agreed.insert((*series).clone());
            } else if !agreed.contains(*series) {
                open.push(format!("{series}: {first}, {value}, {last}"));
            }
        }
        if open.is_empty() {
            assert!(agreed.len() > 80, "{agreed:#?}");
            return;
        }
        assert!(start.elapsed() < PATIENCE, "{open:#?}");
    }
}

#[test]
fn live_percentages_are_in_range_and_the_agent_measures_itself() {
    let (said, _) = once(&[]);
    let parts = [
        "user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal",
    ];
    let sum: f64 = parts.iter().map(|part| said[&format!("cpu.{part}")]).sum();
    // Idle and iowait may step back by a tick.
    assert!((97.0..=103.0).contains(&sum), "{sum}");
    let shares = said.iter().filter(|(series, _)| {
        series.starts_with("cpu.core.usage") || series.starts_with("diskio.util") || *series == "cpu.usage"
    });
    let mut count = 0.0;
    for (series, value) in shares {
        assert!((0.0..=100.0).contains(value), "{series}: {value}");
        count += 1.0;
    }
    assert!(count > said["cpu.count"]);
    assert_eq!(said["agent.alive"], 1.0);
    for none in ["agent.lines.dropped", "agent.reconnects", "agent.errors"] {
        assert_eq!(said[none], 0.0, "{none}");
    }
    assert!((50e3..50e6).contains(&said["agent.rss"]));
    let since_1970 = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs_f64();
    let age = since_1970 - said["agent.start.s"];
    assert!(
        (0.0..PATIENCE.as_secs_f64()).contains(&age),
        "started {age} s ago"
    );
    assert!((0.0..age + 1.0).contains(&said["agent.acknowledged.age.s"]));
    assert!(said["agent.cpu.us"] > 0.0);
    assert!([0.0, 1.0].contains(&said["clock.synced"]));
    assert!(said["clock.offset.us"].abs() < 1e6);
}

/// A process of this test's own, by a name that no other has.
#[test]
fn live_processes_have_count_memory_and_time() {
    let folder = crate::common::Folder::new("process");
    // Another run of this test has other processes. The kernel keeps 15 bytes.
    let name = format!("m) (x{}", std::process::id());
    let program = folder.join(&name);
    // The kernel takes the name of the link. (A copy may be busy: another thread may be about to start
    // a program while it is open for writing.)
    std::os::unix::fs::symlink("/bin/sleep", &program).unwrap();
    let mut children: Vec<_> = (0..3)
        .map(|_| Command::new(&program).arg("600").spawn().unwrap())
        .collect();
    // Until each is the program of that name, and no copy of this one, and sleeps.
    for child in &children {
        crate::common::poll(
            || {
                let stat = read(&format!("{}/stat", child.id()));
                stat.contains(&format!("({name}) S ")).then_some(())
            },
            "the program",
        );
    }
    let (said, _) = once(&["-metrics=process", "-process", &format!("{name},no-such-program")]);
    let resident: f64 = children
        .iter()
        .map(|child| {
            let statm = read(&format!("{}/statm", child.id()));
            number(statm.split(' ').nth(1).unwrap()) * mini_monitor::platform::page_size() as f64
        })
        .sum();
    assert_eq!(said[&format!("process.count name={name}")], 3.0);
    let rss = said[&format!("process.rss name={name}")];
    assert!((rss - resident).abs() <= resident / 2.0, "{rss}, {resident}");
    assert_eq!(said["process.count name=no-such-program"], 0.0);
    assert_eq!(said.len(), 6);
    for child in &mut children {
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
