//! What a day is held to when it is over.

use super::lives::Lived;
use crate::agent::{START, fields};
use crate::clock::{Look, Looked, is_plausible};
use crate::connection::Connection;
use crate::plan::Plan;
use crate::platform::{DATAGRAMS, Key, METRICS, Sim};
use mini_monitor::platform::Cause;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Seconds by which a stamp may be beside the true time.
const BESIDE: i64 = 2;
/// Ten attempts, ten connections, how each was lost, and ten steps of the clock.
const FRESH: usize = 40;
/// Log lines that the failures of a script make in a day, and at once with each start.
const SCRIPT_DAY: usize = 12;
const SCRIPT_FRESH: usize = 10;
/// Log lines that answers of servers make in a day, and at once with each start: each failure, and its end.
const SERVER_DAY: usize = 24;
const SERVER_FRESH: usize = 20;
/// Seconds of the longest run of a script, which has to end within half of its interval.
const LONGEST_RUN: i64 = 900;

/// What came of one day, or of many.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) lines: u64,
    /// Those of scripts, and of datagrams.
    pub(crate) script_lines: u64,
    pub(crate) datagram_lines: u64,
    pub(crate) repeats: u64,
    pub(crate) given_up: u64,
    pub(crate) rejected: u64,
    pub(crate) requests: u64,
    pub(crate) missing: u64,
    pub(crate) undated: u64,
    /// Lines whose stamps had to be right.
    pub(crate) dated: u64,
    /// Those whose stamps had to be later than the one before.
    pub(crate) ordered: u64,
    pub(crate) lives: u64,
    pub(crate) connections: u64,
    pub(crate) breaks: u64,
    pub(crate) most_log_lines: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        self.lines += other.lines;
        self.script_lines += other.script_lines;
        self.datagram_lines += other.datagram_lines;
        self.repeats += other.repeats;
        self.given_up += other.given_up;
        self.rejected += other.rejected;
        self.requests += other.requests;
        self.missing += other.missing;
        self.undated += other.undated;
        self.dated += other.dated;
        self.ordered += other.ordered;
        self.lives += other.lives;
        self.connections += other.connections;
        self.breaks += other.breaks;
        self.most_log_lines = self.most_log_lines.max(other.most_log_lines);
    }
}

pub(super) struct Line<'b> {
    pub(super) start: usize,
    end: usize,
    pub(super) key: Key,
    pub(super) stamp: i64,
    pub(super) text: &'b str,
}

/// What is known of a line over all connections.
#[derive(Default)]
pub(super) struct Seen {
    /// As a receiver has read it.
    pub(super) text: Option<String>,
    /// Its stamp when it was sent first, if that had to be right.
    pub(super) right: Option<i64>,
    /// In which life that was, and after how many steps of the clock; not known of one that was sent in parts.
    pub(super) when: Option<(usize, usize)>,
}

pub(super) struct Account<'d> {
    pub(super) plan: &'d Plan,
    pub(super) day: &'d Sim,
    pub(super) lives: &'d [Lived],
    pub(super) seen: BTreeMap<Key, Seen>,
    /// What the agent knew of the clock when it sent parts of lines that it never sent whole: those
    /// that come next.
    parts: Vec<Look>,
    pub(super) forgiven: BTreeSet<Key>,
    /// When a receiver's kernel had first acknowledged a line.
    pub(super) first_acked: BTreeMap<Key, u64>,
    /// Milliseconds for which connections have had a line acknowledged.
    held: BTreeMap<Key, u64>,
    /// The place of each line in the order in which they were first sent, which is that of the ring.
    order: HashMap<Key, usize>,
    /// Lines, with their places, of which the agent knows that a connection has acknowledged them.
    pub(super) known: BTreeSet<(usize, Key)>,
    /// Lines that may have been acknowledged, or may not have been counted yet: the agent was killed, or the request was a
    /// probe.
    pub(super) doubtful: BTreeSet<Key>,
    /// Lines that have been stored from what may have been probes.
    pub(super) probed: BTreeSet<Key>,
    /// The stamps of lines on streams, and the last one.
    stamps: BTreeMap<Key, i64>,
    last_stamp: i64,
    /// Lines that servers have lost that had answered.
    pub(super) lost: BTreeSet<Key>,
    /// Lines may have been pinned by a request that was not sent whole.
    pub(super) is_in_doubt: bool,
    /// The life of the last connection, and how many in a row of its connections have acknowledged repeats alone.
    last_life: usize,
    halvings: u32,
    pub(super) tally: Tally,
}

pub(crate) fn check(plan: &Plan, day: &Sim, lives: &[Lived]) -> Tally {
    let mut account = Account {
        plan,
        day,
        lives,
        seen: BTreeMap::new(),
        parts: Vec::new(),
        forgiven: BTreeSet::new(),
        first_acked: BTreeMap::new(),
        held: BTreeMap::new(),
        order: day.made_order.iter().copied().zip(0..).collect(),
        known: BTreeSet::new(),
        doubtful: BTreeSet::new(),
        probed: BTreeSet::new(),
        stamps: BTreeMap::new(),
        last_stamp: 0,
        lost: BTreeSet::new(),
        is_in_doubt: false,
        last_life: 0,
        halvings: 0,
        tally: Tally::default(),
    };
    for connection in &day.network.past {
        match &connection.session {
            Some(session) => account.read_session(connection, session),
            None => account.read(connection),
        }
    }
    account.doubt_last_requests();
    account.check_counts();
    account.check_stamps();
    account.check_missing();
    account.check_log();
    account.tally
}

pub(crate) fn parse(text: &str) -> Option<(Key, i64)> {
    let [metric, _, tags, number, stamp] = fields(text.strip_suffix('\n')?)?;
    let metric = METRICS.iter().position(|name| *name == metric)?;
    let life = tags.strip_prefix(",\"life=")?.strip_suffix('"')?;
    let key = (life.parse().ok()?, metric, number.parse().ok()?);
    Some((key, stamp.trim_start().parse().ok()?))
}

/// The lines of a stream, which starts at a line and has whole ones, but for its end; and where that is.
pub(super) fn lines(bytes: &[u8]) -> (Vec<Line<'_>>, usize) {
    let text = std::str::from_utf8(bytes).expect("text");
    let (mut lines, mut start) = (Vec::new(), 0);
    for text in text.split_inclusive('\n').filter(|text| text.ends_with('\n')) {
        let (key, stamp) = parse(text).unwrap_or_else(|| panic!("no whole line: {text}"));
        let end = start + text.len();
        lines.push(Line {
            start,
            end,
            key,
            stamp,
            text,
        });
        start = end;
    }
    let rest = &text[start..];
    assert!(
        rest.starts_with(START) || START.starts_with(rest),
        "no start of a line: {rest}"
    );
    (lines, start)
}

impl Line<'_> {
    /// Checks that a line has a date.
    pub(super) fn is_dated(&self) -> bool {
        assert!(
            is_plausible(self.stamp as u64),
            "sent without a date: {}",
            self.text
        );
        true
    }
}

impl Account<'_> {
    fn read(&mut self, connection: &Connection) {
        let (lines, end) = lines(&connection.bytes);
        self.check_order(&lines);
        self.forgive_skipped(&lines, connection);
        self.forgive_misdated(connection);
        let before = self.known.len();
        for line in lines.iter().filter(|line| line.is_dated()) {
            if !self.seen.contains_key(&line.key) {
                let looked = looked_at(connection, line.start);
                let when = self.parts.is_empty().then_some((connection.life, looked.steps));
                let is_right = self.is_right(line, connection) && !self.is_in_doubt;
                let right = is_right.then_some(line.stamp);
                let when = when.filter(|_| !self.is_in_doubt);
                let text = None;
                self.seen.insert(line.key, Seen { text, right, when });
            }
            if line.end <= connection.asked {
                self.known.insert(self.placed(line.key));
            }
            self.stamps.insert(line.key, line.stamp);
            self.last_stamp = self.last_stamp.max(line.stamp);
            let acks = &connection.acks;
            let ack = acks.get(acks.partition_point(|ack| ack.1 < line.end));
            let first = ack.map(|ack| *self.first_acked.entry(line.key).or_insert(ack.0));
            // Connections that have had it for four times as long do not repeat it.
            if let (Some(ack), Some(last)) = (ack, acks.last())
                && line.end > connection.read
            {
                let held = self.held.entry(line.key).or_default();
                *held += last.0 - ack.0;
                if *held >= 3 * self.plan.replay {
                    self.forgiven.insert(line.key);
                }
            }
            // After a proper close a line is repeated only for so long after it was acknowledged first.
            let is_old = connection.broken == Some(Cause::Closed)
                && first.is_some_and(|first| first + self.plan.replay * 7 / 8 < connection.closed);
            if line.end <= connection.read {
                self.note_read(line);
            } else if is_old || line.end <= connection.forgiven && !self.plan.is_roomy {
                self.forgiven.insert(line.key);
            }
        }
        self.is_in_doubt = false;
        if end < connection.bytes.len() {
            self.parts.push(looked_at(connection, end).look);
        }
        let has_taken = lines.first().is_some_and(|line| line.end <= connection.asked);
        self.count_halvings(self.known.len() > before, has_taken);
    }

    /// Counts connections in a row that have acknowledged repeats alone.
    pub(super) fn count_halvings(&mut self, has_new: bool, has_repeated: bool) {
        if has_new {
            self.halvings = 0;
        } else if has_repeated {
            self.halvings += 1;
        }
    }

    /// Lines come in the order of the ring, and those of a metric in the order of their numbers.
    pub(super) fn check_order(&mut self, lines: &[Line]) {
        let (mut last_place, mut last_of) = (None, HashMap::new());
        for line in lines {
            let next = self.order.len();
            let place = *self.order.entry(line.key).or_insert(next);
            assert!(last_place < Some(place), "{:?} is out of order", line.key);
            last_place = Some(place);
            let (life, metric, number) = line.key;
            let last = last_of.insert((life, metric), number);
            assert!(last < Some(number), "{:?} after {last:?}", line.key);
        }
    }

    pub(super) fn placed(&self, key: Key) -> (usize, Key) {
        (self.order[&key], key)
    }

    pub(super) fn is_known(&self, key: &Key) -> bool {
        self.order.contains_key(key) && self.known.contains(&self.placed(*key))
    }

    /// After connections that have acknowledged repeats alone, fewer are sent: it may be those that nobody has read.
    pub(super) fn forgive_skipped(&mut self, lines: &[Line], connection: &Connection) {
        if self.last_life != connection.life {
            (self.last_life, self.halvings) = (connection.life, 0);
        }
        if let Some(first) = lines.first().filter(|_| self.halvings > 0) {
            let skipped = self.known.range(..self.placed(first.key));
            let is_unread = |key: &Key| self.seen.get(key).is_none_or(|seen| seen.text.is_none());
            let skipped: Vec<Key> = skipped.map(|(_, key)| *key).filter(is_unread).collect();
            self.forgiven.extend(skipped);
        }
    }

    /// A line is not repeated while its stamp is ahead of the clock by more than a minute.
    fn forgive_misdated(&mut self, connection: &Connection) {
        let clock = &self.plan.clock;
        let shown = [connection.opened, connection.closed].map(|time| clock.shows(time) / 1_000);
        let latest = shown[0].min(shown[1]) as i64 + 60;
        if self.last_stamp > latest {
            let ahead = self.stamps.iter().filter(|(_, stamp)| **stamp > latest);
            let is_unread = |key: &Key| self.seen.get(key).is_none_or(|seen| seen.text.is_none());
            self.forgiven.extend(ahead.map(|(key, _)| *key).filter(is_unread));
        }
    }

    /// Whether a line that is sent for the first time has to have the right stamp.
    pub(super) fn is_right(&mut self, line: &Line, connection: &Connection) -> bool {
        let mut looks = std::mem::take(&mut self.parts);
        looks.push(looked_at(connection, line.start).look);
        // One of an earlier boot is stamped as it was then.
        let boot = self.lives[line.key.0].boot;
        let last = self.lives.iter().rfind(|life| life.boot == boot);
        if self.lives[connection.life].boot != boot {
            looks.pop();
            looks.extend(last.map(|life| life.look));
        }
        looks.iter().all(|look| *look == Look::Right)
    }

    pub(super) fn note_read(&mut self, line: &Line) {
        let seen = self.seen.entry(line.key).or_default();
        match &seen.text {
            None => seen.text = Some(line.text.to_owned()),
            Some(before) => {
                self.tally.repeats += 1;
                assert_eq!(before, line.text, "a repeat that differs");
            }
        }
    }

    fn check_stamps(&mut self) {
        let mut last = ((usize::MAX, 0), 0, None);
        for (key, seen) in &self.seen {
            let Some(stamp) = seen.right else { continue };
            let span = self.lives[key.0].span;
            let range = match self.day.made.get(key) {
                Some(&made) => made..=made,
                None => span.0..=span.1,
            };
            // It is the deadline's, which a late wake-up is less than a period after.
            let late = match key.1 {
                0 => self.plan.period as i64 / 1_000,
                DATAGRAMS => 0,
                _ => LONGEST_RUN,
            };
            assert!(
                (range.start() - late - BESIDE..=range.end() + BESIDE).contains(&stamp),
                "{key:?} is stamped {stamp}, but was made in {range:?}"
            );
            assert!(
                last.0 != (key.0, key.1) || stamp + 1 >= last.1,
                "{key:?} is stamped {stamp}, the one before it {}",
                last.1
            );
            // Where the clock has not stepped between them, no two have one stamp; programs may print many at once.
            let is_same =
                key.1 == 0 && last.0 == (key.0, key.1) && seen.when.is_some() && seen.when == last.2;
            assert!(
                !is_same || stamp > last.1,
                "{key:?} is stamped {stamp}, as the one before it"
            );
            self.tally.ordered += u64::from(is_same);
            last = ((key.0, key.1), stamp, seen.when);
            self.tally.dated += 1;
        }
    }

    /// As many lines are counted as lost as no connection has acknowledged.
    fn check_counts(&mut self) {
        if self.lives.iter().any(|life| life.is_robbed) {
            return;
        }
        // What was sent last of all is acknowledged when the agent has ended.
        let last = self.day.network.past.last();
        if let Some(last) = last.filter(|last| last.session.is_none()) {
            let placed = lines(&last.bytes).0.into_iter().map(|line| self.placed(line.key));
            let placed: Vec<_> = placed.collect();
            self.known.extend(placed);
        }
        let made = self.lives.iter().flat_map(|life| life.made.iter().copied());
        let lost: Vec<Key> = made.filter(|key| !self.is_known(key)).collect();
        let counted: u64 = self
            .lives
            .iter()
            .map(|life| life.given_up + life.undated + life.rejected)
            .sum();
        // What had left the ring in flight when its agent ended was not yet counted.
        let last = (0..self.lives.len()).filter_map(|life| {
            let mut of_life = self.day.network.past.iter().rev();
            let last = of_life.find(|connection| connection.life == life);
            last.filter(|connection| connection.session.is_none())
        });
        let mut in_flight: BTreeSet<Key> = last
            .flat_map(|last| {
                lines(&last.bytes)
                    .0
                    .into_iter()
                    .filter(|line| line.end > last.asked)
            })
            .map(|line| line.key)
            .collect();
        in_flight.extend(&self.doubtful);
        let excused = lost.iter().filter(|key| in_flight.contains(key)).count() as u64;
        assert!(
            (counted.saturating_sub(self.late())..=counted + excused).contains(&(lost.len() as u64)),
            "{} lost, {counted} counted, {excused} in flight at an agent's end; the first of them: {:?}",
            lost.len(),
            &lost[..lost.len().min(20)]
        );
    }

    /// What was made has been read, or is counted as lost.
    fn check_missing(&mut self) {
        let robbed = self.lives.iter().rposition(|life| life.is_robbed).unwrap_or(0);
        let mut missing = Vec::new();
        for (number, life) in self.lives.iter().enumerate() {
            self.tally.lines += life.made.len() as u64;
            self.tally.script_lines += life.made.iter().filter(|key| key.1 > DATAGRAMS).count() as u64;
            self.tally.datagram_lines += life.made.iter().filter(|key| key.1 == DATAGRAMS).count() as u64;
            self.tally.given_up += life.given_up;
            self.tally.undated += life.undated;
            self.tally.rejected += life.rejected;
            let keys = life.made.iter().copied();
            let is_missing = |key: &Key| {
                let is_unread = self.seen.get(key).is_none_or(|seen| seen.text.is_none());
                is_unread && !self.probed.contains(key)
            };
            missing.extend(
                keys.filter(|key| number >= robbed && is_missing(key) && !self.forgiven.contains(key)),
            );
            let seen = self.seen.range((number, 0, 0)..(number + 1, 0, 0));
            let beyond = seen.map(|seen| seen.0).find(|key| !life.made.contains(key));
            assert!(beyond.is_none(), "what nobody made: {beyond:?}");
        }
        let counted = self.tally.given_up + self.tally.undated + self.tally.rejected;
        // Those that no receiver has accepted come last.
        missing.sort_by_key(|key| !self.is_known(key));
        self.tally.missing = missing.len() as u64;
        assert!(
            self.tally.missing <= counted,
            "{} are missing, {counted} counted: {:?}; the first one went over {:#?}",
            missing.len(),
            &missing[..missing.len().min(20)],
            self.ways_of(missing[0])
        );
        assert!(
            !self.plan.is_roomy || self.tally.given_up == 0,
            "given up with room for all"
        );
    }

    /// The connections that carried a line.
    fn ways_of(&self, key: Key) -> Vec<String> {
        let way = |connection: &Connection| {
            if let Some(session) = &connection.session {
                return session.way_of(key).map(|way| format!("{way} of {connection:?}"));
            }
            let (lines, _) = lines(&connection.bytes);
            let line = lines.into_iter().find(|line| line.key == key)?;
            Some(format!("bytes {} to {} of {connection:?}", line.start, line.end))
        };
        self.day.network.past.iter().filter_map(way).collect()
    }

    fn check_log(&mut self) {
        self.tally.lives = self.lives.len() as u64;
        self.tally.connections = self.day.network.past.len() as u64;
        self.tally.breaks = self.day.network.breaks as u64;
        // What was asked for is not counted.
        let log = self.day.log.iter();
        let log: Vec<_> = log.filter(|line| !line.1.contains("; bytes queued: ")).collect();
        self.tally.most_log_lines = log.len() as u64;
        // An agent that starts anew tells at once what the one before was weary of.
        let lives = self.lives.len();
        let most = 100 + FRESH * (lives - 1) + (SCRIPT_DAY + SCRIPT_FRESH * lives) * self.plan.scripts.len();
        let servers = usize::from(self.plan.has_server.contains(&true));
        let most = most + (SERVER_DAY + SERVER_FRESH * lives) * servers;
        assert!(log.len() < most, "{most}: {log:#?}");
    }
}

pub(super) fn looked_at(connection: &Connection, place: usize) -> Looked {
    let after = connection.looks.partition_point(|look| look.0 <= place);
    connection.looks[after - 1].1
}
