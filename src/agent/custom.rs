//! Metrics of the user's own: when each is due, and what the log is told of those that fail.

use super::Agent;
use super::ranks::CUSTOM;
use super::script::{Lines, Run};
use crate::base::rate_limit::Throttle;
use crate::base::wheel::{Timers, Wheel};
use crate::config::{CUSTOM_MAX, Config, Custom, Number, Origin};
use crate::custom::{self, Trouble};
use crate::format::Record;
use crate::platform::{Ended, LogArg, NEVER, Platform};
use crate::ring::LINE_MAX;
use crate::schedule::{reached, turn};

/// What is known of them, by their places in the configuration.
pub(super) struct Customs {
    wheel: Wheel,
    /// Those that have not been due.
    firsts: Timers,
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
            firsts: 0,
            deadlines: Wheel::new(now),
            runs: [Run::NONE; CUSTOM_MAX],
            lines,
            told: [Told::NOTHING; CUSTOM_MAX],
        }
    }

    /// Those of a period have their first turn `at` a time.
    pub(super) fn begin(&mut self, config: &Config, at: impl Fn(u32) -> u64) {
        for (number, custom) in config.custom().enumerate() {
            self.start(number, at(period(config, &custom)));
        }
    }

    fn start(&mut self, number: usize, at: u64) {
        self.firsts |= 1 << number;
        self.wheel.arm(number, at);
    }

    /// Others are asked for: those that are as they were go on.
    pub(super) fn change<W: Platform>(
        &mut self,
        [before, now_on]: [&Config; 2],
        platform: &mut W,
        at: impl Fn(u32) -> u64,
    ) {
        for number in 0..CUSTOM_MAX {
            // What is said of it, and its interval.
            let [old, new] = [before, now_on].map(|config| {
                let custom = config.custom_at(number)?;
                Some((custom.tape, period(config, &custom)))
            });
            if old == new {
                continue;
            }
            self.end_run(number, platform);
            self.wheel.disarm(number);
            if let Some(told) = self.told.get_mut(number) {
                *told = Told::NOTHING;
            }
            if let Some((_, period)) = new {
                self.start(number, at(period));
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
    fn is_news(&mut self, number: usize, trouble: Option<Trouble>, now: u64) -> bool {
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

/// Milliseconds between two turns.
fn period(config: &Config, custom: &Custom) -> u32 {
    custom.interval.unwrap_or(config.interval)
}

impl Agent<'_, '_> {
    /// Takes those that are due.
    pub(super) fn take_customs<W: Platform>(&mut self, platform: &mut W) {
        let now = self.state.output.now;
        let due = self.state.customs.due(now);
        if due == 0 {
            return;
        }
        let firsts = core::mem::take(&mut self.state.customs.firsts);
        self.state.customs.firsts = firsts & !due;
        let phase = self.state.sched.phase();
        let mut room = [0; LINE_MAX];
        for (number, custom) in self.config.custom().enumerate() {
            if due & 1 << number != 0 {
                let period = period(self.config, &custom);
                let mut moment = now;
                // What is printed once is taken once.
                if !self.state.output.is_patient {
                    moment = reached(phase, period, firsts & 1 << number != 0, now);
                    self.state.customs.wheel.arm(number, turn(phase, period, now));
                }
                match &custom.origin {
                    Origin::Script(script) => self.start_script(platform, number, script, (period, moment)),
                    Origin::File(file) => {
                        self.state.set_time(moment);
                        self.take_number(platform, number, file, &mut room);
                    }
                }
            }
        }
    }

    fn take_number<W: Platform>(&mut self, platform: &mut W, number: usize, file: &Number, room: &mut [u8]) {
        let output = &mut self.state.output;
        let result = custom::read(file);
        match result {
            Ok(value) => {
                let record = Record {
                    metric: file.metric,
                    instance: &[],
                    value,
                };
                let rank = self.state.ranks.of(CUSTOM + number, output.now);
                // A name alone is never too long.
                let _ = output.take(&record, rank, room, &self.aims, platform);
                self.state.ranks.note(CUSTOM + number, output.now);
            }
            Err(_) => output.errors += 1,
        }
        self.tell(platform, number, result.err(), b"");
    }

    /// Tells how it has gone, if that is news; `line` is what is said of a bad line.
    #[inline(never)]
    pub(super) fn tell<W: Platform>(
        &mut self,
        platform: &mut W,
        number: usize,
        trouble: Option<Trouble>,
        line: &[u8],
    ) {
        let now = self.state.output.now;
        if !self.state.customs.is_news(number, trouble, now) {
            return;
        }
        let Some(custom) = self.config.custom_at(number) else {
            return;
        };
        let (colon, file, again): (&[u8], &[u8], &[u8]) = match &custom.origin {
            Origin::File(number) => (b": ", number.file, b"can be read again"),
            Origin::Script(_) => (b"", b"", b"all is well again"),
        };
        let Some(trouble) = trouble else {
            return platform.log("%: %", &[custom.name(), again].map(LogArg::Text));
        };
        let mut what = LogArg::Text(line);
        let words: &[u8] = match trouble {
            Trouble::System(errno) => {
                what = LogArg::Cause(errno.into());
                b""
            }
            Trouble::Ended(Ended::Exit(status)) => {
                what = LogArg::Number(status.into());
                b"exit status "
            }
            Trouble::Ended(Ended::Signal(signal)) => {
                what = LogArg::Number(signal.into());
                b"ended by signal "
            }
            Trouble::Missing => b"no such line or field",
            Trouble::NoNumber => b"not a number, or too large a one",
            Trouble::BadLine => b"",
            Trouble::TooSlow => b"it takes too long",
            Trouble::TooMuch => b"it prints more than 16384 bytes",
        };
        let given = [
            LogArg::Text(custom.name()),
            LogArg::Text(colon),
            LogArg::Text(file),
            LogArg::Text(words),
            what,
        ];
        platform.log("%%%: %%", &given);
    }
}
