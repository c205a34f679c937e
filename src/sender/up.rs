//! A connection that is up: it is written to, read, lost, or left for the first transfer.

use super::{Context, Sender, State, told};
use crate::world::{Cause, Part, Transfer, World};

/// A connection that was lost within so many milliseconds has failed: the next transfer is tried.
const FAILED: u64 = 5_000;
/// Bytes that are sent at once.
const PIECE: usize = 8 << 10;
/// Pieces that are sent in one turn: a long backlog must not keep the loop from all else.
const PIECES: usize = 16;
/// A connection to another than the first transfer stands for so many milliseconds, before the first
/// is tried again.
const STANDBY: u64 = 600_000;

impl Sender {
    pub(super) fn serve<W: World>(&mut self, with: &mut Context<W>) {
        match with.world.drain() {
            Ok(()) if self.is_stalled => self.write(with),
            Ok(()) => {}
            Err(cause) => self.lose(b"read ", cause, with),
        }
    }

    pub(super) fn flush<W: World>(&mut self, with: &mut Context<W>) {
        self.acknowledge(with);
        if self.is_stuck(with) {
            return self.lose(b"write ", Cause::TimedOut, with);
        }
        self.has_caught_up = !(with.ring.in_flight() || self.is_stalled || self.is_held);
        self.tell_connection(false, with);
        // A stalled connection says when it has room again.
        if self.is_stalled || self.is_held {
            return;
        }
        let is_standby = with.aims.returns && !self.stays && self.current != with.aims.first;
        if !is_standby || with.now < self.up_since + STANDBY {
            self.write(with);
        } else if with.world.unacked() == 0 {
            // (Until then nothing is added to it: there might always be some.) The ring may not hold all of
            // it any more, but learns that it has arrived.
            with.ring.acknowledge(0, with.now);
            self.return_to_first(with);
        }
    }

    /// Leaves a connection on which all that was sent has arrived.
    fn return_to_first<W: World>(&mut self, with: &mut Context<W>) {
        if self.told.has_connection() {
            let peer = [Part::Address(self.address)];
            with.world.log("back to the first transfer from %", &peer);
        }
        // What the peer sent and nobody read would make the kernel reset the connection.
        let _ = with.world.drain();
        // Nobody will tell whether the receiver died with what it had not read.
        with.ring.rewind(true);
        self.start_with(with.aims.first, with);
    }

    fn acknowledge<W: World>(&mut self, with: &mut Context<W>) {
        if with.ring.in_flight() && with.ring.acknowledge(with.world.unacked(), with.now) {
            // The next attempts start early: this connection is of use.
            self.backoff.reset();
            self.moved = with.now;
        }
        if !with.ring.in_flight() && !self.is_stalled {
            self.moved = with.now;
        }
    }

    /// Whether who has the other end has read nothing for too long. The kernel looks after that for TCP.
    fn is_stuck<W: World>(&self, with: &Context<W>) -> bool {
        let is_ours = matches!(self.transfer(with), Transfer::Command(_) | Transfer::Unix(_));
        is_ours && with.now >= self.moved + u64::from(with.aims.timeout)
    }

    fn write<W: World>(&mut self, with: &mut Context<W>) {
        self.is_stalled = false;
        let mut stage = [0; PIECE];
        for _ in 0..PIECES {
            let piece = with.ring.unsent(&mut stage);
            if piece.is_empty() || self.is_held {
                return;
            }
            let taken = match with.world.send(piece) {
                Ok(taken) => taken,
                Err(cause) => return self.lose(b"flush error: write ", cause, with),
            };
            with.ring.mark_sent(taken);
            if taken > 0 {
                self.moved = with.now;
            }
            if with.aims.debug {
                let counts = [Part::Number(taken as u64), Part::Number(piece.len() as u64)];
                with.world.log("flush: % of % bytes", &counts);
            }
            if taken < piece.len() {
                break;
            }
        }
        self.is_stalled = with.ring.unsent_length() > 0;
    }

    fn lose<W: World>(&mut self, doing: &'static [u8], cause: Cause, with: &mut Context<W>) {
        self.acknowledge(with);
        if self.told.has_connection() {
            told::trouble(doing, Part::Address(self.address), cause, 1, with.world);
        }
        self.has_caught_up = false;
        if !self.is_stdout(with) {
            // Who has closed in order, with nothing under way, has read all that came. Otherwise the
            // receiver may have died with what its kernel had acknowledged.
            with.ring.rewind(cause != Cause::Closed || with.ring.in_flight());
        } else if cause == Cause::Closed {
            return self.close(State::Ended, with);
        }
        // Standard output is the same stream after an error (a full disk): it goes on where it
        // stopped, be it within a line.
        self.is_stalled = false;
        if with.now < self.up_since + FAILED {
            return self.next_transfer(with);
        }
        self.wait(with);
    }
}
