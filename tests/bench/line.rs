//! One sample to one line, three ways: ours, `serde_json` into a buffer that is kept, `miniserde`.
//!
//! `cargo bench` in this folder prints what criterion finds, then lines per second side by side.

use criterion::{Criterion, Throughput};
use mini_monitor::base::decimal::Fixed;
use mini_monitor::format::Sample;
use mini_monitor::format::json::Writer;
use mini_monitor::ring::LINE_MAX;
use std::fs;
use std::hint::black_box;
use std::path::Path;
use std::time::Duration;

const WAYS: [&str; 3] = ["ours", "serde_json", "miniserde"];

/// A sample as a program that uses a serializer has it.
#[derive(Debug, PartialEq, serde::Serialize, serde::Deserialize, miniserde::Serialize)]
struct Line {
    metric: String,
    endpoint: String,
    tag: Vec<String>,
    value: f64,
    timestamp: u64,
}

/// The same sample for each way, in the form that suits it, and the line that is to come out.
struct Case {
    name: &'static str,
    sample: Sample<'static>,
    line: Line,
    text: &'static str,
}

fn cases() -> [Case; 2] {
    let line = |metric: &str, tag: &[&str], value| Line {
        metric: metric.into(),
        endpoint: "jungle85".into(),
        tag: tag.iter().map(ToString::to_string).collect(),
        value,
        timestamp: 1_503_212_470,
    };
    [
        Case {
            name: "fraction",
            sample: Sample {
                metric: b"cpu.usage",
                instance: &[],
                value: Fixed::new(153_846, 4),
            },
            line: line("cpu.usage", &["linux"], 15.3846),
            text: "{\"metric\":\"cpu.usage\",\"endpoint\":\"jungle85\",\"tag\":[\"linux\"],\
                   \"value\":15.3846,\"timestamp\":1503212470}\n",
        },
        Case {
            name: "whole",
            sample: Sample {
                metric: b"disk.usage",
                instance: &[(b"mount=", b"/")],
                value: Fixed::whole(12_108_206_080),
            },
            line: line("disk.usage", &["linux", "mount=/"], 12_108_206_080.0),
            text: "{\"metric\":\"disk.usage\",\"endpoint\":\"jungle85\",\"tag\":[\"linux\",\"mount=/\"],\
                   \"value\":12108206080,\"timestamp\":1503212470}\n",
        },
    ]
}

/// The time of each line is encoded anew here; the agent does it once for all lines of a turn.
fn with_ours<'b>(buffer: &'b mut [u8], writer: &mut Writer, case: &Case) -> Option<&'b [u8]> {
    writer.set_time(case.line.timestamp);
    writer.set_instance(case.sample.instance);
    let length = writer.write(buffer, case.sample.metric, case.sample.value)?;
    buffer.get(..length)
}

fn with_serde_json(buffer: &mut Vec<u8>, line: &Line) {
    buffer.clear();
    serde_json::to_writer(&mut *buffer, line).unwrap();
    buffer.push(b'\n');
}

fn with_miniserde(line: &Line) -> String {
    // It has no call that writes into a buffer of ours.
    let mut text = miniserde::json::to_string(line);
    text.push('\n');
    text
}

/// What is quick but says something else is of no use.
fn check(case: &Case, writer: &mut Writer) {
    let mut buffer = [0; LINE_MAX];
    let ours = with_ours(&mut buffer, writer, case).unwrap();
    assert_eq!(String::from_utf8_lossy(ours), case.text);
    let mut theirs = Vec::new();
    with_serde_json(&mut theirs, &case.line);
    for line in [ours, &theirs, with_miniserde(&case.line).as_bytes()] {
        assert_eq!(line.last(), Some(&b'\n'));
        assert_eq!(serde_json::from_slice::<Line>(line).unwrap(), case.line);
    }
}

fn measure(criterion: &mut Criterion, case: &Case, writer: &mut Writer) {
    let mut group = criterion.benchmark_group(case.name);
    group.throughput(Throughput::Elements(1));
    let [ours, serde_json, miniserde] = WAYS;
    group.bench_function(ours, |bencher| {
        let mut buffer = [0; LINE_MAX];
        bencher.iter(|| {
            black_box(with_ours(&mut buffer, black_box(writer), black_box(case)));
        });
    });
    group.bench_function(serde_json, |bencher| {
        let mut buffer = Vec::with_capacity(LINE_MAX);
        bencher.iter(|| {
            with_serde_json(&mut buffer, black_box(&case.line));
            black_box(buffer.as_slice());
        });
    });
    group.bench_function(miniserde, |bencher| {
        bencher.iter(|| with_miniserde(black_box(&case.line)));
    });
    group.finish();
}

/// Lines per second as criterion has left them; nothing if it was asked to leave this one out.
fn rate(results: &Path, case: &Case, way: &str) -> Option<f64> {
    let file = results.join(case.name).join(way).join("new/estimates.json");
    let estimates: serde_json::Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    Some(1e9 / estimates["median"]["point_estimate"].as_f64()?)
}

fn print_table(results: &Path, cases: &[Case]) {
    println!(
        "{:10} {:12} {:>14} {:>12}",
        "sample", "way", "lines/s", "ours/other"
    );
    for case in cases {
        let Some(ours) = rate(results, case, WAYS[0]) else {
            continue;
        };
        for way in WAYS {
            if let Some(other) = rate(results, case, way) {
                println!("{:10} {way:12} {other:14.0} {:12.2}", case.name, ours / other);
            }
        }
    }
}

fn main() {
    let results = Path::new(env!("CARGO_TARGET_TMPDIR")).join("criterion");
    // What an earlier run has left must not get into this one's table.
    let _ = fs::remove_dir_all(&results);
    let mut criterion = Criterion::default()
        .output_directory(&results)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(3))
        .nresamples(10_000)
        .configure_from_args();
    let cases = cases();
    let mut writer = Writer::new(b"jungle85", "linux", &[]).unwrap();
    for case in &cases {
        check(case, &mut writer);
        measure(&mut criterion, case, &mut writer);
    }
    criterion.final_summary();
    if results.is_dir() {
        print_table(&results, &cases);
    }
}
