//! Every prefix and very many mutations of what else comes from outside: the configuration file, the
//! answers of name servers, time zones, what scripts print and other programs hand in, and files with a
//! number in them. No panic and no hang; of the last two, what is taken is what a second, plain reader takes,
//! and makes a line that others can read.
//!
//! `MUTATIONS` and `SEED` are as in `fixtures.rs`.

mod encodings;
mod mutate;

use mini_monitor::agent::FAMILY_TABLE;
use mini_monitor::base::decimal::Fixed;
use mini_monitor::base::text::Text;
use mini_monitor::config::{Config, ConfigFile, ConfigMemory};
use mini_monitor::custom::{self, CustomError, read_line};
use mini_monitor::format::{Sample, json::Writer};
use mini_monitor::resolver::{self, Query};
use mini_monitor::ring::LINE_MAX;
use mutate::{count, mutate, seed};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

/// The input that is being read, which is printed if that fails.
struct Input<'a>(&'a [u8]);

impl Drop for Input<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("FAILED with b\"{}\"", self.0.escape_ascii());
        }
    }
}

/// Hands over every prefix of the text, and its mutations.
fn each(name: &str, text: &[u8], mut read: impl FnMut(&[u8])) {
    let mut read = |text: &[u8]| {
        let input = Input(text);
        read(input.0);
    };
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

/// Reads a configuration file; the message if it is invalid.
fn check(document: &[u8], memory: &mut ConfigMemory) -> Option<String> {
    memory.text[..document.len()].copy_from_slice(document);
    let mut config = Config::default();
    let mut buffer = [0; 1024];
    let mut text = Text::new(&mut buffer);
    let (document, mut memory) = memory.split(document.len());
    let file = ConfigFile::new(b"x", document, true);
    file.apply(&mut config, &FAMILY_TABLE, &mut memory, &mut text)
        .err()?;
    assert!(!text.is_cut());
    let line = String::from_utf8_lossy(text.into_line()).into_owned();
    Some(line.strip_suffix('\n')?.to_owned())
}

#[test]
fn configuration() {
    let mut memory = Box::new(ConfigMemory::EMPTY);
    let example = include_bytes!("../../contrib/reference.json");
    assert_eq!(check(example, &mut memory), None);
    let addresses = br#"{"trans": ["a:1", {"url": "http://me:pw@b:80/w,x?y=z", "header": "A: b"}, "exec:c d",
        {"header": ["C: d", "E: f"], "url": "http://[::1]/"}, {"url": "unix:/g"}], "header": "none"}"#;
    assert_eq!(check(addresses, &mut memory), None);
    let (mut good, mut bad) = (0, 0);
    let mut read = |document: &[u8]| match check(document, &mut memory) {
        None => good += 1,
        Some(message) => {
            bad += 1;
            let has_line = message
                .strip_prefix("x:")
                .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
            assert!(has_line, "{message}");
            assert!(!message.contains(|c: char| c.is_control()), "{message}");
        }
    };
    each("configuration", example, &mut read);
    each("addresses", addresses, &mut read);
    assert!(good > 0 && bad > 0, "{good} good, {bad} bad");
}

#[test]
fn answers_of_name_servers() {
    let mut query = Query::NONE;
    query.draw_ids(0x1234_5678);
    query.set(b"receiver.example.org").unwrap();
    let mut answer = query.of_kind(1).to_vec();
    let header = [0x81, 0x80, 0, 1, 0, 2, 0, 0, 0, 0];
    answer[2..12].copy_from_slice(&header);
    // An alias, which points back into the question, and an address.
    answer.extend(b"\xc0\x0c\0\x05\0\x01\0\0\0\x3c\0\x07\x04real\xc0\x15");
    answer.extend(b"\xc0\x32\0\x01\0\x01\0\0\0\x3c\0\x04\x7f\0\0\x01");
    let mut addresses = 0;
    each("an answer", &answer, |answer| {
        let _ = resolver::read(answer, &mut query, &mut |_| addresses += 1);
    });
    assert!(addresses > 0);
}

/// A decimal number in units of its ninth place, as [`Fixed::parse`] has to read it.
fn decimal(text: &[u8]) -> Option<i128> {
    let text = std::str::from_utf8(text).ok()?;
    let digits = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let places = digits
        .split_once('.')
        .map_or(0, |(_, fraction)| fraction.len().min(9));
    let mantissa: u64 = format!("{whole}{}", &fraction[..places]).parse().ok()?;
    let amount = i128::from(mantissa) * 10_i128.pow(9 - places as u32);
    Some(if text.starts_with('-') { -amount } else { amount })
}

/// What a value says, in the same unit; no more than four places are written.
fn amount(value: Fixed) -> i128 {
    let (whole, fraction, scale) = value.parts();
    assert!(scale <= 4 && fraction < 10_u64.pow(scale.into()), "{value:?}");
    let amount = i128::from(whole) * 1_000_000_000 + i128::from(fraction) * 10_i128.pow(9 - u32::from(scale));
    if value.is_negative() { -amount } else { amount }
}

fn is_amount(value: Fixed, text: &[u8]) -> bool {
    decimal(text).is_some_and(|wanted| amount(value) == wanted / 100_000 * 100_000)
}

fn is_name(text: &[u8]) -> bool {
    let is_plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"._-".contains(byte);
    (1..=64).contains(&text.len()) && text.iter().all(is_plain)
}

/// `name value [key=value ...]`.
fn is_plain_line(line: &[u8]) -> bool {
    let fields: Vec<_> = plain_fields(line).collect();
    let is_tag = |field: &&[u8]| {
        field.split(|byte| *byte == b'=').next() != Some(field) && {
            is_name(field.split(|byte| *byte == b'=').next().unwrap())
        }
    };
    (2..=10).contains(&fields.len())
        && is_name(fields[0])
        && decimal(fields[1]).is_some()
        && fields[2..].iter().all(is_tag)
}

/// An object with a metric, a value and tags as they have to be, each of them once.
fn is_own_line(line: &[u8]) -> bool {
    // The parts as they stand there are not looked into, but all of it is.
    let whole = serde_json::from_slice::<serde_json::Value>(line);
    let parts = serde_json::from_slice::<BTreeMap<String, Box<RawValue>>>(line);
    let (Ok(_), Ok(parsed)) = (whole, parts) else {
        return false;
    };
    let text = String::from_utf8_lossy(line);
    let is_once = |key: &str| text.matches(&format!("\"{key}\"")).count() <= 1;
    let part = |key: &str| parsed.get(key).map_or("", |part| part.get());
    let metric: String = serde_json::from_str(part("metric")).unwrap_or_default();
    let tags = serde_json::from_str::<Vec<String>>(if part("tag").is_empty() { "[]" } else { part("tag") });
    let are_tags = tags.is_ok_and(|tags| tags.iter().filter(|tag| tag.contains('=')).count() <= 40);
    ["metric", "value", "tag"].into_iter().all(is_once)
        && is_name(metric.as_bytes())
        && decimal(part("value").as_bytes()).is_some()
        && are_tags
}

fn plain_fields(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(|byte| b" \t".contains(byte))
        .filter(|field| !field.is_empty())
}

/// The output line of what was taken; `None` if there is no room for it.
fn written(sample: &Sample, writer: &mut Writer) -> Option<String> {
    let mut room = [0; LINE_MAX];
    writer.set_instance(sample.instance);
    let length = writer.write(&mut room, sample.metric, sample.value)?;
    let line = &room[..length];
    Some(std::str::from_utf8(line).unwrap().to_owned())
}

/// The tags of what was taken, each as a whole.
fn tags<'a>(sample: &Sample<'a>) -> Vec<&'a [u8]> {
    sample.instance.iter().map(|(_, tag)| *tag).collect()
}

/// Holds what was taken to its bounds, and the line that is made of it to JSON that says the same.
fn check_taken(sample: &Sample, writer: &mut Writer) -> Option<String> {
    assert!(is_name(sample.metric) && sample.instance.len() <= 40);
    assert!(
        sample
            .instance
            .iter()
            .all(|(key, tag)| key.is_empty() && tag.contains(&b'='))
    );
    let Some(line) = written(sample, writer) else {
        // A byte takes six at most.
        let tags = sample.instance.iter().map(|(_, tag)| 6 * tag.len() + 3);
        assert!(tags.sum::<usize>() + 250 > LINE_MAX);
        return None;
    };
    assert!(line.len() <= LINE_MAX && line.ends_with("}\n") && line.matches('\n').count() == 1);
    let parsed: BTreeMap<String, Box<RawValue>> = serde_json::from_str(&line).unwrap();
    let told: Vec<String> = serde_json::from_str(parsed["tag"].get()).unwrap();
    let mut wanted = vec!["linux".to_owned()];
    wanted.extend(
        tags(sample)
            .into_iter()
            .map(|tag| String::from_utf8_lossy(tag).into_owned()),
    );
    assert_eq!(told, wanted);
    assert_eq!(
        parsed["metric"].get(),
        format!("\"{}\"", sample.metric.escape_ascii())
    );
    assert!(is_amount(sample.value, parsed["value"].get().as_bytes()));
    Some(line)
}

/// Reads a line; answers whether it was taken.
fn check_line(line: &[u8], writer: &mut Writer) -> bool {
    let (mut calls, mut made) = (0, None);
    let answer = read_line(line, &mut |sample| {
        calls += 1;
        made = check_taken(sample, writer);
        let line = line.trim_ascii();
        if line.starts_with(b"{") {
            let parsed: BTreeMap<String, Box<RawValue>> = serde_json::from_slice(line).unwrap();
            let metric: String = serde_json::from_str(parsed["metric"].get()).unwrap();
            assert_eq!(metric.as_bytes(), sample.metric);
            assert!(is_amount(sample.value, parsed["value"].get().as_bytes()));
        } else {
            let fields: Vec<_> = plain_fields(line).collect();
            assert_eq!(fields[0], sample.metric);
            assert!(is_amount(sample.value, fields[1]));
            assert_eq!(tags(sample), fields[2..]);
        }
        Some(())
    });
    let trimmed = line.trim_ascii();
    assert_eq!(calls, i32::from(answer.is_some() && !trimmed.is_empty()));
    if trimmed.starts_with(b"{") {
        assert!(answer.is_some() || !is_own_line(trimmed));
    } else {
        assert_eq!(answer.is_some(), trimmed.is_empty() || is_plain_line(trimmed));
    }
    // Handed in by another agent, it says the same.
    if let Some(made) = made {
        let mut again = None;
        read_line(made.as_bytes(), &mut |sample| {
            again = written(sample, writer);
            Some(())
        });
        assert_eq!(again.as_ref(), Some(&made));
    }
    calls > 0
}

/// What scripts print and datagrams hold: any number of lines.
#[test]
fn received_lines() {
    let mut writer = Writer::new(b"fuzz", "linux", &[]).unwrap();
    writer.set_time(1_790_000_000);
    let many = (0..8)
        .map(|number| format!(" key{number}=value{number}"))
        .collect::<String>();
    let long = "name".repeat(16);
    for (name, text) in [
        (
            "plain lines",
            "room.temp -21.50  place=attic\tunit=C=1\r\n\nup 18446744073709551615\nx_y-z 0.123456789 k=\n",
        ),
        (
            "tags",
            &*format!("a 1{many}\n{long} 2\nb -0.00001 k=\u{e9}\u{20ac}\u{1f600} q=\"\\ 7"),
        ),
        (
            "JSON",
            r#"{"metric":"a.b","endpoint":"x","tag":["linux","k=v","m=\u00e9\ud83d\ude00\"\\\n"],"value":-1.50,"timestamp":1503212470}"#,
        ),
        (
            "other JSON",
            r#" { "other" : {"metric":[5,{}],"tag":["w=x",null,true]}, "value" : 18446744073709551615 , "tag":[], "metric":"a\u002db","e":1e5}"#,
        ),
    ] {
        let (mut good, mut bad) = (0_u64, 0_u64);
        each(name, text.as_bytes(), |text| {
            for line in text.split(|byte| *byte == b'\n') {
                *if check_line(line, &mut writer) {
                    &mut good
                } else {
                    &mut bad
                } += 1;
            }
        });
        assert!(good > 0 && bad > 0, "{good} good, {bad} bad");
    }
}

/// The field of that number behind the key in its first line that has so many, or in the second line of all.
fn field<'a>(text: &'a [u8], key: Option<&[u8]>, number: usize) -> Option<&'a [u8]> {
    let is_apart = |byte: &u8| b" \t\r\n:=,".contains(byte);
    let fields = |line: &'a [u8]| {
        line.split(is_apart)
            .filter(|field| !field.is_empty())
            .nth(number - 1)
    };
    let mut lines = text.split(|byte| *byte == b'\n');
    let Some(key) = key else {
        return fields(lines.nth(1)?);
    };
    lines.find_map(|line| {
        let start = line.iter().position(|byte| !is_apart(byte))?;
        let behind = line[start..].strip_prefix(key)?;
        behind.first().is_none_or(is_apart).then(|| fields(behind))?
    })
}

#[test]
fn custom_numbers() {
    let shared = Path::new("/dev/shm");
    let folder = if shared.is_dir() {
        shared.to_owned()
    } else {
        std::env::temp_dir()
    };
    let path = folder.join(format!("mini-monitor-{}-number", std::process::id()));
    let document = format!(
        r#"{{"custom": [{{"metric": "a", "file": "{0}", "line": 2, "field": 2}},
            {{"metric": "b", "file": "{0}", "key": "Dirty", "field": 1}},
            {{"metric": "c", "file": "{0}", "key": "Dirty", "field": 1, "scale": 9, "ratio": "9/7"}}]}}"#,
        path.display()
    );
    let mut memory = Box::new(ConfigMemory::EMPTY);
    memory.text[..document.len()].copy_from_slice(document.as_bytes());
    let mut config = Config::default();
    let (text, mut memory) = memory.split(document.len());
    let file = ConfigFile::new(b"x", text, true);
    let mut buffer = [0; 1024];
    let applied = file.apply(
        &mut config,
        &FAMILY_TABLE,
        &mut memory,
        &mut Text::new(&mut buffer),
    );
    assert!(applied.is_ok());
    let (mut good, mut bad) = (0_u64, 0_u64);
    each(
        "a file with a number",
        b"Dirty2: 1\n\tDirty: -34.125 kB\nDirty=5,6\n",
        |text| {
            fs::write(&path, text).unwrap();
            let mut all = config.custom().map(|custom| &custom.number);
            for key in [None, Some(&b"Dirty"[..])] {
                let number = if key.is_some() { 1 } else { 2 };
                let found = field(text, key, number);
                match custom::read(all.next().unwrap()) {
                    Ok(value) => {
                        good += 1;
                        assert!(is_amount(value, found.unwrap()));
                    }
                    Err(error) => {
                        bad += 1;
                        let is_number = found.is_some_and(|text| text.len() <= 32 && decimal(text).is_some());
                        assert!(!is_number);
                        assert_eq!(error == CustomError::Missing, found.is_none());
                    }
                }
            }
            if let Ok(value) = custom::read(all.next().unwrap()) {
                amount(value);
            }
        },
    );
    fs::remove_file(path).unwrap();
    assert!(good > 0 && bad > 0, "{good} good, {bad} bad");
}
