//! The log of families that fail.

use crate::base::rate_limit::Throttle;
use crate::config::Config;
use crate::families::FAMILY_COUNT;
use crate::platform::{LogArg, Platform};
use crate::procfs::{Host, ReadError, ReadErrorKind, Subject};

/// The result of one family as the log has it.
#[derive(Clone, Copy)]
struct Logged {
    throttle: Throttle,
    result: Result<(), ReadError>,
}

/// The result of each family as the log has it.
pub(super) struct FamilyLog([Logged; FAMILY_COUNT]);

impl FamilyLog {
    pub(super) const fn new() -> Self {
        let nothing = Logged {
            throttle: Throttle::new(),
            result: Ok(()),
        };
        Self([nothing; FAMILY_COUNT])
    }

    /// Returns the result that the log has if this one is different and is to be logged. A result that is not logged
    /// now is logged later, if it stays.
    pub(super) fn replace(
        &mut self,
        family: usize,
        result: Result<(), ReadError>,
        now: u64,
    ) -> Option<Result<(), ReadError>> {
        let logged = self.0.get_mut(family)?;
        if result == logged.result {
            return None;
        }
        logged.throttle.pass(now)?;
        Some(core::mem::replace(&mut logged.result, result))
    }
}

/// Logs that the family fails, and how.
pub(super) fn log_failure<P: Platform>(
    platform: &mut P,
    family: LogArg,
    error: ReadError,
    config: &Config,
    host: &Host,
) {
    let (root, file) = match error.subject {
        Subject::File(file) => (config.proc, file.path()),
        Subject::Processes => (config.proc, ""),
        Subject::Sensors => (config.sys, "class"),
        Subject::MountPoint => (host.failed_mount(), ""),
        Subject::Leases => (config.leases, ""),
    };
    let is_path = root.is_empty() || file.is_empty() || root.ends_with(b"/");
    let slash: &[u8] = if is_path { b"" } else { b"/" };
    let reason = match error.kind {
        ReadErrorKind::System(errno) => LogArg::Cause(errno.into()),
        kind => LogArg::Text(kind.message().unwrap_or_default().as_bytes()),
    };
    let words = if error.is_too_many() {
        "%: %%%: %: collecting the first ones"
    } else {
        "%: %%%: %"
    };
    let path = [
        LogArg::Text(root),
        LogArg::Text(slash),
        LogArg::Text(file.as_bytes()),
    ];
    let [root, slash, file] = path;
    platform.log(words, &[family, root, slash, file, reason]);
}

/// Logs that the family no longer fails.
pub(super) fn log_recovery<P: Platform>(platform: &mut P, family: LogArg, had_too_many: bool) {
    let words = if had_too_many {
        "%: within the limit again"
    } else {
        "%: can be read again"
    };
    platform.log(words, &[family]);
}
