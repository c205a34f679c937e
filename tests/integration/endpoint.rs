//! The endpoint: two agents that have the same one, and names that many machines have.

use crate::common::{Agent, Folder, Transfer, command, passed_inside, poll, test_name, with_descriptors};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

const SHARED: &str = "another agent of this machine has the endpoint ";
const COMMON: &str = " is a name that many machines have, and their series would mix; set -endpoint NAME";

/// An agent with a spool of that name in the folder. It has no receiver.
fn start(folder: &Folder, spool: &str, endpoint: &str) -> Agent {
    let flags = flags(folder, spool, endpoint);
    let agent = Agent::start(&flags.each_ref().map(String::as_str));
    agent.log.wait_for("dial tcp");
    agent
}

fn flags(folder: &Folder, spool: &str, endpoint: &str) -> [String; 3] {
    [
        format!("-spool={}", folder.join(spool).display()),
        format!("-endpoint={endpoint}"),
        format!("-trans={}", Transfer::absent()),
    ]
}

/// Starts an agent, and returns whether its log warns of another one before its first attempt to connect.
fn is_warned(folder: &Folder, spool: &str, endpoint: &str) -> (bool, Agent) {
    let flags = flags(folder, spool, endpoint);
    let agent = Agent::start(&flags.each_ref().map(String::as_str));
    let mut log = Vec::new();
    agent.log.up_to("dial tcp", &mut log);
    let warnings = log.iter().filter(|line| line.contains(SHARED)).count();
    assert!(warnings < 2, "{log:?}");
    (warnings == 1, agent)
}

#[test]
fn second_agent_with_the_same_endpoint_is_warned_and_runs() {
    let folder = Folder::new("endpoint-twice");
    let (warned, mut first) = is_warned(&folder, "one", "twin");
    assert!(!warned);
    let (warned, mut second) = is_warned(&folder, "two", "twin");
    assert!(warned);
    let (warned, mut other) = is_warned(&folder, "three", "other");
    assert!(!warned);
    // -once and -check have no part in it.
    for flag in ["-once", "-check"] {
        let flags = flags(&folder, "four", "twin");
        let output = command().args(flags).arg(flag).output().unwrap();
        assert_eq!(output.status.code(), Some(0));
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
    }
    // The second one is still noticed when the first one has ended.
    assert!(first.kill().iter().all(|line| !line.contains(SHARED)));
    let (warned, mut third) = is_warned(&folder, "five", "twin");
    assert!(warned);
    second.stop();
    third.kill();
    let (warned, mut last) = is_warned(&folder, "one", "twin");
    assert!(!warned, "agents that have ended are noticed");
    last.stop();
    other.stop();
}

/// The locks that a process has open.
fn locks(pid: u32) -> usize {
    let files = fs::read_dir(format!("/proc/{pid}/fd")).unwrap();
    let links = files.filter_map(|file| fs::read_link(file.ok()?.path()).ok());
    links
        .filter(|path| path.extension().is_some_and(|end| end == "lock"))
        .count()
}

#[test]
fn endpoint_that_a_reload_changes_is_given_up() {
    let folder = Folder::new("endpoint-reload");
    let to = format!("-trans={}", Transfer::absent());
    let text = |name: &str| {
        let spool = folder.join("spool");
        format!(r#"{{"endpoint": "{name}", "spool": "{}"}}"#, spool.display())
    };
    let config = folder.config(&text("before"));
    let mut agent = Agent::start(&[&config, &to]);
    agent.log.wait_for("dial tcp");
    for name in ["after", "before", "after"] {
        folder.config(&text(name));
        agent.signal("HUP");
        agent.log.wait_for("configuration reloaded");
        assert_eq!(locks(agent.pid()), 1);
    }
    let (warned, mut other) = is_warned(&folder, "other", "before");
    assert!(!warned);
    let (warned, mut same) = is_warned(&folder, "same", "after");
    assert!(warned);
    // It is noticed at a reload, too.
    folder.config(&text("before"));
    agent.signal("HUP");
    agent.log.wait_for(SHARED);
    for agent in [&mut agent, &mut other, &mut same] {
        agent.stop();
    }
}

#[test]
fn child_that_outlives_the_agent_has_no_part_in_the_lock() {
    let folder = Folder::new("endpoint-child");
    let note = folder.join("pid");
    let config = folder.config(&format!(
        r#"{{"custom": [{{"exec": "trap '' TERM; echo $$ >{0}.new; mv {0}.new {0}; sleep 1000", "interval": "1h"}}]}}"#,
        note.display()
    ));
    let mut flags = flags(&folder, "spool", "parent").to_vec();
    flags.push(config);
    let mut agent = Agent::spawn(command().args(flags));
    let read = || fs::read_to_string(&note).ok()?.trim().parse::<u32>().ok();
    let script = poll(read, "the script");
    agent.kill();
    assert!(PathBuf::from(format!("/proc/{script}")).exists());
    let (warned, mut next) = is_warned(&folder, "spool", "parent");
    let status = Command::new("sh")
        .args(["-c", &format!("kill -KILL -{script}")])
        .status();
    assert!(status.unwrap().success());
    assert!(!warned);
    next.stop();
}

#[test]
fn lock_that_cannot_be_had_is_no_error() {
    let folder = Folder::new("endpoint-silent");
    let mut first = start(&folder, "one", "silent");
    let locks = || {
        let files = fs::read_dir(folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().path());
        files
            .filter(|path| path.extension().is_some_and(|end| end == "lock"))
            .collect::<Vec<_>>()
    };
    let [lock] = &locks()[..] else {
        panic!("{:?}", locks());
    };
    assert_eq!(fs::metadata(lock).unwrap().len(), 0);
    first.stop();
    fs::remove_file(lock).unwrap();
    // Something else has its name.
    fs::create_dir(lock).unwrap();
    let (warned, mut agent) = is_warned(&folder, "one", "silent");
    assert!(!warned);
    agent.stop();
    fs::remove_dir(lock).unwrap();
    assert!(Command::new("mkfifo").arg(lock).status().unwrap().success());
    let (warned, mut agent) = is_warned(&folder, "one", "silent");
    assert!(!warned);
    agent.stop();
    fs::remove_file(lock).unwrap();
    // The spool itself has it. To open and close it would give up the lock of the spool.
    let name = lock.file_name().unwrap().to_str().unwrap().to_owned();
    let mut agent = Agent::spawn(with_descriptors(20).args(flags(&folder, &name, "silent")));
    agent.log.wait_for("dial tcp");
    let second = command().args(flags(&folder, &name, "silent")).output().unwrap();
    assert_eq!(second.status.code(), Some(1));
    agent.stop();
    // There are not enough descriptors for it.
    fs::remove_file(lock).unwrap();
    let mut first = start(&folder, "one", "silent");
    let mut few = Agent::spawn(with_descriptors(20).args(flags(&folder, "two", "silent")));
    let mut log = Vec::new();
    few.log.up_to("dial tcp", &mut log);
    assert!(log.iter().all(|line| !line.contains(SHARED)));
    few.stop();
    first.stop();
}

#[test]
fn agents_without_a_spool_meet_in_run() {
    let script = "mount -t tmpfs none /run";
    if passed_inside(&["-m"], script, test_name!()) {
        return;
    }
    let to = format!("-trans={}", Transfer::absent());
    let is_warned = || {
        let agent = Agent::start(&[&to, "-endpoint=run"]);
        let mut log = Vec::new();
        agent.log.up_to("dial tcp", &mut log);
        (log.iter().any(|line| line.contains(SHARED)), agent)
    };
    let (warned, _first) = is_warned();
    assert!(!warned);
    assert!(is_warned().0);
    // A container may have no /run, or one that cannot be written to.
    for script in [
        "mount -o remount,ro /run",
        "umount -l /run; mount --bind /proc/self/fdinfo /run",
    ] {
        assert!(
            Command::new("sh")
                .args(["-c", script])
                .status()
                .unwrap()
                .success()
        );
        let (warned, mut agent) = is_warned();
        // The file is still there to be read on a read-only /run.
        assert_eq!(warned, script.contains("remount"), "{script}");
        agent.stop();
    }
}

#[test]
fn common_host_name_is_logged_once_and_by_check() {
    let script = "mount -t tmpfs none /run; true";
    if passed_inside(&["-u", "-m"], script, test_name!()) {
        return;
    }
    let set_name = |name: &str| {
        let set = format!("printf '%s\\n' '{name}' >/proc/sys/kernel/hostname");
        assert!(Command::new("sh").args(["-c", &set]).status().unwrap().success());
    };
    let to = format!("-trans={}", Transfer::absent());
    let check = |flags: &[&str]| {
        let output = command().args(["-check", &to]).args(flags).output().unwrap();
        String::from_utf8(output.stdout).unwrap()
    };
    for (name, shown) in [
        ("localhost", "localhost"),
        ("(none)", "(none)"),
        ("OpenWrt", "OpenWrt"),
        ("", "localhost"),
    ] {
        set_name(name);
        let warning = format!("endpoint \"{shown}\"{COMMON}");
        assert!(check(&[]).contains(&format!("\nwarning: {warning}\n")), "{name}");
        let folder = Folder::new("endpoint-common");
        let config = folder.config("{}");
        let mut agent = Agent::start(&[&config, &to]);
        let mut log = Vec::new();
        agent.log.up_to("dial tcp", &mut log);
        agent.signal("HUP");
        agent.log.up_to("configuration reloaded", &mut log);
        let count = log.iter().filter(|line| line.ends_with(&warning)).count();
        assert_eq!(count, 1, "{name}: {log:?}");
        assert!(!check(&["-endpoint=router-7"]).contains(COMMON));
        // The name of an endpoint that is set counts, too.
        folder.config(r#"{"endpoint": "openwrt"}"#);
        agent.signal("HUP");
        let mut log = Vec::new();
        agent.log.up_to("configuration reloaded", &mut log);
        let count = log.iter().filter(|line| line.ends_with(COMMON)).count();
        assert_eq!(count, 1, "{name}: {log:?}");
        agent.stop();
    }
    set_name("router-7");
    assert!(!check(&[]).contains(COMMON));
}
