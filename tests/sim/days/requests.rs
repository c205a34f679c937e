//! The account of requests of HTTP.

use super::checks::{Account, Line, Seen, lines, looked_at};
use crate::connection::Connection;
use crate::platform::Key;
use crate::server::{Request, Session};
use mini_monitor::platform::Cause;

/// Seconds of the longest flush interval, and a little more.
const LAST: i64 = 25;

impl Account<'_> {
    pub(super) fn read_session(&mut self, connection: &Connection, session: &Session) {
        // The agent may have pinned lines, and was killed or has lost the connection before it sent them.
        self.is_in_doubt = true;
        let known_before = self.known.len();
        let (mut before, mut is_first, mut has_repeated) = (None, true, false);
        for request in &session.requests {
            let (mut lines, end) = lines(request.body.as_bytes());
            assert_eq!(end, request.body.len(), "half a line: {}", request.body);
            for line in &mut lines {
                line.start += request.start;
            }
            self.check_order(&lines);
            let is_probe = lines.len() == 1 && before.is_none_or(|status| status / 100 != 2);
            if !is_probe && std::mem::take(&mut is_first) {
                self.forgive_skipped(&lines, connection);
            }
            self.note_sent(connection, &lines, is_probe);
            has_repeated |= request.is_accepted() && self.is_known(&lines[0].key);
            self.note_answer(request, &lines, is_probe);
            if is_probe && request.is_stored {
                // After a step of the clock it may come with another stamp.
                self.probed.insert(lines[0].key);
            } else {
                self.note_stored(connection, request, &lines);
            }
            before = Some(request.status);
            self.tally.requests += 1;
        }
        self.count_halvings(self.known.len() > known_before, has_repeated);
    }

    /// Notes the stamps of lines that are sent for the first time.
    fn note_sent(&mut self, connection: &Connection, lines: &[Line], is_probe: bool) {
        // A request that was lost before may have pinned more lines than the first one of this connection has.
        let opened = (self.plan.clock.shows(connection.opened) / 1_000) as i64;
        let mut has_new = false;
        for line in lines.iter().filter(|line| line.is_dated()) {
            if self.seen.contains_key(&line.key) {
                continue;
            }
            has_new = true;
            let is_older = self.day.made.get(&line.key).is_some_and(|made| *made <= opened);
            let is_in_doubt = self.is_in_doubt || is_probe || is_older;
            let looked = looked_at(connection, line.start);
            let is_right = self.is_right(line, connection) && !is_in_doubt;
            let seen = Seen {
                text: None,
                right: is_right.then_some(line.stamp),
                when: (!is_in_doubt).then_some((connection.life, looked.steps)),
            };
            self.seen.insert(line.key, seen);
        }
        self.is_in_doubt &= !has_new || lines.len() == 1;
    }

    fn note_answer(&mut self, request: &Request, lines: &[Line], is_probe: bool) {
        let Some(at) = request.answered_at.filter(|_| request.is_accepted()) else {
            return;
        };
        for line in lines {
            let is_known = self.is_known(&line.key);
            if is_probe && !is_known {
                self.doubtful.insert(line.key);
            } else {
                self.doubtful.remove(&line.key);
                self.known.insert(self.placed(line.key));
            }
            self.first_acked.entry(line.key).or_insert(at);
        }
    }

    fn note_stored(&mut self, connection: &Connection, request: &Request, lines: &[Line]) {
        for line in lines {
            if request.is_stored {
                self.note_read(line);
                continue;
            }
            if !request.is_accepted() {
                continue;
            }
            // The server has died with the line. The agent sends it again if it learns of that in time.
            let first = self.first_acked.get(&line.key);
            let is_old = first.is_some_and(|first| first + self.plan.replay * 7 / 8 < connection.closed);
            let is_late = is_old && connection.broken == Some(Cause::Closed) || connection.broken.is_none();
            let is_again = !self.lost.insert(line.key);
            if request.is_forgiven || is_late || is_again || !self.plan.is_roomy {
                self.forgiven.insert(line.key);
            }
        }
    }

    /// What became of the last request of each agent is not known. The last agent of all may end with lines that it could
    /// not send within two seconds.
    pub(super) fn doubt_last_requests(&mut self) {
        if self.plan.has_server.contains(&true) {
            let end = self.lives.last().map_or(0, |life| life.span.1);
            let made = self.day.made.iter().filter(|made| *made.1 >= end - LAST);
            let last: Vec<Key> = made.map(|made| *made.0).collect();
            self.doubtful.extend(&last);
            self.forgiven.extend(&last);
        }
        for life in 0..self.lives.len() {
            let mut of_life = self.day.network.past.iter().rev();
            let last = of_life.find(|connection| connection.life == life);
            let session = last.and_then(|last| last.session.as_ref());
            let requests = session.map_or(&[][..], |session| &session.requests);
            let Some(last) = requests.last() else {
                continue;
            };
            let is_killed = self.plan.ends.get(life).is_some_and(|end| end.kill.is_some());
            if last.answered_at.is_none() || is_killed {
                let keys: Vec<Key> = lines(last.body.as_bytes())
                    .0
                    .iter()
                    .map(|line| line.key)
                    .collect();
                self.doubtful.extend(&keys);
                // They may have left the ring in flight, uncounted.
                self.forgiven.extend(keys.iter().filter(|_| !self.plan.is_roomy));
            }
        }
    }

    /// The most lines that may be counted as rejected and come all the same: a line that was left out is repeated after a
    /// break like others, when its series is not left out any more.
    pub(super) fn late(&self) -> u64 {
        let rejected: u64 = self.lives.iter().map(|life| life.rejected).sum();
        let mut earliest = u64::MAX;
        let mut late = 0;
        for (_, key) in self.known.iter().rev() {
            let at = self.first_acked.get(key).copied().unwrap_or(0);
            late += u64::from(at > earliest);
            earliest = earliest.min(at);
        }
        // Where no younger line came before.
        (late + rejected / 50).min(rejected)
    }
}
