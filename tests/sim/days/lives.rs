//! The agents of one day, each with the spool of the one before.

use crate::agent::{PROC, parse, policy, run};
use crate::clock::{Look, is_plausible, truth};
use crate::plan::{Boot, DAY, Plan};
use crate::platform::{Key, Sim};
use mini_monitor::agent::FAMILY_TABLE;
use mini_monitor::base::text::Text;
use mini_monitor::config::{Config, ConfigFile, ConfigMemory};
use mini_monitor::format::json;
use mini_monitor::ring::{Policy, Ring, Words};
use std::collections::BTreeSet;

/// What became of one agent and its lines.
pub(crate) struct Lived {
    /// All lines that it made.
    pub(crate) made: BTreeSet<Key>,
    /// Left out or lost for want of room.
    pub(crate) given_up: u64,
    /// Dropped because receivers have refused them.
    pub(crate) rejected: u64,
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
            is_checked: true,
            boot,
            is_dated,
            ..policy(config)
        };
        if !self.is_empty && self.memory.len() != Ring::memory_for(config.buffer) {
            // A kill before the new ring takes the place of the old one leaves that as it was.
            for _ in 0..2 {
                let mut next = Self::new(config.buffer);
                let mut ring = Ring::new(&mut next.words, &mut next.memory, policy);
                ring.add((&self.words, &self.memory));
            }
            let old = std::mem::replace(self, Self::new(config.buffer));
            self.is_empty = false;
            let mut ring = Ring::new(&mut self.words, &mut self.memory, policy);
            let found = ring.add((&old.words, &old.memory));
            assert_eq!(found.damaged, 0);
            return (ring, u64::from(found.undated));
        }
        let Self { words, memory, .. } = self;
        if std::mem::take(&mut self.is_empty) {
            return (Ring::new(words, memory, policy), 0);
        }
        let mut ring = Ring::over(words, memory, policy);
        let found = ring.resume().expect("a whole ring");
        assert_eq!(found.damaged, 0);
        (ring, u64::from(found.undated))
    }
}

/// All lives of the day, one after the other.
pub(crate) fn all(plan: &Plan, day: &mut Sim) -> Vec<Lived> {
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

fn live(plan: &Plan, number: usize, boot: u32, spool: &mut Spool, day: &mut Sim) -> Lived {
    let mut document = Box::new(ConfigMemory::EMPTY);
    let arguments = plan.arguments(number, &day.network.transfers());
    let arguments = arguments.iter().map(String::as_str).chain(["-proc", PROC]);
    let text = plan.document();
    document.text[..text.len()].copy_from_slice(text.as_bytes());
    let (text, mut memory) = document.split(text.len());
    let mut config = Config::default();
    let file = ConfigFile::new(b"day", text, true);
    let mut buffer = [0; 1024];
    let mut message = Text::new(&mut buffer);
    let applied = file.apply(&mut config, &FAMILY_TABLE, &mut memory, &mut message);
    applied.expect("a good document");
    parse(&mut config, arguments, &mut memory);
    if spool.is_empty {
        *spool = Spool::new(config.buffer);
    }
    let mut other = Spool::new(plan.other_buffer(number));
    let mut to = Some((&mut other.words, &mut other.memory[..]));
    let (ring, undated) = spool.ring(&config, boot);
    let now = day.begin(number, plan.ends.get(number).copied());
    let start = day.time;
    let seed = plan.seed as u32 ^ number as u32;
    // The file that is read again asks for another buffer, once.
    let mut agent = run(&config, ring, (seed, now), day, |ring| {
        if let Some((words, memory)) = to.take_if(|(_, memory)| ring.fits(memory.len())) {
            let next = ring.copy_to((words, memory), true);
            std::mem::replace(ring, next).empty();
        }
    });
    let counts = agent.ring_mut().counts();
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
        rejected: agent.rejected() + counts.misdated,
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
    truth(time) / 1_000
}
