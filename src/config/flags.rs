//! The table of flags, and the command line.

use super::{Command, Config, FAMILIES_MAX, NAME_MAX, PROCESS_NAME_MAX, PROCESSES_MAX, Turns, value};
use crate::packed::{packed, put_line};
use crate::pattern::{Choice, items};
use crate::sys::Directory;
use crate::text::{Put, Text, line_of};

/// One flag.
#[derive(Clone, Copy)]
pub struct Flag {
    sets: Sets,
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

    /// Forgets what was said of it before: in the file, or in its place.
    pub(super) fn forget(self, config: &mut Config) {
        match self.takes {
            Takes::Transfers => config.transfer_count = 0,
            Takes::Tag => config.tag_count = 0,
            Takes::Families => (config.turns, config.is_selective) = ([None; FAMILIES_MAX], false),
            _ => {}
        }
    }

    fn put_word(self, text: &mut Text, word: usize) {
        put_line(text, WORDS, WORDS_A_FLAG * self.sets as usize + word);
    }
}

/// What flags take: in words, and an example of it.
macro_rules! takes {
    ($($value:ident $words:literal $example:literal;)*) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub(crate) enum Takes { $($value),* }

        /// Two packed lines each, in that order.
        const TAKES: &[u8] = packed!(concat!($($words, "\n", $example, "\n"),*));
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
        enum Sets { $($sets),* }

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
    Buffer "buffer" "size" "64K" "memory for the lines that have not arrived, 4K to 1G" Size;
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

/// What is wrong with the command line. Borrowed from it.
#[derive(Clone, Copy)]
pub enum Error<'a> {
    /// No flag has that name.
    Unknown(&'a [u8]),
    /// Not a flag.
    Stray(&'a [u8]),
    /// Nothing stands behind a flag that takes something.
    Missing(Flag),
    /// The flag does not take that value.
    Invalid(Flag, &'a [u8]),
    /// Endpoint and tags do not fit into a line.
    TooLong,
    /// No family runs.
    NothingRuns,
}

/// What is said before what the user wrote, and behind it.
const ERRORS: &[u8] = packed!(
    "flag provided but not defined: \n (-h lists all flags)\n\
     unexpected argument \n (-h lists all flags)\n\
     invalid value \n for flag -\n\
     flag needs an argument: -\n\
     -metrics: no family is left (process runs with -process)\n\
     -endpoint and -tag: together they take at most 1000 bytes in a line\n"
);

impl Error<'_> {
    /// Writes the error as one line, without its newline.
    pub fn describe(&self, text: &mut Text) {
        let (line, written, flag) = match *self {
            Self::Unknown(name) => (0, Some(name), None),
            Self::Stray(argument) => (2, Some(argument), None),
            Self::Invalid(flag, value) => (4, Some(value), Some(flag)),
            Self::Missing(flag) => (6, None, Some(flag)),
            Self::NothingRuns => (7, None, None),
            Self::TooLong => (8, None, None),
        };
        text.put(b"mini-monitor: ");
        put_line(text, ERRORS, line);
        if let Some(written) = written {
            quote(text, written);
            put_line(text, ERRORS, line + 1);
        }
        if let Some(flag) = flag {
            text.put(flag.name());
            text.put(b": it takes ");
            flag.takes.put(text, false);
            text.put(b" (try ");
            flag.takes.put(text, true);
            text.put(b")");
        }
    }
}

/// Writes what the user wrote so that it stays on one line, and not too long a one.
fn quote(text: &mut Text, bytes: &[u8]) {
    text.put(b"\"");
    put_bounded(text, bytes);
    text.put(b"\"");
}

/// Writes what the user wrote, without quotes.
pub(super) fn put_bounded(text: &mut Text, bytes: &[u8]) {
    const SHOWN: usize = 80;
    for byte in bytes.iter().take(SHOWN) {
        text.put(&[if byte.is_ascii_control() { b'?' } else { *byte }]);
    }
    if bytes.len() > SHOWN {
        text.put(b"...");
    }
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

/// The number of the family of a name; asked with `true`, only if there is something to choose in it.
pub type Find = fn(&[u8], bool) -> Option<usize>;

/// The name of the family of a number, as long as there are some.
pub type Name = fn(usize) -> Option<&'static [u8]>;

/// Reads the arguments behind the program's name.
pub fn parse<'a>(
    config: &mut Config<'a>,
    arguments: impl IntoIterator<Item = &'a [u8]>,
    find: Find,
) -> Result<(), Error<'a>> {
    let mut arguments = arguments.into_iter();
    let mut given: u32 = 0;
    while let Some(argument) = arguments.next() {
        let (name, inline) = split(argument).ok_or(Error::Stray(argument))?;
        let flag = Flag::of(name).ok_or(Error::Unknown(argument))?;
        let value = match inline {
            Some(value) => value,
            None if flag.takes == Takes::Switch => b"true",
            None => arguments.next().ok_or(Error::Missing(flag))?,
        };
        if given & 1 << flag.sets as u32 == 0 || !flag.is_repeated() {
            given |= 1 << flag.sets as u32;
            flag.forget(config);
        }
        apply(config, flag, value, find).ok_or(Error::Invalid(flag, value))?;
    }
    Ok(())
}

/// `-name`, `--name`, `-name=value`: the name, and the value if it is there.
fn split(argument: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let one = argument.strip_prefix(b"-")?;
    let flag = one.strip_prefix(b"-").unwrap_or(one);
    if flag.is_empty() {
        return None;
    }
    Some(match value::pair(flag) {
        Some((name, value)) => (name, Some(value)),
        None => (flag, None),
    })
}

/// Sets what the flag sets to that value. `None` if it does not take it.
#[inline(never)]
pub(super) fn apply<'a>(config: &mut Config<'a>, flag: Flag, value: &'a [u8], find: Find) -> Option<()> {
    match flag.takes {
        Takes::Transfers => config.add_transfers(value)?,
        Takes::Switch => switch(config, flag.sets, value::switch(value)?),
        Takes::DurationOrNothing if value == b"0" => config.replay = 0,
        Takes::Duration | Takes::DurationOrNothing => {
            *duration(config, flag.sets) = value::duration(value)?;
        }
        Takes::Name if value.len() > NAME_MAX => return None,
        Takes::Name | Takes::Tag if value.is_empty() => return None,
        Takes::Path if !value::is_path(value) => return None,
        Takes::Name => config.endpoint = Some(value),
        Takes::Tag => config.add_tag(value)?,
        Takes::Path => match flag.sets {
            Sets::Spool => config.spool = Some(value),
            Sets::Leases => config.leases = value,
            _ => config.file = Some(value),
        },
        Takes::Socket => config.listen = Some(value::socket(value)?),
        Takes::Size => config.buffer = value::size(value)?,
        Takes::Way => config.is_thinning = value::overflow(value)?,
        Takes::Families => metrics(config, value, find)?,
        Takes::Patterns => {
            let (choice, patterns) = choice(config, value, find)?;
            if flag.sets == Sets::Only {
                choice.only = Some(patterns);
            } else {
                choice.ignore = patterns;
            }
        }
        Takes::Programs => {
            let mut count = 0;
            for name in items(value) {
                count += 1;
                if name.len() > PROCESS_NAME_MAX || count > PROCESSES_MAX {
                    return None;
                }
            }
            config.processes = Some(value).filter(|_| count > 0)?;
        }
        Takes::Directory => {
            Directory::open(value).ok()?;
            if flag.sets == Sets::Proc {
                config.proc = value;
            } else {
                config.sys = value;
            }
        }
        // No flag takes these.
        Takes::Metric
        | Takes::Key
        | Takes::Command
        | Takes::User
        | Takes::Place
        | Takes::Scale
        | Takes::Ratio => return None,
    }
    Some(())
}

fn switch(config: &mut Config, sets: Sets, is_on: bool) {
    let command = match sets {
        Sets::Spread => return config.spread = is_on,
        Sets::Debug => return config.debug = is_on,
        Sets::Check => Command::Check,
        Sets::Once => Command::Once,
        Sets::List => Command::List,
        Sets::Version => Command::Version,
        _ => Command::Help,
    };
    if is_on {
        config.command = command;
    }
}

fn duration<'c>(config: &'c mut Config, sets: Sets) -> &'c mut u32 {
    match sets {
        Sets::Timeout => &mut config.timeout,
        Sets::Interval => &mut config.interval,
        Sets::Flush => &mut config.flush,
        _ => &mut config.replay,
    }
}

/// `cpu,net=1s,wifi=off`. A family named alone is one of those that run.
fn metrics(config: &mut Config, list: &[u8], find: Find) -> Option<()> {
    items(list).next()?;
    for item in items(list) {
        let (name, turns) = match value::pair(item) {
            Some((name, b"off")) => (name, Turns::Off),
            Some((name, period)) => (name, Turns::Every(value::duration(period)?)),
            None => {
                config.is_selective = true;
                (item, Turns::Usual)
            }
        };
        let place = config.turns.get_mut(find(name, false)?)?;
        // Its name alone does not take back what was said of its interval.
        if turns != Turns::Usual || !matches!(place, Some(Turns::Every(_))) {
            *place = Some(turns);
        }
    }
    Some(())
}

/// `net=eth*,br-lan`: the choice of that family, and the patterns.
fn choice<'c, 'a>(
    config: &'c mut Config<'a>,
    text: &'a [u8],
    find: Find,
) -> Option<(&'c mut Choice<'a>, &'a [u8])> {
    let (name, patterns) = value::pair(text)?;
    items(patterns).next()?;
    Some((config.choices.get_mut(find(name, true)?)?, patterns))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin::{FAMILIES, Family, find};
    use crate::world::Transfer;

    fn parsed(arguments: &[&'static str]) -> Result<Config<'static>, String> {
        let mut config = Config::default();
        let arguments = arguments.iter().map(|argument| argument.as_bytes());
        match parse(&mut config, arguments, find) {
            Ok(()) => Ok(config),
            Err(error) => {
                let mut buffer = [0; 512];
                let mut text = Text::new(&mut buffer);
                error.describe(&mut text);
                Err(String::from_utf8(text.into_bytes().to_vec()).unwrap())
            }
        }
    }

    /// A line of a packed text.
    fn unpacked(packed: &[u8], number: usize) -> String {
        let mut buffer = [0; 256];
        let mut text = Text::new(&mut buffer);
        put_line(&mut text, packed, number);
        assert!(!text.is_cut());
        String::from_utf8(text.bytes().to_vec()).unwrap()
    }

    impl Flag {
        fn argument(self) -> String {
            unpacked(WORDS, WORDS_A_FLAG * self.sets as usize)
        }

        fn default(self) -> String {
            unpacked(WORDS, WORDS_A_FLAG * self.sets as usize + 2)
        }
    }

    /// The help states the defaults in words: the words mean what holds.
    #[test]
    fn defaults_are_what_the_help_says() {
        let plain = parsed(&[]).ok().unwrap();
        for flag in FLAGS.iter().filter(|flag| !flag.argument().is_empty()) {
            if matches!(
                flag.name(),
                b"endpoint"
                    | b"tag"
                    | b"metrics"
                    | b"only"
                    | b"ignore"
                    | b"process"
                    | b"spool"
                    | b"listen"
                    | b"config"
            ) {
                continue;
            }
            let default = flag.default();
            let mut given = Config::default();
            flag.forget(&mut given);
            apply(&mut given, *flag, default.as_bytes(), find).unwrap();
            assert_eq!(given.transfers(), plain.transfers());
            assert_eq!(
                (given.interval, given.flush, given.timeout),
                (plain.interval, plain.flush, plain.timeout)
            );
            assert_eq!(
                (given.buffer, given.proc, given.sys, given.leases),
                (plain.buffer, plain.proc, plain.sys, plain.leases)
            );
            assert_eq!(
                (given.is_thinning, given.replay),
                (plain.is_thinning, plain.replay)
            );
        }
        assert!(plain.endpoint.is_none() && plain.tags().is_empty() && plain.processes.is_empty());
        assert!(plain.spool.is_none());
        for number in 0..FAMILIES.len() {
            assert_eq!(plain.turns(number), Turns::Usual);
            assert_eq!(plain.choices()[number], Choice::default());
        }
    }

    /// The families' own table says what is left out.
    #[test]
    fn what_is_left_out_is_what_the_help_says() {
        let flag = FLAGS.iter().find(|flag| flag.name() == b"ignore").unwrap();
        let default = flag.default();
        let mut told: Vec<_> = default.split(' ').map(str::to_owned).collect();
        let ignored = |family: &Family| family.ignored.filter(|list| !list.is_empty());
        let mut expected: Vec<_> = FAMILIES
            .iter()
            .filter_map(|family| Some(format!("{}={}", family.name, ignored(family)?)))
            .collect();
        told.sort_unstable();
        expected.sort_unstable();
        assert_eq!(told, expected);
        let to_choose = FAMILIES.iter().filter(|family| family.ignored.is_some());
        for family in to_choose {
            assert!(
                unpacked(TAKES, 2 * Takes::Patterns as usize).contains(family.name),
                "{}",
                family.name
            );
        }
        assert_eq!(PROCESSES_MAX, crate::builtin::PROCESSES_MAX);
    }

    #[test]
    fn the_last_list_of_transfers_holds() {
        let mut config = parsed(&["-trans=a:1,b:2", "-spread", "-trans=c:3,d:4,e:5", "-timeout=1m"])
            .ok()
            .unwrap();
        let ports: Vec<_> = config
            .transfers()
            .iter()
            .map(|transfer| match transfer {
                Transfer::Tcp { port, .. } => *port,
                _ => 0,
            })
            .collect();
        assert_eq!(ports, [3, 4, 5]);
        assert!(config.spread && config.timeout == 60_000);
        config.print();
        assert_eq!(config.transfers(), [Transfer::Stdout]);
    }

    #[test]
    fn families_named_alone_are_the_ones_that_run() {
        use Turns::{Every, Off, Usual};
        let turns = |lists: &[&'static str]| {
            let arguments: Vec<_> = lists.iter().flat_map(|list| ["-metrics", *list]).collect();
            let config = parsed(&arguments).ok().unwrap();
            ["cpu", "net", "wifi", "disk"].map(|name| config.turns(find(name.as_bytes(), false).unwrap()))
        };
        assert_eq!(turns(&["cpu,net=1s,wifi=off"]), [Usual, Every(1_000), Off, Off]);
        assert_eq!(turns(&["net=1s,wifi=off"]), [Usual, Every(1_000), Off, Usual]);
        assert_eq!(
            turns(&["wifi=off", "disk=10s"]),
            [Usual, Usual, Off, Every(10_000)]
        );
        assert_eq!(turns(&["cpu", "wifi"]), [Usual, Off, Usual, Off]);
        assert_eq!(turns(&["cpu=2s,cpu,net,net=off"]), [Every(2_000), Off, Off, Off]);
    }

    #[test]
    fn patterns_are_of_one_family() {
        let config = parsed(&[
            "-only",
            "net=eth*,br-lan",
            "-ignore=net=eth9",
            "-ignore",
            "disk=/mnt/*",
        ])
        .ok()
        .unwrap();
        let choice = |name: &str| config.choices()[find(name.as_bytes(), true).unwrap()];
        assert_eq!(choice("net").only, Some(b"eth*,br-lan".as_slice()));
        assert_eq!(choice("net").ignore, b"eth9");
        assert_eq!(
            (choice("disk").only, choice("disk").ignore),
            (None, b"/mnt/*".as_slice())
        );
        assert_eq!(choice("wifi"), Choice::default());
    }

    #[test]
    fn one_dash_or_two_and_a_value_behind_or_inside() {
        for form in [
            &["-flush", "2s"][..],
            &["--flush", "2s"],
            &["-flush=2s"],
            &["--flush=2s"],
        ] {
            assert_eq!(parsed(form).ok().unwrap().flush, 2_000, "{form:?}");
        }
        let config = parsed(&["-tag", "a", "-tag=b=c", "-debug", "-once=false"])
            .ok()
            .unwrap();
        assert_eq!(config.tags(), [b"a".as_slice(), b"b=c"]);
        assert!(config.debug && !config.spread);
        assert_eq!(config.command, Command::Run);
    }

    #[test]
    fn an_error_is_one_line_that_names_the_flag_and_what_it_takes() {
        let error = |arguments: &[&'static str]| parsed(arguments).err().unwrap();
        assert_eq!(
            error(&["-flush", "soon"]),
            "mini-monitor: invalid value \"soon\" for flag -flush: it takes a duration from 10ms to 24h \
             (try 5s)"
        );
        assert_eq!(
            error(&["-trans"]),
            "mini-monitor: flag needs an argument: -trans: it takes an address (host:port, :port, [v6]:port, \
             unix:/path, exec:command), up to 8 of them with commas between, or - (try router.lan:6000)"
        );
        assert_eq!(
            error(&["-nope=1"]),
            "mini-monitor: flag provided but not defined: \"-nope=1\" (-h lists all flags)"
        );
        for (arguments, named) in [
            (&["a\nb"][..], "\"a?b\""),
            (&["-"], "\"-\""),
            (&["--"], "\"--\""),
            (&["-endpoint="], "-endpoint"),
            (&["-tag", ""], "-tag"),
            (&["-buffer", "1"], "-buffer"),
            (&["-proc", "/nowhere"], "-proc"),
            (&["-debug=maybe"], "-debug"),
            (&["-trans", "a:1,"], "-trans"),
            (&["-spread=maybe"], "-spread"),
            (&["-timeout", "never"], "-timeout"),
            (&["-metrics", ""], "-metrics"),
            (&["-metrics", "cpux"], "-metrics"),
            (&["-metrics", "cpu=often"], "-metrics"),
            (&["-metrics", "cpu=1ms"], "-metrics"),
            (&["-only", "net"], "-only"),
            (&["-only", "net="], "-only"),
            (&["-only", "cpu=1"], "-only"),
            (&["-ignore", "=lo"], "-ignore"),
            (&["-process", ","], "-process"),
            (&["-leases", ""], "-leases"),
        ] {
            let line = error(arguments);
            assert!(line.contains(named), "{line}");
            assert!(!line.contains('\n'), "{line}");
        }
        let many: Vec<_> = std::iter::repeat_n("-tag=x", TAGS_MAX_PLUS_ONE).collect();
        assert!(error(&many).contains("at most 32 times"));
    }

    const TAGS_MAX_PLUS_ONE: usize = super::super::TAGS_MAX + 1;
}
