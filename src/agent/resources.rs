//! What the configuration names: the roots, the listener, the user and the memory of the ring. `open` opens it, `check` only
//! looks whether a start could. Each function writes the message of its error.

use super::check::FoundResources;
use super::ring_memory;
use crate::base::text::Text;
use crate::config::{Command, Config, Reported};
use crate::platform::{self, Errno, Kernel, NextListener, Spool, SpoolError};
use crate::procfs::Roots;
use crate::ring::Ring;

/// Opens everything, as the user of the configuration from then on.
// Its copies of the ring are not on the stack of the caller.
#[inline(never)]
pub(super) fn open(
    config: &Config,
    platform: &mut Kernel,
    spool: &mut Option<Spool>,
    file: Option<&[u8]>,
    message: &mut Text,
) -> Result<(Roots, Ring<'static>), Reported> {
    let roots = open_roots(config, message)?;
    if config.command == Command::Run
        && let Some(listener) = next_listener(config, platform, message)?
    {
        platform.change_listener(listener);
    }
    drop_rights(config, file, message)?;
    let opened = ring_memory::open(config, platform);
    let (ring, opened) = opened.map_err(|error| report_spool(config, error, message))?;
    *spool = opened;
    check_descriptors(config, message)?;
    Ok((roots, ring))
}

/// Checks what [`open`] would open, in the same order, and changes nothing.
pub(super) fn check<'c>(
    config: &Config<'c>,
    file: Option<&'c [u8]>,
    message: &mut Text,
) -> Result<(Roots, FoundResources<'c>), Reported> {
    // The first descriptors of a start are those of signals and log.
    platform::reserve_descriptor().map_err(|errno| report_signals(errno, message))?;
    let _ = platform::reserve_descriptor();
    let roots = open_roots(config, message)?;
    let listener = config.listen.map(platform::check_listener).transpose();
    let listener = listener.map_err(|errno| report_listener(config, errno, message))?;
    drop_rights(config, file, message)?;
    let spool = ring_memory::check(config).map_err(|error| report_spool(config, error, message))?;
    check_descriptors(config, message)?;
    let in_use = [
        config.spool.filter(|_| spool),
        config.listen.filter(|_| listener == Some(true)),
    ];
    Ok((roots, FoundResources { file, in_use }))
}

/// Opens `/proc` and `/sys`, or what is configured in their place.
pub(super) fn open_roots(config: &Config, message: &mut Text) -> Result<Roots, Reported> {
    let roots = Roots::open(config.proc, config.sys, config.root);
    roots.map_err(|errno| report_system("proc", config.proc, errno, message))
}

/// Opens the configured listener if it is another one than now, or was removed.
pub(super) fn next_listener(
    config: &Config,
    platform: &Kernel,
    message: &mut Text,
) -> Result<Option<NextListener>, Reported> {
    let listener = platform.next_listener(config.listen);
    listener.map_err(|errno| report_listener(config, errno, message))
}

/// Becomes the configured user, who has to be able to read the file of the configuration again, and to make files beside
/// the spool.
fn drop_rights(config: &Config, file: Option<&[u8]>, message: &mut Text) -> Result<(), Reported> {
    let Some(user) = config.user else {
        return Ok(());
    };
    let mut report = |what, errno| report_system("user", what, errno, message);
    platform::drop_to_user(user).map_err(|errno| report(user, errno))?;
    if let Some(path) = file {
        platform::check_readable(path).map_err(|errno| report(path, errno))?;
    }
    if let Some(path) = ring_memory::path(config) {
        platform::check_directory(path).map_err(|errno| report(path, errno))?;
    }
    Ok(())
}

/// Checks that the limit of open files is high enough.
fn check_descriptors(config: &Config, message: &mut Text) -> Result<(), Reported> {
    platform::check_descriptors(config.connects_by_command()).map_err(|[most, needed]| {
        message.put(b"at most ");
        message.number(most);
        message.put(b" open files (ulimit -n) are too few: at least ");
        message.number(needed);
        message.put(b" are needed");
        UNAVAILABLE
    })
}

/// The error that what the configuration names is not available.
pub(super) const UNAVAILABLE: Reported = Reported { is_usage: false };

/// Writes that signals cannot be received.
pub(super) fn report_signals(errno: Errno, message: &mut Text) -> Reported {
    message.put(b"signals: ");
    platform::describe(message, errno);
    UNAVAILABLE
}

fn report_listener(config: &Config, errno: Errno, message: &mut Text) -> Reported {
    report_system("listen", config.listen.unwrap_or_default(), errno, message)
}

/// Writes that what an option names is not available.
fn report_system(option: &str, what: &[u8], errno: Errno, message: &mut Text) -> Reported {
    put_option(option, what, message);
    message.put(b": ");
    if errno == Errno::BUSY {
        message.put(b"another agent has it");
    } else {
        platform::describe(message, errno);
    }
    UNAVAILABLE
}

/// Writes that the memory of the ring is not available.
pub(super) fn report_spool(config: &Config, error: SpoolError, message: &mut Text) -> Reported {
    let (option, what) = ring_memory::option(config);
    match error {
        SpoolError::System(errno) => return report_system(option, what, errno, message),
        SpoolError::Beside(errno) => {
            put_option(option, what, message);
            message.put(b".new cannot be made or take its place: ");
            platform::describe(message, errno);
        }
        SpoolError::Refused(reason) => {
            put_option(option, what, message);
            message.put(b": ");
            message.put(reason.as_bytes());
        }
    }
    UNAVAILABLE
}

/// Writes an option and its value.
fn put_option(option: &str, value: &[u8], message: &mut Text) {
    for part in [b"-", option.as_bytes(), b": ", value] {
        message.put(part);
    }
}
