//! Receivers of kinds that have cost lines: slow ones, ones that reset or close again and again, a proxy whose
//! server dies.

use crate::common::{
    Agent, Folder, Line, PATIENCE, accept, narrow_listener, passed_inside, poll, test_name, told,
};
use crate::receiver::Server;
use crate::seen::{Seen, Stream};
use socket2::SockRef;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::os::unix::net::UnixListener;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::{sleep, spawn};
use std::time::{Duration, Instant};

/// An agent that makes numbered lines in its first life.
fn numbered(name: &str, address: &str, flags: &[&str]) -> (Agent, Seen) {
    let (trans, endpoint) = (format!("-trans={address}"), format!("-endpoint={name}"));
    let own = ["-metrics=test", "-tag=life=1", "-debug", &trans, &endpoint];
    (Agent::start(&[&own, flags].concat()), Seen::new(name, &[]))
}

#[test]
fn receiver_with_a_closed_window_is_kept_and_gets_each_line_once() {
    let listener = narrow_listener();
    let flags = ["-interval=50ms", "-flush=50ms", "-timeout=1s", "-buffer=1M"];
    let address = listener.local_addr().unwrap().to_string();
    let (mut agent, mut seen) = numbered("slow", &address, &flags);
    let (mut stream, mut carried) = (accept(&listener), Stream::default());
    let mut buffer = [0; 100];
    // Lines are made about twice as fast as they are read.
    while seen.count() < 60 {
        let count = stream.read(&mut buffer).unwrap();
        assert!(count > 0, "the agent has closed after {} lines", seen.count());
        seen.take(&mut carried, &buffer[..count]);
        sleep(Duration::from_millis(100));
    }
    listener.set_nonblocking(true).unwrap();
    assert!(listener.accept().is_err(), "there was another connection");
    assert_eq!(seen.repeats(), 0);
    for line in agent.kill() {
        seen.note(&line);
    }
}

/// Sixty-four interfaces, of which the receiver reads all lines.
const INTERFACES: &str = "ip link set lo up
    for i in $(seq 32); do ip link add lan$i type veth peer name wan$i; done";

#[test]
fn receiver_that_reads_and_resets_misses_no_line_of_64_interfaces() {
    if passed_inside(&["-n"], INTERFACES, test_name!()) {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let trans = format!("-trans={}", listener.local_addr().unwrap());
    let flags = ["-metrics=net", "-interval=1s", "-flush=1s", "-buffer=256K"];
    let mut agent = Agent::start(&[&[trans.as_str()], &flags[..]].concat());
    let mut received = HashSet::new();
    // A fifth of the default interval, and so is what resets are apart.
    for _ in 0..5 {
        let mut text = Vec::new();
        read_for(&accept(&listener), Duration::from_millis(1_800), &mut text);
        received.extend(whole_lines(text));
    }
    let (stream, mut text) = (accept(&listener), Vec::new());
    read_for(&stream, Duration::from_millis(1_500), &mut text);
    agent.signal("USR1");
    let report = agent.log.wait_for("; bytes queued: ");
    // The rest of this connection: it may begin within a line.
    let rest = spawn(move || {
        read_for(&stream, PATIENCE, &mut text);
        whole_lines(text)
    });
    agent.stop();
    received.extend(rest.join().unwrap());
    assert!(report.contains(", thinned: 0, dropped: 0;"), "{report}");
    let mut series: BTreeMap<(String, Vec<String>), BTreeSet<u64>> = BTreeMap::new();
    for line in received.iter().map(|line| Line::parse(line)) {
        let stamps = series.entry((line.metric, line.tag)).or_default();
        stamps.insert(line.timestamp);
    }
    assert!(series.len() >= 64 * 14, "{} series", series.len());
    let all = series.values().max_by_key(|stamps| stamps.len()).unwrap().clone();
    assert!(all.len() >= 8, "{all:?}");
    for (name, stamps) in &series {
        assert_eq!(stamps, &all, "{name:?}");
    }
}

/// Reads for a time, or to the end. The connection is reset when it is dropped.
fn read_for(stream: &TcpStream, time: Duration, text: &mut Vec<u8>) {
    let start = Instant::now();
    stream.set_read_timeout(Some(Duration::from_millis(20))).unwrap();
    let mut buffer = vec![0; 1 << 16];
    while start.elapsed() < time {
        match (&*stream).read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => text.extend_from_slice(&buffer[..count]),
            Err(_) => {}
        }
    }
    SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}

/// The lines of a connection; its last one may be cut.
fn whole_lines(text: Vec<u8>) -> Vec<String> {
    let text = String::from_utf8(text).unwrap();
    let lines = text
        .split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'));
    lines.map(str::to_owned).collect()
}

#[test]
fn receiver_that_closes_after_each_batch_gets_few_repeats() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let flags = ["-interval=500ms", "-flush=500ms", "-replay=1s"];
    let address = listener.local_addr().unwrap().to_string();
    let (mut agent, mut seen) = numbered("batches", &address, &flags);
    let (mut bytes, mut buffer) = (0, vec![0; 1 << 16]);
    while seen.count() < 16 {
        let (mut stream, mut carried) = (accept(&listener), Stream::default());
        // All that comes at once.
        let count = stream.read(&mut buffer).unwrap();
        bytes += count;
        seen.take(&mut carried, &buffer[..count]);
    }
    let (lines, repeats) = (seen.count(), seen.repeats());
    println!("{bytes} bytes, {lines} lines, {repeats} repeats");
    // As at the defaults, -replay is two batches: the first connection after a batch repeats these, the next one
    // half of them, and so on.
    assert!(repeats < 6 * lines, "{repeats} repeats of {lines} lines");
    for line in agent.kill() {
        seen.note(&line);
    }
}

/// haproxy between the agent and a server.
struct Proxy(Child);

impl Proxy {
    /// From a free port of this host to the server; `None` if there is no haproxy.
    fn new(folder: &Folder, server: &str) -> Option<(Self, String)> {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let config = format!(
            "defaults\n mode tcp\n timeout connect 1s\n timeout client 1h\n timeout server 1h\n retries 0\n\
             listen agents\n bind 127.0.0.1:{port}\n server it {server}\n"
        );
        let path = folder.join("haproxy.cfg");
        std::fs::write(&path, config).unwrap();
        let mut command = Command::new("haproxy");
        command
            .arg("-db")
            .arg("-f")
            .arg(path)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let Ok(child) = command.spawn() else {
            println!("skipped: there is no haproxy");
            return None;
        };
        let address = format!("127.0.0.1:{port}");
        poll(|| TcpStream::connect(&address).ok(), "haproxy");
        Some((Self(child), address))
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Takes what comes over the connections that a server hands on, from now to a moment.
fn take_all(carried: &Receiver<Vec<u8>>, streams: &mut Vec<u8>, until: impl Fn(&str) -> bool) {
    let start = Instant::now();
    while !until(&String::from_utf8_lossy(streams)) {
        assert!(start.elapsed() < PATIENCE);
        if let Ok(bytes) = carried.recv_timeout(Duration::from_millis(50)) {
            streams.extend(bytes);
        }
    }
}

#[test]
fn lines_acknowledged_by_a_proxy_arrive_when_its_server_returns() {
    let folder = Folder::new("proxy");
    let server = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let Some((_proxy, address)) = Proxy::new(&folder, &server) else {
        return;
    };
    let socket = folder.join("s").to_str().unwrap().to_owned();
    let (sender, carried) = channel();
    let listener = UnixListener::bind(&socket).unwrap();
    spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, sender) = (stream.unwrap(), sender.clone());
            spawn(move || {
                let (mut all, mut piece) = (Vec::new(), [0; 4096]);
                while let Ok(count @ 1..) = stream.read(&mut piece) {
                    all.extend_from_slice(&piece[..count]);
                    let whole = all.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                    let _ = sender.send(all.drain(..whole).collect());
                }
            });
        }
    });
    let flags = ["-interval=10ms", "-flush=10ms", "-replay=60s", "-buffer=4M"];
    let (mut agent, seen) = numbered("proxy", &address, &flags);
    drop(seen);
    let (mut made, mut received) = (Vec::new(), Vec::new());
    for round in 1..=8 {
        let process = Server::new(&[], &server, &socket);
        let goal = round * 60;
        while made.len() < goal {
            made.extend(told(&[agent.log.wait_for("~~ sender get metric ")]).map(str::to_owned));
        }
        let last = made.last().unwrap().clone();
        take_all(&carried, &mut received, |text| text.contains(&last));
        // Lines are under way when it dies.
        drop(process);
        for _ in 0..20 {
            made.extend(told(&[agent.log.wait_for("~~ sender get metric ")]).map(str::to_owned));
        }
    }
    let process = Server::new(&[], &server, &socket);
    let last = made.last().unwrap().clone();
    take_all(&carried, &mut received, |text| text.contains(&last));
    agent.stop();
    process.end();
    let text = String::from_utf8(received).unwrap();
    let received: HashSet<&str> = text.lines().collect();
    let missing: Vec<_> = made
        .iter()
        .filter(|line| !received.contains(line.as_str()))
        .collect();
    assert!(
        missing.is_empty(),
        "{} of {}: {missing:?}",
        missing.len(),
        made.len()
    );
}
