//! Real mounts and real interfaces, in name spaces of their own. Needs root, `unshare`, `nsenter`, `mount`
//! and `ip`; where they are missing, a test says so and does nothing.

mod common;

use common::{Agent, Folder, Line, Lines, command};
use std::collections::BTreeMap;
use std::fs;
use std::process::{Command, Stdio};

/// Whether a script runs in such a name space.
fn can(flags: &[&str], script: &str) -> bool {
    let status = Command::new("unshare")
        .args(flags)
        .args(["sh", "-c", script])
        .stderr(Stdio::null())
        .status();
    let can = status.is_ok_and(|status| status.success());
    if !can {
        println!("skipped: {script:?} cannot be run in a name space of its own");
    }
    can
}

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
fn each_file_system_is_told_once_at_a_point_where_it_is_seen() {
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
        new 7 hidden; new 8 hidden",
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
fn links_are_those_of_the_interfaces_that_have_the_names_now() {
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
