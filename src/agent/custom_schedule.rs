//! The user's own metrics: when each is due, and what the log has of those that fail.

use super::script_runs::{Lines, Run};
use super::thin_levels::CUSTOM;
use super::{Agent, Cx};
use crate::base::rate_limit::Throttle;
use crate::base::wheel::{Timers, Wheel};
use crate::config::{CUSTOM_MAX, Config, Custom, Number, Origin};
use crate::custom::{self, CustomError};
use crate::format::Sample;
use crate::platform::{Ended, LogArg, NEVER, Platform};
use crate::schedule::{reached, turn};

/// The state of the user's own metrics, by their indices in the configuration.
pub(super) struct CustomSchedule {
    wheel: Wheel,
    /// Those that have not been due.
    firsts: Timers,
    /// Deadlines of scripts that run.
    pub(super) deadlines: Wheel,
    pub(super) runs: [Run; CUSTOM_MAX],
    pub(super) lines: &'static mut Lines,
    logged: [Logged; CUSTOM_MAX],
}

/// The state of one metric as the log has it.
#[derive(Clone, Copy)]
struct Logged {
    throttle: Throttle,
    error: Option<CustomError>,
}

impl Logged {
    const NOTHING: Self = Self {
        throttle: Throttle::new(),
        error: None,
    };
}

impl CustomSchedule {
    /// Metrics of which none is due.
    pub(super) fn new(lines: &'static mut Lines, now: u64) -> Self {
        Self {
            wheel: Wheel::new(now),
            firsts: 0,
            deadlines: Wheel::new(now),
            runs: [Run::NONE; CUSTOM_MAX],
            lines,
            logged: [Logged::NOTHING; CUSTOM_MAX],
        }
    }

    /// Schedules the first turn of each metric; `first` returns that of a period.
    pub(super) fn begin(&mut self, config: &Config, first: impl Fn(u32) -> u64) {
        for (number, custom) in config.custom().enumerate() {
            self.start(number, first(period(config, &custom)));
        }
    }

    fn start(&mut self, number: usize, at: u64) {
        self.firsts |= 1 << number;
        self.wheel.arm(number, at);
    }

    /// Adopts the metrics of the second configuration. Those that are the same in both go on.
    pub(super) fn change<P: Platform>(
        &mut self,
        [before, next]: [&Config; 2],
        platform: &mut P,
        first: impl Fn(u32) -> u64,
    ) {
        for number in 0..CUSTOM_MAX {
            // The definition and the interval.
            let [old, new] = [before, next].map(|config| {
                let custom = config.custom_at(number)?;
                Some((custom.origin, period(config, &custom)))
            });
            if old == new {
                continue;
            }
            self.end_run(number, platform);
            self.wheel.disarm(number);
            if let Some(logged) = self.logged.get_mut(number) {
                *logged = Logged::NOTHING;
            }
            if let Some((_, period)) = new {
                self.start(number, first(period));
            }
        }
    }

    /// Whether a script runs that will end.
    pub(super) fn are_running(&self) -> bool {
        self.runs.iter().any(Run::is_under_way)
    }

    /// The next deadline of a metric or a script.
    pub(super) fn next(&self) -> u64 {
        let next = |wheel: &Wheel| wheel.next().unwrap_or(NEVER);
        next(&self.wheel).min(next(&self.deadlines))
    }

    /// Whether to log a result; the throttle counts it then.
    fn should_log(&mut self, number: usize, error: Option<CustomError>, now: u64) -> bool {
        let Some(logged) = self.logged.get_mut(number).filter(|logged| logged.error != error) else {
            return false;
        };
        let passes = logged.throttle.pass(now).is_some();
        if passes {
            logged.error = error;
        }
        passes
    }
}

/// Milliseconds between two turns.
fn period(config: &Config, custom: &Custom) -> u32 {
    custom.interval.unwrap_or(config.interval)
}

impl Agent<'_> {
    /// Reads the files and starts the scripts that are due.
    pub(super) fn collect_custom<P: Platform>(&mut self, cx: &mut Cx<P>) {
        let now = self.now;
        let due = self.custom.wheel.expire(now);
        if due == 0 {
            return;
        }
        let firsts = core::mem::take(&mut self.custom.firsts);
        self.custom.firsts = firsts & !due;
        let phase = self.sched.phase();
        for (number, custom) in cx.config.custom().enumerate() {
            if due & 1 << number == 0 {
                continue;
            }
            let period = period(cx.config, &custom);
            let mut moment = now;
            if !self.is_once {
                moment = reached(phase, period, firsts & 1 << number != 0, now);
                self.custom.wheel.arm(number, turn(phase, period, now));
            }
            match &custom.origin {
                Origin::Script(script) => self.start_script(number, script, (period, moment), cx),
                Origin::File(file) => {
                    self.set_time(moment);
                    self.make_room(cx);
                    self.collect_file(number, file, cx);
                }
            }
        }
    }

    fn collect_file<P: Platform>(&mut self, number: usize, file: &Number, cx: &mut Cx<P>) {
        let result = custom::read(file);
        match result {
            Ok(value) => {
                let sample = Sample {
                    metric: file.metric,
                    instance: &[],
                    value,
                };
                let thin_level = self.thin_levels.of(CUSTOM + number, self.now);
                // A name alone is never too long.
                let _ = self.output.push(&sample, thin_level, cx);
                self.thin_levels.note(CUSTOM + number, self.now);
            }
            Err(_) => self.output.errors += 1,
        }
        self.log_custom(number, result.err(), b"", cx);
    }

    /// Logs a result if it is new; `line` describes a malformed line.
    pub(super) fn log_custom<P: Platform>(
        &mut self,
        number: usize,
        error: Option<CustomError>,
        line: &[u8],
        cx: &mut Cx<P>,
    ) {
        if !self.custom.should_log(number, error, self.now) {
            return;
        }
        let Some(custom) = cx.config.custom_at(number) else {
            return;
        };
        let (colon, file, again): (&[u8], &[u8], &[u8]) = match &custom.origin {
            Origin::File(number) => (b": ", number.file, b"can be read again"),
            Origin::Script(_) => (b"", b"", b"runs without errors again"),
        };
        let Some(error) = error else {
            return cx.platform.log("%: %", &[custom.name(), again].map(LogArg::Text));
        };
        let mut what = LogArg::Text(line);
        let words: &[u8] = match error {
            CustomError::System(errno) => {
                what = LogArg::Cause(errno.into());
                b""
            }
            CustomError::Ended(Ended::Exit(status)) => {
                what = LogArg::Number(status.into());
                b"exit status "
            }
            CustomError::Ended(Ended::Signal(signal)) => {
                what = LogArg::Number(signal.into());
                b"killed by signal "
            }
            CustomError::Missing => b"no such line or field",
            CustomError::NotNumber => b"not a number, or too large",
            CustomError::InvalidLine => b"",
            CustomError::TooSlow => b"timed out",
            CustomError::TooLong => b"printed more than 16384 bytes",
        };
        let given = [
            LogArg::Text(custom.name()),
            LogArg::Text(colon),
            LogArg::Text(file),
            LogArg::Text(words),
            what,
        ];
        cx.platform.log("%%%: %%", &given);
    }
}
