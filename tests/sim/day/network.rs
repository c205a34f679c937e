//! Names, addresses, receivers, and the one connection that there is at a time.

use super::chance::Chance;
use super::checks::parse;
use super::clock::Looked;
use super::connection::{Connection, RESET};
use super::plan::{MINUTE, Plan, TROUBLE};
use super::platform::Key;
use super::receiver::{Change, Going, Receiver};
use mini_monitor::platform::{Cause, Errno};
use std::collections::HashSet;

const REFUSED: Cause = Cause::System(Errno(libc::ECONNREFUSED));
const UNKNOWN: Cause = Cause::Lookup(-2);
const NAMES: [&str; 3] = ["first.example", "second.example", "third.example"];

/// Who has an address.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Holder {
    Receiver,
    /// It answers that nobody listens.
    Nobody,
    Silence,
    /// Somebody else, who takes the connection and resets it without reading.
    Stranger,
}

enum Link {
    Nothing,
    /// Until then; how many addresses.
    LookingUp(u64, Result<usize, Cause>),
    /// Until then, to whom; for good where nobody answers.
    Connecting(Option<u64>, Holder),
    Up(Box<Connection>),
}

pub(crate) struct Network {
    chance: Chance,
    receivers: Vec<Receiver>,
    /// The transfer asked for last, and who has its addresses.
    current: usize,
    holders: Vec<Holder>,
    link: Link,
    /// All that there were.
    pub(crate) past: Vec<Connection>,
    /// Lines that have been acknowledged.
    acked: HashSet<Key>,
    room: usize,
    replay: u64,
    timeout: u64,
    pub(crate) breaks: usize,
    /// Addresses that the agent was told of and has not tried.
    untried: usize,
    /// The number of the agent's life.
    life: usize,
}

impl Network {
    pub(crate) fn draw(plan: &Plan) -> Self {
        let mut chance = Chance::new(!plan.seed);
        Self {
            receivers: (0..plan.transfers).map(|_| Receiver::draw(&mut chance)).collect(),
            chance,
            current: 0,
            holders: Vec::new(),
            link: Link::Nothing,
            past: Vec::new(),
            acked: HashSet::new(),
            room: (plan.buffer / 2).min(32 << 10),
            replay: plan.replay,
            timeout: plan.timeout,
            breaks: 0,
            untried: 0,
            life: 0,
        }
    }

    /// An agent starts that knows nothing yet.
    pub(crate) fn begin(&mut self, life: usize) {
        (self.life, self.untried) = (life, 0);
    }

    /// The value of `-trans`.
    pub(crate) fn transfers(&self) -> String {
        let names = NAMES.iter().take(self.receivers.len());
        names
            .map(|name| format!("{name}:6000"))
            .collect::<Vec<_>>()
            .join(",")
    }

    pub(crate) fn connection(&mut self) -> &mut Connection {
        match &mut self.link {
            Link::Up(connection) => connection,
            _ => panic!("there is no connection"),
        }
    }

    pub(crate) fn is_ready(&self, now: u64, writing: bool) -> bool {
        match &self.link {
            Link::Nothing => false,
            Link::LookingUp(at, _) => *at <= now,
            Link::Connecting(at, _) => at.is_some_and(|at| at <= now),
            Link::Up(connection) => {
                connection.broken.is_some() || connection.has_said || writing && connection.free() > 0
            }
        }
    }

    /// What happens next; an answer that is there and waits for the agent is past.
    pub(crate) fn next_event(&self, now: u64) -> u64 {
        let of_link = match &self.link {
            Link::LookingUp(at, _) | Link::Connecting(Some(at), _) if *at > now => *at,
            Link::Up(connection) => connection.next_event(),
            _ => u64::MAX,
        };
        let changes = self.receivers.iter().map(Receiver::next_change);
        changes.min().unwrap_or(u64::MAX).min(of_link)
    }

    /// What is due at `now` happens.
    pub(crate) fn happen(&mut self, now: u64) {
        for number in 0..self.receivers.len() {
            while let Some(change) = self.receivers[number].change(now, &mut self.chance) {
                if let Link::Up(connection) = &mut self.link
                    && connection.receiver == Some(number)
                    && connection.broken.is_none()
                {
                    connection.happen(now);
                    let receiver = &self.receivers[number];
                    feel(connection, &change, receiver, now, &mut self.chance);
                }
            }
        }
        if let Link::Up(connection) = &mut self.link {
            connection.happen(now);
            if connection.has_said {
                connection.says_at = connection
                    .says_at
                    .max(now + self.chance.between(MINUTE, 60 * MINUTE));
            }
        }
    }

    pub(crate) fn resolve(&mut self, host: &[u8], now: u64) -> Result<Option<usize>, Cause> {
        assert!(matches!(self.link, Link::Nothing), "something is still open");
        assert_eq!(self.untried, 0, "addresses were not tried");
        let place = NAMES.iter().position(|name| name.as_bytes() == host);
        self.current = place.expect("a name that was given");
        self.holders = self.draw_holders(now);
        let count = self.holders.len();
        if now >= TROUBLE {
            self.untried = 1;
            return Ok(Some(1));
        }
        let at = now + self.chance.pick(&[5, 200, 2_000, 12_000]);
        let (at, answer) = match self.chance.below(16) {
            0 => return Err(Cause::System(Errno(libc::EAGAIN))),
            1 => (at, Err(UNKNOWN)),
            2 => (u64::MAX, Err(UNKNOWN)),
            3..10 => (at, Ok(count)),
            _ => {
                self.untried = count;
                return Ok(Some(count));
            }
        };
        self.link = Link::LookingUp(at, answer);
        Ok(None)
    }

    fn draw_holders(&mut self, now: u64) -> Vec<Holder> {
        let mut holders = vec![Holder::Receiver];
        if now >= TROUBLE {
            return holders;
        }
        for _ in 0..self.chance.pick(&[0, 0, 0, 1, 2]) {
            let others = [Holder::Nobody, Holder::Silence, Holder::Stranger];
            let place = self.chance.below(holders.len() as u64 + 1) as usize;
            holders.insert(place, self.chance.pick(&others));
        }
        if self.chance.one_in(10) {
            // It has moved, and its name does not know yet.
            let others = [Holder::Nobody, Holder::Silence, Holder::Stranger];
            let other = self.chance.pick(&others);
            holders
                .iter_mut()
                .filter(|holder| **holder == Holder::Receiver)
                .for_each(|holder| *holder = other);
        }
        holders
    }

    pub(crate) fn resolved(&mut self, now: u64) -> Result<usize, Cause> {
        match std::mem::replace(&mut self.link, Link::Nothing) {
            Link::LookingUp(at, addresses) if at <= now => {
                self.untried = addresses.unwrap_or(0);
                addresses
            }
            _ => panic!("no look-up is done"),
        }
    }

    pub(crate) fn connect(&mut self, address: usize, now: u64) -> Result<bool, Cause> {
        self.give_up_attempt();
        self.untried = self.holders.len() - address - 1;
        let holder = self.holders[address];
        let at = now + self.chance.pick(&[0, 1, 30, 300]);
        match self.answer(holder) {
            None => self.link = Link::Connecting(None, holder),
            Some(Err(cause)) if self.chance.one_in(4) => return Err(cause),
            Some(Ok(())) if self.chance.one_in(8) => {
                self.accept(holder, now);
                return Ok(true);
            }
            Some(_) => self.link = Link::Connecting(Some(at), holder),
        }
        Ok(false)
    }

    /// What comes back from there, if anything.
    fn answer(&self, holder: Holder) -> Option<Result<(), Cause>> {
        let receiver = &self.receivers[self.current];
        match holder {
            Holder::Receiver if !receiver.has_link || !receiver.is_powered => None,
            Holder::Receiver if receiver.is_up => Some(Ok(())),
            Holder::Receiver | Holder::Nobody => Some(Err(REFUSED)),
            Holder::Silence => None,
            Holder::Stranger => Some(Ok(())),
        }
    }

    pub(crate) fn connect_result(&mut self, now: u64) -> Result<(), Cause> {
        let Link::Connecting(Some(at), holder) = self.link else {
            panic!("no attempt has come to an end");
        };
        assert!(at <= now);
        self.link = Link::Nothing;
        self.answer(holder).unwrap_or(Err(RESET))?;
        self.accept(holder, now);
        Ok(())
    }

    fn accept(&mut self, holder: Holder, now: u64) {
        self.untried = 0;
        let chance = &mut self.chance;
        let receiver = (holder == Holder::Receiver).then_some(self.current);
        let mut connection = Connection::new(receiver, self.life, now, self.timeout);
        connection.room = self.room;
        connection.window = chance.pick(&[2 << 10, 8 << 10, 64 << 10]);
        let longest = self.replay * 9 / 10;
        connection.nap = chance.pick(&[0, 20, longest / 4, longest]);
        if chance.one_in(6) {
            // It is slow: most of the time its window is closed.
            (connection.nap, connection.bite) = (longest / 10, 200);
            connection.window = 2_000;
        }
        if receiver.is_none() {
            connection.reset_at(now + chance.below(longest));
        }
        if now >= TROUBLE {
            (connection.nap, connection.window) = (0, 64 << 10);
        }
        if chance.one_in(4) {
            connection.says_at = now + chance.between(MINUTE, 60 * MINUTE);
        }
        self.link = Link::Up(Box::new(connection));
    }

    pub(crate) fn send(&mut self, bytes: &[u8], now: u64, look: Looked) -> Result<usize, Cause> {
        let arrives_at = now + self.chance.pick(&[0, 1, 20, 200, 2_000]);
        let is_interrupted = self.chance.one_in(50);
        let most = self.chance.between(1, bytes.len() as u64) as usize;
        let connection = self.connection();
        if let Some(cause) = connection.broken {
            return Err(match cause {
                Cause::Closed => Cause::System(Errno(libc::EPIPE)),
                other => other,
            });
        }
        let most = if is_interrupted { most } else { bytes.len() };
        let taken = most.min(connection.free());
        if taken > 0 {
            connection.send(&bytes[..taken], now, arrives_at, look);
        }
        Ok(taken)
    }

    pub(crate) fn drain(&mut self) -> Result<(), Cause> {
        let Link::Up(connection) = &mut self.link else {
            return Ok(());
        };
        connection.has_said = false;
        connection.broken.map_or(Ok(()), Err)
    }

    fn give_up_attempt(&mut self) {
        if !matches!(self.link, Link::Up(_)) {
            self.link = Link::Nothing;
        }
    }

    /// The agent closes what is open, because it is gone (`is_end`), or goes on elsewhere. Says whether it
    /// was a connection that had been of use.
    pub(crate) fn close(&mut self, now: u64, is_end: bool) -> bool {
        let Link::Up(mut connection) = std::mem::replace(&mut self.link, Link::Nothing) else {
            return false;
        };
        let was_of_use = self.has_come_further(&connection);
        connection.closed = now;
        self.breaks += usize::from(connection.broken.is_some());
        let has_link = connection.silent_since.is_none() && connection.notice.is_none();
        if connection.parting.is_none() && connection.receiver.is_some() {
            let is_calm = now >= TROUBLE;
            // What has been said and not taken makes the agent's kernel reset the connection.
            let lands = connection.broken.is_none() && has_link && !connection.has_said;
            if lands && (is_calm || !self.chance.one_in(4)) {
                connection.acked = connection.bytes.len();
            }
            if is_calm || !self.chance.one_in(3) {
                connection.read_all();
            }
        }
        connection.forgiven = if is_end {
            connection.bytes.len()
        } else {
            connection.acked
        };
        self.past.push(*connection);
        was_of_use
    }

    /// Whether a line has been acknowledged that had not been before.
    fn has_come_further(&mut self, connection: &Connection) -> bool {
        let acked = std::str::from_utf8(&connection.bytes[..connection.acked]).unwrap();
        let lines = acked.split_inclusive('\n').filter_map(parse);
        let before = self.acked.len();
        self.acked.extend(lines.map(|(key, _)| key));
        self.acked.len() > before
    }

    /// Network and address of that number after the last look-up.
    pub(crate) fn address(&self, number: usize) -> String {
        format!("tcp {} {number}", NAMES[self.current])
    }
}

/// A connection learns of what has become of its receiver.
fn feel(connection: &mut Connection, change: &Change, receiver: &Receiver, now: u64, chance: &mut Chance) {
    let soon = now + chance.pick(&[0, 1, 200]);
    let part = chance.below(connection.unacked() as u64 + 1) as usize;
    match change {
        Change::Going(Going::Closes) => {
            connection.read_all();
            connection.desert(Cause::Closed);
            connection.notice = receiver.has_link.then_some((soon, Cause::Closed));
        }
        Change::Going(Going::Forgets) => {
            connection.desert(Cause::Closed);
            connection.notice = receiver.has_link.then_some((soon, Cause::Closed));
        }
        Change::Going(Going::Dies) => {
            connection.desert(RESET);
            connection.notice = receiver.has_link.then_some((soon, RESET));
        }
        Change::Going(Going::Vanishes) => {
            connection.desert(RESET);
            connection.fall_silent(now, 0);
        }
        Change::Stall => {
            connection.fall_silent(now, if connection.parting.is_none() { part } else { 0 });
            connection.notice = None;
        }
        Change::Return | Change::Heal => {
            if !receiver.has_link || !receiver.is_powered {
                return;
            }
            connection.silent_since = None;
            // What was lost is sent again, or the other side asked whether it is still there.
            let later = now + chance.below(3_000);
            connection.delay(later);
            if let Some(parting) = connection.parting {
                connection.notice.get_or_insert((later, parting));
            }
        }
    }
}
