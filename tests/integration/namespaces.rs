//! Real mounts and real interfaces, in name spaces of their own. Needs root, `unshare`, `nsenter`, `mount`
//! and `ip`; where they are missing, a test says so and does nothing.

use crate::common::{
    Agent, Folder, Line, Lines, Space, Transfer, can, command, error_message, output, passed_inside,
    test_name,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::{Shutdown, TcpStream};
use std::process::{Command, Stdio};

/// The agent in new name spaces, after the script has run there.
fn inside(flags: &[&str], script: &str, arguments: &[&str]) -> Command {
    let agent = command();
    let mut inside = Command::new("unshare");
    inside
        .args(flags)
        .args(["sh", "-ec", &format!("{script}\nexec \"$0\" \"$@\"")])
        .arg(agent.get_program())
        .args(agent.get_args())
        .args(arguments)
        .stdin(Stdio::null());
    inside
}

#[test]
fn file_system_is_reported_once_at_a_visible_mount_point() {
    if !can(&["-m"], "mount -t tmpfs none /mnt") {
        return;
    }
    let folder = Folder::new("mounts");
    let script = format!(
        "cd {}
        new() {{ mkdir -p \"$2\"; mount -t tmpfs -o \"size=$1M$3\" none \"$2\"; }}
        new 1 a; mkdir b; mount --bind a b; new 2 a
        new 3 c/d; new 4 c; mkdir c/d
        new 5 ro ,ro
        new 6 'with blank\\and more'
        new 7 hidden; new 8 hidden
        new 9 sandboxed; mount -o remount,bind,ro sandboxed",
        folder.path()
    );
    let only = format!("-only=disk={}/*", folder.path());
    let output = inside(&["-m"], &script, &["-once", "-metrics=disk", &only])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let mut found = BTreeMap::new();
    for line in text.lines().map(Line::parse) {
        let point = line.tag[1].replace(&format!("mount={}/", folder.path()), "");
        assert_eq!(line.tag[2], "fstype=tmpfs");
        let value = match line.metric.as_str() {
            "disk.total" => line.value / 1_048_576.0,
            "disk.readonly" => line.value,
            _ => continue,
        };
        let before = found.insert((point, line.metric), value as u64);
        assert_eq!(before, None);
    }
    let expected = [
        ("a", 2, 0),
        ("b", 1, 0),
        ("c", 4, 0),
        ("hidden", 8, 0),
        ("ro", 5, 1),
        ("sandboxed", 9, 0),
        ("with blank\\and more", 6, 0),
    ];
    let expected: BTreeMap<_, _> = expected
        .into_iter()
        .flat_map(|(point, total, is_read_only)| {
            [
                ((point.to_owned(), "disk.readonly".to_owned()), is_read_only),
                ((point.to_owned(), "disk.total".to_owned()), total),
            ]
        })
        .collect();
    assert_eq!(found, expected, "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn file_in_etc_is_read_unless_another_one_is_named() {
    if passed_inside(&["-m"], "mount -t tmpfs none /etc", test_name!()) {
        return;
    }
    let path = "/etc/mini-monitor.json";
    let other = Folder::new("etc");
    let named = other.join("other.json");
    fs::write(&named, r#"{"trans": "10.0.0.1:3"}"#).unwrap();
    let named = format!("-config={}", named.display());
    let check = |flags: &[&str]| {
        let told = output(&[&["-check"], flags].concat()).stdout;
        let text = String::from_utf8(told).unwrap();
        let shown = |start: &str| {
            let mut lines = text.lines();
            lines
                .find_map(|line| line.strip_prefix(start))
                .unwrap()
                .to_owned()
        };
        [shown("configuration file: "), shown("receiver: ")]
    };
    assert_eq!(check(&[]), ["none", "127.0.0.1:6000"]);
    fs::write(path, r#"{"trans": "10.0.0.1:2"}"#).unwrap();
    assert_eq!(check(&[]), [path, "10.0.0.1:2"]);
    let other = named.strip_prefix("-config=").unwrap();
    assert_eq!(check(&[&named]), [other, "10.0.0.1:3"]);

    let transfer = Transfer::new();
    let write = |endpoint: &str| {
        let text = format!(
            r#"{{"trans": "{}", "endpoint": "{endpoint}", "metrics": "agent=20ms,agent", "flush": "20ms"}}"#,
            transfer.address()
        );
        fs::write(path, text).unwrap();
    };
    write("first");
    let mut agent = Agent::start(&[]);
    let lines = Lines::of(transfer.accept());
    assert_eq!(Line::parse(&lines.next()).endpoint, "first");
    fs::remove_file(path).unwrap();
    agent.signal("HUP");
    agent.log.wait_for(
        "/etc/mini-monitor.json: no such file or directory; the previous configuration stays in force",
    );
    lines.so_far();
    for _ in 0..100 {
        assert_eq!(Line::parse(&lines.next()).endpoint, "first");
    }
    write("second");
    agent.signal("HUP");
    lines.wait_for("\"endpoint\":\"second\"");
    agent.stop();
}

/// What `net.up` says of each interface, once every interface has been told of so many times.
fn links(lines: &Lines, turns: usize) -> BTreeMap<String, u64> {
    let mut told: BTreeMap<String, (usize, u64)> = BTreeMap::new();
    while told.is_empty() || told.values().any(|(count, _)| *count < turns) {
        let line = Line::parse(&lines.next());
        if line.metric == "net.up" {
            let place = told.entry(line.tag[1].replace("iface=", "")).or_default();
            *place = (place.0 + 1, line.value as u64);
        }
    }
    told.into_iter().map(|(name, (_, value))| (name, value)).collect()
}

#[test]
fn links_follow_renamed_interfaces() {
    let setup = "mount -t sysfs sysfs /sys
        for n in wan lan; do
            ip link add $n type veth peer name peer-$n && ip link set peer-$n up || exit 1
        done";
    if !can(&["-n", "-m"], setup) {
        return;
    }
    let flags = [
        "-trans=-",
        "-metrics=net",
        "-interval=50ms",
        "-flush=50ms",
        "-only=net=wan,lan,d*",
    ];
    let script = format!("{setup}\nip link set wan up");
    let mut agent = Agent::spawn(&mut inside(&["-n", "-m"], &script, &flags));
    let lines = Lines::of(agent.out());
    let expect = |state: &[(&str, u64)]| {
        // What was on its way when the last command ended, the turn that notices, and the next.
        lines.so_far();
        let found = links(&lines, 4);
        let state: BTreeMap<String, u64> = state.iter().map(|(name, up)| ((*name).to_owned(), *up)).collect();
        assert_eq!(found, state);
    };
    let pid = agent.pid().to_string();
    let run = |script: &str| {
        let status = Command::new("nsenter")
            .args(["-t", &pid, "-n", "-m", "sh", "-ec", script])
            .status();
        assert!(status.unwrap().success(), "{script}");
    };
    let files = || fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count();
    expect(&[("lan", 0), ("wan", 1)]);
    let files_before = files();
    run("for n in wan lan; do ip link set $n down; done
        ip link set wan name x; ip link set lan name wan; ip link set x name lan; ip link set lan up");
    expect(&[("lan", 1), ("wan", 0)]);
    run("ip link del lan; ip link add lan type veth peer name other; ip link set wan up");
    expect(&[("lan", 0), ("wan", 1)]);
    assert_eq!(files(), files_before);
    run("ip link del lan");
    lines.so_far();
    links(&lines, 4);
    assert_eq!(
        files(),
        files_before - 2,
        "the files of an interface that is gone are closed"
    );
    run("for n in $(seq 35); do ip link add d$n type veth peer name d$((n + 35)); done");
    lines.so_far();
    assert_eq!(links(&lines, 4).len(), 64);
    assert!(files() < files_before + 70);
    agent.stop();
}

/// A network name space that goes with it.
struct Network(Space);

impl Network {
    fn new() -> Self {
        Self(Space::new("-n", ":").unwrap())
    }

    fn command(&self, program: &str) -> Command {
        let mut inside = Command::new("nsenter");
        let path = format!("--net=/proc/{}/ns/net", self.0.pid());
        inside.args([&path, program]).stdin(Stdio::null());
        inside
    }

    fn agent(&self, arguments: &[&str]) -> Agent {
        let agent = command();
        let mut inside = self.command(agent.get_program().to_str().unwrap());
        Agent::spawn(inside.args(agent.get_args()).args(arguments))
    }
}

fn run(command: &mut Command) {
    assert!(command.status().unwrap().success(), "{command:?}");
}

/// What came over a connection of which the other end is gone.
fn received(stream: &TcpStream, lines: Lines) -> Vec<String> {
    let _ = stream.shutdown(Shutdown::Both);
    lines.rest()
}

/// Ends the agent; each line that it made (its counter makes it unlike the others) is among the received.
fn check_all_came(mut agent: Agent, mut log: Vec<String>, received: impl FnOnce() -> Vec<String>) {
    agent.stop();
    log.extend(agent.rest_of_log());
    let made = log
        .iter()
        .filter_map(|line| line.split_once("~~ sender get metric "));
    let made: BTreeSet<&str> = made
        .map(|(_, line)| line)
        .filter(|line| line.contains("\"agent.lines\""))
        .collect();
    let received = received();
    let received: BTreeSet<&str> = received.iter().map(String::as_str).collect();
    let missing: Vec<_> = made.difference(&received).collect();
    assert!(
        missing.is_empty() && made.len() > 50,
        "{missing:#?} of {}",
        made.len()
    );
}

#[test]
fn peer_that_vanishes_times_out_and_no_line_is_lost() {
    // The peer of the agents is here, under two addresses; what comes for one that is taken away is
    // dropped, and nobody says so. The agents do not ask who has it.
    let setup = "ip link set lo up
        echo 0 >/proc/sys/net/ipv4/ip_forward
        ip link add wan address 02:00:00:00:00:01 type veth peer name lan
        ip addr add 10.77.1.1/24 dev wan
        ip addr add 10.77.2.1/24 dev wan
        ip link set wan up";
    if passed_inside(&["-n"], setup, test_name!()) {
        return;
    }
    let network = Network::new();
    run(Command::new("ip").args(["link", "set", "lan", "netns", &network.0.pid().to_string()]));
    run(network.command("sh").args([
        "-ec",
        "ip addr add 10.77.1.2/24 dev lan
        ip addr add 10.77.2.2/24 dev lan
        ip link set lan up
        ip neigh replace 10.77.1.1 lladdr 02:00:00:00:00:01 nud permanent dev lan",
    ]));
    let [first, second] = ["10.77.1.1:0", "10.77.2.1:0"].map(|at| Transfer::at(at.parse().unwrap()));
    let common = ["-timeout=2s", "-metrics=agent,agent=20ms", "-debug", "-buffer=8M"];

    // One has lines under way all the time, and another transfer; one is idle, and waits for the same.
    let both = format!("-trans={},{}", first.address(), second.address());
    let busy = network.agent(&[&[both.as_str(), "-flush=20ms"], &common[..]].concat());
    let busy_stream = first.accept();
    let busy_lines = Lines::of(busy_stream.try_clone().unwrap());
    let idle = network.agent(&[&[first.flag().as_str(), "-flush=24h"], &common[..]].concat());
    let idle_stream = first.accept();
    let idle_lines = Lines::of(idle_stream.try_clone().unwrap());
    let mut got = [vec![busy_lines.next()], vec![idle_lines.next()]];

    run(Command::new("ip").args(["addr", "del", "10.77.1.1/24", "dev", "wan"]));
    let timed_out = error_message("connection timed out");
    let mut logs = [Vec::new(), Vec::new()];
    for (agent, log) in [&busy, &idle].into_iter().zip(&mut logs) {
        let given_up = format!("tcp {}: {timed_out}", first.address());
        agent.log.up_to(&given_up, log);
    }
    let [busy_log, idle_log] = logs;
    let onward = Lines::of(second.accept());
    got[0].extend(received(&busy_stream, busy_lines));
    let [mut busy_got, mut idle_got] = got;
    check_all_came(busy, busy_log, || {
        busy_got.extend(onward.rest());
        busy_got
    });

    run(Command::new("ip").args(["addr", "add", "10.77.1.1/24", "dev", "wan"]));
    let lines = Lines::of(first.accept());
    idle_got.extend(received(&idle_stream, idle_lines));
    check_all_came(idle, idle_log, || {
        idle_got.extend(lines.rest());
        idle_got
    });
}

/// A machine with an interface and a file system, and a container on it that has neither.
#[test]
fn agent_in_a_container_reads_the_host_whose_files_it_is_given() {
    let spaces = ["-m", "-n", "-p", "-f", "--mount-proc"];
    if !can(
        &spaces,
        "mount -t tmpfs none /mnt && ip link add hosta type veth peer name hostb",
    ) {
        return;
    }
    let folder = Folder::new("container");
    let (agent, path) = (command(), folder.path());
    let words: Vec<_> = agent.get_args().map(|word| word.to_str().unwrap()).collect();
    let flags = format!(
        "-once -metrics=net,disk -only=net=lo,host* -only=disk={path}/data -proc {path}/host/proc -root {path}/host"
    );
    // The container's own mount is of another size. The first process of the machine stays in its name spaces.
    let script = format!(
        "cd {path}; mkdir data host; mount -t tmpfs -o size=3M none data
        ip link add hosta type veth peer name hostb; mount --rbind / host
        unshare {} sh -ec 'mount -t tmpfs -o size=5M none {path}/data; exec {} {} {flags}'
        exit",
        spaces.join(" "),
        agent.get_program().to_str().unwrap(),
        words.join(" "),
    );
    let output = Command::new("unshare")
        .args(spaces)
        .args(["sh", "-ec", &script])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<Line> = text.lines().map(Line::parse).collect();
    let interfaces: BTreeSet<&str> = lines
        .iter()
        .filter(|line| line.metric == "net.in.bytes")
        .map(|line| line.tag[1].as_str())
        .collect();
    assert_eq!(
        interfaces,
        BTreeSet::from(["iface=hosta", "iface=hostb", "iface=lo"]),
        "{error}"
    );
    let total = lines
        .iter()
        .find(|line| line.metric == "disk.total")
        .expect("a disk");
    assert_eq!(total.tag[1], format!("mount={path}/data"));
    assert!((total.value - 3.0 * 1_048_576.0).abs() < 1.0, "{}", total.value);
}
