//! What the log is told of families that fail.

use crate::base::rate_limit::Throttle;
use crate::config::Config;
use crate::families::FAMILY_COUNT;
use crate::platform::{LogArg, Platform};
use crate::procfs::{Host, ReadError, ReadErrorKind, Subject};

/// What it has been told of one family.
#[derive(Clone, Copy)]
struct Told {
    throttle: Throttle,
    result: Result<(), ReadError>,
}

/// What it has been told of each family.
pub(super) struct Faults([Told; FAMILY_COUNT]);

impl Faults {
    pub(super) const fn new() -> Self {
        let nothing = Told {
            throttle: Throttle::new(),
            result: Ok(()),
        };
        Self([nothing; FAMILY_COUNT])
    }

    /// Whether to tell how it has gone with the family of that number, and then whether it was told before
    /// that there was too much. What is not told now is told later, if it stays so.
    pub(super) fn pass(&mut self, family: usize, result: Result<(), ReadError>, now: u64) -> Option<bool> {
        let told = self.0.get_mut(family)?;
        if result == told.result {
            return None;
        }
        told.throttle.pass(now)?;
        let had_too_much = told.result.is_err_and(|error| error.is_too_many());
        told.result = result;
        Some(had_too_much)
    }
}

/// Says that the family fails, and how.
pub(super) fn fails<P: Platform>(
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
        "%: %%%: %: the first ones are taken"
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

/// Says that the family has ceased to fail.
pub(super) fn recovers<P: Platform>(platform: &mut P, family: LogArg, had_too_much: bool) {
    let words = if had_too_much {
        "%: there is room for all again"
    } else {
        "%: can be read again"
    };
    platform.log(words, &[family]);
}
