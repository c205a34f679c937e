//! The ring's memory: the agent's own, or a file from which it goes on where another has ended.

use super::clock::is_plausible;
use crate::config::{Command, Config};
use crate::format::json;
use crate::ring::{Found, IsDated, Policy, Restamp, Ring, Words};
use crate::sys::{self, Errno, Mapping, Spool};
use crate::world::{Part, World};

/// Bytes of the longest file.
const LENGTH_MAX: usize = size_of::<Words>() + Ring::memory_for(1 << 30);

/// What there is to know of stamps.
const STAMPS: (Restamp, IsDated) = (json::move_stamp, is_dated);

/// The file, if the user asks for one.
fn path<'a>(config: &Config<'a>) -> Option<&'a [u8]> {
    // What is printed once does not go through a file that another agent may have.
    config.spool.filter(|_| config.command == Command::Run)
}

/// What a message calls the ring's memory.
pub(super) fn name<'a>(config: &Config<'a>) -> &'a [u8] {
    path(config).unwrap_or(b"-buffer")
}

/// The ring that the user asks for, and its file. Says in the log what it has found there.
pub(super) fn open<W: World>(
    config: &Config,
    world: &mut W,
) -> Result<(Ring<'static>, Option<Spool>), Errno> {
    let policy = Policy {
        is_thinning: config.is_thinning,
        replay: config.replay,
        is_checked: path(config).is_some(),
    };
    let (length, boot) = (length(config), sys::boot());
    let Some(path) = path(config) else {
        let (words, memory) = Mapping::new(length)?.lend();
        return Ok((Ring::new(words, memory, policy), None));
    };
    let spool = Spool::open(path)?;
    let size = spool.size()?;
    let mut old = None;
    if size != length {
        old = Some(copy(&spool, size)?);
        spool.resize(size, length)?;
    }
    let (words, memory) = spool.map(length)?.lend();
    let mut ring = Ring::over(words, memory, policy);
    let mut found = Found::default();
    if size == length {
        match ring.resume(boot, STAMPS) {
            Some(whole) => found = whole,
            None => old = Some(copy(&spool, size)?),
        }
    }
    if let Some(mut old) = old {
        let (words, memory) = old.parts();
        found = ring.salvage((words, memory), boot, STAMPS);
    }
    tell(path, &found, world);
    Ok((ring, Some(spool)))
}

/// Moves the lines to where the user wants them from now on. After an error they are where they were.
pub(super) fn change<W: World>(
    ring: &mut Ring<'static>,
    file: &mut Option<Spool>,
    config: &Config,
    world: &mut W,
) -> Result<(), Errno> {
    let length = length(config);
    let has_length = ring.memory_length() == length - size_of::<Words>();
    match (path(config), &*file) {
        (None, None) if has_length => Ok(()),
        (None, _) => {
            move_to(Mapping::new(length)?, ring, file, None);
            Ok(())
        }
        (Some(path), Some(spool)) if spool.is_at(path) => {
            if has_length {
                return Ok(());
            }
            resize(spool, ring, length)
        }
        (Some(path), _) => {
            let spool = Spool::open(path)?;
            let size = spool.size()?;
            let mut old = copy(&spool, size)?;
            spool.resize(size, length)?;
            move_to(spool.map(length)?, ring, file, Some(spool));
            let (words, memory) = old.parts();
            let found = ring.add((words, memory), sys::boot(), STAMPS);
            tell(path, &found, world);
            Ok(())
        }
    }
}

/// Moves the lines to other memory; none is left in the file of before.
fn move_to(to: Mapping, ring: &mut Ring<'static>, file: &mut Option<Spool>, other: Option<Spool>) {
    let mut before = Mapping::of(ring.move_to(to.lend(), other.is_some(), sys::boot()));
    let (words, memory) = before.parts();
    words.clear(memory.len());
    *file = other;
}

/// Makes the file shorter or longer.
fn resize(spool: &Spool, ring: &mut Ring<'static>, length: usize) -> Result<(), Errno> {
    let size = spool.size()?;
    // The new memory is the old one in part: meanwhile the lines are elsewhere.
    let elsewhere = Mapping::new(length)?;
    if size < length {
        spool.resize(size, length)?;
    }
    let to = spool.map(length)?;
    drop(Mapping::of(ring.move_to(elsewhere.lend(), true, sys::boot())));
    drop(Mapping::of(ring.move_to(to.lend(), true, sys::boot())));
    if size > length {
        spool.resize(size, length)?;
    }
    Ok(())
}

fn length(config: &Config) -> usize {
    size_of::<Words>() + Ring::memory_for(config.buffer)
}

/// Whatever is in the file, no ring is longer.
fn copy(spool: &Spool, size: usize) -> Result<Mapping, Errno> {
    spool.copy(size.min(LENGTH_MAX))
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
