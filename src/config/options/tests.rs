//! Options of the command line.

use super::super::{Interval, PROCESSES_MAX, TAGS_MAX, parse};
use super::*;
use crate::base::glob::Filter;
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

#[test]
fn defaults_are_as_in_the_help() {
    let plain = parsed(&[]).ok().unwrap();
    for option in OPTIONS.iter().filter(|option| !option.argument.is_empty()) {
        if matches!(
            option.name,
            "endpoint" | "tag" | "metrics" | "only" | "ignore" | "process" | "spool" | "listen" | "config"
        ) {
            continue;
        }
        let mut given = Config::default();
        (option.clear)(&mut given);
        (option.set)(&mut given, option.default.as_bytes(), find).unwrap();
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
        assert_eq!(plain.interval_of(number), Interval::Default);
        assert_eq!(plain.filters()[number], Filter::default());
    }
}

/// The tables of the families have the default.
#[test]
fn default_of_ignore_is_as_in_the_help() {
    let (_, option) = ConfigOption::find(b"ignore").unwrap();
    let mut shown: Vec<_> = option.default.split(' ').map(str::to_owned).collect();
    let ignored = |family: &Family| family.ignored.filter(|list| !list.is_empty());
    let mut expected: Vec<_> = FAMILIES
        .iter()
        .filter_map(|family| Some(format!("{}={}", family.name, ignored(family)?)))
        .collect();
    shown.sort_unstable();
    expected.sort_unstable();
    assert_eq!(shown, expected);
    let to_choose = FAMILIES.iter().filter(|family| family.ignored.is_some());
    for family in to_choose {
        let mut buffer = [0; 200];
        let mut text = Text::new(&mut buffer);
        ValueKind::FamilyPatterns.describe(&mut text, false);
        let description = std::str::from_utf8(text.bytes()).unwrap();
        assert!(description.contains(family.name), "{}", family.name);
    }
    assert_eq!(PROCESSES_MAX, crate::families::PROCESSES_MAX);
}

#[test]
fn last_list_of_receivers_wins() {
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
fn families_without_an_interval_are_selected() {
    use Interval::{Default, Every, Off};
    let intervals = |lists: &[&'static str]| {
        let arguments: Vec<_> = lists.iter().flat_map(|list| ["-metrics", *list]).collect();
        let config = parsed(&arguments).ok().unwrap();
        ["cpu", "net", "wifi", "disk"].map(|name| config.interval_of(find(name.as_bytes(), false).unwrap()))
    };
    assert_eq!(
        intervals(&["cpu,net=1s,wifi=off"]),
        [Default, Every(1_000), Off, Off]
    );
    assert_eq!(
        intervals(&["net=1s,wifi=off"]),
        [Default, Every(1_000), Off, Default]
    );
    assert_eq!(
        intervals(&["wifi=off", "disk=10s"]),
        [Default, Default, Off, Every(10_000)]
    );
    assert_eq!(intervals(&["cpu", "wifi"]), [Default, Off, Default, Off]);
    assert_eq!(
        intervals(&["cpu=2s,cpu,net,net=off"]),
        [Every(2_000), Off, Off, Off]
    );
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
    let filter = |name: &str| config.filters()[find(name.as_bytes(), true).unwrap()];
    assert_eq!(filter("net").only, Some(b"eth*,br-lan".as_slice()));
    assert_eq!(filter("net").ignore, b"eth9");
    assert_eq!(
        (filter("disk").only, filter("disk").ignore),
        (None, b"/mnt/*".as_slice())
    );
    assert_eq!(filter("wifi"), Filter::default());
}

#[test]
fn flag_has_one_dash_or_two_and_its_value_inside_or_after() {
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
fn error_is_one_line_with_the_flag_and_what_is_accepted() {
    let error = |arguments: &[&'static str]| parsed(arguments).err().unwrap();
    assert_eq!(
        error(&["-flush", "soon"]),
        "mini-monitor: -flush: \"soon\" is not a duration from 10ms to 24h (try 5s)"
    );
    assert_eq!(
        error(&["-trans"]),
        "mini-monitor: -trans: needs a value: an address (host:port, :port, [v6]:port, unix:/path, \
         exec:command), up to 8 of them with commas between, or - (try router.lan:6000)"
    );
    assert_eq!(
        error(&["-nope=1"]),
        "mini-monitor: unknown flag \"-nope=1\" (-h lists all flags)"
    );
    assert_eq!(
        error(&["-fluhs=1s"]),
        "mini-monitor: unknown flag \"-fluhs=1s\" (did you mean \"-flush\"?)"
    );
    assert_eq!(
        error(&["flush"]),
        "mini-monitor: unexpected argument \"flush\" (-h lists all flags)"
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
