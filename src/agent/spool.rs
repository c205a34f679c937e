//! The ring's memory: the agent's own, or a file from which it goes on where another has ended.

use super::clock::is_plausible;
use crate::config::{Command, Config};
use crate::format::json;
use crate::ring::{Found, IsDated, Policy, Restamp, Ring, Words};
use crate::sys::{self, Errno, Spool};
use crate::world::{self, Part, World};

/// Bytes of the longest file.
const LENGTH_MAX: usize = size_of::<Words>() + Ring::memory_for(1 << 30);

/// What there is to know of stamps.
const STAMPS: (Restamp, IsDated) = (json::move_stamp, is_dated);

/// What was tried, and what the system says of it.
type Failure<'a> = (&'a [u8], Errno);

/// The ring that the user asks for. Says in the log what it has found in the file.
pub(super) fn open<'a, W: World>(config: &Config<'a>, world: &mut W) -> Result<Ring<'static>, Failure<'a>> {
    // What is printed once does not go through a file that another agent may have.
    let path = config.spool.filter(|_| config.command == Command::Run);
    let policy = Policy {
        is_thinning: config.is_thinning,
        replay: config.replay,
        is_checked: path.is_some(),
    };
    let length = size_of::<Words>() + Ring::memory_for(config.buffer);
    let Some(path) = path else {
        let memory = sys::map(length).and_then(sys::split);
        let (words, memory) = memory.map_err(|errno| (b"-buffer".as_slice(), errno))?;
        return Ok(Ring::new(words, memory, policy));
    };
    let (ring, found) = go_on(path, length, policy).map_err(|errno| (path, errno))?;
    tell(path, &found, world);
    Ok(ring)
}

fn go_on(path: &[u8], length: usize, policy: Policy) -> Result<(Ring<'static>, Found), Errno> {
    let (spool, boot) = (Spool::open(path)?, sys::boot());
    let size = spool.size()?;
    if size == length {
        let (words, memory) = spool.map(length)?;
        if let Some(whole) = Ring::resume(words, memory, policy, boot, STAMPS) {
            return Ok(whole);
        }
    }
    // Whatever it is, no ring is longer.
    let old = spool.copy(size.min(LENGTH_MAX))?;
    spool.resize(size, length)?;
    let (words, memory) = spool.map(length)?;
    let mut ring = Ring::new(words, memory, policy);
    let found = ring.salvage(old.bytes(), boot, STAMPS);
    Ok((ring, found))
}

fn is_dated(line: &[u8]) -> bool {
    json::stamp(line).is_some_and(|second| is_plausible(second * 1_000))
}

fn tell<W: World>(path: &[u8], found: &Found, world: &mut W) {
    let words = if found.damaged + found.undated > 0 {
        "%: % lines of before, damaged pieces left out: %, lines of an earlier boot without a date left out: %"
    } else if found.lines > 0 {
        "%: % lines of before"
    } else {
        return;
    };
    let given = [
        Part::Text(path),
        Part::Number(found.lines),
        Part::Number(found.damaged),
        Part::Number(found.undated),
    ];
    world::tell(world, words, &given);
}
