//! The transfer behind a command's standard input: a file, a command that dies or reads nothing; TLS by openssl, to a
//! real server of it, ssh, and TLS by stunnel, each by the command of docs/tunnels.md. Where ssh's server, dropbear
//! or stunnel is missing, a test reports that and does nothing.

use crate::common::tls::{certificate, free_port, serve};
use crate::common::{Agent, Folder, Line, Lines, Transfer, behind, poll, told, wait_for_no_child};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Instant;

/// Lines come often, and every one is in the log.
const FLAGS: [&str; 4] = [
    "-debug",
    "-flush=50ms",
    "-metrics=agent=20ms,load=20ms,agent,load",
    "-endpoint=tunnel",
];

/// What a client takes and loses is sent again, for longer than any machine makes a server stand still.
const KEEP: [&str; 2] = ["-buffer=4M", "-replay=60s"];

fn start(command: &str, more: &[&str]) -> Agent {
    let to = format!("-trans=exec:{command}");
    Agent::start(&[&[to.as_str()], &FLAGS[..], more].concat())
}

/// The lines that the agent has made, as its log has them.
fn made(log: &[String]) -> Vec<String> {
    told(log).map(str::to_owned).collect()
}

/// Waits until the agent has made so many more lines.
fn make_more(agent: &Agent, count: usize, log: &mut Vec<String>) {
    let before = made(log).len();
    while made(log).len() < before + count {
        log.push(agent.log.next());
    }
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

/// Lines up to a stream's end, of which the last one may be cut.
fn without_cut(mut lines: Vec<String>) -> Vec<String> {
    if lines.last().is_some_and(|last| !last.ends_with('}')) {
        lines.pop();
    }
    lines
}

fn whole_lines(path: &Path) -> Vec<String> {
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_inclusive('\n')
        .map(|line| line.trim_end_matches('\n').to_owned())
        .collect()
}

#[test]
fn command_gets_every_line_and_ends_with_its_input() {
    let folder = Folder::new("command");
    let path = folder.join("lines");
    // Two processes, of which the second one is slow to write.
    let mut agent = start(
        &format!("cat | (cat; sleep 0.3; echo end) >{}", path.display()),
        &[],
    );
    let mut log = Vec::new();
    agent.log.up_to(" started: cat | (cat; ", &mut log);
    // It may never connect to anything.
    assert!(
        log.iter()
            .all(|line| !line.contains("local addr") && !line.contains("connected"))
    );
    poll(
        || (whole_lines(&path).len() > 50).then_some(()),
        "lines in the file",
    );
    agent.stop();
    log.extend(agent.rest_of_log());
    // What the command prints goes nowhere else; the agent has waited for its end.
    let mut received = whole_lines(&path);
    assert_eq!(received.pop().as_deref(), Some("end"));
    assert_no_gap(&log, &received);
}

#[test]
fn command_that_is_killed_is_restarted_and_no_line_is_lost() {
    let folder = Folder::new("killed-command");
    let (path, number) = (folder.join("lines"), folder.join("number"));
    let command = format!(
        "echo $$ >{0}.new && mv {0}.new {0}; echo >>{1}; exec cat >>{1}",
        number.display(),
        path.display()
    );
    let mut agent = start(&command, &KEEP);
    let mut log = Vec::new();
    for round in 0..4 {
        agent.log.up_to(" started: echo $$ >", &mut log);
        let before = whole_lines(&path).len();
        poll(
            || (whole_lines(&path).len() > before + 20).then_some(()),
            "more lines",
        );
        if round < 3 {
            let process = fs::read_to_string(&number).unwrap();
            assert!(
                // The shell's own: a small Debian has no other one.
                Command::new("sh")
                    .args(["-c", &format!("kill -KILL {}", process.trim())])
                    .status()
                    .unwrap()
                    .success()
            );
            agent.log.up_to("command echo $$", &mut log);
        }
    }
    agent.stop();
    log.extend(agent.rest_of_log());
    // One that is killed leaves an end that is cut.
    let mut received = whole_lines(&path);
    received.retain(|line| line.ends_with('}'));
    assert_no_gap(&log, &received);
}

#[test]
fn command_that_cannot_run_is_retried_with_backoff_and_leaves_no_zombie() {
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
fn command_errors_in_the_log_are_ten_lines_and_the_last() {
    let folder = Folder::new("complaints");
    let path = folder.join("lines");
    let command = format!(
        "head -c 5000 /dev/zero | tr '\\0' x >&2; echo >&2; i=0; \
         while [ $i -lt 500 ]; do i=$((i + 1)); echo complaint $i >&2; done; exec cat >{}",
        path.display()
    );
    let mut agent = start(&command, &[]);
    // It goes on: whatever it says has been read.
    poll(
        || (whole_lines(&path).len() > 20).then_some(()),
        "lines in the file",
    );
    agent.stop();
    let log = agent.rest_of_log();
    let said: Vec<_> = log
        .iter()
        .filter_map(|line| Some(line.split_once(" command head -c 5000 ")?.1.split_once(": ")?.1))
        .collect();
    assert_eq!(said.len(), 11, "{said:?}");
    assert_eq!(said[0], "x".repeat(200));
    // The last one is told at the command's end.
    assert_eq!(said[9..], ["complaint 9", "complaint 500"]);
}

#[test]
fn command_errors_without_end_are_read_slowly_and_block_nothing() {
    let folder = Folder::new("flood");
    let (path, number) = (folder.join("lines"), folder.join("number"));
    let command = format!(
        "yes 'no end' >&2 & echo $! >{0}.new; mv {0}.new {0}; exec cat >{1}",
        number.display(),
        path.display()
    );
    let begin = Instant::now();
    let mut agent = start(&command, &[]);
    let process = poll(|| fs::read_to_string(&number).ok(), "the number of yes");
    // Bytes that it has written.
    let written = || {
        let text = fs::read_to_string(format!("/proc/{}/io", process.trim())).unwrap_or_default();
        let count = text.lines().find_map(|line| line.strip_prefix("wchar: "))?;
        count.parse::<u64>().ok()
    };
    // A pipe has room for 64 KB, and as much is read in a second: it waits, but not for good.
    let count = poll(
        || written().filter(|count| *count > 150_000),
        "more than a second's",
    );
    let most = (begin.elapsed().as_secs() + 3) * (64 << 10);
    assert!(count <= most, "{count} bytes, at most {most}");
    let lines = whole_lines(&path).len();
    poll(
        || (whole_lines(&path).len() > lines + 20).then_some(()),
        "more lines in the file",
    );
    agent.stop();
    let log = agent.rest_of_log();
    let said = log.iter().filter(|line| line.ends_with(": no end")).count();
    // The last one may be cut.
    assert!((10..=11).contains(&said), "{said} lines");
}

#[test]
fn command_errors_go_nowhere_if_the_agent_has_no_log() {
    let folder = Folder::new("no-log");
    let path = folder.join("streams");
    let command = format!("-trans=exec:readlink /proc/$$/fd/* >{}; exec cat", path.display());
    let mut agent = behind(&["sh", "-c", "exec \"$0\" \"$@\" 2>&-"]);
    let _agent = Agent::spawn(agent.args([&command, FLAGS[1]]));
    let text = poll(
        || {
            fs::read_to_string(&path)
                .ok()
                .filter(|text| text.lines().count() >= 3)
        },
        "where its streams lead",
    );
    let streams: Vec<_> = text.lines().collect();
    assert!(streams[0].starts_with("pipe:"), "{streams:?}");
    assert_eq!(streams[1..], [path.to_str().unwrap(), "/dev/null"]);
}

#[test]
fn command_that_reads_nothing_times_out_and_its_group_is_ended() {
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
    agent.log.wait_for(" started: ");
    agent.signal("USR1");
    agent.log.wait_for(" running command ");
    agent.stop();
}

/// A server of TLS, which prints what it gets.
struct Server {
    child: Child,
    lines: Lines,
}

impl Server {
    fn start(port: u16, identity: &(String, String)) -> Self {
        Self::start_with(port, identity, &[])
    }

    fn start_with(port: u16, identity: &(String, String), more: &[&str]) -> Self {
        let (child, lines) = serve(&format!("127.0.0.1:{port}"), port, identity, more);
        Self { child, lines }
    }

    /// The server that takes its place. The agent stands still meanwhile: each client that takes lines and finds no
    /// server makes it repeat fewer of them. Adds to what was received, and to the agent's log up to the break.
    fn replace(
        self,
        agent: &Agent,
        port: u16,
        identity: &(String, String),
        log: &mut Vec<String>,
        received: &mut Vec<String>,
    ) -> Self {
        agent.signal("STOP");
        received.extend(self.kill());
        let server = Self::start(port, identity);
        agent.signal("CONT");
        agent.log.up_to("broken pipe", log);
        agent.signal("HUP");
        server
    }

    /// Ends it at once, and gives what it had printed. Its last line may be cut.
    fn kill(mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        let lines = std::mem::replace(&mut self.lines, Lines::of(std::io::empty()));
        without_cut(lines.rest())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The documentation's command, to a server that this certificate is trusted of.
fn tls(port: u16, trusted: &str) -> String {
    recipe("exec:openssl ")
        .trim_start_matches("exec:")
        .replace("collect.lan:6514", &format!("127.0.0.1:{port}"))
        .replace("/etc/ssl/collect.pem", trusted)
}

/// Lines go on to the server until the agent is stopped, and none is missing.
fn end_without_gap(mut agent: Agent, server: Server, mut log: Vec<String>, mut received: Vec<String>) {
    for _ in 0..100 {
        received.push(server.lines.next());
    }
    agent.stop();
    log.extend(agent.rest_of_log());
    // The last lines are on their way through the server.
    let last = made(&log).pop().unwrap();
    server.lines.up_to(&last, &mut received);
    received.extend(server.kill());
    assert_no_gap(&log, &received);
}

#[test]
fn tls_carries_every_line_over_the_death_of_its_server() {
    let folder = Folder::new("tls");
    let identity = certificate(&folder, "server");
    let port = free_port();
    let server = Server::start(port, &identity);
    let agent = start(&tls(port, &identity.0), &KEEP);
    for _ in 0..60 {
        server.lines.next();
    }
    let (mut log, mut received) = (Vec::new(), Vec::new());
    let server = server.replace(&agent, port, &identity, &mut log, &mut received);
    end_without_gap(agent, server, log, received);
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

#[test]
fn tls_presents_the_client_certificate_to_the_server() {
    let folder = Folder::new("both-tls");
    let (identity, own) = (certificate(&folder, "server"), certificate(&folder, "own"));
    let port = free_port();
    let wanted = ["-Verify", "1", "-verify_return_error", "-CAfile", &own.0];
    let server = Server::start_with(port, &identity, &wanted);
    let command = tls(port, &identity.0);
    let mut without = start(&command, &[]);
    for _ in 0..2 {
        without.log.wait_for("broken pipe");
    }
    without.stop();
    assert_eq!(server.lines.so_far(), [""; 0]);
    let (certificate, key) = &own;
    let flags = words("-cert")
        .replacen("FILE", certificate, 1)
        .replacen("FILE", key, 1);
    let command = command.replace("-connect", &format!("{flags} -connect"));
    end_without_gap(start(&command, &[]), server, Vec::new(), Vec::new());
}

/// Where that program is, if it is installed.
fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let folders = path.split(':').chain(["/usr/sbin", "/usr/local/sbin"]);
    let found = folders
        .map(|folder| Path::new(folder).join(name))
        .find(|path| path.is_file());
    if found.is_none() {
        println!("skipped: there is no {name} here");
    }
    found
}

const PAGE: &str = include_str!("../../docs/tunnels.md");

/// The documentation's command that begins like this.
fn recipe(start: &str) -> &'static str {
    let mut recipes = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("    mini-monitor -trans '"));
    let recipe = recipes.find(|recipe| recipe.starts_with(start)).unwrap();
    recipe.split('\'').next().unwrap()
}

/// The words of the documentation between back quotes that begin with this one.
fn words(start: &str) -> &'static str {
    let (_, behind) = PAGE.split_once(&format!("`{start} ")).unwrap();
    let end = PAGE.len() - behind.len();
    let begin = end - start.len() - 1;
    PAGE[begin..].split('`').next().unwrap()
}

/// A server in the foreground with all that it has started, until the test is done with it.
struct Daemon {
    child: Child,
    log: Lines,
}

impl Daemon {
    fn start(command: &mut Command, is_ready: &str) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Lines::of(child.stderr.take().unwrap());
        let daemon = Self { child, log };
        daemon.log.wait_for(is_ready);
        daemon
    }

    /// Stops it and all its children: they read nothing more.
    fn freeze(&self) -> Vec<u32> {
        let mut all = Vec::new();
        stop(self.child.id(), &mut all);
        all
    }

    /// Kills it and all its children. They are stopped first, so that none has another one meanwhile.
    fn kill(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            for process in self.freeze() {
                signal("KILL", process);
            }
            let _ = self.child.wait();
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.kill();
    }
}

fn signal(name: &str, process: u32) {
    let script = format!("kill -s {name} {process}");
    let _ = Command::new("sh").args(["-c", &script]).status();
}

fn stop(process: u32, all: &mut Vec<u32>) {
    signal("STOP", process);
    all.push(process);
    let children = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap_or_default();
    for child in children.split_whitespace() {
        stop(child.parse().unwrap(), all);
    }
}

/// A pair of keys; the public one's text.
fn keys(file: &Path) -> String {
    let output = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(file)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    fs::read_to_string(file.with_extension("pub")).unwrap()
}

/// A host with a server of ssh, `collect.lan` by the name, that knows this user's key.
struct SshHost {
    server: PathBuf,
    port: u16,
    folder: Folder,
}

impl SshHost {
    /// `None` if not all that is needed is here.
    fn new(name: &str) -> Option<Self> {
        program("ssh").and(program("ssh-keygen"))?;
        let server = program("sshd")?;
        // Root's server wants a folder, which a boot makes.
        let _ = fs::create_dir_all("/run/sshd");
        let folder = Folder::new(name);
        let host = keys(&folder.join("host"));
        let user = keys(&folder.join("user"));
        fs::write(folder.join("known"), format!("collect.lan {host}")).unwrap();
        fs::write(folder.join("authorized"), user).unwrap();
        let (port, path) = (free_port(), folder.path());
        let config = format!(
            "ListenAddress 127.0.0.1\nPort {port}\nHostKey {path}/host\nAuthorizedKeysFile {path}/authorized\n\
             StrictModes no\nUsePAM no\nPidFile none\nPasswordAuthentication no\n"
        );
        fs::write(folder.join("server"), config).unwrap();
        let config = format!(
            "Host collect.lan\nHostName 127.0.0.1\nPort {port}\nHostKeyAlias collect.lan\nIdentityFile {path}/user\n\
             IdentitiesOnly yes\nIdentityAgent none\nUserKnownHostsFile {path}/known\n\
             GlobalKnownHostsFile /dev/null\n"
        );
        fs::write(folder.join("client"), config).unwrap();
        Some(Self { server, port, folder })
    }

    fn serve(&self) -> Daemon {
        let mut command = Command::new(&self.server);
        command.args(["-D", "-e", "-f"]).arg(self.folder.join("server"));
        Daemon::start(&mut command, "Server listening on")
    }

    /// The documentation's command, to that host and a receiver there.
    fn command(&self, receiver: &Transfer) -> String {
        let client = format!("ssh -F {} ", self.folder.join("client").display());
        let port = receiver.address().port().to_string();
        let recipe = recipe("exec:ssh ").trim_start_matches("exec:");
        recipe.replacen("ssh ", &client, 1).replace("6000", &port)
    }

    /// The documentation's command for dropbear, with a key of its own, to that host by its address; `None` if there is
    /// no dropbear. The client knows the host by this public key.
    fn dropbear(&self, known: &Path, receiver: &Transfer) -> Option<String> {
        program("dbclient").and(program("dropbearkey"))?;
        let key = self.folder.join("dropbear");
        let output = Command::new("dropbearkey")
            .args(["-t", "ed25519", "-f"])
            .arg(&key)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let public = text
            .lines()
            .find(|line| line.starts_with("ssh-ed25519 "))
            .unwrap();
        fs::write(self.folder.join("authorized"), format!("{public}\n")).unwrap();
        let known = fs::read_to_string(known.with_extension("pub")).unwrap();
        let known: Vec<&str> = known.split(' ').take(2).collect();
        fs::create_dir(self.folder.join(".ssh")).unwrap();
        let line = format!("127.0.0.1 {}\n", known.join(" "));
        fs::write(self.folder.join(".ssh/known_hosts"), line).unwrap();
        let client = format!("HOME={} dbclient -p {} ", self.folder.path(), self.port);
        let receiver = receiver.address().port().to_string();
        let command = recipe("exec:dbclient ")
            .trim_start_matches("exec:")
            .replace("6000", &receiver)
            .replace("/etc/dropbear/collect", key.to_str().unwrap())
            .replace("collect.lan", "127.0.0.1");
        Some(command.replacen("dbclient ", &client, 1))
    }
}

/// Lines through the command; the server is killed twice.
fn carry_over_deaths(host: &SshHost, command: &str, receiver: &Transfer) {
    let mut server = host.serve();
    let mut agent = start(command, &KEEP);
    let (mut log, mut received) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        let lines = Lines::of(receiver.accept());
        for _ in 0..60 {
            received.push(lines.next());
        }
        log.extend(agent.log.so_far());
        // The client takes lines that get no further.
        server.freeze();
        make_more(&agent, 60, &mut log);
        // As in `Server::replace`.
        agent.signal("STOP");
        server.kill();
        received.extend(without_cut(lines.rest()));
        server = host.serve();
        agent.signal("CONT");
        agent.log.up_to("broken pipe", &mut log);
        agent.signal("HUP");
    }
    let lines = Lines::of(receiver.accept());
    for _ in 0..100 {
        received.push(lines.next());
    }
    agent.stop();
    log.extend(agent.rest_of_log());
    // With the agent its connection ends, and all that it was made of.
    received.extend(without_cut(lines.rest()));
    assert_no_gap(&log, &received);
}

#[test]
fn ssh_carries_every_line_over_the_death_of_its_server() {
    let Some(host) = program("nc").and_then(|_| SshHost::new("ssh")) else {
        return;
    };
    let receiver = Transfer::localhost();
    carry_over_deaths(&host, &host.command(&receiver), &receiver);
}

#[test]
fn ssh_forwarding_carries_every_line_over_the_death_of_its_server() {
    let Some(host) = SshHost::new("ssh-forward") else {
        return;
    };
    let receiver = Transfer::localhost();
    let command = host.command(&receiver);
    let (options, _) = command.split_once(" collect.lan ").unwrap();
    let port = receiver.address().port().to_string();
    let command = format!("{options} {}", words("-W").replace("6000", &port));
    carry_over_deaths(&host, &command, &receiver);
}

#[test]
fn dropbear_carries_every_line_over_the_death_of_its_server() {
    let Some(host) = SshHost::new("dropbear") else {
        return;
    };
    let receiver = Transfer::localhost();
    let Some(command) = host.dropbear(&host.folder.join("host"), &receiver) else {
        return;
    };
    carry_over_deaths(&host, &command, &receiver);
}

#[test]
fn dropbear_gives_nothing_to_a_host_with_another_key() {
    let Some(host) = SshHost::new("wrong-dropbear") else {
        return;
    };
    let receiver = Transfer::localhost();
    let other = host.folder.join("other");
    keys(&other);
    let Some(command) = host.dropbear(&other, &receiver) else {
        return;
    };
    // Unknown hosts are accepted with -y, but no other key of a known host.
    let command = command.replacen("dbclient ", "dbclient -y ", 1);
    let _server = host.serve();
    let mut agent = start(&command, &[]);
    agent.log.wait_for("host key mismatch");
    for _ in 0..2 {
        agent.log.wait_for("broken pipe");
    }
    assert!(!receiver.has_one_waiting());
    agent.stop();
}

#[test]
fn ssh_gives_nothing_to_a_host_with_another_key() {
    let Some(host) = SshHost::new("wrong-ssh") else {
        return;
    };
    let receiver = Transfer::localhost();
    let other = keys(&host.folder.join("other"));
    fs::write(host.folder.join("known"), format!("collect.lan {other}")).unwrap();
    let _server = host.serve();
    let mut agent = start(&host.command(&receiver), &[]);
    agent.log.wait_for("Host key verification failed");
    for _ in 0..2 {
        agent.log.wait_for("broken pipe");
    }
    assert!(!receiver.has_one_waiting());
    agent.stop();
}

/// The documentation's command, with its file, to a server that this certificate is trusted of; `None` if there is no
/// stunnel.
fn stunnel(folder: &Folder, port: u16, trusted: &str) -> Option<String> {
    program("stunnel")?;
    let start = PAGE.find("    client = yes\n").unwrap();
    let config = PAGE[start..].split("\n\n").next().unwrap();
    let config = config
        .replace("collect.lan:6514", &format!("127.0.0.1:{port}"))
        .replace("/etc/ssl/collect.pem", trusted);
    let path = folder.join("collect.conf");
    let log = folder.join("log");
    fs::write(&path, format!("{config}\noutput = {}\n", log.display())).unwrap();
    let command = recipe("exec:stunnel ").trim_start_matches("exec:");
    Some(command.replace("/etc/stunnel/collect.conf", path.to_str().unwrap()))
}

#[test]
fn stunnel_carries_every_line_over_the_death_of_its_server() {
    let folder = Folder::new("stunnel");
    let identity = certificate(&folder, "server");
    let port = free_port();
    let Some(command) = stunnel(&folder, port, &identity.0) else {
        return;
    };
    let mut server = Server::start(port, &identity);
    let agent = start(&command, &KEEP);
    let (mut log, mut received) = (Vec::new(), Vec::new());
    for is_frozen in [true, false] {
        for _ in 0..60 {
            received.push(server.lines.next());
        }
        log.extend(agent.log.so_far());
        if is_frozen {
            // The client takes lines that get no further.
            signal("STOP", server.child.id());
            make_more(&agent, 60, &mut log);
        }
        server = server.replace(&agent, port, &identity, &mut log, &mut received);
    }
    end_without_gap(agent, server, log, received);
}

#[test]
fn stunnel_gives_nothing_to_a_server_with_another_certificate() {
    let folder = Folder::new("wrong-stunnel");
    let (right, wrong) = (certificate(&folder, "right"), certificate(&folder, "wrong"));
    let port = free_port();
    let Some(command) = stunnel(&folder, port, &right.0) else {
        return;
    };
    let server = Server::start(port, &wrong);
    let mut agent = start(&command, &[]);
    let told = || {
        let log = fs::read_to_string(folder.join("log")).ok()?;
        log.contains("certificate verify failed").then_some(())
    };
    poll(told, "what stunnel complains of");
    agent.log.wait_for("broken pipe");
    agent.stop();
    assert_eq!(server.kill(), [""; 0]);
}
