//! Lines that other programs send to the agent (`-listen`).

// Counts of a test are small.
#![allow(clippy::cast_precision_loss)]

use crate::common::{Agent, Folder, Line, Lines, Transfer, output, poll};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;

struct Inlet {
    agent: Agent,
    lines: Lines,
    path: PathBuf,
    folder: Folder,
    _transfer: Transfer,
}

fn start(name: &str) -> Inlet {
    let folder = Folder::new(name);
    let path = folder.join("s");
    let transfer = Transfer::new();
    let listen = format!("-listen={}", path.display());
    let flags = [
        "-metrics=agent=20ms,agent",
        "-flush=20ms",
        "-buffer=8M",
        "-replay=0",
    ];
    let agent = Agent::start(&[&[transfer.flag().as_str(), &listen], &flags[..]].concat());
    let lines = Lines::of(transfer.accept());
    Inlet {
        agent,
        lines,
        path,
        folder,
        _transfer: transfer,
    }
}

fn connected(path: &Path) -> UnixDatagram {
    let socket = UnixDatagram::unbound().unwrap();
    socket.connect(path).unwrap();
    socket
}

impl Inlet {
    /// So many datagrams have been counted as bad, in a while.
    fn wait_for_malformed(&self, expected: f64) {
        let mut last = -1.0;
        for _ in 0..500 {
            last = self.next("agent.malformed").value;
            if (last - expected).abs() < 0.1 {
                return;
            }
        }
        panic!("{last} were counted as bad, not {expected}");
    }

    fn next(&self, metric: &str) -> Line {
        self.lines.next_of(|line| line.metric == metric)
    }
}

#[test]
fn listener_accepts_json_and_plain_lines_and_counts_others() {
    let mut inlet = start("shapes");
    let socket = connected(&inlet.path);
    for datagram in [
        "plain 1.5 place=attic n=2\n",
        "first 1\nsecond 2",
        r#"{"metric":"own.shape","endpoint":"x","tag":["linux","iface=lo"],"value":-3.25,"timestamp":1503212470}"#,
    ] {
        socket.send(datagram.as_bytes()).unwrap();
    }
    let line = inlet.next("plain");
    assert!(
        (line.value - 1.5).abs() < 1e-9 && line.tag == ["linux", "place=attic", "n=2"],
        "{line:?}"
    );
    inlet.next("first");
    assert!((inlet.next("second").value - 2.0).abs() < 1e-9);
    let line = inlet.next("own.shape");
    assert!(
        (line.value + 3.25).abs() < 1e-9 && line.tag == ["linux", "iface=lo"],
        "{line:?}"
    );
    assert!(line.endpoint != "x" && line.timestamp > 1_503_212_470);

    let long = format!("long 1 k={}", "x".repeat(2_100));
    // Each takes two bytes in JSON.
    let wide = format!("wide 1 k={}", "\"".repeat(1_100));
    let bad = [
        "",
        "\n\n",
        "word",
        "a b",
        "a 1 b",
        "{\"metric\":\"a\"}",
        "\u{0}",
        &long,
        &wide,
    ];
    // A datagram with a good line beside a bad one is bad, and its good line is taken.
    for datagram in bad.iter().chain(&["beside 7\nword"]) {
        socket.send(datagram.as_bytes()).unwrap();
    }
    assert!((inlet.next("beside").value - 7.0).abs() < 1e-9);
    // One that has nothing but the ends of lines says nothing, but is not wrong.
    let expected = f64::from(u32::try_from(bad.len()).unwrap());
    inlet.wait_for_malformed(expected);
    assert!(inlet.next("agent.errors").value < 0.5);
    // This process has sent them all, so that the first one stands for all.
    inlet.agent.stop();
    let log = inlet.agent.log.so_far();
    let about = log.iter().filter(|line| line.contains("malformed datagram"));
    let sender = format!(
        "malformed datagram from process {}: \"\" (expected a name",
        std::process::id()
    );
    assert!(about.clone().all(|line| line.contains(&sender)), "{log:#?}");
    assert_eq!(about.count(), 1, "{log:#?}");
}

#[test]
fn malformed_datagrams_are_logged_once_for_each_sender_at_a_limited_rate() {
    let mut inlet = start("senders");
    // A process sends two, and each run is another process.
    let text = "socket(S, PF_UNIX, SOCK_DGRAM, 0); send(S, qq(no\\eline), 0, sockaddr_un($ARGV[0])) for 1, 2";
    let send = || {
        let mut perl = Command::new("perl");
        perl.args(["-MSocket", "-e", text]).arg(&inlet.path).status()
    };
    if !send().is_ok_and(|status| status.success()) {
        return println!("skipped: perl is needed");
    }
    for _ in 1..15 {
        send().unwrap();
    }
    inlet.wait_for_malformed(30.0);
    inlet.agent.stop();
    let log = inlet.agent.log.so_far();
    let about = log.iter().filter(|line| line.contains(": \"no?line\" (expected"));
    assert_eq!(about.count(), 10, "{log:#?}");
}

#[test]
fn listener_drops_and_counts_names_of_built_in_metrics() {
    let mut inlet = start("forged");
    let socket = connected(&inlet.path);
    let list = String::from_utf8(output(&["-list"]).stdout).unwrap();
    let names: Vec<&str> = list.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.len() > 100);
    let send = |text: &str| assert_eq!(socket.send(text.as_bytes()).unwrap(), text.len());
    for name in &names {
        send(&format!("{name} 77777.25 forged=1"));
    }
    let mut expected = names.len();
    for text in [
        r#"{"metric":"agent.queued.bytes","tag":["forged=1"],"value":77777.25}"#,
        r#"{"metric":"\u0061gent.alive","tag":["forged=1"],"value":77777.25}"#,
        // One bad datagram, whose good lines are taken.
        "good.one 1\nagent.alive 77777.25 forged=1\ncpu.usage 77777.25 forged=1\ngood.two 2",
    ] {
        send(text);
        expected += 1;
    }
    // Names that only look like one.
    send("agent.alive2 5\nagent.aliv 5\nAGENT.ALIVE 5\nagent 5");
    let mut wanted = BTreeSet::from(
        [
            "good.one",
            "good.two",
            "agent.alive2",
            "agent.aliv",
            "AGENT.ALIVE",
            "agent",
        ]
        .map(String::from),
    );
    let mut malformed = 0.0;
    while !wanted.is_empty() || malformed < expected as f64 {
        let line = Line::parse(&inlet.lines.next());
        assert!(!line.tag.contains(&"forged=1".to_owned()), "{line:?}");
        wanted.remove(&line.metric);
        if line.metric == "agent.malformed" {
            malformed = line.value;
        }
    }
    assert!(
        (malformed - expected as f64).abs() < 0.1,
        "{malformed}, not {expected}"
    );
    inlet.agent.stop();
}

/// All flags of tags, and all that a script may add.
#[test]
fn listener_accepts_the_lines_of_an_agent_unchanged() {
    let mut inlet = start("relay");
    let config = inlet.folder.join("mini-monitor.json");
    let eight: Vec<String> = (0..8).map(|number| format!("s{number}={number}")).collect();
    let text = format!(
        r#"{{"custom": [{{"exec": "echo relayed 1.25 {}"}}]}}"#,
        eight.join(" ")
    );
    fs::write(&config, text).unwrap();
    let mut tags = [
        "rack row=1",
        "=",
        "\"q\\\"=\u{e9}",
        "key with\ta tab=",
        "x=y=z",
        "plain",
    ]
    .map(str::to_owned)
    .to_vec();
    tags.extend((tags.len()..32).map(|number| format!("t{number}=v")));
    let flags: Vec<String> = tags.iter().map(|tag| format!("-tag={tag}")).collect();
    let file = format!("-config={}", config.display());
    let mut flags: Vec<&str> = flags.iter().map(String::as_str).collect();
    flags.extend([file.as_str(), "-once", "-metrics=load"]);
    let sent = String::from_utf8(output(&flags).stdout).unwrap();
    let sent = sent.lines().find(|line| line.contains("\"relayed\"")).unwrap();
    connected(&inlet.path).send(sent.as_bytes()).unwrap();
    let line = inlet.next("relayed");
    tags.retain(|tag| tag.contains('='));
    assert_eq!(line.tag[1..], [tags, eight].concat());
    assert!((line.value - 1.25).abs() < 1e-9, "{line:?}");
    inlet.wait_for_malformed(0.0);
    inlet.agent.stop();
}

#[test]
fn listener_loses_no_line_of_a_burst() {
    let mut inlet = start("burst");
    let socket = connected(&inlet.path);
    let (mut good, mut bad) = (BTreeMap::new(), 0);
    for number in 0..10_000 {
        let datagram = match number % 10 {
            3 => {
                bad += 1;
                format!("burst.{number} is not a number")
            }
            7 => format!(r#"{{"metric":"burst","tag":["n={number}"],"value":{number}}}"#),
            _ => format!("burst {number} n={number}"),
        };
        // It waits where the kernel holds no more.
        socket.send(datagram.as_bytes()).unwrap();
        if number % 10 != 3 {
            good.insert(format!("n={number}"), f64::from(number));
        }
    }
    while !good.is_empty() {
        let line = inlet.next("burst");
        let value = good.remove(&line.tag[1]);
        assert!(
            value.is_some_and(|value| (value - line.value).abs() < 1e-9),
            "{line:?}"
        );
    }
    inlet.wait_for_malformed(f64::from(bad));
    inlet.agent.stop();
}

#[test]
fn listener_socket_is_private_to_user_and_group_and_removed_at_the_end() {
    let mut inlet = start("mode");
    let about = fs::metadata(&inlet.path).unwrap();
    assert!(about.file_type().is_socket());
    assert_eq!(about.permissions().mode() & 0o7777, 0o660);
    // A second agent does not take it away.
    let listen = format!("-listen={}", inlet.path.display());
    let second = output(&[&listen, "-trans=-"]);
    assert_eq!(second.status.code(), Some(1));
    let error = String::from_utf8(second.stderr).unwrap();
    assert!(error.ends_with(": another agent has it\n"), "{error}");
    // What is handed in before the end is not lost.
    connected(&inlet.path).send(b"last 1").unwrap();
    inlet.agent.stop();
    assert!(!inlet.path.exists());
    assert!(inlet.lines.rest().iter().any(|line| line.contains("\"last\"")));
}

#[test]
fn listener_replaces_a_stale_socket_but_no_other_file() {
    let mut inlet = start("stale");
    inlet.agent.kill();
    assert!(inlet.path.exists());
    let listen = format!("-listen={}", inlet.path.display());
    let mut agent = Agent::start(&[&listen, "-trans=-", "-metrics=load"]);
    let path = inlet.path.clone();
    poll(
        || UnixDatagram::unbound().unwrap().connect(&path).ok(),
        "an agent that listens",
    );
    agent.stop();
    fs::write(&inlet.path, "precious").unwrap();
    let refused = output(&[&listen, "-trans=-"]);
    assert_eq!(refused.status.code(), Some(1));
    assert_eq!(fs::read_to_string(&inlet.path).unwrap(), "precious");
}

#[test]
fn listener_removes_only_its_own_socket() {
    let mut inlet = start("others");
    fs::remove_file(&inlet.path).unwrap();
    fs::write(&inlet.path, "precious").unwrap();
    inlet.agent.stop();
    assert_eq!(fs::read_to_string(&inlet.path).unwrap(), "precious");
}

#[test]
fn listener_is_opened_moved_and_closed_by_a_reload() {
    let folder = Folder::new("moved");
    let [first, second] = ["a", "b"].map(|name| folder.join(name));
    let path = folder.join("mini-monitor.json");
    let transfer = Transfer::new();
    let put = |listen: Option<&Path>| {
        let listen = listen.map_or(String::new(), |path| {
            format!(", \"listen\": \"{}\"", path.display())
        });
        let text = format!(
            "{{\"trans\": \"{}\", \"flush\": \"20ms\", \"metrics\": \"load\"{listen}}}",
            transfer.address()
        );
        fs::write(&path, text).unwrap();
    };
    put(None);
    let mut agent = Agent::start(&[&format!("-config={}", path.display())]);
    let lines = Lines::of(transfer.accept());
    for (open, closed) in [
        (Some(&first), None),
        (Some(&second), Some(&first)),
        (None, Some(&second)),
    ] {
        put(open.map(PathBuf::as_path));
        agent.signal("HUP");
        agent.log.wait_for("configuration reloaded");
        if let Some(open) = open {
            connected(open).send(b"moved 1").unwrap();
            lines.wait_for("\"moved\"");
        }
        assert!(closed.is_none_or(|path| !path.exists()));
    }
    // One that cannot be had leaves all as it was.
    put(Some(&first));
    agent.signal("HUP");
    agent.log.wait_for("configuration reloaded");
    put(Some(Path::new("/nowhere/at/all")));
    agent.signal("HUP");
    agent
        .log
        .wait_for("/nowhere/at/all: no such file or directory; the previous configuration stays in force");
    connected(&first).send(b"stays 1").unwrap();
    lines.wait_for("\"stays\"");
    agent.stop();
}

/// An agent that listens at a path of its file.
struct Moved {
    agent: Agent,
    lines: Lines,
    transfer: Transfer,
    folder: Folder,
}

impl Moved {
    fn start(name: &str) -> Self {
        let folder = Folder::new(name);
        let transfer = Transfer::new();
        let path = folder.join("mini-monitor.json");
        fs::write(&path, Self::text(&transfer, &folder.join("a"), "")).unwrap();
        let agent = Agent::start(&[&format!("-config={}", path.display()), "-buffer=8M"]);
        let lines = Lines::of(transfer.accept());
        Self {
            agent,
            lines,
            transfer,
            folder,
        }
    }

    fn text(transfer: &Transfer, listen: &Path, more: &str) -> String {
        format!(
            r#"{{"trans": "{}", "flush": "20ms", "metrics": "load", "listen": "{}"{more}}}"#,
            transfer.address(),
            listen.display()
        )
    }

    /// Another path, and what follows.
    fn change(&self, name: &str, more: &str, words: &str) {
        let text = Self::text(&self.transfer, &self.folder.join(name), more);
        fs::write(self.folder.join("mini-monitor.json"), text).unwrap();
        self.agent.signal("HUP");
        self.agent.log.wait_for(words);
    }
}

#[test]
fn listener_that_moves_loses_no_accepted_line() {
    let moved = Moved::start("moves");
    let done = std::sync::atomic::AtomicBool::new(false);
    // Whatever the kernel has taken has to come.
    let taken = std::thread::scope(|scope| {
        let sender = scope.spawn(|| {
            let socket = UnixDatagram::unbound().unwrap();
            let mut taken = Vec::new();
            for number in 0.. {
                if done.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                let path = moved.folder.join(["a", "b"][number % 2]);
                let text = format!("number {number}");
                if socket.send_to(text.as_bytes(), path).is_ok() {
                    taken.push(number);
                }
            }
            taken
        });
        for round in 0..400 {
            moved.change(["b", "a"][round % 2], "", "configuration reloaded");
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        sender.join().unwrap()
    });
    let Moved { mut agent, lines, .. } = moved;
    agent.stop();
    let lines = lines.rest();
    let came: BTreeSet<usize> = lines
        .iter()
        .map(|line| Line::parse(line))
        .filter(|line| line.metric == "number")
        .map(|line| line.value as usize)
        .collect();
    let missing: Vec<_> = taken.iter().filter(|number| !came.contains(number)).collect();
    assert!(
        taken.len() > 100 && missing.is_empty(),
        "of {} are missing: {missing:?}",
        taken.len()
    );
}

#[test]
fn listener_and_its_senders_survive_a_failed_reload() {
    let moved = Moved::start("kept");
    let client = poll(
        || {
            let socket = UnixDatagram::unbound().unwrap();
            socket.connect(moved.folder.join("a")).ok().map(|()| socket)
        },
        "the socket",
    );
    moved.change(
        "b",
        r#", "spool": "/nowhere/at/all""#,
        "the previous configuration stays in force",
    );
    client.send(b"still 1").unwrap();
    moved.lines.wait_for("\"still\"");
    assert!(!moved.folder.join("b").exists());
}

#[test]
fn listener_socket_that_was_removed_is_restored_by_a_reload() {
    let moved = Moved::start("removed");
    moved.lines.next();
    let path = moved.folder.join("a");
    fs::remove_file(&path).unwrap();
    moved.change("a", "", "configuration reloaded");
    connected(&path).send(b"again 1").unwrap();
    moved.lines.wait_for("\"again\"");
}
