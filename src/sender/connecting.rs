//! The way to a connection: look-up, and an attempt for each address.

use super::{Context, Sender, State, Step};
use crate::platform::{Cause, LogArg, NEVER, Transfer};

/// Milliseconds that a look-up, or a connect to one address, may take.
const PATIENCE: u64 = 10_000;
/// The least milliseconds after a failed connect to a server of HTTP. The first attempts of a fleet are spread by the
/// phases of their flushes; with shorter delays, many of each agent's attempts would come in the seconds of a restart.
const HTTP_RETRY: u32 = 1_000;

impl Sender {
    /// Addresses have been found, or the look-up goes on (`None`).
    pub(super) fn on_resolved(&mut self, found: Result<Option<usize>, Cause>, cx: &mut Context) -> Step {
        match found {
            Ok(Some(0)) => Step::NextReceiver,
            Ok(Some(count)) => {
                (self.address, self.addresses) = (0, count);
                Step::Connect
            }
            Ok(None) => self.await_answer(State::Resolving, cx.now),
            Err(cause) => {
                let (doing, what) = match self.receiver(cx) {
                    Transfer::Tcp { host, .. } | Transfer::Http { host, .. } => {
                        (b"dial tcp: lookup ".as_slice(), LogArg::Text(host))
                    }
                    _ => (b"dial ".as_slice(), LogArg::Address(0)),
                };
                self.log_attempt(doing, what, cause, cx);
                Step::NextReceiver
            }
        }
    }

    fn await_answer(&mut self, state: State, now: u64) -> Step {
        self.state = state;
        self.deadline = now + PATIENCE;
        Step::Wait
    }

    /// The address is connected, or the attempt goes on (`false`), or it has failed.
    pub(super) fn on_connect_result(&mut self, result: Result<bool, Cause>, cx: &mut Context) -> Step {
        match result {
            Ok(true) => self.on_connected(cx),
            Ok(false) => self.await_answer(State::Connecting, cx.now),
            Err(cause) => {
                let (address, cause) = *self.failure.get_or_insert((self.address, cause));
                self.address += 1;
                if self.address < self.addresses {
                    return Step::Connect;
                }
                self.log_attempt(b"dial ", LogArg::Address(address), cause, cx);
                // A server may have died after the end of its last connection.
                cx.ring.rewind(cx.now, false);
                if self.is_http(cx) {
                    self.backoff.raise(HTTP_RETRY);
                }
                if self.is_stdout(cx) {
                    Step::End
                } else {
                    Step::NextReceiver
                }
            }
        }
    }

    fn on_connected(&mut self, cx: &mut Context) -> Step {
        self.state = State::Connected;
        // What is sent again may have stamps of a clock that has been set back since.
        self.checked_start = None;
        self.deadline = NEVER;
        self.failure = None;
        (self.connected_since, self.advanced_at) = (cx.now, cx.now);
        (self.taken, self.acknowledged, self.first_sent_at) = (0, 0, None);
        if self.is_http(cx) {
            return self.on_http_connected(cx);
        }
        self.connections += 1;
        self.log_connection(true, cx);
        self.on_flush(cx)
    }
}
