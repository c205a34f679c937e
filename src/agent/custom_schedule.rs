//! Custom metrics: when each is due, and reads of the files.

use super::error_log::LoggedError;
use super::script_runs::{Run, UnfinishedLines};
use super::thin_levels::CUSTOM;
use super::{Agent, Cx};
use crate::config::{CUSTOM_MAX, Config, Number};
use crate::custom::{self, CustomError};
use crate::format::Sample;
use crate::platform::{NEVER, Platform};
use crate::schedule::{reached, turn};

/// The state of a custom metric.
#[derive(Clone, Copy)]
pub(super) struct CustomMetric {
    /// The deadline of its next turn.
    due: u64,
    /// It has not been due.
    is_first: bool,
    pub(super) run: Run,
    /// The error, and a hash of what the script wrote to its standard error.
    pub(super) error: LoggedError<(CustomError, u32)>,
}

/// The state of the custom metrics, by their indices in the configuration.
pub(super) struct CustomSchedule {
    pub(super) metrics: [CustomMetric; CUSTOM_MAX],
    pub(super) lines: &'static mut UnfinishedLines,
}

impl CustomSchedule {
    /// Metrics of which none is due.
    pub(super) fn new(lines: &'static mut UnfinishedLines) -> Self {
        let none = CustomMetric {
            due: NEVER,
            is_first: false,
            run: Run::NONE,
            error: LoggedError::NONE,
        };
        Self {
            metrics: [none; CUSTOM_MAX],
            lines,
        }
    }

    /// Schedules the first turn of each metric; `first` returns that of a period.
    pub(super) fn begin(&mut self, config: &Config, first: &dyn Fn(u32) -> u64) {
        for number in 0..CUSTOM_MAX {
            self.start(number, config, first);
        }
    }

    fn start(&mut self, number: usize, config: &Config, first: &dyn Fn(u32) -> u64) {
        if let Some(custom) = config.custom_at(number) {
            let metric = &mut self.metrics[number];
            (metric.due, metric.is_first) = (first(custom.period(config)), true);
        }
    }

    /// Adopts the metrics of the second configuration. Those that are the same in both go on.
    pub(super) fn change(
        &mut self,
        [before, next]: [&Config; 2],
        platform: &mut dyn Platform,
        first: &dyn Fn(u32) -> u64,
    ) {
        for number in 0..CUSTOM_MAX {
            let is_same = match (before.custom_at(number), next.custom_at(number)) {
                (Some(old), Some(new)) => {
                    old.number == new.number
                        && old.script == new.script
                        && old.period(before) == new.period(next)
                }
                (old, new) => old.is_none() && new.is_none(),
            };
            if !is_same {
                self.end_run(number, platform);
                let metric = &mut self.metrics[number];
                (metric.due, metric.error) = (NEVER, LoggedError::NONE);
                self.start(number, next, first);
            }
        }
    }

    /// The next deadline of a metric or a script.
    pub(super) fn next(&self) -> u64 {
        let deadlines = self
            .metrics
            .iter()
            .map(|metric| metric.due.min(metric.run.deadline));
        deadlines.fold(NEVER, u64::min)
    }
}

impl Agent<'_> {
    /// Reads the files and starts the scripts that are due.
    pub(super) fn collect_custom(&mut self, cx: &mut Cx) {
        let (now, phase, config) = (self.now, self.sched.phase(), cx.config);
        for (number, custom) in config.custom().enumerate() {
            let metric = &mut self.custom.metrics[number];
            if metric.due > now {
                continue;
            }
            let is_first = core::mem::take(&mut metric.is_first);
            let period = custom.period(config);
            let mut moment = now;
            metric.due = NEVER;
            if !self.is_once {
                moment = reached(phase, period, is_first, now);
                metric.due = turn(phase, period, now);
            }
            if custom.is_script() {
                self.start_script(number, &custom.script, (period, moment), cx);
            } else {
                self.set_time(moment);
                self.make_room(cx);
                self.collect_file(number, &custom.number, cx);
            }
        }
    }

    fn collect_file(&mut self, number: usize, file: &Number, cx: &mut Cx) {
        let result = custom::read(file);
        if let Ok(value) = result {
            let thin_level = self.thin_levels.of(CUSTOM + number, self.now);
            let sample = Sample {
                metric: file.metric,
                instance: file.tags(),
                value,
            };
            // The tags were checked to fit.
            let _ = self.output.push_sample(&sample, self.now, thin_level, cx);
            self.thin_levels.note(CUSTOM + number, self.now);
        } else {
            self.output.errors += 1;
        }
        self.log_custom(number, result.err(), b"", b"", cx);
    }
}
