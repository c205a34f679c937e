//! The limit of open descriptors, and those that are kept free for the connection.

use super::fd::Fd;
use crate::platform::SCRIPTS_MAX;
use core::sync::atomic::{AtomicUsize, Ordering};
#[cfg(not(target_env = "gnu"))]
use libc::{getrlimit as get_limits, rlimit as Limits};
#[cfg(target_env = "gnu")]
use libc::{getrlimit64 as get_limits, rlimit64 as Limits};

/// Descriptors that are open at once for files that do not stay open; sensors need the most.
const READING: usize = 4;
/// A connection, and the two pipes of a command.
const CONNECTION: usize = 1;
const COMMAND: usize = 2;
/// Descriptors that a script leaves free.
pub(super) const BESIDE_SCRIPT: usize = COMMAND + READING;
/// Descriptors that a file that stays open leaves free: for all scripts, one of which is being started, and for a reload,
/// which opens the roots, the spool and the socket before it closes the old ones.
pub(super) const BESIDE_FILE: usize = BESIDE_SCRIPT + SCRIPTS_MAX + 1 + 5;

/// The limit, and how many the configuration needs.
pub type TooFew = [u64; 2];

/// Checks that the limit is high enough. `next` is the lowest free descriptor.
pub(super) fn check(next: Option<Fd>, has_command: bool) -> Result<(), TooFew> {
    let open = next.map_or(most(), |next| next.number() as usize);
    let beside = READING + if has_command { COMMAND } else { CONNECTION };
    let needed = open.saturating_add(beside);
    if needed <= most() {
        return Ok(());
    }
    Err([most() as u64, needed as u64])
}

impl Fd {
    /// Returns whether that many more may be opened. (A descriptor gets the lowest free number.)
    pub(super) fn leaves(&self, count: usize) -> bool {
        self.number() as usize + count < most()
    }
}

/// Returns the limit of descriptors (`RLIMIT_NOFILE`, `getrlimit(2)`) at the start.
fn most() -> usize {
    static MOST: AtomicUsize = AtomicUsize::new(0);
    let known = MOST.load(Ordering::Relaxed);
    if known > 0 {
        return known;
    }
    let mut limits = Limits {
        rlim_cur: !0,
        rlim_max: !0,
    };
    // SAFETY: the call writes both limits.
    unsafe { get_limits(libc::RLIMIT_NOFILE, &raw mut limits) };
    let most = usize::try_from(limits.rlim_cur).unwrap_or(usize::MAX);
    MOST.store(most, Ordering::Relaxed);
    most
}
