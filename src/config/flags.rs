//! The table of flags.

use super::takes::Takes;
use crate::base::packed::{packed, put_line};
use crate::base::text::{Put, Text, line_of};

/// One flag.
#[derive(Clone, Copy)]
pub struct Flag {
    pub(super) sets: Sets,
    pub(super) takes: Takes,
}

impl Flag {
    /// The one of that name.
    pub(super) fn of(name: &[u8]) -> Option<Self> {
        FLAGS.into_iter().find(|flag| flag.name() == name)
    }

    /// Its name, without a dash.
    pub fn name(self) -> &'static [u8] {
        line_of(NAMES, self.sets as usize)
    }

    /// Its place in [`FLAGS`].
    pub(super) fn number(self) -> usize {
        self.sets as usize
    }

    /// Whether it may stand in a configuration file.
    pub(super) fn is_setting(self) -> bool {
        (self.sets as usize) < Sets::Config as usize
    }

    /// Whether it may be given again, beside what was given before.
    pub(super) fn is_repeated(self) -> bool {
        matches!(self.takes, Takes::Tag | Takes::Patterns | Takes::Families)
    }

    /// Whether it may be given as a list in a configuration file.
    pub(super) fn takes_list(self) -> bool {
        self.is_added() || self.takes == Takes::Programs
    }

    /// Whether an item of a list is one thing more.
    pub(super) fn is_added(self) -> bool {
        self.is_repeated() || self.takes == Takes::Transfers
    }

    /// Whether it may be given as a number there.
    pub(super) fn takes_number(self) -> bool {
        matches!(
            self.takes,
            Takes::Duration | Takes::DurationOrNothing | Takes::Size
        )
    }

    fn put_word(self, text: &mut Text, word: usize) {
        put_line(text, WORDS, WORDS_A_FLAG * self.sets as usize + word);
    }
}

/// Lines of [`WORDS`] about each flag: what stands behind it, in a word, which a switch has not; what it does;
/// what holds when it is not given.
const WORDS_A_FLAG: usize = 3;
/// What the help has around each of them.
const AROUND: [(&str, &str); WORDS_A_FLAG] = [(" ", ""), ("\n    \t", ""), (" (default ", ")")];

/// Flags: what it sets, its name, what stands behind it, its default, what it does; what it takes. Their words
/// are lines of one text.
macro_rules! flags {
    ($($sets:ident $name:literal $argument:literal $default:literal $help:literal $takes:ident;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(super) enum Sets { $($sets),* }

        const NAMES: &str = concat!($($name, "\n"),*);
        const WORDS: &[u8] = packed!(concat!($($argument, "\n", $help, "\n", $default, "\n"),*));

        /// All flags, in the order in which the help lists them.
        pub static FLAGS: [Flag; 27] = [$(Flag { sets: Sets::$sets, takes: Takes::$takes }),*];
    };
}

flags! {
    Transfers "trans" "addresses" "127.0.0.1:6000"
        "where the lines go: host:port, :port (this host), [v6]:port, unix:/path, exec:command (its standard input); the first that answers of up to 8, as in a:1,b:1; or - (standard output)"
        Transfers;
    Spread "spread" "" "" "start with another one of the addresses on each endpoint" Switch;
    Timeout "timeout" "duration" "30s"
        "a connection whose peer acknowledges nothing for this long is given up" Duration;
    Interval "interval" "duration" "5s"
        "time between two samples of a metric; the slow ones keep their own, unless this is longer" Duration;
    Flush "flush" "duration" "5s" "time between two flushes of the collected lines" Duration;
    Endpoint "endpoint" "name" "the host name" "the name of this machine in each line" Name;
    Tag "tag" "text" "none" "a tag for each line; may be given again and again, up to 32 times" Tag;
    Buffer "buffer" "size" "256K" "memory for the lines that have not arrived, 4K to 1G" Size;
    Overflow "overflow" "way" "thin"
        "what goes when the buffer is full: thin leaves out lines between others, drop the oldest ones" Way;
    Replay "replay" "duration" "10s"
        "lines acknowledged so lately are sent again after a break: who got them may have died before reading"
        DurationOrNothing;
    Spool "spool" "file" "none" "keep the buffer in this file, from which the next agent goes on" Path;
    Metrics "metrics" "families" "all"
        "which families run, and how often: cpu,mem alone, or all with wifi=off,net=1s changed" Families;
    Only "only" "family=patterns" "none"
        "the instances of a family to take, such as net=eth*,br-lan; once a family" Patterns;
    Ignore "ignore" "family=patterns"
        "net=lo,veth* diskio=loop*,ram*,zram*,fd*,sr* disk=/var/lib/docker/*,/var/lib/containers/*"
        "the instances to leave out, too; once a family" Patterns;
    Process "process" "names" "none"
        "programs whose processes are counted, such as dnsmasq,kworker/*, up to 32" Programs;
    Leases "leases" "file" "/tmp/dhcp.leases" "the lease file of dnsmasq" Path;
    Listen "listen" "socket" "none"
        "take lines of other programs at this Unix socket of datagrams: name value [key=value ...], or as sent" Socket;
    Proc "proc" "directory" "/proc" "read this in place of /proc" Directory;
    Sys "sys" "directory" "/sys" "read this in place of /sys" Directory;
    Debug "debug" "" "" "log each tick, each sample, each line and each flush" Switch;
    // The command line alone has those from here on.
    Config "config" "file" "/etc/mini-monitor.json, if it is there"
        "take what is not given here from this JSON file; SIGHUP reads it again" Path;
    Check "check" "" "" "read all that, say what would run or what is wrong, exit" Switch;
    Once "once" "" "" "take every metric once, print the lines, exit" Switch;
    List "list" "" "" "print every metric: name, unit, kind, family, interval, meaning; exit" Switch;
    Version "version" "" "" "print the version, exit" Switch;
    H "h" "" "" "print this, exit" Switch;
    Help "help" "" "" "the same" Switch;
}

/// Writes what `-h` prints.
pub fn usage(put: Put) {
    put(b"Usage of mini-monitor:\n");
    for flag in &FLAGS {
        describe(*flag, put);
    }
}

fn describe(flag: Flag, put: Put) {
    let mut buffer = [0; 512];
    let mut line = Text::new(&mut buffer);
    line.put(b"  -");
    line.put(flag.name());
    for (number, (before, behind)) in AROUND.iter().enumerate() {
        let mut buffer = [0; 256];
        let mut word = Text::new(&mut buffer);
        flag.put_word(&mut word, number);
        // Nothing stands around a word that there is not.
        if !word.bytes().is_empty() {
            line.put(before.as_bytes());
            line.put(word.bytes());
            line.put(behind.as_bytes());
        }
    }
    line.put(b"\n");
    put(line.bytes());
}

#[cfg(test)]
mod tests;
