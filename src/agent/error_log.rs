//! The log of families and custom metrics that fail: each error when it is new.

use super::script_runs::LOGGED_MAX;
use super::{Agent, Cx};
use crate::base::rate_limit::Throttle;
use crate::base::text::{Text, hash};
use crate::config::{Config, Custom};
use crate::custom::CustomError;
use crate::families::FAMILIES;
use crate::platform::{self, Ended, LogArg};
use crate::procfs::{Host, ReadError, ReadErrorKind, Subject};

/// Bytes of the longest message.
pub(super) const MESSAGE_MAX: usize = 2048;

/// The error of one source as the log has it.
#[derive(Clone, Copy)]
pub(super) struct LoggedError<E> {
    throttle: Throttle,
    error: Option<E>,
}

impl<E: PartialEq + Copy> LoggedError<E> {
    pub(super) const NONE: Self = Self {
        throttle: Throttle::new(),
        error: None,
    };

    /// Notes the error if it is another one and may be logged now; returns whether to log it. An error that is not logged
    /// now is logged later, if it stays.
    fn update(&mut self, error: Option<E>, now: u64) -> bool {
        let is_new = self.error != error && self.throttle.pass(now).is_some();
        if is_new {
            self.error = error;
        }
        is_new
    }
}

impl Agent<'_> {
    /// Logs that a family fails, or no longer does, if that is new.
    pub(super) fn log_family(&mut self, number: usize, result: Result<(), ReadError>, cx: &mut Cx) {
        let logged = &mut self.family_errors[number];
        let had_too_many = logged.error.is_some_and(|error| error.is_too_many());
        if !logged.update(result.err(), self.now) {
            return;
        }
        let mut buffer = [0; MESSAGE_MAX];
        let mut text = Text::new(&mut buffer);
        if let Err(error) = result {
            describe_family(&mut text, number, error, cx.config, &self.host);
        } else {
            text.put(FAMILIES[number].name.as_bytes());
            text.put(if had_too_many {
                b": within the limit again"
            } else {
                b": can be read again"
            });
        }
        cx.platform.log("%", &[LogArg::Text(text.bytes())]);
    }

    /// Logs a malformed datagram, unless the last one that was logged has the same sender: its process, or 0.
    pub(super) fn log_malformed(&mut self, line: &[u8], sender: u32, cx: &mut Cx) {
        if !self.malformed_sender.update(Some(sender), self.now) {
            return;
        }
        let none = LogArg::Text(b"");
        let (from, process) = match sender {
            0 => (none, none),
            process => (LogArg::Text(b" from process "), LogArg::Number(process.into())),
        };
        let line = LogArg::Text(line.get(..LOGGED_MAX).unwrap_or(line));
        let message = "malformed datagram%%: \"%\" (expected a name that no built-in metric has, a value and tags, or JSON lines)";
        cx.platform.log(message, &[from, process, line]);
    }

    /// Logs a result if it is new; `line` is the start of a malformed line, `written` the first line that a script has written
    /// to its standard error.
    pub(super) fn log_custom(
        &mut self,
        number: usize,
        error: Option<CustomError>,
        line: &[u8],
        written: &[u8],
        cx: &mut Cx,
    ) {
        let logged = &mut self.custom.metrics[number].error;
        if !logged.update(error.map(|error| (error, hash_of_words(written))), self.now) {
            return;
        }
        let Some(custom) = cx.config.custom_at(number) else {
            return;
        };
        let mut buffer = [0; MESSAGE_MAX];
        let mut text = Text::new(&mut buffer);
        if let Some(error) = error {
            describe_custom(&mut text, custom, error, line, written);
        } else {
            text.put(custom.name());
            text.put(if custom.is_script() {
                b": runs without errors again"
            } else {
                b": can be read again"
            });
        }
        cx.platform.log("%", &[LogArg::Text(text.bytes())]);
    }
}

/// Writes the message of a family's error.
pub(super) fn describe_family(
    text: &mut Text,
    number: usize,
    error: ReadError,
    config: &Config,
    host: &Host,
) {
    let (root, file) = match error.subject {
        Subject::File(file) => (config.proc, file.path()),
        Subject::Processes => (config.proc, ""),
        Subject::Sensors => (config.sys, "class"),
        Subject::MountPoint => (host.failed_mount.bytes(), ""),
        Subject::Leases => (config.leases, ""),
        Subject::Clock => (b"adjtimex".as_slice(), ""),
    };
    let is_path = root.is_empty() || file.is_empty() || root.ends_with(b"/");
    let slash: &[u8] = if is_path { b"" } else { b"/" };
    let name = FAMILIES[number].name.as_bytes();
    for part in [name, b": ", root, slash, file.as_bytes(), b": "] {
        text.put(part);
    }
    match error.kind {
        ReadErrorKind::System(errno) => platform::describe(text, errno),
        _ => text.put(error.message().unwrap_or_default().as_bytes()),
    }
    if error.is_too_many() {
        text.put(b": collecting the first ones");
    }
}

/// Writes the message of a custom metric's error; `line` is the start of a malformed line, `written` the first line of a script's
/// standard error.
pub(super) fn describe_custom(
    text: &mut Text,
    custom: &Custom,
    error: CustomError,
    line: &[u8],
    written: &[u8],
) {
    text.put(custom.name());
    text.put(b": ");
    if !custom.is_script() {
        text.put(custom.number.file);
        text.put(b": ");
    }
    match error {
        CustomError::System(errno) => platform::describe(text, errno),
        CustomError::Ended(Ended::Exit(127)) => text.put(b"no such program"),
        CustomError::Ended(Ended::Exit(126)) => text.put(b"cannot be run, or not as that user"),
        CustomError::Ended(Ended::Exit(status)) => {
            text.put(b"exit status ");
            text.number(status.into());
        }
        CustomError::Ended(Ended::Signal(signal)) => {
            text.put(b"killed by signal ");
            text.number(signal.into());
        }
        CustomError::Missing => text.put(b"no such line or field"),
        CustomError::NotNumber => text.put(b"not a number, or too large"),
        CustomError::InvalidLine => {
            text.put(b"malformed line \"");
            text.put(line);
            text.put(
                b"\" (expected a name that no built-in metric has, a value and tags, at most 512 bytes)",
            );
        }
        CustomError::TooSlow => text.put(b"timed out"),
        CustomError::TooLong => text.put(b"printed more than 16384 bytes"),
        CustomError::Silent => text.put(b"printed nothing"),
        CustomError::Warning => text.put(b"succeeded"),
    }
    if !written.is_empty() {
        text.put(b"; standard error: ");
        text.put(written);
    }
}

/// Returns a hash of a line without its digits: numbers of processes and times differ from run to run.
fn hash_of_words(line: &[u8]) -> u32 {
    let words = line.split(u8::is_ascii_digit).filter(|words| !words.is_empty());
    words.fold(0, |sum: u32, words| sum.rotate_left(5) ^ hash(words))
}
