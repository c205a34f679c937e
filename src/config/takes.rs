//! What flags and keys take.

use crate::base::packed::{packed, put_line};
use crate::base::text::Text;

/// What flags take: in words, and an example of it.
macro_rules! takes {
    ($($value:ident $words:literal $example:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Takes { $($value),* }

        /// Two packed lines each, in that order.
        pub(super) const TAKES: &[u8] = packed!(concat!($($words, "\n", $example, "\n"),*));
    };
}

takes! {
    Transfers "an address (host:port, :port, [v6]:port, unix:/path, exec:command), up to 8 of them with commas between, or -"
        "router.lan:6000";
    Switch "true or false" "true";
    Duration "a duration from 10ms to 24h" "5s";
    DurationOrNothing "a duration up to 24h, or 0" "10s";
    Name "a name of 1 to 255 bytes" "router-7";
    Tag "a text that is not empty, at most 32 times" "site=attic";
    Size "a size from 4K to 1G" "64K";
    Way "thin or drop" "thin";
    Path "a path" "/tmp/file";
    Socket "a path of up to 107 bytes that starts with a slash" "/run/mini-monitor.sock";
    Families "a list of families (-list has their names), each alone, off, or with an interval" "cpu,net=1s,wifi=off";
    Patterns "a list of patterns for disk, diskio, net, neighbours, temp or wifi" "net=eth*,br-lan";
    Programs "a list of up to 32 names or patterns of programs" "dnsmasq,kworker/*";
    Directory "a directory that can be read" "/proc";
    Metric "a name of up to 64 letters, digits, dots, dashes and underscores" "psu.volts";
    Key "a text that is not empty" "MemFree";
    Command "a text for the shell, or a list of a program and its arguments, up to 1000 bytes and 24 words"
        "/usr/lib/check --all";
    User "a user of this machine" "nobody";
    Place "a number from 1 to 1000000" "2";
    Scale "a power of ten from -9 to 9" "-3";
    Ratio "two numbers from 1 to 4294967295 with a slash between" "1/1024";
}

impl Takes {
    /// Whether JSON has quotes around it.
    pub(super) fn is_text(self) -> bool {
        !matches!(self, Self::Switch | Self::Place | Self::Scale)
    }

    /// Writes it in words, or an example of it.
    pub(super) fn put(self, text: &mut Text, is_example: bool) {
        put_line(text, TAKES, 2 * self as usize + usize::from(is_example));
    }
}
