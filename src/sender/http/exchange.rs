//! One request and its answer on the connection.

use super::Phase;
use super::answer::Answer;
use super::refused_series::series;
use super::request::Request;
use crate::base::text::Text;
use crate::base::url::Url;
use crate::encode::Encoding;
use crate::platform::{Cause, LogArg, Transfer};
use crate::ring::{Batch, Bounds, LINE_MAX};
use crate::sender::connected::FAILED;
use crate::sender::{Context, Sender, State, Step};

/// Bytes that are read at once, and how often in one turn.
const READ_MAX: usize = 4096;
const READS_MAX: usize = 20;

impl Sender {
    /// Encodes a probe, or a batch; returns whether there is anything to send.
    pub(super) fn encode_request(&mut self, cx: &mut Context) -> bool {
        self.http.left_out = 0;
        if self.http.search.is_probing() {
            self.encode_probe(cx);
        } else {
            self.encode_batch(cx);
        }
        self.encoded.start < self.encoded.end
    }

    fn encode_probe(&mut self, cx: &Context) {
        let encoding = self.encoding(cx);
        let mut stage = [0; LINE_MAX];
        let (refused, is_first) = (&self.http.refused, !self.http.search.was_probe_refused());
        let mut rank = |line: &[u8]| {
            if refused.contains(line, cx.now) {
                0
            } else if is_first && line.starts_with(b"{\"metric\":\"agent.alive\"") {
                2
            } else {
                1
            }
        };
        // The oldest one is in its order, for a server that refuses what is older than the newest of a series. A
        // server may refuse it for its age, though.
        let line = cx.ring.line_of_highest_rank(is_first, &mut rank, &mut stage);
        self.http.probed_series = series(line);
        self.encoded
            .encode_line(self.memory, encoding, line, cx.targets.starts);
        self.http.batch = Batch { lines: 1, bytes: 0 };
    }

    fn encode_batch(&mut self, cx: &mut Context) {
        let (encoding, now) = (self.encoding(cx), cx.now);
        let http = &mut self.http;
        http.is_repeat = cx.ring.is_repeat();
        let mut bounds = Bounds {
            lines: http.search.lines_max(now),
            ..Bounds::NONE
        };
        // What was sent before is sent again as it was then.
        if http.search.is_off() && !http.is_repeat && !cx.ring.has_unacked_sent_lines() {
            bounds.bytes = http.allowance.left();
        }
        let (refused, left_out) = (&http.refused, &mut http.left_out);
        let mut wants = |line: &[u8]| {
            let is_left_out = refused.contains(line, now);
            *left_out += u64::from(is_left_out);
            !is_left_out
        };
        http.batch = self.encoded.encode(self.memory, encoding, bounds, &mut wants, cx);
    }

    /// Starts to send what is encoded.
    pub(super) fn begin_sending(&mut self, cx: &mut Context) -> Step {
        let may_compress = cx.targets.gzip
            && self.http.search.may_compress()
            && self.encoding(cx) != Some(Encoding::Prometheus);
        self.http.is_compressed = may_compress && self.encoded.compress(self.memory);
        self.put_head(cx);
        self.http.phase = Phase::Sending;
        self.http.answer = Answer::NONE;
        self.deadline = cx.now + u64::from(cx.targets.timeout);
        self.send_request(cx)
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
    pub(super) fn send_request(&mut self, cx: &mut Context) -> Step {
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
    pub(super) fn read_answer(&mut self, cx: &mut Context) -> Option<Step> {
        let mut end = None;
        for _ in 0..READS_MAX {
            let mut buffer = [0; READ_MAX];
            match cx.platform.read(&mut buffer) {
                Ok(Some(0)) => end = Some(Cause::Closed),
                Ok(Some(length)) if self.http.phase != Phase::Idle => {
                    // The deadline stays: it is that of the whole answer.
                    self.http.answer.read(buffer.get(..length).unwrap_or_default());
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
            self.log_invalid(error, cx);
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
    pub(super) fn on_request_lost(&mut self, cause: Cause, cx: &mut Context) -> Step {
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
        self.http.search.on_lost();
        self.end_allowance();
        let is_of_no_use = !self.http.is_reused || cause == Cause::TimedOut;
        self.http.close();
        if is_of_no_use || cx.now < self.connected_since + FAILED {
            Step::NextReceiver
        } else {
            Step::Pause
        }
    }
}
