//! Random lines through each encoding, decoded by the libraries that receivers use: what comes out is what the
//! lines say. Bodies compressed by the agent come out of a common gzip as they were.
//!
//! `MUTATIONS` and `SEED` are as in `fixtures.rs`.

use crate::mutate::{count, seed};
use flate2::read::GzDecoder;
use influxdb_line_protocol::{FieldValue, parse_lines};
use mini_monitor::base::decimal::Fixed;
use mini_monitor::base::text::Text;
use mini_monitor::encode::gzip::{BODY_MAX, Gzip};
use mini_monitor::encode::{Encoder, Encoding, Pushed, Starts};
use mini_monitor::format::json::Writer;
use mini_monitor::ring::LINE_MAX;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use prost::Message;
use std::collections::BTreeMap;
use std::io::Read;

/// A sample as a receiver has it.
#[derive(Debug, PartialEq)]
struct Sample {
    metric: String,
    labels: BTreeMap<String, String>,
    value: f64,
    timestamp: u64,
}

/// What a sample is written from.
struct Source {
    metric: String,
    endpoint: String,
    tags: Vec<String>,
    value: String,
    timestamp: u64,
}

const METRICS: [&str; 9] = [
    "net.in.bytes",
    "net.in.packets",
    "net.out.bytes",
    "cpu.usage",
    "agent.lines",
    "up",
    "my.own-metric_1",
    "9.lives",
    "a..b.",
];

impl Source {
    fn random(random: &mut fastrand::Rng, before: Option<&Source>) -> Self {
        let text = |random: &mut fastrand::Rng| -> String {
            let letters: Vec<char> = "abcxyzAZ09_. ,=\"\\\n\t\u{1}\u{1f}\u{7f}\u{e9}\u{1f600}-"
                .chars()
                .collect();
            (0..random.usize(0..12))
                .map(|_| random.choice(&letters).unwrap())
                .collect()
        };
        let tags = match before.filter(|_| random.u8(0..3) > 0) {
            Some(before) => before.tags.clone(),
            None => (0..random.usize(0..8)).map(|_| text(random)).collect(),
        };
        let scale = random.usize(0..10);
        let mantissa = random.u64(..) >> random.u32(0..64);
        let digits = format!("{mantissa:0width$}", width = scale + 1);
        let (whole, fraction) = digits.split_at(digits.len() - scale);
        let point = if scale > 0 { "." } else { "" };
        Self {
            metric: random.choice(METRICS).unwrap().to_owned(),
            endpoint: before.map_or_else(|| format!("h{}", text(random)), |before| before.endpoint.clone()),
            tags,
            value: format!("{}{whole}{point}{fraction}", if random.bool() { "-" } else { "" }),
            timestamp: 1_700_000_000 + random.u64(0..3),
        }
    }

    fn line(&self) -> Option<Vec<u8>> {
        let tags: Vec<&[u8]> = self.tags.iter().map(String::as_bytes).collect();
        let mut writer = Writer::new(self.endpoint.as_bytes(), "linux", &tags)?;
        writer.set_time(self.timestamp);
        writer.set_instance(&[]);
        let mut buffer = [0; LINE_MAX];
        let value = Fixed::parse(self.value.as_bytes()).unwrap();
        let length = writer.write(&mut buffer, self.metric.as_bytes(), value)?;
        Some(buffer[..length].to_vec())
    }

    /// What a receiver gets, whose keys, texts and names are changed like that.
    fn sample(
        &self,
        metric: impl Fn(&str) -> String,
        key: impl Fn(&str) -> String,
        text: impl Fn(&str) -> String,
    ) -> Sample {
        let mut labels = BTreeMap::new();
        let mut add = |name: &str, value: &str| {
            if !name.is_empty() && !value.is_empty() {
                labels.entry(key(name)).or_insert(text(value));
            }
        };
        add("endpoint", &self.endpoint);
        add("os", "linux");
        for tag in &self.tags {
            let (name, value) = tag.split_once('=').unwrap_or((tag, "true"));
            add(name, value);
        }
        Sample {
            metric: metric(&self.metric),
            labels,
            // Minus zero is written as zero.
            value: self.value.parse::<f64>().unwrap() + 0.0,
            timestamp: self.timestamp,
        }
    }
}

fn identifier(text: &str) -> String {
    let digit = text.starts_with(|first: char| first.is_ascii_digit());
    let bytes = text.bytes().map(|byte| match byte {
        b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => byte as char,
        _ => '_',
    });
    bytes.fold(if digit { "_" } else { "" }.to_owned(), |all, one| {
        all + &one.to_string()
    })
}

fn influx_text(text: &str) -> String {
    let replace = |letter| match letter {
        '\\' => '/',
        ..' ' => ' ',
        _ => letter,
    };
    text.chars().map(replace).collect()
}

/// Bodies of random lines in the encoding, and what they come from.
fn bodies(encoding: Encoding, mut check: impl FnMut(&[u8], &[Source])) {
    let mut random = fastrand::Rng::with_seed(seed());
    let mut encoder = Encoder::NEW;
    let mut buffer = vec![0; BODY_MAX];
    let count = count() / 20;
    for _ in 0..count {
        let mut body = Text::new(&mut buffer);
        let starts = Starts {
            machine: Some(1_700_000_001),
            agent: None,
        };
        if encoding == Encoding::Otlp {
            // Counters of another body have the same names, and other starts.
            encoder = Encoder::NEW;
        }
        encoder.begin(encoding, starts, &mut body);
        let mut sources: Vec<Source> = Vec::new();
        for _ in 0..random.usize(1..200) {
            let source = Source::random(&mut random, sources.last());
            let Some(line) = source.line() else { continue };
            match encoder.push(&mut body, &line) {
                Pushed::Whole => sources.push(source),
                Pushed::Full => break,
                Pushed::Invalid => panic!("{}", line.escape_ascii()),
            }
        }
        let length = body.bytes().len();
        let start = encoder.finish(&mut buffer[..length]);
        check(&buffer[start..length], &sources);
    }
    println!("{encoding:?}: seed {}, {count} bodies", seed());
}

#[test]
fn influx() {
    bodies(Encoding::Influx(9), |body, sources| {
        let mut samples = Vec::new();
        for line in parse_lines(std::str::from_utf8(body).unwrap()) {
            let line = line.unwrap_or_else(|error| panic!("{error}: {}", body.escape_ascii()));
            let tags = line.series.tag_set.iter().flatten();
            let labels: Vec<(String, String)> = tags
                .map(|(key, value)| (key.to_string(), value.to_string()))
                .collect();
            assert!(labels.is_sorted_by(|a, b| a.0 < b.0), "{labels:?}");
            let nanoseconds = line.timestamp.unwrap() as u64;
            assert_eq!(nanoseconds % 1_000_000_000, 0);
            for (field, value) in &line.field_set {
                let FieldValue::F64(value) = value else {
                    panic!("{value:?}")
                };
                samples.push(Sample {
                    metric: format!("{}_{field}", line.series.measurement),
                    labels: labels.iter().cloned().collect(),
                    value: *value,
                    timestamp: nanoseconds / 1_000_000_000,
                });
            }
        }
        let metric = |name: &str| {
            let (measurement, field) = match name.rsplit_once('.') {
                Some((measurement, field)) if !measurement.is_empty() && !field.is_empty() => {
                    (measurement, field)
                }
                _ => (name, "value"),
            };
            format!("{}_{}", identifier(measurement), identifier(field))
        };
        let key = |key: &str| {
            let key = influx_text(key);
            if key == "time" { "_time".to_owned() } else { key }
        };
        let expected: Vec<Sample> = sources
            .iter()
            .map(|source| source.sample(metric, key, influx_text))
            .collect();
        assert_eq!(samples, expected);
    });
}

#[derive(Clone, PartialEq, Message)]
struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    timeseries: Vec<TimeSeries>,
}

#[derive(Clone, PartialEq, Message)]
struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    samples: Vec<Point>,
}

#[derive(Clone, PartialEq, Message)]
struct Label {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    value: String,
}

#[derive(Clone, PartialEq, Message)]
struct Point {
    #[prost(double, tag = "1")]
    value: f64,
    #[prost(int64, tag = "2")]
    timestamp: i64,
}

#[test]
fn prometheus() {
    bodies(Encoding::Prometheus, |body, sources| {
        let request = snap::raw::Decoder::new().decompress_vec(body).unwrap();
        let request = WriteRequest::decode(request.as_slice()).unwrap();
        let samples = request.timeseries.into_iter().map(|series| {
            assert!(
                series.labels.is_sorted_by(|a, b| a.name < b.name),
                "{:?}",
                series.labels
            );
            let mut labels: BTreeMap<String, String> = series
                .labels
                .into_iter()
                .map(|label| (label.name, label.value))
                .collect();
            let [point] = series.samples.as_slice() else {
                panic!("{:?}", series.samples)
            };
            Sample {
                metric: labels.remove("__name__").unwrap(),
                labels,
                value: point.value,
                timestamp: point.timestamp as u64 / 1000,
            }
        });
        let expected = sources
            .iter()
            .map(|source| source.sample(identifier, identifier, str::to_owned));
        assert!(samples.eq(expected), "{}", body.escape_ascii());
    });
}

/// The samples of a counter so far: those whose stamps are newer than all before them.
#[derive(Default)]
struct Counter(Vec<(u64, f64)>);

impl Counter {
    /// When the counter of a sample began, in nanoseconds; 0 if that is unknown.
    fn start(&mut self, sample: &Sample) -> u64 {
        if self.0.last().is_none_or(|(stamp, _)| *stamp < sample.timestamp) {
            self.0.push((sample.timestamp, sample.value));
        }
        let pairs = self.0.windows(2);
        // Negative numbers, which no counter has, are greater than the others.
        let drops = pairs.filter(|pair| pair[1].1.to_bits() < pair[0].1.to_bits());
        let after_drop = drops.map(|pair| pair[0].0).next_back().unwrap_or(0);
        let machine = 1_700_000_001;
        let is_of_machine = sample.metric.starts_with("net.") && sample.timestamp >= machine;
        let starts = [
            (is_of_machine, machine),
            (after_drop < sample.timestamp, after_drop),
        ];
        let known = starts.iter().filter(|(is_known, _)| *is_known);
        known.map(|(_, start)| start * 1_000_000_000).max().unwrap_or(0)
    }
}

#[test]
fn otlp() {
    bodies(Encoding::Otlp, |body, sources| {
        let mut counters = BTreeMap::new();
        let request = ExportMetricsServiceRequest::decode(body).unwrap();
        let scopes = request
            .resource_metrics
            .into_iter()
            .flat_map(|resource| resource.scope_metrics);
        let metrics = scopes.flat_map(|scope| scope.metrics).zip(sources);
        let samples = metrics.map(|(metric, source)| {
            let is_counter = matches!(metric.name.as_str(), "agent.lines") || metric.name.starts_with("net.");
            let points = match metric.data.unwrap() {
                Data::Gauge(gauge) if !is_counter => gauge.data_points,
                Data::Sum(sum) if is_counter && sum.is_monotonic && sum.aggregation_temporality == 2 => {
                    sum.data_points
                }
                data => panic!("{}: {data:?}", metric.name),
            };
            let [point] = points.as_slice() else {
                panic!("{points:?}")
            };
            let labels = point.attributes.iter().map(|attribute| {
                let Some(Value::StringValue(text)) = attribute.value.as_ref().unwrap().value.clone() else {
                    panic!("{attribute:?}")
                };
                (attribute.key.clone(), text)
            });
            let seconds = point.time_unix_nano / 1_000_000_000;
            let Some(Number::AsDouble(value)) = point.value else {
                panic!("{point:?}")
            };
            let sample = Sample {
                metric: metric.name,
                labels: labels.collect(),
                value,
                timestamp: seconds,
            };
            if is_counter {
                // Random tags may have a key twice: to the agent that is a series of its own.
                let series = (&source.metric, &source.endpoint, &source.tags);
                let counter = counters.entry(series).or_insert_with(Counter::default);
                assert_eq!(counter.start(&sample), point.start_time_unix_nano);
            } else {
                assert_eq!(point.start_time_unix_nano, 0);
            }
            sample
        });
        let expected = sources
            .iter()
            .map(|source| source.sample(str::to_owned, str::to_owned, str::to_owned));
        assert!(samples.eq(expected), "{}", body.escape_ascii());
    });
}

#[test]
fn gzip() {
    let mut gzip = Gzip::EMPTY;
    let mut buffer = vec![0; 2 * BODY_MAX];
    let mut check = |body: &[u8]| {
        let length = gzip.compress(body, &mut buffer).unwrap();
        let mut decoder = GzDecoder::new(&buffer[..length]);
        let mut decoded = Vec::new();
        decoder.read_to_end(&mut decoded).unwrap();
        assert!(decoded == body, "{}", body.escape_ascii());
        for room in [0, 1, length / 2, length - 1] {
            assert_eq!(gzip.compress(body, &mut buffer[..room]), None);
        }
    };
    check(b"");
    check(b"a");
    check(&[b'a'; BODY_MAX]);
    let mut random = fastrand::Rng::with_seed(seed());
    for _ in 0..count() / 100 {
        let letters = 1 << random.u8(0..=8);
        let mut body: Vec<u8> = (0..random.usize(0..300))
            .map(|_| random.u16(0..letters) as u8)
            .collect();
        for _ in 0..random.usize(0..100) {
            if !body.is_empty() {
                let start = random.usize(0..body.len());
                let end = random.usize(start..=body.len().min(start + 400));
                body.extend_from_within(start..end);
            }
        }
        body.truncate(BODY_MAX);
        check(&body);
    }
    bodies(Encoding::Influx(0), |body, _| check(body));
    assert_eq!(gzip.compress(&[0; BODY_MAX + 1], &mut buffer), None);
    println!("gzip: seed {}", seed());
}
