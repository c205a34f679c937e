//! An open connection: it is written to, read, lost, or left for the first receiver.

use super::{Context, Sender, Step, connection_log};
use crate::platform::{Cause, LogArg, NEVER, PIECES_MAX, Platform, Transfer};

/// Milliseconds within which a lost connection counts as failed: the sender tries the next receiver.
const FAILED: u64 = 5_000;
/// Bytes that are sent with one call, about.
const BYTES_MAX: usize = 16 << 10;
/// Calls in one turn: a long backlog does not keep the loop from other work.
const CALLS_MAX: usize = 8;
/// Milliseconds after which a connection to another than the first receiver is left for the first one.
const STANDBY: u64 = 600_000;
/// Timeouts after which the sender leaves a receiver that is alive and takes nothing for another one.
const CLOSED_TIMEOUTS: u64 = 10;

impl Sender {
    pub(super) fn on_readable<P: Platform>(&mut self, cx: &mut Context<P>) -> Step {
        match cx.platform.drain() {
            Ok(()) if self.is_stalled => self.write(cx),
            Ok(()) => Step::Wait,
            Err(cause) => self.on_lost(b"read ", cause, cx),
        }
    }

    pub(super) fn on_flush<P: Platform>(&mut self, cx: &mut Context<P>) -> Step {
        self.acknowledge(cx);
        if let Some(step) = self.leave_silent_peer(cx) {
            return step;
        }
        self.has_caught_up = !(cx.ring.in_flight() || self.is_stalled || self.is_paused);
        self.log_connection(false, cx);
        // A stalled connection becomes ready when it has space again.
        if !self.is_stalled && !self.is_paused {
            if !self.is_time_to_return(cx) {
                let step = self.write(cx);
                if step != Step::Wait {
                    return step;
                }
            } else if self.acknowledged == self.taken {
                // (Until then nothing is added to the connection: some bytes might always be on their way.)
                return self.return_to_first(cx);
            }
        }
        self.await_acknowledgement(cx)
    }

    /// Leaves a peer that has been silent for the timeout, or waits on.
    pub(super) fn on_timeout<P: Platform>(&mut self, cx: &mut Context<P>) -> Step {
        self.acknowledge(cx);
        let step = self.leave_silent_peer(cx);
        step.unwrap_or_else(|| self.await_acknowledgement(cx))
    }

    /// Asks what has arrived, and sends more if anything has.
    pub(super) fn on_crowded<P: Platform>(&mut self, cx: &mut Context<P>) -> Step {
        let before = self.acknowledged;
        self.acknowledge(cx);
        if self.acknowledged > before && !self.is_paused && !self.is_time_to_return(cx) {
            return self.write(cx);
        }
        Step::Wait
    }

    /// Whether it is time to try the first receiver again.
    fn is_time_to_return<P: Platform>(&self, cx: &Context<P>) -> bool {
        let is_standby = cx.targets.returns && !self.keeps_open && self.current != cx.targets.first;
        is_standby && cx.now >= self.connected_since + STANDBY
    }

    /// Sets the deadline at which a peer that stays silent is left.
    fn await_acknowledgement<P: Platform>(&mut self, cx: &Context<P>) -> Step {
        let timeout = u64::from(cx.targets.timeout);
        self.deadline = if self.acknowledged == self.taken && !self.is_stalled {
            NEVER
        } else {
            // A peer that is alive is checked once a timeout.
            (self.advanced_at + timeout).max(cx.now + timeout / 2)
        };
        Step::Wait
    }

    /// Leaves a peer that has acknowledged nothing for the timeout, unless its kernel still answers (such as that its
    /// window is closed). If there are other receivers, leaves that one too after ten times as long.
    fn leave_silent_peer<P: Platform>(&mut self, cx: &mut Context<P>) -> Option<Step> {
        let timeout = u64::from(cx.targets.timeout);
        if cx.now < self.advanced_at + timeout || self.is_stdout(cx) {
            return None;
        }
        if cx.platform.silence().is_some_and(|silence| silence >= timeout) {
            let is_tcp = matches!(self.receiver(cx), Transfer::Tcp { .. });
            let cause = if is_tcp { Cause::Silent } else { Cause::TimedOut };
            return Some(self.on_lost(b"write ", cause, cx));
        }
        let has_others = cx.targets.transfers.len() > 1;
        if has_others && cx.now >= self.advanced_at + CLOSED_TIMEOUTS * timeout {
            self.disconnect(b"write ", Cause::TimedOut, cx);
            return Some(Step::NextReceiver);
        }
        None
    }

    /// Leaves a connection on which everything has arrived.
    fn return_to_first<P: Platform>(&mut self, cx: &mut Context<P>) -> Step {
        if self.log.has_connection() {
            let peer = [LogArg::Address(self.address)];
            cx.platform.log("returning to the first receiver from %", &peer);
        }
        // Unread input would make the kernel reset the connection.
        let _ = cx.platform.drain();
        cx.ring.rewind(cx.now, true);
        Step::FirstReceiver
    }

    fn acknowledge<P: Platform>(&mut self, cx: &mut Context<P>) {
        if self.acknowledged < self.taken {
            let unacked = cx.platform.unacked();
            let acknowledged = self.taken.saturating_sub(unacked);
            if acknowledged > self.acknowledged {
                (self.acknowledged, self.advanced_at) = (acknowledged, cx.now);
                if cx.ring.acknowledge(unacked, cx.now) {
                    // The connection is of use: the next attempts start early.
                    self.backoff.reset();
                }
            }
        }
        if self.acknowledged == self.taken && !self.is_stalled {
            self.advanced_at = cx.now;
        }
    }

    fn write<P: Platform>(&mut self, cx: &mut Context<P>) -> Step {
        self.is_stalled = false;
        for _ in 0..CALLS_MAX {
            let mut pieces = [[].as_slice(); PIECES_MAX];
            let pieces = cx.ring.unsent(&mut pieces, BYTES_MAX);
            if pieces.is_empty() || self.is_paused {
                return Step::Wait;
            }
            let length = pieces.iter().map(|piece| piece.len()).sum();
            let taken = match cx.platform.send(pieces) {
                Ok(taken) => taken,
                Err(cause) => return self.on_lost(b"flush error: write ", cause, cx),
            };
            cx.ring.mark_sent(taken);
            self.taken += taken as u64;
            if cx.targets.debug {
                let counts = [LogArg::Number(taken as u64), LogArg::Number(length as u64)];
                cx.platform.log("flush: % of % bytes", &counts);
            }
            if taken < length {
                break;
            }
        }
        self.is_stalled = cx.ring.unsent_length() > 0;
        Step::Wait
    }

    fn on_lost<P: Platform>(&mut self, doing: &'static [u8], cause: Cause, cx: &mut Context<P>) -> Step {
        self.disconnect(doing, cause, cx);
        if self.is_stdout(cx) && cause == Cause::Closed {
            Step::End
        } else if cx.now < self.connected_since + FAILED {
            Step::NextReceiver
        } else {
            Step::Pause
        }
    }

    /// Accounts for a connection that is of no use any more: the ring learns what has arrived and that the rest has
    /// not.
    fn disconnect<P: Platform>(&mut self, doing: &'static [u8], cause: Cause, cx: &mut Context<P>) {
        self.acknowledge(cx);
        if self.log.has_connection() {
            let peer = LogArg::Address(self.address);
            connection_log::failed(doing, peer, cause, 1, cx.platform);
        }
        self.has_caught_up = false;
        // Standard output is the same stream after an error (a full disk): it continues where it stopped, even
        // within a line.
        if !self.is_stdout(cx) {
            cx.ring.rewind(cx.now, cause == Cause::Closed);
        }
        self.is_stalled = false;
    }
}
