//! What is settled before a run begins: the receivers, and for a day the agent's flags, its deaths, what the user
//! asks of it.

use super::chance::Chance;
use super::clock::WallClock;
use super::receiver::Kind;
use mini_monitor::platform::Signal;

pub(crate) const MINUTE: u64 = 60_000;
pub(crate) const HOUR: u64 = 60 * MINUTE;
pub(crate) const DAY: u64 = 24 * HOUR;
/// The most scripts of a day.
pub(crate) const SCRIPTS: usize = 2;
/// Until then things go wrong; in the hour after it all can arrive.
pub(crate) const TROUBLE: u64 = 18 * HOUR;
/// By this a day with servers is longer. They get the backlog of the trouble at four times the pace of new lines, which takes
/// the rest of a day, or more if scripts have printed much.
const CATCH_UP: u64 = 8 * HOUR;

/// What goes wrong by chance, besides what the receivers do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Noise {
    /// Nothing: every answer comes at once, and the agent wakes in time.
    Quiet,
    /// Look-ups, addresses and connects fail or are late, writes are cut, the agent wakes late. What a receiver
    /// has acknowledged is never lost.
    Storm,
    /// The same, and strangers accept connections; wake-ups are seldom late, but then by minutes.
    Day,
}

/// What is between one agent and the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Boot {
    /// The machine stays up.
    Same,
    /// It starts anew; the spool is on a disk.
    Other,
    /// It starts anew; the spool was in its memory.
    OtherWithoutSpool,
}

/// How an agent ends before the day does.
#[derive(Clone, Copy, Debug)]
pub(crate) struct End {
    pub(crate) time: u64,
    /// So many calls of the platform later it is killed; otherwise it is asked to end.
    pub(crate) kill: Option<u64>,
    /// Milliseconds until the next one starts.
    pub(crate) pause: u64,
    pub(crate) boot: Boot,
}

pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) receivers: Vec<Kind>,
    /// Those that speak HTTP.
    pub(crate) has_server: Vec<bool>,
    pub(crate) noise: Noise,
    /// When the last agent is asked to end.
    pub(crate) length: u64,
    /// Until then things go wrong by chance.
    pub(crate) trouble: u64,
    /// Bytes that the agent's kernel takes unacknowledged.
    pub(crate) room: usize,
    /// The buffer holds all lines of the day: none may be missing.
    pub(crate) is_roomy: bool,
    pub(crate) buffer: usize,
    /// That of each life, and one to which the lines move within a life.
    buffers: Vec<usize>,
    pub(crate) period: u64,
    pub(crate) replay: u64,
    pub(crate) timeout: u64,
    flags: Vec<String>,
    pub(crate) ends: Vec<End>,
    pub(crate) signals: Vec<(u64, Signal)>,
    pub(crate) clock: WallClock,
    /// Milliseconds between two runs of each script.
    pub(crate) scripts: Vec<u64>,
    /// When other programs send datagrams.
    pub(crate) datagrams: Vec<u64>,
}

impl Plan {
    /// One agent and these receivers, with a clock that is right.
    pub(crate) fn of(seed: u64, length: u64, receivers: &[Kind]) -> Self {
        let is_stormy = receivers.contains(&Kind::Stormy);
        Self {
            seed,
            receivers: receivers.to_vec(),
            has_server: vec![false; receivers.len()],
            noise: if is_stormy { Noise::Storm } else { Noise::Quiet },
            length,
            trouble: if is_stormy { u64::MAX } else { 0 },
            room: 16 << 10,
            is_roomy: false,
            buffer: 0,
            buffers: Vec::new(),
            period: 5_000,
            replay: 10_000,
            timeout: 30_000,
            flags: Vec::new(),
            ends: Vec::new(),
            signals: Vec::new(),
            clock: WallClock::right(),
            scripts: Vec::new(),
            datagrams: Vec::new(),
        }
    }

    pub(crate) fn draw(seed: u64) -> Self {
        let chance = &mut Chance::new(seed);
        let transfers = chance.pick(&[1, 1, 2, 3]);
        let is_roomy = !chance.one_in(4);
        let period = chance.pick(&[5_000, 5_000, 5_000, 2_000, 1_000]);
        let flush = chance.pick(&[5_000, 5_000, 5_000, 1_000, 20_000]);
        let replay = chance.pick(&[10_000, 10_000, 10_000, 4_000, 30_000]);
        // Long enough for a small buffer to fill behind a link that stalls.
        let long = if is_roomy { 60_000 } else { 1_200_000 };
        let timeout = chance.pick(&[30_000, 30_000, 10_000, long, long]);
        let scripts: Vec<u64> = (0..chance.pick(&[0, 1, 1, SCRIPTS]))
            .map(|_| chance.pick(&[5, 5, 10, 30]) * MINUTE)
            .collect();
        let datagrams = datagrams(chance);
        let buffer: u64 = if is_roomy {
            DAY / period * 200 + 4_000_000
        } else {
            chance.pick(&[4 << 10, 8 << 10, 64 << 10])
        };
        let is_debug = !chance.one_in(4);
        let mut flags = vec![
            format!("-metrics=test,test={period}ms"),
            format!("-flush={flush}ms"),
            format!("-replay={replay}ms"),
            format!("-timeout={}s", timeout / 1_000),
            format!("-overflow={}", chance.pick(&["thin", "thin", "drop"])),
        ];
        // Other draws than those above: a day without servers is as it was.
        let other = &mut Chance::new(seed ^ (u64::MAX / 3));
        let is_mixed = other.one_in(3);
        let has_server: Vec<bool> = if other.one_in(2) {
            (0..transfers).map(|_| !is_mixed || other.one_in(2)).collect()
        } else {
            vec![false; transfers]
        };
        // The order of all lines is known from the log.
        let has_servers = has_server.contains(&true);
        let is_debug = is_debug || has_servers;
        flags.extend(is_debug.then(|| "-debug".into()));
        flags.extend(chance.one_in(4).then(|| "-spread".into()));
        let ends = ends(chance);
        let mut buffers = vec![buffer as usize];
        for _ in 0..=ends.len() {
            let other = if is_roomy {
                buffer * chance.between(4, 8) / 4
            } else {
                chance.pick(&[buffer, 4 << 10, 8 << 10, 64 << 10])
            };
            buffers.push(other as usize);
        }
        Self {
            seed,
            receivers: vec![Kind::Drawn; transfers],
            has_server,
            noise: Noise::Day,
            length: DAY + if has_servers { CATCH_UP } else { 0 },
            trouble: TROUBLE,
            room: (buffer as usize / 2).min(32 << 10),
            is_roomy,
            buffer: buffer as usize,
            buffers,
            period,
            replay,
            timeout,
            flags,
            signals: signals(chance),
            clock: WallClock::draw(chance, &ends),
            ends,
            scripts,
            datagrams,
        }
    }

    /// The configuration file: the scripts.
    pub(crate) fn document(&self) -> String {
        let scripts = self.scripts.iter().enumerate();
        let script = |(index, interval): (usize, &u64)| {
            format!(r#"{{"exec": "s{index}", "interval": "{}s"}}"#, interval / 1_000)
        };
        let scripts: Vec<String> = scripts.map(script).collect();
        format!(r#"{{"custom": [{}]}}"#, scripts.join(", "))
    }

    /// The buffer to which the lines may move within the life of that number.
    pub(crate) fn other_buffer(&self, life: usize) -> usize {
        self.buffers[life + 1]
    }

    /// The arguments of the agent's life of that number.
    pub(crate) fn arguments(&self, life: usize, transfers: &str) -> Vec<String> {
        let mut arguments = vec![format!("-trans={transfers}"), format!("-tag=life={life}")];
        arguments.push(format!("-buffer={}", self.buffers[life]));
        arguments.extend(self.flags.iter().cloned());
        arguments
    }
}

/// Now and then a datagram, now and then a burst of them.
fn datagrams(chance: &mut Chance) -> Vec<u64> {
    let mut times = Vec::new();
    for _ in 0..chance.pick(&[0, 20, 200]) {
        let time = chance.below(DAY);
        let count = if chance.one_in(20) {
            chance.between(2, 200)
        } else {
            1
        };
        times.extend((0..count).map(|_| time));
    }
    times.sort_unstable();
    times
}

fn ends(chance: &mut Chance) -> Vec<End> {
    let count = chance.pick(&[0, 1, 2, 4]);
    let mut times: Vec<u64> = (0..count)
        .map(|_| chance.between(MINUTE, TROUBLE - HOUR))
        .collect();
    times.sort_unstable();
    // Each lives for a while, and the next one starts within the trouble.
    times.dedup_by(|late, early| *late < *early + 20 * MINUTE);
    let end = |time| End {
        time,
        kill: (!chance.one_in(4)).then(|| chance.below(40)),
        pause: chance.span(10, 10 * MINUTE),
        boot: chance.pick(&[Boot::Same, Boot::Same, Boot::Same, Boot::Other, Boot::Other]),
    };
    let mut ends: Vec<End> = times.into_iter().map(end).collect();
    for end in ends.iter_mut().filter(|end| end.boot == Boot::Other) {
        end.pause += 20_000;
        if chance.one_in(8) {
            end.boot = Boot::OtherWithoutSpool;
        }
    }
    ends
}

fn signals(chance: &mut Chance) -> Vec<(u64, Signal)> {
    let mut signals: Vec<_> = (0..chance.below(8))
        .map(|_| {
            let signal = chance.pick(&[Signal::Reload, Signal::Reload, Signal::Report]);
            (chance.below(DAY), signal)
        })
        .collect();
    signals.sort_by_key(|signal| signal.0);
    signals
}
