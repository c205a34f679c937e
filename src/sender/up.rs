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
    pub(super) fn serve<W: Platform>(&mut self, with: &mut Context<W>) {
        match with.platform.drain() {
            Ok(()) if self.is_stalled => self.write(with),
            Ok(()) => {}
            Err(cause) => self.lose(b"read ", cause, with),
        }
    }

    pub(super) fn flush<W: Platform>(&mut self, with: &mut Context<W>) {
        self.acknowledge(with);
        if self.give_up_silent(with) {
            return;
        }
        self.has_caught_up = !(with.ring.in_flight() || self.is_stalled || self.is_held);
        self.tell_connection(false, with);
        // A stalled connection says when it has room again.
        if !self.is_stalled && !self.is_held {
            if !self.is_to_return(with) {
                self.write(with);
            } else if self.acknowledged == self.taken {
                // (Until then nothing is added to it: there might always be some on its way.)
                return self.return_to_first(with);
            }
        }
        self.await_acknowledgement(with);
    }

    /// The peer has been silent for the timeout, or may have been.
    pub(super) fn check_silence<W: Platform>(&mut self, with: &mut Context<W>) {
        self.acknowledge(with);
        if !self.give_up_silent(with) {
            self.await_acknowledgement(with);
        }
    }

    /// The ring needs room: asks what has arrived, and sends more if that is something.
    pub(super) fn make_room<W: Platform>(&mut self, with: &mut Context<W>) {
        let before = self.acknowledged;
        self.acknowledge(with);
        if self.acknowledged > before && !self.is_held && !self.is_to_return(with) {
            self.write(with);
        }
    }

    /// Whether it is time to try the first transfer again.
    fn is_to_return<W: Platform>(&self, with: &Context<W>) -> bool {
        let is_standby = with.aims.returns && !self.stays && self.current != with.aims.first;
        is_standby && with.now >= self.up_since + STANDBY
    }

    /// Looks again at the latest when a silent peer is to be given up.
    fn await_acknowledgement<W: Platform>(&mut self, with: &Context<W>) {
        if self.state != State::Up {
            return;
        }
        let timeout = u64::from(with.aims.timeout);
        self.deadline = if self.acknowledged == self.taken && !self.is_stalled {
            NEVER
        } else {
            // A peer that is alive is looked at once a timeout.
            (self.moved + timeout).max(with.now + timeout / 2)
        };
    }

    /// Gives up a connection whose peer has acknowledged nothing for the timeout, unless its kernel answers, such
    /// as that its window is closed; for another receiver, that one too after ten times as long.
    fn give_up_silent<W: Platform>(&mut self, with: &mut Context<W>) -> bool {
        let timeout = u64::from(with.aims.timeout);
        if with.now < self.moved + timeout || self.is_stdout(with) {
            return false;
        }
        if with.platform.silence().is_some_and(|silence| silence >= timeout) {
            let is_tcp = matches!(self.transfer(with), Transfer::Tcp { .. });
            let cause = if is_tcp { Cause::Silent } else { Cause::TimedOut };
            self.lose(b"write ", cause, with);
            return true;
        }
        let has_others = with.aims.transfers.len() > 1;
        if has_others && with.now >= self.moved + CLOSED_TIMEOUTS * timeout {
            self.disconnect(b"write ", Cause::TimedOut, with);
            self.next_transfer(with);
            return true;
        }
        false
    }

    /// Leaves a connection on which all that was sent has arrived.
    fn return_to_first<W: Platform>(&mut self, with: &mut Context<W>) {
        if self.told.has_connection() {
            let peer = [LogArg::Address(self.address)];
            with.platform.log("back to the first transfer from %", &peer);
        }
        // What the peer sent and nobody read would make the kernel reset the connection.
        let _ = with.platform.drain();
        with.ring.rewind(with.now, true);
        self.start_with(with.aims.first, with);
    }

    fn acknowledge<W: Platform>(&mut self, with: &mut Context<W>) {
        if self.acknowledged < self.taken {
            let unacked = with.platform.unacked();
            let acknowledged = self.taken.saturating_sub(unacked);
            if acknowledged > self.acknowledged {
                (self.acknowledged, self.moved) = (acknowledged, with.now);
                if with.ring.acknowledge(unacked, with.now) {
                    // The next attempts start early: this connection is of use.
                    self.backoff.reset();
                }
            }
        }
        if self.acknowledged == self.taken && !self.is_stalled {
            self.moved = with.now;
        }
    }

    fn write<W: Platform>(&mut self, with: &mut Context<W>) {
        self.is_stalled = false;
        for _ in 0..CALLS_MAX {
            let mut pieces = [[].as_slice(); PIECES_MAX];
            let pieces = with.ring.unsent(&mut pieces, BYTES_MAX);
            if pieces.is_empty() || self.is_held {
                return;
            }
            let length = pieces.iter().map(|piece| piece.len()).sum();
            let taken = match with.platform.send(pieces) {
                Ok(taken) => taken,
                Err(cause) => return self.lose(b"flush error: write ", cause, with),
            };
            with.ring.mark_sent(taken);
            self.taken += taken as u64;
            if with.aims.debug {
                let counts = [LogArg::Number(taken as u64), LogArg::Number(length as u64)];
                with.platform.log("flush: % of % bytes", &counts);
            }
            if taken < length {
                break;
            }
        }
        self.is_stalled = with.ring.unsent_length() > 0;
    }

    fn lose<W: Platform>(&mut self, doing: &'static [u8], cause: Cause, with: &mut Context<W>) {
        self.disconnect(doing, cause, with);
        if self.is_stdout(with) && cause == Cause::Closed {
            return self.close(State::Ended, with);
        }
        if with.now < self.up_since + FAILED {
            return self.next_transfer(with);
        }
        self.wait(with);
    }

    /// The connection is of no use any more: the ring learns what has arrived, and that the rest has not.
    fn disconnect<W: Platform>(&mut self, doing: &'static [u8], cause: Cause, with: &mut Context<W>) {
        self.acknowledge(with);
        if self.told.has_connection() {
            told::trouble(doing, LogArg::Address(self.address), cause, 1, with.platform);
        }
        self.has_caught_up = false;
        // Standard output is the same stream after an error (a full disk): it goes on where it
        // stopped, be it within a line.
        if !self.is_stdout(with) {
            with.ring.rewind(with.now, cause == Cause::Closed);
        }
        self.is_stalled = false;
    }
}
