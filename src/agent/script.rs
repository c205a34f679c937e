//! Scripts of the user's: started, read line by line, and ended when they take too long.

use super::custom::Customs;
use super::ranks::CUSTOM;
use super::{Agent, State};
use crate::base::text::Text;
use crate::base::wheel::{Timers, set_bits};
use crate::config::Script;
use crate::custom::{Trouble, read_line};
use crate::platform::{Ended, Platform, SCRIPTS_MAX};

/// Bytes of the longest line that a script may print.
const PRINTED_MAX: usize = 512;
/// Bytes that it may print in one run, as the log has it.
const OUTPUT_MAX: u32 = 16 << 10;
/// What is read at once, and how many of that in one turn.
const PIECE: usize = 1024;
const PIECES: usize = 4;
/// Milliseconds from asking a script to end to ending it.
const GRACE: u64 = 1_000;
/// Milliseconds until one that could not be killed is killed again.
const AGAIN: u64 = 60_000;

/// A line of each script that has not been read whole: zero at first, so that it takes no memory.
pub struct Lines([[u8; PRINTED_MAX]; SCRIPTS_MAX]);

impl Lines {
    /// Nothing has been read.
    pub const EMPTY: Self = Self([[0; PRINTED_MAX]; SCRIPTS_MAX]);
}

/// How far a script is.
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
    /// It is not asked for any more, and could not be ended: what becomes of it is not news of another.
    is_left: bool,
    /// The deadline at which it was started: that of its samples.
    started: u64,
    /// When it has to have ended.
    deadline: u64,
    /// Bytes that it has printed.
    printed: u32,
    /// Bytes of its line that is not whole; more than there is room for if it is too long.
    held: usize,
    /// That of its lines.
    rank: u8,
    /// What went wrong first.
    trouble: Option<Trouble>,
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
        rank: 0,
        trouble: None,
    };

    fn is_idle(&self) -> bool {
        self.stage == Stage::Idle
    }

    /// Whether its end is near.
    pub(super) fn is_under_way(&self) -> bool {
        matches!(self.stage, Stage::Running | Stage::Asked)
    }
}

impl Customs {
    /// The run of that script, and its line that is not whole.
    fn run(&mut self, number: usize) -> (&mut Run, &mut [u8; PRINTED_MAX]) {
        // A remainder is never beyond the last one.
        let number = number % SCRIPTS_MAX;
        (&mut self.runs[number], &mut self.lines.0[number])
    }

    /// The run of that script, if it runs.
    fn running(&mut self, number: usize) -> Option<&mut Run> {
        Some(self.run(number).0).filter(|run| !run.is_idle())
    }

    /// Notes what went wrong, if nothing did before.
    fn note(&mut self, number: usize, trouble: Trouble) {
        self.run(number).0.trouble.get_or_insert(trouble);
    }

    /// Holds what belongs to a line that is not whole.
    fn hold(&mut self, number: usize, text: &[u8]) {
        let (run, line) = self.run(number);
        let room = line.get_mut(run.held..).unwrap_or_default();
        for (place, byte) in room.iter_mut().zip(text) {
            *place = *byte;
        }
        run.held += text.len();
    }

    /// Ends all scripts that run.
    pub(super) fn end_all<W: Platform>(&mut self, platform: &mut W) {
        for number in 0..SCRIPTS_MAX {
            self.end_run(number, platform);
        }
    }

    /// Ends the script, if it runs. One that cannot be ended keeps its place until it has ended.
    pub(super) fn end_run<W: Platform>(&mut self, number: usize, platform: &mut W) {
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

impl Agent<'_, '_> {
    /// Starts a script, unless it still runs.
    pub(super) fn start_script<W: Platform>(
        &mut self,
        platform: &mut W,
        number: usize,
        script: &Script,
        (period, started): (u32, u64),
    ) {
        let State {
            customs,
            output,
            ranks,
            ..
        } = &mut *self.state;
        if customs.running(number).is_some() {
            return;
        }
        let deadline = output.now + u64::from(script.timeout.unwrap_or(period / 2));
        let answer = platform.start_script(number, &mut script.arguments(), script.user);
        *customs.run(number).0 = Run {
            stage: Stage::Running,
            is_started: answer.is_ok(),
            started,
            deadline,
            rank: ranks.of(CUSTOM + number, output.now),
            trouble: answer.err().map(Trouble::System),
            ..Run::NONE
        };
        customs.deadlines.arm(number, deadline);
        if answer.is_err() {
            self.finish_script(platform, number);
        }
    }

    /// Reads what these scripts have printed, and looks after those that are due.
    pub(super) fn serve_scripts<W: Platform>(&mut self, platform: &mut W, printed: Timers) {
        for number in set_bits(printed) {
            self.hear(platform, number);
        }
        let now = self.state.output.now;
        for number in set_bits(self.state.customs.deadlines.expire(now)) {
            self.look_after(platform, number);
        }
    }

    /// A child has ended: it may be one of them.
    pub(super) fn look_after_all<W: Platform>(&mut self, platform: &mut W) {
        for number in 0..SCRIPTS_MAX {
            self.look_after(platform, number);
        }
    }

    fn hear<W: Platform>(&mut self, platform: &mut W, number: usize) {
        for _ in 0..PIECES {
            if !self.hear_piece(platform, number) {
                return;
            }
        }
    }

    /// Takes a piece of what it has printed; says whether there was one, and there may be more.
    fn hear_piece<W: Platform>(&mut self, platform: &mut W, number: usize) -> bool {
        let mut buffer = [0; PIECE];
        let Some(length @ 1..) = platform.read_script(number, &mut buffer) else {
            return false;
        };
        let is_good = self.take_output(platform, number, buffer.get(..length).unwrap_or_default());
        if !is_good {
            self.finish_script(platform, number);
        }
        is_good
    }

    /// It may have ended, or its time may be over.
    #[inline(never)]
    fn look_after<W: Platform>(&mut self, platform: &mut W, number: usize) {
        let now = self.state.output.now;
        let Some(run) = self.state.customs.running(number) else {
            return;
        };
        let is_over = now >= run.deadline;
        if platform.script_has_ended(number) {
            while self.hear_piece(platform, number) {}
            return self.finish_script(platform, number);
        }
        if !is_over {
            return;
        }
        if run.stage != Stage::Running {
            return self.finish_script(platform, number);
        }
        run.stage = Stage::Asked;
        run.deadline = now + GRACE;
        platform.ask_script(number);
        self.state.customs.note(number, Trouble::TooSlow);
        self.state.customs.deadlines.arm(number, now + GRACE);
    }

    /// Takes the lines out of what it has printed; says whether that is not too much.
    fn take_output<W: Platform>(&mut self, platform: &mut W, number: usize, piece: &[u8]) -> bool {
        for line in piece.split_inclusive(|byte| *byte == b'\n') {
            let text = line.strip_suffix(b"\n").unwrap_or(line);
            self.state.customs.hold(number, text);
            if text.len() < line.len() {
                self.take_line(platform, number);
            }
        }
        let (run, _) = self.state.customs.run(number);
        run.printed += piece.len() as u32;
        let is_too_much = run.printed > OUTPUT_MAX;
        if is_too_much {
            self.state.customs.note(number, Trouble::TooMuch);
        }
        !is_too_much
    }

    /// Makes a line of what it has printed as one.
    #[inline(never)]
    fn take_line<W: Platform>(&mut self, platform: &mut W, number: usize) {
        let State {
            customs,
            output,
            clock,
            ..
        } = &mut *self.state;
        let (run, line) = customs.run(number);
        let held = core::mem::take(&mut run.held);
        let text = line.get(..held).unwrap_or_default();
        let (rank, aims) = (run.rank, &self.aims);
        let time = clock.stamp(run.started);
        let taken = read_line(text, &mut |record| {
            output.writer.set_time(time);
            output.push(record, rank, aims, platform)
        });
        // One that is too long has left nothing here.
        if taken.is_some() && held <= line.len() {
            return;
        }
        run.trouble.get_or_insert(Trouble::BadLine);
        // The line is there now: it is told at once, and not again at the end of the run.
        let mut buffer = [0; TOLD_MAX + 64];
        let mut told = Text::new(&mut buffer);
        put_bad_line(&mut told, line.get(..held).unwrap_or(line));
        self.tell(platform, number, Some(Trouble::BadLine), told.bytes());
    }

    /// Ends all that is left of it, and says how it has gone if that is new.
    fn finish_script<W: Platform>(&mut self, platform: &mut W, number: usize) {
        let ended = platform.end_script(number);
        let State {
            customs,
            output,
            ranks,
            ..
        } = &mut *self.state;
        let Some(run) = customs.running(number) else {
            return;
        };
        if ended.is_none() && run.is_started {
            run.stage = Stage::Stuck;
            run.deadline = output.now + AGAIN;
            let trouble = run.trouble;
            customs.deadlines.arm(number, output.now + AGAIN);
            return self.tell_run(platform, number, trouble);
        }
        run.stage = Stage::Idle;
        if run.printed > 0 {
            ranks.note(CUSTOM + number, output.now);
        }
        if let Some(ended) = ended.filter(|ended| *ended != Ended::Exit(0)) {
            run.trouble.get_or_insert(Trouble::Ended(ended));
        }
        // Its last line may have no end; if it was killed, that may be missing.
        let has_last_line = run.held > 0 && run.trouble.is_none();
        customs.deadlines.disarm(number);
        if has_last_line {
            self.take_line(platform, number);
        }
        let trouble = self.state.customs.run(number).0.trouble;
        self.state.output.errors += u64::from(trouble.is_some());
        self.tell_run(platform, number, trouble);
    }

    /// Says how a run goes, if that is new. A bad line has been told.
    fn tell_run<W: Platform>(&mut self, platform: &mut W, number: usize, trouble: Option<Trouble>) {
        if trouble != Some(Trouble::BadLine) && !self.state.customs.run(number).0.is_left {
            self.tell(platform, number, trouble, b"");
        }
    }
}

/// Bytes of a bad line that the log has.
const TOLD_MAX: usize = 60;

/// What is said of a bad line.
fn put_bad_line(told: &mut Text, line: &[u8]) {
    told.put(b"\"");
    told.put(line.get(..TOLD_MAX).unwrap_or(line));
    told.put(b"\" is not a name, a value and tags, or too long");
}
