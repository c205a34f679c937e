//! Metrics of the user's own: when each is due, and what the log is told of those that fail.

use super::Agent;
use super::ranks::CUSTOM;
use super::script::{Lines, Run};
use crate::config::{CUSTOM_MAX, Config, Custom};
use crate::custom::{self, Trouble};
use crate::format::Record;
use crate::ring::LINE_MAX;
use crate::sched::turn;
use crate::throttle::Throttle;
use crate::wheel::{Timers, Wheel};
use crate::world::{NEVER, Part, World};

/// What is known of them, by their places in the configuration.
pub(super) struct Customs {
    wheel: Wheel,
    /// When scripts are to be looked after.
    pub(super) deadlines: Wheel,
    pub(super) runs: [Run; CUSTOM_MAX],
    pub(super) lines: &'static mut Lines,
    told: [Told; CUSTOM_MAX],
}

/// What the log has been told of one.
#[derive(Clone, Copy)]
struct Told {
    throttle: Throttle,
    trouble: Option<Trouble>,
}

impl Told {
    const NOTHING: Self = Self {
        throttle: Throttle::new(),
        trouble: None,
    };
}

impl Customs {
    /// None is due.
    pub(super) fn new(lines: &'static mut Lines, now: u64) -> Self {
        Self {
            wheel: Wheel::new(now),
            deadlines: Wheel::new(now),
            runs: [Run::NONE; CUSTOM_MAX],
            lines,
            told: [Told::NOTHING; CUSTOM_MAX],
        }
    }

    /// All of them are due at once.
    pub(super) fn begin(&mut self, config: &Config, now: u64) {
        for (number, _) in config.custom().enumerate() {
            self.wheel.arm(number, now);
        }
    }

    /// Others are asked for: those that are as they were go on.
    pub(super) fn change<W: World>(&mut self, [before, now_on]: [&Config; 2], world: &mut W, now: u64) {
        for number in 0..CUSTOM_MAX {
            let [old, new] = [before, now_on].map(|config| config.custom().nth(number));
            let has_own_interval = new.is_some_and(|custom| custom.interval.is_some());
            if old == new && (has_own_interval || before.interval == now_on.interval) {
                continue;
            }
            self.end_run(number, world);
            self.wheel.disarm(number);
            if let Some(told) = self.told.get_mut(number) {
                *told = Told::NOTHING;
            }
            if new.is_some() {
                self.wheel.arm(number, now);
            }
        }
    }

    /// Whether a script runs that will end.
    pub(super) fn are_running(&self) -> bool {
        self.runs.iter().any(Run::is_under_way)
    }

    /// When the next is due.
    pub(super) fn next(&self) -> u64 {
        let next = |wheel: &Wheel| wheel.next().unwrap_or(NEVER);
        next(&self.wheel).min(next(&self.deadlines))
    }

    fn due(&mut self, now: u64) -> Timers {
        self.wheel.expire(now)
    }

    /// Whether to tell how it has gone.
    pub(super) fn pass(&mut self, number: usize, trouble: Option<Trouble>, now: u64) -> bool {
        let Some(told) = self.told.get_mut(number).filter(|told| told.trouble != trouble) else {
            return false;
        };
        let passes = told.throttle.pass(now).is_some();
        if passes {
            told.trouble = trouble;
        }
        passes
    }
}

impl Agent<'_, '_> {
    /// Takes those that are due.
    pub(super) fn take_customs<W: World>(&mut self, world: &mut W) {
        let now = self.state.output.now;
        let due = self.state.customs.due(now);
        if due == 0 {
            return;
        }
        self.state.output.writer.set_time(self.state.time);
        let mut room = [0; LINE_MAX];
        for (number, custom) in self.config.custom().enumerate() {
            if due & 1 << number != 0 {
                let period = custom.interval.unwrap_or(self.config.interval);
                let next = turn(self.state.sched.phase(), period, now);
                self.state.customs.wheel.arm(number, next);
                match &custom.script {
                    Some(script) => self.start_script(world, number, script, period),
                    None => self.take_custom(world, number, &custom, &mut room),
                }
            }
        }
    }

    fn take_custom<W: World>(&mut self, world: &mut W, number: usize, custom: &Custom, room: &mut [u8]) {
        let output = &mut self.state.output;
        let result = custom::read(custom);
        match result {
            Ok(value) => {
                let record = Record {
                    metric: custom.metric,
                    instance: &[],
                    value,
                };
                let rank = self.state.ranks.of(CUSTOM + number, output.now);
                output.take(&record, rank, room, &self.aims, world);
                self.state.ranks.note(CUSTOM + number, output.now);
            }
            Err(_) => output.errors += 1,
        }
        if self.state.customs.pass(number, result.err(), output.now) {
            tell(world, custom, result.err());
        }
    }
}

fn tell<W: World>(world: &mut W, custom: &Custom, trouble: Option<Trouble>) {
    let name = Part::Text(custom.metric.as_bytes());
    let Some(trouble) = trouble else {
        return world.log("%: can be read again", &[name]);
    };
    let words = match trouble {
        Trouble::System(errno) => Part::Cause(errno.into()),
        Trouble::Missing => Part::Text(b"no such line or field"),
        _ => Part::Text(b"not a number, or too large a one"),
    };
    world.log("%: %: %", &[name, Part::Text(custom.file), words]);
}
