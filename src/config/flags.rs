//! The table of flags, and the command line.

use super::{Command, Config, value};
use crate::sys::Directory;
use crate::text::{Put, Text};

/// One flag.
pub struct Flag {
    /// Its name, without a dash.
    pub name: &'static str,
    /// What stands behind it, in a word; nothing for a switch.
    pub argument: &'static str,
    /// What holds when it is not given, in words.
    pub default: &'static str,
    /// What it does.
    pub help: &'static str,
    /// What it takes, for an error.
    takes: &'static str,
}

const DURATION: &str = "a duration from 10ms to 24h, such as 500ms, 5s, 2m, or plain seconds";
const DIRECTORY: &str = "a directory that can be read";
const SWITCH: &str = "true or false, or nothing";

const fn switch(name: &'static str, help: &'static str) -> Flag {
    Flag {
        name,
        argument: "",
        default: "",
        help,
        takes: SWITCH,
    }
}

/// All flags, in the order in which the help lists them.
pub const FLAGS: [Flag; 14] = [
    Flag {
        name: "trans",
        argument: "address",
        default: "127.0.0.1:6000",
        help: "where the lines go: host:port, :port (this host), [v6]:port, unix:/path, or - (standard output)",
        takes: "host:port, :port, [v6]:port, unix:/path or -",
    },
    Flag {
        name: "interval",
        argument: "duration",
        default: "5s",
        help: "time between two samples of a metric; the slow ones (disk) keep their own, unless this is longer",
        takes: DURATION,
    },
    Flag {
        name: "flush",
        argument: "duration",
        default: "5s",
        help: "time between two flushes of the collected lines",
        takes: DURATION,
    },
    Flag {
        name: "endpoint",
        argument: "name",
        default: "the host name",
        help: "the name of this machine in each line",
        takes: "a name of 1 to 255 bytes",
    },
    Flag {
        name: "tag",
        argument: "text",
        default: "none",
        help: "a tag for each line; may be given again and again, up to 32 times",
        takes: "a text that is not empty, at most 32 times",
    },
    Flag {
        name: "buffer",
        argument: "size",
        default: "64K",
        help: "memory for the lines that have not arrived, 4K to 1G; when it is full, the oldest go",
        takes: "a size from 4K to 1G, such as 64K, 1M, or plain bytes",
    },
    Flag {
        name: "proc",
        argument: "directory",
        default: "/proc",
        help: "read this in place of /proc",
        takes: DIRECTORY,
    },
    Flag {
        name: "sys",
        argument: "directory",
        default: "/sys",
        help: "read this in place of /sys",
        takes: DIRECTORY,
    },
    switch("once", "take every metric once, print the lines, exit"),
    switch(
        "list",
        "print every metric: name, unit, kind, interval, meaning; exit",
    ),
    switch("debug", "log each tick, each sample, each line and each flush"),
    switch("version", "print the version, exit"),
    switch("h", "print this, exit"),
    switch("help", "the same"),
];

/// What is wrong with the command line. Borrowed from it.
#[derive(Clone, Copy)]
pub enum Error<'a> {
    /// No flag has that name.
    Unknown(&'a [u8]),
    /// Not a flag.
    Stray(&'a [u8]),
    /// Nothing stands behind a flag that takes something.
    Missing(&'static Flag),
    /// The flag does not take that value.
    Invalid(&'static Flag, &'a [u8]),
    /// Endpoint and tags do not fit into a line.
    TooLong,
}

impl Error<'_> {
    /// Writes the error as one line, its newline included.
    pub fn describe(&self, text: &mut Text) {
        text.put(b"mini-monitor: ");
        match self {
            Self::Unknown(name) => {
                text.put(b"flag provided but not defined: ");
                quote(text, name);
                text.put(b" (-h lists all flags)");
            }
            Self::Stray(argument) => {
                text.put(b"unexpected argument ");
                quote(text, argument);
                text.put(b" (-h lists all flags)");
            }
            Self::Missing(flag) => {
                text.put(b"flag needs an argument: -");
                text.put(flag.name.as_bytes());
                takes(text, flag);
            }
            Self::Invalid(flag, value) => {
                text.put(b"invalid value ");
                quote(text, value);
                text.put(b" for flag -");
                text.put(flag.name.as_bytes());
                takes(text, flag);
            }
            Self::TooLong => text.put(b"-endpoint and -tag: together they take at most 1000 bytes in a line"),
        }
        text.put(b"\n");
    }
}

fn takes(text: &mut Text, flag: &Flag) {
    text.put(b": it takes ");
    text.put(flag.takes.as_bytes());
}

/// Writes what the user wrote so that it stays on one line, and not too long a one.
fn quote(text: &mut Text, bytes: &[u8]) {
    const SHOWN: usize = 80;
    text.put(b"\"");
    for byte in bytes.iter().take(SHOWN) {
        text.put(&[if byte.is_ascii_control() { b'?' } else { *byte }]);
    }
    text.put(if bytes.len() > SHOWN { b"...\"" } else { b"\"" });
}

/// Writes what `-h` prints.
pub fn usage(put: Put) {
    put(b"Usage of mini-monitor:\n");
    for flag in &FLAGS {
        let pieces = [
            "  -",
            flag.name,
            if flag.argument.is_empty() { "" } else { " " },
            flag.argument,
            "\n    \t",
            flag.help,
            if flag.default.is_empty() { "" } else { " (default " },
            flag.default,
            if flag.default.is_empty() { "\n" } else { ")\n" },
        ];
        let mut buffer = [0; 512];
        let mut line = Text::new(&mut buffer);
        for piece in pieces {
            line.put(piece.as_bytes());
        }
        put(line.bytes());
    }
}

/// Reads the arguments behind the program's name.
pub fn parse<'a>(arguments: impl IntoIterator<Item = &'a [u8]>) -> Result<Config<'a>, Error<'a>> {
    let mut config = Config::default();
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let (name, inline) = split(argument).ok_or(Error::Stray(argument))?;
        let flag = FLAGS
            .iter()
            .find(|flag| flag.name.as_bytes() == name)
            .ok_or(Error::Unknown(argument))?;
        let value = match inline {
            Some(value) => value,
            None if flag.argument.is_empty() => b"true",
            None => arguments.next().ok_or(Error::Missing(flag))?,
        };
        apply(&mut config, flag, value).ok_or(Error::Invalid(flag, value))?;
    }
    Ok(config)
}

/// `-name`, `--name`, `-name=value`: the name, and the value if it is there.
fn split(argument: &[u8]) -> Option<(&[u8], Option<&[u8]>)> {
    let one = argument.strip_prefix(b"-")?;
    let flag = one.strip_prefix(b"-").unwrap_or(one);
    if flag.is_empty() {
        return None;
    }
    match flag.iter().position(|&byte| byte == b'=') {
        Some(at) => Some((flag.get(..at)?, flag.get(at + 1..))),
        None => Some((flag, None)),
    }
}

fn apply<'a>(config: &mut Config<'a>, flag: &Flag, value: &'a [u8]) -> Option<()> {
    match flag.name {
        "trans" => config.transfer = value::transfer(value)?,
        "interval" => config.interval = value::duration(value)?,
        "flush" => config.flush = value::duration(value)?,
        "endpoint" => config.endpoint = Some(value).filter(|name| (1..=255).contains(&name.len()))?.into(),
        "tag" => config.add_tag(Some(value).filter(|tag| !tag.is_empty())?)?,
        "buffer" => config.buffer = value::size(value)?,
        "proc" => config.proc = directory(value)?,
        "sys" => config.sys = directory(value)?,
        "debug" => config.debug = value::switch(value)?,
        "once" => choose(config, value, Command::Once)?,
        "list" => choose(config, value, Command::List)?,
        "version" => choose(config, value, Command::Version)?,
        _ => choose(config, value, Command::Help)?,
    }
    Some(())
}

fn choose(config: &mut Config, value: &[u8], command: Command) -> Option<()> {
    if value::switch(value)? {
        config.command = command;
    }
    Some(())
}

fn directory(path: &[u8]) -> Option<&[u8]> {
    Directory::open(path).is_ok().then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(arguments: &[&'static str]) -> Result<Config<'static>, String> {
        parse(arguments.iter().map(|argument| argument.as_bytes())).map_err(|error| {
            let mut buffer = [0; 512];
            let mut text = Text::new(&mut buffer);
            error.describe(&mut text);
            String::from_utf8(text.into_bytes().to_vec()).unwrap()
        })
    }

    /// The help states the defaults in words: the words mean what holds.
    #[test]
    fn defaults_are_what_the_help_says() {
        let plain = parsed(&[]).ok().unwrap();
        for flag in FLAGS.iter().filter(|flag| !flag.argument.is_empty()) {
            if matches!(flag.name, "endpoint" | "tag") {
                continue;
            }
            let mut given = Config::default();
            apply(&mut given, flag, flag.default.as_bytes()).unwrap();
            assert_eq!(given.transfer, plain.transfer);
            assert_eq!((given.interval, given.flush), (plain.interval, plain.flush));
            assert_eq!(
                (given.buffer, given.proc, given.sys),
                (plain.buffer, plain.proc, plain.sys)
            );
        }
        assert!(plain.endpoint.is_none() && plain.tags().is_empty());
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
        assert!(config.debug);
        assert_eq!(config.command, Command::Run);
    }

    #[test]
    fn an_error_is_one_line_that_names_the_flag_and_what_it_takes() {
        let error = |arguments: &[&'static str]| parsed(arguments).err().unwrap();
        assert_eq!(
            error(&["-flush", "soon"]),
            "mini-monitor: invalid value \"soon\" for flag -flush: it takes a duration from 10ms to 24h, \
             such as 500ms, 5s, 2m, or plain seconds\n"
        );
        assert_eq!(
            error(&["-trans"]),
            "mini-monitor: flag needs an argument: -trans: it takes host:port, :port, [v6]:port, unix:/path or -\n"
        );
        assert_eq!(
            error(&["-nope=1"]),
            "mini-monitor: flag provided but not defined: \"-nope=1\" (-h lists all flags)\n"
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
        ] {
            let line = error(arguments);
            assert!(line.contains(named), "{line}");
            assert_eq!(line.find('\n'), Some(line.len() - 1));
        }
        let many: Vec<_> = std::iter::repeat_n("-tag=x", TAGS_MAX_PLUS_ONE).collect();
        assert!(error(&many).contains("at most 32 times"));
    }

    const TAGS_MAX_PLUS_ONE: usize = super::super::TAGS_MAX + 1;
}
