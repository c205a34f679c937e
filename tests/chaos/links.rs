//! An agent and its receiver in name spaces of their own, and a link between them that fails. Needs root,
//! `unshare`, `nsenter` and `ip`, and `tc` with netem for a bad link; where one is missing, a test says so
//! and does nothing.

use crate::common::{Folder, PATIENCE, Space, command, output};
use crate::pair::Lives;
use crate::random::{Random, seed};
use crate::receiver::Server;
use crate::seen::{Seen, Stream};
use std::collections::BTreeMap;
use std::io::Read;
use std::os::unix::net::UnixListener;
use std::process::{Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread::spawn;
use std::time::Instant;

/// The flag that says when a silent peer is given up.
const TIMEOUT: &str = "-timeout=2s";

/// The receiver's address, and its end of the link.
const ADDRESS: &str = "10.77.0.2/24";
const LISTENER: &str = "10.77.0.2:6000";

/// A network name space.
struct Network(Space);

impl Network {
    fn new() -> Option<Self> {
        Space::new("-n", "ip link set lo up").map(Self)
    }

    fn pid(&self) -> String {
        self.0.pid().to_string()
    }

    /// What runs a command inside.
    fn prefix(&self) -> Vec<String> {
        ["nsenter", "-t", &self.pid(), "-n"].map(str::to_owned).into()
    }

    fn can(&self, script: &str) -> bool {
        let [nsenter, arguments @ ..] = &self.prefix()[..] else {
            unreachable!()
        };
        let mut command = Command::new(nsenter);
        command.args(arguments).args(["sh", "-ec", script]);
        command.stderr(Stdio::null()).status().unwrap().success()
    }

    fn run(&self, script: &str) {
        assert!(self.can(script), "{script}");
    }
}

/// The number of a connection, and what has come over it.
type Carried = (usize, Vec<u8>);

/// An agent, a receiver, and the link between them.
struct Link {
    here: Network,
    there: Network,
    lives: Lives,
    server: Option<Server>,
    socket: String,
    carried: Receiver<Carried>,
    /// Of the connections that have carried something.
    streams: BTreeMap<usize, Stream>,
    _folder: Folder,
}

impl Link {
    /// With these flags for the agent; nothing, and the reason is printed, where that cannot be had.
    fn new(name: &str, flags: &'static [&'static str]) -> Option<Self> {
        let spaces = Network::new().zip(Network::new());
        let spaces = spaces.filter(|(here, there)| {
            let there_pid = there.pid();
            here.can(&format!(
                "ip link add wan type veth peer name lan netns {there_pid}
                ip address add 10.77.0.1/24 dev wan; ip link set wan up"
            )) && there.can(&format!("ip address add {ADDRESS} dev lan; ip link set lan up"))
        });
        let Some((here, there)) = spaces else {
            println!("skipped: there are no name spaces with a link between them");
            return None;
        };
        let folder = Folder::new(&format!("link-{name}"));
        let socket = folder.join("s").to_str().unwrap().to_owned();
        let carried = collect(UnixListener::bind(&socket).unwrap());
        let server = Server::new(&there.prefix(), LISTENER, &socket);
        let prefix = here.prefix();
        let lives = Lives::new(Seen::new(name, &[]), {
            let name = name.to_owned();
            let spool = folder.join("spool").to_str().unwrap().to_owned();
            move |life| agent(&prefix, &name, &spool, flags, life)
        });
        Some(Self {
            here,
            there,
            lives,
            server: Some(server),
            socket,
            carried,
            streams: BTreeMap::new(),
            _folder: folder,
        })
    }

    /// Reads until all has come that the agent has made up to now.
    fn catch_up(&mut self) {
        let (newest, start) = (self.lives.newest(), Instant::now());
        while newest.is_some_and(|newest| !self.lives.has(newest)) {
            receive(&self.carried, &mut self.lives.seen, &mut self.streams);
            assert!(start.elapsed() < PATIENCE, "{newest:?} did not come");
        }
    }

    /// Lets lines go over the link for a while.
    fn flow(&mut self) {
        self.lives.wait_for_lines(20);
        self.catch_up();
    }

    /// Another receiver in place of the one there was.
    fn serve(&mut self) {
        self.server = Some(Server::new(&self.there.prefix(), LISTENER, &self.socket));
    }

    /// Runs a script at one end.
    fn run(&self, is_here: bool, script: &str) {
        let end = if is_here { &self.here } else { &self.there };
        end.run(script);
    }

    fn finish(mut self) {
        self.flow();
        let (carried, streams) = (&self.carried, &mut self.streams);
        let server = self.server.take().unwrap();
        self.lives.finish(|seen, newest| {
            // The agent has ended, but what its kernel has of it is still on its way.
            while newest.is_some_and(|newest| !seen.has(newest)) {
                receive(carried, seen, streams);
            }
            server.end();
        });
        self.lives.seen.check();
        let (lines, repeats) = (self.lives.seen.count(), self.lives.seen.repeats());
        println!("{lines} lines, none missing, and {repeats} repeats");
    }
}

/// The agent, inside.
fn agent(prefix: &[String], endpoint: &str, spool: &str, flags: &[&str], life: u64) -> Command {
    let agent = command();
    let mut inside = Command::new(&prefix[0]);
    inside
        .args(&prefix[1..])
        .arg(agent.get_program())
        .args(agent.get_args());
    inside.args([
        "-metrics=test",
        "-interval=20ms",
        "-flush=20ms",
        "-buffer=1M",
        "-debug",
    ]);
    inside.args([format!("-trans={LISTENER}"), format!("-endpoint={endpoint}")]);
    inside.args([format!("-spool={spool}"), format!("-tag=life={life}")]);
    inside.args(flags).stdin(Stdio::null());
    inside
}

/// What all connections of the receivers carry.
fn collect(listener: UnixListener) -> Receiver<Carried> {
    let (sender, receiver) = channel();
    spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let (mut stream, sender) = (stream.unwrap(), sender.clone());
            spawn(move || {
                let mut piece = [0; 4096];
                while let Ok(count @ 1..) = stream.read(&mut piece) {
                    // The test may be over.
                    let _ = sender.send((number, piece[..count].to_vec()));
                }
            });
        }
    });
    receiver
}

/// Takes what comes next.
fn receive(carried: &Receiver<Carried>, seen: &mut Seen, streams: &mut BTreeMap<usize, Stream>) {
    let (number, bytes) = carried.recv_timeout(PATIENCE).expect("nothing came");
    seen.take(streams.entry(number).or_default(), &bytes);
}

/// Lines that are made while the link is down: a second and a half, and several times of sending again.
const OUTAGE: u64 = 75;

#[test]
fn link_down_and_address_removed_lose_no_line() {
    let Some(mut link) = Link::new("down", &[]) else {
        return;
    };
    link.flow();
    let address_back = format!("ip address add {ADDRESS} dev lan");
    for (is_here, down, up) in [
        (false, "ip link set lan down", "ip link set lan up"),
        (true, "ip link set wan down", "ip link set wan up"),
        (false, "ip address flush dev lan", address_back.as_str()),
    ] {
        link.run(is_here, down);
        link.lives.wait_for_lines(OUTAGE);
        link.run(is_here, up);
        link.flow();
    }
    link.finish();
}

#[test]
fn link_that_comes_and_goes_loses_no_line() {
    let Some(link) = Link::new("flap", &[]) else {
        return;
    };
    let mut random = Random::new(seed(), 0);
    for _ in 0..20 {
        link.there.run("ip link set lan down");
        random.pause(200);
        link.there.run("ip link set lan up");
        random.pause(200);
    }
    link.finish();
}

/// It has read all that it had got, so that nothing has to be sent again of what was acknowledged: what
/// was in flight has to be.
#[test]
fn receiver_that_closes_while_the_link_is_down_gets_the_lines_in_flight_later() {
    let Some(mut link) = Link::new("close", &["-replay=0"]) else {
        return;
    };
    for _ in 0..3 {
        link.flow();
        link.there.run("ip link set lan down");
        link.lives.wait_for_lines(OUTAGE);
        link.server.take().unwrap().end();
        link.serve();
        link.there.run("ip link set lan up");
    }
    link.finish();
}

#[test]
fn receiver_or_agent_killed_while_the_link_is_down_loses_no_line() {
    let Some(mut link) = Link::new("killed", &[]) else {
        return;
    };
    for is_agent in [false, true, false, true] {
        link.flow();
        link.there.run("ip link set lan down");
        link.lives.wait_for_lines(OUTAGE);
        if is_agent {
            link.lives.kill();
        } else {
            link.server = None;
            link.serve();
        }
        link.lives.wait_for_lines(OUTAGE);
        link.there.run("ip link set lan up");
    }
    link.finish();
}

#[test]
fn link_with_loss_or_delay_loses_no_line() {
    for (name, fault) in [
        ("loss", "loss 20%"),
        ("delay", "delay 500ms"),
        ("both", "delay 500ms loss 20%"),
    ] {
        let Some(mut link) = Link::new(name, &[]) else {
            return;
        };
        if !link.here.can(&format!("tc qdisc add dev wan root netem {fault}")) {
            println!("skipped: this kernel, or tc, has no netem, so that no link is a bad one");
            return;
        }
        link.there
            .run(&format!("tc qdisc add dev lan root netem {fault}"));
        for _ in 0..3 {
            link.flow();
            link.server = None;
            link.serve();
            link.lives.kill();
        }
        link.finish();
    }
}

#[test]
fn peer_that_is_silent_for_the_timeout_is_disconnected() {
    let help = String::from_utf8(output(&["-h"]).stdout).unwrap();
    if !help.contains(TIMEOUT.split('=').next().unwrap()) {
        println!("skipped: this agent has no {TIMEOUT}");
        return;
    }
    let Some(mut link) = Link::new("silent", &[TIMEOUT]) else {
        return;
    };
    let address_back = format!("ip address add {ADDRESS} dev lan");
    for (down, up) in [
        ("ip link set lan down", "ip link set lan up"),
        ("ip address flush dev lan", address_back.as_str()),
    ] {
        link.flow();
        let before = link.streams.len();
        link.there.run(down);
        // Told of the connection, or of the next attempt.
        link.lives.wait_for_log(&format!("tcp {LISTENER}: "));
        link.there.run(up);
        link.flow();
        assert!(link.streams.len() > before, "the same connection");
    }
    link.finish();
}
