//! The log of families and custom metrics that fail: each error when it is new.

use super::script_runs::LOGGED_MAX;
use super::{Agent, Cx};
use crate::base::rate_limit::Throttle;
use crate::base::text::hash;
use crate::config::{Config, Custom};
use crate::custom::CustomError;
use crate::platform::{Ended, LogArg};
use crate::procfs::{Host, ReadError, ReadErrorKind, Subject};

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
    pub(super) fn log_family(
        &mut self,
        number: usize,
        family: LogArg,
        result: Result<(), ReadError>,
        cx: &mut Cx,
    ) {
        let logged = &mut self.family_errors[number];
        let had_too_many = logged.error.is_some_and(|error| error.is_too_many());
        if !logged.update(result.err(), self.now) {
            return;
        }
        let Err(error) = result else {
            let message = if had_too_many {
                "%: within the limit again"
            } else {
                "%: can be read again"
            };
            return cx.platform.log(message, &[family]);
        };
        let (message, args) = describe_family(family, error, cx.config, &self.host);
        cx.platform.log(message, &args);
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
        let message = "malformed datagram%%: \"%\" (expected a name that is not built in, a value and tags, or JSON lines)";
        cx.platform.log(message, &[from, process, line]);
    }

    /// Logs a result if it is new; `line` describes a malformed line, `written` is the first line that a script has written
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
        let Some(error) = error else {
            let again: &[u8] = if custom.is_script() {
                b"runs without errors again"
            } else {
                b"can be read again"
            };
            let args = [LogArg::Text(custom.name()), LogArg::Text(again)];
            return cx.platform.log("%: %", &args);
        };
        let (message, args) = describe_custom(custom, error, [line, written]);
        cx.platform.log(message, &args);
    }
}

/// Returns the message of a family's error, and its arguments.
pub(super) fn describe_family<'e>(
    family: LogArg<'e>,
    error: ReadError,
    config: &Config<'e>,
    host: &'e Host,
) -> (&'static str, [LogArg<'e>; 5]) {
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
    let reason = match error.kind {
        ReadErrorKind::System(errno) => LogArg::Cause(errno.into()),
        _ => LogArg::Text(error.message().unwrap_or_default().as_bytes()),
    };
    let message = if error.is_too_many() {
        "%: %%%: %: collecting the first ones"
    } else {
        "%: %%%: %"
    };
    let [root, slash, file] = [root, slash, file.as_bytes()].map(LogArg::Text);
    (message, [family, root, slash, file, reason])
}

/// Returns the message of a custom metric's error, and its arguments; the texts describe a malformed line, and are the first
/// line of a script's standard error.
pub(super) fn describe_custom<'e>(
    custom: &Custom<'e>,
    error: CustomError,
    [line, written]: [&'e [u8]; 2],
) -> (&'static str, [LogArg<'e>; 6]) {
    let (colon, file): (&[u8], &[u8]) = if custom.is_script() {
        (b"", b"")
    } else {
        (b": ", custom.number.file)
    };
    let text = LogArg::Text(line);
    let (message, what) = match error {
        CustomError::System(errno) => ("%%%: %", LogArg::Cause(errno.into())),
        CustomError::Ended(Ended::Exit(127)) => ("%%%: no such program%%%", text),
        CustomError::Ended(Ended::Exit(126)) => ("%%%: cannot be run, or not as that user%%%", text),
        CustomError::Ended(Ended::Exit(status)) => ("%%%: exit status %%%", LogArg::Number(status.into())),
        CustomError::Ended(Ended::Signal(signal)) => {
            ("%%%: killed by signal %%%", LogArg::Number(signal.into()))
        }
        CustomError::Missing => ("%%%: no such line or field", text),
        CustomError::NotNumber => ("%%%: not a number, or too large", text),
        CustomError::InvalidLine => ("%%%: %", text),
        CustomError::TooSlow => ("%%%: timed out%%%", text),
        CustomError::TooLong => ("%%%: printed more than 16384 bytes%%%", text),
        CustomError::Silent => ("%%%: printed nothing%%%", text),
        CustomError::Warning => ("%%%: succeeded%%%", text),
    };
    let before_written: &[u8] = if written.is_empty() {
        b""
    } else {
        b"; standard error: "
    };
    let [name, colon, file] = [custom.name(), colon, file].map(LogArg::Text);
    let [before, written] = [before_written, written].map(LogArg::Text);
    (message, [name, colon, file, what, before, written])
}

/// Returns a hash of a line without its digits: numbers of processes and times differ from run to run.
fn hash_of_words(line: &[u8]) -> u32 {
    let words = line.split(u8::is_ascii_digit).filter(|words| !words.is_empty());
    words.fold(0, |sum: u32, words| sum.rotate_left(5) ^ hash(words))
}
