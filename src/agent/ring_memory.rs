//! The memory of the ring: anonymous, or a file (the spool), from which the next agent continues.
//!
//! A ring that changes its size or its file is built as a whole in a new file, which then replaces the old one with one
//! call of `rename(2)`. Nothing else is changed before; after it, an old file at another path is emptied. So the agent
//! may be killed at any time: lines are repeated then, and none is lost.

use super::wall_clock::is_plausible;
use crate::config::{Command, Config};
use crate::format::json;
use crate::platform::{self, Errno, Mapping, NewSpool, Spool, SpoolError};
use crate::platform::{LogArg, Platform};
use crate::ring::{IsDated, Policy, RECORD_MAX, Recovered, Restamp, Ring, Words, has_record};

/// Bytes of the longest spool.
const LENGTH_MAX: usize = size_of::<Words>() + Ring::memory_for(1 << 30);

/// Bytes of memory for `-once`, which prints some hundreds of kilobytes on a large machine.
const ONCE_LENGTH: usize = 64 << 20;

/// Bytes of a file that are searched at once.
const WINDOW: usize = 64 << 10;

/// How the ring moves stamps, and recognises dates.
const STAMPS: (Restamp, IsDated) = (json::move_stamp, is_dated);

/// Returns the path of the spool, if one is configured.
fn path<'a>(config: &Config<'a>) -> Option<&'a [u8]> {
    // `-once` does not use a spool, which another agent may have.
    config.spool.filter(|_| config.command == Command::Run)
}

/// Returns the name of the ring's memory in messages.
pub(super) fn name<'a>(config: &Config<'a>) -> &'a [u8] {
    path(config).unwrap_or(b"-buffer")
}

fn policy(config: &Config) -> Policy {
    Policy {
        is_thinning: config.is_thinning,
        replay: config.replay,
        is_checked: path(config).is_some(),
    }
}

/// Opens the configured ring and its spool, and logs what was recovered from it.
pub(super) fn open<P: Platform>(
    config: &Config,
    platform: &mut P,
) -> Result<(Ring<'static>, Option<Spool>), SpoolError> {
    let Some(path) = path(config) else {
        let memory = match config.command {
            Command::Once => memory_for_once(config),
            _ => Mapping::new(length(config)),
        };
        let (words, memory) = memory?.lend();
        return Ok((Ring::new(words, memory, policy(config)), None));
    };
    let spool = Spool::open(path)?;
    match ring_of(&spool, path, config) {
        Ok((ring, found, new)) => {
            let spool = new.unwrap_or(spool);
            spool.hold();
            log_found(path, &found, platform);
            Ok((ring, Some(spool)))
        }
        Err(error) => {
            spool.discard(path);
            Err(error)
        }
    }
}

/// Maps memory for all lines that `-once` prints, less if there is not enough. Pages take memory when they are written.
fn memory_for_once(config: &Config) -> Result<Mapping, Errno> {
    let mut length = ONCE_LENGTH;
    while length > self::length(config) {
        if let Ok(memory) = Mapping::new(length) {
            return Ok(memory);
        }
        length /= 2;
    }
    Mapping::new(self::length(config))
}

/// Returns the ring with all lines of the spool, and the new spool if one has replaced it.
fn ring_of(
    spool: &Spool,
    path: &[u8],
    config: &Config,
) -> Result<(Ring<'static>, Recovered, Option<Spool>), SpoolError> {
    let (length, size) = (length(config), spool.size()?);
    if size == length {
        let (words, memory) = spool.map(length)?.lend();
        let mut ring = Ring::over(words, memory, policy(config));
        if let Some(found) = ring.resume(platform::boot(), STAMPS) {
            return Ok((ring, found, None));
        }
        release(ring);
    }
    let (mut old, holds_lines) = lines_of(spool)?;
    let (words, memory) = Mapping::new(length)?.lend();
    let mut ring = Ring::new(words, memory, policy(config));
    let (words, memory) = old.parts();
    let found = ring.salvage((words, memory), platform::boot(), STAMPS);
    let (next, new) = if holds_lines {
        match build(path, length, &ring) {
            Ok((next, new)) => (next, Some(new)),
            // A damaged ring is mended in place where no file can be made: better than an agent that does not start.
            Err(_) if size == length => (copy(&ring, spool.map(length)?, true)?, None),
            Err(error) => return Err(error),
        }
    } else {
        spool.resize(size, length)?;
        (copy(&ring, spool.map(length)?, true)?, None)
    };
    release(ring);
    Ok((next, found, new))
}

/// Moves the lines to the memory that the configuration asks for. After an error they are where they were.
pub(super) fn change<P: Platform>(
    ring: &mut Ring<'static>,
    file: &mut Option<Spool>,
    config: &Config,
    platform: &mut P,
) -> Result<(), SpoolError> {
    let length = length(config);
    let has_length = ring.memory_length() == length - size_of::<Words>();
    let Some(path) = path(config) else {
        if file.is_some() || !has_length {
            let next = copy(ring, Mapping::new(length)?, false)?;
            if Mapping::is_lost() {
                release(next);
                return Err(SpoolError::Refused("its memory is lost"));
            }
            switch((ring, file), (next, None));
        }
        return Ok(());
    };
    let is_there = file.as_ref().is_some_and(|spool| spool.is_at(path));
    if is_there && has_length {
        return Ok(());
    }
    let other = if is_there { None } else { Some(Spool::open(path)?) };
    let moved = move_to(path, length, (ring, file), other.as_ref());
    match (moved, other) {
        (Ok(found), _) => log_found(path, &found, platform),
        (Err(error), other) => {
            if let Some(other) = other {
                other.discard(path);
            }
            return Err(error);
        }
    }
    Ok(())
}

/// Moves the lines, and those of another spool at the path, to a new spool there.
fn move_to(
    path: &[u8],
    length: usize,
    (ring, file): (&mut Ring<'static>, &mut Option<Spool>),
    other: Option<&Spool>,
) -> Result<Recovered, SpoolError> {
    let mut found = Recovered::default();
    let (next, spool) = match other {
        None => build(path, length, ring)?,
        Some(other) => {
            let (mut left, _) = lines_of(other)?;
            let (words, memory) = left.parts();
            let mut both = copy(ring, Mapping::new(length)?, false)?;
            found = both.add((words, memory), platform::boot(), STAMPS);
            let built = build(path, length, &both);
            release(both);
            built?
        }
    };
    switch((ring, file), (next, Some(spool)));
    Ok(found)
}

/// Moves the remaining lines after the file was truncated, or its disk is full or broken: to a new spool if one can be
/// made, otherwise to memory.
#[cold]
pub(super) fn rescue<P: Platform>(
    ring: &mut Ring<'static>,
    file: &mut Option<Spool>,
    config: &Config,
    has_arrived: bool,
    platform: &mut P,
) {
    let length = size_of::<Words>() + ring.memory_length();
    // Without memory the next turn tries again.
    let Ok(memory) = Mapping::new(length) else {
        return;
    };
    let dropped = ring.counts().dropped;
    drop(Mapping::of(ring.rescue(
        memory.lend(),
        platform::boot(),
        STAMPS.0,
        has_arrived,
    )));
    let path = name(config);
    // The ring has the remaining lines of the file, too.
    let is_there = file.as_ref().is_some_and(|spool| spool.is_at(path));
    let words = if is_there && move_to(path, length, (ring, file), None).is_ok() {
        "%: the file was truncated, or its disk is full: % lines dropped; continuing in a new file"
    } else {
        *file = None;
        "%: the file was truncated, or its disk is full: % lines dropped; continuing in memory until SIGHUP"
    };
    let dropped = LogArg::Number(ring.counts().dropped - dropped);
    platform.log(words, &[LogArg::Text(path), dropped]);
}

/// Copies the ring to a new spool, and puts that at the path. The caller has locked the file that is there.
fn build(path: &[u8], length: usize, ring: &Ring<'static>) -> Result<(Ring<'static>, Spool), SpoolError> {
    let new = NewSpool::beside(path, length)?;
    let next = copy(ring, new.map(length)?, true)?;
    match new.take_place() {
        Ok(spool) => Ok((next, spool)),
        Err(error) => {
            release(next);
            Err(error)
        }
    }
}

/// Releases the memory of a ring.
#[inline(never)]
fn release(ring: Ring<'static>) {
    drop(Mapping::of(ring.into_memory()));
}

/// Copies the ring to that memory; the copy drops the lines that do not fit.
fn copy(ring: &Ring<'static>, to: Mapping, is_checked: bool) -> Result<Ring<'static>, Errno> {
    let (to, boot) = (to.lend(), platform::boot());
    if ring.fits(to.1.len()) {
        return Ok(ring.copy_to(to, is_checked, boot));
    }
    let twin = Mapping::new(size_of::<Words>() + ring.memory_length());
    match twin {
        Ok(twin) => {
            let mut twin = ring.copy_to(twin.lend(), false, boot);
            drop(Mapping::of(twin.move_to(to, is_checked, boot)));
            Ok(twin)
        }
        Err(errno) => {
            drop(Mapping::of(to));
            Err(errno)
        }
    }
}

/// Continues with another ring and its spool, and empties the old one.
fn switch(
    (ring, file): (&mut Ring<'static>, &mut Option<Spool>),
    (next, spool): (Ring<'static>, Option<Spool>),
) {
    let before = core::mem::replace(ring, next);
    before.empty();
    release(before);
    *file = spool;
    if let Some(spool) = file {
        spool.hold();
    }
}

fn length(config: &Config) -> usize {
    size_of::<Words>() + Ring::memory_for(config.buffer)
}

/// Returns a copy of the file, and whether there may be lines in it. A file that is neither empty nor a spool is
/// refused; a file of zeros is left of a spool after a power cut, or a kill while it was made.
fn lines_of(spool: &Spool) -> Result<(Mapping, bool), SpoolError> {
    let size = spool.size()?;
    let (mut offset, mut is_blank) = (0, true);
    while offset < size {
        let mut window = spool.copy(offset, WINDOW)?;
        is_blank &= window.bytes().iter().all(|byte| *byte == 0);
        let is_spool = offset == 0 && window.parts().0.are_of_a_spool();
        if is_spool || has_record(window.bytes()) {
            // No ring is longer.
            return Ok((spool.copy(0, size.min(LENGTH_MAX))?, true));
        }
        offset += WINDOW - RECORD_MAX;
    }
    if is_blank {
        Ok((Mapping::new(0)?, false))
    } else {
        Err(SpoolError::Refused("it is no spool, but holds something else"))
    }
}

fn is_dated(line: &[u8]) -> bool {
    json::stamp(line).is_some_and(|second| is_plausible(second * 1_000))
}

fn log_found<P: Platform>(path: &[u8], found: &Recovered, platform: &mut P) {
    let words = if found.damaged + found.undated > 0 {
        "%: % lines recovered, % damaged pieces skipped, % undated lines of an earlier boot skipped"
    } else if found.lines > 0 {
        "%: % lines recovered"
    } else {
        return;
    };
    let given = [
        LogArg::Text(path),
        LogArg::Number(found.lines.into()),
        LogArg::Number(found.damaged.into()),
        LogArg::Number(found.undated.into()),
    ];
    platform.log(words, &given);
}
