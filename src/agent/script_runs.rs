//! Runs of the user's scripts: started, read line by line, and ended when they take too long.

use super::custom_schedule::CustomSchedule;
use super::thin_levels::CUSTOM;
use super::{Agent, Cx};
use crate::base::bit_set::{Timers, set_bits};
use crate::base::name::Name;
use crate::config::{CUSTOM_MAX, Script};
use crate::custom::{CustomError, read_line};
use crate::platform::{Ended, NEVER, Platform, SCRIPTS_MAX};

/// Bytes of the longest line of a script.
const PRINTED_MAX: usize = 512;
/// Bytes that a script may print in one run; the log's message names the number.
const OUTPUT_MAX: u32 = 16 << 10;
/// Bytes of a piece that is read at once, and pieces in one turn.
const PIECE: usize = 1024;
const PIECES: usize = 4;
/// Milliseconds from asking a script to end to ending it.
const GRACE: u64 = 1_000;
/// Milliseconds until a script that could not be killed is killed again.
const AGAIN: u64 = 60_000;
/// Bytes of a malformed line that the log has.
pub(super) const LOGGED_MAX: usize = 60;
/// Bytes of the first line of the standard error that the log has.
const FIRST_ERROR_MAX: usize = 120;

// A script has the index of its metric.
const _: () = assert!(CUSTOM_MAX == SCRIPTS_MAX);

/// The unfinished line of each script. It is zero at first, so that unused pages take no memory.
pub(super) struct UnfinishedLines([[u8; PRINTED_MAX]; SCRIPTS_MAX]);

impl UnfinishedLines {
    /// No unfinished line.
    pub(super) const EMPTY: Self = Self([[0; PRINTED_MAX]; SCRIPTS_MAX]);
}

/// The stage of a run.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Idle,
    Running,
    /// It has been asked to end.
    Asked,
    /// It could not be killed.
    Stuck,
}

/// A run of a script.
#[derive(Clone, Copy)]
pub(super) struct Run {
    stage: Stage,
    /// It is no longer configured and could not be ended: its result is not logged under another metric.
    is_left: bool,
    /// The deadline at which it was started: the moment of its samples.
    started: u64,
    /// When it has to have ended; [`NEVER`] if it is idle.
    pub(super) deadline: u64,
    /// Bytes that it has printed, and whether there was a sample among them.
    printed: u32,
    has_sample: bool,
    /// Bytes of its unfinished line; more than the buffer holds if the line is too long.
    held: usize,
    /// The thin level of its lines.
    thin_level: u8,
    /// The first error.
    error: Option<CustomError>,
}

impl Run {
    pub(super) const NONE: Self = Self {
        stage: Stage::Idle,
        is_left: false,
        started: 0,
        deadline: NEVER,
        printed: 0,
        has_sample: false,
        held: 0,
        thin_level: 0,
        error: None,
    };

    fn is_idle(&self) -> bool {
        self.stage == Stage::Idle
    }

    fn set_stage(&mut self, stage: Stage, deadline: u64) {
        (self.stage, self.deadline) = (stage, deadline);
    }

    /// Returns the error of a run that has ended, and whether it counts as a failure. `has_written`: it has written to its
    /// standard error.
    fn result(&self, has_written: bool) -> (Option<CustomError>, bool) {
        match self.error {
            // A script may have nothing to report; one that also complains has failed, whatever its status is: the status
            // of `missing | awk` is that of awk.
            None if !self.has_sample => (Some(CustomError::Silent), has_written),
            None if has_written => (Some(CustomError::Warning), false),
            error => (error, error.is_some()),
        }
    }

    /// Keeps the error, unless there was one before.
    fn note(&mut self, error: CustomError) {
        self.error.get_or_insert(error);
    }
}

impl CustomSchedule {
    fn run(&mut self, number: usize) -> &mut Run {
        &mut self.metrics[number].run
    }

    /// Appends to the unfinished line of a script, as far as it fits.
    fn hold(&mut self, number: usize, text: &[u8]) {
        let held = &mut self.metrics[number].run.held;
        let free = self.lines.0[number].get_mut(*held..).unwrap_or_default();
        for (to, from) in free.iter_mut().zip(text) {
            *to = *from;
        }
        *held += text.len();
    }

    /// Returns whether a script runs that will end.
    pub(super) fn are_running(&self) -> bool {
        let mut stages = self.metrics.iter().map(|metric| metric.run.stage);
        stages.any(|stage| matches!(stage, Stage::Running | Stage::Asked))
    }

    /// Ends all scripts that run.
    pub(super) fn end_all(&mut self, platform: &mut dyn Platform) {
        for number in 0..CUSTOM_MAX {
            self.end_run(number, platform);
        }
    }

    /// Ends the script, if it runs. A script that cannot be ended keeps its index until it has ended.
    pub(super) fn end_run(&mut self, number: usize, platform: &mut dyn Platform) {
        let run = self.run(number);
        if run.is_idle() {
            return;
        }
        if platform.end_script(number).is_some() {
            run.set_stage(Stage::Idle, NEVER);
        } else {
            (run.is_left, run.held) = (true, 0);
        }
    }
}

impl Agent<'_> {
    /// Starts a script, unless it still runs.
    pub(super) fn start_script(
        &mut self,
        number: usize,
        script: &Script,
        (period, started): (u32, u64),
        cx: &mut Cx,
    ) {
        let run = self.custom.run(number);
        if !run.is_idle() {
            return;
        }
        *run = Run {
            stage: Stage::Running,
            started,
            deadline: self.now + u64::from(script.timeout.unwrap_or(period / 2)),
            thin_level: self.thin_levels.of(CUSTOM + number, self.now),
            ..Run::NONE
        };
        let mut arguments = script.arguments();
        if let Err(errno) = cx.platform.start_script(number, &mut arguments, script.user) {
            run.set_stage(Stage::Idle, NEVER);
            self.output.errors += 1;
            self.log_custom(number, Some(CustomError::System(errno)), b"", b"", cx);
        }
    }

    /// Collects the lines that these scripts have printed, and checks those whose deadline has come.
    pub(super) fn collect_scripts(&mut self, printed: Timers, cx: &mut Cx) {
        for number in set_bits(printed) {
            for _ in 0..PIECES {
                if !self.collect_piece(number, cx) {
                    break;
                }
            }
        }
        for number in 0..CUSTOM_MAX {
            if self.custom.run(number).deadline <= self.now {
                self.check_script(number, cx);
            }
        }
    }

    /// Checks all scripts, since a child has ended.
    pub(super) fn check_scripts(&mut self, cx: &mut Cx) {
        for number in 0..CUSTOM_MAX {
            self.check_script(number, cx);
        }
    }

    /// Finishes the script if it has ended; asks it to end, and then kills it, if its time is over.
    fn check_script(&mut self, number: usize, cx: &mut Cx) {
        let run = self.custom.run(number);
        if run.is_idle() {
            return;
        }
        if cx.platform.script_has_ended(number) {
            while self.collect_piece(number, cx) {}
            self.finish_script(number, cx);
        } else if self.now >= run.deadline {
            if run.stage == Stage::Running {
                run.set_stage(Stage::Asked, self.now + GRACE);
                run.note(CustomError::TooSlow);
                cx.platform.terminate_script(number);
            } else {
                self.finish_script(number, cx);
            }
        }
    }

    /// Collects a piece of what the script has printed; returns whether there may be more. A script that has printed
    /// too much is ended.
    fn collect_piece(&mut self, number: usize, cx: &mut Cx) -> bool {
        self.make_room(cx);
        let mut buffer = [0; PIECE];
        let Some(length @ 1..) = cx.platform.read_script(number, &mut buffer) else {
            return false;
        };
        for line in buffer[..length].split_inclusive(|byte| *byte == b'\n') {
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            self.custom.hold(number, text);
            if text.len() < line.len() {
                self.collect_line(number, cx);
            }
        }
        let run = self.custom.run(number);
        run.printed += length as u32;
        if run.printed <= OUTPUT_MAX {
            return true;
        }
        run.note(CustomError::TooLong);
        self.finish_script(number, cx);
        false
    }

    /// Collects the line that the script has printed.
    fn collect_line(&mut self, number: usize, cx: &mut Cx) {
        let (run, line) = (&mut self.custom.metrics[number].run, &self.custom.lines.0[number]);
        let held = core::mem::take(&mut run.held);
        let text = line.get(..held).unwrap_or(line);
        let (output, thin_level) = (&mut self.output, run.thin_level);
        let (now, time) = (self.now, self.clock.stamp(run.started));
        let is_good = held <= line.len()
            && read_line(text, &mut |sample| {
                output.writer.set_time(time);
                output.push_sample(sample, now, thin_level, cx)?;
                run.has_sample = true;
                Some(())
            })
            .is_some();
        if is_good {
            return;
        }
        run.note(CustomError::InvalidLine);
        // It is logged at once, while the line is there, and not again at the end of the run.
        let text = Name::<LOGGED_MAX>::start_of(text);
        self.log_custom(number, Some(CustomError::InvalidLine), text.bytes(), b"", cx);
    }

    /// Ends all that is left of the script, and logs its result.
    fn finish_script(&mut self, number: usize, cx: &mut Cx) {
        let run = self.custom.run(number);
        // A script may have written more than one read takes; its first line is known by then.
        let written = Name::<FIRST_ERROR_MAX>::start_of(cx.platform.read_script_errors(number));
        let ended = cx.platform.end_script(number);
        if run.is_idle() {
            return;
        }
        if let Some(ended) = ended {
            run.set_stage(Stage::Idle, NEVER);
            if ended != Ended::Exit(0) {
                run.note(CustomError::Ended(ended));
            }
            if run.printed > 0 {
                self.thin_levels.note(CUSTOM + number, self.now);
            }
            // Its last line may lack its newline; the last line of a killed script may be cut.
            if run.held > 0 && run.error.is_none() {
                self.collect_line(number, cx);
            }
        } else {
            run.set_stage(Stage::Stuck, self.now + AGAIN);
        }
        let run = self.custom.run(number);
        let (is_idle, is_left) = (run.is_idle(), run.is_left);
        let (error, is_failure) = run.result(!written.is_none());
        self.output.errors += u64::from(is_idle && is_failure);
        // A malformed line has been logged already.
        if error != Some(CustomError::InvalidLine) && !is_left {
            self.log_custom(number, error, b"", written.bytes(), cx);
        }
    }
}
