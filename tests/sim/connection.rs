//! A connection: what is in flight, what the receiver's kernel has acknowledged, what was read.
//! Only what was read counts.

use super::chance::Chance;
use super::clock::Looked;
use super::plan::TROUBLE;
use super::server::Session;
use mini_monitor::platform::{Cause, Errno};
use std::collections::VecDeque;
use std::fmt;

pub(crate) const RESET: Cause = Cause::System(Errno(libc::ECONNRESET));
const TIMED_OUT: Cause = Cause::System(Errno(libc::ETIMEDOUT));
/// Milliseconds after which the agent's kernel gives up a peer that acknowledges nothing (`tcp_retries2`).
const RETRIES: u64 = 924_000;

/// Bytes that are on their way, all before `end` that had not been.
struct Piece {
    end: usize,
    arrives_at: u64,
}

pub(crate) struct Connection {
    /// The number of the transfer; `None`: somebody else has its address.
    pub(crate) receiver: Option<usize>,
    /// The number of the agent's life.
    pub(crate) life: usize,
    /// From when to when it was open, in milliseconds since the start of the day.
    pub(crate) opened: u64,
    pub(crate) closed: u64,
    /// What there is of HTTP on it, if the receiver speaks that.
    pub(crate) session: Option<Session>,
    /// All that was sent on it.
    pub(crate) bytes: Vec<u8>,
    /// Where each call of `send` started, and what the agent knew of the wall clock then.
    pub(crate) looks: Vec<(usize, Looked)>,
    pub(crate) acked: usize,
    /// When the first bytes were sent.
    pub(crate) first_sent: Option<u64>,
    /// The part of it of which the agent knows.
    pub(crate) asked: usize,
    /// What had been acknowledged when.
    pub(crate) acks: Vec<(u64, usize)>,
    /// What has come, of which the acknowledgement may be lost.
    landed: usize,
    pub(crate) read: usize,
    /// Nobody can ask for what was sent before this and has not been read.
    pub(crate) forgiven: usize,
    pieces: VecDeque<Piece>,
    /// Bytes that the receiver's kernel takes unread, and that the agent's takes unacknowledged.
    pub(crate) window: usize,
    pub(crate) room: usize,
    /// Milliseconds after which the receiver reads what has come, and how many bytes at once.
    pub(crate) nap: u64,
    pub(crate) bite: usize,
    pub(crate) read_at: Option<u64>,
    /// Until then the window is closed.
    pub(crate) opens_at: u64,
    /// The last call of `send` has taken less than all, and the agent has heard nothing since.
    is_known_full: bool,
    /// When it has last been heard of, or something was sent with nothing under way.
    heard_at: u64,
    timeout: u64,
    /// Nothing comes from it: since when.
    pub(crate) silent_since: Option<u64>,
    /// No process holds the other end; what its kernel says of that.
    pub(crate) parting: Option<Cause>,
    /// What the agent's kernel will be told, and when.
    pub(crate) notice: Option<(u64, Cause)>,
    pub(crate) broken: Option<Cause>,
    /// The receiver has said something that the agent has not taken; when it will.
    pub(crate) has_said: bool,
    pub(crate) says_at: u64,
}

impl Connection {
    pub(crate) fn new(receiver: Option<usize>, life: usize, now: u64, timeout: u64) -> Self {
        Self {
            receiver,
            life,
            opened: now,
            closed: now,
            session: None,
            bytes: Vec::new(),
            looks: Vec::new(),
            first_sent: None,
            acked: 0,
            asked: 0,
            acks: Vec::new(),
            bite: usize::MAX,
            landed: 0,
            read: 0,
            forgiven: 0,
            pieces: VecDeque::new(),
            window: 64 << 10,
            room: 16 << 10,
            nap: 0,
            read_at: None,
            opens_at: 0,
            is_known_full: false,
            heard_at: now,
            timeout,
            silent_since: None,
            parting: None,
            notice: None,
            broken: None,
            has_said: false,
            says_at: u64::MAX,
        }
    }

    pub(crate) fn unacked(&self) -> usize {
        self.bytes.len() - self.acked
    }

    /// Returns the number of unacknowledged bytes to the agent.
    pub(crate) fn ask(&mut self) -> usize {
        self.is_known_full &= self.asked == self.acked;
        self.asked = self.acked;
        self.unacked()
    }

    /// The agent takes what the receiver has said. To `sleep` that looks like room to write.
    pub(crate) fn hear(&mut self) {
        self.is_known_full &= !std::mem::take(&mut self.has_said);
    }

    /// Whether the receiver has answered something that the agent has not read.
    pub(crate) fn has_input(&self) -> bool {
        self.session.as_ref().is_some_and(Session::has_input)
    }

    /// The agent reads what the receiver has answered.
    pub(crate) fn read_answer(&mut self, buffer: &mut [u8], now: u64) -> Result<Option<usize>, Cause> {
        self.hear();
        self.is_known_full = false;
        if let Some(length) = self
            .session
            .as_mut()
            .and_then(|session| session.read(buffer, now))
        {
            return Ok(Some(length));
        }
        match self.broken {
            None => Ok(None),
            Some(Cause::Closed) => Ok(Some(0)),
            Some(cause) => Err(cause),
        }
    }

    pub(crate) fn free(&self) -> usize {
        self.room.saturating_sub(self.unacked())
    }

    /// The bytes that the receiver has read.
    pub(crate) fn received(&self) -> &[u8] {
        &self.bytes[..self.read]
    }

    /// The bytes of lines that the receiver has: those of the stream, or of each request that has been stored.
    pub(crate) fn stored(&self) -> Vec<&[u8]> {
        let Some(session) = &self.session else {
            return vec![self.received()];
        };
        let stored = session.requests.iter().filter(|request| request.is_stored);
        stored.map(|request| request.body.as_bytes()).collect()
    }

    /// Takes at most `most` of the bytes that the agent sends; returns how many.
    pub(crate) fn send(
        &mut self,
        bytes: &[u8],
        most: usize,
        now: u64,
        arrives_at: u64,
        look: Looked,
    ) -> usize {
        let free = self.free();
        assert!(free > 0 || !self.is_known_full, "written to while it had no room");
        let bytes_taken = &bytes[..most.min(free)];
        self.is_known_full = bytes_taken.len() < bytes.len();
        if bytes_taken.is_empty() {
            return 0;
        }
        if self.unacked() == 0 {
            self.heard_at = now;
        }
        self.first_sent.get_or_insert(now);
        self.looks.push((self.bytes.len(), look));
        self.bytes.extend(bytes_taken);
        let before = self.pieces.back().map_or(0, |piece| piece.arrives_at);
        self.pieces.push_back(Piece {
            end: self.bytes.len(),
            arrives_at: arrives_at.max(before).max(self.opens_at),
        });
        bytes_taken.len()
    }

    /// Nothing arrives before then.
    pub(crate) fn delay(&mut self, until: u64) {
        for piece in &mut self.pieces {
            piece.arrives_at = piece.arrives_at.max(until);
        }
        if let Some(session) = &mut self.session {
            session.delay(until);
        }
    }

    pub(crate) fn next_event(&self) -> u64 {
        if self.broken.is_some() {
            return u64::MAX;
        }
        let arrival = self
            .pieces
            .front()
            .filter(|_| self.can_receive())
            .map(|piece| piece.arrives_at);
        let notice = self.notice.map(|notice| notice.0);
        let says = (!self.has_said && self.silent_since.is_none()).then_some(self.says_at);
        let session = self.session.as_ref().filter(|_| self.silent_since.is_none());
        let answer = session.and_then(Session::next_event);
        [arrival, notice, self.read_at, self.times_out_at(), says, answer]
            .into_iter()
            .flatten()
            .min()
            .unwrap_or(u64::MAX)
    }

    fn can_receive(&self) -> bool {
        let unread = self.acked.saturating_sub(self.read);
        self.silent_since.is_none() && self.parting.is_none() && unread < self.window
    }

    fn times_out_at(&self) -> Option<u64> {
        Some(if self.unacked() > 0 {
            self.silent_since?.max(self.heard_at) + RETRIES
        } else {
            self.silent_since?.max(self.heard_at) + self.timeout
        })
    }

    /// For how long nothing was heard of the receiver's kernel, if it owes an answer. One with a closed window
    /// gives it.
    pub(crate) fn silence(&self, now: u64) -> Option<u64> {
        let unread = self.acked.saturating_sub(self.read);
        let is_open = now >= self.opens_at && unread < self.window;
        let owes = self.unacked() > 0 && (self.silent_since.is_some() || is_open);
        owes.then(|| now - self.heard_at.max(self.silent_since.unwrap_or(0)))
    }

    /// What is due at `now` happens.
    pub(crate) fn happen(&mut self, now: u64) {
        if self.broken.is_some() {
            return;
        }
        if let Some(at) = self.read_at.filter(|at| *at <= now) {
            if self.acked - self.read <= self.bite {
                self.read_all();
            } else {
                self.read_to(self.read + self.bite);
                self.read_at = Some(at + self.nap);
            }
        }
        self.receive(now);
        self.has_said |= self.silent_since.is_none() && self.says_at <= now;
        if let Some(session) = self.session.as_mut().filter(|_| self.silent_since.is_none())
            && session.happen(now)
        {
            self.desert(Cause::Closed);
            self.notice = Some((now, Cause::Closed));
        }
        if let Some((_, cause)) = self.notice.filter(|notice| notice.0 <= now) {
            self.broken = Some(cause);
            if let Some(session) = self.session.as_mut().filter(|_| cause != Cause::Closed) {
                session.reset();
            }
        } else if self.times_out_at().is_some_and(|at| at <= now) {
            self.broken = Some(TIMED_OUT);
        }
    }

    pub(crate) fn read_all(&mut self) {
        self.read_at = None;
        self.read_to(self.acked.max(self.landed));
    }

    /// The receiver reads all before `end`. Every byte that it gets comes this way.
    fn read_to(&mut self, end: usize) {
        self.read = self.read.max(end);
    }

    /// Draws how fast it is read: what is acknowledged, before `longest` has passed.
    pub(crate) fn draw_pace(&mut self, longest: u64, chance: &mut Chance) {
        self.window = chance.pick(&[2 << 10, 8 << 10, 64 << 10]);
        self.nap = chance.pick(&[0, 20, longest / 4, longest]);
        if chance.one_in(6) {
            // It is slow: most of the time its window is closed.
            (self.nap, self.bite) = (longest / 10, 200);
            self.window = 2_000;
        }
    }

    fn receive(&mut self, now: u64) {
        if now >= TROUBLE && self.receiver.is_some() {
            // In the calm at the end all can arrive.
            (self.nap, self.window) = (0, 64 << 10);
            if self.read_at.is_some() {
                self.read_all();
            }
        }
        while self.can_receive() && self.pieces.front().is_some_and(|piece| piece.arrives_at <= now) {
            let end = self.pieces[0].end;
            self.acked = end.min(self.read + self.window);
            self.heard_at = now;
            self.acks.push((now, self.acked));
            if self.acked == end {
                self.pieces.pop_front();
            }
            if self.nap == 0 {
                self.read_all();
            } else if self.read_at.is_none() {
                self.read_at = Some(now + self.nap);
            }
        }
    }

    /// Delivers a part of the bytes in flight, whose acknowledgement is lost.
    pub(crate) fn land(&mut self, part: usize) {
        self.landed = self.landed.max(self.acked + part);
    }

    /// Nothing is heard of it any more; of what was under way `part` comes, and nobody is told.
    pub(crate) fn fall_silent(&mut self, now: u64, part: usize) {
        self.land(part);
        self.silent_since.get_or_insert(now);
    }

    /// Somebody who reads nothing has it, and resets it then.
    pub(crate) fn reset_at(&mut self, time: u64) {
        self.nap = u64::MAX / 2;
        self.notice = Some((time, RESET));
    }

    /// The process at the other end is gone, with what it had not read.
    pub(crate) fn desert(&mut self, parting: Cause) {
        self.parting = Some(parting);
        self.read_at = None;
        self.says_at = u64::MAX;
        self.forgiven = self.acked;
        if let Some(session) = &mut self.session {
            session.desert();
        }
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(
            f,
            "{} sent, {} acknowledged, {} read; to {:?} in life {} from {} to {}: {:?}, {:?}, nap {}",
            self.bytes.len(),
            self.acked,
            self.read,
            self.receiver,
            self.life,
            self.opened,
            self.closed,
            self.parting,
            self.broken,
            self.nap
        )
    }
}
