//! Errors of the command line and the configuration file.

use super::kind::ValueKind;
use crate::base::fields::until;
use crate::base::text::Text;
use crate::json::{Place, SyntaxErrorKind, put_shortened};
use crate::platform::{Errno, describe};

/// Makes rows of: an error, and its message, in which `{}` is the token that is wrong.
macro_rules! errors {
    ($($kind:ident $message:literal;)*) => {
        /// What is wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(clippy::doc_markdown)]
        pub(crate) enum ErrorKind {
            /// The file cannot be read.
            System(Errno),
            /// The token is no directory that can be opened.
            Directory(Errno),
            /// The file is not JSON.
            Syntax(SyntaxErrorKind),
            /// The token is no value of this kind.
            Value(ValueKind),
            /// A flag of this kind has no value.
            NoValue(ValueKind),
            /// The timeout of a script is more than these milliseconds, half its interval.
            LongTimeout(u32),
            $(#[doc = $message] $kind),*
        }

        impl ErrorKind {
            fn message(self) -> &'static str {
                match self {
                    Self::System(_) | Self::Syntax(_) => "",
                    Self::Directory(_) => "{} is not a directory that can be read: ",
                    Self::Value(_) => "{} is not ",
                    Self::NoValue(_) => "needs a value: ",
                    Self::LongTimeout(_) => "{} is more than half the interval: at most ",
                    $(Self::$kind => $message),*
                }
            }
        }
    };
}

errors! {
    UnknownFlag "unknown flag";
    UnexpectedArgument "unexpected argument {}";
    SwitchValue "unexpected argument {} (a switch has its value after =)";
    OtherCommand "cannot be combined with {}";
    UnknownKey "unknown key";
    UnknownFamily "unknown family {}";
    Duplicate "given twice";
    CommandLineOnly "only allowed on the command line";
    NotObject "{} is not an object";
    NotList "{} is not a list";
    NotText "{} is not a text in quotes";
    FileTooLong "longer than 32 KB";
    ListsTooLong "the lists of all options together are too long";
    Pipe "a pipe, not a file";
    UnsafeExec "exec or via, in a file that others own or can write to (try chown root, chmod go-w)";
    NoInstances "{} has no instances to choose from (disk, diskio, net, neighbours, temp and wifi have)";
    NoPort "{} has no port, as in router.lan:6000";
    Port "port {} is not a number from 1 to 65535";
    Host "{} is not a host name or an address";
    AddressBrackets "{} is not an address (IPv6 needs brackets, as in [fe80::1]:6000, and others have none)";
    UnknownScheme "unknown scheme {} (accepted: http://host/path, https://host/path, unix:/path, exec:command, or host:port for TCP)";
    UserInfo "invalid user or password (only after http:// or https://, with %25 for %, %2C for a comma, %2F for a slash)";
    UrlInvalid "invalid URL {} (expected http://host:port/path, with %23 for # and %2C for a comma)";
    FormatNeedsHttp "-format: otlp and prometheus need receivers with http:// or https:// (-trans)";
    EmptyReceiver "an address is missing before or after a comma";
    CommandLength "exec: needs a command of 1 to 1000 bytes";
    StdoutAlone "- (standard output) must be the only address";
    TooManyReceivers "more than 8 addresses";
    UrlMissing "needs url";
    HeadersNeedHttp "headers need an address with http:// or https://";
    TooManyHeaders "more than 4 headers";
    HeadersTwice "the first URL has headers of its own in trans, which this one belongs to";
    TooManyTags "more than 32 tags";
    TooManyOwnTags "more than 8 tags";
    ReservedTag "tag key {} is reserved: the agent adds tags with it";
    DuplicateTag "tag key {} is given twice";
    CommonTag "tag key {} is that of a tag of each line";
    LineAndKey "line and key exclude each other";
    FileAndScript "a metric is either a number in a file or printed by a script, and the keys before this one are of the other kind";
    Incomplete "needs metric and file, or exec";
    BuiltInMetric "{} is the name of a built-in metric";
    DuplicateMetric "{} is given twice with the same tags";
    TooManyMetrics "more than 32 metrics";
    NameTooLong "endpoint and tags together take more than 1000 bytes in a line";
    OwnTagsTooLong "a line with these tags takes more than 2048 bytes";
    UserOfScript "-user: a script with a user of its own needs root, which the agent gives up";
    TextNotPrinted "-format: text is for standard output: -once, or -trans - without a spool";
    NoFamilies "no family is enabled (process needs names of processes)";
}

/// An error whose message has been written.
#[derive(Debug)]
pub struct Reported {
    /// It is one of the command line.
    pub is_usage: bool,
}

/// Why a value is refused.
pub(super) enum ValueError<'a> {
    /// It is not of the option's kind.
    NotOfKind,
    /// This is wrong with this part of it.
    Part(ErrorKind, &'a [u8]),
}

/// A value, or why it is refused.
pub(super) type ValueResult<'a, T = ()> = Result<T, ValueError<'a>>;

/// Where an error of the command line or of the configuration file is.
pub(super) struct ConfigError<'a> {
    /// The file; none for the command line.
    pub(super) path: Option<&'a [u8]>,
    /// The flag of the command line, without its dash.
    pub(super) flag: Option<&'a [u8]>,
    /// The token that is wrong, or the argument; without a line if all of the file is.
    pub(super) place: Place<'a>,
    /// The part of it that is wrong, if not all of it.
    pub(super) part: Option<&'a [u8]>,
    /// What would be accepted in place of an unknown name.
    pub(super) hint: Hint,
}

/// What would be accepted in place of an unknown name.
#[derive(Clone, Copy)]
pub(super) enum Hint {
    /// There is no unknown name.
    None,
    /// A similar name.
    Similar(&'static [u8]),
    /// A similar flag, without its dash.
    SimilarFlag(&'static [u8]),
    /// One of the names that this returns.
    OneOf(super::NameAt),
    /// One of the flags.
    Flags,
}

/// Writes the message of an error of the command line as a whole, or of the file of that path.
pub(crate) fn report(kind: ErrorKind, path: Option<&[u8]>, message: &mut Text) -> Reported {
    let mut error = ConfigError::new(path, Place::default());
    error.flag = match (path, kind) {
        (None, ErrorKind::NameTooLong) => Some(b"tag"),
        (None, ErrorKind::NoFamilies) => Some(b"metrics"),
        (None, ErrorKind::HeadersTwice) => Some(b"header"),
        _ => None,
    };
    error.report(kind, message)
}

impl<'a> ConfigError<'a> {
    /// An error at this place of the file, or of the command line if there is no path.
    pub(super) fn new(path: Option<&'a [u8]>, place: Place<'a>) -> Self {
        Self {
            path,
            flag: None,
            place,
            part: None,
            hint: Hint::None,
        }
    }

    /// Writes the message, one line without its newline.
    pub(super) fn report(&self, kind: ErrorKind, text: &mut Text) -> Reported {
        self.put_position(text);
        let message = kind.message().as_bytes();
        let before = until(message, b'{');
        text.put(before);
        if let Some(after) = message.get(before.len() + "{}".len()..) {
            self.put_token(kind, text);
            text.put(after);
        }
        match kind {
            ErrorKind::System(errno) | ErrorKind::Directory(errno) => describe(text, errno),
            ErrorKind::Syntax(kind) => {
                let mut token = self.place.token;
                if self.has_secrets() && token.text.len() > 1 {
                    token.text = b"this text";
                }
                kind.describe(&token, text);
            }
            ErrorKind::Value(kind) | ErrorKind::NoValue(kind) => kind.describe(text, self.path.is_some()),
            ErrorKind::LongTimeout(most) => text.duration(most),
            _ => {}
        }
        self.put_hint(text);
        Reported {
            is_usage: self.path.is_none(),
        }
    }

    /// Writes the file and its line, and the keys; or the flag.
    fn put_position(&self, text: &mut Text) {
        if let Some(path) = self.path {
            put_shortened(text, path);
            if self.place.token.line > 0 {
                text.put(b":");
                text.number(self.place.token.line.into());
            }
            text.put(b": ");
        }
        if let Some(flag) = self.flag {
            text.put(b"-");
            put_shortened(text, flag);
            text.put(b": ");
        }
        let mut separator: &[u8] = b"";
        for key in self.place.keys.into_iter().filter(|key| !key.is_empty()) {
            text.put(separator);
            put_shortened(text, key);
            separator = b".";
        }
        if !separator.is_empty() {
            text.put(b": ");
        }
    }

    /// Whether the texts of the key may have passwords in them.
    fn has_secrets(&self) -> bool {
        let [key, ..] = self.place.keys;
        self.path.is_some() && matches!(key, b"trans" | b"header")
    }

    fn put_token(&self, kind: ErrorKind, text: &mut Text) {
        match (self.part, self.place.token.text) {
            // A header often has a password in it.
            _ if kind == ErrorKind::Value(ValueKind::Header) => text.put(b"this value"),
            (Some(part), _) => put_quoted(part, text),
            (None, argument) if self.path.is_none() => put_quoted(argument, text),
            (None, b"{") => text.put(b"this object"),
            (None, b"[") => text.put(b"this list"),
            _ => self.place.token.put(text),
        }
    }

    fn put_hint(&self, text: &mut Text) {
        match self.hint {
            Hint::None => {}
            Hint::Similar(name) => put_similar(b"", name, text),
            Hint::SimilarFlag(name) => put_similar(b"-", name, text),
            Hint::OneOf(name) => {
                for (index, name) in (0..).map_while(name).enumerate() {
                    text.put(if index == 0 { b" (accepted: " } else { b", " });
                    text.put(name);
                }
                text.put(b")");
            }
            Hint::Flags => text.put(b" (-h lists all flags)"),
        }
    }
}

fn put_similar(dash: &[u8], name: &[u8], text: &mut Text) {
    for part in [b" (did you mean \"", dash, name, b"\"?)"] {
        text.put(part);
    }
}

fn put_quoted(part: &[u8], text: &mut Text) {
    text.put(b"\"");
    put_shortened(text, part);
    text.put(b"\"");
}
