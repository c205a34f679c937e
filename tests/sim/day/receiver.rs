//! A receiver, its machine, and the link to it: each comes and goes.

use super::chance::Chance;
use super::plan::{HOUR, MINUTE, TROUBLE};

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
    pub(crate) is_up: bool,
    /// Its machine answers, if only that nobody is there.
    pub(crate) is_powered: bool,
    changes_at: u64,
    pub(crate) has_link: bool,
    link_changes_at: u64,
    /// Comes and goes often.
    is_restless: bool,
}

impl Receiver {
    pub(crate) fn draw(chance: &mut Chance) -> Self {
        let is_restless = chance.one_in(3);
        let mut receiver = Self {
            is_up: !chance.one_in(4),
            is_powered: true,
            changes_at: 0,
            has_link: true,
            link_changes_at: 0,
            is_restless,
        };
        receiver.changes_at = receiver.stay(chance);
        receiver.link_changes_at = receiver.stay(chance);
        receiver
    }

    /// For how long it is there, or the link well.
    fn stay(&self, chance: &mut Chance) -> u64 {
        let most = if self.is_restless { HOUR } else { 12 * HOUR };
        chance.span(5_000, most)
    }

    pub(crate) fn next_change(&self) -> u64 {
        self.changes_at.min(self.link_changes_at)
    }

    /// What changes at `now`, if something does.
    pub(crate) fn change(&mut self, now: u64, chance: &mut Chance) -> Option<Change> {
        let is_calm = now >= TROUBLE;
        if self.changes_at <= now {
            let was_up = self.is_up;
            self.is_up = is_calm || !was_up;
            self.changes_at = self.until(now, self.is_up, chance);
            if self.is_up {
                self.is_powered = true;
                return (!was_up).then_some(Change::Return);
            }
            let going = chance.pick(&[
                Going::Closes,
                Going::Forgets,
                Going::Dies,
                Going::Dies,
                Going::Vanishes,
            ]);
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
        if now >= TROUBLE {
            return u64::MAX;
        }
        let span = if is_well {
            self.stay(chance)
        } else {
            chance.span(50, if self.is_restless { 5 * MINUTE } else { 3 * HOUR })
        };
        (now + span).min(TROUBLE)
    }
}
