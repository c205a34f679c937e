//! The log of the connection: each event when it is new, and seldom after that.

use crate::base::rate_limit::Throttle;
use crate::platform::{Cause, LogArg, Platform, Transfer};

/// Milliseconds after which a connection counts as stable.
const STANDING: u64 = 60_000;
/// Bytes of a command that are shown.
const COMMAND_SHOWN: usize = 60;

/// What the log has of the connection.
pub(super) struct ConnectionLog {
    attempts: Throttle,
    connections: Throttle,
    /// The log has this connection, and so gets its end, too.
    has_connection: bool,
    /// Dropped lines that the log has.
    dropped: u64,
}

impl ConnectionLog {
    pub(super) const fn new() -> Self {
        Self {
            attempts: Throttle::new(),
            connections: Throttle::new(),
            has_connection: false,
            dropped: 0,
        }
    }

    pub(super) fn has_connection(&self) -> bool {
        self.has_connection
    }

    /// Logs a failed attempt, if not too many were logged before.
    pub(super) fn attempt_failed<P: Platform>(
        &mut self,
        (doing, what): (&'static [u8], LogArg),
        cause: Cause,
        platform: &mut P,
        now: u64,
    ) {
        if let Some(count) = self.attempts.pass(now) {
            failed(doing, what, cause, count, platform);
        }
    }

    /// Returns whether to log a connection (a new one, or one that has stood `since` then), and the number of
    /// connections that the log line stands for.
    pub(super) fn should_log_connection(&mut self, is_new: bool, since: u64, now: u64) -> Option<u32> {
        let count = if is_new {
            self.connections.pass(now)
        } else if !self.has_connection && now >= since + STANDING {
            // Many came and went without being logged, but this one stays.
            self.connections.tell_held(now)
        } else {
            return None;
        };
        self.has_connection = count.is_some();
        count
    }

    /// Logs a connection to that receiver, and the number of lines dropped before it.
    pub(super) fn connected<P: Platform>(
        &mut self,
        receiver: &Transfer,
        address: usize,
        (count, dropped): (u32, u64),
        platform: &mut P,
    ) {
        let none = LogArg::Text(b"");
        // A command runs, and may never connect to anything; only TCP has a local address.
        let (state, peer, [comma, local]) = match *receiver {
            Transfer::Command(command) => {
                let start = command.get(..COMMAND_SHOWN).unwrap_or(command);
                (b"started: ".as_slice(), LogArg::Text(start), [none; 2])
            }
            Transfer::Tcp { .. } => (
                b"connected to ".as_slice(),
                LogArg::Address(address),
                [LogArg::Text(b", local addr:"), LogArg::Local],
            ),
            _ => (b"connected to ".as_slice(), LogArg::Address(address), [none; 2]),
        };
        let words = if count > 1 {
            "%%%% (% connections since the last one logged)"
        } else {
            "%%%%"
        };
        let count = LogArg::Number(u64::from(count));
        platform.log(words, &[LogArg::Text(state), peer, comma, local, count]);
        if dropped > self.dropped {
            self.dropped = dropped;
            platform.log(
                "% lines dropped since start (buffer full)",
                &[LogArg::Number(dropped)],
            );
        }
    }
}

/// Logs a failure, and how often it has occurred.
pub(super) fn failed<P: Platform>(
    doing: &'static [u8],
    what: LogArg,
    cause: Cause,
    count: u32,
    platform: &mut P,
) {
    let words = if count > 1 { "%%: % (% attempts)" } else { "%%: %" };
    let given = [
        LogArg::Text(doing),
        what,
        LogArg::Cause(cause),
        LogArg::Number(u64::from(count)),
    ];
    platform.log(words, &given);
}
