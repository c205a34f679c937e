//! Each key of the configuration file, changed once while the agent runs, and seen to take effect.

use crate::common::http::{Request, Server, status};
use crate::common::reloaded::{Reloaded, file};
use crate::common::{Agent, Folder, Line, Lines, Transfer, fixture, poll};
use miniserde::json::{self, Object, Value};
use socket2::SockRef;
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::time::Duration;

/// The keys, and what shows that another value counts.
const KEYS: [(&str, fn()); 33] = [
    ("trans", trans),
    ("format", format_key),
    ("via", via),
    ("header", header),
    ("gzip", gzip),
    ("spread", spread),
    ("timeout", timeout),
    ("interval", interval),
    ("flush", flush),
    ("endpoint", endpoint),
    ("tag", tag),
    ("buffer", buffer),
    ("overflow", overflow),
    ("replay", replay),
    ("max-age", max_age),
    ("spool", spool),
    ("metrics", metrics),
    ("only", only),
    ("ignore", ignore),
    ("families.interval", family_interval),
    ("families.on", family_on),
    ("families.only", family_only),
    ("families.ignore", family_ignore),
    ("process", process),
    ("leases", leases),
    ("custom", custom),
    ("user", user),
    ("listen", listen),
    ("proc", proc),
    ("proc", proc_of_another_machine),
    ("sys", sys),
    ("root", root),
    ("debug", debug),
];

/// An agent, its transfer, and lines from one file after the other.
struct Scene {
    transfer: Transfer,
    reloaded: Reloaded,
    lines: Lines,
    number: usize,
}

impl Scene {
    /// An agent whose file has these keys, besides others that make it quick.
    fn new(keys: &str) -> Self {
        let transfer = Transfer::new();
        let reloaded = Reloaded::start("key", &file(&transfer, keys), &[]);
        let lines = Lines::of(transfer.accept());
        Self {
            transfer,
            reloaded,
            lines,
            number: 0,
        }
    }

    /// Takes a file with these keys, and waits for the first of its lines, which have an endpoint of their own.
    fn take(&mut self, keys: &str) -> Line {
        self.number += 1;
        let endpoint = format!("e{}", self.number);
        let keys = format!(r#", "endpoint": "{endpoint}"{keys}"#);
        self.reloaded.take(&file(&self.transfer, &keys));
        self.lines.next_of(|line| line.endpoint == endpoint)
    }

    /// What the next lines are of: their metrics, and their tags.
    fn next_many(&self) -> (BTreeSet<String>, BTreeSet<String>) {
        let lines: Vec<_> = (0..300).map(|_| Line::parse(&self.lines.next())).collect();
        let metrics = lines.iter().map(|line| line.metric.clone()).collect();
        (metrics, lines.into_iter().flat_map(|line| line.tag).collect())
    }

    /// Whether there are lines of metrics that start so.
    fn has(&self, start: &str) -> bool {
        self.next_many().0.iter().any(|metric| metric.starts_with(start))
    }

    fn has_tag(&self, tag: &str) -> bool {
        self.next_many().1.contains(tag)
    }

    fn wait_for(&self, metric: &str) -> f64 {
        self.lines.next_of(|line| line.metric == metric).value
    }
}

/// An agent that nobody takes lines from, so that its buffer fills.
struct Stuck(Reloaded);

impl Stuck {
    const KEYS: &str = r#""flush": "20ms", "metrics": "cpu=20ms,mem=20ms,vm=20ms,kernel=20ms""#;

    fn new(keys: &str) -> Self {
        let flags = [format!("-trans={}", Transfer::absent())];
        let reloaded = Reloaded::start("stuck", &Self::text(keys), &[&flags[0]]);
        // Before that a signal may end it.
        reloaded.agent.log.wait_for("dial tcp");
        Self(reloaded)
    }

    fn text(keys: &str) -> String {
        format!("{{{}{keys}}}", Self::KEYS)
    }

    /// Numbers of the agent's report on itself: bytes queued, lines thinned and dropped.
    fn report(&self) -> [u64; 3] {
        self.0.agent.signal("USR1");
        let line = self.0.agent.log.wait_for("; bytes queued: ");
        ["queued: ", "thinned: ", "dropped: "].map(|name| {
            let (_, rest) = line.split_once(name).unwrap();
            rest.split([',', ';']).next().unwrap().parse().unwrap()
        })
    }

    fn wait_until(&self, is_so: impl Fn([u64; 3]) -> bool, what: &str) -> [u64; 3] {
        poll(|| Some(self.report()).filter(|report| is_so(*report)), what)
    }
}

fn trans() {
    let scene = Scene::new("");
    let other = Transfer::new();
    scene.reloaded.take(&file(&other, ""));
    Lines::of(other.accept()).next();
}

fn format_key() {
    let scene = Scene::new("");
    scene
        .reloaded
        .take(&file(&scene.transfer, r#", "format": "influx""#));
    // The connection is another one: lines of both forms are not mixed.
    let lines = Lines::of(scene.transfer.accept());
    lines.wait_for("cpu,endpoint=");
}

/// Servers to which requests come with other headers than before.
fn requests(keys: &str, is_it: impl Fn(&Request) -> bool) {
    let server = Server::start(|_, _| status(204));
    let url = server.url("/");
    let text = |keys: &str| {
        format!(r#"{{"trans": "{url}", "interval": "20ms", "flush": "20ms", "replay": 0{keys}}}"#)
    };
    let reloaded = Reloaded::start("key", &text(""), &[]);
    assert!(!server.wait_for(1).iter().any(&is_it));
    reloaded.take(&text(keys));
    server.wait_until(|requests| requests.iter().any(&is_it));
}

fn header() {
    requests(r#", "header": ["A: 1", "X-Token: t"]"#, |request| {
        request.header("X-Token") == Some("t") && request.header("A") == Some("1")
    });
}

/// Root that was given up does not come back, so that a reload cannot change the user.
fn user() {
    let transfer = Transfer::new();
    let folder = Folder::new("user-key");
    let config = folder.config(&file(&transfer, ""));
    let mut agent = Agent::start(&[&config]);
    let lines = Lines::of(transfer.accept());
    folder.config(&file(&transfer, r#", "user": "nobody""#));
    agent.signal("HUP");
    agent
        .log
        .wait_for("user: another one needs a restart; the previous configuration stays in force");
    lines.next();
    agent.stop();
}

/// A mount point that exists only below the root.
fn root() {
    let folder = Folder::new("root");
    let machine = folder.join("proc/self");
    fs::create_dir_all(&machine).unwrap();
    fs::create_dir_all(folder.join("host/no/such/mount")).unwrap();
    fs::write(
        machine.join("mountinfo"),
        "1 0 8:1 / /no/such/mount rw - ext4 /dev/sda1 rw\n",
    )
    .unwrap();
    let transfer = Transfer::new();
    let text = |keys: &str| {
        let proc = folder.join("proc");
        format!(
            r#"{{"trans": "{}", "flush": "20ms", "metrics": "disk=20ms,agent=20ms", "proc": "{}"{keys}}}"#,
            transfer.address(),
            proc.display()
        )
    };
    let reloaded = Reloaded::start("root-key", &text(""), &[]);
    let lines = Lines::of(transfer.accept());
    lines.wait_for("agent.errors");
    let host = folder.join("host");
    reloaded.take(&text(&format!(r#", "root": "{}""#, host.display())));
    assert!(lines.wait_for("disk.total").contains("mount=/no/such/mount"));
}

/// Lines that wait for a receiver are dropped once they are a second old.
fn max_age() {
    let folder = Folder::new("max-age");
    let absent = Transfer::absent();
    let text = |keys: &str| {
        format!(r#"{{"trans": "{absent}", "flush": "20ms", "metrics": "load=100ms,agent=100ms"{keys}}}"#)
    };
    let reloaded = Reloaded::start("max-age", &text(""), &[]);
    // The first line is made within a second or two.
    std::thread::sleep(Duration::from_secs(5));
    let transfer = Transfer::new();
    let to = transfer.address();
    reloaded.take(&text(r#", "max-age": "1s""#).replace(&absent.to_string(), &to.to_string()));
    let lines = Lines::of(transfer.accept());
    let dropped = std::iter::repeat_with(|| Line::parse(&lines.next()));
    let mut dropped = dropped.filter(|line| line.metric == "agent.lines.dropped");
    assert!(dropped.any(|line| line.value > 0.0));
    drop(folder);
}

fn via() {
    let other = Server::start(|_, _| status(204));
    let command = format!("nc 127.0.0.1 {}", other.address.port());
    // The server of the URL has no more requests.
    let server = Server::start(|_, _| status(204));
    let text = |keys: &str| {
        let url = server.url("/");
        format!(r#"{{"trans": "{url}", "interval": "20ms", "flush": "20ms", "replay": 0{keys}}}"#)
    };
    let reloaded = Reloaded::start("key", &text(""), &[]);
    server.wait_for(1);
    reloaded.take(&text(&format!(r#", "via": "{command}""#)));
    other.wait_for(1);
}

fn gzip() {
    requests(r#", "gzip": true"#, |request| {
        request.header("Content-Encoding") == Some("gzip")
    });
}

/// From the same two transfers, some agents choose the second one first, by their endpoints.
fn spread() {
    let [first, second, third] = [Transfer::new(), Transfer::new(), Transfer::new()];
    let reloaded = Reloaded::start("spread", &file(&third, ""), &[]);
    let mut lines = Lines::of(third.accept());
    let mut goes_to_second = |spread: bool, number: usize| {
        reloaded.take(&format!(
            r#"{{"trans": ["{}", "{}"], "flush": "20ms", "interval": "20ms", "spread": {spread},
                "endpoint": "e{number}"}}"#,
            first.address(),
            second.address()
        ));
        let next = || {
            let at = |transfer: &Transfer, is_second| Some((transfer.waiting()?, is_second));
            at(&first, false).or_else(|| at(&second, true))
        };
        // The connection stays until the agent leaves it.
        let (_stream, goes_to_second) = poll(next, "a connection");
        reloaded.take(&file(&third, ""));
        lines = Lines::of(third.accept());
        lines.next();
        goes_to_second
    };
    assert!((0..5).all(|number| !goes_to_second(false, number)));
    assert!((0..40).any(|number| goes_to_second(true, number)));
}

/// A command that reads nothing is given up when the time is over.
fn timeout() {
    let text = |time: &str| {
        format!(r#"{{"trans": "exec:sleep 1000", "flush": "20ms", "interval": "20ms", "timeout": "{time}"}}"#)
    };
    let reloaded = Reloaded::start("timeout", &text("24h"), &[]);
    reloaded.agent.log.wait_for(" started: sleep 1000");
    reloaded.take(&text("100ms"));
    reloaded.agent.log.wait_for("i/o timeout");
}

fn interval() {
    let mut scene = Scene::new("");
    let quick = r#", "metrics": "load,agent=20ms""#;
    let slow = format!(r#"{quick}, "families": {{"load": {{"interval": "24h"}}}}"#);
    scene.take(&slow);
    assert!(!scene.has("cpu.load"));
    // The others' interval is that of the file, 20 ms.
    scene.take(quick);
    scene.wait_for("cpu.load1");
}

/// Lines that would wait for a day come at once.
fn flush() {
    let transfer = Transfer::new();
    let text = |time: &str| {
        format!(
            r#"{{"trans": "{}", "metrics": "agent=20ms", "endpoint": "e{time}", "flush": "{time}"}}"#,
            transfer.address()
        )
    };
    let reloaded = Reloaded::start("flush", &text("24h"), &[]);
    let lines = Lines::of(transfer.accept());
    assert_eq!(lines.so_far().len(), 0);
    reloaded.take(&text("20ms"));
    lines.next_of(|line| line.endpoint == "e20ms");
}

fn endpoint() {
    let scene = Scene::new(r#", "endpoint": "one""#);
    scene.lines.next_of(|line| line.endpoint == "one");
    scene
        .reloaded
        .take(&file(&scene.transfer, r#", "endpoint": "two""#));
    scene.lines.next_of(|line| line.endpoint == "two");
}

fn tag() {
    let mut scene = Scene::new("");
    let line = scene.take(r#", "tag": ["a=b", "c"]"#);
    assert!(
        line.tag.starts_with(&["linux".into(), "a=b".into(), "c".into()]),
        "{line:?}"
    );
    // A key that is removed has no effect any more.
    assert!(!scene.take("").tag.contains(&"c".to_owned()));
}

fn buffer() {
    let stuck = Stuck::new(r#", "buffer": "8K", "overflow": "drop""#);
    let [queued, ..] = stuck.wait_until(|[_, _, dropped]| dropped > 0, "a full buffer");
    assert!(queued <= 9 << 10, "{queued} bytes in 8K");
    stuck
        .0
        .take(&Stuck::text(r#", "buffer": "256K", "overflow": "drop""#));
    let [_, _, dropped] = stuck.report();
    let [.., now] = stuck.wait_until(|[queued, ..]| queued > 32 << 10, "more in it");
    assert_eq!(now, dropped, "lines were dropped in a larger buffer");
    stuck
        .0
        .take(&Stuck::text(r#", "buffer": "16K", "overflow": "drop""#));
    let [queued, _, now] = stuck.report();
    assert!(queued <= 17 << 10 && now > dropped, "{queued} bytes in 16K");
}

fn overflow() {
    let stuck = Stuck::new(r#", "buffer": "8K", "overflow": "drop""#);
    let [_, thinned, _] = stuck.wait_until(|[_, _, dropped]| dropped > 0, "a full buffer");
    assert_eq!(thinned, 0);
    stuck
        .0
        .take(&Stuck::text(r#", "buffer": "8K", "overflow": "thin""#));
    stuck.wait_until(|[_, thinned, _]| thinned > 0, "lines left out");
}

/// What was acknowledged lately comes again after a connection that broke.
fn replay() {
    let transfer = Transfer::new();
    let keys = |time: &str| format!(r#", "replay": "{time}", "metrics": "load", "endpoint": "e{time}""#);
    let reloaded = Reloaded::start("replay", &file(&transfer, &keys("0")), &[]);
    let stream = transfer.accept();
    reloaded.take(&file(&transfer, &keys("1m")));
    let mut reader = BufReader::new(&stream).lines().map(Result::unwrap);
    assert!(reader.any(|line| Line::parse(&line).endpoint == "e1m"));
    // Those of this moment may come again whatever is asked for: they are in flight.
    let received: Vec<String> = reader.take(400).collect();
    let received: BTreeSet<&String> = received.iter().take(50).collect();
    // It dies, and nobody knows what it has read.
    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
    drop(stream);
    let again = Lines::of(transfer.accept());
    assert!(
        (0..400).any(|_| received.contains(&again.next())),
        "nothing came again"
    );
}

/// Lines that nobody has taken go along, into a file, another one, and out of it again.
fn spool() {
    let folder = Folder::new("spool-key");
    let [one, two] = ["one", "two"].map(|name| folder.join(name));
    let stuck = Stuck::new("");
    let take = |path: &Path, keys: &str| {
        stuck
            .0
            .take(&Stuck::text(&format!(r#", "spool": "{}"{keys}"#, path.display())));
    };
    let holds_lines = |path: &Path| {
        fs::read(path)
            .unwrap()
            .windows(10)
            .any(|part| part == b"\"endpoint\"")
    };
    stuck.wait_until(|[queued, ..]| queued > 0, "lines");
    take(&one, "");
    assert!(holds_lines(&one));
    take(&two, r#", "buffer": "16K""#);
    assert!(holds_lines(&two));
    assert!(fs::metadata(&two).unwrap().len() < 20 << 10);
    take(&two, r#", "buffer": "128K""#);
    assert!(fs::metadata(&two).unwrap().len() > 128 << 10);
    stuck.0.take(&Stuck::text(""));
    let before = fs::read(&two).unwrap();
    let [queued, ..] = stuck.report();
    stuck.wait_until(|[now, ..]| now > queued, "more lines");
    assert!(fs::read(&two).unwrap() == before, "the file is written to");
}

fn metrics() {
    let mut scene = Scene::new("");
    scene.take(r#", "metrics": "agent=20ms,load""#);
    assert!(scene.has("cpu.load") && scene.has("agent.") && !scene.has("mem."));
}

fn only() {
    let mut scene = Scene::new("");
    assert!(!scene.has_tag("iface=lo"));
    scene.take(r#", "only": "net=lo""#);
    assert!(scene.has_tag("iface=lo"));
}

fn ignore() {
    let mut scene = Scene::new(r#", "only": "net=lo""#);
    assert!(scene.has_tag("iface=lo"));
    scene.take(r#", "only": "net=lo", "ignore": "net=l*""#);
    assert!(!scene.has_tag("iface=lo"));
}

fn family_interval() {
    let mut scene = Scene::new(r#", "metrics": "load=24h,agent=20ms""#);
    scene.take(r#", "metrics": "agent=20ms", "families": {"load": {"interval": "20ms"}}"#);
    scene.wait_for("cpu.load1");
}

fn family_on() {
    let mut scene = Scene::new("");
    assert!(scene.has("cpu.load"));
    scene.take(r#", "families": {"load": {"on": false}}"#);
    assert!(!scene.has("cpu.load") && scene.has("mem."));
}

fn family_only() {
    let mut scene = Scene::new("");
    scene.take(r#", "families": {"net": {"only": ["lo", "nothing"]}}"#);
    assert!(scene.has_tag("iface=lo"));
}

fn family_ignore() {
    let mut scene = Scene::new(r#", "families": {"net": {"only": "lo"}}"#);
    scene.take(r#", "families": {"net": {"only": "lo", "ignore": ["x", "lo"]}}"#);
    assert!(!scene.has_tag("iface=lo"));
}

fn process() {
    let mut scene = Scene::new("");
    scene.take(r#", "process": "mini-monitor*,qemu*", "families": {"process": {"interval": "20ms"}}"#);
    scene
        .lines
        .next_of(|line| line.tag.contains(&"name=mini-monitor*".to_owned()));
}

fn leases() {
    let mut scene = Scene::new("");
    let leases = scene.reloaded.path.with_extension("leases");
    fs::write(&leases, "1 a b c\n2 a b c\n").unwrap();
    let path = leases.display();
    scene.take(&format!(
        r#", "leases": "{path}", "families": {{"neighbours": {{"interval": "20ms"}}}}"#
    ));
    assert!((scene.wait_for("dhcp.leases") - 2.0).abs() < 0.1);
}

fn custom() {
    let mut scene = Scene::new("");
    scene.take(r#", "custom": [{"metric": "own.sum", "file": "/proc/self/stat", "field": 4}]"#);
    scene.wait_for("own.sum");
    scene.take(r#", "custom": [{"exec": "echo own.other 5"}]"#);
    assert!((scene.wait_for("own.other") - 5.0).abs() < 0.1);
    assert!(!scene.has("own.sum"));
}

fn listen() {
    let mut scene = Scene::new("");
    let socket = scene.reloaded.path.with_extension("sock");
    scene.take(&format!(r#", "listen": "{}""#, socket.display()));
    UnixDatagram::unbound()
        .unwrap()
        .send_to(b"handed.in 3\n", &socket)
        .unwrap();
    scene.wait_for("handed.in");
}

/// Captured files of another machine.
fn proc() {
    let mut scene = Scene::new("");
    let root = fixture("router-6.12");
    scene.take(&format!(r#", "proc": "{}""#, root.display()));
    let text = fs::read_to_string(root.join("loadavg")).unwrap();
    let load: f64 = text.split(' ').next().unwrap().parse().unwrap();
    assert!((scene.wait_for("cpu.load1") - load).abs() < 0.001);
    // What is bad in a file that is good otherwise.
    scene
        .reloaded
        .change(&file(&scene.transfer, r#", "proc": "/nowhere""#));
    scene
        .reloaded
        .agent
        .log
        .wait_for("proc: \"/nowhere\" is not a directory that can be read");
    assert!((scene.wait_for("cpu.load1") - load).abs() < 0.001);
}

/// From one machine to another, nothing has gone by.
fn proc_of_another_machine() {
    let mut scene = Scene::new("");
    let [one, other] = ["one", "other"].map(|name| Folder::of_machine(name, "router-6.12"));
    let stat = fs::read_to_string(other.join("stat")).unwrap();
    let later = stat.replacen("cpu  ", "cpu  9", 1);
    fs::write(other.join("stat"), later).unwrap();
    for folder in [one, other] {
        let first = scene.take(&format!(
            r#", "metrics": "cpu,load", "proc": "{}""#,
            folder.path()
        ));
        assert!(first.metric != "cpu.usage" && !scene.has("cpu.usage"));
    }
}

fn sys() {
    let mut scene = Scene::new("");
    let mut has = |root: &Path| {
        let root = root.display();
        scene.take(&format!(
            r#", "sys": "{root}", "families": {{"temp": {{"interval": "20ms"}}}}"#
        ));
        scene.has("temp.")
    };
    let empty = Folder::new("no-sys");
    assert!(!has(&empty.join("")));
    assert!(has(&fixture("router-6.12").with_file_name("sys")));
}

fn debug() {
    let mut scene = Scene::new("");
    scene.take(r#", "debug": true"#);
    scene.reloaded.agent.log.wait_for("## ticker hit");
}

#[test]
fn every_key_takes_effect_in_a_running_agent() {
    for (key, shows) in KEYS {
        println!("{key}");
        shows();
    }
}

/// The names of an object's keys, but remarks.
fn names(object: &Object) -> impl Iterator<Item = &String> {
    object.keys().filter(|key| *key != "//")
}

#[test]
fn every_key_of_the_reference_is_tested() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/contrib/reference.json");
    let example: Object = json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let mut keys = BTreeSet::new();
    for key in names(&example) {
        match &example[key] {
            Value::Object(families) => {
                for family in names(families) {
                    if let Value::Object(wishes) = &families[family] {
                        keys.extend(names(wishes).map(|wish| format!("{key}.{wish}")));
                    }
                }
            }
            _ => {
                keys.insert(key.clone());
            }
        }
    }
    let shown: BTreeSet<String> = KEYS.iter().map(|(key, _)| (*key).to_owned()).collect();
    let missing: Vec<_> = keys.difference(&shown).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
