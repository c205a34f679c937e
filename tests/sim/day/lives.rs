//! The agents of one day, each with the spool of the one before.

use super::clock::{Look, is_plausible};
use super::plan::{Boot, DAY, Plan};
use super::platform::{Day, Key, Killed};
use mini_monitor::agent::{Agent, Ending, Lines, Memory, writer};
use mini_monitor::config::{self, Config, ConfigFile, FILE_MEMORY, FileText};
use mini_monitor::families;
use mini_monitor::format::json;
use mini_monitor::procfs::{self, Host};
use mini_monitor::ring::{IsDated, Policy, Restamp, Ring, Words};
use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

const PROC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/bare/proc");

/// Bytes that each agent takes and does not give back.
pub(crate) const FOR_GOOD: u64 =
    (size_of::<families::Memory>() + size_of::<procfs::Memory>() + size_of::<Lines>()) as u64;

/// What became of one agent and its lines.
pub(crate) struct Lived {
    /// All lines that it made.
    pub(crate) made: BTreeSet<Key>,
    /// Left out or lost for want of room.
    pub(crate) given_up: u64,
    /// Lines of before that nobody can tell the time of.
    pub(crate) undated: u64,
    /// True seconds in which it lived.
    pub(crate) span: (i64, i64),
    /// Which boot of the machine it lived in, and what was known of the clock at the end.
    pub(crate) boot: u32,
    pub(crate) look: Look,
    /// The spool of those before was gone when it started.
    pub(crate) is_robbed: bool,
}

/// What outlives an agent.
struct Spool {
    words: Words,
    memory: Vec<u8>,
    is_empty: bool,
}

fn is_dated(line: &[u8]) -> bool {
    json::stamp(line).is_some_and(is_plausible)
}

impl Spool {
    fn new(buffer: usize) -> Self {
        Self {
            words: Words::default(),
            memory: vec![0; Ring::memory_for(buffer)],
            is_empty: true,
        }
    }

    /// A ring with all lines of the spool, which has the size that is asked for from then on; and how many had to
    /// be left out.
    fn ring(&mut self, config: &Config, boot: u32) -> (Ring<'_>, u64) {
        let policy = Policy {
            is_thinning: config.is_thinning,
            replay: config.replay,
            is_checked: true,
        };
        let stamps = (json::move_stamp as Restamp, is_dated as IsDated);
        if !self.is_empty && self.memory.len() != Ring::memory_for(config.buffer) {
            // A kill before the new ring takes the place of the old one leaves that as it was.
            for _ in 0..2 {
                let mut next = Self::new(config.buffer);
                let mut ring = Ring::new(&mut next.words, &mut next.memory, policy);
                ring.salvage((&self.words, &self.memory), boot, stamps);
            }
            let old = std::mem::replace(self, Self::new(config.buffer));
            self.is_empty = false;
            let mut ring = Ring::new(&mut self.words, &mut self.memory, policy);
            let found = ring.salvage((&old.words, &old.memory), boot, stamps);
            assert_eq!(found.damaged, 0);
            return (ring, u64::from(found.undated));
        }
        let Self { words, memory, .. } = self;
        if std::mem::take(&mut self.is_empty) {
            let mut ring = Ring::over(words, memory, policy);
            ring.salvage((&Words::default(), &[]), boot, stamps);
            return (ring, 0);
        }
        let mut ring = Ring::over(words, memory, policy);
        let found = ring.resume(boot, stamps).expect("a whole ring");
        assert_eq!(found.damaged, 0);
        (ring, u64::from(found.undated))
    }
}

/// All lives of the day, one after the other.
pub(crate) fn all(plan: &Plan, day: &mut Day) -> Vec<Lived> {
    let mut spool = Spool::new(plan.buffer);
    let (mut lives, mut boot) = (Vec::new(), 1);
    for number in 0..=plan.ends.len() {
        let before = number.checked_sub(1).map(|last| plan.ends[last]);
        if let Some(end) = before {
            day.pass(end.pause);
            boot += u32::from(end.boot != Boot::Same);
            if end.boot == Boot::OtherWithoutSpool {
                spool = Spool::new(plan.buffer);
            }
        }
        let mut lived = live(plan, number, boot, &mut spool, day);
        lived.is_robbed = before.is_some_and(|end| end.boot == Boot::OtherWithoutSpool);
        lives.push(lived);
    }
    day.pass(0);
    assert!(day.time >= DAY);
    lives
}

fn live(plan: &Plan, number: usize, boot: u32, spool: &mut Spool, day: &mut Day) -> Lived {
    let arguments = plan.arguments(number, &day.network.transfers());
    let arguments = arguments
        .iter()
        .map(String::as_bytes)
        .chain([b"-proc".as_slice(), PROC.as_bytes()]);
    let mut document = vec![0; FILE_MEMORY];
    let text = plan.document();
    document[..text.len()].copy_from_slice(text.as_bytes());
    let text = FileText {
        length: text.len(),
        is_private: true,
    };
    let mut config = Config::default();
    let mut file = ConfigFile::new(b"day", &mut document, text);
    let applied = file.apply(&mut config, families::find, families::name);
    assert!(applied.is_ok(), "bad document");
    let parsed = config::parse(&mut config, arguments, families::find);
    parsed.unwrap_or_else(|_| panic!("bad flags"));
    if spool.is_empty {
        *spool = Spool::new(config.buffer);
    }
    let mut other = Spool::new(plan.other_buffer(number));
    let mut to = Some((&mut other.words, &mut other.memory[..]));
    let (ring, undated) = spool.ring(&config, boot);
    let host = Host::open(
        config.proc,
        config.sys,
        Box::leak(Box::new(procfs::Memory::EMPTY)),
    )
    .expect("the fixture");
    let writer = writer(&config).expect("a short name");
    let now = day.begin(number, plan.ends.get(number).copied());
    let start = day.time;
    let seed = plan.seed as u32 ^ number as u32;
    let memory = Memory {
        families: Box::leak(Box::new(families::Memory::EMPTY)),
        lines: Box::leak(Box::new(Lines::EMPTY)),
    };
    let mut agent = Agent::new(&config, host, memory, writer, ring, seed, now);
    let mut live = || {
        let mut ending = agent.begin(&config, day);
        loop {
            match ending {
                None => {}
                // The file that is read again asks for another buffer, once.
                Some(Ending::Reload) => {
                    let ring = agent.ring_mut();
                    if let Some((words, memory)) = to.take_if(|(_, memory)| ring.fits(memory.len())) {
                        let next = ring.copy_to((words, memory), true, boot);
                        std::mem::replace(ring, next).empty();
                    }
                }
                Some(ending) => return ending,
            }
            ending = Some(agent.run(&config, day));
        }
    };
    match catch_unwind(AssertUnwindSafe(&mut live)) {
        Ok(ending) => assert_eq!(ending, Ending::Done),
        Err(cause) if cause.is::<Killed>() => {}
        Err(cause) => resume_unwind(cause),
    }
    let counts = agent.counts();
    let worked = (day.time - start).saturating_sub(day.late) / plan.period;
    // The log has each line; without it, nothing happens between reading and making one.
    let is_other = |key: &&Key| key.0 == number && key.1 > 0;
    let mut made: BTreeSet<Key> = if config.debug {
        day.made.keys().filter(is_other).copied().collect()
    } else {
        day.read.iter().filter(is_other).copied().collect()
    };
    assert!(made.is_subset(&day.read), "lines that no program printed");
    let turns = agent.lines() - made.len() as u64;
    assert!(
        turns + 2 >= worked,
        "life {number}: {turns} lines in {worked} turns"
    );
    made.extend((0..turns).map(|line| (number, 0, line)));
    let lived = Lived {
        made,
        given_up: counts.thinned + counts.dropped,
        undated,
        span: (seconds(start), seconds(day.time)),
        boot,
        look: day.last_look(),
        is_robbed: false,
    };
    if to.is_none() {
        other.is_empty = false;
        *spool = other;
    }
    lived
}

fn seconds(time: u64) -> i64 {
    super::clock::truth(time) / 1_000
}
