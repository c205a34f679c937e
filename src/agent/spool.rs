//! The ring's memory: the agent's own, or a file from which it goes on where another has ended.

use super::clock::is_plausible;
use crate::config::{Command, Config};
use crate::format::json;
use crate::ring::{Found, IsDated, Policy, Restamp, Ring, Words};
use crate::sys::{self, Errno, Spool};
use crate::world::{Part, World};

/// Bytes of the longest file.
const LENGTH_MAX: usize = size_of::<Words>() + Ring::memory_for(1 << 30);

/// What there is to know of stamps.
const STAMPS: (Restamp, IsDated) = (json::move_stamp, is_dated);

/// The file, if the user asks for one.
pub(super) fn path<'a>(config: &Config<'a>) -> Option<&'a [u8]> {
    // What is printed once does not go through a file that another agent may have.
    config.spool.filter(|_| config.command == Command::Run)
}

/// The ring that the user asks for. Says in the log what it has found in the file.
pub(super) fn open<W: World>(config: &Config, world: &mut W) -> Result<Ring<'static>, Errno> {
    let path = path(config);
    let policy = Policy {
        is_thinning: config.is_thinning,
        replay: config.replay,
        is_checked: path.is_some(),
    };
    let length = size_of::<Words>() + Ring::memory_for(config.buffer);
    let Some(path) = path else {
        let (words, memory) = sys::map(length).and_then(sys::split)?;
        return Ok(Ring::new(words, memory, policy));
    };
    let (spool, boot) = (Spool::open(path)?, sys::boot());
    let size = spool.size()?;
    // Whatever it is, no ring is longer.
    let copy = || spool.copy(size.min(LENGTH_MAX));
    let mut old = None;
    if size != length {
        old = Some(copy()?);
        spool.resize(size, length)?;
    }
    let (words, memory) = spool.map(length)?;
    let mut ring = Ring::over(words, memory, policy);
    let mut found = Found::default();
    if size == length {
        match ring.resume(boot, STAMPS) {
            Some(whole) => found = whole,
            None => old = Some(copy()?),
        }
    }
    if let Some(old) = old {
        found = ring.salvage(old.parts(), boot, STAMPS);
    }
    tell(path, &found, world);
    Ok(ring)
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
        Part::Number(found.lines.into()),
        Part::Number(found.damaged.into()),
        Part::Number(found.undated.into()),
    ];
    world.log(words, &given);
}
