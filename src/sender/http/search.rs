//! The search for the lines that a server refuses: a table of stages and answers.
//!
//! | stage | accepted | refused, or failed too often | failed, busy | other |
//! |---|---|---|---|---|
//! | off | delivered | probe | next receiver | next receiver |
//! | probe | halves | next receiver, off | next receiver, off | next receiver, off |
//! | halves | delivered, off after the last line | smaller batch; for one line: drop it, or probe | the same receiver if failed | next receiver, off |
//!
//! A batch that is too large is halved in any stage; a probe that is too large counts as other, and a line as refused.
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

#[cfg(test)]
mod tests {
    use super::*;

    const PROBE: usize = usize::MAX;

    /// The lines of a batch that were dropped, those that were kept, and the number of requests.
    #[derive(Debug, PartialEq, Eq)]
    struct Outcomes {
        dropped: Vec<usize>,
        kept: Vec<usize>,
        requests: usize,
    }

    fn off() -> Search {
        Search::OFF
    }

    /// Sends a batch of lines to a server that answers by the lines of a request and its number.
    fn send(
        search: &mut Search,
        count: usize,
        is_compressed: bool,
        status: impl Fn(&[usize], usize) -> u16,
    ) -> Outcomes {
        let (mut kept, mut dropped): (Vec<usize>, Vec<usize>) = ((0..count).collect(), Vec::new());
        for number in 0..200 {
            let lines = if search.is_probing() {
                vec![PROBE]
            } else {
                kept.iter()
                    .copied()
                    .take(search.lines_max(number as u64))
                    .collect()
            };
            let sent = Sent {
                now: number as u64,
                lines: lines.len(),
                is_repeat: false,
                is_compressed: is_compressed && search.may_compress(),
            };
            let action = search.on_answer(Outcome::of(status(&lines, number)), sent);
            match action {
                Action::Drop => dropped.extend(&lines),
                Action::NextReceiver => {
                    return Outcomes {
                        dropped,
                        kept,
                        requests: number + 1,
                    };
                }
                _ => {}
            }
            if matches!(action, Action::Delivered | Action::Drop) {
                kept.drain(..lines.len());
                search.on_delivered(!kept.is_empty());
            }
            if kept.is_empty() {
                return Outcomes {
                    dropped,
                    kept,
                    requests: number + 1,
                };
            }
        }
        panic!("the search does not end");
    }

    #[test]
    fn refused_lines_alone_are_dropped() {
        for status in [400, 409, 422, 413] {
            let search = &mut off();
            let bad = [10, 11, 40];
            let refuses = |lines: &[usize]| lines.iter().any(|line| bad.contains(line));
            let outcomes = send(
                search,
                64,
                false,
                |lines, _| if refuses(lines) { status } else { 204 },
            );
            assert_eq!(outcomes.dropped, bad, "{status}");
            assert!(outcomes.requests < 100, "{status}: {}", outcomes.requests);
            assert!(search.is_off() && search.lines_max(0) == usize::MAX, "{status}");
        }
    }

    #[test]
    fn server_that_refuses_all_costs_no_line() {
        for (status, requests) in [(400, 2), (401, 1), (503, 1), (500, 1), (413, 8), (415, 1)] {
            let outcomes = send(&mut off(), 64, false, |_, _| status);
            assert_eq!(outcomes.dropped, [], "{status}");
            assert_eq!(
                (outcomes.kept.len(), outcomes.requests),
                (64, requests),
                "{status}"
            );
        }
    }

    #[test]
    fn server_that_begins_to_refuse_all_costs_one_line() {
        for first in 0..40 {
            let refuses = |lines: &[usize], number| number >= first || lines.contains(&20);
            let status = |lines: &[usize], number| if refuses(lines, number) { 400 } else { 204 };
            let Outcomes { dropped, .. } = send(&mut off(), 64, false, status);
            let good = dropped.iter().filter(|line| **line != 20).count();
            assert!(good <= 1, "{first}: {dropped:?}");
        }
    }

    #[test]
    fn limit_of_lines_holds_for_ten_minutes_at_one_receiver() {
        let search = &mut off();
        let status = |lines: &[usize], _| if lines.len() > 3 { 413 } else { 204 };
        assert_eq!(send(search, 48, false, status).requests, 4 + 16);
        assert_eq!(send(search, 48, false, status).requests, 16);
        assert_eq!(search.lines_max(LIMITED_FOR), 3);
        assert_eq!(search.lines_max(LIMITED_FOR + 3), usize::MAX);
        search.leave();
        assert_eq!(search.lines_max(0), usize::MAX);
    }

    #[test]
    fn compression_ends_where_it_is_refused() {
        for status in [400, 415] {
            let search = &mut off();
            let outcomes = send(
                search,
                8,
                true,
                |_, number| if number == 0 { status } else { 204 },
            );
            assert_eq!(outcomes.requests, 2);
            assert!(!search.may_compress());
        }
    }
}
