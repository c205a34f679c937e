//! Scripts of the user's: started, read line by line, and ended when they take too long.

use super::custom::Customs;
use super::ranks::CUSTOM;
use super::{Agent, State};
use crate::config::{Custom, Script};
use crate::custom::{Trouble, read_line};
use crate::scan::until;
use crate::wheel::{Timers, set_bits};
use crate::world::{Ended, Part, SCRIPTS_MAX, World};

/// Bytes of the longest line that a script may print.
const PRINTED_MAX: usize = 512;
/// Bytes that it may print in one run.
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

/// The run of that script, if it runs.
fn running(runs: &mut [Run], number: usize) -> Option<&mut Run> {
    runs.get_mut(number).filter(|run| !run.is_idle())
}

impl Customs {
    /// Ends all scripts that run.
    pub(super) fn end_all<W: World>(&mut self, world: &mut W) {
        for number in 0..SCRIPTS_MAX {
            self.end_run(number, world);
        }
    }

    /// Ends the script, if it runs. One that cannot be ended keeps its place until it has ended.
    pub(super) fn end_run<W: World>(&mut self, number: usize, world: &mut W) {
        if let Some(run) = running(&mut self.runs, number)
            && world.end_script(number).is_some()
        {
            run.stage = Stage::Idle;
            self.deadlines.disarm(number);
        }
    }
}

impl Agent<'_, '_> {
    /// Starts a script, unless it still runs.
    pub(super) fn start_script<W: World>(
        &mut self,
        world: &mut W,
        number: usize,
        script: &Script,
        period: u32,
    ) {
        let now = self.state.output.now;
        let Some(run) = self
            .state
            .customs
            .runs
            .get_mut(number)
            .filter(|run| run.is_idle())
        else {
            return;
        };
        let timeout = script.timeout.unwrap_or(u32::MAX).min(period / 2);
        *run = Run {
            stage: Stage::Running,
            is_started: true,
            deadline: now + u64::from(timeout),
            rank: self.state.ranks.of(CUSTOM + number, now),
            ..Run::NONE
        };
        let deadline = run.deadline;
        self.state.customs.deadlines.arm(number, deadline);
        if let Err(errno) = world.start_script(number, &mut script.arguments(), script.user) {
            self.note(number, Trouble::System(errno));
            if let Some(run) = self.state.customs.runs.get_mut(number) {
                run.is_started = false;
            }
            self.finish_script(world, number);
        }
    }

    /// Reads what these scripts have printed, and looks after those that are due.
    pub(super) fn serve_scripts<W: World>(&mut self, world: &mut W, printed: Timers) {
        for number in set_bits(printed) {
            self.hear(world, number);
        }
        let now = self.state.output.now;
        for number in set_bits(self.state.customs.deadlines.expire(now)) {
            self.look_after(world, number);
        }
    }

    /// A child has ended: it may be one of them.
    pub(super) fn look_after_all<W: World>(&mut self, world: &mut W) {
        for number in 0..SCRIPTS_MAX {
            self.look_after(world, number);
        }
    }

    fn hear<W: World>(&mut self, world: &mut W, number: usize) {
        for _ in 0..PIECES {
            if !self.hear_piece(world, number) {
                return;
            }
        }
    }

    /// Takes a piece of what it has printed; says whether there was one, and there may be more.
    fn hear_piece<W: World>(&mut self, world: &mut W, number: usize) -> bool {
        let mut buffer = [0; PIECE];
        let Some(length @ 1..) = world.read_script(number, &mut buffer) else {
            return false;
        };
        let is_good = self.take_output(world, number, buffer.get(..length).unwrap_or_default());
        if !is_good {
            self.finish_script(world, number);
        }
        is_good
    }

    /// It may have ended, or its time may be over.
    #[inline(never)]
    fn look_after<W: World>(&mut self, world: &mut W, number: usize) {
        let now = self.state.output.now;
        let Some(run) = running(&mut self.state.customs.runs, number) else {
            return;
        };
        let is_over = now >= run.deadline;
        if world.script_has_ended(number) {
            while self.hear_piece(world, number) {}
            return self.finish_script(world, number);
        }
        if !is_over {
            return;
        }
        if run.stage != Stage::Running {
            return self.finish_script(world, number);
        }
        run.stage = Stage::Asked;
        run.deadline = now + GRACE;
        world.ask_script(number);
        self.note(number, Trouble::TooSlow);
        self.state.customs.deadlines.arm(number, now + GRACE);
    }

    #[inline(never)]
    fn note(&mut self, number: usize, trouble: Trouble) {
        if let Some(run) = self.state.customs.runs.get_mut(number) {
            run.trouble.get_or_insert(trouble);
        }
    }

    /// Takes the lines out of what it has printed; says whether that is not too much.
    fn take_output<W: World>(&mut self, world: &mut W, number: usize, piece: &[u8]) -> bool {
        for byte in piece {
            let State { customs, .. } = &mut *self.state;
            let (Some(run), Some(line)) = (customs.runs.get_mut(number), customs.lines.0.get_mut(number))
            else {
                return false;
            };
            if *byte == b'\n' {
                self.take_line(world, number);
                continue;
            }
            if let Some(place) = line.get_mut(run.held) {
                *place = *byte;
            }
            run.held += 1;
        }
        let Some(run) = self.state.customs.runs.get_mut(number) else {
            return false;
        };
        run.printed += piece.len() as u32;
        let is_too_much = run.printed > OUTPUT_MAX;
        if is_too_much {
            self.note(number, Trouble::TooMuch);
        }
        !is_too_much
    }

    /// Makes a line of what it has printed as one.
    #[inline(never)]
    fn take_line<W: World>(&mut self, world: &mut W, number: usize) {
        let State {
            customs,
            output,
            time,
            ..
        } = &mut *self.state;
        let (Some(run), Some(line)) = (customs.runs.get_mut(number), customs.lines.0.get(number)) else {
            return;
        };
        let held = core::mem::take(&mut run.held);
        let text = line.get(..held).unwrap_or_default();
        let (rank, aims) = (run.rank, &self.aims);
        let taken = read_line(text, &mut |pushed| {
            output.writer.set_time(*time);
            output.push(pushed, rank, aims, world);
        });
        // One that is too long has left nothing here.
        if taken.is_some() && held <= line.len() {
            return;
        }
        let trouble = Trouble::BadLine;
        run.trouble.get_or_insert(trouble);
        // The line is there now: it is told at once, and not again at the end of the run.
        let told = printable(line.get(..held).unwrap_or(line));
        if customs.pass(number, Some(trouble), output.now)
            && let Some(custom) = self.config.custom().nth(number)
        {
            let words = "%: \"%\" is not a name, a value and tags";
            let told = until(&told, 0);
            world.log(words, &[name(&custom), Part::Text(told)]);
        }
    }

    /// Ends all that is left of it, and says how it has gone if that is new.
    fn finish_script<W: World>(&mut self, world: &mut W, number: usize) {
        let ended = world.end_script(number);
        let State {
            customs,
            output,
            ranks,
            ..
        } = &mut *self.state;
        let Some(run) = running(&mut customs.runs, number) else {
            return;
        };
        if ended.is_none() && run.is_started {
            run.stage = Stage::Stuck;
            run.deadline = output.now + AGAIN;
            let (deadline, trouble) = (run.deadline, run.trouble);
            customs.deadlines.arm(number, deadline);
            return self.tell(world, number, trouble);
        }
        customs.deadlines.disarm(number);
        run.stage = Stage::Idle;
        if run.printed > 0 {
            ranks.note(CUSTOM + number, output.now);
        }
        let (held, noted) = (run.held, run.trouble);
        let trouble = noted.or(match ended {
            Some(Ended::Exit(0)) | None => None,
            Some(ended) => Some(Trouble::Ended(ended)),
        });
        output.errors += u64::from(trouble.is_some());
        // Its last line may have no end; if it was killed, that may be missing.
        if held > 0 && trouble.is_none() {
            self.take_line(world, number);
        }
        let run = self.state.customs.runs.get(number);
        self.tell(world, number, trouble.or(run.and_then(|run| run.trouble)));
    }

    /// Says how a run goes, if that is new.
    fn tell<W: World>(&mut self, world: &mut W, number: usize, trouble: Option<Trouble>) {
        let State { customs, output, .. } = &mut *self.state;
        if customs.pass(number, trouble, output.now)
            && let Some(custom) = self.config.custom().nth(number)
        {
            tell(world, &custom, trouble);
        }
    }
}

/// Bytes of a bad line that the log has.
const TOLD: usize = 60;

/// The beginning of a line, for the log; zeros behind it.
fn printable(line: &[u8]) -> [u8; TOLD] {
    let mut told = [0; TOLD];
    for (place, byte) in told.iter_mut().zip(line) {
        let is_plain = byte.is_ascii_graphic() || *byte == b' ';
        *place = if is_plain { *byte } else { b'?' };
    }
    told
}

fn name<'a>(custom: &Custom<'a>) -> Part<'a> {
    Part::Text(custom.script.map_or(b"", |script| script.name()))
}

fn tell<W: World>(world: &mut W, custom: &Custom, trouble: Option<Trouble>) {
    let name = name(custom);
    let (words, what) = match trouble {
        None => ("%: all is well again", Part::Number(0)),
        Some(Trouble::Ended(Ended::Exit(status))) => ("%: exit status %", Part::Number(status.into())),
        Some(Trouble::Ended(Ended::Signal(signal))) => ("%: ended by signal %", Part::Number(signal.into())),
        Some(Trouble::TooSlow) => ("%: it takes too long", Part::Number(0)),
        Some(Trouble::TooMuch) => ("%: it prints more than % bytes", Part::Number(OUTPUT_MAX.into())),
        Some(Trouble::System(errno)) => ("%: %", Part::Cause(errno.into())),
        // The line itself has been told.
        Some(_) => return,
    };
    world.log(words, &[name, what]);
}
