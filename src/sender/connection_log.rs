//! The log of the connection: each event when it is new, and seldom after that.

use super::{Context, Sender};
use crate::platform::{Cause, LogArg, Platform, Transfer};

/// Milliseconds after which a connection counts as stable.
const STANDING: u64 = 60_000;
/// Bytes of a command that are shown.
const COMMAND_SHOWN: usize = 60;

impl Sender {
    /// Logs a failed attempt, if not too many were logged before.
    pub(super) fn log_attempt(&mut self, doing: &'static [u8], what: LogArg, cause: Cause, cx: &mut Context) {
        if let Some(count) = self.attempt_throttle.pass(cx.now) {
            log_failure(doing, what, cause, count, cx.platform);
        }
    }

    /// Logs a new connection, or one that is stable after many that came and went without being logged; and the number
    /// of lines dropped before it.
    pub(super) fn log_connection(&mut self, is_new: bool, cx: &mut Context) {
        let count = if is_new {
            self.connection_throttle.pass(cx.now)
        } else if !self.has_log && cx.now >= self.connected_since + STANDING {
            self.connection_throttle.pass_held(cx.now)
        } else {
            return;
        };
        self.has_log = count.is_some();
        let Some(count) = count else {
            return;
        };
        let (mut state, mut peer) = (b"connected to ".as_slice(), LogArg::Address(self.address));
        let [mut comma, mut local] = [LogArg::Text(b""); 2];
        match *self.receiver(cx) {
            // It has no address, and is nothing to wait for.
            Transfer::Stdout => return,
            // It runs, and may never connect to anything.
            Transfer::Command(command) => {
                state = b"started: ";
                peer = LogArg::Text(command.get(..COMMAND_SHOWN).unwrap_or(command));
            }
            _ if self.via(cx).is_some() => state = b"started ",
            Transfer::Tcp { .. } | Transfer::Http { .. } => {
                (comma, local) = (LogArg::Text(b", local addr:"), LogArg::Local)
            }
            Transfer::Unix(_) => {}
        }
        let message = if count > 1 {
            "%%%% (% connections since the last one logged)"
        } else {
            "%%%%"
        };
        let count = LogArg::Number(count.into());
        cx.platform
            .log(message, &[LogArg::Text(state), peer, comma, local, count]);
        let dropped = cx.ring.counts().dropped;
        if dropped > self.logged_dropped {
            self.logged_dropped = dropped;
            let dropped = LogArg::Number(dropped);
            cx.platform
                .log("% lines dropped since start (buffer full)", &[dropped]);
        }
    }
}

/// Logs a failure, and how often it has occurred.
pub(super) fn log_failure(
    doing: &'static [u8],
    what: LogArg,
    cause: Cause,
    count: u32,
    platform: &mut dyn Platform,
) {
    let message = if count > 1 { "%%: % (% attempts)" } else { "%%: %" };
    let count = LogArg::Number(count.into());
    platform.log(message, &[LogArg::Text(doing), what, LogArg::Cause(cause), count]);
}
