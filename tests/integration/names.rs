//! Names that a bad name server looks up, or does not: the agent in name spaces in which all questions go to
//! a server of the test's own. Needs root, `unshare`, `mount` and `ip`; where they are missing, a test says so
//! and does nothing.

use crate::common::{Agent, Line, Lines, Transfer, descriptors, passed_inside, test_name, wait_for_no_child};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How the name server is.
#[derive(Clone, Copy, Debug)]
enum Mood {
    Good,
    Silent,
    /// It answers after so many seconds.
    Late(u64),
    /// Whatever comes, drawn from this seed.
    Nonsense(u64),
    /// Nobody has that name.
    NoSuchName,
}

struct Server {
    mood: Mood,
    questions: usize,
}

/// Answers every question at port 53 of this name space's own loopback.
fn serve() -> Arc<Mutex<Server>> {
    let server = Arc::new(Mutex::new(Server {
        mood: Mood::Good,
        questions: 0,
    }));
    let socket = UdpSocket::bind("127.0.0.1:53").unwrap();
    let shared = Arc::clone(&server);
    thread::spawn(move || {
        let mut buffer = [0; 1500];
        loop {
            let (length, from) = socket.recv_from(&mut buffer).unwrap();
            let mut server = shared.lock().unwrap();
            server.questions += 1;
            let question = buffer[..length].to_vec();
            answer(&mut server.mood, &question, socket.try_clone().unwrap(), from);
        }
    });
    server
}

fn answer(mood: &mut Mood, question: &[u8], socket: UdpSocket, to: SocketAddr) {
    let bytes = match mood {
        Mood::Good => right(question),
        Mood::Silent => return,
        Mood::Late(seconds) => {
            let (late, bytes) = (Duration::from_secs(*seconds), right(question));
            thread::spawn(move || {
                thread::sleep(late);
                socket.send_to(&bytes, to).unwrap();
            });
            return;
        }
        Mood::Nonsense(random) => nonsense(question, random),
        Mood::NoSuchName => with_header(question, 3, 0),
    };
    socket.send_to(&bytes, to).unwrap();
}

/// The question behind the header of an answer to it (RFC 1035, section 4.1) with that code, which says
/// that so many records follow.
fn with_header(question: &[u8], code: u8, records: u16) -> Vec<u8> {
    let name = question[12..].iter().position(|&byte| byte == 0).unwrap();
    let mut bytes = vec![question[0], question[1], 0x81, 0x80 | code, 0, 1];
    bytes.extend(records.to_be_bytes());
    bytes.extend([0; 4]);
    bytes.extend(&question[12..12 + name + 5]);
    bytes
}

/// 127.0.0.1 for whoever asks for version 4, no address otherwise.
fn right(question: &[u8]) -> Vec<u8> {
    let bare = with_header(question, 0, 0);
    if bare[bare.len() - 4..] != [0, 1, 0, 1] {
        return bare;
    }
    let mut bytes = with_header(question, 0, 1);
    // The name is the question's; type A, class IN, not to be kept, four bytes.
    bytes.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, 1]);
    bytes
}

fn nonsense(question: &[u8], random: &mut u64) -> Vec<u8> {
    let mut below = |bound: u64| {
        *random ^= *random << 13;
        *random ^= *random >> 7;
        *random ^= *random << 17;
        *random % bound
    };
    let noise: Vec<u8> = (0..below(300)).map(|_| below(256) as u8).collect();
    match below(5) {
        0 => noise,
        // It looks like an answer for as long as one does not look behind the first bytes.
        1 => [&question[..2], &noise].concat(),
        2 => [with_header(question, 0, 0xffff), noise].concat(),
        3 => {
            let mut bytes = with_header(question, 0, 1);
            bytes.truncate(below(bytes.len() as u64) as usize);
            bytes
        }
        // There is more over TCP, where nobody listens.
        _ => {
            let mut bytes = with_header(question, 0, 0);
            bytes[2] |= 2;
            bytes
        }
    }
}

/// The lines that were made, a turn each, as `-debug` tells of them.
fn turns(log: &[String]) -> BTreeSet<String> {
    let line = |entry: &String| Some(entry.split_once("~~ sender get metric ")?.1.to_owned());
    log.iter()
        .filter_map(line)
        .filter(|line| line.contains("\"agent.lines\""))
        .collect()
}

/// Every turn's line has come, and the turns went on all the time.
fn check_turns(made: &BTreeSet<String>, received: &[String]) {
    let received: BTreeSet<String> = received.iter().cloned().collect();
    let missing: Vec<_> = made.difference(&received).collect();
    assert!(missing.is_empty(), "{missing:#?}");
    let stamps: BTreeSet<u64> = made.iter().map(|line| Line::parse(line).timestamp).collect();
    let (first, last) = (*stamps.first().unwrap(), *stamps.last().unwrap());
    assert!(
        stamps.iter().copied().eq(first..=last),
        "a second without a turn: {stamps:?}"
    );
    let expected = (last - first) as usize * 10;
    println!("{} turns in {} s", made.len(), last - first);
    assert!(made.len() * 2 > expected, "half of the turns were missed");
}

/// A connection, then none in this mood until so many look-ups have failed, and then one again: in a good
/// mood, unless none was to fail.
fn story(test: &str, mood: Mood, failures: usize, words: &str) {
    // A resolver that waits longer than the agent; but what answers nonsense is given up in a second.
    let wait = if matches!(mood, Mood::Nonsense(_)) { 1 } else { 30 };
    let script = format!(
        "ip link set lo up
        mount -t tmpfs none /mnt
        cd /mnt
        printf 'nameserver 127.0.0.1\\noptions timeout:{wait} attempts:1\\n' >resolv.conf
        echo 'hosts: files dns' >nsswitch.conf
        echo 127.0.0.1 localhost >hosts
        for file in resolv.conf nsswitch.conf hosts; do
            if [ -e /etc/$file ]; then mount --bind $file /etc/$file; fi
        done
        grep -q timeout:{wait} /etc/resolv.conf
        cd /"
    );
    if passed_inside(&["-m", "-n"], &script, test) {
        return;
    }
    println!("{mood:x?}");
    let server = serve();
    let transfer = Transfer::localhost();
    let to = format!("-trans=receiver.test:{}", transfer.address().port());
    let flags = [
        "-metrics=agent,agent=100ms",
        "-flush=100ms",
        "-buffer=4M",
        "-debug",
    ];
    let mut agent = Agent::start(&[&[to.as_str()], &flags[..]].concat());
    let mut log = Vec::new();
    let mut received = Vec::new();

    let stream = transfer.accept();
    let lines = Lines::of(stream.try_clone().unwrap());
    received.push(lines.next());
    wait_for_no_child(agent.pid());
    let before = descriptors(agent.pid());
    server.lock().unwrap().mood = mood;
    let asked = server.lock().unwrap().questions;
    stream.shutdown(Shutdown::Both).unwrap();
    let failure = format!("dial tcp: lookup receiver.test: {words}");
    for _ in 0..failures {
        // The last one that was seen is of the failure before.
        log.push(agent.log.next());
        agent.log.up_to(&failure, &mut log);
    }
    let asked = server.lock().unwrap().questions - asked;
    assert!(asked >= failures, "{asked} questions, {failures} failures");
    if failures > 0 {
        server.lock().unwrap().mood = Mood::Good;
        agent.signal("HUP");
    }
    let second = Lines::of(transfer.accept());
    received.push(second.next());
    wait_for_no_child(agent.pid());
    assert_eq!(descriptors(agent.pid()), before);
    agent.stop();
    received.extend(lines.rest());
    received.extend(second.rest());
    log.extend(agent.rest_of_log());
    check_turns(&turns(&log), &received);
}

#[test]
fn name_server_that_never_answers_costs_no_line() {
    story(test_name!(), Mood::Silent, 2, "i/o timeout");
}

#[test]
fn name_server_that_answers_late_costs_no_line() {
    story(test_name!(), Mood::Late(3), 0, "");
}

#[test]
fn name_server_that_answers_nonsense_costs_no_line() {
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64 | 1;
    let mood = Mood::Nonsense(seed);
    story(test_name!(), mood, 4, "");
}

#[test]
fn name_that_is_unknown_to_the_server_costs_no_line() {
    story(test_name!(), Mood::NoSuchName, 4, "");
}

#[test]
fn name_with_the_unspecified_address_does_not_lead_to_this_host() {
    let script = "ip link set lo up
        mount -t tmpfs none /mnt
        printf '0.0.0.0 receiver.test\\n:: receiver.test\\n' >/mnt/hosts
        echo 'hosts: files' >/mnt/nsswitch.conf
        for file in nsswitch.conf hosts; do
            if [ -e /etc/$file ]; then mount --bind /mnt/$file /etc/$file; fi
        done
        grep -q receiver.test /etc/hosts";
    if passed_inside(&["-m", "-n"], script, test_name!()) {
        return;
    }
    let transfer = Transfer::localhost();
    let to = format!("-trans=receiver.test:{}", transfer.address().port());
    let mut agent = Agent::start(&[to.as_str()]);
    for _ in 0..2 {
        agent.log.wait_for("dial tcp: lookup receiver.test: ");
    }
    assert!(!transfer.has_one_waiting());
    agent.stop();
}

/// A file system in a file: what is done with it waits for an answer, and there is none for who opens the file.
/// (`Documentation/filesystems/fuse.rst`, `include/uapi/linux/fuse.h`)
fn serve_stalled(mut device: File) -> Receiver<()> {
    const INIT: u32 = 26;
    const OPEN: u32 = 14;
    let (note, opened) = channel();
    thread::spawn(move || {
        let mut request = vec![0; 1 << 17];
        while let Ok(40..) = device.read(&mut request) {
            let word = |at: usize| u32::from_ne_bytes(request[at..at + 4].try_into().unwrap());
            let body: Vec<u8> = match word(4) {
                // Version 7.12, whose answer is short: how much may be read ahead, no flags, no limits, how much is
                // written at once.
                INIT => [7, 12, 0, 0, 0, 4096].map(u32::to_ne_bytes).concat(),
                OPEN => {
                    let _ = note.send(());
                    continue;
                }
                _ => continue,
            };
            let length = (16 + body.len()) as u32;
            // No error, and the request's number.
            let answer = [&length.to_ne_bytes(), &[0; 4], &request[8..16], &body].concat();
            device.write_all(&answer).unwrap();
        }
    });
    opened
}

#[test]
fn look_up_that_cannot_be_killed_does_not_block_the_agent() {
    let script = "ip link set lo up
        mount -t tmpfs none /mnt
        touch /mnt/file
        mount -i -t fuse -o fd=0,rootmode=100000,user_id=0,group_id=0 none /mnt/file </dev/fuse
        umount -l /mnt/file";
    if passed_inside(&["-m", "-n"], script, test_name!()) {
        return;
    }
    let device = File::options().read(true).write(true).open("/dev/fuse").unwrap();
    let status = Command::new("mount")
        .args([
            "-i",
            "-t",
            "fuse",
            "-o",
            "fd=0,rootmode=100000,user_id=0,group_id=0",
        ])
        .args(["none", "/etc/hosts"])
        .stdin(device.try_clone().unwrap())
        .status();
    assert!(status.unwrap().success());
    let opened = serve_stalled(device.try_clone().unwrap());
    let transfer = Transfer::localhost();
    let port = transfer.address().port();
    let config = |host: &str| {
        let text = format!(r#"{{"trans": "{host}:{port}", "metrics": "agent=50ms", "flush": "50ms"}}"#);
        std::fs::write("/mnt/config", text).unwrap();
    };
    config("receiver.test");
    let mut agent = Agent::start(&["-config=/mnt/config"]);
    opened.recv().unwrap();
    // Nobody waits for the look-up any more.
    config("127.0.0.1");
    agent.signal("HUP");
    let lines = Lines::of(transfer.accept());
    for _ in 0..20 {
        lines.next();
    }
    let path = format!("/proc/{0}/task/{0}/children", agent.pid());
    let children = || std::fs::read_to_string(&path).unwrap();
    let child = children().trim().parse().expect("one child that has not ended");
    assert_eq!(descriptors(child), 3, "of the agent's");
    // They do not become more and more.
    for _ in 1..16 {
        config("receiver.test");
        agent.signal("HUP");
        opened.recv().unwrap();
        config("127.0.0.1");
        agent.signal("HUP");
        transfer.accept();
    }
    config("receiver.test");
    agent.signal("HUP");
    agent
        .log
        .wait_for("lookup receiver.test: resource temporarily unavailable");
    assert_eq!(children().split_whitespace().count(), 16);
    // The file system is gone, and so are they.
    let status = Command::new("umount").args(["-l", "-f", "/etc/hosts"]).status();
    assert!(status.unwrap().success());
    wait_for_no_child(agent.pid());
    agent.stop();
}
