//! `-user`: the agent gives up root once what needs it is open.

use crate::common::{Agent, Folder, Lines, Transfer, behind, command};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::net::UnixDatagram;
use std::path::Path;

const NOBODY: u32 = 65534;
const OFTEN: [&str; 2] = ["-flush=50ms", "-metrics=agent=50ms,load=50ms"];

fn is_root() -> bool {
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if !is_root {
        println!("skipped: this needs root");
    }
    is_root
}

/// A folder for the user.
fn folder_of(name: &str, owner: u32) -> Folder {
    let folder = Folder::new(name);
    chown(folder.path(), Some(owner), Some(0)).unwrap();
    set_mode(folder.path().as_ref(), 0o755);
    folder
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// Lines of `/proc/PID/status` of the agent.
fn status(agent: &Agent, name: &str) -> Vec<String> {
    let text = fs::read_to_string(format!("/proc/{}/status", agent.pid())).unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
    line.trim_start_matches(':')
        .split_whitespace()
        .map(str::to_owned)
        .collect()
}

/// The line on standard error of an agent that does not start.
fn refused(arguments: &[&str]) -> String {
    let output = command().args(arguments).args(OFTEN).output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    // `-check` fails in the same way.
    let checked = command().args(arguments).arg("-check").output().unwrap();
    assert_eq!(
        (checked.status.code(), &checked.stderr),
        (Some(1), &output.stderr)
    );
    String::from_utf8(output.stderr).unwrap()
}

#[test]
fn agent_becomes_the_user_and_keeps_what_it_had_opened() {
    if !is_root() {
        return;
    }
    let transfer = Transfer::new();
    // Only root can make a socket there.
    let (roots, users) = (folder_of("user-root", 0), folder_of("user", NOBODY));
    let socket = roots.join("socket");
    let spool = users.join("spool");
    let config = roots.config(&format!(
        r#"{{"trans": "{}", "user": "nobody", "spool": "{}", "listen": "{}", "replay": 0}}"#,
        transfer.address(),
        spool.display(),
        socket.display()
    ));
    let path = config.trim_start_matches("-config=").to_owned();
    set_mode(path.as_ref(), 0o644);
    let mut agent = Agent::start(&[&[config.as_str()], &OFTEN[..]].concat());
    let lines = Lines::of(transfer.accept());
    lines.next();
    for name in ["Uid", "Gid"] {
        assert!(status(&agent, name).iter().all(|id| *id == NOBODY.to_string()));
    }
    assert_eq!(status(&agent, "Groups"), [NOBODY.to_string()]);
    for name in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(status(&agent, name), ["0000000000000000"], "{name}");
    }
    assert_eq!(fs::metadata(&spool).unwrap().uid(), NOBODY);
    let sender = UnixDatagram::unbound().unwrap();
    sender.send_to(b"handed.over 1", &socket).unwrap();
    lines.wait_for("\"handed.over\"");
    agent.signal("HUP");
    agent.log.wait_for("configuration reloaded");
    lines.next();
    agent.stop();
}

#[test]
fn groups_of_the_user_are_kept() {
    if !is_root() {
        return;
    }
    let groups = fs::read_to_string("/etc/group").unwrap();
    let member = |line: &str| {
        let fields: Vec<_> = line.split(':').map(str::to_owned).collect();
        let user = fields[3].split(',').next().unwrap().to_owned();
        (!user.is_empty()).then_some((user, fields[2].clone()))
    };
    let Some((user, group)) = groups.lines().find_map(member) else {
        return println!("skipped: no group has a member");
    };
    let transfer = Transfer::new();
    let user = format!("-user={user}");
    let mut agent = Agent::start(&[&[&transfer.flag(), user.as_str()], &OFTEN[..]].concat());
    Lines::of(transfer.accept()).next();
    assert!(status(&agent, "Groups").contains(&group));
    agent.stop();
}

#[test]
fn user_who_cannot_read_the_file_or_write_beside_the_spool_is_refused() {
    if !is_root() {
        return;
    }
    let folder = folder_of("user-refused", 0);
    let config = folder.config(r#"{"user": "nobody"}"#);
    let path = config.trim_start_matches("-config=");
    set_mode(path.as_ref(), 0o600);
    let error = refused(&[&config]);
    assert_eq!(error, format!("mini-monitor: -user: {path}: permission denied\n"));
    set_mode(path.as_ref(), 0o640);
    chown(path, Some(0), Some(NOBODY)).unwrap();
    let spool = folder.join("spool").display().to_string();
    let error = refused(&[&config, "-spool", &spool]);
    assert_eq!(
        error,
        format!("mini-monitor: -user: {spool}: permission denied\n")
    );
    assert!(!Path::new(&spool).exists());
}

#[test]
fn process_that_may_not_become_the_user_is_refused() {
    if !is_root() {
        return;
    }
    let mut agent = behind(&["setpriv", "--reuid=1", "--regid=1", "--clear-groups", "--"]);
    let output = agent.args(["-user=nobody", "-once"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        "mini-monitor: -user: nobody: operation not permitted\n"
    );
    assert!(output.stdout.is_empty());
}
