//! An open connection: it is written to, read, lost, or left for the first receiver.

use super::connection_log::log_failure;
use super::{Context, Sender, State, Step};
use crate::platform::{Cause, LogArg, NEVER, PIECES_MAX, Transfer};

/// Milliseconds within which a lost connection counts as failed: the sender tries the next receiver.
pub(super) const FAILED: u64 = 5_000;
/// Bytes that are sent with one call, about.
const BYTES_MAX: usize = 16 << 10;
/// Calls in one turn: a long backlog does not keep the loop from other work.
pub(super) const CALLS_MAX: usize = 8;
/// Milliseconds after which another than the first receiver is left for the first one.
const STANDBY: u64 = 600_000;
/// Milliseconds after the first bytes within which the end of a stream is early, and how many such ends in a row count as
/// failures: the receiver expects something else.
const EARLY: u64 = 1_000;
const EARLY_ENDS: u8 = 3;
/// Timeouts after which the sender leaves a receiver that is alive and takes nothing for another one.
const CLOSED_TIMEOUTS: u64 = 10;

impl Sender {
    pub(super) fn on_readable(&mut self, cx: &mut Context) -> Step {
        match cx.platform.drain() {
            Ok(()) if self.is_stalled => self.write(cx),
            Ok(()) => Step::Wait,
            Err(cause) => self.on_lost(b"read ", cause, cx),
        }
    }

    pub(super) fn on_flush(&mut self, cx: &mut Context) -> Step {
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
    pub(super) fn on_timeout(&mut self, cx: &mut Context) -> Step {
        self.acknowledge(cx);
        let step = self.leave_silent_peer(cx);
        step.unwrap_or_else(|| self.await_acknowledgement(cx))
    }

    /// Asks what has arrived, and sends more if anything has.
    pub(super) fn on_crowded(&mut self, cx: &mut Context) -> Step {
        let before = self.acknowledged;
        self.acknowledge(cx);
        if self.acknowledged > before && !self.is_paused && !self.is_time_to_return(cx) {
            return self.write(cx);
        }
        Step::Wait
    }

    /// Whether it is time to try the first receiver again.
    pub(super) fn is_time_to_return(&self, cx: &Context) -> bool {
        let is_standby = cx.targets.returns && !self.keeps_open && self.current != cx.targets.first;
        let at = (self.chosen_at + STANDBY).max(self.held_until(cx.targets.first));
        is_standby && cx.now >= at
    }

    /// Sets the deadline at which a peer that stays silent is left.
    fn await_acknowledgement(&mut self, cx: &Context) -> Step {
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
    fn leave_silent_peer(&mut self, cx: &mut Context) -> Option<Step> {
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
    pub(super) fn return_to_first(&mut self, cx: &mut Context) -> Step {
        if self.has_log {
            let peer = [LogArg::Address(self.address)];
            cx.platform.log("returning to the first receiver from %", &peer);
        }
        // Unread input would make the kernel reset the connection.
        let _ = cx.platform.drain();
        cx.ring.rewind(cx.now, true);
        self.close(State::Waiting, cx);
        self.choose(cx.targets.first, cx.now);
        Step::LookUp
    }

    fn acknowledge(&mut self, cx: &mut Context) {
        if self.acknowledged < self.taken {
            let unacked = cx.platform.unacked();
            let acknowledged = self.taken.saturating_sub(unacked);
            if acknowledged > self.acknowledged {
                (self.acknowledged, self.advanced_at) = (acknowledged, cx.now);
                self.acknowledged_at = cx.now;
                let is_encoded = self.encoding(cx).is_some() || self.encoded.has_pieces();
                let unacked = if is_encoded {
                    self.encoded.acknowledge(acknowledged)
                } else {
                    unacked
                };
                if self.first_sent_at.is_some_and(|at| cx.now >= at + EARLY) {
                    self.early_ends = 0;
                }
                if cx.ring.acknowledge(unacked, cx.now) && self.early_ends < EARLY_ENDS {
                    // The connection is of use: the next attempts start early.
                    self.backoff.reset();
                }
            }
        }
        if self.acknowledged == self.taken && !self.is_stalled {
            self.advanced_at = cx.now;
        }
    }

    fn write(&mut self, cx: &mut Context) -> Step {
        self.drop_misdated_lines(cx);
        let encoding = self.encoding(cx);
        // A line of the ring that was sent in part comes first.
        if self.encoded.start < self.encoded.end || encoding.is_some() && !cx.ring.is_within_line() {
            return self.write_encoded(encoding, cx);
        }
        self.is_stalled = false;
        for _ in 0..CALLS_MAX {
            let mut pieces = [[].as_slice(); PIECES_MAX];
            let bytes_max = if encoding.is_none() { BYTES_MAX } else { 0 };
            let pieces = cx.ring.unsent(&mut pieces, bytes_max);
            if pieces.is_empty() || self.is_paused {
                return Step::Wait;
            }
            let length = pieces.iter().map(|piece| piece.len()).sum();
            let taken = match cx.platform.send(pieces) {
                Ok(taken) => taken,
                Err(cause) => return self.on_lost(b"flush error: write ", cause, cx),
            };
            cx.ring.mark_sent(taken);
            self.note_taken(taken, cx.now);
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

    /// Counts bytes that the connection has taken.
    pub(super) fn note_taken(&mut self, count: usize, now: u64) {
        self.taken += count as u64;
        if count > 0 && self.first_sent_at.is_none() {
            self.first_sent_at = Some(now);
        }
    }

    pub(super) fn on_lost(&mut self, doing: &'static [u8], cause: Cause, cx: &mut Context) -> Step {
        self.disconnect(doing, cause, cx);
        self.note_end(cx);
        if self.is_stdout(cx) && cause == Cause::Closed {
            Step::End
        } else if cx.now < self.connected_since + FAILED {
            Step::NextReceiver
        } else {
            Step::Pause
        }
    }

    /// Notes whether the receiver has ended the connection soon after it got lines, and logs that when it has become a habit.
    fn note_end(&mut self, cx: &mut Context) {
        let is_early = self.first_sent_at.is_some_and(|at| cx.now < at + EARLY);
        self.early_ends = if is_early {
            self.early_ends.saturating_add(1)
        } else {
            0
        };
        if self.early_ends == EARLY_ENDS && self.early_throttle.pass(cx.now).is_some() {
            let peer = [LogArg::Address(self.address)];
            cx.platform.log(
                "% closes each connection when it gets lines: check port and -format",
                &peer,
            );
        }
    }

    /// Accounts for a connection that is of no use any more: the ring learns what has arrived and that the rest has
    /// not.
    fn disconnect(&mut self, doing: &'static [u8], cause: Cause, cx: &mut Context) {
        self.acknowledge(cx);
        if self.has_log {
            let peer = LogArg::Address(self.address);
            log_failure(doing, peer, cause, 1, cx.platform);
        }
        self.has_caught_up = false;
        // Standard output is the same stream after an error (a full disk): it continues where it stopped, even
        // within a line.
        if !self.is_stdout(cx) {
            cx.ring.rewind(cx.now, cause == Cause::Closed);
            self.encoded.clear();
        }
        self.is_stalled = false;
    }
}
