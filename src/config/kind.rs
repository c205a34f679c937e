//! The kinds of values that options and keys have.

use crate::base::text::Text;

/// The form of a value in the configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `true` or `false`.
    Word,
    Number,
    Text,
    TextOrNumber,
    /// A text, or a list of texts, each of which is set like one.
    Each,
    /// A text, or a list of texts, which are set as one with commas between.
    CommaList,
    /// A text, or a list of texts, which are set as one with a zero after each.
    Arguments,
}

/// Makes rows of: a kind, its form, an example, and a description that follows "is not".
macro_rules! kinds {
    ($($kind:ident $form:ident $example:literal $description:literal;)*) => {
        /// A kind of value.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(clippy::doc_markdown)]
        pub(crate) enum ValueKind {
            $(#[doc = $description] $kind),*
        }

        impl ValueKind {
            fn row(self) -> (Form, &'static str, &'static str) {
                match self {
                    $(Self::$kind => (Form::$form, $example, $description)),*
                }
            }
        }
    };
}

kinds! {
    Receivers Text "router.lan:6000"
        "an address (host:port, :port, [v6]:port, http://host/path, https://host/path, unix:/path, exec:command), up to 8 of them, or -";
    Receiver Text "http://router.lan/write"
        "an address (http://host/path, https://host/path, host:port, :port, [v6]:port, unix:/path, exec:command, or -)";
    Format Text "influx" "auto, json, json-labels, influx, otlp, prometheus or text";
    Via Text "ssh -W %h:%p gateway" "a command of 1 to 1000 bytes, in which %h and %p are host and port and %% is %";
    Header Each "Authorization: Bearer 5e3f" "a header, its name, a colon and its value, up to 512 bytes and 4 of them";
    Switch Word "true" "true or false";
    Duration TextOrNumber "5s" "a duration from 10ms to 24h";
    DurationOrZero TextOrNumber "10s" "a duration from 10ms to 24h, or 0";
    Name Text "router-7" "a name of 1 to 255 bytes";
    Tag Each "site=attic" "a tag";
    Size TextOrNumber "64K" "a size from 4K to 1G";
    Overflow Text "thin" "thin or drop";
    Path Text "/tmp/file" "a path";
    Socket Text "/run/mini-monitor.sock" "a path of up to 107 bytes that starts with a slash";
    Families Each "cpu,net=1s,wifi=off"
        "a list of families (-list has their names), each alone, off, or with an interval";
    FamilyInterval Text "1s" "off, or a duration from 10ms to 24h";
    FamilyPatterns Each "net=eth*,br-lan" "a family, =, and a list of patterns";
    Patterns CommaList "eth*,br-lan" "a list of patterns";
    Programs CommaList "dnsmasq,kworker/*" "a list of up to 32 names or patterns of programs";
    Directory Text "/mnt" "a directory";
    Root Text "/host" "a directory with a path of up to 128 bytes";
    Metric Text "psu.volts" "a name of up to 64 letters, digits, dots, dashes and underscores";
    LineKey Text "MemFree" "the start of a line";
    Command Arguments "/usr/lib/check --all"
        "a text for the shell, or a list of a program and its arguments, up to 1000 bytes and 24 words";
    User Text "nobody" "a user of this machine";
    Number Number "2" "a number from 1 to 1000000";
    Scale Number "-3" "a power of ten from -9 to 9";
    Ratio Text "1/1024" "two numbers from 1 to 4294967295 with a slash between";
}

impl ValueKind {
    pub(super) fn form(self) -> Form {
        self.row().0
    }

    /// Whether an option of this kind adds to its earlier values on the command line.
    pub(super) fn is_repeatable(self) -> bool {
        matches!(
            self,
            Self::Receivers
                | Self::Header
                | Self::Tag
                | Self::Families
                | Self::FamilyPatterns
                | Self::Programs
        )
    }

    /// Writes the description, and an example as the file or the command line has it.
    pub(super) fn describe(self, text: &mut Text, is_file: bool) {
        let (form, example, description) = self.row();
        let has_quotes = is_file && !matches!(form, Form::Word | Form::Number);
        let quote = if has_quotes { "\"" } else { "" };
        for part in [description, " (try ", quote, example, quote, ")"] {
            text.put(part.as_bytes());
        }
    }
}
