//! The log of answers: each status when it is new, until lines are accepted again.

use super::answer::Answer;
use super::partial_success::{self, PartialSuccess};
use crate::base::rate_limit::Throttle;
use crate::encode::Encoding;
use crate::platform::LogArg;
use crate::sender::{Context, Sender};

/// What the log has.
pub(super) struct AnswerLog {
    /// The status that the log has last, unless lines were accepted since; 0 for none.
    status: u16,
    throttle: Throttle,
}

impl AnswerLog {
    pub(super) const NEW: Self = Self {
        status: 0,
        throttle: Throttle::new(),
    };
}

impl Sender {
    /// Logs an answer of success that reports something: an error, or a body, which databases do not send; or the first one
    /// after others. Counts the lines that the server has rejected.
    pub(super) fn log_accepted(&mut self, cx: &mut Context) {
        let has_report = self.has_report(cx);
        if !self.http.search.is_off() {
            return;
        }
        if has_report {
            self.log_answer(cx);
        } else if core::mem::take(&mut self.http.log.status) != 0 {
            let address = LogArg::Address(self.address);
            cx.platform.log("lines accepted by %", &[address]);
        }
    }

    fn has_report(&mut self, cx: &Context) -> bool {
        let Some(report) = self.partial_success(cx) else {
            let answer = &self.http.answer;
            return answer.has_exception || !answer.start().trim_ascii().is_empty();
        };
        let (rejected, is_empty) = (report.rejected, report.message.is_empty());
        if !self.http.search.is_probing() && !self.http.is_repeat {
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

    /// Logs an answer that is no plain success, once until another one comes.
    pub(super) fn log_answer(&mut self, cx: &mut Context) {
        let answer = &self.http.answer;
        if self.http.log.status == answer.status {
            return;
        }
        let Some(count) = self.http.log.throttle.pass(cx.now) else {
            return;
        };
        self.http.log.status = answer.status;
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
        let line = shown(answer);
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

    /// Logs what came in place of an answer.
    pub(super) fn log_invalid(&mut self, error: &'static str, cx: &mut Context) {
        if self.http.log.throttle.pass(cx.now).is_none() {
            return;
        }
        let answer = &self.http.answer;
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

    pub(super) fn log_dropped(&mut self, cx: &mut Context) {
        if let Some(count) = self.http.log.throttle.pass(cx.now) {
            let args = [LogArg::Number(count.into()), LogArg::Address(self.address)];
            cx.platform.log("% lines refused by % and dropped", &args);
        }
    }
}

/// Returns the address of a redirect, or the first line of the body.
fn shown(answer: &Answer) -> &[u8] {
    let location = answer.location.bytes();
    if !location.is_empty() {
        return location;
    }
    let mut lines = answer.start().split(|byte| *byte == b'\n');
    lines.next().unwrap_or_default()
}
