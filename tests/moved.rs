//! The buffer moves to other memory, and into a file and out of it, while lines come and go.

mod common;

use common::reloaded::Reloaded;
use common::{Agent, Folder, Lines, TOLD, Transfer, output, told};
use std::collections::BTreeSet;
use std::path::Path;

fn text(transfer: &str, keys: &str) -> String {
    format!(
        r#"{{"trans": "{transfer}", "metrics": "agent=20ms", "flush": "20ms", "replay": "60s",
            "debug": true{keys}}}"#
    )
}

fn spool(path: &Path) -> String {
    format!(r#", "spool": "{}""#, path.display())
}

fn start(name: &str, transfer: &str, keys: &str) -> Reloaded {
    Reloaded::start(name, &text(transfer, keys), &[])
}

/// What an agent has made whose log this is, and makes until it is killed.
fn made_and_killed(agent: &mut Agent, mut log: Vec<String>) -> Vec<String> {
    for _ in 0..20 {
        agent.log.up_to(TOLD, &mut log);
    }
    log.extend(agent.kill());
    told(&log).map(str::to_owned).collect()
}

/// What the next agent on this file sends before its own lines.
fn sent_by_next(path: &Path) -> Vec<String> {
    let transfer = Transfer::new();
    let _agent = Agent::start(&[
        &transfer.flag(),
        "-spool",
        path.to_str().unwrap(),
        "-tag=next",
        "-flush=20ms",
    ]);
    let lines = Lines::of(transfer.accept());
    std::iter::repeat_with(|| lines.next())
        .take_while(|line| !line.contains("\"next\""))
        .collect()
}

/// All that was made is there, but for a last line that the log has and the buffer did not get any more.
fn assert_all(sent: &[String], made: &[String]) {
    let sent: BTreeSet<_> = sent.iter().collect();
    let made = &made[..made.len() - 1];
    let missing: Vec<_> = made.iter().filter(|line| !sent.contains(line)).collect();
    assert!(
        made.len() > 10 && missing.is_empty(),
        "{} of {} are missing: {missing:?}",
        missing.len(),
        made.len()
    );
}

#[test]
fn lines_that_moved_into_a_file_outlive_the_agent() {
    let folder = Folder::new("moved-into");
    let [first, path] = ["first", "last"].map(|name| folder.join(name));
    let nowhere = Transfer::absent().to_string();
    let mut reloaded = start("into", &nowhere, "");
    let mut log = Vec::new();
    for keys in [
        r#", "buffer": "128K""#.to_owned(),
        spool(&first),
        spool(&first) + r#", "buffer": "96K""#,
        spool(&first) + r#", "buffer": "256K""#,
        r#", "buffer": "256K""#.to_owned(),
        spool(&path),
        spool(&path),
    ] {
        for _ in 0..20 {
            reloaded.agent.log.up_to(TOLD, &mut log);
        }
        reloaded.change(&text(&nowhere, &keys));
        reloaded
            .agent
            .log
            .up_to("the configuration has been read again", &mut log);
    }
    let made = made_and_killed(&mut reloaded.agent, log);
    assert_all(&sent_by_next(&path), &made);
    // There it is once only.
    assert_eq!(sent_by_next(&first), [""; 0]);
}

#[test]
fn what_another_agent_has_left_in_the_file_is_sent_too_over_the_same_connection() {
    let folder = Folder::new("moved-behind");
    let path = folder.join("spool");
    let mut before = start("before", &Transfer::absent().to_string(), &spool(&path));
    let left = made_and_killed(&mut before.agent, Vec::new());
    let transfer = Transfer::new();
    let address = transfer.address().to_string();
    let mut reloaded = start("behind", &address, "");
    let lines = Lines::of(transfer.accept());
    reloaded.change(&text(&address, &spool(&path)));
    let mut log = Vec::new();
    reloaded
        .agent
        .log
        .up_to("the configuration has been read again", &mut log);
    let count = log.iter().find_map(|line| line.strip_suffix(" lines of before"));
    let count = count.expect("what was in the file").rsplit(' ').next();
    let count: usize = count.unwrap().parse().unwrap();
    let mut received: Vec<_> = (0..=left.len()).map(|_| lines.next()).collect();
    reloaded.agent.stop();
    received.extend(lines.rest());
    assert_all(&received, &left);
    // None comes twice: the connection went on.
    log.extend(reloaded.agent.rest_of_log());
    assert_eq!(received.len(), count + told(&log).count());
    assert!(!transfer.has_one_waiting(), "a second connection");
}

#[test]
fn the_same_file_by_another_name_stays_as_it_is() {
    let folder = Folder::new("moved-alias");
    let path = folder.join("spool");
    let link = folder.join("link");
    std::os::unix::fs::symlink(folder.path(), &link).unwrap();
    let nowhere = Transfer::absent().to_string();
    let mut reloaded = start("alias", &nowhere, &spool(&path));
    let mut log = Vec::new();
    reloaded.agent.log.up_to(TOLD, &mut log);
    for (path, keys) in [
        (link.join("spool"), ""),
        (path.clone(), r#", "buffer": "96K""#),
        (link.join("spool"), r#", "buffer": "80K""#),
    ] {
        reloaded.change(&text(&nowhere, &(spool(&path) + keys)));
        reloaded
            .agent
            .log
            .up_to("the configuration has been read again", &mut log);
        // It is still locked.
        let refused = output(&["-trans", &nowhere, "-spool", path.to_str().unwrap()]);
        assert!(String::from_utf8_lossy(&refused.stderr).contains("another agent has it"));
    }
    let made = made_and_killed(&mut reloaded.agent, log);
    let sent = sent_by_next(&path);
    assert_all(&sent, &made);
    // The last line may have come into the file and not into the log.
    assert!(sent.len() <= made.len() + 1);
}

#[test]
fn a_file_that_cannot_be_had_leaves_all_as_it_was() {
    let folder = Folder::new("moved-refused");
    let [own, other] = ["own", "other"].map(|name| folder.join(name));
    let nowhere = Transfer::absent().to_string();
    let holder = start("holder", &nowhere, &spool(&other));
    holder.agent.log.wait_for(TOLD);
    let mut reloaded = start("refused", &nowhere, &spool(&own));
    let mut log = Vec::new();
    reloaded.agent.log.up_to(TOLD, &mut log);
    for (path, reason) in [
        (other.as_path(), "another agent has it"),
        (Path::new(folder.path()), "is a directory"),
        (Path::new("/nowhere/spool"), "no such file or directory"),
    ] {
        let socket = folder.join("socket");
        let keys = format!(r#"{}, "listen": "{}""#, spool(path), socket.display());
        reloaded.change(&text(&nowhere, &keys));
        let words = format!("{}: {reason}; all stays as it was", path.display());
        reloaded.agent.log.up_to(&words, &mut log);
        assert!(!socket.exists());
    }
    let made = made_and_killed(&mut reloaded.agent, log);
    assert_all(&sent_by_next(&own), &made);
}
