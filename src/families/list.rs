//! What `-list` prints: a metric a line.

use super::{FAMILIES, MetricKind};
use crate::base::text::{Put, Text};

/// Writes name, unit, kind, family, default interval and meaning of each metric.
pub fn list(put: Put) {
    for family in FAMILIES {
        for metric in family.metrics {
            let mut buffer = [0; 256];
            let mut line = Text::new(&mut buffer);
            let unit = if metric.unit.is_empty() { "-" } else { metric.unit };
            let kind = match metric.kind {
                MetricKind::Gauge => "gauge",
                MetricKind::Counter => "counter",
            };
            put_column(&mut line, metric.name, 24);
            put_column(&mut line, unit, 9);
            put_column(&mut line, kind, 9);
            put_column(&mut line, family.name, 12);
            line.number(u64::from(family.interval / 1000));
            line.put(b"s  ");
            line.put(metric.help.as_bytes());
            line.put(b"\n");
            put(line.bytes());
        }
    }
}

/// Fills up to the width, with one blank at least.
fn put_column(line: &mut Text, text: &str, width: usize) {
    line.put(text.as_bytes());
    for _ in text.len()..width.max(text.len() + 1) {
        line.put(b" ");
    }
}
