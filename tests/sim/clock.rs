//! The wall clock: how far it is from the true time, and when.

use super::chance::Chance;
use super::plan::{Boot, DAY, End, MINUTE, TROUBLE};

const HOUR: i64 = 3_600_000;
const YEAR: i64 = 365 * 24 * HOUR;
/// Milliseconds by which a clock may be wrong and pass for right.
const RIGHT: i64 = 1_000;
/// No earlier time is right: what the build says.
const BUILT: u64 = parse(env!("MINI_MONITOR_DATE"));
/// The true time at the start of the day, a month after that.
const START: i64 = (BUILT as i64 + 30 * 86_400) * 1_000;

const fn parse(text: &str) -> u64 {
    let (mut number, mut place) = (0, 0);
    while place < text.len() {
        number = number * 10 + (text.as_bytes()[place] - b'0') as u64;
        place += 1;
    }
    number
}

/// The true time, in milliseconds since 1970, at so many after the start of the day.
pub(crate) fn truth(time: u64) -> i64 {
    START + time as i64
}

/// Whether a stamp, in seconds since 1970, can be that of a clock that is right.
pub(crate) fn is_plausible(second: u64) -> bool {
    (BUILT..=u64::from(u32::MAX)).contains(&second)
}

/// What a look at the wall clock has shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Right,
    /// Wrong, but nobody can know.
    Wrong,
    Impossible,
}

/// What an agent knows of the wall clock: what its last look has shown, and how often the clock had stepped by then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Looked {
    pub(crate) look: Look,
    pub(crate) steps: usize,
}

pub(crate) struct WallClock {
    /// From when on it is wrong by how many milliseconds, in order.
    errors: Vec<(u64, i64)>,
}

impl WallClock {
    pub(crate) fn right() -> Self {
        Self { errors: vec![(0, 0)] }
    }

    /// A clock that is wrong by so many milliseconds from each of these times on.
    pub(crate) fn stepping(steps: &[(u64, i64)]) -> Self {
        let right = std::iter::once((0, 0));
        Self {
            errors: right.chain(steps.iter().copied()).collect(),
        }
    }

    /// Draws a clock; one without a battery starts anew in 1970 with each boot.
    pub(crate) fn draw(chance: &mut Chance, ends: &[End]) -> Self {
        let mut errors = vec![(0, 0)];
        match chance.below(6) {
            0 => small_steps(chance, &mut errors),
            1 | 2 => from_1970(chance, ends, &mut errors),
            3 => {
                let from = chance.pick(&[0, 0, chance_time(5)]);
                errors.push((from, 7 * YEAR));
                errors.push((from + chance.span(MINUTE, 180 * MINUTE), 0));
            }
            4 => hours(chance, &mut errors),
            _ => {
                small_steps(chance, &mut errors);
                from_1970(chance, ends, &mut errors);
                hours(chance, &mut errors);
            }
        }
        errors.retain(|error| error.0 < TROUBLE);
        errors.push((TROUBLE, 0));
        errors.sort_by_key(|error| error.0);
        Self { errors }
    }

    fn error(&self, time: u64) -> i64 {
        let after = self.errors.partition_point(|error| error.0 <= time);
        self.errors[after - 1].1
    }

    /// Milliseconds since 1970 that it shows.
    pub(crate) fn shows(&self, time: u64) -> u64 {
        (truth(time) + self.error(time)).max(0) as u64
    }

    /// Steps up to then. An agent may follow a small one, too, after another one that it did not follow.
    pub(crate) fn steps(&self, time: u64) -> usize {
        let errors = self.errors.windows(2).take_while(|pair| pair[1].0 <= time);
        errors.filter(|pair| pair[0].1 != pair[1].1).count()
    }

    pub(crate) fn look(&self, time: u64) -> Look {
        if !is_plausible(self.shows(time) / 1_000) {
            Look::Impossible
        } else if self.error(time).abs() < RIGHT {
            Look::Right
        } else {
            Look::Wrong
        }
    }
}

const fn chance_time(hours: u64) -> u64 {
    hours * 60 * MINUTE
}

/// As somebody sets it who asks a time server now and then.
fn small_steps(chance: &mut Chance, errors: &mut Vec<(u64, i64)>) {
    for _ in 0..chance.below(20) {
        let error = chance.between(0, 900) as i64 - 450;
        errors.push((chance.below(DAY), error));
    }
}

/// With each boot in 1970, and set right after a minute or so.
fn from_1970(chance: &mut Chance, ends: &[End], errors: &mut Vec<(u64, i64)>) {
    let boots = ends.iter().filter(|end| end.boot != Boot::Same);
    let starts = boots.map(|end| end.time + end.pause);
    for start in std::iter::once(0).chain(starts) {
        let shown = chance.below(100_000) as i64;
        errors.push((start, shown - truth(start)));
        let wait = chance.pick(&[MINUTE, MINUTE, 10 * MINUTE, 180 * MINUTE, 720 * MINUTE]);
        errors.push((start + chance.between(MINUTE / 2, wait), 0));
    }
}

/// There and back again; sometimes to where it cannot be.
fn hours(chance: &mut Chance, errors: &mut Vec<(u64, i64)>) {
    for _ in 0..chance.between(1, 6) {
        let at = chance.below(DAY);
        let error = chance.pick(&[HOUR, HOUR, -HOUR, -HOUR, 5_000, -2 * YEAR, 120 * YEAR]);
        errors.push((at, error));
        errors.push((at + chance.span(1_000, 180 * MINUTE), 0));
    }
}
