//! HTTP push: one request at a time, whose lines have arrived with an answer of success.
//!
//! `exchange` sends a request and reads its answer, `search` decides what follows the answer.

mod allowance;
mod answer;
mod answer_log;
mod date;
mod exchange;
mod partial_success;
mod refused_series;
mod request;
mod search;

use super::{Context, Event, Sender, State, Step};
use crate::format::json;
use crate::platform::{Cause, NEVER};
use crate::ring::{Batch, LINE_MAX, Ring};
use allowance::Allowance;
use answer::Answer;
use answer_log::AnswerLog;
use refused_series::{RefusedSeries, series};
pub(super) use request::HEAD_MAX;
use search::{Action, Outcome, Search, Sent};

/// Milliseconds for which a connection is used, so that a name's new addresses are found; up to a tenth less.
const LIFETIME: u64 = 600_000;
/// The status of a proxy whose server is gone.
const BAD_GATEWAY: u16 = 502;
/// Seconds for which a line is recent: one that is refused later may be too old for the server (for Prometheus, after an hour).
const RECENT: u64 = 3_600;

/// Where the connection is between two requests.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// No request is open.
    Idle,
    Sending,
    Answering,
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
    is_compressed: bool,
    /// Lines of refused series in the batch, which are left out.
    left_out: u64,
    /// This connection has answered a request.
    is_reused: bool,
    idle_since: u64,
    /// Milliseconds for which the server keeps an idle connection.
    idle_max: u64,
    /// Milliseconds for which this connection is used.
    lifetime: u64,
    /// The next connection follows a failure, or is the first.
    should_log: bool,
    pub(super) allowance: Allowance,
    pub(super) search: Search,
    refused: RefusedSeries,
    /// A hash of the series of the last probe.
    probed_series: u32,
    /// An answer was lost: the server may have unacknowledged lines, and may refuse them for that.
    is_unsure: bool,
    /// Refused lines that were dropped.
    pub(super) rejected: u64,
    log: AnswerLog,
}

impl Http {
    pub(super) const NEW: Self = Self {
        phase: Phase::Idle,
        answer: Answer::NONE,
        head: (0, 0),
        batch: Batch { lines: 0, bytes: 0 },
        is_repeat: false,
        is_compressed: false,
        left_out: 0,
        is_reused: false,
        idle_since: 0,
        idle_max: u64::MAX,
        lifetime: LIFETIME,
        should_log: true,
        allowance: Allowance::NONE,
        search: Search::OFF,
        refused: RefusedSeries::NONE,
        probed_series: 0,
        is_unsure: false,
        rejected: 0,
        log: AnswerLog::NEW,
    };

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

    /// Counts the lines of the batch that are left out; those of a repeat were counted before.
    fn count_left_out(&mut self) {
        if !self.is_repeat {
            self.rejected += self.left_out;
        }
    }
}

impl Sender {
    /// Reacts to an event of an open connection.
    pub(super) fn on_http(&mut self, event: Event, cx: &mut Context) -> Step {
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

    /// Sets how much may be sent.
    pub(super) fn begin_http_flush(&mut self, event: Event, cx: &Context) {
        let in_flight = if self.http.awaits_answer() {
            self.http.record_bytes()
        } else {
            0
        };
        let is_urgent = self.keeps_open || event != Event::Flush;
        self.http
            .allowance
            .begin(cx.ring.unsent_length(), in_flight, is_urgent);
        let has_failed = !self.http.search.is_off() || cx.ring.has_unacked_sent_lines();
        self.has_caught_up = !has_failed && !self.is_paused;
    }

    /// Whether a request may be sent before the next flush. Repeats do not wait for one.
    pub(super) fn may_request(&self, cx: &Context) -> bool {
        self.http.allowance.left() > 0 || cx.ring.is_repeat()
    }

    /// Logs a connection that does not follow a planned end, and starts its first request.
    pub(super) fn on_http_connected(&mut self, cx: &mut Context) -> Step {
        self.http.lifetime = LIFETIME - u64::from(self.backoff.draw((LIFETIME / 10) as u32));
        if core::mem::take(&mut self.http.should_log) {
            self.connections += 1;
            self.log_connection(true, cx);
        }
        self.http.allowance.on_connected();
        Step::Request
    }

    /// Starts a request if there is something to send.
    pub(super) fn start_request(&mut self, cx: &mut Context) -> Step {
        self.deadline = NEVER;
        self.drop_misdated_lines(cx);
        while !self.is_paused && (cx.ring.unsent_length() > 0 || self.http.search.is_probing()) {
            let is_old = cx.now >= self.connected_since + self.http.lifetime;
            let is_stale = cx.now >= self.http.idle_since.saturating_add(self.http.idle_max);
            if self.http.is_reused && (is_old || is_stale) {
                self.close(State::Waiting, cx);
                return Step::LookUp;
            }
            if self.encode_request(cx) {
                return self.begin_sending(cx);
            }
            // All lines of it are left out.
            self.http.count_left_out();
            cx.ring.acknowledge(0, cx.now);
            if self.http.search.is_probing() {
                self.http.search.on_no_probe();
                return Step::Wait;
            }
        }
        Step::Wait
    }

    /// Reacts to an answer.
    fn on_answer(&mut self, cx: &mut Context) -> Step {
        let http = &mut self.http;
        let answer = &http.answer;
        let is_open = http.phase == Phase::Answering && answer.is_whole() && !answer.closes;
        let (outcome, least_pause) = (Outcome::of(answer.status), answer.retry_after());
        let keep_alive = answer.keep_alive;
        http.idle_max = keep_alive.map_or(u64::MAX, |seconds| 1000 * seconds.saturating_sub(1));
        (http.phase, http.is_reused, http.idle_since) = (Phase::Idle, true, cx.now);
        self.encoded.clear();
        self.is_stalled = false;
        if outcome == Outcome::Accepted {
            self.on_accepted(cx);
        }
        let sent = Sent {
            now: cx.now,
            lines: self.http.batch.lines,
            is_repeat: self.http.is_repeat,
            is_compressed: self.http.is_compressed,
        };
        let action = self.http.search.on_answer(outcome, sent);
        let delay = match action {
            Action::Drop | Action::Delivered => {
                if action == Action::Drop {
                    self.reject(cx);
                }
                self.settle(cx)
            }
            Action::Request(delay) => {
                cx.ring.retract();
                Some(delay)
            }
            Action::Probe(delay) => {
                self.log_answer(cx);
                cx.ring.retract();
                Some(delay)
            }
            Action::NextReceiver | Action::SameReceiver => {
                self.log_answer(cx);
                if self.http.answer.status == BAD_GATEWAY {
                    // The server may have died, as at the end of a connection, and may have these lines.
                    self.http.is_unsure = true;
                    cx.ring.rewind(cx.now, false);
                } else {
                    cx.ring.retract();
                }
                self.leave_alone(least_pause, cx.now);
                self.end_allowance();
                return if action == Action::NextReceiver {
                    Step::NextReceiver
                } else {
                    self.pause_receiver(cx)
                };
            }
        };
        if is_open && delay == Some(0) {
            return Step::Request;
        }
        if !is_open {
            self.close(State::Waiting, cx);
        }
        self.deadline = delay.map_or(NEVER, |delay| cx.now + delay);
        Step::Wait
    }

    /// Waits for the next attempt at the same receiver.
    fn pause_receiver(&mut self, cx: &mut Context) -> Step {
        self.close(State::Waiting, cx);
        let delay = u64::from(self.backoff.next_delay());
        self.deadline = self.held_until(self.current).max(cx.now + delay);
        Step::Wait
    }

    /// Forgets what might have been sent during a failure: it would all be sent at once after it.
    fn end_allowance(&mut self) {
        if !self.keeps_open {
            self.http.allowance.end();
        }
        self.has_caught_up = false;
    }

    fn on_accepted(&mut self, cx: &mut Context) {
        self.log_accepted(cx);
        if self.http.search.is_probing() {
            // The server is well: failures that follow are due to the lines.
            self.backoff.reset();
        } else {
            self.acknowledged_at = cx.now;
        }
    }

    /// Removes the lines of the batch from the ring; returns the milliseconds until the next request, or `None` for the next
    /// flush.
    fn settle(&mut self, cx: &mut Context) -> Option<u64> {
        self.http.count_left_out();
        if cx.ring.acknowledge(0, cx.now) {
            self.backoff.reset();
        }
        let has_rest = cx.ring.has_unacked_sent_lines();
        self.http.is_unsure &= has_rest;
        if let Some(pause) = self.http.search.on_delivered(has_rest) {
            return Some(pause);
        }
        if !self.http.is_repeat {
            let bytes = self.http.record_bytes();
            self.http.allowance.spend(bytes);
        }
        (self.may_request(cx) && cx.ring.unsent_length() > 0).then_some(0)
    }

    /// Counts the line that is refused, and leaves its series out for a while, unless the server may refuse the line because
    /// it has it.
    fn reject(&mut self, cx: &mut Context) {
        let mut stage = [0; LINE_MAX];
        let line = cx.ring.oldest_in_flight(&mut stage);
        // The server may refuse the line for its age, or for the probe that it accepted: some refuse what is older than the
        // newest.
        let is_recent = match (cx.wall_second(), json::stamp(line)) {
            (Some(now), Some(stamp)) => stamp + RECENT > now,
            _ => true,
        };
        if is_recent && !self.http.is_unsure && series(line) != self.http.probed_series {
            self.http.refused.add(line, cx.now);
        }
        self.log_dropped(cx);
        self.http.rejected += u64::from(!self.http.is_repeat);
    }
}
