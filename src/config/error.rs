//! Errors of the command line and the configuration file.

use super::kind::ValueKind;
use super::options::ConfigOption;
use crate::base::text::Text;
use crate::json::{Keys, SyntaxError, SyntaxErrorKind, Token, put_shortened};
use crate::platform::{Errno, describe};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorKind {
    /// The file cannot be read.
    System(Errno),
    /// The file is not JSON.
    Syntax(SyntaxErrorKind),
    /// The value is not of this kind.
    Value(ValueKind),
    /// A flag of this kind has no value.
    NoValue(ValueKind),
    /// No flag has this name.
    UnknownFlag,
    /// The argument is no flag.
    UnexpectedArgument,
    /// No key has this name.
    UnknownKey,
    /// No family has this name.
    UnknownFamily,
    /// The key stands twice in its object.
    Duplicate,
    /// The key is that of a flag which the file cannot have.
    CommandLineOnly,
    /// An object is expected.
    NotObject,
    /// A list is expected.
    NotList,
    /// A string is expected.
    NotText,
    /// The file is longer than is read.
    FileTooLong,
    /// The file is a pipe.
    Pipe,
    /// The file has a command, and others can write to it.
    UnsafeExec,
    /// `only` or `ignore` of a family that has one instance.
    NoInstances,
    /// `line` and `key` of one metric.
    LineAndKey,
    /// Keys of a file and of a script in one metric.
    FileAndScript,
    /// Keys of a metric that are not enough.
    Incomplete,
    /// More custom metrics than there may be.
    TooManyMetrics,
    /// A script's timeout is too long for its interval.
    TimeoutTooLong,
    /// Endpoint and tags do not fit into a line.
    NameTooLong,
    /// No family and no custom metric is enabled.
    NoFamilies,
}

impl ErrorKind {
    /// Returns the message, and whether it follows the token that is wrong.
    fn message(self) -> (bool, &'static str) {
        match self {
            Self::System(_) | Self::Syntax(_) | Self::Value(_) | Self::NoValue(_) => (false, ""),
            Self::UnknownFlag => (false, "unknown flag "),
            Self::UnexpectedArgument => (false, "unexpected argument "),
            Self::UnknownKey => (false, "unknown key"),
            Self::UnknownFamily => (false, "unknown family"),
            Self::Duplicate => (false, "given twice"),
            Self::CommandLineOnly => (false, "only allowed on the command line"),
            Self::NotObject => (true, " is not an object"),
            Self::NotList => (true, " is not a list"),
            Self::NotText => (true, " is not a text in quotes"),
            Self::FileTooLong => (false, "longer than 32 KB"),
            Self::Pipe => (false, "a pipe, not a file"),
            Self::UnsafeExec => (
                false,
                "exec, in a file that others own or can write to (try chown root, chmod go-w)",
            ),
            Self::NoInstances => (false, "this family has no instances to choose from"),
            Self::LineAndKey => (false, "line and key exclude each other"),
            Self::FileAndScript => (
                false,
                "a metric is either a number in a file or printed by a script, and the keys before this one are of the other kind",
            ),
            Self::Incomplete => (false, "needs metric and file, or exec"),
            Self::TooManyMetrics => (false, "more than 32 metrics"),
            Self::TimeoutTooLong => (true, " is more than half the interval"),
            Self::NameTooLong => (
                false,
                "endpoint and tags together take more than 1000 bytes in a line",
            ),
            Self::NoFamilies => (false, "no family is enabled (process needs names of processes)"),
        }
    }
}

/// An error of the command line or of the configuration file, and where it is.
#[derive(Clone, Copy)]
pub struct ConfigError<'a> {
    kind: ErrorKind,
    /// The file; none for the command line.
    path: Option<&'a [u8]>,
    /// The flag of the command line.
    option: Option<&'static ConfigOption>,
    /// The token that is wrong, or the argument; without a line if all of the file is.
    token: Token<'a>,
    /// The keys that lead to the token.
    keys: Keys<'a>,
    /// A known name that is similar to an unknown one.
    suggestion: Option<&'static [u8]>,
}

impl<'a> ConfigError<'a> {
    /// An error of the command line as a whole.
    pub fn of_command_line(kind: ErrorKind) -> Self {
        Self {
            kind,
            path: None,
            option: None,
            token: Token::default(),
            keys: Keys::default(),
            suggestion: None,
        }
    }

    /// An error of an argument, or of the value of a flag.
    pub(super) fn of_argument(
        kind: ErrorKind,
        option: Option<&'static ConfigOption>,
        argument: &'a [u8],
    ) -> Self {
        Self {
            option,
            token: Token {
                line: 0,
                text: argument,
            },
            ..Self::of_command_line(kind)
        }
    }

    /// An error of the file as a whole.
    pub(super) fn of_file(kind: ErrorKind, path: &'a [u8]) -> Self {
        Self {
            path: Some(path),
            ..Self::of_command_line(kind)
        }
    }

    /// An error of a token in the file.
    pub(super) fn of_token(kind: ErrorKind, path: &'a [u8], token: Token<'a>, keys: Keys<'a>) -> Self {
        Self {
            token,
            keys,
            ..Self::of_file(kind, path)
        }
    }

    pub(super) fn of_syntax(error: &SyntaxError<'a>, path: &'a [u8]) -> Self {
        Self::of_token(ErrorKind::Syntax(error.kind), path, error.token, error.keys)
    }

    pub(super) fn suggest(self, suggestion: Option<&'static [u8]>) -> Self {
        Self { suggestion, ..self }
    }

    /// Whether the file does not exist.
    pub fn is_missing_file(&self) -> bool {
        self.kind == ErrorKind::System(Errno::NOT_FOUND)
    }

    /// Writes the error as one line, without its newline.
    pub fn describe(&self, text: &mut Text) {
        self.put_position(text);
        match self.kind {
            ErrorKind::System(errno) => describe(text, errno),
            ErrorKind::Syntax(kind) => kind.describe(&self.token, text),
            ErrorKind::Value(kind) => {
                self.put_token(text);
                text.put(b" is not ");
                kind.describe(text, self.path.is_some());
            }
            ErrorKind::NoValue(kind) => {
                text.put(b"needs a value: ");
                kind.describe(text, false);
            }
            kind => {
                let (follows_token, message) = kind.message();
                if follows_token {
                    self.put_token(text);
                }
                text.put(message.as_bytes());
            }
        }
        if matches!(self.kind, ErrorKind::UnknownFlag | ErrorKind::UnexpectedArgument) {
            self.put_token(text);
            if self.suggestion.is_none() {
                text.put(b" (-h lists all flags)");
            }
        }
        if let Some(name) = self.suggestion {
            let dash: &[u8] = if self.path.is_none() { b"-" } else { b"" };
            for part in [b" (did you mean \"", dash, name, b"\"?)"] {
                text.put(part);
            }
        }
    }

    /// Writes the file and its line, and the keys; or the flag.
    fn put_position(&self, text: &mut Text) {
        match self.path {
            Some(path) => put_shortened(text, path),
            None => text.put(b"mini-monitor"),
        }
        if self.token.line > 0 {
            text.put(b":");
            text.number(self.token.line.into());
        }
        text.put(b": ");
        if let Some(option) = self.option {
            for part in [b"-", option.name.as_bytes(), b": "] {
                text.put(part);
            }
        }
        let mut separator: &[u8] = b"";
        for key in self.keys.into_iter().filter(|key| !key.is_empty()) {
            text.put(separator);
            put_shortened(text, key);
            separator = b".";
        }
        if !separator.is_empty() {
            text.put(b": ");
        }
    }

    fn put_token(&self, text: &mut Text) {
        match self.token.text {
            argument if self.path.is_none() => {
                text.put(b"\"");
                put_shortened(text, argument);
                text.put(b"\"");
            }
            b"{" => text.put(b"this object"),
            b"[" => text.put(b"this list"),
            _ => self.token.put(text),
        }
    }
}
