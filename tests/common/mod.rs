//! Drives the built binary from outside.
//!
//! `AGENT` names another binary than the one cargo has built, `RUNNER` an emulator (with its
//! arguments) to run it under.

// Each test crate uses a part of it, and none exports it.
#![allow(dead_code, unreachable_pub)]

pub mod http;
pub mod reloaded;
pub mod tls;

use miniserde::{Deserialize, json};
use socket2::{Domain, SockRef, Socket, Type};
use std::collections::BTreeMap;
use std::env;
use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

/// Nothing that a test waits for takes this long, unless it never comes.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A line, parsed by a library of others.
#[derive(Deserialize, Debug, Clone, PartialEq)]
pub struct Line {
    pub metric: String,
    pub endpoint: String,
    pub tag: Vec<String>,
    pub value: f64,
    pub timestamp: u64,
}

impl Line {
    /// Parses a whole line, and holds it to the exact shape.
    pub fn parse(text: &str) -> Line {
        let line: Line = json::from_str(text).unwrap_or_else(|_| panic!("no line: {text:?}"));
        let tags: Vec<String> = line.tag.iter().map(json::to_string).collect();
        let head = format!(
            "{{\"metric\":\"{}\",\"endpoint\":{},\"tag\":[{}],\"value\":",
            line.metric,
            json::to_string(&line.endpoint),
            tags.join(",")
        );
        let tail = format!(",\"timestamp\":{}}}", line.timestamp);
        assert!(text.starts_with(&head) && text.ends_with(&tail), "{text}");
        line
    }
}

/// The emulator that the agent runs under, with its arguments; empty if there is none.
pub fn runner() -> String {
    env::var("RUNNER").unwrap_or_default()
}

/// The command that runs the agent.
pub fn command() -> Command {
    let agent = env::var("AGENT").unwrap_or_else(|_| env!("CARGO_BIN_EXE_mini-monitor").into());
    let runner = runner();
    let mut words = runner.split_whitespace().chain([agent.as_str()]);
    let mut command = Command::new(words.next().unwrap());
    command.args(words).stdin(Stdio::null());
    command
}

/// The command that runs the agent, with the default action of SIGINT: the agent leaves it ignored where it was, as
/// in what a shell starts in the background.
#[allow(unsafe_code)]
pub fn interruptible() -> Command {
    let mut command = command();
    let reset = || {
        // SAFETY: `signal` may be called between fork and exec, and touches no memory.
        unsafe { libc::signal(libc::SIGINT, libc::SIG_DFL) };
        Ok(())
    };
    // SAFETY: the closure calls nothing but `signal`.
    unsafe { command.pre_exec(reset) };
    command
}

/// The agent, started by what has these words.
pub fn behind(words: &[&str]) -> Command {
    let agent = command();
    let mut command = Command::new(words[0]);
    command
        .args(&words[1..])
        .arg(agent.get_program())
        .args(agent.get_args())
        .stdin(Stdio::null());
    command
}

/// The agent with at most so many descriptors, of which it inherits the standard ones.
pub fn with_descriptors(count: u32) -> Command {
    let script = "exec 3<&- 4<&- 5<&- 6<&- 7<&- 8<&- 9<&-; ulimit -n $1; shift; exec \"$@\"";
    behind(&["sh", "-c", script, "sh", &count.to_string()])
}

/// The target that the agent was built for, as it tells.
pub fn target() -> &'static str {
    static TARGET: LazyLock<String> = LazyLock::new(|| {
        let version = String::from_utf8(output(&["-version"]).stdout).unwrap();
        let (_, target) = version.trim_end().trim_end_matches(')').split_once('(').unwrap();
        target.into()
    });
    &TARGET
}

/// Whether the emulator hands on the host's number of a pending error (`SO_ERROR`), which is nobody's on MIPS: qemu
/// does before 8.0.
fn has_host_errors() -> bool {
    static HAS: LazyLock<bool> = LazyLock::new(|| {
        let runner = runner();
        let Some(qemu) = runner
            .split_whitespace()
            .next()
            .filter(|name| name.contains("mips"))
        else {
            return false;
        };
        let output = Command::new(qemu).arg("--version").output().unwrap();
        let version = String::from_utf8(output.stdout).unwrap();
        let (_, number) = version.split_once(" version ").unwrap();
        number.split('.').next().unwrap().parse::<u32>().unwrap() < 8
    });
    *HAS
}

/// Whether `/proc/net/unix` has another machine's numbers of socket types: under an emulator of MIPS it is the host's, where
/// streams and datagrams have each other's number.
pub fn has_host_socket_types() -> bool {
    runner().contains("mips")
}

/// The message of an error as the agent's C library words it, given that of glibc.
pub fn error_message(glibc: &'static str) -> &'static str {
    static IS_GLIBC: LazyLock<bool> = LazyLock::new(|| {
        // Under an emulator it is a static binary.
        runner().is_empty() && {
            let program = std::fs::read(command().get_program()).unwrap();
            program.windows(8).any(|bytes| bytes == b"ld-linux")
        }
    });
    match glibc {
        _ if *IS_GLIBC => glibc,
        "address already in use" => "address in use",
        "connection timed out" => "operation timed out",
        "device or resource busy" => "resource busy",
        "file name too long" => "filename too long",
        "illegal seek" => "invalid seek",
        "too many open files" => "no file descriptors available",
        _ => glibc,
    }
}

/// What the log says of a connect that was refused.
pub fn refused() -> &'static str {
    if has_host_errors() {
        "no error information"
    } else {
        "connection refused"
    }
}

/// What the log says of a connection that was reset.
pub fn reset_by_peer() -> &'static str {
    if has_host_errors() {
        "no error information"
    } else {
        "connection reset by peer"
    }
}

/// Whether the tests run as root, which may become another user.
pub fn is_root() -> bool {
    std::os::unix::fs::MetadataExt::uid(&std::fs::metadata("/proc/self").unwrap()) == 0
}

/// Runs the agent to its end.
pub fn output(arguments: &[&str]) -> Output {
    command().args(arguments).output().unwrap()
}

/// What the log says of each line with `-debug`, before the line.
pub const TOLD: &str = "~~ sender get metric ";

/// The lines that the log tells of.
pub fn told(log: &[String]) -> impl Iterator<Item = &str> {
    log.iter().filter_map(|line| Some(line.split_once(TOLD)?.1))
}

/// Lines that come from a stream, as they come.
pub struct Lines(Receiver<String>);

impl Lines {
    pub fn of(stream: impl Read + Send + 'static) -> Self {
        let (sender, receiver) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(stream).split(b'\n') {
                let Ok(line) = line else { return };
                if sender.send(String::from_utf8_lossy(&line).into_owned()).is_err() {
                    return;
                }
            }
        });
        Self(receiver)
    }

    /// The next line; fails when none comes.
    pub fn next(&self) -> String {
        self.0.recv_timeout(PATIENCE).expect("no line came")
    }

    /// The first line from here on that holds the text; fails when none comes.
    pub fn wait_for(&self, text: &str) -> String {
        let start = Instant::now();
        let mut seen = Vec::new();
        while start.elapsed() < PATIENCE {
            let Ok(line) = self.0.recv_timeout(PATIENCE) else {
                break;
            };
            if line.contains(text) {
                return line;
            }
            seen.push(line);
        }
        let last = &seen[seen.len().saturating_sub(20)..];
        panic!("{text:?} did not come, but: {last:#?}");
    }

    /// The next sample that is the one; fails when it is not among many.
    pub fn next_of(&self, is_it: impl Fn(&Line) -> bool) -> Line {
        let next = || Line::parse(&self.next());
        let found = (0..20_000).map(|_| next()).find(|line| is_it(line));
        found.expect("no such line among 20,000")
    }

    /// Adds the lines up to the first one that holds the text; fails when none comes.
    pub fn up_to(&self, text: &str, seen: &mut Vec<String>) {
        let start = Instant::now();
        loop {
            assert!(start.elapsed() < PATIENCE, "{text:?} did not come");
            let line = self.next();
            let is_it = line.contains(text);
            seen.push(line);
            if is_it {
                return;
            }
        }
    }

    /// All lines up to the stream's end.
    pub fn rest(self) -> Vec<String> {
        self.0.into_iter().collect()
    }

    /// What has come up to now.
    pub fn so_far(&self) -> Vec<String> {
        self.0.try_iter().collect()
    }
}

/// A running agent; it is killed when the test is done with it.
pub struct Agent {
    child: Child,
    pub log: Lines,
    out: Option<ChildStdout>,
}

impl Agent {
    pub fn start(arguments: &[&str]) -> Self {
        Self::spawn(command().args(arguments))
    }

    pub fn spawn(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let log = Lines::of(child.stderr.take().unwrap());
        let out = child.stdout.take();
        Self { child, log, out }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn out(&mut self) -> ChildStdout {
        self.out.take().unwrap()
    }

    pub fn signal(&self, name: &str) {
        // The shell's own: the program of that name is not everywhere.
        let script = format!("kill -s {name} {}", self.pid());
        let status = Command::new("sh").args(["-c", &script]).status().unwrap();
        assert!(status.success());
    }

    /// Its exit status; fails when it does not end.
    pub fn wait(&mut self) -> ExitStatus {
        poll(|| self.child.try_wait().unwrap(), "the agent's end")
    }

    /// Kills it; answers what was left of its log.
    pub fn kill(&mut self) -> Vec<String> {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.rest_of_log()
    }

    /// The log from here on, up to the agent's end.
    pub fn rest_of_log(&mut self) -> Vec<String> {
        std::mem::replace(&mut self.log, Lines::of(std::io::empty())).rest()
    }

    /// Asks it to end, and holds it to exit status 0.
    pub fn stop(&mut self) {
        self.signal("TERM");
        assert_eq!(self.wait().code(), Some(0));
    }

    /// A field of `/proc/PID/status`, such as `VmRSS`, in its unit.
    pub fn status(&self, field: &str) -> u64 {
        let text = std::fs::read_to_string(format!("/proc/{}/status", self.pid())).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(field)).unwrap();
        line.trim_start_matches(':')
            .split_whitespace()
            .next()
            .unwrap()
            .parse()
            .unwrap()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A transfer on loopback, at an address that no other test has: on a common one, somebody else's connection may
/// have taken the port by the time that a transfer comes back to it.
pub struct Transfer {
    listener: TcpListener,
}

impl Transfer {
    pub fn new() -> Self {
        static LAST: AtomicU16 = AtomicU16::new(0);
        let [high, low] = LAST.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        let process = (std::process::id() % 255) as u8 + 1;
        Self::at(SocketAddr::from(([127, process, high, low], 0)))
    }

    /// A transfer at what is called localhost.
    pub fn localhost() -> Self {
        Self::at(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))
    }

    pub fn at(address: SocketAddr) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        Self { listener }
    }

    /// A port at which nobody listens (any more).
    pub fn absent() -> SocketAddr {
        Self::new().address()
    }

    pub fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }

    pub fn flag(&self) -> String {
        format!("-trans={}", self.address())
    }

    /// The next connection; fails when none comes.
    pub fn accept(&self) -> TcpStream {
        accept(&self.listener)
    }

    /// The next connection, which the agent is asked for.
    pub fn accept_at_once(&self, agent: &Agent) -> TcpStream {
        accept_at_once(&self.listener, agent)
    }
}

impl Transfer {
    /// A connection that has come and has not been accepted, if there is one.
    pub fn waiting(&self) -> Option<TcpStream> {
        self.listener.set_nonblocking(true).unwrap();
        let accepted = self.listener.accept();
        self.listener.set_nonblocking(false).unwrap();
        accepted.ok().map(|(stream, _)| stream)
    }

    /// Whether there is one. It ends.
    pub fn has_one_waiting(&self) -> bool {
        self.waiting().is_some()
    }
}

impl Drop for Transfer {
    /// Stops listening at once. A child that another test is starting has a copy of the socket until its
    /// `exec`, so that closing this one need not be the end.
    fn drop(&mut self) {
        let _ = SockRef::from(&self.listener).shutdown(Shutdown::Both);
    }
}

/// A listener whose connections hold little that nobody has read.
pub fn narrow_listener() -> TcpListener {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.set_recv_buffer_size(2048).unwrap();
    let address: SocketAddr = "127.0.0.1:0".parse().unwrap();
    socket.bind(&address.into()).unwrap();
    socket.listen(4).unwrap();
    socket.into()
}

/// The next connection; fails when none comes.
pub fn accept(listener: &TcpListener) -> TcpStream {
    SockRef::from(listener).set_read_timeout(Some(PATIENCE)).unwrap();
    let (stream, _) = listener.accept().expect("no connection came");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// The next connection, which the agent is asked for: after connections that ended early it waits longer and longer.
pub fn accept_at_once(listener: &TcpListener, agent: &Agent) -> TcpStream {
    listener.set_nonblocking(true).unwrap();
    let ask = || {
        agent.signal("HUP");
        listener.accept().ok()
    };
    let (stream, _) = poll(ask, "a connection");
    listener.set_nonblocking(false).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

/// Asks until there is an answer; for what tells nobody when it is ready.
pub fn poll<T>(mut ask: impl FnMut() -> Option<T>, what: &str) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(start.elapsed() < PATIENCE, "{what} did not come");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// A folder of this test's own that goes with it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new(name: &str) -> Self {
        static COUNT: AtomicU16 = AtomicU16::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("{name}-{}-{count}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    /// A copy of `/proc` of one machine in `tests/fixtures`.
    pub fn of_machine(name: &str, machine: &str) -> Self {
        let folder = Self::new(name);
        copy(&fixture(machine), &folder.0);
        folder
    }

    pub fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }

    pub fn join(&self, file: &str) -> PathBuf {
        self.0.join(file)
    }

    /// Writes a configuration file; returns the flag that names it.
    pub fn config(&self, text: &str) -> String {
        let path = self.join("mini-monitor.json");
        std::fs::write(&path, text).unwrap();
        format!("-config={}", path.display())
    }
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Whether a script runs in such a name space.
pub fn can(flags: &[&str], script: &str) -> bool {
    let status = Command::new("unshare")
        .args(flags)
        .args(["sh", "-c", script])
        .stderr(Stdio::null())
        .status();
    let can = status.is_ok_and(|status| status.success());
    if !can {
        println!("skipped: {script:?} cannot be run in a name space of its own");
    }
    can
}

/// Set in a test that runs again in name spaces of its own.
const INSIDE: &str = "INSIDE_NAME_SPACES";

/// The path of the test that calls it, as `--exact` expects it.
macro_rules! test_name {
    () => {{
        fn here() {}
        let path = std::any::type_name_of_val(&here).strip_suffix("::here").unwrap();
        path.split_once("::").unwrap().1
    }};
}
pub(crate) use test_name;

/// Runs the test of that name again in new name spaces, where `script` has been run: false there, so that
/// the test goes on. True outside, when it has passed in there, or was skipped for want of root or a tool.
pub fn passed_inside(flags: &[&str], script: &str, name: &str) -> bool {
    if env::var_os(INSIDE).is_some() {
        return false;
    }
    if can(flags, script) {
        let output = Command::new("unshare")
            .args(flags)
            .args(["sh", "-ec", &format!("{script}\nexec \"$0\" \"$@\"")])
            .arg(env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(INSIDE, "1")
            .output()
            .unwrap();
        let [out, err] =
            [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
        println!("{out}{err}");
        assert!(output.status.success(), "it failed in name spaces of its own");
        assert!(out.contains(" 1 passed;"), "no test has this name: {name}");
    }
    true
}

/// Open descriptors of a process.
pub fn descriptors(pid: u32) -> usize {
    std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count()
}

/// Pieces of its memory.
pub fn mappings(pid: u32) -> usize {
    std::fs::read_to_string(format!("/proc/{pid}/maps"))
        .unwrap()
        .lines()
        .count()
}

/// Waits until the process has no child, not even one that has ended.
pub fn wait_for_no_child(pid: u32) {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let is_childless = || std::fs::read_to_string(&path).unwrap_or_default().is_empty();
    poll(|| is_childless().then_some(()), "no child");
}

pub fn fixture(machine: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(machine)
        .join("proc")
}

/// The values of the lines, by metric; the last of each.
pub fn values(lines: &[Line]) -> BTreeMap<&str, f64> {
    lines
        .iter()
        .map(|line| (line.metric.as_str(), line.value))
        .collect()
}

/// A name space of its own, held by a process that ends with its standard input: nothing of it is left,
/// whatever becomes of the test.
pub struct Space(Child);

impl Space {
    /// One of the kind that this flag of `unshare` makes, in which the script has been carried out; `None` if
    /// that cannot be.
    pub fn new(flag: &str, script: &str) -> Option<Self> {
        let mut child = Command::new("unshare")
            .args([flag, "sh", "-ec", &format!("{script}; echo; exec cat")])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        let mut line = String::new();
        let _ = BufReader::new(child.stdout.take()?).read_line(&mut line);
        let space = Self(child);
        (!line.is_empty()).then_some(space)
    }

    /// The process that holds it.
    pub fn pid(&self) -> u32 {
        self.0.id()
    }
}

impl Drop for Space {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
