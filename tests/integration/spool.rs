//! The buffer in a file: from one agent to the next, whatever has become of either.
//!
//! Mounts and a name server of its own need root, `unshare` and `mount`; where they are missing, a test
//! says so and does nothing.

use crate::common::{
    Agent, Folder, Line, Lines, Space, TOLD, Transfer, accept, command, narrow_listener, output, told,
};
use socket2::SockRef;
use std::fs::{self, Permissions};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Output};

/// Many lines in a short time, and a log that tells of each.
const QUICK: [&str; 4] = [
    "-metrics=agent,agent=20ms",
    "-flush=20ms",
    "-replay=60s",
    "-debug",
];

/// Where nobody listens.
fn nowhere() -> String {
    format!("-trans={}", Transfer::absent())
}

/// What an agent on this file is run with.
fn flags<'a>(trans: &'a str, spool: &'a str, life: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [&QUICK[..], &[trans, "-spool", spool, "-tag", life], more].concat()
}

fn start(trans: &str, spool: &Path, life: &str, more: &[&str]) -> Agent {
    Agent::start(&flags(trans, spool.to_str().unwrap(), life, more))
}

/// The lines that the agent makes from here on, until there are so many.
fn made(agent: &Agent, count: usize) -> Vec<String> {
    let line = || agent.log.wait_for(TOLD).split_once(TOLD).unwrap().1.to_owned();
    (0..count).map(|_| line()).collect()
}

/// The lines of an agent that makes so many at least, and is killed.
fn made_and_killed(agent: &mut Agent, count: usize) -> Vec<String> {
    let mut lines = made(agent, count);
    lines.extend(told(&agent.kill()).map(str::to_owned));
    lines
}

/// What the next agent on this file sends before its own lines, and its log up to then.
fn sent_by_next(spool: &Path, more: &[&str]) -> (Vec<String>, Vec<String>) {
    let transfer = Transfer::new();
    let agent = start(&transfer.flag(), spool, "next", more);
    let lines = Lines::of(transfer.accept());
    let mut sent = Vec::new();
    loop {
        let line = lines.next();
        if line.contains("\"next\"") {
            // What is said of the file comes before there is a connection.
            let until_connected = |line: &String| !line.contains("local addr:");
            let log = std::iter::repeat_with(|| agent.log.next());
            return (sent, log.take_while(until_connected).collect());
        }
        sent.push(line);
    }
}

/// Holds the lines to be all there, in their order; the log may have told of fewer than there are.
fn assert_all(sent: &[String], made: &[String]) {
    let mut rest = sent.iter();
    for line in made {
        assert!(rest.any(|other| other == line), "{line} did not come");
    }
}

fn error(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// The agent does not start on this file, and says why.
fn assert_refused(path: &str, more: &[&str], reason: &str) {
    let trans = nowhere();
    let mut agent = Agent::start(&flags(&trans, path, "refused", more));
    assert_eq!(
        agent.log.next(),
        format!("mini-monitor: -spool: {path}: {reason}")
    );
    assert_eq!(agent.wait().code(), Some(1));
    assert_eq!(agent.rest_of_log(), [""; 0]);
}

#[test]
fn spool_keeps_lines_of_two_killed_agents() {
    let folder = Folder::new("spool-kill");
    let spool = folder.join("spool");
    let mut all = Vec::new();
    for life in ["first", "second", "third"] {
        all.extend(made_and_killed(&mut start(&nowhere(), &spool, life, &[]), 60));
    }
    let (sent, log) = sent_by_next(&spool, &[]);
    assert_all(&sent, &all);
    let found = format!("spool: {} lines recovered", sent.len());
    assert!(log[0].ends_with(&found), "{log:#?}");
}

#[test]
fn spool_that_has_wrapped_around_is_continued() {
    let folder = Folder::new("spool-round");
    let spool = folder.join("spool");
    let small = ["-buffer=4K", "-overflow=drop"];
    for life in ["first", "second", "third"] {
        let lines = made_and_killed(&mut start(&nowhere(), &spool, life, &small), 200);
        let (sent, log) = sent_by_next(&spool, &small);
        assert!(
            !log.iter().any(|line| line.contains("pieces skipped")),
            "{log:#?}"
        );
        assert!(sent.len() < 200, "{} lines in 4 KiB", sent.len());
        // How far back it goes is not known to the line, as the log may have lost some.
        assert_all(&sent, &lines[lines.len() - sent.len() / 2..]);
    }
}

#[test]
fn spool_of_another_size_keeps_its_lines() {
    let folder = Folder::new("spool-size");
    let spool = folder.join("spool");
    let mut all = Vec::new();
    for (life, buffer) in [
        ("first", "-buffer=16K"),
        ("second", "-buffer=1M"),
        ("third", "-buffer=16K"),
    ] {
        all.extend(made_and_killed(
            &mut start(&nowhere(), &spool, life, &[buffer]),
            20,
        ));
    }
    let (sent, _) = sent_by_next(&spool, &["-buffer=32K"]);
    assert_all(&sent, &all);
}

#[test]
fn spool_in_use_is_refused_to_a_second_agent() {
    let folder = Folder::new("spool-two");
    let spool = folder.join("spool");
    let mut agent = start(&nowhere(), &spool, "first", &[]);
    let mut lines = made(&agent, 20);
    assert_refused(spool.to_str().unwrap(), &[], "another agent has it");
    lines.extend(made_and_killed(&mut agent, 20));
    assert_all(&sent_by_next(&spool, &[]).0, &lines);
}

#[test]
fn once_leaves_the_spool_unchanged() {
    let folder = Folder::new("spool-once");
    let spool = folder.join("spool");
    let once = || {
        let output = output(&["-once", "-metrics=load", "-spool", spool.to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(0), "{}", error(&output));
        assert!(!output.stdout.is_empty());
    };
    once();
    assert!(!spool.exists());
    let mut agent = start(&nowhere(), &spool, "first", &[]);
    let mut lines = made(&agent, 20);
    once();
    lines.extend(made_and_killed(&mut agent, 20));
    let before = fs::read(&spool).unwrap();
    once();
    assert_eq!(fs::read(&spool).unwrap(), before);
    assert_all(&sent_by_next(&spool, &[]).0, &lines);
}

#[test]
fn spool_damage_costs_only_the_damaged_line() {
    let folder = Folder::new("spool-damage");
    let spool = folder.join("spool");
    let mut lines = made_and_killed(&mut start(&nowhere(), &spool, "first", &[]), 60);
    let mut bytes = fs::read(&spool).unwrap();
    // Two of a kind of which no two are the same, and which do not touch.
    for turn in [1, 3] {
        let mut kind = (0..lines.len()).filter(|number| lines[*number].contains("\"agent.lines\""));
        let line = lines.remove(kind.nth(turn).unwrap());
        let text = line.as_bytes();
        let place = bytes.windows(text.len()).position(|piece| piece == text).unwrap();
        bytes[place + 30] ^= 1;
    }
    fs::write(&spool, bytes).unwrap();
    let (sent, log) = sent_by_next(&spool, &[]);
    assert_all(&sent, &lines);
    let found = format!("{} lines recovered, 2 damaged pieces skipped", sent.len());
    assert!(log[0].contains(&found), "{log:#?}");
    assert_eq!(
        log.iter().filter(|line| line.contains("pieces skipped")).count(),
        1
    );
    // It is whole again.
    let (_, log) = sent_by_next(&spool, &[]);
    assert!(
        !log.iter().any(|line| line.contains("pieces skipped")),
        "{log:#?}"
    );
}

#[test]
fn empty_file_becomes_a_spool() {
    let folder = Folder::new("spool-blank");
    let whole = folder.join("whole");
    made_and_killed(&mut start(&nowhere(), &whole, "first", &[]), 20);
    let length = fs::metadata(&whole).unwrap().len() as usize;
    for length in [0, 1, 31, length, 2 * length] {
        let spool = folder.join("spool");
        fs::write(&spool, vec![0; length]).unwrap();
        let lines = made_and_killed(&mut start(&nowhere(), &spool, "first", &[]), 20);
        assert_all(&sent_by_next(&spool, &[]).0, &lines);
    }
}

/// What the log and the standard error say of a file that is no spool.
const NO_SPOOL: &str = "it is no spool, but holds something else";

#[test]
fn file_that_is_no_spool_is_refused_and_stays_as_it_is() {
    let folder = Folder::new("spool-garbage");
    let whole = folder.join("whole");
    made_and_killed(&mut start(&nowhere(), &whole, "first", &[]), 20);
    let length = fs::metadata(&whole).unwrap().len() as usize;
    let noise: Vec<u8> = (0..2 * length as u32)
        .map(|number| (number.wrapping_mul(0x9e37_79b9) >> 24) as u8)
        .collect();
    let text = "A line of a file that somebody needs.\n".repeat(5_000);
    for content in [
        &noise[1..2],
        &noise[..31],
        &noise[..length],
        &noise,
        text.as_bytes(),
        b"mms is how a spool begins, and this text.\n",
        b"\n",
    ] {
        let path = folder.join("precious");
        // What may be a new spool that a killed agent has left is not removed by its name alone.
        let beside = folder.join("precious.new");
        for path in [&path, &beside] {
            fs::write(path, content).unwrap();
        }
        assert_refused(path.to_str().unwrap(), &[], NO_SPOOL);
        for path in [&path, &beside] {
            assert!(fs::read(path).unwrap() == content, "it was written to");
        }
    }
}

#[test]
fn spool_without_its_first_page_gives_its_other_lines() {
    let folder = Folder::new("spool-headless");
    let spool = folder.join("spool");
    let lines = made_and_killed(&mut start(&nowhere(), &spool, "first", &[]), 200);
    let mut bytes = fs::read(&spool).unwrap();
    let page = String::from_utf8_lossy(&bytes[..4096 + 2048]).into_owned();
    bytes[..4096].fill(b'x');
    fs::write(&spool, &bytes).unwrap();
    let is_behind = |line: &&String| !page.contains(line.as_str());
    let rest: Vec<String> = lines.iter().filter(is_behind).cloned().collect();
    assert!(rest.len() > 20);
    assert_all(&sent_by_next(&spool, &[]).0, &rest);
}

#[test]
fn spool_of_another_owner_is_refused() {
    let folder = Folder::new("spool-owner");
    let path = folder.join("spool");
    fs::write(&path, "").unwrap();
    if chown(&path, Some(65_533), None).is_err() {
        println!("skipped: files cannot be given to another user");
        return;
    }
    assert_refused(path.to_str().unwrap(), &[], "another user owns it");
    assert_eq!(fs::read(&path).unwrap(), b"");
    // That of the user that the agent runs as, and root's, are accepted.
    chown(&path, Some(0), None).unwrap();
    let lines = made_and_killed(&mut start(&nowhere(), &path, "first", &[]), 20);
    assert_all(&sent_by_next(&path, &[]).0, &lines);
}

#[test]
fn spool_with_a_second_link_is_refused() {
    let folder = Folder::new("spool-links");
    let path = folder.join("spool");
    made_and_killed(&mut start(&nowhere(), &path, "first", &[]), 5);
    let link = folder.join("link");
    fs::hard_link(&path, &link).unwrap();
    for path in [&path, &link] {
        assert_refused(path.to_str().unwrap(), &[], "it has more than one link");
    }
    fs::remove_file(&link).unwrap();
    made_and_killed(&mut start(&nowhere(), &path, "first", &[]), 5);
}

#[test]
fn spool_that_others_can_write_to_is_refused() {
    let folder = Folder::new("spool-mode");
    let path = folder.join("spool");
    made_and_killed(&mut start(&nowhere(), &path, "first", &[]), 5);
    for mode in [0o620, 0o602, 0o666] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        assert_refused(path.to_str().unwrap(), &[], "group or others can write to it");
    }
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    made_and_killed(&mut start(&nowhere(), &path, "first", &[]), 5);
}

#[test]
fn spool_path_that_is_unsuitable_is_an_error_at_the_start() {
    let folder = Folder::new("spool-refused");
    assert_refused(folder.path(), &[], "is a directory");
    assert_refused("/dev/null", &[], "it is not a regular file");
    let absent = folder.join("absent/spool");
    assert_refused(absent.to_str().unwrap(), &[], "no such file or directory");
    let pipe = folder.join("pipe");
    let made = Command::new("mkfifo").arg(&pipe).status();
    if made.is_ok_and(|status| status.success()) {
        assert_refused(pipe.to_str().unwrap(), &[], "it is not a regular file");
    }
}

/// A small file system in a name space of its own.
struct Mount(Space);

impl Mount {
    fn new(folder: &Folder, options: &str) -> Option<Self> {
        let script = format!("mount -t tmpfs -o {options} none {}", folder.path());
        let space = Space::new("-m", &script);
        if space.is_none() {
            println!("skipped: a tmpfs cannot be mounted");
        }
        space.map(Self)
    }

    /// The path of a file on it.
    fn join(&self, folder: &Folder, file: &str) -> String {
        format!("/proc/{}/root{}/{file}", self.0.pid(), folder.path())
    }
}

#[test]
fn spool_on_a_read_only_file_system_is_an_error_at_the_start() {
    let folder = Folder::new("spool-readonly");
    if let Some(mount) = Mount::new(&folder, "ro") {
        assert_refused(&mount.join(&folder, "spool"), &[], "read-only file system");
    }
}

#[test]
fn spool_on_a_full_disk_is_an_error_at_the_start_and_costs_no_line() {
    let folder = Folder::new("spool-full");
    let Some(mount) = Mount::new(&folder, "size=80K") else {
        return;
    };
    let path = mount.join(&folder, "spool");
    let spool = Path::new(&path);
    assert_refused(&path, &["-buffer=128K"], "no space left on device");
    let lines = made_and_killed(&mut start(&nowhere(), spool, "first", &["-buffer=16K"]), 20);
    assert_refused(&path, &["-buffer=128K"], "no space left on device");
    assert_all(&sent_by_next(spool, &["-buffer=16K"]).0, &lines);
}

#[test]
fn spool_left_by_sigterm_is_sent_by_the_next_agent() {
    let folder = Folder::new("spool-term");
    let spool = folder.join("spool");
    let listener = narrow_listener();
    let trans = format!("-trans={}", listener.local_addr().unwrap());
    let mut agent = start(&trans, &spool, "first", &["-buffer=1M"]);
    let stream = accept(&listener);
    // The two kernels hold no more of it.
    let is_stalled = |line: &str| {
        let flush = line
            .split_once("flush: ")
            .and_then(|(_, flush)| flush.split_once(" of "));
        flush.is_some_and(|(taken, waiting)| !waiting.starts_with(&format!("{taken} ")))
    };
    let mut lines = Vec::new();
    while !lines.last().is_some_and(|line: &String| is_stalled(line)) {
        lines.push(agent.log.next());
    }
    agent.stop();
    lines.extend(agent.rest_of_log());
    drop(stream);
    let lines: Vec<String> = told(&lines).map(str::to_owned).collect();
    assert_all(&sent_by_next(&spool, &["-buffer=1M"]).0, &lines);
}

/// A name server that never answers: a look-up takes as long as the resolver likes.
#[test]
fn look_up_in_progress_does_not_keep_the_spool_locked() {
    let folder = Folder::new("spool-lookup");
    let [high, low] = (std::process::id() as u16).to_be_bytes();
    let address = Ipv4Addr::new(127, 200, high, low);
    let Ok(server) = UdpSocket::bind((address, 53)) else {
        println!("skipped: no name server can be had");
        return;
    };
    let conf = folder.join("resolv.conf");
    fs::write(&conf, format!("nameserver {address}\noptions timeout:30\n")).unwrap();
    let mount = format!("mount --bind {} /etc/resolv.conf", conf.display());
    let can = Command::new("unshare").args(["-m", "sh", "-ec", &mount]).status();
    if !can.is_ok_and(|status| status.success()) {
        println!("skipped: a resolv.conf of its own cannot be had");
        return;
    }
    let spool = folder.join("spool");
    let agent = command();
    let mut inside = Command::new("unshare");
    inside
        .args(["-m", "sh", "-ec", &format!("{mount}\nexec \"$0\" \"$@\"")])
        .arg(agent.get_program())
        .args(agent.get_args())
        .args(flags(
            "-trans=a.name.example:6000",
            spool.to_str().unwrap(),
            "first",
            &[],
        ));
    let mut agent = Agent::spawn(&mut inside);
    SockRef::from(&server)
        .set_read_timeout(Some(crate::common::PATIENCE))
        .unwrap();
    server.recv(&mut [0; 512]).expect("the look-up's question");
    let lines = made_and_killed(&mut agent, 20);
    // At once, whatever the child does.
    assert_all(&sent_by_next(&spool, &[]).0, &lines);
}

/// What the log says when the file is no longer whole.
const LOST: &str = ": the file was truncated, or its disk is full: ";

/// Cuts the file off, down to this length.
fn cut_off(spool: &Path, length: usize) {
    let file = fs::OpenOptions::new().write(true).open(spool).unwrap();
    file.set_len(length as u64).unwrap();
}

#[test]
fn spool_that_is_cut_off_costs_the_lines_of_its_pages_and_no_more() {
    let folder = Folder::new("spool-cut");
    for (divisor, count) in [(usize::MAX, 80), (2, 100), (2, 250)] {
        let spool = folder.join("spool");
        let address = Transfer::absent();
        let mut agent = start(&format!("-trans={address}"), &spool, "first", &["-buffer=16K"]);
        let mut log = Vec::new();
        // Some are more than the buffer holds.
        for _ in 0..count {
            agent.log.up_to(TOLD, &mut log);
        }
        let bytes = fs::read(&spool).unwrap();
        let length = bytes.len() / divisor;
        cut_off(&spool, length);
        agent.log.up_to(LOST, &mut log);
        let line = log.last().unwrap();
        assert!(
            line.ends_with(" lines dropped; continuing in a new file"),
            "{line}"
        );
        assert_eq!(fs::metadata(&spool).unwrap().len() as usize, bytes.len());
        // Later lines come, too.
        let before = told(&log).count();
        for _ in 0..20 {
            agent.log.up_to(TOLD, &mut log);
        }
        let transfer = Transfer::at(address);
        agent.signal("HUP");
        let lines = Lines::of(transfer.accept());
        agent.log.up_to("local addr:", &mut log);
        agent.stop();
        let received = lines.rest();
        log.extend(agent.rest_of_log());
        assert_eq!(log.iter().filter(|line| line.contains(LOST)).count(), 1);
        let made: Vec<String> = told(&log).map(str::to_owned).collect();
        assert_all(&made, &received);
        let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
        for (number, line) in made.iter().enumerate() {
            // A full buffer may have thinned some meanwhile.
            let is_left = number >= before || count < 150 && text.contains(&format!("{line}\n"));
            assert!(!is_left || received.contains(line), "{line} did not come");
        }
        println!("{} made, {} received", made.len(), received.len());
        let last = |metric: &str| {
            let line = received.iter().rfind(|line| line.contains(metric)).unwrap();
            Line::parse(line).value as usize
        };
        let gone = last("\"agent.lines.thinned\"") + last("\"agent.lines.dropped\"");
        assert_eq!(gone, made.len() - received.len());
        fs::remove_file(&spool).unwrap();
    }
}

#[test]
fn spool_that_is_cut_off_counts_no_line_as_dropped_that_has_arrived() {
    let folder = Folder::new("spool-arrived");
    let spool = folder.join("spool");
    let transfer = Transfer::new();
    let flags = ["-metrics=load", "-interval=1s", "-flush=20ms", "-spool"];
    let mut agent = Agent::start(
        &[
            &[transfer.flag().as_str()],
            &flags[..],
            &[spool.to_str().unwrap()],
        ]
        .concat(),
    );
    let lines = Lines::of(transfer.accept());
    // The last line of a turn: the next one is a second later.
    for _ in 0..3 {
        lines.wait_for("\"proc.blocked\"");
    }
    // The agent knows that all has arrived.
    let is_all_there = || {
        agent.signal("USR1");
        let report = agent.log.wait_for("; bytes queued: ");
        report.contains("; bytes queued: 0;").then_some(())
    };
    crate::common::poll(is_all_there, "the acknowledgement");
    cut_off(&spool, 0);
    let lost = agent.log.wait_for(LOST);
    // The first line that is made after it cannot be told from the damage before it.
    let few = [": 0 lines dropped; ", ": 1 lines dropped; "];
    assert!(few.iter().any(|few| lost.contains(few)), "{lost}");
    agent.stop();
}

#[test]
fn spool_that_is_cut_off_where_no_new_one_can_be_made_goes_on_in_memory() {
    let folder = Folder::new("spool-memory-only");
    let spool = folder.join("spool");
    let mut agent = start(&nowhere(), &spool, "first", &[]);
    made(&agent, 20);
    let beside = folder.join("spool.new");
    fs::create_dir(&beside).unwrap();
    cut_off(&spool, 0);
    let line = agent.log.wait_for(LOST);
    assert!(
        line.ends_with(" lines dropped; continuing in memory until SIGHUP"),
        "{line}"
    );
    assert_eq!(fs::metadata(&spool).unwrap().len(), 0);
    let mut lines = made(&agent, 20);
    fs::remove_dir(&beside).unwrap();
    agent.signal("HUP");
    crate::common::poll(
        || (fs::metadata(&spool).ok()?.len() > 0).then_some(()),
        "the file",
    );
    lines.extend(made_and_killed(&mut agent, 20));
    assert_all(&sent_by_next(&spool, &[]).0, &lines);
}

#[test]
fn spool_that_is_cut_off_tears_no_line_of_a_slow_receiver() {
    let folder = Folder::new("spool-torn");
    let spool = folder.join("spool");
    let listener = narrow_listener();
    let trans = format!("-trans={}", listener.local_addr().unwrap());
    let mut agent = start(&trans, &spool, "first", &["-buffer=1M"]);
    let first = accept(&listener);
    // The two kernels hold no more of it, and the next line is sent in part.
    let is_stalled = |line: &str| {
        let flush = line
            .split_once("flush: ")
            .and_then(|(_, flush)| flush.split_once(" of "));
        flush.is_some_and(|(taken, waiting)| !waiting.starts_with(&format!("{taken} ")))
    };
    while !is_stalled(&agent.log.next()) {}
    cut_off(&spool, 0);
    agent.log.wait_for(LOST);
    let second = accept(&listener);
    let [first, second] = [first, second].map(Lines::of);
    for _ in 0..50 {
        Line::parse(&second.next());
    }
    agent.stop();
    let first = first.rest();
    let (_, whole) = first.split_last().unwrap();
    whole
        .iter()
        .chain(&second.rest())
        .for_each(|line| _ = Line::parse(line));
}

#[test]
fn sigbus_from_another_process_ends_the_agent() {
    let folder = Folder::new("spool-bus");
    let mut agent = start(&nowhere(), &folder.join("spool"), "first", &[]);
    agent.log.wait_for(TOLD);
    agent.signal("BUS");
    assert!(agent.wait().signal().is_some());
}

/// The kB of an agent's own, once it runs: without a file, or on one that held so much else before that all
/// of it was looked through. (How much of its files is resident is up to the kernel.)
fn own_memory(spool: Option<&Path>) -> u64 {
    let trans = nowhere();
    let agent = match spool {
        Some(path) => {
            // A spool, and then much that is no line.
            made_and_killed(&mut start(&trans, path, "before", &[]), 1);
            let mut bytes = fs::read(path).unwrap();
            bytes.resize(1 << 20, b'x');
            fs::write(path, bytes).unwrap();
            start(&trans, path, "first", &[])
        }
        None => Agent::start(&[&QUICK[..], &[trans.as_str(), "-tag=first"]].concat()),
    };
    made(&agent, 400);
    agent.status("RssAnon")
}

#[test]
fn spool_takes_no_memory_beside_its_own() {
    let folder = Folder::new("spool-memory");
    let (without, with) = (own_memory(None), own_memory(Some(&folder.join("spool"))));
    assert!(with <= without + 64, "{without} kB have become {with} kB");
}
