//! Agents that are killed while the buffer moves: to another size at a start or at a reload, and to the file of
//! another agent. Every line is in one of the files afterwards.

use crate::common::{Agent, Folder, Transfer, command};
use crate::random::{Random, seed};
use std::env;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Two sizes of a buffer, and how many lines of each owner it holds.
struct Size {
    buffers: [&'static str; 2],
    lines: usize,
}

const SIZES: [Size; 2] = [
    Size {
        buffers: ["64K", "128K"],
        lines: 250,
    },
    Size {
        buffers: ["32M", "33M"],
        lines: 100_000,
    },
];

/// The ways in which lines move.
const WAYS: [&str; 3] = [
    "start with another buffer",
    "reload with another buffer",
    "reload with another file",
];

/// Agents that make lines.
const OWNERS: [&str; 2] = ["first", "second"];

/// What a moved line starts with, before its number.
const NAME: &str = "{\"metric\":\"moved.";

/// An agent that makes next to no lines of its own.
fn agent(spool: &Path, buffer: &str) -> Command {
    let mut command = command();
    command.args(["-metrics=load", "-interval=24h", "-replay=0", "-overflow=drop"]);
    command.args([format!("-buffer={buffer}"), format!("-spool={}", spool.display())]);
    command
}

/// Marks the lines that an agent finds in the file.
fn find(spool: &Path, buffer: &str, found: &mut [Vec<bool>; 2]) {
    let mut command = agent(spool, buffer);
    let mut agent = Agent::spawn(command.args(["-trans=-", "-tag=next"]));
    for line in BufReader::new(agent.out()).lines() {
        let line = line.unwrap();
        if line.contains("\"next\"") && !line.starts_with(NAME) {
            break;
        }
        let Some(rest) = line.strip_prefix(NAME) else {
            continue;
        };
        let owner = OWNERS.iter().position(|owner| rest.starts_with(owner)).unwrap();
        let (_, value) = rest.split_once("\"value\":").unwrap();
        let (number, _) = value.split_once(',').unwrap();
        found[owner][number.parse::<usize>().unwrap()] = true;
    }
    agent.kill();
}

struct Moves {
    folder: Folder,
    random: Random,
    nowhere: String,
}

impl Moves {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// A spool with lines of each owner, which is copied for each kill.
    fn fill(&self, size: &Size) {
        for owner in OWNERS {
            let (spool, socket) = (self.path(owner), self.path("s"));
            let _ = fs::remove_file(&spool);
            let mut command = agent(&spool, size.buffers[0]);
            command.args([&self.nowhere, &format!("-listen={}", socket.display())]);
            let mut agent = Agent::spawn(&mut command);
            agent.log.wait_for("dial tcp");
            let sender = UnixDatagram::unbound().unwrap();
            sender.connect(&socket).unwrap();
            let numbers: Vec<usize> = (0..size.lines).collect();
            for numbers in numbers.chunks(20) {
                let lines = numbers
                    .iter()
                    .map(|number| format!("moved.{owner} {number} of=those\n"));
                sender.send(lines.collect::<String>().as_bytes()).unwrap();
            }
            agent.stop();
        }
    }

    /// Fresh spools of both owners.
    fn copy(&self) -> [PathBuf; 2] {
        ["a", "b"].map(|name| {
            let (path, new) = (self.path(name), self.path(&format!("{name}.new")));
            let _ = fs::remove_file(new);
            let _ = fs::remove_file(&path);
            fs::copy(self.path(OWNERS[usize::from(name == "b")]), &path).unwrap();
            path
        })
    }

    /// Starts what is to be killed, up to the moment from which on it may be.
    fn begin(&self, way: usize, size: &Size, [first, second]: &[PathBuf; 2]) -> Agent {
        let [before, after] = size.buffers;
        if way == 0 {
            return Agent::spawn(agent(first, after).arg(&self.nowhere));
        }
        let file = self.path("mini-monitor.json");
        let write = |spool: &Path, buffer: &str| {
            let text = format!(
                r#"{{"trans": "{}", "spool": "{}", "buffer": "{buffer}"}}"#,
                self.nowhere.strip_prefix("-trans=").unwrap(),
                spool.display()
            );
            fs::write(&file, text).unwrap();
        };
        write(first, before);
        let mut command = command();
        command.args(["-metrics=load", "-interval=24h", "-replay=0", "-overflow=drop"]);
        let agent = Agent::spawn(command.arg(format!("-config={}", file.display())));
        agent.log.wait_for("dial tcp");
        write(if way == 1 { first } else { second }, after);
        agent.signal("HUP");
        agent
    }

    /// How long a move takes that is not disturbed.
    fn time(&self, way: usize, size: &Size) -> Duration {
        let spools = self.copy();
        let start = Instant::now();
        let agent = self.begin(way, size, &spools);
        let start = if way == 0 { start } else { Instant::now() };
        agent.log.wait_for(if way == 0 {
            "lines recovered"
        } else {
            "configuration reloaded"
        });
        start.elapsed()
    }

    /// Kills an agent at some moment of a move; says whether that was in the midst of it.
    fn kill(&mut self, way: usize, size: &Size, time: Duration) -> bool {
        let spools = self.copy();
        let mut agent = self.begin(way, size, &spools);
        let most = time.as_micros() as usize * 5 / 4;
        let after = Duration::from_micros(self.random.below(most + 1) as u64);
        sleep(after);
        agent.kill();
        let was_moving = ["a.new", "b.new"].iter().any(|name| self.path(name).exists());
        let mut found = [(); 2].map(|()| vec![false; size.lines]);
        // The file that comes next may be the one before the move, too.
        let mut order = spools.each_ref();
        if self.random.is_one_in(2) {
            order.reverse();
        }
        for spool in order {
            let buffer = size.buffers[self.random.below(2)];
            // The smaller one has no room for the lines of both.
            let buffer = if way == 2 { size.buffers[1] } else { buffer };
            find(spool, buffer, &mut found);
        }
        for (owner, found) in OWNERS.iter().zip(found) {
            let missing = found.iter().filter(|is_there| !**is_there).count();
            assert_eq!(
                missing, 0,
                "{}, killed after {after:?}: lines of {owner}",
                WAYS[way]
            );
        }
        was_moving
    }
}

#[test]
fn no_line_is_lost_when_an_agent_is_killed_while_the_buffer_moves() {
    // Half as many as there are breaks, of each way.
    let kills = env::var("BREAKS").map_or(4, |text| text.parse::<usize>().expect("BREAKS") / 2);
    let (seed, start) = (seed(), Instant::now());
    let mut moves = Moves {
        folder: Folder::new("moves"),
        random: Random::new(seed, 99),
        nowhere: format!("-trans={}", Transfer::absent()),
    };
    for size in &SIZES {
        moves.fill(size);
        for (way, name) in WAYS.iter().enumerate() {
            let time = moves.time(way, size);
            let kills = kills.div_ceil(2);
            let moving = (0..kills).filter(|_| moves.kill(way, size, time)).count();
            let buffers = size.buffers.join(" to ");
            println!(
                "{name}, {buffers}, {time:?}: {kills} kills, {moving} with a new file half done; none missing"
            );
        }
    }
    println!("{} s", start.elapsed().as_secs());
}
