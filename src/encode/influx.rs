//! Influx line protocol: `net_in,endpoint=h,iface=eth0,os=linux bytes=1,packets=2 1503212470`.
//!
//! A metric's name up to its last dot is the measurement, the rest is the field. All values are floats. A backslash
//! becomes `/` and a control character a blank, since receivers read escapes of these differently.

use super::labels::{KeyStyle, Labels, identifier, identifier_byte, influx_byte};
use super::line::{Line, unescaped};
use crate::base::text::Text;
use crate::ring::LINE_MAX;

/// The most bytes that a field adds: a name of 64, a value, a stamp and its unit.
const FIELD_MAX: usize = 160;

/// Writes lines of the line protocol; those of one instance and stamp share a line.
pub(super) struct Influx {
    /// What the last line has in common with lines that may share it: measurement and identity.
    shared: [u8; LINE_MAX],
    shared_length: usize,
    timestamp: u64,
    /// Where the fields of the last line begin, and where its stamp does.
    fields: usize,
    stamp: usize,
}

impl Influx {
    pub(super) const EMPTY: Self = Self {
        shared: [0; LINE_MAX],
        shared_length: 0,
        timestamp: 0,
        fields: 0,
        stamp: 0,
    };

    /// Starts a new body.
    pub(super) fn begin(&mut self) {
        self.shared_length = 0;
    }

    /// Appends a line; `unit` is what turns its seconds into the receiver's unit, such as nine zeros. If the body is too
    /// small it is left as it was, or cut.
    pub(super) fn push(&mut self, body: &mut Text, line: &Line, unit: &[u8]) {
        let (measurement, field) = split(line.metric);
        let is_shared = self.is_shared(measurement, line) && !self.has_field(body.bytes(), field);
        if is_shared {
            if body.free() < FIELD_MAX {
                body.cut();
                return;
            }
            body.truncate(self.stamp);
            body.put(b",");
        } else {
            self.share(measurement, line);
            put_measurement(body, line, measurement);
            self.fields = body.bytes().len();
        }
        for byte in field {
            body.put(&[identifier_byte(*byte)]);
        }
        body.put(b"=");
        body.put(line.value);
        self.stamp = body.bytes().len();
        body.put(b" ");
        body.number(line.timestamp);
        body.put(unit);
        body.put(b"\n");
    }

    fn is_shared(&self, measurement: &[u8], line: &Line) -> bool {
        let shared = self.shared.get(..self.shared_length).unwrap_or_default();
        let identity = shared.strip_prefix(measurement);
        line.timestamp == self.timestamp && identity == Some(line.identity)
    }

    fn share(&mut self, measurement: &[u8], line: &Line) {
        let mut text = Text::new(&mut self.shared);
        text.put(measurement);
        text.put(line.identity);
        self.shared_length = if text.is_cut() { 0 } else { text.bytes().len() };
        self.timestamp = line.timestamp;
    }

    /// Whether the last line has this field: a receiver keeps one value of it.
    fn has_field(&self, body: &[u8], field: &[u8]) -> bool {
        let fields = body.get(self.fields..self.stamp).unwrap_or_default();
        fields.split(|byte| *byte == b',').any(|other| {
            let name = other.split(|byte| *byte == b'=').next().unwrap_or_default();
            name.iter()
                .copied()
                .eq(field.iter().map(|byte| identifier_byte(*byte)))
        })
    }
}

/// Splits a name into measurement and field.
fn split(metric: &[u8]) -> (&[u8], &[u8]) {
    let dot = metric.iter().rposition(|byte| *byte == b'.');
    match dot.map(|at| (metric.get(..at), metric.get(at + 1..))) {
        Some((Some(measurement @ [_, ..]), Some(field @ [_, ..]))) => (measurement, field),
        _ => (metric, b"value"),
    }
}

/// Writes the measurement and the tags of a line.
fn put_measurement(body: &mut Text, line: &Line, measurement: &[u8]) {
    let labels = Labels::of(line, KeyStyle::Influx);
    for byte in identifier(measurement) {
        body.put(&[byte]);
    }
    for label in labels.all() {
        body.put(b",");
        for byte in labels.key_bytes(label.key) {
            put_escaped(body, byte);
        }
        body.put(b"=");
        let mut rest = label.value;
        while let Some((byte, after)) = unescaped(rest) {
            put_escaped(body, influx_byte(byte));
            rest = after;
        }
    }
    body.put(b" ");
}

fn put_escaped(body: &mut Text, byte: u8) {
    if matches!(byte, b',' | b'=' | b' ') {
        body.put(b"\\");
    }
    body.put(&[byte]);
}
