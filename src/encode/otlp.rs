//! OTLP over HTTP: `ExportMetricsServiceRequest` as protobuf. Each line is a `ResourceMetrics` of its own, since these
//! follow each other without a head.
//!
//! <https://github.com/open-telemetry/opentelemetry-proto>, `metrics/v1/metrics.proto`.

use super::labels::{KeyStyle, Labels, put_unescaped};
use super::line::Line;
use super::protobuf::{close, fixed64, open, put_fixed64, put_text, put_varint, variable, with_length};
use crate::base::text::Text;
use crate::families::{Metric, MetricKind};

const REQUEST_RESOURCE_METRICS: u8 = with_length(1);
const RESOURCE_SCOPE_METRICS: u8 = with_length(2);
const SCOPE_METRICS: u8 = with_length(2);
const METRIC_NAME: u8 = with_length(1);
const METRIC_UNIT: u8 = with_length(3);
const METRIC_GAUGE: u8 = with_length(5);
const METRIC_SUM: u8 = with_length(7);
/// Of a gauge and of a sum.
const DATA_POINTS: u8 = with_length(1);
const SUM_TEMPORALITY: u8 = variable(2);
const SUM_IS_MONOTONIC: u8 = variable(3);
const CUMULATIVE: u64 = 2;
const POINT_START: u8 = fixed64(2);
const POINT_TIME: u8 = fixed64(3);
const POINT_DOUBLE: u8 = fixed64(4);
const POINT_ATTRIBUTES: u8 = with_length(7);
const ATTRIBUTE_KEY: u8 = with_length(1);
const ATTRIBUTE_VALUE: u8 = with_length(2);
const VALUE_STRING: u8 = with_length(1);

const NANOSECONDS: u64 = 1_000_000_000;

/// Appends a line of a metric; one that no family has is a gauge. `bits` are its value as a double, `start` is when its
/// counter began, in seconds since 1970, if that is known.
pub(super) fn push(body: &mut Text, line: &Line, bits: u64, metric: Option<&Metric>, start: Option<u64>) {
    let is_counter = metric.is_some_and(|metric| metric.kind == MetricKind::Counter);
    let resource = open(body, REQUEST_RESOURCE_METRICS);
    let scope = open(body, RESOURCE_SCOPE_METRICS);
    let whole = open(body, SCOPE_METRICS);
    put_text(body, METRIC_NAME, line.metric);
    let unit = ucum(metric.map_or("", |metric| metric.unit));
    if !unit.is_empty() {
        put_text(body, METRIC_UNIT, unit.as_bytes());
    }
    let data = open(body, if is_counter { METRIC_SUM } else { METRIC_GAUGE });
    put_point(body, line, bits, start);
    if is_counter {
        put_varint(body, SUM_TEMPORALITY, CUMULATIVE);
        put_varint(body, SUM_IS_MONOTONIC, 1);
    }
    for start in [data, whole, scope, resource] {
        close(body, start);
    }
}

fn put_point(body: &mut Text, line: &Line, bits: u64, start: Option<u64>) {
    let point = open(body, DATA_POINTS);
    if let Some(start) = start {
        put_fixed64(body, POINT_START, start.saturating_mul(NANOSECONDS));
    }
    put_fixed64(body, POINT_TIME, line.timestamp.saturating_mul(NANOSECONDS));
    put_fixed64(body, POINT_DOUBLE, bits);
    let labels = Labels::of(line, KeyStyle::Text);
    for label in labels.all() {
        let attribute = open(body, POINT_ATTRIBUTES);
        let key = open(body, ATTRIBUTE_KEY);
        put_unescaped(body, label.key);
        close(body, key);
        let any = open(body, ATTRIBUTE_VALUE);
        let text = open(body, VALUE_STRING);
        put_unescaped(body, label.value);
        for start in [text, any, attribute] {
            close(body, start);
        }
    }
    close(body, point);
}

/// Returns the unit in the Unified Code for Units of Measure, as far as it has one.
fn ucum(unit: &str) -> &str {
    match unit {
        "percent" => "%",
        "bytes" => "By",
        "bits" => "bit",
        "celsius" => "Cel",
        // UCUM has no decibel of a milliwatt and no revolution.
        "dBm" | "rpm" => "",
        // s, ms, us and bit/s are the same there.
        _ => unit,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::families::FAMILIES;

    #[test]
    fn each_unit_is_one_of_ucum_or_left_out() {
        let known = ["", "%", "By", "bit", "bit/s", "Cel", "s", "ms", "us"];
        for metric in FAMILIES.iter().flat_map(|family| family.metrics) {
            assert!(
                known.contains(&ucum(metric.unit)),
                "{}: {}",
                metric.name,
                metric.unit
            );
        }
    }
}
