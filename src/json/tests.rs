//! Documents, events and errors.

use super::*;
use crate::base::text::Text;
use miniserde::json;
use std::str::from_utf8;
use std::sync::Mutex;

/// Tests run in threads, and the count of accepted tokens is one for all.
pub(super) static ONE_PARSE: Mutex<()> = Mutex::new(());

const DOCUMENT: &str = "{\n\t\"a\": [1,\n-2.5e+3, \"x\\\"\\u00e9\\ud83d\\ude00\"], \"b\": true,\n\n\"c\": {\"d\": null, \
                        \"e\": {}}, \"f\": [[], [{}]]\n}\n";

fn events(text: &str) -> Option<String> {
    let document = Document::parse(text.as_bytes()).ok()?;
    let shown = document.events().map(|event| match event.kind {
        Kind::Key | Kind::Text => format!("{:?} {}", event.kind, event.text.escape_ascii()),
        Kind::Number | Kind::Word => format!("{:?} {}", event.kind, from_utf8(event.source).unwrap()),
        kind => format!("{kind:?}"),
    });
    Some(shown.collect::<Vec<_>>().join("; "))
}

/// The line of the error, the keys that lead to it, and the message.
fn error(text: &[u8]) -> (u32, String, String) {
    let error = Document::parse(text).err().unwrap();
    let mut buffer = [0; 200];
    let mut message = Text::new(&mut buffer);
    error.kind.describe(&error.place.token, &mut message);
    (
        error.place.token.line,
        error
            .place
            .keys
            .map(|key| String::from_utf8(key.to_vec()).unwrap())
            .join(" "),
        String::from_utf8(message.bytes().to_vec()).unwrap(),
    )
}

#[test]
fn events_come_in_the_order_of_the_text_and_without_escapes() {
    assert_eq!(
        events(r#" {"a": [1, -2], "z": ["x\"\u00e9\u0000", "y"], "b\n": true, "c": {"d": null, "e": 0.5}}"#)
            .unwrap(),
        "ObjectStart; Key a; ListStart; Number 1; Number -2; ListEnd; Key z; ListStart; Text x\\\"\\xc3\\xa9\\x00; \
         Text y; ListEnd; Key b\\n; Word true; Key c; ObjectStart; Key d; Word null; Key e; Number 0.5; ObjectEnd; \
         ObjectEnd"
    );
}

#[test]
fn numbers_are_as_in_the_source() {
    for number in [
        "-9223372036854775808",
        "18446744073709551615",
        "18446744073709551616",
        "-9223372036854775809",
        "1.50",
        "-2.5e+3",
    ] {
        assert_eq!(events(number).unwrap(), format!("Number {number}"));
    }
}

#[test]
fn invalid_or_deeply_nested_text_gives_no_document() {
    for text in ["", "{", "[1,]", "{\"a\" 1}", "01", "\"\\x\"", "[1] 2"] {
        assert_eq!(events(text), None, "{text}");
    }
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(events(&nested(DEPTH_MAX)).is_some());
    assert!(events(&nested(DEPTH_MAX + 1)).is_none());
    let long = format!("\"{}\"", "a".repeat(65_536));
    assert!(events(&long).unwrap().len() > 65_536);
}

#[test]
fn events_have_their_token_in_the_source() {
    let document = Document::parse(DOCUMENT.as_bytes()).unwrap();
    let mut lines = Vec::new();
    for (event, number) in document.events().zip(1..) {
        let plain = match event.kind {
            Kind::Key | Kind::Text => from_utf8(event.text).unwrap(),
            Kind::Number | Kind::Word => from_utf8(event.source).unwrap(),
            Kind::ObjectStart => "{",
            Kind::ObjectEnd => "}",
            Kind::ListStart => "[",
            Kind::ListEnd => "]",
        };
        let source = from_utf8(event.source).unwrap();
        let source = source
            .trim_matches('"')
            .replace("\\\"\\u00e9\\ud83d\\ude00", "\"\u{e9}\u{1f600}");
        assert_eq!(source, plain);
        let token = place(DOCUMENT.as_bytes(), number).token;
        assert_eq!(token.text, event.source);
        lines.push(token.line);
    }
    let expected = [vec![1, 2, 2, 2, 3, 3, 3, 3, 3], vec![5; 17], vec![6]];
    assert_eq!(lines, expected.concat());
}

#[test]
fn events_have_the_keys_that_lead_to_them() {
    let text = r#"{"a": {"b": [1, {"c": 2}], "x\n": 3}, "d": 4}"#;
    let document = Document::parse(text.as_bytes()).unwrap();
    let mut found = Vec::new();
    for (event, number) in document.events().zip(1..) {
        if event.kind == Kind::Number {
            let keys = place(text.as_bytes(), number).keys;
            found.push(keys.map(|key| from_utf8(key).unwrap()).join(" "));
        }
    }
    assert_eq!(found, ["a b ", "a b c", "a x\\n ", "d  "]);
}

#[test]
fn the_first_error_is_explained_with_its_line() {
    let cases = [
        ("", 1, "expected a value, found the end of the file"),
        ("{\n\"a\": 1\n\"b\": 2}", 3, "expected a comma or }, found \"b\""),
        ("{\"a\": 1,\n}", 2, "expected a quoted key, found }"),
        ("[1,\n]", 2, "expected a value, found ]"),
        ("[,", 1, "expected a value or ], found ,"),
        ("[1}", 1, "expected a comma or ], found }"),
        ("[1]]", 1, "expected the end of the file, found ]"),
        ("{\"a\"; 1}", 1, "expected a colon, found ;"),
        ("{a: 1}", 1, "expected a quoted key or }, found a"),
        ("[1] 2", 1, "expected the end of the file, found 2"),
        ("\n[tru]", 2, "tru is not a value (text needs quotes)"),
        ("[trueish]", 1, "trueish is not a value (text needs quotes)"),
        ("[1, 5s, 2]", 1, "5s is not a value (text needs quotes)"),
        ("[01]", 1, "01 is not a number, or out of range"),
        ("[1-2]", 1, "1-2 is not a number, or out of range"),
        ("[1e999]", 1, "1e999 is not a number, or out of range"),
        ("[\"a\n\"]", 1, "\"a has no closing quote"),
        ("{\"a\n\": 1}", 1, "\"a has no closing quote"),
        (
            "[\"a\\q\"]",
            1,
            "\"a\\q\" has an invalid escape or a control character",
        ),
        (
            "[\"\\udc00\"]",
            1,
            "\"\\udc00\" has an invalid escape or a control character",
        ),
        ("[[[[[[", 1, "[ is nested too deeply"),
        ("[[[[[{", 1, "{ is nested too deeply"),
        ("\u{feff}{}", 1, "\u{feff} is not a value (text needs quotes)"),
    ];
    for (text, line, message) in cases {
        let (found, _, explained) = error(text.as_bytes());
        assert_eq!((found, explained.as_str()), (line, message), "{text}");
    }
    assert_eq!(error(b"[1,\n\"\xff\"]"), (2, "  ".into(), "not UTF-8".into()));
}

#[test]
fn an_error_has_the_keys_that_lead_to_it() {
    for (text, keys) in [
        ("{\"a\": x}", "a  "),
        ("{\"a\": 5s}", "a  "),
        ("{\"a\": 1 \"b\"", "  "),
        ("{\"a\": 1, \"b\\q\"", "  "),
        ("{\"a\": {\"b\": [1, {\"c\": {\"d\": x", "a b c"),
        ("{\"a\": {\"b\": [1, {\"c\": {\"d\": 1}}, x", "a b "),
        ("{\"a\": {\"b\": 1} x", "  "),
        ("[[{\"a\" x", "a  "),
    ] {
        assert_eq!(error(text.as_bytes()).1, keys, "{text}");
    }
}

/// Changed documents: accepted if miniserde's own value accepts them, and otherwise explained by a token of theirs.
#[test]
fn changed_documents_are_accepted_or_explained() {
    const BYTES: &[u8] = b"{}[],:\"\\u0d8e9.-+truefalsn \n\t\x01x";
    let mut seed = 1_u32;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as usize % below
    };
    for round in 0..100_000 {
        let mut text = DOCUMENT.as_bytes().to_vec();
        for _ in 0..=random(3) {
            let at = random(text.len());
            match random(3) {
                0 => text[at] = BYTES[random(BYTES.len())],
                1 => text.insert(at, BYTES[random(BYTES.len())]),
                _ => drop(text.remove(at)),
            }
        }
        let Ok(text) = String::from_utf8(text) else {
            continue;
        };
        let expected = json::from_str::<json::Value>(&text).is_ok();
        match Document::parse(text.as_bytes()) {
            Ok(document) => {
                assert!(expected, "round {round}: {text}");
                let last = document.events().last().unwrap();
                assert_eq!(last.source, b"}", "round {round}: {text}");
            }
            Err(error) => {
                assert!(!expected, "round {round}: {error:?} {text}");
                let line = text
                    .lines()
                    .nth(error.place.token.line as usize - 1)
                    .unwrap_or("");
                let token = from_utf8(error.place.token.text).unwrap();
                assert!(line.contains(token), "round {round}: {error:?} {text}");
            }
        }
    }
}
