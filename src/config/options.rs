//! The table of options: flags of the command line, most of which are also keys of the configuration file.

use super::kind::ValueKind;
use super::value::{self, set};
use super::{Command, Config, FAMILIES_MAX, Find};
use crate::base::text::{Put, Text};

/// Sets an option to a value. Returns `None` if the value is invalid.
type Setter = for<'a> fn(&mut Config<'a>, &'a [u8], Find) -> Option<()>;

/// An option.
pub(super) struct ConfigOption {
    /// Its key in the file; the flag has a dash before it.
    pub(super) name: &'static str,
    /// What the help calls its value; empty for a switch.
    argument: &'static str,
    /// Its default, as the help has it.
    default: &'static str,
    help: &'static str,
    pub(super) kind: ValueKind,
    /// Whether it may stand in the configuration file.
    pub(super) is_key: bool,
    pub(super) set: Setter,
    /// Removes earlier values of an option that collects several.
    pub(super) clear: fn(&mut Config),
}

/// Makes rows of: where the option is allowed, its name, its argument, its kind, its default, its help, its setter, and
/// how it is cleared if it collects values.
macro_rules! options {
    ($($scope:ident $name:literal $argument:literal $kind:ident $default:literal $help:literal
       $set:expr $(, clear $clear:expr)?;)*) => {
        /// All options, in the order of the help.
        pub(super) static OPTIONS: &[ConfigOption] = &[$(ConfigOption {
            name: $name,
            argument: $argument,
            default: $default,
            help: $help,
            kind: ValueKind::$kind,
            is_key: options!(@is_key $scope),
            set: $set,
            clear: options!(@clear $($clear)?),
        }),*];
    };
    (@is_key key) => { true };
    (@is_key flag) => { false };
    (@clear) => { |_| () };
    (@clear $clear:expr) => { $clear };
}

options! {
    key "trans" "addresses" Receivers "127.0.0.1:6000"
        "where the lines go: host:port, :port (this host), [v6]:port, unix:/path, exec:command (its standard input); the first that answers of up to 8, as in a:1,b:1; or - (standard output)"
        |config, text, _| config.add_transfers(text), clear |config| config.transfer_count = 0;
    key "spread" "" Switch ""
        "start with another one of the addresses on each endpoint"
        |config, text, _| set(&mut config.spread, value::switch(text));
    key "timeout" "duration" Duration "30s"
        "close a connection whose receiver acknowledges nothing for this long"
        |config, text, _| set(&mut config.timeout, value::duration(text));
    key "interval" "duration" Duration "5s"
        "time between two samples of a metric; slow families keep their own interval, unless this is longer"
        |config, text, _| set(&mut config.interval, value::duration(text));
    key "flush" "duration" Duration "5s"
        "time between two flushes of the collected lines"
        |config, text, _| set(&mut config.flush, value::duration(text));
    key "endpoint" "name" Name "the host name"
        "name of this machine in each line"
        |config, text, _| set(&mut config.endpoint, value::name(text).map(Some));
    key "tag" "text" Tag "none"
        "tag of each line; may be repeated, up to 32 times"
        |config, text, _| config.add_tag(text), clear |config| config.tag_count = 0;
    key "buffer" "size" Size "256K"
        "memory for unsent lines, 4K to 1G"
        |config, text, _| set(&mut config.buffer, value::size(text));
    key "overflow" "way" Overflow "thin"
        "what a full buffer does: thin removes lines between others, drop removes the oldest ones"
        |config, text, _| set(&mut config.is_thinning, value::overflow(text));
    key "replay" "duration" DurationOrZero "10s"
        "send lines again after a break if they were acknowledged this recently: the receiver may have died before it read them"
        |config, text, _| set(&mut config.replay, value::duration_or_zero(text));
    key "spool" "file" Path "none"
        "keep the buffer in this file, so that the next agent continues from it"
        |config, text, _| set(&mut config.spool, value::path(text).map(Some));
    key "metrics" "families" Families "all"
        "which families run, and how often: cpu,mem alone, or all with wifi=off,net=1s changed"
        |config, text, find| config.set_families(text, find),
        clear |config| (config.intervals, config.is_selective) = ([None; FAMILIES_MAX], false);
    key "only" "family=patterns" FamilyPatterns "none"
        "instances of a family to collect, such as net=eth*,br-lan; may be repeated, once for each family"
        |config, text, find| {
            let (family, patterns) = value::family_patterns(text, find)?;
            set(&mut config.filters.get_mut(family)?.only, Some(Some(patterns)))
        };
    key "ignore" "family=patterns" FamilyPatterns
        "net=lo,veth* diskio=loop*,ram*,zram*,fd*,sr* disk=/var/lib/docker/*,/var/lib/containers/*"
        "instances of a family to leave out in addition; may be repeated, once for each family"
        |config, text, find| {
            let (family, patterns) = value::family_patterns(text, find)?;
            set(&mut config.filters.get_mut(family)?.ignore, Some(patterns))
        };
    key "process" "names" Programs "none"
        "programs whose processes are counted, such as dnsmasq,kworker/*, up to 32"
        |config, text, _| set(&mut config.processes, value::programs(text));
    key "leases" "file" Path "/tmp/dhcp.leases"
        "lease file of dnsmasq"
        |config, text, _| set(&mut config.leases, value::path(text));
    key "listen" "socket" Socket "none"
        "receive lines of other programs at this Unix datagram socket: name value [key=value ...], or JSON lines as sent"
        |config, text, _| set(&mut config.listen, value::socket(text).map(Some));
    key "proc" "directory" Directory "/proc"
        "read this directory instead of /proc"
        |config, text, _| set(&mut config.proc, value::directory(text, config.is_accepted));
    key "sys" "directory" Directory "/sys"
        "read this directory instead of /sys"
        |config, text, _| set(&mut config.sys, value::directory(text, config.is_accepted));
    key "debug" "" Switch ""
        "log each tick, sample, line and flush"
        |config, text, _| set(&mut config.debug, value::switch(text));
    flag "config" "file" Path "/etc/mini-monitor.json, if it exists"
        "read other options from this JSON file; SIGHUP reads it again"
        |config, text, _| set(&mut config.file, value::path(text).map(Some));
    flag "check" "" Switch ""
        "read the configuration, print what would run or what is wrong, exit"
        |config, text, _| config.set_command(Command::Check, text);
    flag "once" "" Switch ""
        "collect every metric once, print the lines, exit"
        |config, text, _| config.set_command(Command::Once, text);
    flag "list" "" Switch ""
        "print every metric: name, unit, kind, family, interval, meaning; exit"
        |config, text, _| config.set_command(Command::List, text);
    flag "version" "" Switch ""
        "print the version, exit"
        |config, text, _| config.set_command(Command::Version, text);
    flag "h" "" Switch ""
        "print this help, exit"
        |config, text, _| config.set_command(Command::Help, text);
    flag "help" "" Switch ""
        "print this help, exit"
        |config, text, _| config.set_command(Command::Help, text);
}

impl ConfigOption {
    /// Returns the option of a name, and its index.
    pub(super) fn find(name: &[u8]) -> Option<(usize, &'static Self)> {
        let mut options = OPTIONS.iter().enumerate();
        options.find(|(_, option)| option.name.as_bytes() == name)
    }

    fn describe(&self, put: Put) {
        let mut buffer = [0; 512];
        let mut line = Text::new(&mut buffer);
        for (before, part, after) in [
            ("  -", self.name, ""),
            (" ", self.argument, ""),
            ("\n    \t", self.help, ""),
            (" (default ", self.default, ")"),
        ] {
            if !part.is_empty() {
                for text in [before, part, after] {
                    line.put(text.as_bytes());
                }
            }
        }
        line.put(b"\n");
        put(line.bytes());
    }
}

/// Writes what `-h` prints.
pub fn usage(put: Put) {
    put(b"Usage of mini-monitor:\n");
    for option in OPTIONS {
        option.describe(put);
    }
}

#[cfg(test)]
mod tests;
