//! The tags of a line as labels: sorted pairs of a key and a value, each key once.

use super::line::{Line, unescaped};
use crate::base::text::Text;
use core::cmp::Ordering;

/// The most labels of a line: metric, endpoint, system, 32 tags of the user, 8 of a script, and those of an instance.
const LABELS_MAX: usize = 48;

/// How a receiver wants the keys of labels.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum KeyStyle {
    /// Any text.
    Text,
    /// A text without control characters and backslashes, and not `time`.
    Influx,
    /// Letters, digits and underscores, no digit first.
    Identifier,
}

/// A label. Both texts are as in the line, with the escapes of JSON.
#[derive(Clone, Copy)]
pub(super) struct Label<'l> {
    pub key: &'l [u8],
    pub value: &'l [u8],
}

/// The labels of a line.
pub(super) struct Labels<'l> {
    slots: [Label<'l>; LABELS_MAX],
    count: usize,
    style: KeyStyle,
}

impl<'l> Labels<'l> {
    /// No labels.
    pub(super) fn new(style: KeyStyle) -> Self {
        let empty = Label { key: b"", value: b"" };
        Self {
            slots: [empty; LABELS_MAX],
            count: 0,
            style,
        }
    }

    /// The endpoint, the operating system as `os`, and the tags: one without a value is `true`.
    pub(super) fn of(line: &Line<'l>, style: KeyStyle) -> Self {
        let mut labels = Self::new(style);
        labels.add_line(line);
        labels
    }

    /// Adds the endpoint, the operating system and the tags.
    pub(super) fn add_line(&mut self, line: &Line<'l>) {
        self.add(b"endpoint", line.endpoint);
        self.add_tags(line);
    }

    /// Adds the operating system and the tags.
    pub(super) fn add_tags(&mut self, line: &Line<'l>) {
        let mut tags = line.tags();
        self.add(b"os", tags.next().unwrap_or_default());
        for tag in tags {
            match tag.iter().position(|byte| *byte == b'=') {
                Some(at) => {
                    let (key, value) = tag.split_at(at);
                    self.add(key, value.get(1..).unwrap_or_default());
                }
                None => self.add(tag, b"true"),
            }
        }
    }

    /// Adds a label in its place, unless its key or value is empty or the key is there.
    pub(super) fn add(&mut self, key: &'l [u8], value: &'l [u8]) {
        if key.is_empty() || value.is_empty() {
            return;
        }
        let mut index = self.count;
        while let Some(before) = index.checked_sub(1) {
            let other = self.slots.get(before).map_or(b"".as_slice(), |label| label.key);
            match self.key_bytes(key).cmp(self.key_bytes(other)) {
                Ordering::Greater => break,
                Ordering::Equal => return,
                Ordering::Less => index = before,
            }
        }
        if let Some(moved) = self.slots.get_mut(index..=self.count) {
            moved.rotate_right(1);
            if let Some(place) = moved.first_mut() {
                *place = Label { key, value };
                self.count += 1;
            }
        }
    }

    /// Returns the labels in the order of their keys.
    pub(super) fn all(&self) -> &[Label<'l>] {
        self.slots.get(..self.count).unwrap_or_default()
    }

    /// Returns the bytes of a key as the receiver gets it, before its own escapes.
    pub(super) fn key_bytes(&self, key: &'l [u8]) -> KeyBytes<'l> {
        KeyBytes::new(key, self.style)
    }
}

/// The bytes of a key.
pub(super) struct KeyBytes<'l> {
    rest: &'l [u8],
    style: KeyStyle,
    /// An underscore goes before the first byte.
    needs_underscore: bool,
}

impl<'l> KeyBytes<'l> {
    fn new(key: &'l [u8], style: KeyStyle) -> Self {
        let needs_underscore = match style {
            KeyStyle::Text => false,
            KeyStyle::Influx => key == b"time",
            KeyStyle::Identifier => key.first().is_some_and(u8::is_ascii_digit),
        };
        Self {
            rest: key,
            style,
            needs_underscore,
        }
    }
}

impl Iterator for KeyBytes<'_> {
    type Item = u8;

    fn next(&mut self) -> Option<u8> {
        if core::mem::take(&mut self.needs_underscore) {
            return Some(b'_');
        }
        let (byte, rest) = unescaped(self.rest)?;
        self.rest = rest;
        Some(match self.style {
            KeyStyle::Text => byte,
            KeyStyle::Influx => influx_byte(byte),
            KeyStyle::Identifier => identifier_byte(byte),
        })
    }
}

/// Returns what the line protocol has in the place of a byte: receivers differ in what they read backslashes as.
pub(super) fn influx_byte(byte: u8) -> u8 {
    match byte {
        b'\\' => b'/',
        ..0x20 => b' ',
        _ => byte,
    }
}

/// Returns the bytes of a name as an identifier: an underscore goes before a digit.
pub(super) fn identifier(name: &[u8]) -> KeyBytes<'_> {
    KeyBytes::new(name, KeyStyle::Identifier)
}

/// Returns what an identifier has in the place of a byte.
pub(super) fn identifier_byte(byte: u8) -> u8 {
    if byte.is_ascii_alphanumeric() { byte } else { b'_' }
}

/// Writes a text of a line without the escapes of JSON.
pub(super) fn put_unescaped(text: &mut Text, escaped: &[u8]) {
    let mut rest = escaped;
    while let Some(at) = rest.iter().position(|byte| *byte == b'\\') {
        let (plain, special) = rest.split_at(at);
        text.put(plain);
        let Some((byte, after)) = unescaped(special) else {
            return;
        };
        text.put(&[byte]);
        rest = after;
    }
    text.put(rest);
}
