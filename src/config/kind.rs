//! The kinds of values that options and keys have.

use crate::base::text::Text;

/// A kind of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// One or several receivers.
    Receivers,
    /// `true` or `false`.
    Switch,
    /// A duration.
    Duration,
    /// A duration, or 0.
    DurationOrZero,
    /// The name of the endpoint.
    Name,
    /// A tag.
    Tag,
    /// A number of bytes.
    Size,
    /// What a full buffer does.
    Overflow,
    /// A path.
    Path,
    /// The path of a Unix socket.
    Socket,
    /// Families, and how often they run.
    Families,
    /// A family, and patterns of its instances.
    FamilyPatterns,
    /// Patterns of instances.
    Patterns,
    /// Names of programs.
    Programs,
    /// A directory.
    Directory,
    /// The name of a metric.
    Metric,
    /// The start of a line.
    LineKey,
    /// A command.
    Command,
    /// The name of a user.
    User,
    /// The number of a line or a field.
    Number,
    /// A power of ten.
    Scale,
    /// A ratio.
    Ratio,
}

/// How a value is written in the configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `true` or `false`.
    Word,
    Number,
    Text,
    TextOrNumber,
    /// A text, or a list of texts, each of which is set like one.
    Each,
    /// A text, or a list of texts with commas between.
    CommaList,
    /// A text, or a list of texts with a zero after each.
    Arguments,
}

impl ValueKind {
    /// Returns a description that follows "is not", an example, and the form in the file.
    fn row(self) -> (&'static str, &'static str, Form) {
        use Form::{Arguments, CommaList, Each, Number, Text, TextOrNumber, Word};
        match self {
            Self::Receivers => (
                "an address (host:port, :port, [v6]:port, unix:/path, exec:command), up to 8 of them with commas between, or -",
                "router.lan:6000",
                Each,
            ),
            Self::Switch => ("true or false", "true", Word),
            Self::Duration => ("a duration from 10ms to 24h", "5s", TextOrNumber),
            Self::DurationOrZero => ("a duration up to 24h, or 0", "10s", TextOrNumber),
            Self::Name => ("a name of 1 to 255 bytes", "router-7", Text),
            Self::Tag => ("a text that is not empty, at most 32 times", "site=attic", Each),
            Self::Size => ("a size from 4K to 1G", "64K", TextOrNumber),
            Self::Overflow => ("thin or drop", "thin", Text),
            Self::Path => ("a path", "/tmp/file", Text),
            Self::Socket => (
                "a path of up to 107 bytes that starts with a slash",
                "/run/mini-monitor.sock",
                Text,
            ),
            Self::Families => (
                "a list of families (-list has their names), each alone, off, or with an interval",
                "cpu,net=1s,wifi=off",
                Each,
            ),
            Self::FamilyPatterns => (
                "a list of patterns for disk, diskio, net, neighbours, temp or wifi",
                "net=eth*,br-lan",
                Each,
            ),
            Self::Patterns => ("a list of patterns", "eth*,br-lan", CommaList),
            Self::Programs => (
                "a list of up to 32 names or patterns of programs",
                "dnsmasq,kworker/*",
                CommaList,
            ),
            Self::Directory => ("a directory that can be read", "/proc", Text),
            Self::Metric => (
                "a name of up to 64 letters, digits, dots, dashes and underscores",
                "psu.volts",
                Text,
            ),
            Self::LineKey => ("a text that is not empty", "MemFree", Text),
            Self::Command => (
                "a text for the shell, or a list of a program and its arguments, up to 1000 bytes and 24 words",
                "/usr/lib/check --all",
                Arguments,
            ),
            Self::User => ("a user of this machine", "nobody", Text),
            Self::Number => ("a number from 1 to 1000000", "2", Number),
            Self::Scale => ("a power of ten from -9 to 9", "-3", Number),
            Self::Ratio => (
                "two numbers from 1 to 4294967295 with a slash between",
                "1/1024",
                Text,
            ),
        }
    }

    pub(super) fn form(self) -> Form {
        self.row().2
    }

    /// Whether an option of this kind adds to its earlier values on the command line.
    pub(super) fn is_repeatable(self) -> bool {
        matches!(self, Self::Tag | Self::Families | Self::FamilyPatterns)
    }

    /// Writes the description, and an example as the file or the command line has it.
    pub(super) fn describe(self, text: &mut Text, is_file: bool) {
        let (description, example, form) = self.row();
        let quote: &[u8] = match form {
            Form::Word | Form::Number => b"",
            _ if is_file => b"\"",
            _ => b"",
        };
        for part in [
            description.as_bytes(),
            b" (try ",
            quote,
            example.as_bytes(),
            quote,
            b")",
        ] {
            text.put(part);
        }
    }
}
