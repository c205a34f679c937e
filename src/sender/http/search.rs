//! The search for the lines that a server refuses: a table of stages and answers.
//!
//! | stage | accepted | refused, or failed too often | failed, busy | other |
//! |---|---|---|---|---|
//! | off | delivered | probe | next receiver | next receiver |
//! | probe | halves | next receiver, off | next receiver, off | next receiver, off |
//! | halves | delivered, off after the last line | smaller batch; for one line: drop it, or probe | the same receiver if failed | next receiver, off |
//!
//! A batch that a server refuses is taken apart only if the server takes another line, which is sent as a probe. So
//! neither a mistake in the configuration loses lines, nor does a line that is refused for ever keep the others. A probe
//! is also sent before each line that is dropped, unless the server has just accepted something: it may have begun to
//! refuse everything.

/// Milliseconds between two requests of a search.
const PAUSE: u64 = 50;
/// Answers of status 500 in a row after which the batch may be at fault, and those of 429 or 503.
const FAILURES_MAX: u8 = 5;
const BUSY_MAX: u8 = 10;
/// Milliseconds after which larger batches than those that the server has accepted are tried.
const LIMITED_FOR: u64 = 600_000;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Off,
    /// A line alone shows whether the server takes any.
    Probe,
    /// Smaller batches lead to the line that is refused.
    Halves,
}

/// The meaning of a status.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Accepted,
    /// The server takes the request as it is neither now nor later.
    Refused,
    TooLarge,
    /// The server does not understand the form of the body.
    Unsupported,
    /// The server cannot take the request now, or hides that it refuses it.
    Failed,
    Busy,
    /// A mistake of the configuration, or a failure that is not due to the lines.
    Other,
}

/// A request that was answered.
#[derive(Clone, Copy)]
pub(super) struct Sent {
    pub now: u64,
    pub lines: usize,
    /// The lines were acknowledged before.
    pub is_repeat: bool,
    pub is_compressed: bool,
}

/// What follows an answer. But for the first two, the lines of the request stay.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// The server has the lines.
    Delivered,
    /// The line is dropped.
    Drop,
    /// The next request after these milliseconds, and whether it is a probe.
    Request(u64),
    Probe(u64),
    /// The next receiver, or the same one after a pause.
    NextReceiver,
    /// The same receiver after a pause.
    SameReceiver,
}

/// The state of the search, and of the answers that may start one.
pub(in crate::sender) struct Search {
    stage: Stage,
    /// The server has accepted a request since it last refused a line for good, or failed.
    is_proven: bool,
    /// A probe that was refused: the next one is of another series.
    was_probe_refused: bool,
    /// The server may not understand compressed bodies.
    is_plain: bool,
    /// The most lines of a batch in a search.
    lines_max: usize,
    /// The most lines of any batch until then: a larger one was too large.
    limit: usize,
    limited_until: u64,
    /// Half of the lines of the batch that was refused.
    half: usize,
    /// Failures in a row, of statuses that may be due to the batch.
    failures: u8,
    busy: u8,
}

impl Outcome {
    pub(super) fn of(status: u16) -> Self {
        match status {
            200..300 => Self::Accepted,
            400 | 409 | 422 => Self::Refused,
            413 => Self::TooLarge,
            415 => Self::Unsupported,
            500 => Self::Failed,
            429 | 503 => Self::Busy,
            _ => Self::Other,
        }
    }
}

impl Search {
    pub(super) const OFF: Self = Self {
        stage: Stage::Off,
        is_proven: false,
        was_probe_refused: false,
        is_plain: false,
        lines_max: usize::MAX,
        limit: usize::MAX,
        limited_until: 0,
        half: 1,
        failures: 0,
        busy: 0,
    };

    pub(super) fn is_off(&self) -> bool {
        self.stage == Stage::Off
    }

    /// Whether the next request is a probe, or the one that has no answer yet.
    pub(super) fn is_probing(&self) -> bool {
        self.stage == Stage::Probe
    }

    /// Whether the last probe was refused: another line may be accepted.
    pub(super) fn was_probe_refused(&self) -> bool {
        self.was_probe_refused
    }

    /// Whether the server may understand compressed bodies.
    pub(super) fn may_compress(&self) -> bool {
        !self.is_plain
    }

    /// Returns the most lines of a batch.
    pub(super) fn lines_max(&self, now: u64) -> usize {
        if now < self.limited_until {
            self.lines_max.min(self.limit)
        } else {
            self.lines_max
        }
    }

    /// Forgets what is true of one receiver.
    pub(in crate::sender) fn leave(&mut self) {
        self.end();
        self.limited_until = 0;
    }

    fn end(&mut self) {
        (self.stage, self.is_proven, self.is_plain) = (Stage::Off, false, false);
        self.lines_max = usize::MAX;
    }

    /// No line is fit for a probe.
    pub(super) fn on_no_probe(&mut self) {
        self.stage = Stage::Off;
    }

    /// A request has got no answer.
    pub(super) fn on_lost(&mut self) {
        self.is_proven = false;
    }

    /// Lines have left the ring, and `has_rest` if others of the refused batch are left. Returns the milliseconds until the
    /// next request of the search; `None` if it is over.
    pub(super) fn on_delivered(&mut self, has_rest: bool) -> Option<u64> {
        if self.stage == Stage::Halves {
            if has_rest {
                return Some(PAUSE);
            }
            self.end();
        }
        None
    }

    /// Returns what follows an answer.
    pub(super) fn on_answer(&mut self, outcome: Outcome, sent: Sent) -> Action {
        match outcome {
            Outcome::Accepted => self.on_accepted(),
            Outcome::Refused => self.on_refused(true, sent),
            Outcome::TooLarge if self.is_probing() => self.keep_lines(),
            Outcome::TooLarge if sent.lines > 1 => {
                self.limit = sent.lines / 2;
                self.limited_until = sent.now + LIMITED_FOR;
                Action::Request(0)
            }
            Outcome::TooLarge => {
                // It is this line that is too large.
                self.limited_until = 0;
                self.on_refused(false, sent)
            }
            Outcome::Unsupported if sent.is_compressed => {
                self.is_plain = true;
                Action::Request(0)
            }
            Outcome::Failed => {
                self.failures += 1;
                // To halve a batch too often costs requests alone; only a single line may be dropped.
                let is_half = self.stage == Stage::Halves && sent.lines > 1;
                self.on_failed(outcome, is_half || self.failures >= FAILURES_MAX, sent)
            }
            Outcome::Busy => {
                self.busy += 1;
                self.on_failed(outcome, self.busy >= BUSY_MAX, sent)
            }
            Outcome::Unsupported | Outcome::Other => self.keep_lines(),
        }
    }

    fn on_accepted(&mut self) -> Action {
        (self.failures, self.busy) = (0, 0);
        self.is_proven = true;
        if !self.is_probing() {
            return Action::Delivered;
        }
        self.stage = Stage::Halves;
        self.was_probe_refused = false;
        self.lines_max = self.half;
        Action::Request(PAUSE)
    }

    /// The server has answered that it refuses the request, or has failed too often (`is_answer` is false).
    fn on_refused(&mut self, is_answer: bool, sent: Sent) -> Action {
        if self.is_probing() {
            self.was_probe_refused = !self.was_probe_refused;
            return self.keep_lines();
        }
        if sent.is_repeat && is_answer {
            // It has them: some servers refuse what is older than the newest. A probe would be newer than lines that follow.
            return Action::Delivered;
        }
        if sent.is_compressed {
            // Some servers and proxies take a compressed body for text.
            self.is_plain = true;
            return Action::Request(0);
        }
        let is_one = sent.lines == 1;
        if self.is_off() || is_one && !self.is_proven {
            let pause = if self.is_off() { 0 } else { PAUSE };
            self.stage = Stage::Probe;
            self.half = (sent.lines / 2).max(1);
            return Action::Probe(pause);
        }
        if is_one {
            self.is_proven = false;
            self.lines_max = self.half;
            return Action::Drop;
        }
        // Failures take their time: what the server accepted before them is no proof.
        self.is_proven &= is_answer;
        self.lines_max = sent.lines / 2;
        Action::Request(PAUSE)
    }

    fn on_failed(&mut self, outcome: Outcome, are_many: bool, sent: Sent) -> Action {
        if are_many || self.is_probing() {
            (self.failures, self.busy) = (0, 0);
            return self.on_refused(false, sent);
        }
        // Another receiver would not end the search. One that is busy is no help, though.
        if self.stage == Stage::Halves && outcome == Outcome::Failed {
            Action::SameReceiver
        } else {
            Action::NextReceiver
        }
    }

    /// Keeps the lines for the next attempt.
    fn keep_lines(&mut self) -> Action {
        self.end();
        (self.failures, self.busy) = (0, 0);
        Action::NextReceiver
    }
}
