//! Runs of the user's scripts: started, read line by line, and ended when they take too long.

use super::custom_schedule::CustomSchedule;
use super::thin_levels::CUSTOM;
use super::{Agent, Cx};
use crate::base::text::Text;
use crate::base::wheel::{Timers, set_bits};
use crate::config::Script;
use crate::custom::{CustomError, read_line};
use crate::platform::{Ended, Platform, SCRIPTS_MAX};

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

/// The unfinished line of each script. It is zero at first, so that unused pages take no memory.
pub struct Lines([[u8; PRINTED_MAX]; SCRIPTS_MAX]);

impl Lines {
    /// No unfinished line.
    pub const EMPTY: Self = Self([[0; PRINTED_MAX]; SCRIPTS_MAX]);
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
    /// There is a process.
    is_started: bool,
    /// It is no longer configured and could not be ended: its result is not logged under another metric.
    is_left: bool,
    /// The deadline at which it was started: the moment of its samples.
    started: u64,
    /// When it has to have ended.
    deadline: u64,
    /// Bytes that it has printed.
    printed: u32,
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
        is_started: false,
        is_left: false,
        started: 0,
        deadline: 0,
        printed: 0,
        held: 0,
        thin_level: 0,
        error: None,
    };

    fn is_idle(&self) -> bool {
        self.stage == Stage::Idle
    }

    /// Whether its end is near.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.stage, Stage::Running | Stage::Asked)
    }
}

impl CustomSchedule {
    /// Returns the run of that script, and its unfinished line.
    fn run(&mut self, number: usize) -> (&mut Run, &mut [u8; PRINTED_MAX]) {
        // A remainder is never beyond the last one.
        let number = number % SCRIPTS_MAX;
        (&mut self.runs[number], &mut self.lines.0[number])
    }

    /// Returns the run of that script, if it runs.
    fn running(&mut self, number: usize) -> Option<&mut Run> {
        Some(self.run(number).0).filter(|run| !run.is_idle())
    }

    /// Keeps the error, unless there was one before.
    fn note(&mut self, number: usize, error: CustomError) {
        self.run(number).0.error.get_or_insert(error);
    }

    /// Appends text to the unfinished line.
    fn hold(&mut self, number: usize, text: &[u8]) {
        let (run, line) = self.run(number);
        let free = line.get_mut(run.held..).unwrap_or_default();
        for (to, from) in free.iter_mut().zip(text) {
            *to = *from;
        }
        run.held += text.len();
    }

    /// Ends all scripts that run.
    pub(super) fn end_all<P: Platform>(&mut self, platform: &mut P) {
        for number in 0..SCRIPTS_MAX {
            self.end_run(number, platform);
        }
    }

    /// Ends the script, if it runs. A script that cannot be ended keeps its index until it has ended.
    pub(super) fn end_run<P: Platform>(&mut self, number: usize, platform: &mut P) {
        let Some(run) = self.running(number) else {
            return;
        };
        if platform.end_script(number).is_some() {
            run.stage = Stage::Idle;
            self.deadlines.disarm(number);
        } else {
            (run.is_left, run.held) = (true, 0);
        }
    }
}

impl Agent<'_> {
    /// Starts a script, unless it still runs.
    pub(super) fn start_script<P: Platform>(
        &mut self,
        number: usize,
        script: &Script,
        (period, started): (u32, u64),
        cx: &mut Cx<P>,
    ) {
        if self.custom.running(number).is_some() {
            return;
        }
        let deadline = self.now + u64::from(script.timeout.unwrap_or(period / 2));
        let answer = cx
            .platform
            .start_script(number, &mut script.arguments(), script.user);
        *self.custom.run(number).0 = Run {
            stage: Stage::Running,
            is_started: answer.is_ok(),
            started,
            deadline,
            thin_level: self.thin_levels.of(CUSTOM + number, self.now),
            error: answer.err().map(CustomError::System),
            ..Run::NONE
        };
        self.custom.deadlines.arm(number, deadline);
        if answer.is_err() {
            self.finish_script(number, cx);
        }
    }

    /// Collects the lines that these scripts have printed, and checks those whose deadline has come.
    pub(super) fn collect_scripts<P: Platform>(&mut self, printed: Timers, cx: &mut Cx<P>) {
        for number in set_bits(printed) {
            for _ in 0..PIECES {
                if !self.collect_piece(number, cx) {
                    break;
                }
            }
        }
        for number in set_bits(self.custom.deadlines.expire(self.now)) {
            self.check_script(number, cx);
        }
    }

    /// Checks all scripts, since a child has ended.
    pub(super) fn check_scripts<P: Platform>(&mut self, cx: &mut Cx<P>) {
        for number in 0..SCRIPTS_MAX {
            self.check_script(number, cx);
        }
    }

    /// Collects a piece of what the script has printed; returns whether there may be more.
    fn collect_piece<P: Platform>(&mut self, number: usize, cx: &mut Cx<P>) -> bool {
        self.make_room(cx);
        let mut buffer = [0; PIECE];
        let Some(length @ 1..) = cx.platform.read_script(number, &mut buffer) else {
            return false;
        };
        let is_good = self.collect_output(number, buffer.get(..length).unwrap_or_default(), cx);
        if !is_good {
            self.finish_script(number, cx);
        }
        is_good
    }

    /// Finishes the script if it has ended; asks it to end, and then kills it, if its time is over.
    fn check_script<P: Platform>(&mut self, number: usize, cx: &mut Cx<P>) {
        let now = self.now;
        let Some(run) = self.custom.running(number) else {
            return;
        };
        let is_over = now >= run.deadline;
        if cx.platform.script_has_ended(number) {
            while self.collect_piece(number, cx) {}
            return self.finish_script(number, cx);
        }
        if !is_over {
            return;
        }
        if run.stage != Stage::Running {
            return self.finish_script(number, cx);
        }
        run.stage = Stage::Asked;
        run.deadline = now + GRACE;
        cx.platform.terminate_script(number);
        self.custom.note(number, CustomError::TooSlow);
        self.custom.deadlines.arm(number, now + GRACE);
    }

    /// Collects the lines of a piece; returns whether the script has not printed too much.
    fn collect_output<P: Platform>(&mut self, number: usize, piece: &[u8], cx: &mut Cx<P>) -> bool {
        for line in piece.split_inclusive(|byte| *byte == b'\n') {
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            self.custom.hold(number, text);
            if text.len() < line.len() {
                self.collect_line(number, cx);
            }
        }
        let (run, _) = self.custom.run(number);
        run.printed += piece.len() as u32;
        let is_too_much = run.printed > OUTPUT_MAX;
        if is_too_much {
            self.custom.note(number, CustomError::TooLong);
        }
        !is_too_much
    }

    /// Collects the line that the script has printed.
    fn collect_line<P: Platform>(&mut self, number: usize, cx: &mut Cx<P>) {
        let Self {
            custom,
            output,
            clock,
            ..
        } = self;
        let (run, line) = custom.run(number);
        let held = core::mem::take(&mut run.held);
        let text = line.get(..held).unwrap_or_default();
        let thin_level = run.thin_level;
        let time = clock.stamp(run.started);
        let pushed = read_line(text, &mut |sample| {
            output.writer.set_time(time);
            output.push(sample, thin_level, cx)
        });
        // A line that is too long is empty here.
        if pushed.is_some() && held <= line.len() {
            return;
        }
        run.error.get_or_insert(CustomError::InvalidLine);
        // It is logged at once, while the line is there, and not again at the end of the run.
        let mut buffer = [0; LOGGED_MAX + 80];
        let mut message = Text::new(&mut buffer);
        put_bad_line(&mut message, line.get(..held).unwrap_or(line));
        self.log_custom(number, Some(CustomError::InvalidLine), message.bytes(), cx);
    }

    /// Ends all that is left of the script, and logs its result.
    fn finish_script<P: Platform>(&mut self, number: usize, cx: &mut Cx<P>) {
        let ended = cx.platform.end_script(number);
        let now = self.now;
        let Some(run) = self.custom.running(number) else {
            return;
        };
        if ended.is_none() && run.is_started {
            run.stage = Stage::Stuck;
            run.deadline = now + AGAIN;
            let error = run.error;
            self.custom.deadlines.arm(number, now + AGAIN);
            return self.log_run(number, error, cx);
        }
        run.stage = Stage::Idle;
        if let Some(ended) = ended.filter(|ended| *ended != Ended::Exit(0)) {
            run.error.get_or_insert(CustomError::Ended(ended));
        }
        // Its last line may lack its newline; the last line of a killed script may be cut.
        let has_last_line = run.held > 0 && run.error.is_none();
        if run.printed > 0 {
            self.thin_levels.note(CUSTOM + number, now);
        }
        self.custom.deadlines.disarm(number);
        if has_last_line {
            self.collect_line(number, cx);
        }
        let error = self.custom.run(number).0.error;
        self.output.errors += u64::from(error.is_some());
        self.log_run(number, error, cx);
    }

    /// Logs the result of a run if it is new. A malformed line has been logged already.
    fn log_run<P: Platform>(&mut self, number: usize, error: Option<CustomError>, cx: &mut Cx<P>) {
        if error != Some(CustomError::InvalidLine) && !self.custom.run(number).0.is_left {
            self.log_custom(number, error, b"", cx);
        }
    }
}

/// Bytes of a malformed line that the log has.
const LOGGED_MAX: usize = 60;

/// Writes what is wrong with a malformed line.
fn put_bad_line(message: &mut Text, line: &[u8]) {
    message.put(b"malformed line \"");
    message.put(line.get(..LOGGED_MAX).unwrap_or(line));
    message.put(b"\" (expected a name, a value and tags, at most 512 bytes)");
}
