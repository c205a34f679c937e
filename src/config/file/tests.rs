//! Documents and the options that they set.

use super::super::{CUSTOM_MAX, ConfigMemory, Interval, NumberLine};
use super::*;
use crate::agent::FAMILY_TABLE;
use crate::families::find;

/// Reads a document, and checks the configuration or returns the error.
fn read(document: &str, check: impl FnOnce(&Config)) -> Result<(), String> {
    let mut memory = Box::new(ConfigMemory::EMPTY);
    memory.text[..document.len()].copy_from_slice(document.as_bytes());
    let (text, mut memory) = memory.split(document.len());
    let mut config = Config::default();
    let mut buffer = [0; 300];
    let mut message = Text::new(&mut buffer);
    let file = ConfigFile::new(b"x", text, true);
    let applied = file.apply(&mut config, &FAMILY_TABLE, &mut memory, &mut message);
    if applied.is_err() {
        return Err(String::from_utf8(message.bytes().to_vec()).unwrap());
    }
    check(&config);
    Ok(())
}

fn error(document: &str) -> String {
    read(document, |_| ()).err().unwrap()
}

fn arguments(exec: &str) -> Vec<String> {
    let mut found = Vec::new();
    let document = format!(r#"{{"custom": [{{"exec": {exec}}}]}}"#);
    read(&document, |config| {
        let script = &config.custom_at(0).unwrap().script;
        let text = |argument: &[u8]| String::from_utf8(argument.to_vec()).unwrap();
        found = script.arguments().map(text).collect();
    })
    .unwrap();
    found
}

#[test]
fn list_is_set_item_by_item_or_with_commas_between() {
    let document = r#"{"tag": ["a", "b=\u00e9"], "process": ["x", "y,z"], "trans": ["a:1", "b:2"],
        "families": {"net": {"only": ["eth*", "lo"], "ignore": "wan"}}}"#;
    read(document, |config| {
        assert_eq!(config.tags(), [b"a".as_slice(), "b=\u{e9}".as_bytes()]);
        assert_eq!(config.processes, b"x,y,z");
        assert_eq!(config.transfers().len(), 2);
        let net = config.filters()[find(b"net", true).unwrap()];
        assert_eq!(
            (net.only, net.ignore),
            (Some(b"eth*,lo".as_slice()), b"wan".as_slice())
        );
    })
    .unwrap();
}

#[test]
fn byte_order_mark_is_skipped() {
    read("\u{feff}{\"flush\": \"7s\"}", |config| {
        assert_eq!(config.flush, 7_000)
    })
    .unwrap();
    assert!(error("\u{feff}\u{feff}{}").starts_with("x:1: "), "one is enough");
}

#[test]
fn none_and_all_are_the_defaults() {
    let document = r#"{"tag": "none", "metrics": "all", "process": "none", "spool": "none", "listen": "none", "only": "none"}"#;
    read(document, |config| {
        assert!(config.tags().is_empty() && config.processes.is_empty());
        assert!(config.spool.is_none() && config.listen.is_none());
        assert_eq!(config.interval_of(0), Interval::Default);
    })
    .unwrap();
}

#[test]
fn keys_may_have_escapes_and_comments_may_repeat() {
    let document = r#"{"//": "a", "fl\u0075sh": "7s", "//": "b"}"#;
    read(document, |config| assert_eq!(config.flush, 7_000)).unwrap();
}

#[test]
fn script_is_a_text_for_the_shell_or_a_list_of_arguments() {
    assert_eq!(arguments(r#""a b""#), ["-c", "a b"]);
    let list = ["-c", "exec \"$0\" \"$@\""];
    assert_eq!(arguments(r#"["a b"]"#), [&list[..], &["a b"]].concat());
    assert_eq!(
        arguments(r#"["a", "", "c,d", ""]"#),
        [&list[..], &["a", "", "c,d", ""]].concat()
    );
    for bad in [
        r#""""#,
        "[]",
        r#"["", "a"]"#,
        r#""a\u0000""#,
        r#"["a\u0000b"]"#,
        r#"["a", 5]"#,
        "5",
    ] {
        let document = format!(r#"{{"custom": [{{"exec": {bad}}}]}}"#);
        assert!(
            error(&document).contains("is not a text for the shell, or"),
            "{bad}"
        );
    }
}

#[test]
fn custom_number_has_the_values_of_its_keys() {
    let document = r#"{"custom": [{"metric": "a", "file": "/b"}, {"metric": "c", "file": "/d", "key": "e", "field": 2,
        "scale": -3, "ratio": "1/8", "interval": "1m"}, {"metric": "f", "file": "/g", "line": 7}]}"#;
    read(document, |config| {
        let all: Vec<_> = config.custom().collect();
        assert!(all.iter().all(|custom| !custom.is_script()));
        let numbers: Vec<_> = all
            .iter()
            .map(|custom| &custom.number)
            .map(|number| (number.line, number.field, number.scale, number.ratio))
            .collect();
        assert_eq!(
            numbers,
            [
                (NumberLine::Number(1), 1, 0, (1, 1)),
                (NumberLine::Key(b"e"), 2, -3, (1, 8)),
                (NumberLine::Number(7), 1, 0, (1, 1))
            ]
        );
        assert_eq!(all[1].interval, Some(60_000));
        assert!(config.custom_at(2).is_some() && config.custom_at(3).is_none());
    })
    .unwrap();
}

#[test]
fn custom_metrics_are_bounded() {
    let metric = |number| format!(r#"{{"metric": "a{number}", "file": "/b"}}"#);
    let metrics = |count| (0..count).map(metric).collect::<Vec<_>>().join(",\n");
    let document = |count| format!("{{\"custom\": [{}]}}", metrics(count));
    assert!(read(&document(CUSTOM_MAX), |_| ()).is_ok());
    assert_eq!(
        error(&document(CUSTOM_MAX + 1)),
        "x:33: custom: more than 32 metrics"
    );
}

#[test]
fn number_has_tags() {
    let document = r#"{"custom": [{"metric": "a", "file": "/b", "tag": "k=v"}, {"metric": "a", "file": "/b"},
        {"metric": "a", "file": "/b", "tag": ["x=1", "y"]}, {"metric": "a", "file": "/b", "tag": ["x=1"]},
        {"metric": "a", "file": "/b", "tag": "none"}]}"#;
    let error = error(document);
    assert_eq!(
        error,
        "x:3: custom.metric: \"a\" is given twice with the same tags"
    );
    let document = document.replace(r#", "tag": "none""#, r#", "tag": "z""#);
    read(&document, |config| {
        let tags = |index: usize| config.custom_at(index).unwrap().number.tags().to_vec();
        assert_eq!(tags(0), [(b"".as_slice(), b"k=v".as_slice())]);
        assert_eq!(tags(1), []);
        assert_eq!(tags(2), [(b"".as_slice(), b"x=1".as_slice()), (b"", b"y")]);
    })
    .unwrap();
    // In any order.
    let twice = r#"{"custom": [{"metric": "a", "file": "/b", "tag": ["x", "y"]}, {"tag": ["y", "x"], "file": "/b", "metric": "a"}]}"#;
    assert!(self::error(twice).contains("given twice with the same tags"));
    let eight = |more: &str| {
        format!(
            r#"{{"custom": [{{"metric": "a", "file": "/b", "tag": ["1", "2", "3", "4", "5", "6", "7", "8"{more}]}}]}}"#
        )
    };
    read(&eight(""), |_| ()).unwrap();
    assert!(self::error(&eight(", \"9\"")).contains("more than 8 tags"));
}

#[test]
fn patterns_of_a_list_add_up() {
    let document = r#"{"only": ["net=a,b", "wifi=w", "net=c"], "ignore": ["net=x", "net=y"],
        "families": {"wifi": {"only": "v"}}}"#;
    read(document, |config| {
        let filter = |name: &[u8]| config.filters()[find(name, true).unwrap()];
        assert_eq!(filter(b"net").only, Some(b"a,b,c".as_slice()));
        assert_eq!(filter(b"net").ignore, b"x,y");
        assert_eq!(filter(b"wifi").only, Some(b"v".as_slice()));
    })
    .unwrap();
}

#[test]
fn families_take_precedence_wherever_they_stand() {
    let document = r#"{"families": {"net": {"interval": 2}, "cpu": {"on": false, "interval": 1}},
        "metrics": "net=1s,cpu=1s"}"#;
    read(document, |config| {
        let interval = |family: &[u8]| config.interval_of(find(family, false).unwrap());
        assert_eq!(interval(b"net"), Interval::Every(2_000));
        assert_eq!(interval(b"cpu"), Interval::Off);
        assert_eq!(interval(b"mem"), Interval::Default);
    })
    .unwrap();
}
