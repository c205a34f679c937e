//! A connection that is up: it is written to, read, lost, or left for the first transfer.

use super::{Context, Sender, State, told};
use crate::platform::{Cause, LogArg, NEVER, PIECES_MAX, Platform, Transfer};

/// A connection that was lost within so many milliseconds has failed: the next transfer is tried.
const FAILED: u64 = 5_000;
/// Bytes that are sent with one call, about.
const BYTES_MAX: usize = 16 << 10;
/// Calls in one turn: a long backlog must not keep the loop from all else.
const CALLS_MAX: usize = 8;
/// A connection to another than the first transfer stands for so many milliseconds, before the first
/// is tried again.
const STANDBY: u64 = 600_000;
/// A receiver that is alive and takes nothing is left for another one after so many times the timeout.
const CLOSED_TIMEOUTS: u64 = 10;

impl Sender {
    pub(super) fn serve<W: Platform>(&mut self, cx: &mut Context<W>) {
        match cx.platform.drain() {
            Ok(()) if self.is_stalled => self.write(cx),
            Ok(()) => {}
            Err(cause) => self.lose(b"read ", cause, cx),
        }
    }

    pub(super) fn flush<W: Platform>(&mut self, cx: &mut Context<W>) {
        self.acknowledge(cx);
        if self.give_up_silent(cx) {
            return;
        }
        self.has_caught_up = !(cx.ring.in_flight() || self.is_stalled || self.is_paused);
        self.tell_connection(false, cx);
        // A stalled connection says when it has room again.
        if !self.is_stalled && !self.is_paused {
            if !self.is_to_return(cx) {
                self.write(cx);
            } else if self.acknowledged == self.taken {
                // (Until then nothing is added to it: there might always be some on its way.)
                return self.return_to_first(cx);
            }
        }
        self.await_acknowledgement(cx);
    }

    /// The peer has been silent for the timeout, or may have been.
    pub(super) fn check_silence<W: Platform>(&mut self, cx: &mut Context<W>) {
        self.acknowledge(cx);
        if !self.give_up_silent(cx) {
            self.await_acknowledgement(cx);
        }
    }

    /// The ring needs room: asks what has arrived, and sends more if that is something.
    pub(super) fn make_room<W: Platform>(&mut self, cx: &mut Context<W>) {
        let before = self.acknowledged;
        self.acknowledge(cx);
        if self.acknowledged > before && !self.is_paused && !self.is_to_return(cx) {
            self.write(cx);
        }
    }

    /// Whether it is time to try the first transfer again.
    fn is_to_return<W: Platform>(&self, cx: &Context<W>) -> bool {
        let is_standby = cx.targets.returns && !self.keeps_open && self.current != cx.targets.first;
        is_standby && cx.now >= self.up_since + STANDBY
    }

    /// Looks again at the latest when a silent peer is to be given up.
    fn await_acknowledgement<W: Platform>(&mut self, cx: &Context<W>) {
        if self.state != State::Up {
            return;
        }
        let timeout = u64::from(cx.targets.timeout);
        self.deadline = if self.acknowledged == self.taken && !self.is_stalled {
            NEVER
        } else {
            // A peer that is alive is looked at once a timeout.
            (self.moved + timeout).max(cx.now + timeout / 2)
        };
    }

    /// Gives up a connection whose peer has acknowledged nothing for the timeout, unless its kernel answers, such
    /// as that its window is closed; for another receiver, that one too after ten times as long.
    fn give_up_silent<W: Platform>(&mut self, cx: &mut Context<W>) -> bool {
        let timeout = u64::from(cx.targets.timeout);
        if cx.now < self.moved + timeout || self.is_stdout(cx) {
            return false;
        }
        if cx.platform.silence().is_some_and(|silence| silence >= timeout) {
            let is_tcp = matches!(self.transfer(cx), Transfer::Tcp { .. });
            let cause = if is_tcp { Cause::Silent } else { Cause::TimedOut };
            self.lose(b"write ", cause, cx);
            return true;
        }
        let has_others = cx.targets.transfers.len() > 1;
        if has_others && cx.now >= self.moved + CLOSED_TIMEOUTS * timeout {
            self.disconnect(b"write ", Cause::TimedOut, cx);
            self.next_transfer(cx);
            return true;
        }
        false
    }

    /// Leaves a connection on which all that was sent has arrived.
    fn return_to_first<W: Platform>(&mut self, cx: &mut Context<W>) {
        if self.told.has_connection() {
            let peer = [LogArg::Address(self.address)];
            cx.platform.log("back to the first transfer from %", &peer);
        }
        // What the peer sent and nobody read would make the kernel reset the connection.
        let _ = cx.platform.drain();
        cx.ring.rewind(cx.now, true);
        self.start_with(cx.targets.first, cx);
    }

    fn acknowledge<W: Platform>(&mut self, cx: &mut Context<W>) {
        if self.acknowledged < self.taken {
            let unacked = cx.platform.unacked();
            let acknowledged = self.taken.saturating_sub(unacked);
            if acknowledged > self.acknowledged {
                (self.acknowledged, self.moved) = (acknowledged, cx.now);
                if cx.ring.acknowledge(unacked, cx.now) {
                    // The next attempts start early: this connection is of use.
                    self.backoff.reset();
                }
            }
        }
        if self.acknowledged == self.taken && !self.is_stalled {
            self.moved = cx.now;
        }
    }

    fn write<W: Platform>(&mut self, cx: &mut Context<W>) {
        self.is_stalled = false;
        for _ in 0..CALLS_MAX {
            let mut pieces = [[].as_slice(); PIECES_MAX];
            let pieces = cx.ring.unsent(&mut pieces, BYTES_MAX);
            if pieces.is_empty() || self.is_paused {
                return;
            }
            let length = pieces.iter().map(|piece| piece.len()).sum();
            let taken = match cx.platform.send(pieces) {
                Ok(taken) => taken,
                Err(cause) => return self.lose(b"flush error: write ", cause, cx),
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
    }

    fn lose<W: Platform>(&mut self, doing: &'static [u8], cause: Cause, cx: &mut Context<W>) {
        self.disconnect(doing, cause, cx);
        if self.is_stdout(cx) && cause == Cause::Closed {
            return self.close(State::Ended, cx);
        }
        if cx.now < self.up_since + FAILED {
            return self.next_transfer(cx);
        }
        self.wait(cx);
    }

    /// The connection is of no use any more: the ring learns what has arrived, and that the rest has not.
    fn disconnect<W: Platform>(&mut self, doing: &'static [u8], cause: Cause, cx: &mut Context<W>) {
        self.acknowledge(cx);
        if self.told.has_connection() {
            told::trouble(doing, LogArg::Address(self.address), cause, 1, cx.platform);
        }
        self.has_caught_up = false;
        // Standard output is the same stream after an error (a full disk): it goes on where it
        // stopped, be it within a line.
        if !self.is_stdout(cx) {
            cx.ring.rewind(cx.now, cause == Cause::Closed);
        }
        self.is_stalled = false;
    }
}
