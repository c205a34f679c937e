//! A receiver, its machine, and the link to it: when each is there, and how it treats a connection.

use super::chance::Chance;
use super::connection::{Connection, RESET};
use super::plan::{HOUR, MINUTE};
use mini_monitor::platform::Cause;

/// Bytes that a kernel takes where no whole line is to arrive.
const LESS_THAN_A_LINE: usize = 50;

/// What a receiver does. Times are in milliseconds since the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It and its link come and go, and it may be slow to read, as drawn for a day.
    Drawn,
    /// It comes and goes all the time; the window of a connection may be closed at first.
    Stormy,
    /// It is always there.
    Present,
    /// It is never there.
    Absent,
    /// Its name cannot be looked up.
    Nameless,
    /// It never answers.
    Silent,
    /// It is there from this time on.
    From(u64),
    /// It is there between these times.
    Between(u64, u64),
    /// It is there, but not between these times.
    AwayBetween(u64, u64),
    /// It accepts and closes at once, before a whole line has arrived.
    ClosesAtOnce,
    /// It closes so many connections soon after each has carried something, and then stays.
    ClosesFirst(u64),
    /// It closes each connection after so many milliseconds.
    ClosesAfter(u64),
    /// It accepts, and its window is closed until this time.
    ReadsFrom(u64),
}

/// How a receiver goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Going {
    /// It has read all that came, and closes.
    Closes,
    /// It is a proxy that closes in order, with what it has acknowledged and not passed on.
    Forgets,
    /// It dies with what it has not read, and its kernel resets the connection.
    Dies,
    /// Its machine loses its power: it says nothing.
    Vanishes,
}

/// What has changed.
pub(crate) enum Change {
    Going(Going),
    Return,
    Stall,
    Heal,
}

pub(crate) struct Receiver {
    pub(crate) kind: Kind,
    pub(crate) is_up: bool,
    /// Its machine answers, if only that nobody is there.
    pub(crate) is_powered: bool,
    changes_at: u64,
    pub(crate) has_link: bool,
    link_changes_at: u64,
    /// The longest time for which it is there or the link well, and for which it is not.
    longest: [u64; 2],
    /// From then on it stays, if it comes and goes by chance.
    trouble: u64,
    /// Connections so far.
    accepted: u64,
}

impl Receiver {
    pub(crate) fn new(kind: Kind, trouble: u64, chance: &mut Chance) -> Self {
        let longest = match kind {
            Kind::Stormy => [4 * MINUTE, 4 * MINUTE],
            Kind::Drawn if chance.one_in(3) => [HOUR, 5 * MINUTE],
            _ => [12 * HOUR, 3 * HOUR],
        };
        let (is_up, changes_at) = match kind {
            Kind::Absent => (false, u64::MAX),
            Kind::From(time) | Kind::Between(time, _) => (false, time),
            Kind::AwayBetween(time, _) => (true, time),
            Kind::Drawn => (!chance.one_in(4), 0),
            _ => (true, u64::MAX),
        };
        let mut receiver = Self {
            kind,
            is_up,
            is_powered: kind != Kind::Silent,
            changes_at,
            has_link: true,
            link_changes_at: u64::MAX,
            longest,
            trouble,
            accepted: 0,
        };
        if receiver.changes_by_chance() {
            receiver.changes_at = receiver.stay(chance);
        }
        if kind == Kind::Drawn {
            receiver.link_changes_at = receiver.stay(chance);
        }
        receiver
    }

    fn changes_by_chance(&self) -> bool {
        matches!(self.kind, Kind::Drawn | Kind::Stormy)
    }

    /// For how long it is there, or the link well.
    fn stay(&self, chance: &mut Chance) -> u64 {
        chance.span(5_000, self.longest[0])
    }

    pub(crate) fn next_change(&self) -> u64 {
        self.changes_at.min(self.link_changes_at)
    }

    /// What changes at `now`, if something does.
    pub(crate) fn change(&mut self, now: u64, chance: &mut Chance) -> Option<Change> {
        let is_calm = self.changes_by_chance() && now >= self.trouble;
        if self.changes_at <= now {
            let was_up = self.is_up;
            self.is_up = is_calm || !was_up;
            self.changes_at = match self.kind {
                Kind::Between(_, to) | Kind::AwayBetween(_, to) if now < to => to,
                _ => self.until(now, self.is_up, chance),
            };
            if self.is_up {
                self.is_powered = true;
                return (!was_up).then_some(Change::Return);
            }
            let going = if self.kind == Kind::Drawn {
                chance.pick(&[
                    Going::Closes,
                    Going::Forgets,
                    Going::Dies,
                    Going::Dies,
                    Going::Vanishes,
                ])
            } else {
                chance.pick(&[Going::Closes, Going::Dies])
            };
            self.is_powered = going != Going::Vanishes;
            return Some(Change::Going(going));
        }
        if self.link_changes_at <= now {
            let had_link = self.has_link;
            self.has_link = is_calm || !had_link;
            self.link_changes_at = self.until(now, self.has_link, chance);
            return match (had_link, self.has_link) {
                (false, true) => Some(Change::Heal),
                (true, false) => Some(Change::Stall),
                _ => None,
            };
        }
        None
    }

    fn until(&self, now: u64, is_well: bool, chance: &mut Chance) -> u64 {
        if !self.changes_by_chance() || now >= self.trouble {
            return u64::MAX;
        }
        let span = if is_well {
            self.stay(chance)
        } else {
            chance.span(50, self.longest[1])
        };
        (now + span).min(self.trouble)
    }

    /// Decides how it treats a connection that it accepts at `now`. A slow one has read what it has acknowledged
    /// before `longest` has passed.
    pub(crate) fn accept(
        &mut self,
        connection: &mut Connection,
        now: u64,
        longest: u64,
        chance: &mut Chance,
    ) {
        self.accepted += 1;
        let mut closes_after = None;
        match self.kind {
            Kind::Drawn => connection.draw_pace(longest, chance),
            Kind::Stormy if chance.one_in(3) => connection.opens_at = now + 30 + chance.below(200_000),
            Kind::ReadsFrom(time) => connection.opens_at = time,
            Kind::ClosesAtOnce => {
                (connection.room, connection.opens_at) = (LESS_THAN_A_LINE, u64::MAX);
                closes_after = Some(1);
            }
            Kind::ClosesFirst(count) if self.accepted <= count => closes_after = Some(50),
            Kind::ClosesAfter(span) => closes_after = Some(span),
            _ => {}
        }
        if let Some(span) = closes_after {
            connection.notice = Some((now + span, chance.pick(&[RESET, Cause::Closed])));
        }
    }

    /// Applies a change to the open connection.
    pub(crate) fn affect(&self, connection: &mut Connection, change: &Change, now: u64, chance: &mut Chance) {
        let mut soon = now + chance.pick(&[0, 1, 200]);
        let part = chance.below(connection.unacked() as u64 + 1) as usize;
        if self.kind != Kind::Drawn && matches!(change, Change::Going(_)) {
            // Some bytes in flight arrive before that, and the sender does not learn of it.
            connection.land(part);
            connection.read_all();
            soon = now;
        }
        match change {
            Change::Going(Going::Closes) => {
                connection.read_all();
                connection.desert(Cause::Closed);
                connection.notice = self.has_link.then_some((soon, Cause::Closed));
            }
            Change::Going(Going::Forgets) => {
                connection.desert(Cause::Closed);
                connection.notice = self.has_link.then_some((soon, Cause::Closed));
            }
            Change::Going(Going::Dies) => {
                connection.desert(RESET);
                connection.notice = self.has_link.then_some((soon, RESET));
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
                if !self.has_link || !self.is_powered {
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
}
