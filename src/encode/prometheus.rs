//! Prometheus remote write 1.0: a `WriteRequest` of time series with one sample each, in a snappy block of one literal.
//!
//! <https://prometheus.io/docs/specs/prw/remote_write_spec/>, and snappy's `format_description.txt`.

use super::labels::{KeyStyle, Labels, identifier, put_unescaped};
use super::line::Line;
use super::protobuf::{close, fixed64, open, put_fixed64, put_varint, variable, varint, with_length};
use crate::base::decimal::Fixed;
use crate::base::double::double_bits;
use crate::base::text::Text;

/// Bytes of the snappy block before the literal: the length of all, of up to three bytes, and the literal's tag.
pub(super) const HEAD: usize = 6;
/// The tag of a literal whose length follows in two bytes.
const LITERAL: u8 = 61 << 2;

const WRITE_REQUEST_TIMESERIES: u8 = with_length(1);
const SERIES_LABELS: u8 = with_length(1);
const SERIES_SAMPLES: u8 = with_length(2);
const LABEL_NAME: u8 = with_length(1);
const LABEL_VALUE: u8 = with_length(2);
const SAMPLE_VALUE: u8 = fixed64(1);
const SAMPLE_TIMESTAMP: u8 = variable(2);

/// The label with the name of the metric.
const NAME: &[u8] = b"__name__";

/// Appends a line.
pub(super) fn push(body: &mut Text, line: &Line, value: Fixed) {
    let mut labels = Labels::new(KeyStyle::Identifier);
    labels.add(NAME, line.metric);
    labels.add_line(line);
    let series = open(body, WRITE_REQUEST_TIMESERIES);
    for label in labels.all() {
        let pair = open(body, SERIES_LABELS);
        let key = open(body, LABEL_NAME);
        for byte in labels.key_bytes(label.key) {
            body.put(&[byte]);
        }
        close(body, key);
        let text = open(body, LABEL_VALUE);
        if label.key == NAME {
            for byte in identifier(label.value) {
                body.put(&[byte]);
            }
        } else {
            put_unescaped(body, label.value);
        }
        close(body, text);
        close(body, pair);
    }
    let sample = open(body, SERIES_SAMPLES);
    put_fixed64(body, SAMPLE_VALUE, double_bits(value));
    put_varint(body, SAMPLE_TIMESTAMP, line.timestamp.saturating_mul(1000));
    close(body, sample);
    close(body, series);
}

/// Fills the head before a request of at most 64 KB, and returns where the snappy block starts.
pub(super) fn finish(body: &mut [u8]) -> usize {
    let length = body.len().saturating_sub(HEAD);
    let mut digits = [0; 10];
    let total = varint(length as u64, &mut digits);
    let [low, high, ..] = length.wrapping_sub(1).to_le_bytes();
    let start = HEAD.saturating_sub(total.len() + 3);
    let mut head = Text::new(body.get_mut(start..HEAD).unwrap_or_default());
    head.put(total);
    head.put(&[LITERAL, low, high]);
    start
}
