//! An agent on the simulated platform, and the lines that it makes.

use super::platform::{Killed, Sim};
use mini_monitor::agent::{Agent, Ending, FAMILY_TABLE, Memory};
use mini_monitor::base::text::Text;
use mini_monitor::config::{self, Config, FreeMemory};
use mini_monitor::format::json;
use mini_monitor::procfs::Roots;
use mini_monitor::ring::{Policy, Ring};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

pub(crate) const PROC: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/bare/proc");
/// Bytes that each agent takes and does not give back.
pub(crate) const FOR_GOOD: u64 = size_of::<Memory>() as u64;
/// The start of each line.
pub(crate) const START: &str = "{\"metric\":\"";

/// Adds the flags to a configuration.
pub(crate) fn parse<'a>(
    config: &mut Config<'a>,
    flags: impl Iterator<Item = &'a str>,
    memory: &mut FreeMemory<'a>,
) {
    let mut buffer = [0; 1024];
    let mut message = Text::new(&mut buffer);
    let parsed = config::parse(
        config,
        &mut flags.map(str::as_bytes),
        &FAMILY_TABLE,
        memory,
        &mut message,
    );
    parsed.expect("good flags");
}

/// The policy of a ring that only one agent uses.
pub(crate) fn policy(config: &Config) -> Policy {
    Policy {
        is_thinning: config.is_thinning,
        replay: config.replay(),
        is_checked: false,
        boot: 0,
        restamp: json::move_stamp,
        is_dated: |_| true,
    }
}

/// Runs an agent until it ends or is killed. `reload` is called with its ring at each reload.
pub(crate) fn run<'m>(
    config: &Config,
    ring: Ring<'m>,
    (seed, now): (u32, u64),
    sim: &mut Sim,
    mut reload: impl FnMut(&mut Ring<'m>),
) -> Agent<'m> {
    let roots = Roots::open(config.proc, config.sys, config.root).expect("the fixture");
    let memory = Box::leak(Box::new(Memory::EMPTY));
    let mut agent = Agent::new(config, roots, memory, ring, seed, now);
    let mut run = || {
        agent.begin(config, sim);
        loop {
            match agent.run(config, sim) {
                Ending::Reload => reload(agent.ring_mut()),
                ending => return ending,
            }
        }
    };
    match catch_unwind(AssertUnwindSafe(&mut run)) {
        Ok(ending) => assert_eq!(ending, Ending::Done),
        Err(cause) if cause.is::<Killed>() => {}
        Err(cause) => resume_unwind(cause),
    }
    agent
}

/// Splits a whole line, without its newline, into metric, endpoint, tags after the first, value and timestamp.
pub(crate) fn fields(line: &str) -> Option<[&str; 5]> {
    let (metric, rest) = line.strip_prefix(START)?.split_once("\",\"endpoint\":\"")?;
    let (endpoint, rest) = rest.split_once("\",\"tag\":[\"linux\"")?;
    let (tags, rest) = rest.split_once("],\"value\":")?;
    let (value, stamp) = rest.strip_suffix('}')?.split_once(",\"timestamp\":")?;
    Some([metric, endpoint, tags, value, stamp])
}
