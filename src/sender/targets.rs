//! The receivers, and which of them is the current one.

use super::{Context, Sender, State, Step};
use crate::encode::{Encoding, Starts};
use crate::platform::{Platform, TRANSFERS_MAX, Transfer};
use crate::ring::Ring;

/// The receivers, and how to treat them; they may change from one event to the next.
#[derive(Clone, Copy)]
pub struct Targets<'a> {
    /// The receivers, at least one: the lines go to the first that accepts a connection.
    pub transfers: &'a [Transfer<'a>],
    /// What each receiver gets in the place of the ring's lines; `None` for these.
    pub encodings: [Option<Encoding>; TRANSFERS_MAX],
    /// The command that the connection to each receiver goes through; `None` for a connection of its own.
    pub via: [Option<&'a [u8]>; TRANSFERS_MAX],
    /// Since when counters count.
    pub starts: Starts,
    /// Headers for requests to each receiver.
    pub headers: [&'a [&'a [u8]]; TRANSFERS_MAX],
    /// Bodies of requests are compressed.
    pub gzip: bool,
    /// The index of the receiver with which each round starts.
    pub first: usize,
    /// The first receiver is preferred to the others.
    pub returns: bool,
    /// Seconds after which a line is not worth sending, if there are any.
    pub max_age: Option<u64>,
    /// Milliseconds for which a peer may owe an answer.
    pub timeout: u32,
    /// Each step is logged.
    pub debug: bool,
}

impl Sender {
    /// Adopts other targets. A connection to a receiver that is among them is kept.
    pub fn change(
        &mut self,
        [before, next]: [&Targets; 2],
        platform: &mut dyn Platform,
        ring: &mut Ring,
        now: u64,
    ) {
        let connected = before
            .transfers
            .get(self.current)
            // Standard output continues where it stopped, even within a line.
            .filter(|one| self.state == State::Connected || **one == Transfer::Stdout);
        let kept = connected.and_then(|one| next.transfers.iter().position(|other| other == one));
        // Lines that are on their way in another form would be sent again after it.
        let kept = kept.filter(|index| {
            let ways = [(before, self.current), (next, *index)]
                .map(|(targets, at)| (targets.encodings.get(at), targets.via.get(at)));
            let is_same = ways[0] == ways[1] && before.headers == next.headers;
            is_same || next.transfers.get(*index) == Some(&Transfer::Stdout)
        });
        self.holds = [0; TRANSFERS_MAX];
        match kept {
            Some(index) => self.current = index,
            None => self.reconnect(platform, ring, next, now),
        }
    }

    /// Closes the connection, and is due for the next one.
    pub fn reconnect(&mut self, platform: &mut dyn Platform, ring: &mut Ring, targets: &Targets, now: u64) {
        if self.state == State::Ended {
            return;
        }
        if self.state == State::Connected {
            ring.rewind(now, true);
        }
        let cx = &mut Context {
            platform,
            ring,
            targets,
            now,
        };
        self.close(State::Waiting, cx);
        self.backoff.reset();
        self.choose(targets.first, now);
        self.deadline = now;
    }

    /// Makes this receiver the current one. A search of another one proves nothing about it.
    pub(super) fn choose(&mut self, index: usize, now: u64) {
        if index != self.current {
            self.http.search.leave();
            self.chosen_at = now;
        }
        self.current = index;
    }

    pub(super) fn receiver<'c>(&self, cx: &Context<'c, '_>) -> &'c Transfer<'c> {
        &cx.targets.transfers[self.current]
    }

    /// Returns the command that the connection to the current receiver goes through.
    pub(super) fn via<'c>(&self, cx: &Context<'c, '_>) -> Option<&'c [u8]> {
        cx.targets.via.get(self.current).copied().flatten()
    }

    /// Returns the encoding of the current receiver; `None` for the ring's own lines.
    pub(super) fn encoding(&self, cx: &Context) -> Option<Encoding> {
        cx.targets.encodings.get(self.current).copied().flatten()
    }

    /// Whether the current receiver takes requests of HTTP.
    pub(super) fn is_http(&self, cx: &Context) -> bool {
        matches!(self.receiver(cx), Transfer::Http { .. })
    }

    pub(super) fn is_stdout(&self, cx: &Context) -> bool {
        matches!(self.receiver(cx), Transfer::Stdout)
    }

    /// Leaves the current receiver for the next one of this round.
    pub(super) fn next_receiver(&mut self, cx: &mut Context) -> Step {
        let mut next = self.current;
        loop {
            next += 1;
            if next >= cx.targets.transfers.len() {
                next = 0;
            }
            if next == cx.targets.first {
                return Step::Pause;
            }
            if self.held_until(next) <= cx.now {
                break;
            }
        }
        self.close(State::Waiting, cx);
        self.choose(next, cx.now);
        Step::LookUp
    }

    /// Waits for the next round.
    pub(super) fn pause_round(&mut self, cx: &mut Context) -> Step {
        self.close(State::Waiting, cx);
        let at = cx.now + u64::from(self.backoff.next_delay());
        let (index, at) = self.next_free(at, cx);
        self.choose(index, cx.now);
        self.deadline = at;
        Step::Wait
    }

    /// Returns the receiver with which the next round starts, `at` this moment or when the first of them may be tried.
    fn next_free(&self, at: u64, cx: &Context) -> (usize, u64) {
        let (first, count) = (cx.targets.first, cx.targets.transfers.len());
        let in_order = (first..count).chain(0..first);
        let moments = in_order.map(|index| (index, self.held_until(index).max(at)));
        moments.min_by_key(|moment| moment.1).unwrap_or((first, at))
    }

    /// Returns until when a receiver wants to be left alone.
    pub(super) fn held_until(&self, index: usize) -> u64 {
        self.holds.get(index).copied().unwrap_or_default()
    }

    /// Leaves the current receiver alone for these milliseconds, and up to a tenth more: a fleet does not come back at once.
    pub(super) fn leave_alone(&mut self, millis: u64, now: u64) {
        let spread = self.backoff.draw((millis / 10) as u32);
        if let Some(hold) = self.holds.get_mut(self.current) {
            *hold = now + millis + u64::from(spread);
        }
    }
}
