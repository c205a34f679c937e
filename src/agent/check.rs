//! What `-check` prints: what would run.

use super::plan;
use crate::builtin::FAMILIES;
use crate::config::{Config, Origin};
use crate::scan::has;
use crate::text::{Put, Text};
use crate::world::Transfer;

/// Writes a line for each transfer, each family that would run, and each metric of the user's own.
pub(super) fn describe(config: &Config, put: Put) {
    for transfer in config.transfers() {
        put_line(put, &mut |line| {
            line.put(b"transfer: ");
            put_transfer(line, transfer);
        });
    }
    if let Some(path) = config.listen {
        put_line(put, &mut |line| {
            line.put(b"listens at ");
            line.put(path);
        });
    }
    for (number, family) in FAMILIES.iter().enumerate() {
        let Some(period) = plan::period(config, number) else {
            continue;
        };
        let choice = config.choices().get(number).copied().unwrap_or_default();
        put_line(put, &mut |line| {
            line.put(family.name.as_bytes());
            line.put(b": every ");
            put_duration(line, period);
            put_list(line, b", only ", choice.only.unwrap_or_default());
            put_list(line, b", without ", choice.ignore);
            if family.name == "process" {
                put_list(line, b", of ", config.processes);
            }
        });
    }
    describe_customs(config, put);
}

/// Writes a line for each metric of the user's own.
fn describe_customs(config: &Config, put: Put) {
    for custom in config.custom() {
        put_line(put, &mut |line| {
            line.put(custom.name());
            line.put(b": every ");
            put_duration(line, custom.interval.unwrap_or(config.interval));
            match custom.origin {
                Origin::Script(script) => put_list(line, b", as ", script.user.unwrap_or_default()),
                Origin::File(number) => put_list(line, b", out of ", number.file),
            }
        });
    }
}

#[inline(never)]
fn put_line(put: Put, write: &mut dyn FnMut(&mut Text)) {
    let mut buffer = [0; 1024];
    let mut line = Text::new(&mut buffer);
    write(&mut line);
    put(line.into_line());
}

fn put_list(line: &mut Text, words: &[u8], list: &[u8]) {
    if !list.is_empty() {
        line.put(words);
        line.put(list);
    }
}

fn put_transfer(line: &mut Text, transfer: &Transfer) {
    match *transfer {
        Transfer::Stdout => line.put(b"standard output"),
        Transfer::Unix(path) => {
            line.put(b"unix:");
            line.put(path);
        }
        Transfer::Command(command) => {
            line.put(b"exec:");
            line.put(command);
        }
        Transfer::Tcp { host, port } => {
            let (open, close): (&[u8], &[u8]) = if has(host, b':') { (b"[", b"]") } else { (b"", b"") };
            line.put(open);
            line.put(host);
            line.put(close);
            line.put(b":");
            line.number(port.into());
        }
    }
}

/// Milliseconds as they are given.
fn put_duration(line: &mut Text, millis: u32) {
    let (amount, unit): (u32, &[u8]) = if millis.is_multiple_of(1_000) {
        (millis / 1_000, b"s")
    } else {
        (millis, b"ms")
    };
    line.number(amount.into());
    line.put(unit);
}
