//! Every prefix and very many mutations of what else comes from outside: the configuration file, the
//! answers of name servers, time zones. No panic and no hang.
//!
//! `MUTATIONS` and `SEED` are as in `fixtures.rs`.

mod mutate;

use mini_monitor::builtin::{find, name};
use mini_monitor::config::{Config, DOCUMENT_MAX, Document, parse_file};
use mini_monitor::dns::{self, Query};
use mini_monitor::text::Text;
use mini_monitor::zone;
use mutate::{count, mutate, seed};

/// Hands over every prefix of the text, and its mutations.
fn each(name: &str, text: &[u8], mut read: impl FnMut(&[u8])) {
    for length in 0..=text.len() {
        read(&text[..length]);
    }
    let mut random = fastrand::Rng::with_seed(seed());
    let mut changed = Vec::new();
    for _ in 0..count() {
        changed.clear();
        changed.extend_from_slice(text);
        for _ in 0..random.u8(1..=6) {
            mutate(&mut changed, &mut random);
        }
        read(&changed);
    }
    println!("{name}: seed {}, {} mutations and every prefix", seed(), count());
}

/// What is said of a file that is not good, with its place if it is not JSON.
fn check(document: &[u8], memory: &mut [u8]) -> Option<String> {
    memory[..document.len()].copy_from_slice(document);
    let mut config = Config::default();
    let lengths = parse_file(memory, document.len());
    let wrong = Document::new(b"x", memory, lengths)
        .apply(&mut config, find, name)
        .err()?;
    let mut buffer = [0; 1024];
    let mut text = Text::new(&mut buffer);
    wrong.describe(&mut text);
    assert!(!text.is_cut());
    Some(String::from_utf8_lossy(text.bytes()).into_owned())
}

#[test]
fn configuration() {
    let mut memory = vec![0; DOCUMENT_MAX];
    let example = include_bytes!("../../contrib/mini-monitor.json");
    assert_eq!(check(example, &mut memory), None);
    let (mut good, mut bad) = (0, 0);
    each("configuration", example, |document| {
        match check(document, &mut memory) {
            None => good += 1,
            Some(words) => {
                bad += 1;
                let has_place = words
                    .strip_prefix("x:")
                    .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
                assert!(has_place, "{words}");
                assert!(!words.contains(|c: char| c.is_control()), "{words}");
            }
        }
    });
    assert!(good > 0 && bad > 0, "{good} good, {bad} bad");
}

#[test]
fn answers_of_name_servers() {
    let mut query = Query::empty();
    query.set(b"receiver.example.org", 0x1234).unwrap();
    let mut answer = query.of_kind(1).to_vec();
    let header = [0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0];
    answer[2..12].copy_from_slice(&header);
    // An alias, which points back into the question, and an address.
    answer.extend(b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x07\x04real\xc0\x15");
    answer.extend(b"\xc0\x32\0\x01\0\x01\0\0\0\x3c\0\x04\x7f\0\0\x01");
    let mut addresses = 0;
    each("an answer", &answer, |answer| {
        let _ = dns::read(answer, &mut query, &mut |_| addresses += 1);
    });
    assert!(addresses > 0);
}

#[test]
fn time_zones() {
    let times = [0, 1_000_000_000, 1_790_000_000, u32::MAX];
    let rule = b"CET-1CEST,M3.5.0/-2,J300/26:30:59";
    let mut zones = 0;
    each("a rule", rule, |rule| {
        for time in times {
            zones += usize::from(zone::by_rule(rule, time).is_some());
        }
    });
    assert!(zones > 0);
    let Ok(file) = std::fs::read("/usr/share/zoneinfo/Europe/Berlin") else {
        println!("no file of a time zone here: left out");
        return;
    };
    each("a file", &file, |file| {
        for time in times {
            if let Some(zone) = zone::by_file(file, time) {
                let [_, month, day, hour, minute, second] = zone.date(time);
                assert!(month <= 12 && day <= 31 && hour < 24 && minute < 60 && second < 60);
            }
        }
    });
}
