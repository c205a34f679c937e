//! What the other side of a connection prints, for the log.

use super::Kernel;
use crate::platform::{LogArg, Platform};

/// Bytes of the peer's first line that the log has.
const PEER_LINE_MAX: usize = 100;
/// The least printable bytes in a row that pass for a line, and not for binary data.
const PEER_LINE_MIN: usize = 4;

impl Kernel {
    /// Logs the standard error of the command, all that is left of it if the command has ended.
    pub(super) fn log_command_stderr(&mut self, has_ended: bool) {
        let Self {
            command_stderr,
            log,
            connection,
            ..
        } = self;
        let log_line = &mut |line: &[u8], count: u32| {
            let message = if count > 1 { "%: % (% lines)" } else { "%: %" };
            let count = LogArg::Number(count.into());
            log.write(
                message,
                &[LogArg::Address(0), LogArg::Text(line), count],
                connection,
            );
        };
        if has_ended {
            command_stderr.close(log_line);
        } else {
            command_stderr.read(log_line);
        }
    }

    /// Logs the first line that a peer sends: the peer may expect something else than lines.
    pub(super) fn log_peer(&mut self, bytes: &[u8], now: u64) {
        let mut runs = bytes.split(|byte| !matches!(byte, b' '..=b'~'));
        if !self.has_logged_peer
            && let Some(line) = runs.find(|run| run.len() >= PEER_LINE_MIN)
        {
            self.has_logged_peer = true;
            if self.peer_throttle.pass(now).is_some() {
                let line = LogArg::Text(line.get(..PEER_LINE_MAX).unwrap_or(line));
                self.log("received from %: \"%\"", &[LogArg::Address(self.address), line]);
            }
        }
    }
}
