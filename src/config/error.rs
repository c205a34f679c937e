//! Errors of the command line and the configuration file.

use super::kind::ValueKind;
use super::options::ConfigOption;
use crate::base::text::Text;
use crate::json::{Keys, SyntaxError, SyntaxErrorKind, Token, put_shortened};
use crate::platform::{Errno, describe};

/// Makes rows of: an error, and its message, in which `{}` at the start or the end is the token that is wrong.
macro_rules! errors {
    ($($kind:ident $message:literal;)*) => {
        /// What is wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum ErrorKind {
            /// The file cannot be read.
            System(Errno),
            /// The file is not JSON.
            Syntax(SyntaxErrorKind),
            /// The token is no value of this kind.
            Value(ValueKind),
            /// A flag of this kind has no value.
            NoValue(ValueKind),
            $(#[doc = $message] $kind),*
        }

        impl ErrorKind {
            fn message(self) -> &'static str {
                match self {
                    Self::System(_) | Self::Syntax(_) | Self::Value(_) | Self::NoValue(_) => "",
                    $(Self::$kind => $message),*
                }
            }
        }
    };
}

errors! {
    UnknownFlag "unknown flag {}";
    UnexpectedArgument "unexpected argument {}";
    UnknownKey "unknown key";
    UnknownFamily "unknown family";
    Duplicate "given twice";
    CommandLineOnly "only allowed on the command line";
    NotObject "{} is not an object";
    NotList "{} is not a list";
    NotText "{} is not a text in quotes";
    FileTooLong "longer than 32 KB";
    Pipe "a pipe, not a file";
    UnsafeExec "exec, in a file that others own or can write to (try chown root, chmod go-w)";
    NoInstances "this family has no instances to choose from";
    LineAndKey "line and key exclude each other";
    FileAndScript "a metric is either a number in a file or printed by a script, and the keys before this one are of the other kind";
    Incomplete "needs metric and file, or exec";
    TooManyMetrics "more than 32 metrics";
    TimeoutTooLong "{} is more than half the interval";
    NameTooLong "endpoint and tags together take more than 1000 bytes in a line";
    NoFamilies "no family is enabled (process needs names of processes)";
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
    pub(crate) fn of_command_line(kind: ErrorKind) -> Self {
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
            kind => self.put_message(kind.message(), text),
        }
        match (self.suggestion, self.kind) {
            (Some(name), _) => {
                let dash: &[u8] = if self.path.is_none() { b"-" } else { b"" };
                for part in [b" (did you mean \"", dash, name, b"\"?)"] {
                    text.put(part);
                }
            }
            (None, ErrorKind::UnknownFlag | ErrorKind::UnexpectedArgument) => {
                text.put(b" (-h lists all flags)");
            }
            _ => {}
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

    fn put_message(&self, message: &str, text: &mut Text) {
        let after = message.strip_prefix("{}");
        if after.is_some() {
            self.put_token(text);
        }
        let message = after.unwrap_or(message);
        let before = message.strip_suffix("{}");
        text.put(before.unwrap_or(message).as_bytes());
        if before.is_some() {
            self.put_token(text);
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
