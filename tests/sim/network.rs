//! Names, addresses, receivers, and the one connection that there is at a time.

use super::chance::Chance;
use super::clock::Looked;
use super::connection::{Connection, RESET};
use super::days::checks::parse;
use super::plan::{MINUTE, Noise, Plan};
use super::platform::Key;
use super::receiver::{Change, Going, Kind, Receiver};
use super::server::{Request, Server, Session};
use mini_monitor::platform::{Cause, Errno};
use std::collections::HashSet;

pub(crate) const REFUSED: Cause = Cause::System(Errno(libc::ECONNREFUSED));
/// A connection that ends so many milliseconds after its first bytes ends early; after so many of these the delays grow.
const EARLY: u64 = 1_000;
const EARLY_ENDS: usize = 3;
const UNKNOWN: Cause = Cause::Lookup(-2);
/// The receivers' names, each in the domain `example`.
const NAMES: [&str; 3] = ["receiver", "second", "third"];

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
    /// Those that speak HTTP.
    servers: Vec<Option<Server>>,
    /// The transfer asked for last, and who has its addresses.
    current: usize,
    holders: Vec<Holder>,
    link: Link,
    /// All that there were.
    pub(crate) past: Vec<Connection>,
    /// Lines that have been acknowledged.
    acked: HashSet<Key>,
    noise: Noise,
    trouble: u64,
    room: usize,
    replay: u64,
    timeout: u64,
    pub(crate) breaks: usize,
    /// Connections in a row that have ended within a second of their first bytes.
    early_ends: usize,
    /// When each look-up started, and of which receiver.
    pub(crate) dials: Vec<(u64, usize)>,
    /// Bytes that were on their way when the agent left a connection, other than at the end.
    pub(crate) left_behind: usize,
    /// Addresses that the agent was told of and has not tried.
    untried: usize,
    /// The number of the agent's life.
    life: usize,
}

impl Network {
    pub(crate) fn draw(plan: &Plan) -> Self {
        let mut chance = Chance::new(!plan.seed);
        let servers = plan.has_server.iter().zip(0..);
        let server = |(has_server, number): (&bool, u64)| {
            let mut other = Chance::new(plan.seed.rotate_left(16) ^ number);
            has_server.then(|| Server::draw(&mut other, plan.replay))
        };
        Self {
            servers: servers.map(server).collect(),
            receivers: plan
                .receivers
                .iter()
                .map(|&kind| Receiver::new(kind, plan.trouble, &mut chance))
                .collect(),
            chance,
            current: 0,
            holders: Vec::new(),
            link: Link::Nothing,
            past: Vec::new(),
            acked: HashSet::new(),
            noise: plan.noise,
            trouble: plan.trouble,
            room: plan.room,
            replay: plan.replay,
            timeout: plan.timeout,
            breaks: 0,
            early_ends: 0,
            dials: Vec::new(),
            left_behind: 0,
            untried: 0,
            life: 0,
        }
    }

    /// An agent starts that knows nothing yet.
    pub(crate) fn begin(&mut self, life: usize) {
        (self.life, self.untried, self.early_ends) = (life, 0, 0);
    }

    /// The value of `-trans`.
    pub(crate) fn transfers(&self) -> String {
        let names = NAMES.iter().zip(&self.servers);
        let list = names.map(|(name, server)| match server {
            None => format!("{name}.example:6000"),
            Some(_) => format!("http://{name}.example:6000/"),
        });
        list.collect::<Vec<_>>().join(",")
    }

    /// The receiver of that number speaks HTTP.
    pub(crate) fn serve(&mut self, number: usize, server: Server) {
        self.servers[number] = Some(server);
    }

    /// All requests, in the order of their connections.
    pub(crate) fn requests(&self) -> impl Iterator<Item = &Request> {
        let sessions = self.past.iter().filter_map(|past| past.session.as_ref());
        sessions.flat_map(|session| &session.requests)
    }

    /// The server takes what it has read of the open connection.
    fn answer(&mut self, now: u64) {
        let Link::Up(connection) = &mut self.link else {
            return;
        };
        answer_on(connection, &mut self.servers, now, &mut self.chance);
    }

    /// A server dies, and what it has answered last is not on its disk.
    fn lose(&mut self, number: usize, now: u64) {
        let Some(server) = &self.servers[number] else {
            return;
        };
        let since = now.saturating_sub(server.loses);
        let is_lost = |request: &&mut Request| request.at > since && request.is_stored;
        let open = match &mut self.link {
            Link::Up(connection) if connection.receiver == Some(number) => connection.session.as_mut(),
            _ => None,
        };
        let is_open = open.is_some();
        let of_server = self.past.iter_mut().filter(|past| past.receiver == Some(number));
        let past = of_server.filter_map(|past| past.session.as_mut());
        let requests = past.chain(open).flat_map(|session| &mut session.requests);
        for request in requests.filter(is_lost) {
            (request.is_stored, request.is_forgiven) = (false, !is_open);
        }
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
                let is_readable = connection.has_said || connection.has_input();
                connection.broken.is_some() || is_readable || writing && connection.free() > 0
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
                    answer_on(connection, &mut self.servers, now, &mut self.chance);
                    self.receivers[number].affect(connection, &change, now, &mut self.chance);
                    answer_on(connection, &mut self.servers, now, &mut self.chance);
                }
                if matches!(change, Change::Going(Going::Dies | Going::Vanishes)) {
                    self.lose(number, now);
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
        self.answer(now);
        // An answer may come in the same moment.
        if let Link::Up(connection) = &mut self.link {
            connection.happen(now);
        }
    }

    pub(crate) fn resolve(&mut self, host: &[u8], now: u64) -> Result<Option<usize>, Cause> {
        assert!(matches!(self.link, Link::Nothing), "something is still open");
        assert_eq!(self.untried, 0, "addresses were not tried");
        let name = std::str::from_utf8(host).unwrap().strip_suffix(".example");
        let place = NAMES.iter().position(|known| Some(*known) == name);
        self.current = place.expect("a name that was given");
        self.dials.push((now, self.current));
        if self.receivers[self.current].kind == Kind::Nameless {
            return Err(UNKNOWN);
        }
        self.holders = self.draw_holders(now);
        let count = self.holders.len();
        if now >= self.trouble {
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
        if now >= self.trouble {
            return holders;
        }
        let others = match self.noise {
            Noise::Day => [Holder::Nobody, Holder::Silence, Holder::Stranger].as_slice(),
            _ => &[Holder::Nobody, Holder::Silence],
        };
        for _ in 0..self.chance.pick(&[0, 0, 0, 1, 2]) {
            let place = self.chance.below(holders.len() as u64 + 1) as usize;
            holders.insert(place, self.chance.pick(others));
        }
        if self.chance.one_in(10) {
            // It has moved, and its name does not know yet.
            let other = self.chance.pick(others);
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
        let at = now + self.delay(&[0, 1, 30, 300]);
        match self.reaction(holder) {
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
    fn reaction(&self, holder: Holder) -> Option<Result<(), Cause>> {
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
        self.reaction(holder).unwrap_or(Err(RESET))?;
        self.accept(holder, now);
        Ok(())
    }

    fn accept(&mut self, holder: Holder, now: u64) {
        self.untried = 0;
        let chance = &mut self.chance;
        let receiver = (holder == Holder::Receiver).then_some(self.current);
        let mut connection = Connection::new(receiver, self.life, now, self.timeout);
        connection.room = self.room;
        // A stranger gets requests, too.
        let server = self.servers[self.current].as_ref();
        connection.session = server.map(|_| Session::default());
        if server.is_some_and(|server| server.early.0 > 0) {
            // The agent is still writing when the answer comes.
            connection.room = 1 << 10;
        }
        let longest = self.replay * 9 / 10;
        if let Some(receiver) = receiver {
            self.receivers[receiver].accept(&mut connection, now, longest, chance);
        } else {
            connection.draw_pace(longest, chance);
            connection.reset_at(now + chance.below(longest));
        }
        if now >= self.trouble {
            (connection.nap, connection.window) = (0, 64 << 10);
        }
        if self.noise == Noise::Day && connection.session.is_none() && chance.one_in(4) {
            connection.says_at = now + chance.between(MINUTE, 60 * MINUTE);
        }
        self.link = Link::Up(Box::new(connection));
        self.answer(now);
    }

    /// A delay from the list; none where it is quiet.
    fn delay(&mut self, list: &[u64]) -> u64 {
        match self.noise {
            Noise::Quiet => 0,
            _ => self.chance.pick(list),
        }
    }

    pub(crate) fn send(&mut self, bytes: &[u8], now: u64, look: Looked) -> Result<usize, Cause> {
        let arrives_at = now + self.delay(&[0, 1, 20, 200, 2_000]);
        let is_interrupted = match self.noise {
            Noise::Quiet => false,
            Noise::Storm => self.chance.one_in(4),
            Noise::Day => self.chance.one_in(50),
        };
        let most = self.chance.between(1, bytes.len() as u64) as usize;
        let connection = self.connection();
        if let Some(cause) = connection.broken {
            return Err(match cause {
                Cause::Closed => Cause::System(Errno(libc::EPIPE)),
                other => other,
            });
        }
        let most = if is_interrupted { most } else { bytes.len() };
        Ok(connection.send(bytes, most, now, arrives_at, look))
    }

    pub(crate) fn read(&mut self, buffer: &mut [u8], now: u64) -> Result<Option<usize>, Cause> {
        self.connection().read_answer(buffer, now)
    }

    pub(crate) fn drain(&mut self) -> Result<(), Cause> {
        let Link::Up(connection) = &mut self.link else {
            return Ok(());
        };
        connection.hear();
        connection.broken.map_or(Ok(()), Err)
    }

    fn give_up_attempt(&mut self) {
        if !matches!(self.link, Link::Up(_)) {
            self.link = Link::Nothing;
        }
    }

    /// The agent closes what is open, because it is gone (`is_end`), or goes on elsewhere. Says whether it
    /// was a connection that had been of use, and did not follow others that ended early.
    pub(crate) fn close(&mut self, now: u64, is_end: bool) -> bool {
        let Link::Up(mut connection) = std::mem::replace(&mut self.link, Link::Nothing) else {
            return false;
        };
        let was_of_use = self.has_come_further(&connection) && self.early_ends < EARLY_ENDS;
        let is_early = connection.first_sent.is_some_and(|at| now < at + EARLY);
        self.early_ends = if is_early { self.early_ends + 1 } else { 0 };
        connection.closed = now;
        if !is_end && connection.broken.is_none() {
            self.left_behind += connection.unacked();
        }
        self.breaks += usize::from(connection.broken.is_some());
        let has_link = connection.silent_since.is_none() && connection.notice.is_none();
        if connection.parting.is_none() && connection.receiver.is_some() {
            let is_calm = now >= self.trouble || self.noise != Noise::Day;
            // What has been said and not taken makes the agent's kernel reset the connection.
            let lands = connection.broken.is_none() && has_link && !connection.has_said;
            if lands && (is_calm || !self.chance.one_in(4)) {
                connection.acked = connection.bytes.len();
            }
            if is_calm || !self.chance.one_in(3) {
                connection.read_all();
            }
            answer_on(&mut connection, &mut self.servers, now, &mut self.chance);
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
        if connection.session.is_some() {
            return false;
        }
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

/// The server of a connection takes what it has read, and answers unless it is gone.
fn answer_on(connection: &mut Connection, servers: &mut [Option<Server>], now: u64, chance: &mut Chance) {
    let server = connection.receiver.and_then(|number| servers[number].as_mut());
    let Some(server) = server else { return };
    let Some(mut session) = connection.session.take() else {
        return;
    };
    let times = (now, connection.opened);
    let is_there = connection.parting.is_none();
    let end = session.serve(server, connection.received(), times, is_there, chance);
    connection.session = Some(session);
    if end.is_some() {
        connection.notice = end;
    }
}
