//! HTTP push: one request at a time, whose lines have arrived with an answer of success.
//!
//! A batch that a server refuses is taken apart only if the server takes another line, which is sent as a probe. So
//! neither a mistake in the configuration loses lines, nor does a line that is refused for ever keep the others. A probe
//! is also sent before each line that is dropped, unless the server has just accepted something: it may have begun to
//! refuse everything.

mod answer;
mod date;
mod partial_success;
mod request;

use super::{Context, Sender, State, Step};
use crate::base::rate_limit::Throttle;
use crate::base::text::{Text, hash};
use crate::base::url::Url;
use crate::encode::Encoding;
use crate::format::json;
use crate::platform::{Cause, LogArg, NEVER, Transfer};
use crate::ring::{Batch, Bounds, LINE_MAX, Ring};
use answer::Answer;
use partial_success::PartialSuccess;
pub(super) use request::HEAD_MAX;
use request::Request;

/// Milliseconds for which a connection is used, so that a name's new addresses are found; up to a tenth less.
const LIFETIME: u64 = 600_000;
/// Milliseconds between two requests that look for the line that is refused.
const SEARCH_PAUSE: u64 = 50;
/// Answers of status 500 in a row after which the batch may be at fault, and those of 429 or 503.
const FAILURES_MAX: u8 = 5;
const BUSY_MAX: u8 = 10;
/// How many times faster than new lines a backlog is sent.
const CATCH_UP: usize = 4;
/// Seconds for which a line is recent: one that is refused later may be too old for the server (for Prometheus, after an hour).
const RECENT: u64 = 3_600;
/// Bytes that are read at once, and how often in one turn.
const READ_MAX: usize = 4096;
const READS_MAX: usize = 20;
/// Series that are left out after a line of theirs was refused, and for how many milliseconds.
const REFUSED_MAX: usize = 16;
const REFUSED_FOR: u64 = 3_600_000;

/// Where the connection is between two requests.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No request is open.
    Idle,
    Sending,
    Answering,
}

/// The search for the lines that a server refuses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Search {
    Off,
    /// A line alone shows whether the server takes any.
    Probe,
    /// Smaller batches lead to the line that is refused.
    Halves,
}

/// What follows an answer.
#[derive(Clone, Copy)]
enum Next {
    /// The next request, at once or after these milliseconds.
    Request(u64),
    /// The next flush.
    Flush,
    /// The next receiver, or the same one after a pause.
    Receiver,
    /// The same receiver after a pause.
    Again,
}

/// The state of requests.
pub(super) struct Http {
    phase: Phase,
    answer: Answer,
    /// The part of the head that has not been sent.
    head: (usize, usize),
    batch: Batch,
    /// The lines of the batch were acknowledged before.
    is_repeat: bool,
    is_probe: bool,
    is_compressed: bool,
    /// The server may not understand compressed bodies.
    is_plain: bool,
    /// This connection has answered a request.
    is_reused: bool,
    search: Search,
    /// The server has accepted a request since it last refused a line for good, or failed.
    is_proven: bool,
    /// A hash of the series of the last probe.
    probed_series: u32,
    /// A probe that was refused: the next one is of another series.
    was_probe_refused: bool,
    /// An answer was lost: the server may have unacknowledged lines, and may refuse them for that.
    is_unsure: bool,
    /// The most lines of a batch.
    lines_max: usize,
    /// Half of the lines of the batch that was refused.
    half: usize,
    /// Failures in a row, of statuses that may be due to the batch.
    failures: u8,
    busy: u8,
    idle_since: u64,
    /// Milliseconds for which the server keeps an idle connection.
    idle_max: u64,
    /// Milliseconds for which this connection is used.
    lifetime: u64,
    /// Bytes of records that may be sent before the next flush, beside repeats.
    pub(super) flush_left: usize,
    /// Bytes that the ring has got at the last flush, between two flushes, and when there last were any.
    pushed: u64,
    fresh: usize,
    usual: usize,
    /// The next connection follows a failure, or is the first.
    should_log: bool,
    /// The status that the log has last, unless lines were accepted since; 0 for none.
    logged_status: u16,
    answer_throttle: Throttle,
    /// Refused lines that were dropped.
    pub(super) rejected: u64,
    /// Lines of refused series in the batch, which are left out.
    left_out: u64,
    /// Hashes of refused series, and until when they are left out.
    refused: [(u32, u64); REFUSED_MAX],
    next_refused: usize,
}

impl Http {
    pub(super) const NEW: Self = Self {
        phase: Phase::Idle,
        answer: Answer::NONE,
        head: (0, 0),
        batch: Batch { lines: 0, bytes: 0 },
        is_repeat: false,
        is_probe: false,
        is_compressed: false,
        is_plain: false,
        is_reused: false,
        search: Search::Off,
        is_proven: false,
        probed_series: 0,
        was_probe_refused: false,
        is_unsure: false,
        lines_max: usize::MAX,
        half: 1,
        failures: 0,
        busy: 0,
        idle_since: 0,
        idle_max: u64::MAX,
        lifetime: LIFETIME,
        flush_left: 0,
        pushed: 0,
        fresh: 0,
        usual: 0,
        should_log: true,
        logged_status: 0,
        answer_throttle: Throttle::new(),
        rejected: 0,
        left_out: 0,
        refused: [(0, 0); REFUSED_MAX],
        next_refused: 0,
    };

    /// Notes at a flush how many bytes the ring has got so far.
    pub(super) fn note_pushed(&mut self, pushed: u64) {
        self.fresh = (pushed - self.pushed) as usize;
        self.pushed = pushed;
        if self.fresh > 0 {
            self.usual = self.fresh;
        }
    }

    /// Returns the bytes of the records of the batch.
    fn record_bytes(&self) -> usize {
        self.batch.bytes + self.batch.lines * Ring::bytes_for(0)
    }

    /// Whether a request waits for its answer.
    pub(super) fn awaits_answer(&self) -> bool {
        self.phase != Phase::Idle
    }

    /// Ends what belongs to a connection.
    pub(super) fn close(&mut self) {
        self.phase = Phase::Idle;
        (self.is_reused, self.idle_max) = (false, u64::MAX);
    }

    /// Ends what belongs to a receiver.
    pub(super) fn leave(&mut self) {
        (self.search, self.is_proven, self.is_plain) = (Search::Off, false, false);
        self.lines_max = usize::MAX;
    }

    /// Counts the lines of the batch that are left out; those of a repeat were counted before.
    fn count_left_out(&mut self) {
        if !self.is_repeat {
            self.rejected += self.left_out;
        }
    }

    /// Whether a line is of a series that is left out.
    fn is_left_out(&self, line: &[u8], now: u64) -> bool {
        self.refused
            .iter()
            .any(|(refused, until)| now < *until && *refused == series(line))
    }

    fn refuse_series(&mut self, line: &[u8], now: u64) {
        if let Some(slot) = self.refused.get_mut(self.next_refused) {
            *slot = (series(line), now + REFUSED_FOR);
        }
        self.next_refused = (self.next_refused + 1) % REFUSED_MAX;
    }
}

impl Sender {
    /// Reacts to an event of an open connection.
    pub(super) fn on_http(&mut self, event: super::Event, cx: &mut Context) -> Step {
        use super::Event;
        match (self.http.phase, event) {
            (Phase::Sending, Event::Ready) => {
                let step = self.send_request(cx);
                // A server may answer before it has read everything.
                let is_waiting = step == Step::Wait && self.http.awaits_answer();
                let answer = if is_waiting { self.read_answer(cx) } else { None };
                answer.unwrap_or(step)
            }
            (_, Event::Ready) => self.read_answer(cx).unwrap_or(Step::Wait),
            (Phase::Idle, Event::Flush) => {
                self.begin_http_flush(event, cx);
                if self.is_time_to_return(cx) {
                    self.return_to_first(cx)
                } else if self.deadline == NEVER && self.may_request(cx) {
                    Step::Request
                } else {
                    Step::Wait
                }
            }
            (_, Event::Flush) => {
                // The lines follow the answer.
                self.begin_http_flush(event, cx);
                self.has_caught_up = false;
                Step::Wait
            }
            (Phase::Idle, Event::Due) => Step::Request,
            (_, Event::Due) => self.on_request_lost(Cause::TimedOut, cx),
            (Phase::Idle, Event::Crowded) if self.deadline == NEVER => {
                self.begin_http_flush(event, cx);
                Step::Request
            }
            _ => Step::Wait,
        }
    }

    /// Sets how much may be sent: all, unless there is a backlog. A server that was away gets it at [`CATCH_UP`] times the
    /// pace of the new lines, the oldest first: some servers refuse what is older than the newest.
    pub(super) fn begin_http_flush(&mut self, event: super::Event, cx: &Context) {
        let unsent = cx.ring.unsent_length();
        let in_flight = if self.http.awaits_answer() {
            self.http.record_bytes()
        } else {
            0
        };
        let allowance = CATCH_UP * self.http.fresh;
        let is_whole = unsent <= allowance || self.keeps_open || event != super::Event::Flush;
        self.http.flush_left = if is_whole {
            unsent + in_flight
        } else {
            (self.http.flush_left + allowance).min(unsent + in_flight)
        };
        let has_failed = self.http.search != Search::Off || cx.ring.has_unacked_sent_lines();
        self.has_caught_up = !has_failed && !self.is_paused;
    }

    /// Whether a request may be sent before the next flush. Repeats do not wait for one.
    pub(super) fn may_request(&self, cx: &Context) -> bool {
        self.http.flush_left > 0 || cx.ring.is_repeat()
    }

    /// Logs a connection that does not follow a planned end, and starts its first request.
    pub(super) fn on_http_connected(&mut self, cx: &mut Context) -> Step {
        self.http.lifetime = LIFETIME - u64::from(self.backoff.draw((LIFETIME / 10) as u32));
        if core::mem::take(&mut self.http.should_log) {
            self.connections += 1;
            self.log_connection(true, cx);
        }
        if self.http.flush_left == 0 {
            self.http.flush_left = CATCH_UP * self.http.usual;
        }
        Step::Request
    }

    /// Starts a request if there is something to send.
    pub(super) fn start_request(&mut self, cx: &mut Context) -> Step {
        self.deadline = NEVER;
        self.drop_misdated_lines(cx);
        while !self.is_paused && (cx.ring.unsent_length() > 0 || self.http.search == Search::Probe) {
            let is_old = cx.now >= self.connected_since + self.http.lifetime;
            let is_stale = cx.now >= self.http.idle_since.saturating_add(self.http.idle_max);
            if self.http.is_reused && (is_old || is_stale) {
                self.close(State::Waiting, cx);
                return Step::LookUp;
            }
            self.encode_request(cx);
            if self.encoded.start < self.encoded.end {
                let may_compress =
                    cx.targets.gzip && !self.http.is_plain && self.encoding(cx) != Some(Encoding::Prometheus);
                self.http.is_compressed = may_compress && self.encoded.compress(self.memory);
                self.put_head(cx);
                self.http.phase = Phase::Sending;
                self.http.answer = Answer::NONE;
                self.deadline = cx.now + u64::from(cx.targets.timeout);
                return self.send_request(cx);
            }
            // All lines of it are left out.
            self.http.count_left_out();
            cx.ring.acknowledge(0, cx.now);
            if self.http.search == Search::Probe {
                self.http.search = Search::Off;
                return Step::Wait;
            }
        }
        Step::Wait
    }

    /// Encodes a batch or a probe.
    fn encode_request(&mut self, cx: &mut Context) {
        let encoding = self.encoding(cx);
        let now = cx.now;
        self.http.left_out = 0;
        self.http.is_probe = self.http.search == Search::Probe;
        if self.http.is_probe {
            let mut stage = [0; LINE_MAX];
            let http = &self.http;
            let mut rank = |line: &[u8]| {
                if http.is_left_out(line, now) {
                    0
                } else if !http.was_probe_refused && line.starts_with(b"{\"metric\":\"agent.alive\"") {
                    2
                } else {
                    1
                }
            };
            // The oldest one is in its order, for a server that refuses what is older than the newest of a series. A
            // server may refuse it for its age, though.
            let is_oldest = !http.was_probe_refused;
            let line = cx.ring.line_of_highest_rank(is_oldest, &mut rank, &mut stage);
            self.http.probed_series = series(line);
            self.encoded
                .encode_line(self.memory, encoding, line, cx.targets.starts);
            self.http.batch = Batch { lines: 1, bytes: 0 };
            return;
        }
        self.http.is_repeat = cx.ring.is_repeat();
        let mut bounds = Bounds {
            lines: self.http.lines_max,
            ..Bounds::NONE
        };
        // What was sent before is sent again as it was then.
        if self.http.search == Search::Off && !self.http.is_repeat && !cx.ring.has_unacked_sent_lines() {
            bounds.bytes = self.http.flush_left;
        }
        let http = &mut self.http;
        let mut wants = |line: &[u8]| {
            let is_left_out = http.is_left_out(line, now);
            http.left_out += u64::from(is_left_out);
            !is_left_out
        };
        let batch = self.encoded.encode(self.memory, encoding, bounds, &mut wants, cx);
        self.http.batch = batch;
    }

    fn put_head(&mut self, cx: &Context) {
        let Transfer::Http { url, .. } = *self.receiver(cx) else {
            return;
        };
        let Some(url) = Url::parse(url) else { return };
        let request = Request {
            url,
            encoding: self.encoding(cx),
            headers: cx.targets.headers.get(self.current).copied().unwrap_or_default(),
            is_compressed: self.http.is_compressed,
            length: self.encoded.end - self.encoded.start,
        };
        let mut head = Text::new(&mut self.memory.head);
        request.put_head(&mut head);
        self.http.head = (0, head.bytes().len());
    }

    /// Sends as much of the request as the connection takes.
    fn send_request(&mut self, cx: &mut Context) -> Step {
        let (start, end) = self.http.head;
        let head = self.memory.head.get(start..end).unwrap_or_default();
        let body = self.memory.body.get(self.encoded.start..self.encoded.end);
        let body = body.unwrap_or_default();
        let length = head.len() + body.len();
        let taken = match cx.platform.send(&[head, body]) {
            Ok(taken) => taken,
            Err(cause) => {
                // The server may have said why it closes.
                let step = self.read_answer(cx);
                return step.unwrap_or_else(|| self.on_request_lost(cause, cx));
            }
        };
        if taken > 0 {
            self.deadline = cx.now + u64::from(cx.targets.timeout);
        }
        let of_head = taken.min(end - start);
        self.http.head.0 += of_head;
        self.encoded.start += taken - of_head;
        if cx.targets.debug {
            let counts = [LogArg::Number(taken as u64), LogArg::Number(length as u64)];
            cx.platform.log("flush: % of % bytes", &counts);
        }
        self.is_stalled = taken < length;
        if !self.is_stalled {
            self.http.phase = Phase::Answering;
        }
        Step::Wait
    }

    /// Reads what there is of the answer; `None` if there is nothing to do before more of it comes.
    fn read_answer(&mut self, cx: &mut Context) -> Option<Step> {
        let mut end = None;
        for _ in 0..READS_MAX {
            let mut buffer = [0; READ_MAX];
            match cx.platform.read(&mut buffer) {
                Ok(Some(0)) => end = Some(Cause::Closed),
                Ok(Some(length)) if self.http.phase != Phase::Idle => {
                    self.http.answer.read(buffer.get(..length).unwrap_or_default());
                    self.deadline = cx.now + u64::from(cx.targets.timeout);
                    continue;
                }
                // It belongs to no request.
                Ok(Some(_)) => end = Some(Cause::Closed),
                Ok(None) => {}
                Err(cause) => end = Some(cause),
            }
            break;
        }
        if self.http.phase == Phase::Idle {
            return end.map(|cause| self.on_idle_end(cause, cx));
        }
        if end.is_some() {
            self.http.answer.end();
        }
        let answer = &self.http.answer;
        let is_over = end.is_some() || answer.error().is_some();
        if answer.is_whole() || answer.has_status() && is_over {
            return Some(self.on_answer(cx));
        }
        if let Some(error) = answer.error() {
            if self.http.answer_throttle.pass(cx.now).is_some() {
                // What came in place of a status line.
                let words = if answer.status == 0 { answer.start() } else { b"" };
                let args = [
                    LogArg::Address(self.address),
                    LogArg::Text(error.as_bytes()),
                    LogArg::Text(words),
                ];
                let message = if words.is_empty() {
                    "invalid answer from %: %"
                } else {
                    "invalid answer from %: %: \"%\""
                };
                cx.platform.log(message, &args);
            }
            return Some(self.on_request_lost(Cause::Closed, cx));
        }
        end.map(|cause| self.on_request_lost(cause, cx))
    }

    /// The connection ended between two requests, which is no failure. The server may have died, though: the lines that it
    /// has acknowledged last are sent again.
    fn on_idle_end(&mut self, cause: Cause, cx: &mut Context) -> Step {
        cx.ring.rewind(cx.now, cause == Cause::Closed);
        self.close(State::Waiting, cx);
        Step::Wait
    }

    /// The connection ended without an answer.
    fn on_request_lost(&mut self, cause: Cause, cx: &mut Context) -> Step {
        self.http.is_unsure = true;
        cx.ring.rewind(cx.now, cause == Cause::Closed);
        let has_crossed = self.http.is_reused && self.http.answer.is_empty() && cause != Cause::TimedOut;
        if has_crossed {
            // The server has closed an idle connection while the request was on its way.
            self.close(State::Waiting, cx);
            return Step::LookUp;
        }
        self.log_attempt(b"request to ", LogArg::Address(self.address), cause, cx);
        self.http.should_log = true;
        self.http.is_proven = false;
        self.end_allowance();
        let is_of_no_use = !self.http.is_reused || cause == Cause::TimedOut;
        self.http.close();
        if is_of_no_use || cx.now < self.connected_since + super::connected::FAILED {
            Step::NextReceiver
        } else {
            Step::Pause
        }
    }

    /// Reacts to an answer.
    fn on_answer(&mut self, cx: &mut Context) -> Step {
        let answer = &self.http.answer;
        let is_open = self.http.phase == Phase::Answering && answer.is_whole() && !answer.closes;
        let (status, least_pause) = (answer.status, answer.retry_after());
        let keep_alive = answer.keep_alive;
        self.http.idle_max = keep_alive.map_or(u64::MAX, |seconds| 1000 * seconds.saturating_sub(1));
        self.http.phase = Phase::Idle;
        self.http.is_reused = true;
        self.http.idle_since = cx.now;
        self.encoded.clear();
        self.is_stalled = false;
        let next = match status {
            200..300 => self.on_accepted(cx),
            400 | 409 | 422 => self.on_refused(true, cx),
            413 => self.on_too_large(cx),
            500 => {
                self.http.failures += 1;
                // To halve a batch too often costs requests alone; only a single line may be dropped.
                let is_half = self.http.search == Search::Halves && self.http.batch.lines > 1;
                self.on_failures(is_half || self.http.failures >= FAILURES_MAX, cx)
            }
            429 | 503 => {
                self.http.busy += 1;
                self.on_failures(self.http.busy >= BUSY_MAX, cx)
            }
            _ => self.hold(cx),
        };
        match next {
            Next::Request(0) if is_open => Step::Request,
            Next::Receiver => {
                self.leave_alone(least_pause, cx.now);
                self.end_allowance();
                Step::NextReceiver
            }
            Next::Again => {
                self.leave_alone(least_pause, cx.now);
                self.end_allowance();
                self.close(State::Waiting, cx);
                let delay = u64::from(self.backoff.next_delay());
                self.deadline = self.held_until(self.current).max(cx.now + delay);
                Step::Wait
            }
            Next::Request(pause) => {
                if !is_open {
                    self.close(State::Waiting, cx);
                }
                self.deadline = cx.now + pause;
                Step::Wait
            }
            Next::Flush => {
                if !is_open {
                    self.close(State::Waiting, cx);
                }
                self.deadline = NEVER;
                Step::Wait
            }
        }
    }

    /// Forgets what might have been sent during a failure: it would all be sent at once after it.
    fn end_allowance(&mut self) {
        if !self.keeps_open {
            self.http.flush_left = 0;
        }
        self.has_caught_up = false;
    }

    /// The server has the lines of the batch.
    fn on_accepted(&mut self, cx: &mut Context) -> Next {
        (self.http.failures, self.http.busy) = (0, 0);
        self.http.is_proven = true;
        let has_report = self.has_report(cx);
        if has_report && self.http.search == Search::Off {
            self.log_answer(cx);
        }
        if self.http.is_probe {
            // The server is well: failures that follow are due to the lines.
            self.backoff.reset();
            self.http.search = Search::Halves;
            self.http.was_probe_refused = false;
            self.http.lines_max = self.http.half;
            return Next::Request(SEARCH_PAUSE);
        }
        let is_well = self.http.search == Search::Off && !has_report;
        if is_well && core::mem::take(&mut self.http.logged_status) != 0 {
            let address = LogArg::Address(self.address);
            cx.platform.log("lines accepted by %", &[address]);
        }
        self.acknowledged_at = cx.now;
        self.settle(cx)
    }

    /// Whether an answer of success reports something: an error, or a body, which databases do not send. Counts the lines
    /// that the server has rejected.
    fn has_report(&mut self, cx: &Context) -> bool {
        let Some(report) = self.partial_success(cx) else {
            let answer = &self.http.answer;
            return answer.has_exception || !answer.start().trim_ascii().is_empty();
        };
        let (rejected, is_empty) = (report.rejected, report.message.is_empty());
        if !self.http.is_probe && !self.http.is_repeat {
            let sent = (self.http.batch.lines as u64).saturating_sub(self.http.left_out);
            self.http.rejected += rejected.min(sent);
        }
        rejected > 0 || !is_empty
    }

    /// Returns what an OTLP receiver reports with an answer of success.
    fn partial_success(&self, cx: &Context) -> Option<PartialSuccess<'_>> {
        let answer = &self.http.answer;
        let is_success = (200..300).contains(&answer.status);
        let has_report = is_success && self.encoding(cx) == Some(Encoding::Otlp);
        has_report.then(|| partial_success::parse(answer.start()))?
    }

    /// Removes the lines of the batch from the ring.
    fn settle(&mut self, cx: &mut Context) -> Next {
        self.http.count_left_out();
        if cx.ring.acknowledge(0, cx.now) {
            self.backoff.reset();
        }
        self.http.is_unsure &= cx.ring.has_unacked_sent_lines();
        if self.http.search == Search::Halves {
            if cx.ring.has_unacked_sent_lines() {
                return Next::Request(SEARCH_PAUSE);
            }
            self.http.leave();
        }
        self.http.lines_max = self.http.lines_max.saturating_mul(2);
        if !self.http.is_repeat {
            self.http.flush_left = self.http.flush_left.saturating_sub(self.http.record_bytes());
        }
        if self.may_request(cx) && cx.ring.unsent_length() > 0 {
            Next::Request(0)
        } else {
            Next::Flush
        }
    }

    /// The server takes the request as it is neither now nor later; it has answered so, unless it has only failed often.
    fn on_refused(&mut self, is_answer: bool, cx: &mut Context) -> Next {
        if self.http.is_probe {
            self.http.was_probe_refused = !self.http.was_probe_refused;
            return self.hold(cx);
        }
        if self.http.is_repeat && is_answer {
            // It has them: some servers refuse what is older than the newest. A probe would be newer than lines that follow.
            return self.settle(cx);
        }
        if self.http.is_compressed {
            // Some servers and proxies take a compressed body for text.
            self.http.is_plain = true;
            cx.ring.retract();
            return Next::Request(0);
        }
        let is_one = self.http.batch.lines == 1;
        if self.http.search == Search::Off || is_one && !self.http.is_proven {
            self.log_answer(cx);
            cx.ring.retract();
            self.http.half = (self.http.batch.lines / 2).max(1);
            let is_start = self.http.search == Search::Off;
            self.http.search = Search::Probe;
            return Next::Request(if is_start { 0 } else { SEARCH_PAUSE });
        }
        if is_one {
            return self.reject(cx);
        }
        // Failures take their time: what the server accepted before them is no proof.
        self.http.is_proven &= is_answer;
        cx.ring.retract();
        self.http.lines_max = self.http.batch.lines / 2;
        Next::Request(SEARCH_PAUSE)
    }

    /// Drops the line that is refused, and leaves its series out for a while, unless the server may refuse the line because
    /// it has it.
    fn reject(&mut self, cx: &mut Context) -> Next {
        self.http.is_proven = false;
        let mut stage = [0; LINE_MAX];
        let line = cx.ring.oldest_in_flight(&mut stage);
        // The server may refuse the line for its age, or for the probe that it accepted: some refuse what is older than the
        // newest.
        let is_recent = match (cx.wall_second(), json::stamp(line)) {
            (Some(now), Some(stamp)) => stamp + RECENT > now,
            _ => true,
        };
        if is_recent && !self.http.is_unsure && series(line) != self.http.probed_series {
            self.http.refuse_series(line, cx.now);
        }
        self.http.lines_max = self.http.half;
        self.log_rejected(cx);
        self.http.rejected += u64::from(!self.http.is_repeat);
        self.settle(cx)
    }

    fn on_too_large(&mut self, cx: &mut Context) -> Next {
        if self.http.is_probe {
            return self.hold(cx);
        }
        if self.http.batch.lines > 1 {
            cx.ring.retract();
            self.http.lines_max = self.http.batch.lines / 2;
            return Next::Request(0);
        }
        self.on_refused(false, cx)
    }

    /// The server cannot take the batch now, or its answers hide that it refuses it.
    fn on_failures(&mut self, are_many: bool, cx: &mut Context) -> Next {
        if are_many || self.http.is_probe {
            (self.http.failures, self.http.busy) = (0, 0);
            return self.on_refused(false, cx);
        }
        self.log_answer(cx);
        cx.ring.retract();
        // Another receiver would not end the search. One that is busy is no help, though.
        if self.http.search == Search::Halves && self.http.answer.status == 500 {
            Next::Again
        } else {
            Next::Receiver
        }
    }

    /// Keeps the lines for the next attempt.
    fn hold(&mut self, cx: &mut Context) -> Next {
        self.log_answer(cx);
        cx.ring.retract();
        self.http.leave();
        (self.http.failures, self.http.busy) = (0, 0);
        Next::Receiver
    }

    /// Logs an answer that is no plain success, once until another one comes.
    fn log_answer(&mut self, cx: &mut Context) {
        let answer = &self.http.answer;
        if self.http.logged_status == answer.status {
            return;
        }
        let Some(count) = self.http.answer_throttle.pass(cx.now) else {
            return;
        };
        self.http.logged_status = answer.status;
        if let Some(report) = self.partial_success(cx) {
            let args = [
                LogArg::Number(answer.status.into()),
                LogArg::Address(self.address),
                LogArg::Number(report.rejected),
                LogArg::Text(report.message),
            ];
            cx.platform
                .log("HTTP status % from %: % lines rejected: %", &args);
            return;
        }
        let (start, location) = (answer.start(), answer.location.bytes());
        let end = start
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(start.len());
        let line = start.get(..end).unwrap_or_default();
        let line = if location.is_empty() { line } else { location };
        let message = match (count > 1, line.is_empty()) {
            (false, true) => "HTTP status % from %",
            (false, false) => "HTTP status % from %: %",
            (true, _) => "HTTP status % from %: % (% times)",
        };
        let args = [
            LogArg::Number(answer.status.into()),
            LogArg::Address(self.address),
            LogArg::Text(line),
            LogArg::Number(count.into()),
        ];
        cx.platform.log(message, &args);
    }

    fn log_rejected(&mut self, cx: &mut Context) {
        if let Some(count) = self.http.answer_throttle.pass(cx.now) {
            let args = [LogArg::Number(count.into()), LogArg::Address(self.address)];
            cx.platform.log("% lines refused by % and dropped", &args);
        }
    }
}

/// Returns a hash of the series of a line: of what stands before the value.
fn series(line: &[u8]) -> u32 {
    const VALUE: &[u8] = b",\"value\":";
    let end = line.windows(VALUE.len()).rposition(|part| part == VALUE);
    hash(line.get(..end.unwrap_or_default()).unwrap_or_default())
}
