//! A wall clock that is wrong, and is set right: the built agent under `libfaketime`, which stands between
//! it and the C library's clocks. Where that library is not installed, or cannot come between since the agent
//! is a static binary, a test says so and does nothing.

use crate::common::{Agent, Folder, Line, Lines, Transfer, command, target};
use socket2::SockRef;
use std::fs;
use std::io::{BufRead, BufReader};
use std::ops::RangeInclusive;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

const YEAR: i64 = 365 * 86_400;
/// Seconds between two samples, and a little more.
const PACE: u64 = 1;

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn library() -> Option<String> {
    if target().contains("musl") {
        println!("skipped: nothing comes between a static binary and its C library");
        return None;
    }
    let folders = fs::read_dir("/usr/lib").unwrap().flatten();
    let found = folders
        .map(|folder| folder.path().join("faketime/libfaketime.so.1"))
        .find(|library| library.exists());
    if found.is_none() {
        println!("skipped: there is no libfaketime");
    }
    found.map(|library| library.to_str().unwrap().to_owned())
}

/// An agent whose wall clock is beside the right one by what a file says.
struct Wrong {
    agent: Agent,
    folder: Folder,
}

impl Wrong {
    fn start(name: &str, seconds: i64, flags: &[&str]) -> Option<Self> {
        let library = library()?;
        let folder = Folder::new(name);
        let mut command = command();
        set(&folder, seconds);
        command
            .args(["-debug", "-metrics=load,load=500ms", "-flush=200ms"])
            .args(flags)
            .env("LD_PRELOAD", library)
            .env("FAKETIME_TIMESTAMP_FILE", folder.join("offset"))
            .env("FAKETIME_NO_CACHE", "1")
            // The other clocks are left alone: deadlines are real.
            .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        Some(Self {
            agent: Agent::spawn(&mut command),
            folder,
        })
    }

    fn set(&self, seconds: i64) {
        set(&self.folder, seconds);
    }

    /// Waits for the first turn of the family; says when that was, between `start` and now.
    fn first_turn(&self, start: u64) -> RangeInclusive<u64> {
        self.turns(1);
        start..=now()
    }

    /// Waits for so many turns of the family.
    fn turns(&self, count: usize) {
        for _ in 0..count {
            self.agent.log.wait_for("## ticker hit load");
        }
    }
}

fn set(folder: &Folder, seconds: i64) {
    let (file, whole) = (folder.join("offset"), folder.join("new"));
    fs::write(&whole, format!("{seconds:+}\n")).unwrap();
    fs::rename(whole, file).unwrap();
}

/// The stamps of `cpu.load1` up to the first that is not before `end`.
fn stamps(lines: &Lines, end: u64) -> Vec<u64> {
    let mut stamps = Vec::new();
    loop {
        let line = Line::parse(&lines.wait_for("\"cpu.load1\""));
        stamps.push(line.timestamp);
        if line.timestamp >= end {
            return stamps;
        }
    }
}

/// The first sample was taken in this time, for which its deadline and a mended stamp may be early by one second
/// each, and the stamp late by one.
fn check_first(stamps: &[u64], taken: &RangeInclusive<u64>) {
    let allowed = taken.start() - 2..=taken.end() + 1;
    assert!(allowed.contains(&stamps[0]), "{taken:?}: {stamps:?}");
}

/// From then on, a sample every half second: mended stamps may be beside it by one second.
fn check(stamps: &[u64], taken: &RangeInclusive<u64>) {
    check_first(stamps, taken);
    for pair in stamps.windows(2) {
        assert!(
            pair[0] <= pair[1] + 1 && pair[1] <= pair[0] + PACE + 1,
            "{stamps:?}"
        );
    }
}

#[test]
fn clock_of_1970_holds_samples_back_until_they_can_be_restamped() {
    let transfer = Transfer::new();
    let start = now();
    let flag = transfer.flag();
    let Some(wrong) = Wrong::start("clock-1970", 100 - start as i64, &[&flag]) else {
        return;
    };
    let taken = wrong.first_turn(start);
    wrong.turns(5);
    let log = wrong.agent.log.so_far();
    assert!(log.iter().all(|line| !line.contains("local addr")), "{log:#?}");
    wrong.set(0);
    let lines = Lines::of(transfer.accept());
    check(&stamps(&lines, now() + 2), &taken);
    let log = wrong.agent.log.so_far();
    assert!(log.iter().any(|line| line.contains("stepped +")), "{log:#?}");
}

#[test]
fn clock_step_at_whole_seconds_leaves_one_sample_a_stamp() {
    let transfer = Transfer::new();
    let start = now();
    let flags = [&transfer.flag(), "-metrics=load=1s"];
    let Some(wrong) = Wrong::start("clock-whole", 100 - start as i64, &flags) else {
        return;
    };
    let taken = wrong.first_turn(start);
    wrong.turns(2);
    wrong.set(0);
    let lines = Lines::of(transfer.accept());
    let stamps = stamps(&lines, now() + 2);
    check_first(&stamps, &taken);
    assert!(stamps.windows(2).all(|pair| pair[1] == pair[0] + 1), "{stamps:?}");
}

#[test]
fn clock_set_back_restamps_samples_of_the_future() {
    let address = Transfer::absent();
    let start = now();
    let flag = format!("-trans={address}");
    let Some(wrong) = Wrong::start("clock-2033", 7 * YEAR, &[&flag]) else {
        return;
    };
    let taken = wrong.first_turn(start);
    wrong.turns(5);
    wrong.set(0);
    wrong.agent.log.wait_for("stepped -");
    let lines = Lines::of(Transfer::at(address).accept());
    check(&stamps(&lines, now() + 2), &taken);
}

#[test]
fn clock_steps_of_an_hour_leave_right_stamps_at_an_even_pace() {
    let address = Transfer::absent();
    let start = now();
    let flag = format!("-trans={address}");
    let Some(wrong) = Wrong::start("clock-hour", -3_600, &[&flag]) else {
        return;
    };
    let taken = wrong.first_turn(start);
    for offset in [0, 3_600, -7_200, 0] {
        wrong.turns(4);
        wrong.set(offset);
    }
    wrong.agent.log.wait_for("stepped +720");
    let lines = Lines::of(Transfer::at(address).accept());
    check(&stamps(&lines, now() + 2), &taken);
}

#[test]
fn clock_step_leaves_sent_lines_as_they_were() {
    let transfer = Transfer::new();
    let start = now();
    let flag = transfer.flag();
    // Lines that are ahead by more than a minute are not sent again.
    let Some(wrong) = Wrong::start("clock-repeat", 50, &[&flag]) else {
        return;
    };
    let first = transfer.accept();
    let lines = BufReader::new(first.try_clone().unwrap()).lines();
    let sent: Vec<String> = lines.take(12).map(Result::unwrap).collect();
    wrong.set(0);
    wrong.agent.log.wait_for("stepped -");
    SockRef::from(&first).set_linger(Some(Duration::ZERO)).unwrap();
    drop(first);
    let address = transfer.address();
    drop(transfer);
    let again = Lines::of(Transfer::at(address).accept());
    for line in sent {
        assert_eq!(again.next(), line);
    }
    let end = now() + 2;
    loop {
        let line = Line::parse(&again.next());
        let is_right = (start..=end + 2).contains(&line.timestamp);
        assert!(is_right || line.timestamp >= start + 49, "{line:?}");
        if is_right && line.timestamp >= end {
            return;
        }
    }
}

#[test]
fn spool_of_this_boot_is_restamped_by_the_next_agent() {
    let address = Transfer::absent();
    let folder = Folder::new("clock-spool");
    let start = now();
    let spool = format!("-spool={}", folder.join("spool").display());
    let flags = [&format!("-trans={address}"), spool.as_str()];
    let Some(mut wrong) = Wrong::start("clock-spool-wrong", 100 - start as i64, &flags) else {
        return;
    };
    let taken = wrong.first_turn(start);
    wrong.turns(3);
    wrong.agent.signal("KILL");
    wrong.agent.wait();
    let wrong = Wrong::start("clock-spool-right", 0, &flags).unwrap();
    wrong.turns(2);
    let lines = Lines::of(Transfer::at(address).accept());
    let stamps = stamps(&lines, now() + 2);
    check_first(&stamps, &taken);
    assert!(stamps.windows(2).all(|pair| pair[0] <= pair[1] + 1), "{stamps:?}");
}

#[test]
fn once_prints_although_the_clock_is_wrong() {
    let Some(library) = library() else { return };
    let folder = Folder::new("clock-once");
    set(&folder, 100 - now() as i64);
    let output = command()
        .args(["-once", "-metrics=load"])
        .env("LD_PRELOAD", library)
        .env("FAKETIME_TIMESTAMP_FILE", folder.join("offset"))
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        .output()
        .unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.lines().count() >= 5, "{text}");
    for line in text.lines() {
        let line: Line = miniserde::json::from_str(line).unwrap();
        assert!(line.timestamp < 86_400, "{line:?}");
    }
}

#[test]
fn lines_held_back_by_a_wrong_clock_are_thinned_and_not_dropped() {
    let transfer = Transfer::new();
    let flag = transfer.flag();
    let flags = [flag.as_str(), "-metrics=load=50ms", "-flush=50ms", "-buffer=8K"];
    let Some(wrong) = Wrong::start("clock-thinned", 0, &flags) else {
        return;
    };
    let _stream = transfer.accept();
    wrong.agent.log.wait_for("local addr");
    wrong.set(100 - now() as i64);
    wrong.agent.log.wait_for("wall clock is implausible");
    wrong.turns(60);
    wrong.agent.signal("USR1");
    let state = wrong.agent.log.wait_for("; bytes queued: ");
    assert!(
        !state.contains("thinned: 0,") && state.contains("dropped: 0;"),
        "{state}"
    );
}

#[test]
fn signal_makes_the_agent_check_the_clock() {
    let transfer = Transfer::new();
    let flag = transfer.flag();
    let flags = [
        flag.as_str(),
        "-metrics=load=24h",
        "-flush=24h",
        "-endpoint=clock",
    ];
    let Some(wrong) = Wrong::start("clock-signal", 100 - now() as i64, &flags) else {
        return;
    };
    wrong.agent.log.wait_for("wall clock is implausible");
    wrong.set(0);
    wrong.agent.signal("HUP");
    Line::parse(&Lines::of(transfer.accept()).next());
}
