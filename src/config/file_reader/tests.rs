//! Documents and the options that they set.

use super::super::{CUSTOM_MAX, ConfigFile, FILE_MEMORY, FileText, Line};
use super::*;
use crate::base::text::Text;
use crate::families::{find, name};

/// Reads a document, and checks the configuration or returns the error.
fn read(document: &str, check: impl FnOnce(&Config)) -> Result<(), String> {
    let mut memory = vec![0; FILE_MEMORY];
    memory[..document.len()].copy_from_slice(document.as_bytes());
    let text = FileText {
        length: document.len(),
        is_private: true,
    };
    let mut config = Config::default();
    let applied = ConfigFile::new(b"x", &mut memory, text).apply(&mut config, find, name);
    if let Err(error) = applied {
        let mut buffer = [0; 300];
        let mut text = Text::new(&mut buffer);
        error.describe(&mut text);
        return Err(String::from_utf8(text.bytes().to_vec()).unwrap());
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
        let Some(Origin::Script(script)) = config.custom_at(0).map(|custom| custom.origin) else {
            panic!("no script");
        };
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
        let numbers: Vec<_> = all
            .iter()
            .filter_map(|custom| match custom.origin {
                Origin::File(number) => Some((number.line, number.field, number.scale, number.ratio)),
                Origin::Script(_) => None,
            })
            .collect();
        assert_eq!(
            numbers,
            [
                (Line::Number(1), 1, 0, (1, 1)),
                (Line::Key(b"e"), 2, -3, (1, 8)),
                (Line::Number(7), 1, 0, (1, 1))
            ]
        );
        assert_eq!(all[1].interval, Some(60_000));
        assert!(config.custom_at(2).is_some() && config.custom_at(3).is_none());
    })
    .unwrap();
}

#[test]
fn custom_metrics_are_bounded() {
    let metrics = |count| vec![r#"{"metric": "a", "file": "/b"}"#; count].join(",\n");
    let document = |count| format!("{{\"custom\": [{}]}}", metrics(count));
    assert!(read(&document(CUSTOM_MAX), |_| ()).is_ok());
    assert_eq!(
        error(&document(CUSTOM_MAX + 1)),
        "x:33: custom: more than 32 metrics"
    );
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

#[test]
fn accepted_directory_and_user_are_not_looked_up_again() {
    let document = br#"{"proc": "/nowhere", "custom": [{"exec": "a", "user": "nobody at all"}]}"#;
    for is_accepted in [false, true] {
        let mut memory = vec![0; FILE_MEMORY];
        memory[..document.len()].copy_from_slice(document);
        let text = FileText {
            length: document.len(),
            is_private: true,
        };
        let mut config = Config {
            is_accepted,
            ..Config::default()
        };
        let applied = ConfigFile::new(b"x", &mut memory, text).apply(&mut config, find, name);
        assert_eq!(applied.is_ok(), is_accepted);
    }
}
