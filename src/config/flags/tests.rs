//! Flags as they are given.

use super::super::apply::apply;
use super::super::takes::{TAKES, Takes};
use super::super::{Command, Config, PROCESSES_MAX, TAGS_MAX, Turns, parse};
use super::*;
use crate::base::glob::Choice;
use crate::families::{FAMILIES, Family, find};
use crate::platform::Transfer;

fn parsed(arguments: &[&'static str]) -> Result<Config<'static>, String> {
    let mut config = Config::default();
    let arguments = arguments.iter().map(|argument| argument.as_bytes());
    match parse(&mut config, arguments, find) {
        Ok(()) => Ok(config),
        Err(error) => {
            let mut buffer = [0; 512];
            let mut text = Text::new(&mut buffer);
            error.describe(&mut text);
            let line = String::from_utf8(text.into_line().to_vec()).unwrap();
            Err(line.strip_suffix('\n').unwrap().to_owned())
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
    assert_eq!(PROCESSES_MAX, crate::families::PROCESSES_MAX);
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

const TAGS_MAX_PLUS_ONE: usize = TAGS_MAX + 1;
