//! The memory of the ring: anonymous, or a file (the spool), from which the next agent continues.
//!
//! A ring that changes its size or its file is built as a whole in a new file, which then replaces the old one with one
//! call of `rename(2)`. Nothing else is changed before; after it, an old file at another path is emptied. So the agent
//! may be killed at any time: lines are repeated then, and none is lost.

use super::wall_clock::is_plausible;
use crate::config::{Command, Config};
use crate::format::json;
use crate::platform::{self, Errno, FoundSpool, Mapping, Spool, SpoolError};
use crate::platform::{LogArg, Platform};
use crate::ring::{Policy, Recovered, Ring, Words, has_record};

/// Bytes of the longest spool.
const LENGTH_MAX: usize = size_of::<Words>() + Ring::memory_for(1 << 30);

/// Bytes of memory for `-once`, which prints some hundreds of kilobytes on a large machine.
const ONCE_LENGTH: usize = 64 << 20;

/// Returns the path of the spool, if one is configured.
pub(super) fn path<'a>(config: &Config<'a>) -> Option<&'a [u8]> {
    // `-once` does not use a spool, which another agent may have.
    config.spool.filter(|_| config.command != Command::Once)
}

/// Returns the option of the ring's memory, and its value in messages.
pub(super) fn option<'a>(config: &Config<'a>) -> (&'static str, &'a [u8]) {
    path(config).map_or(("buffer", b"memory"), |path| ("spool", path))
}

fn policy(config: &Config) -> Policy {
    Policy {
        is_thinning: config.is_thinning,
        replay: config.replay(),
        is_checked: path(config).is_some(),
        boot: platform::boot(),
        restamp: json::move_stamp,
        is_dated,
    }
}

/// Opens the configured ring and its spool, and logs what was recovered from it.
// Its copies of the ring are not on the stack of the caller.
#[inline(never)]
pub(super) fn open(
    config: &Config,
    platform: &mut dyn Platform,
) -> Result<(Ring<'static>, Option<Spool>), SpoolError> {
    let (words, memory) = memory(config)?.lend();
    let mut ring = Ring::new(words, memory, policy(config));
    let mut file = None;
    if let Some(path) = path(config) {
        file = Some(open_spool(&mut ring, path, config, true, platform)?);
    }
    hold(file.as_ref());
    Ok((ring, file))
}

/// Checks what [`open`] would open, and changes nothing. Returns whether another agent has the spool.
#[inline(never)]
pub(super) fn check(config: &Config) -> Result<bool, SpoolError> {
    drop(memory(config)?);
    let (Some(path), length) = (path(config), length(config)) else {
        return Ok(false);
    };
    let mut growth = length;
    match Spool::find(path)? {
        FoundSpool::None => {}
        FoundSpool::InUse => return Ok(true),
        FoundSpool::Free(spool) => {
            let size = spool.size()?;
            let has_lines = lines_of(&spool, size)?.is_some();
            if size == length || !has_lines {
                growth = length.saturating_sub(size);
            } else {
                spool.check_beside(path)?;
            }
            // It has the descriptor that a start needs.
            core::mem::forget(spool);
        }
    }
    Spool::check_space(path, length, growth)?;
    Ok(false)
}

/// Maps memory of the configured length. For `-once`, it has space for all lines that are printed, or less if there is
/// not enough; pages take memory when they are written.
fn memory(config: &Config) -> Result<Mapping, Errno> {
    let mut length = ONCE_LENGTH;
    while config.command == Command::Once && length > self::length(config) {
        if let Ok(memory) = Mapping::new(length) {
            return Ok(memory);
        }
        length /= 2;
    }
    Mapping::new(self::length(config))
}

/// Moves the lines to the memory that the configuration asks for. After an error they are where they were.
pub(super) fn change(
    ring: &mut Ring<'static>,
    file: &mut Option<Spool>,
    config: &Config,
    platform: &mut dyn Platform,
) -> Result<(), SpoolError> {
    let has_length = ring.memory_length() + size_of::<Words>() == length(config);
    let is_there = is_at(file.as_ref(), path(config));
    if is_there && has_length {
        return Ok(());
    }
    replace(ring, file, config, platform)
}

/// Returns whether the ring's memory is the file at the path, or no file if there is no path.
fn is_at(file: Option<&Spool>, path: Option<&[u8]>) -> bool {
    match (file, path) {
        (Some(spool), Some(path)) => spool.is_at(path),
        (None, None) => true,
        _ => false,
    }
}

/// Continues in new memory, in a new file if there is a path, and empties the old memory.
fn replace(
    ring: &mut Ring<'static>,
    file: &mut Option<Spool>,
    config: &Config,
    platform: &mut dyn Platform,
) -> Result<(), SpoolError> {
    let length = length(config);
    // Until the new memory is complete, only a copy changes.
    let capacity = length.max(ring.memory_length() + size_of::<Words>());
    let mut next = ring.copy_to(Mapping::new(capacity)?.lend(), false);
    let path = path(config);
    let mut moved = match path {
        None => Mapping::new(length).map_err(SpoolError::System).map(|memory| {
            move_to(&mut next, memory, false);
            None
        }),
        Some(name) if is_at(file.as_ref(), path) => new_spool(&mut next, name, length).map(Some),
        Some(name) => open_spool(&mut next, name, config, false, platform).map(Some),
    };
    if moved.is_ok() && crate::ring::is_lost() {
        moved = Err(SpoolError::Refused("its memory is lost"));
    }
    match moved {
        Ok(spool) => {
            core::mem::swap(ring, &mut next);
            next.empty();
            release(next);
            *file = spool;
            hold(file.as_ref());
            Ok(())
        }
        Err(error) => {
            release(next);
            Err(error)
        }
    }
}

/// Moves the ring to the file at the path or to a new one that replaces it, adds the lines of the file, and logs how many
/// there were. `is_start`: the ring is empty.
fn open_spool(
    ring: &mut Ring<'static>,
    path: &[u8],
    config: &Config,
    is_start: bool,
    platform: &mut dyn Platform,
) -> Result<Spool, SpoolError> {
    let spool = Spool::open(path)?;
    let mut found = Recovered::default();
    match move_to_spool(ring, &spool, path, config, is_start, &mut found) {
        Ok(new) => {
            log_found(path, &found, platform);
            Ok(new.unwrap_or(spool))
        }
        Err(error) => {
            spool.discard(path);
            Err(error)
        }
    }
}

/// Does the work of [`open_spool`]. Returns the new file if one has replaced `spool`.
fn move_to_spool(
    ring: &mut Ring<'static>,
    spool: &Spool,
    path: &[u8],
    config: &Config,
    is_start: bool,
    found: &mut Recovered,
) -> Result<Option<Spool>, SpoolError> {
    let (length, size) = (length(config), spool.size()?);
    let has_length = is_start && size == length;
    if has_length {
        let mut unused = ring.exchange(spool.map(length)?.lend());
        let whole = ring.resume();
        if whole.is_none() {
            unused = ring.exchange(unused);
        }
        drop(Mapping::of(unused));
        if let Some(whole) = whole {
            *found = whole;
            return Ok(None);
        }
    }
    let left = lines_of(spool, size)?;
    if left.is_none() && is_start {
        spool.resize(size, length)?;
    } else {
        if let Some(mut left) = left {
            let (words, memory) = left.parts();
            *found = ring.add((words, memory));
            check_read()?;
        }
        match new_spool(ring, path, length) {
            Ok(new) => return Ok(Some(new)),
            // A damaged ring is mended in place where no file can be made: better than an agent that does not start.
            Err(_) if has_length => {}
            Err(error) => return Err(error),
        }
    }
    move_to(ring, spool.map(length)?, true);
    Ok(None)
}

/// Moves the ring to a new spool, and puts that at the path. The caller has locked the file that is there.
fn new_spool(ring: &mut Ring<'static>, path: &[u8], length: usize) -> Result<Spool, SpoolError> {
    let spool = Spool::beside(path, length)?;
    let placed = spool.map(length).map_err(SpoolError::System).and_then(|memory| {
        let to = memory.lend();
        ring.shrink_to(to.1.len());
        // After an error the lines are where they were.
        let mut next = ring.copy_to(to, true);
        let placed = spool.take_place(path);
        if placed.is_ok() {
            core::mem::swap(ring, &mut next);
        }
        release(next);
        placed
    });
    match placed {
        Ok(()) => Ok(spool),
        Err(error) => {
            spool.discard(path);
            Err(error)
        }
    }
}

fn move_to(ring: &mut Ring<'static>, to: Mapping, is_checked: bool) {
    drop(Mapping::of(ring.move_to(to.lend(), is_checked)));
}

/// Moves the remaining lines after the file was truncated, or its disk is full or broken: to a new spool if one can be
/// made, otherwise to memory.
#[cold]
pub(super) fn rescue(
    ring: &mut Ring<'static>,
    file: &mut Option<Spool>,
    config: &Config,
    has_arrived: bool,
    platform: &mut dyn Platform,
) {
    // Without memory the next turn tries again.
    let Ok(memory) = Mapping::new(size_of::<Words>() + ring.memory_length()) else {
        return;
    };
    let dropped = ring.counts().dropped;
    let old = ring.rescue(memory.lend(), has_arrived);
    drop(Mapping::of(old));
    // The ring has the remaining lines of the file, too.
    let is_there = is_at(file.as_ref(), path(config));
    let message = if is_there && replace(ring, file, config, platform).is_ok() {
        "%: the file was truncated, or its disk is full: % lines dropped; continuing in a new file"
    } else {
        *file = None;
        "%: the file was truncated, or its disk is full: % lines dropped; continuing in memory until SIGHUP"
    };
    let dropped = LogArg::Number(ring.counts().dropped - dropped);
    platform.log(message, &[LogArg::Text(option(config).1), dropped]);
}

fn hold(file: Option<&Spool>) {
    if let Some(spool) = file {
        spool.hold();
    }
}

/// Releases the memory of a ring.
fn release(ring: Ring<'static>) {
    drop(Mapping::of(ring.into_memory()));
}

fn length(config: &Config) -> usize {
    size_of::<Words>() + Ring::memory_for(config.buffer)
}

/// Returns a view of the file if there may be lines in it. A file that is neither empty nor a spool is refused; a file
/// of zeros is left of a spool after a power cut, or a kill while it was made.
fn lines_of(spool: &Spool, size: usize) -> Result<Option<Mapping>, SpoolError> {
    if size == 0 {
        return Ok(None);
    }
    // No ring is longer.
    let mut left = spool.view(size.min(LENGTH_MAX))?;
    let has_lines = Words::are_at(left.bytes()) || has_record(left.bytes());
    let is_blank = !has_lines && left.bytes().iter().all(|byte| *byte == 0);
    check_read()?;
    if has_lines {
        Ok(Some(left))
    } else if size <= LENGTH_MAX && is_blank {
        Ok(None)
    } else {
        Err(SpoolError::Refused("it is no spool, but holds something else"))
    }
}

/// Returns an error if a part of the mapped file could not be read: it reads as zeros, but its lines may be there later.
fn check_read() -> Result<(), SpoolError> {
    if crate::ring::is_lost() {
        return Err(Errno::IO.into());
    }
    Ok(())
}

fn is_dated(line: &[u8]) -> bool {
    json::stamp(line).is_some_and(|second| is_plausible(second * 1_000))
}

fn log_found(path: &[u8], found: &Recovered, platform: &mut dyn Platform) {
    let message = if found.damaged + found.undated > 0 {
        "%: % lines recovered, % damaged pieces skipped, % undated lines of an earlier boot skipped"
    } else if found.lines > 0 {
        "%: % lines recovered"
    } else {
        return;
    };
    let args = [
        LogArg::Text(path),
        LogArg::Number(found.lines.into()),
        LogArg::Number(found.damaged.into()),
        LogArg::Number(found.undated.into()),
    ];
    platform.log(message, &args);
}
