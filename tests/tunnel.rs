//! The transfer behind a command's standard input: a file, a command that dies or reads nothing, and TLS by
//! openssl, to a real server of it.

mod common;

use common::{Agent, Folder, Line, Lines, poll, wait_for_no_child};
use std::collections::BTreeSet;
use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Lines come often, and every one is in the log.
const FLAGS: [&str; 4] = [
    "-debug",
    "-flush=50ms",
    "-metrics=load,load=20ms",
    "-endpoint=tunnel",
];

fn start(command: &str, more: &[&str]) -> Agent {
    let to = format!("-trans=exec:{command}");
    Agent::start(&[&[to.as_str()], &FLAGS[..], more].concat())
}

/// The lines that the agent has made, as its log has them.
fn made(log: &[String]) -> Vec<String> {
    let line = |line: &String| Some(line.split_once("~~ sender get metric ")?.1.to_owned());
    log.iter().filter_map(line).collect()
}

/// Every line that was made is there, and each is whole.
fn assert_no_gap(log: &[String], received: &[String]) {
    let made = made(log);
    assert!(made.len() > 20, "{} lines", made.len());
    for line in received {
        Line::parse(line);
    }
    let received: BTreeSet<&String> = received.iter().collect();
    let missing: Vec<_> = made.iter().filter(|line| !received.contains(line)).collect();
    assert!(
        missing.is_empty(),
        "{} of {} are missing, the first: {}",
        missing.len(),
        made.len(),
        missing[0]
    );
}

fn whole_lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_inclusive('\n')
        .map(|line| line.trim_end_matches('\n').to_owned())
        .collect()
}

#[test]
fn a_command_gets_every_line_and_ends_with_its_input() {
    let folder = Folder::new("command");
    let path = folder.join("lines");
    // Two processes, of which the second one is slow to write.
    let mut agent = start(
        &format!("cat | (cat; sleep 0.3; echo end) >{}", path.display()),
        &[],
    );
    let mut log = Vec::new();
    agent.log.up_to("local addr:", &mut log);
    poll(
        || (whole_lines(&path).len() > 50).then_some(()),
        "lines in the file",
    );
    agent.stop();
    log.extend(agent.log.so_far());
    log.extend(agent.rest_of_log());
    // What the command prints goes nowhere else; the agent has waited for its end.
    let mut received = whole_lines(&path);
    assert_eq!(received.pop().as_deref(), Some("end"));
    assert_no_gap(&log, &received);
}

#[test]
fn a_command_that_is_killed_is_started_again_and_no_line_is_lost() {
    let folder = Folder::new("killed-command");
    let (path, number) = (folder.join("lines"), folder.join("number"));
    let command = format!(
        "echo $$ >{0}.new && mv {0}.new {0}; exec cat >>{1}",
        number.display(),
        path.display()
    );
    let mut agent = start(&command, &[]);
    let mut log = Vec::new();
    for round in 0..4 {
        agent.log.up_to("local addr:", &mut log);
        let before = whole_lines(&path).len();
        poll(
            || (whole_lines(&path).len() > before + 20).then_some(()),
            "more lines",
        );
        if round < 3 {
            let process = fs::read_to_string(&number).unwrap();
            assert!(
                Command::new("kill")
                    .args(["-KILL", process.trim()])
                    .status()
                    .unwrap()
                    .success()
            );
            agent.log.up_to("command echo $$", &mut log);
        }
    }
    agent.stop();
    log.extend(agent.log.so_far());
    log.extend(agent.rest_of_log());
    assert_no_gap(&log, &whole_lines(&path));
}

#[test]
fn a_command_that_cannot_run_is_tried_again_ever_later_and_leaves_no_zombie() {
    let folder = Folder::new("no-command");
    let starts = folder.join("starts");
    let agent = start(
        &format!("echo x >>{}; exec /nowhere/at/all", starts.display()),
        &["-buffer=4K"],
    );
    let count = || whole_lines(&starts).len();
    // What the shell says goes to the log's stream.
    agent.log.wait_for("/nowhere/at/all");
    agent.log.wait_for("broken pipe");
    wait_for_no_child(agent.pid());
    poll(|| (count() >= 3).then_some(()), "three attempts");
    assert!(agent.log.so_far().len() < 10_000);
    wait_for_no_child(agent.pid());
}

#[test]
fn a_command_that_reads_nothing_is_given_up_after_the_timeout_with_all_of_its_group() {
    let folder = Folder::new("stuck-command");
    let pids = folder.join("pids");
    let command = format!(
        "sleep 1000 & echo $! >>{0}; echo $$ >>{0}; sleep 1000",
        pids.display()
    );
    let mut agent = start(&command, &["-timeout=1s", "-replay=0"]);
    agent.log.wait_for("i/o timeout");
    let all = whole_lines(&pids);
    assert_eq!(all.len() % 2, 0);
    for pid in &all[..2] {
        let gone = || {
            // One that nobody waits for any more is dead, too.
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok();
            stat.is_none_or(|stat| stat.contains(") Z ")).then_some(())
        };
        poll(gone, "the group's end");
    }
    agent.log.wait_for("local addr:");
    agent.stop();
}

/// A certificate for localhost, signed by itself, and its key.
fn certificate(folder: &Folder, name: &str) -> (String, String) {
    let [certificate, key] =
        ["pem", "key"].map(|kind| folder.join(&format!("{name}.{kind}")).display().to_string());
    let output = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:prime256v1",
            "-nodes",
        ])
        .args([
            "-days",
            "2",
            "-subj",
            "/CN=localhost",
            "-addext",
            "subjectAltName=DNS:localhost",
        ])
        .args(["-out", &certificate, "-keyout", &key])
        .output()
        .expect("openssl is needed");
    assert!(output.status.success(), "{output:?}");
    (certificate, key)
}

/// A server of TLS, which prints what it gets.
struct Server {
    child: Child,
    lines: Lines,
}

impl Server {
    fn start(port: u16, (certificate, key): &(String, String)) -> Self {
        let mut child = Command::new("openssl")
            .args([
                "s_server",
                "-quiet",
                "-naccept",
                "100",
                "-accept",
                &format!("127.0.0.1:{port}"),
            ])
            .args(["-cert", certificate, "-key", key])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = Lines::of(child.stdout.take().unwrap());
        Self { child, lines }
    }

    /// Ends it at once, and gives what it had printed. Its last line may be cut.
    fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let mut lines = self.lines.rest();
        if lines.last().is_some_and(|last| !last.ends_with('}')) {
            lines.pop();
        }
        lines
    }
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// The README's command.
fn tls(port: u16, trusted: &str) -> String {
    format!(
        "openssl s_client -quiet -no_ign_eof -verify_return_error -verify_hostname localhost -CAfile {trusted} \
         -connect 127.0.0.1:{port}"
    )
}

#[test]
fn tls_carries_every_line_over_the_death_of_its_server() {
    let folder = Folder::new("tls");
    let identity = certificate(&folder, "server");
    let port = free_port();
    let server = Server::start(port, &identity);
    let mut agent = start(&tls(port, &identity.0), &[]);
    for _ in 0..60 {
        server.lines.next();
    }
    let mut received = server.kill();
    let mut log = Vec::new();
    agent.log.up_to("broken pipe", &mut log);
    let server = Server::start(port, &identity);
    agent.signal("HUP");
    for _ in 0..100 {
        received.push(server.lines.next());
    }
    agent.stop();
    log.extend(agent.log.so_far());
    log.extend(agent.rest_of_log());
    // The last lines are on their way through the server.
    let last = made(&log).pop().unwrap();
    server.lines.up_to(&last, &mut received);
    received.extend(server.kill());
    assert_no_gap(&log, &received);
}

#[test]
fn tls_gives_nothing_to_a_server_with_another_certificate() {
    let folder = Folder::new("wrong-tls");
    let (right, wrong) = (certificate(&folder, "right"), certificate(&folder, "wrong"));
    let port = free_port();
    let server = Server::start(port, &wrong);
    let mut agent = start(&tls(port, &right.0), &[]);
    agent.log.wait_for("verify");
    for _ in 0..2 {
        agent.log.wait_for("broken pipe");
    }
    assert_eq!(server.kill(), [""; 0]);
    agent.stop();
}
