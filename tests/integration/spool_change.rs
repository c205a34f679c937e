//! A reload changes size and place of the spool, while lines come and go.

use crate::common::reloaded::Reloaded;
use crate::common::{
    Agent, Folder, Lines, TOLD, Transfer, command, error_message, output, passed_inside, poll, runner,
    test_name, told,
};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

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
fn spool_enabled_by_a_reload_keeps_lines_for_the_next_agent() {
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
        reloaded.agent.log.up_to("configuration reloaded", &mut log);
    }
    let made = made_and_killed(&mut reloaded.agent, log);
    assert_all(&sent_by_next(&path), &made);
    // There it is once only.
    assert_eq!(sent_by_next(&first), [""; 0]);
}

#[test]
fn spool_of_another_agent_is_sent_too_over_the_same_connection() {
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
    reloaded.agent.log.up_to("configuration reloaded", &mut log);
    let count = log.iter().find_map(|line| line.strip_suffix(" lines recovered"));
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
fn spool_by_another_name_of_the_same_file_stays_as_it_is() {
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
        reloaded.agent.log.up_to("configuration reloaded", &mut log);
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

/// Whether a second agent finds that the file is in use.
fn is_locked(path: &Path) -> bool {
    let nowhere = Transfer::absent().to_string();
    let mut second = Agent::start(&["-trans", &nowhere, "-spool", path.to_str().unwrap(), "-debug"]);
    let line = second.log.next();
    second.kill();
    line.ends_with(": another agent has it")
}

#[test]
fn removed_spool_is_created_again_also_without_a_configuration_file() {
    let folder = Folder::new("moved-removed");
    let path = folder.join("spool");
    let trans = format!("-trans={}", Transfer::absent());
    let mut agent = Agent::start(&[
        &trans,
        "-spool",
        path.to_str().unwrap(),
        "-metrics=agent=20ms",
        "-flush=20ms",
        "-debug",
    ]);
    let mut log = Vec::new();
    for _ in 0..2 {
        for _ in 0..20 {
            agent.log.up_to(TOLD, &mut log);
        }
        fs::remove_file(&path).unwrap();
        agent.signal("HUP");
        // An empty one is only the lock of the one to come.
        let is_there = || fs::metadata(&path).is_ok_and(|file| file.len() > 0);
        poll(|| is_there().then_some(()), "the file");
    }
    assert!(is_locked(&path));
    let made = made_and_killed(&mut agent, log);
    assert_all(&sent_by_next(&path), &made);
}

#[test]
fn reload_that_fails_leaves_no_spool_file() {
    let folder = Folder::new("moved-failed");
    let own = folder.join("own");
    let nowhere = Transfer::absent().to_string();
    let mut reloaded = start("failed", &nowhere, &spool(&own));
    let mut log = Vec::new();
    reloaded.agent.log.up_to(TOLD, &mut log);
    let path = folder.join("other");
    // The name of a file that is not the agent's.
    let beside = folder.join("other.new");
    fs::create_dir(&beside).unwrap();
    reloaded.change(&text(&nowhere, &spool(&path)));
    let words =
        "other.new cannot be made or take its place: file exists; the previous configuration stays in force";
    reloaded.agent.log.up_to(words, &mut log);
    assert!(!path.exists());
    fs::remove_dir(&beside).unwrap();
    // One that a killed agent has left is out of the way at once.
    fs::write(&beside, [0; 5_000]).unwrap();
    reloaded.change(&text(&nowhere, &spool(&path)));
    reloaded.agent.log.up_to("configuration reloaded", &mut log);
    assert!(!beside.exists());
    let made = made_and_killed(&mut reloaded.agent, log);
    assert_all(&sent_by_next(&path), &made);
}

#[test]
fn file_that_is_no_spool_is_refused_at_a_reload() {
    let folder = Folder::new("moved-precious");
    let [own, precious] = ["own", "precious"].map(|name| folder.join(name));
    fs::write(&precious, "a file that somebody needs\n").unwrap();
    let nowhere = Transfer::absent().to_string();
    let mut reloaded = start("precious", &nowhere, &spool(&own));
    let mut log = Vec::new();
    reloaded.agent.log.up_to(TOLD, &mut log);
    reloaded.change(&text(&nowhere, &spool(&precious)));
    let words =
        "precious: it is no spool, but holds something else; the previous configuration stays in force";
    reloaded.agent.log.up_to(words, &mut log);
    assert_eq!(fs::read(&precious).unwrap(), b"a file that somebody needs\n");
    let made = made_and_killed(&mut reloaded.agent, log);
    assert_all(&sent_by_next(&own), &made);
}

#[test]
fn spool_that_is_also_another_file_of_the_agent_keeps_its_lock() {
    let folder = Folder::new("moved-lock");
    let path = folder.join("spool");
    let link = folder.join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let nowhere = Transfer::absent().to_string();
    for (name, file) in [("custom", &path), ("link", &link)] {
        let custom = format!(
            r#"{}, "leases": "{1}", "families": {{"neighbours": {{"on": true, "interval": "20ms"}}}},
                "custom": [{{"metric": "own", "file": "{1}", "interval": "20ms"}}]"#,
            spool(&path),
            file.display()
        );
        let mut reloaded = start(name, &nowhere, &custom);
        let agent = &mut reloaded.agent;
        let busy = agent.log.wait_for(error_message("device or resource busy"));
        assert!(busy.contains(&*file.display().to_string()), "{busy}");
        for _ in 0..20 {
            agent.log.wait_for(TOLD);
        }
        assert!(is_locked(&path), "{name}");
        // Nor does a reload with it as the configuration file, or as the socket, give it up.
        reloaded.change(&text(
            &nowhere,
            &format!(r#"{}, "listen": "{}""#, spool(&path), file.display()),
        ));
        reloaded
            .agent
            .log
            .wait_for("; the previous configuration stays in force");
        assert!(is_locked(&path), "{name}");
        fs::remove_file(&reloaded.path).unwrap();
        std::os::unix::fs::symlink(&path, &reloaded.path).unwrap();
        reloaded.agent.signal("HUP");
        reloaded
            .agent
            .log
            .wait_for(error_message("device or resource busy"));
        assert!(is_locked(&path), "{name}");
        reloaded.agent.kill();
    }
}

#[test]
fn directory_without_room_for_a_new_file_keeps_the_old_spool() {
    if passed_inside(&["-m"], "true", test_name!()) {
        return;
    }
    let folder = Folder::new("moved-bound");
    let [inside, path] = ["inside", "bound"].map(|name| folder.join(name));
    fs::write(&inside, "").unwrap();
    fs::write(&path, "").unwrap();
    // A single file that is mounted can be written to, and nothing takes its place; so in containers.
    let mount = Command::new("mount")
        .arg("--bind")
        .args([&inside, &path])
        .status();
    assert!(mount.unwrap().success());
    let nowhere = Transfer::absent().to_string();
    let mut reloaded = start("bound", &nowhere, &spool(&path));
    let mut log = Vec::new();
    for _ in 0..20 {
        reloaded.agent.log.up_to(TOLD, &mut log);
    }
    reloaded.change(&text(&nowhere, &(spool(&path) + r#", "buffer": "96K""#)));
    let busy = format!("take its place: {}", error_message("device or resource busy"));
    let message = format!("bound.new cannot be made or {busy}; the previous configuration stays in force");
    reloaded.agent.log.up_to(&message, &mut log);
    let made = made_and_killed(&mut reloaded.agent, log);
    // Nor does an agent start with a buffer of another size; one of the same size goes on.
    let flags = [
        "-trans",
        &nowhere,
        "-spool",
        path.to_str().unwrap(),
        "-buffer=96K",
    ];
    let mut refused = Agent::start(&flags);
    let line = refused.log.next();
    assert!(line.ends_with(&busy), "{line}");
    assert_eq!(refused.wait().code(), Some(1));
    assert!(!folder.join("bound.new").exists());
    assert_all(&sent_by_next(&path), &made);
    assert!(Command::new("umount").arg(&path).status().unwrap().success());
}

#[test]
fn reload_on_a_full_disk_is_refused_and_the_old_spool_stays() {
    if passed_inside(&["-m"], "mount -t tmpfs none /mnt; umount /mnt", test_name!()) {
        return;
    }
    let folder = Folder::new("moved-full");
    let mut mount = Command::new("mount");
    mount.args(["-t", "tmpfs", "-o", "size=640K", "none", folder.path()]);
    assert!(mount.status().unwrap().success());
    let [path, other] = ["spool", "other"].map(|name| folder.join(name));
    let nowhere = Transfer::absent().to_string();
    let mut reloaded = start("full", &nowhere, &(spool(&path) + r#", "buffer": "256K""#));
    let mut log = Vec::new();
    for _ in 0..20 {
        reloaded.agent.log.up_to(TOLD, &mut log);
    }
    for path in [&path, &other] {
        reloaded.change(&text(&nowhere, &(spool(path) + r#", "buffer": "1M""#)));
        let words = format!(
            "{}: no space left on device; the previous configuration stays in force",
            path.display()
        );
        reloaded.agent.log.up_to(&words, &mut log);
    }
    // The lock of the endpoint stands beside the spool.
    let names = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let files = names
        .filter(|path| path.extension().is_none_or(|end| end != "lock"))
        .count();
    assert_eq!(files, 1, "an empty spool, or part of a new one");
    let made = made_and_killed(&mut reloaded.agent, log);
    assert_all(&sent_by_next(&path), &made);
    drop(Command::new("umount").args(["-l", folder.path()]).status());
}

/// A second agent that has opened the file, and locks it only when another one has taken its place.
#[test]
fn agent_that_locks_a_spool_which_has_moved_finds_the_new_one_in_use() {
    let has_strace = Command::new("strace").arg("-V").stdout(Stdio::null()).status();
    if has_strace.is_err() || !runner().is_empty() {
        println!("skipped: there is no strace to delay a system call");
        return;
    }
    let folder = Folder::new("moved-race");
    let path = folder.join("spool");
    let nowhere = Transfer::absent().to_string();
    let mut reloaded = start("race", &nowhere, &spool(&path));
    reloaded.agent.log.wait_for(TOLD);
    // What comes between the two calls is held up.
    let mut second = Command::new("strace");
    second.args(["-qq", "-D", "-o", "/dev/null", "-P", path.to_str().unwrap()]);
    second.args(["-e", "inject=fstat,newfstatat:delay_enter=500000:when=1"]);
    second.arg(command().get_program());
    second.args(["-trans", &nowhere, "-spool", path.to_str().unwrap()]);
    let mut second = Agent::spawn(&mut second);
    let opened = format!("/proc/{}/fd", second.pid());
    let is_open = || {
        let mut files = fs::read_dir(&opened).ok()?.flatten();
        let is_it = |file: fs::DirEntry| fs::read_link(file.path()).is_ok_and(|link| link == path);
        files.any(is_it).then_some(())
    };
    poll(is_open, "the file");
    reloaded.take(&text(&nowhere, &(spool(&path) + r#", "buffer": "96K""#)));
    let line = second.log.next();
    assert!(line.ends_with(": another agent has it"), "{line}");
    assert_eq!(second.wait().code(), Some(1));
    reloaded.agent.stop();
}

#[test]
fn spool_that_cannot_be_opened_leaves_everything_as_it_was() {
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
        let words = format!(
            "{}: {reason}; the previous configuration stays in force",
            path.display()
        );
        reloaded.agent.log.up_to(&words, &mut log);
        assert!(!socket.exists());
    }
    let made = made_and_killed(&mut reloaded.agent, log);
    assert_all(&sent_by_next(&own), &made);
}
