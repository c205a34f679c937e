//! Options of the command line.

use super::super::{
    ConfigMemory, Interval, PROCESSES_MAX, Repeated, TAGS_MAX, is_help, last_value, parse, repeated,
};
use super::*;
use crate::agent::FAMILY_TABLE;
use crate::base::glob::Filter;
use crate::base::text::Text;
use crate::families::{FAMILIES, find};
use crate::platform::Transfer;
use std::collections::BTreeSet;

fn parsed(arguments: &[&'static str]) -> Result<Config<'static>, String> {
    let (_, mut memory) = Box::leak(Box::new(ConfigMemory::EMPTY)).split(0);
    let mut config = Config::default();
    let mut arguments = arguments.iter().map(|argument| argument.as_bytes());
    let mut buffer = [0; 512];
    let mut message = Text::new(&mut buffer);
    if parse(
        &mut config,
        &mut arguments,
        &FAMILY_TABLE,
        &mut memory,
        &mut message,
    )
    .is_ok()
    {
        return Ok(config);
    }
    let line = String::from_utf8(message.into_line().to_vec()).unwrap();
    Err(line.strip_suffix('\n').unwrap().to_owned())
}

/// The default of an option in the help.
fn default_of(name: &str) -> Option<&'static str> {
    let (_, rest) = OPTION_HELP
        .split_once(&format!("\n  -{name} "))
        .or(OPTION_HELP.split_once(&format!("\n  -{name}\n")))?;
    let help = rest.split("\n  -").next()?.split("\n\n").next()?;
    let (_, default) = help.rsplit_once("(default ")?;
    default.trim_end().strip_suffix(')')
}

#[test]
fn defaults_are_as_in_the_help() {
    let plain = parsed(&[]).ok().unwrap();
    for option in OPTIONS.iter().filter(|option| option.kind != ValueKind::Switch) {
        let default = default_of(option.name).unwrap();
        // These show what the default is, not its text.
        if matches!(option.name, "endpoint" | "ignore" | "config") {
            continue;
        }
        let flag: &'static str = format!("-{}={default}", option.name).leak();
        let given = parsed(&[flag]).unwrap_or_else(|error| panic!("{error}"));
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
            (given.is_thinning, given.replay()),
            (plain.is_thinning, plain.replay())
        );
        assert!(given.tags().is_empty() && given.processes.is_empty());
        assert!(given.spool.is_none() && given.listen.is_none());
        assert_eq!(given.filters(), plain.filters());
        assert!((0..FAMILIES.len()).all(|number| given.interval_of(number) == Interval::Default));
    }
    assert!(plain.endpoint.is_none() && plain.tags().is_empty() && plain.processes.is_empty());
    assert!(plain.spool.is_none());
    for number in 0..FAMILIES.len() {
        assert_eq!(plain.interval_of(number), Interval::Default);
        assert_eq!(plain.filters()[number], Filter::default());
    }
}

#[test]
fn options_of_the_file_stand_first() {
    let is_flag = |option: &ConfigOption| {
        ["config", "check", "once", "list", "version", "h", "help"].contains(&option.name)
    };
    assert_eq!(OPTIONS.iter().position(is_flag), Some(KEY_COUNT));
    assert!(OPTIONS[KEY_COUNT..].iter().all(is_flag));
}

/// The tables of the families have the default.
#[test]
fn default_of_ignore_is_as_in_the_help() {
    let shown: BTreeSet<(&str, &str)> = default_of("ignore")
        .unwrap()
        .split(' ')
        .flat_map(|item| {
            let (family, patterns) = item.split_once('=').unwrap();
            patterns.split(',').map(move |pattern| (family, pattern))
        })
        .collect();
    let expected = FAMILIES.iter().flat_map(|family| {
        let patterns = family.ignored.unwrap_or_default().split(',');
        let patterns = patterns.filter(|pattern| !pattern.is_empty());
        patterns.map(|pattern| (family.name, pattern))
    });
    assert_eq!(shown, expected.collect());
    let to_choose = FAMILIES.iter().filter(|family| family.ignored.is_some());
    for family in to_choose {
        let error = parsed(&["-only=cpu=1"]).err().unwrap();
        assert!(error.contains(family.name), "{}", family.name);
    }
    assert_eq!(PROCESSES_MAX, crate::families::PROCESSES_MAX);
}

#[test]
fn lists_of_repeated_flags_add_up() {
    let config = parsed(&[
        "-trans=a:1,b:2",
        "-process=x,y",
        "-only=net=eth*",
        "-ignore=net=eth9",
        "-tag=a",
        "-trans=c:3",
        "-only=net=br-lan,wan",
        "-only=wifi=wlan0",
        "-process=z",
        "-ignore=net=eth8",
        "-tag=b",
    ])
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
    assert_eq!(ports, [1, 2, 3]);
    assert_eq!(config.processes, b"x,y,z");
    assert_eq!(config.tags(), [b"a", b"b"]);
    let filter = |name: &str| config.filters()[find(name.as_bytes(), true).unwrap()];
    assert_eq!(filter("net").only, Some(b"eth*,br-lan,wan".as_slice()));
    assert_eq!(filter("net").ignore, b"eth9,eth8");
    assert_eq!(filter("wifi").only, Some(b"wlan0".as_slice()));
    // The bounds are on all values together.
    let nine: Vec<&str> = [":1", ":2", ":3", ":4", ":5", ":6", ":7", ":8", ":9"]
        .iter()
        .flat_map(|port| ["-trans", *port])
        .collect();
    assert_eq!(parsed(&nine[..16]).ok().unwrap().transfers().len(), 8);
    assert!(parsed(&nine).err().unwrap().contains("more than 8 addresses"));
    let names = |count| vec!["-process=x"; count];
    assert!(parsed(&names(PROCESSES_MAX)).is_ok());
    assert!(parsed(&names(PROCESSES_MAX + 1)).is_err());
    // Each join is a copy.
    let long: &'static str = format!("-only=net={}", "x".repeat(1000)).leak();
    assert!(
        parsed(&[long; 20])
            .err()
            .unwrap()
            .contains("lists of all options together are too long")
    );
}

#[test]
fn none_removes_the_values_before() {
    let config = parsed(&[
        "-only=net=a",
        "-only=none",
        "-only=net=b",
        "-process=x",
        "-process=none",
    ])
    .ok()
    .unwrap();
    let net = config.filters()[find(b"net", true).unwrap()];
    assert_eq!(
        (net.only, config.processes),
        (Some(b"b".as_slice()), b"".as_slice())
    );
}

#[test]
fn repeated_flags_of_one_value_are_listed() {
    let list = |arguments: &[&'static str]| {
        let mut list = Vec::new();
        let mut arguments = arguments.iter().map(|argument| argument.as_bytes());
        repeated(&mut arguments, &mut |Repeated { name, before, last }| {
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
            list.push(format!("{name} {} {}", text(before), text(last)));
        });
        list
    };
    assert_eq!(
        list(&[
            "-flush",
            "2s",
            "-tag=a",
            "-debug",
            "--flush=3s",
            "-tag=b",
            "-debug=false",
            "-flush=4s"
        ]),
        ["flush 2s 3s", "debug true false", "flush 3s 4s"]
    );
    let lists = [
        "-trans=a:1",
        "-tag=a",
        "-metrics=net=1s",
        "-only=net=a",
        "-ignore=net=a",
        "-process=a",
    ];
    assert!(list(&[lists, lists].concat()).is_empty());
}

#[test]
fn last_value_wins() {
    let config = parsed(&["-flush=2s", "-once", "-flush=3s", "-once=false"])
        .ok()
        .unwrap();
    assert_eq!((config.flush, config.command), (3_000, Command::Run));
    let mut arguments = [b"-config=a".as_slice(), b"-config", b"b"].into_iter();
    assert_eq!(last_value(&mut arguments, "config"), Some(b"b".as_slice()));
}

#[test]
fn help_is_asked_for_by_either_flag() {
    for argument in ["-h", "--h", "-help", "--help", "-h=true", "-help=1"] {
        assert!(is_help(argument.as_bytes()), "{argument}");
    }
    for argument in ["h", "-h=false", "-helper", "-", "-tag=-h"] {
        assert!(!is_help(argument.as_bytes()), "{argument}");
    }
}

#[test]
fn all_in_a_list_of_families_removes_what_is_before_it() {
    let interval = |list: &'static str, family: &[u8]| {
        let config = parsed(&[list]).unwrap();
        config.interval_of((FAMILY_TABLE.find)(family, false).unwrap())
    };
    assert_eq!(interval("-metrics=all,cpu=off", b"cpu"), Interval::Off);
    assert_eq!(interval("-metrics=all,cpu=off", b"mem"), Interval::Default);
    assert_eq!(interval("-metrics=cpu,all", b"mem"), Interval::Default);
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
fn tags_are_bounded() {
    let tags: Vec<&'static str> = (0..=TAGS_MAX)
        .map(|number| &*format!("-tag={number}").leak())
        .collect();
    assert!(parsed(&tags[1..]).is_ok());
    assert!(parsed(&tags).err().unwrap().contains("more than 32 tags"));
}

#[test]
fn tag_keys_of_families_are_reserved() {
    let keys: Vec<_> = FAMILIES.iter().flat_map(|family| family.keys).collect();
    assert!(keys.len() > 5);
    for key in keys {
        let key = std::str::from_utf8(key).unwrap().strip_suffix('=').unwrap();
        for tag in [format!("-tag={key}=x"), format!("-tag={key}")] {
            let error = parsed(&[tag.leak()]).err().unwrap();
            assert!(
                error.contains(&format!("tag key \"{key}\" is reserved")),
                "{error}"
            );
        }
        let similar: &'static str = format!("-tag={key}2=x").leak();
        assert!(parsed(&[similar]).is_ok());
    }
}
