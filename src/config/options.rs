//! The table of options: flags of the command line, most of which are also keys of the configuration file.

use super::error::ValueResult;
use super::headers::add_header;
use super::kind::ValueKind;
use super::memory::FreeMemory;
use super::value::{self, set};
use super::{Command, Config, FamilyTable};

/// Sets an option to a value, or adds the value to it.
type Setter = for<'a> fn(&mut Config<'a>, &'a [u8], &mut SetterContext<'_, 'a>) -> ValueResult<'a>;

/// What a setter works with.
pub(super) struct SetterContext<'c, 'a> {
    pub(super) families: &'c FamilyTable,
    /// Memory for lists that are joined.
    pub(super) memory: &'c mut FreeMemory<'a>,
}

/// An option.
pub(super) struct ConfigOption {
    /// Its key in the file; the flag has a dash before it.
    pub(super) name: &'static str,
    pub(super) kind: ValueKind,
    /// Its default in the help; empty for a switch.
    pub(super) default: &'static str,
    pub(super) set: Setter,
}

/// Makes groups of rows. A row has: where the option is allowed (those of the file first), its name, what the help calls
/// its value and its default (unless it is a switch), its kind, its help, and its setter.
macro_rules! options {
    ($($group:literal {
        $($scope:ident $name:literal $(($argument:literal, $default:literal))? $kind:ident $help:literal $set:expr;)*
    })*) => {
        /// All options, in the order of the help.
        pub(super) static OPTIONS: &[ConfigOption] = &[$($(ConfigOption {
            name: $name,
            kind: ValueKind::$kind,
            default: concat!($($default)?),
            set: $set,
        }),*),*];

        /// How many of them may stand in the configuration file, too.
        pub(super) const KEY_COUNT: usize = 0 $($(+ options!(@keys $scope))*)*;

        /// The options as `-h` prints them, before long lines are broken.
        pub(super) const OPTION_HELP: &str = concat!($(
            "\n", $group, ":\n",
            $("  -", $name, $(" ", $argument,)? "\n      ", $help, $(" (default ", $default, ")",)? "\n",)*
        )*);
    };
    (@keys key) => { 1 };
    (@keys flag) => { 0 };
}

options! {
    "Receivers and delivery" {
        key "trans" ("addresses", "127.0.0.1:6000") Receivers
            "where the lines go: host:port, :port (this host), [v6]:port, http://host/path, https://host/path, unix:/path, exec:command (its standard input), or - (standard output); the first that answers of up to 8, as in a:1,b:1; may be repeated"
            |config, text, _| config.add_transfers(text);
        key "format" ("format", "auto") Format
            "format of the lines: json, json-labels (tags as an object), influx, otlp or prometheus (both over HTTP), text (tables for people, with -once, or -trans - and no spool); auto is json, or the format that belongs to the path of a URL"
            |config, text, _| config.set_format(text);
        key "via" ("command", "none") Via
            "connect through the standard input and output of this command, in which %h and %p are host and port, as in 'ssh -W %h:%p gateway'; by default https:// goes through openssl"
            |config, text, _| set(&mut config.via, value::unless_none(text, None, |text| value::via(text).map(Some)));
        key "header" ("header", "none") Header
            "a header of the requests to the first URL, as in 'Authorization: Bearer 5e3f'; may be repeated"
            |config, text, _| add_header(&mut config.headers, text);
        key "gzip" Switch
            "compress the bodies of requests, except those of prometheus"
            |config, text, _| set(&mut config.gzip, value::switch(text));
        key "spread" Switch
            "start with a different address on each endpoint"
            |config, text, _| set(&mut config.spread, value::switch(text));
        key "timeout" ("duration", "30s") Duration
            "close a connection whose receiver acknowledges nothing for this long"
            |config, text, _| set(&mut config.timeout, value::duration(text));
        key "flush" ("duration", "5s") Duration
            "time between two flushes of the collected lines"
            |config, text, _| set(&mut config.flush, value::duration(text));
        key "buffer" ("size", "256K") Size
            "memory for unsent lines, 4K to 1G"
            |config, text, _| set(&mut config.buffer, value::size(text));
        key "overflow" ("policy", "thin") Overflow
            "what a full buffer does: thin removes lines between others, drop removes the oldest ones"
            |config, text, _| set(&mut config.is_thinning, value::overflow(text));
        key "replay" ("duration", "10s") DurationOrZero
            "send lines again after a break if they were acknowledged this recently: the receiver may have died before it read them; with URLs 15s by default"
            |config, text, _| set(&mut config.replay, value::duration_or_zero(text).map(Some));
        key "max-age" ("duration", "0") DurationOrZero
            "drop unsent lines that are older than this, such as 1h for a receiver that refuses older ones; 0 keeps all"
            |config, text, _| set(&mut config.max_age, value::duration_or_zero(text));
        key "spool" ("file", "none") Path
            "keep the buffer in this file, so that the next agent continues from it"
            |config, text, _| set(&mut config.spool, value::unless_none(text, None, |path| value::path(path).map(Some)));
    }
    "Samples" {
        key "interval" ("duration", "5s") Duration
            "time between two samples of a metric; slow families keep their own interval, unless this is longer"
            |config, text, _| set(&mut config.interval, value::duration(text));
        key "endpoint" ("name", "the host name") Name
            "name of this machine in each line"
            |config, text, _| set(&mut config.endpoint, value::name(text).map(Some));
        key "tag" ("text", "none") Tag
            "tag of each line; may be repeated, up to 32 times"
            |config, text, cx| config.add_tag(text, cx.families);
        key "metrics" ("families", "all") Families
            "which families run, and how often: cpu,mem alone, or all with wifi=off,net=1s changed"
            |config, text, cx| config.set_families(text, cx.families);
        key "only" ("family=patterns", "none") FamilyPatterns
            "instances of a family to collect, such as net=eth*,br-lan; may be repeated"
            |config, text, cx| config.add_only(text, cx);
        key "ignore" ("family=patterns", "net=lo,veth*,cali*,lxc*,docker*,vnet*,tap* diskio=loop*,ram*,zram*,fd*,sr* disk=/var/lib/docker/*,/var/lib/containers/* disk=/run/containerd/*,/run/k3s/*,/var/lib/kubelet/*") FamilyPatterns
            "instances of a family to leave out in addition; may be repeated"
            |config, text, cx| config.add_ignored(text, cx);
        key "process" ("names", "none") Programs
            "programs whose processes are counted, such as dnsmasq,kworker/*, up to 32; may be repeated"
            |config, text, cx| config.add_processes(text, cx);
        key "leases" ("file", "/tmp/dhcp.leases") Path
            "lease file of dnsmasq"
            |config, text, _| set(&mut config.leases, value::path(text));
        key "listen" ("socket", "none") Socket
            "receive lines of other programs at this Unix datagram socket: name value [key=value ...], or JSON lines as sent"
            |config, text, _| set(&mut config.listen, value::unless_none(text, None, |path| value::socket(path).map(Some)));
        key "proc" ("directory", "/proc") Directory
            "read this directory instead of /proc"
            |config, text, _| value::directory(text).map(|path| config.proc = path);
        key "sys" ("directory", "/sys") Directory
            "read this directory instead of /sys"
            |config, text, _| value::directory(text).map(|path| config.sys = path);
        key "root" ("directory", "/") Root
            "the root of the mount points in a container, such as /host"
            |config, text, _| value::root(text).map(|path| config.root = path);
    }
    "Agent" {
        key "user" ("name", "none") User
            "give up root for this user and its groups, once what needs root is open"
            |config, text, _| set(&mut config.user, value::unless_none(text, None, |name| value::user(name).map(Some)));
        key "debug" Switch
            "log each tick, sample, line and flush"
            |config, text, _| set(&mut config.debug, value::switch(text));
        flag "config" ("file", "/etc/mini-monitor.json, if it exists") Path
            "read other options from this JSON file; SIGHUP reads it again"
            |_, text, _| set(&mut (), value::path(text).map(|_| ()));
    }
    "Commands" {
        flag "check" Switch
            "print what would run, or what is wrong in the configuration; exit"
            |config, text, _| config.set_command(Command::Check, text);
        flag "once" Switch
            "collect every metric once, print the lines, exit"
            |config, text, _| config.set_command(Command::Once, text);
        flag "list" Switch
            "print every metric: name, unit, kind, family, interval, meaning; exit"
            |config, text, _| config.set_command(Command::List, text);
        flag "version" Switch
            "print the version, exit"
            |config, text, _| config.set_command(Command::Version, text);
        flag "h" Switch
            "print this help, exit"
            |_, text, _| set(&mut true, value::switch(text));
        flag "help" Switch
            "print this help, exit"
            |_, text, _| set(&mut true, value::switch(text));
    }
}

impl ConfigOption {
    /// Returns whether the text is another value than the default of an option that has one value.
    pub(super) fn is_changed(&self, text: &[u8]) -> bool {
        let [value, default] = [text, self.default.as_bytes()].map(|text| match self.kind {
            ValueKind::Size => value::size(text),
            ValueKind::Duration | ValueKind::DurationOrZero => {
                value::duration_or_zero(text).map(|millis| millis as usize)
            }
            _ => None,
        });
        match self.kind {
            // What -check prints of these is everything that is in force.
            kind if kind.is_repeatable() => false,
            ValueKind::Switch => value::switch(text) == Some(true),
            _ if value.is_some() => value != default,
            _ => text != self.default.as_bytes(),
        }
    }

    /// Returns the option of a name, and its index.
    pub(super) fn find(name: &[u8]) -> Option<(usize, &'static Self)> {
        let mut options = OPTIONS.iter().enumerate();
        options.find(|(_, option)| option.name.as_bytes() == name)
    }
}

#[cfg(test)]
mod tests;
