//! `contrib/reference.json` against the tables of keys, and the sample that packages install.

use super::custom_keys::KEYS;
use super::family_keys::FAMILY_KEYS;
use super::options::{KEY_COUNT, OPTIONS};
use crate::json::{Document, Event, Kind};
use std::collections::{BTreeMap, BTreeSet};

const REFERENCE: &str = include_str!("../../contrib/reference.json");
const SAMPLE: &str = include_str!("../../contrib/mini-monitor.json");

/// Keys whose default is no value that could be written: the reference has an example.
const EXAMPLES: [&str; 2] = ["endpoint", "only"];

/// The path of each key of a document, such as `families.cpu.interval` and `custom.metric`, and its texts; comments apart.
fn keys(text: &str) -> BTreeMap<String, Vec<String>> {
    let document = Document::parse(text.as_bytes()).ok().unwrap();
    let string = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    let mut found = BTreeMap::<String, Vec<String>>::new();
    let mut path = Vec::<String>::new();
    // Whether each open object or list is an object.
    let mut open = Vec::new();
    for Event { kind, text, source } in document.events() {
        match kind {
            Kind::Key => {
                path.truncate(open.iter().filter(|is_object| **is_object).count() - 1);
                path.push(string(text));
                if text != b"//" {
                    found.entry(path.join(".")).or_default();
                }
            }
            Kind::ObjectStart | Kind::ListStart => open.push(kind == Kind::ObjectStart),
            Kind::ObjectEnd | Kind::ListEnd => {
                if open.pop() == Some(true) {
                    path.pop();
                }
            }
            Kind::Text => {
                found
                    .entry(path.join("."))
                    .and_modify(|values| values.push(string(text)));
            }
            Kind::Number | Kind::Word => {
                found
                    .entry(path.join("."))
                    .and_modify(|values| values.push(string(source)));
            }
        }
    }
    found
}

fn set<'n>(names: impl Iterator<Item = &'n str>) -> BTreeSet<&'n str> {
    names.collect()
}

#[test]
fn reference_has_exactly_the_keys_of_the_tables() {
    let keys = keys(REFERENCE);
    let below = |start: &str, depth: usize| {
        let paths = keys.keys().filter_map(|path| path.strip_prefix(start));
        set(paths.filter_map(|path| {
            let mut names = path.split('.');
            names.nth(depth).filter(|_| names.next().is_none())
        }))
    };
    let options = OPTIONS.iter().take(KEY_COUNT).map(|option| option.name);
    let root: BTreeSet<&str> = set(options.chain(["families", "custom"]));
    assert_eq!(below("", 0), root);
    assert_eq!(
        below("families.", 1),
        set(FAMILY_KEYS.iter().map(|(name, ..)| *name))
    );
    assert_eq!(below("custom.", 0), set(KEYS.iter().map(|key| key.name)));
}

#[test]
fn reference_shows_the_defaults_of_the_table() {
    let keys = keys(REFERENCE);
    for option in OPTIONS.iter().take(KEY_COUNT) {
        let shown = keys[option.name].join(" ");
        let default = if option.default.is_empty() {
            "false"
        } else {
            option.default
        };
        let is_example = EXAMPLES.contains(&option.name);
        assert_eq!(shown == default, !is_example, "{}: {shown}", option.name);
    }
}

/// It has no value that is not the default, so that an agent with it does what one without it does.
#[test]
fn sample_is_short_and_changes_nothing() {
    let defaults = keys(REFERENCE);
    let sample = keys(SAMPLE);
    assert!(!sample.is_empty() && SAMPLE.lines().count() <= 12);
    for (key, value) in sample {
        assert!(!EXAMPLES.contains(&key.as_str()));
        assert!(OPTIONS.iter().any(|option| option.name == key), "{key}");
        assert_eq!(value, defaults[&key], "{key}");
    }
}
