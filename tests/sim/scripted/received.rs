//! What the receivers have got, over all connections.

use crate::agent;
use mini_monitor::base::fields;
use std::collections::BTreeMap;

/// Metric with its instance, and timestamp: with one endpoint, what tells one line from another.
type Key = (String, u64);

pub(crate) struct Received {
    lines: BTreeMap<Key, Vec<u8>>,
    repeats: usize,
}

impl Received {
    /// Reads the stream of each connection, and holds it to what every stream must keep: it starts
    /// at a line, holds whole lines in their order, and every repeat is the same to the byte.
    pub(crate) fn check<'s>(streams: impl Iterator<Item = &'s [u8]>, seed: u64) -> Self {
        let mut all = Self {
            lines: BTreeMap::new(),
            repeats: 0,
        };
        for stream in streams {
            let mut last = 0;
            for line in fields::lines(stream) {
                let key = key(line).unwrap_or_else(|| panic!("seed {seed:#x}: a cut line: {}", show(line)));
                assert!(key.1 >= last, "seed {seed:#x}: out of order: {}", show(line));
                last = key.1;
                if let Some(before) = all.lines.insert(key, line.to_vec()) {
                    assert_eq!(before, line, "seed {seed:#x}: a repeat that differs");
                    all.repeats += 1;
                }
            }
        }
        all
    }

    pub(crate) fn distinct(&self) -> usize {
        self.lines.len()
    }

    /// The latest timestamp.
    pub(crate) fn last(&self) -> u64 {
        self.lines.keys().map(|key| key.1).max().unwrap_or(0)
    }

    pub(crate) fn repeats(&self) -> usize {
        self.repeats
    }

    /// The timestamps of each series, in order.
    pub(crate) fn series(&self) -> BTreeMap<&str, Vec<u64>> {
        let mut series: BTreeMap<&str, Vec<u64>> = BTreeMap::new();
        for (metric, stamp) in self.lines.keys() {
            series.entry(metric).or_default().push(*stamp);
        }
        series
    }

    /// Bytes of all lines.
    pub(crate) fn bytes(&self) -> usize {
        self.lines.values().map(|line| line.len() + 1).sum()
    }

    /// The shortest line's length, its newline included.
    pub(crate) fn shortest(&self) -> usize {
        self.lines.values().map(|line| line.len() + 1).min().unwrap_or(0)
    }

    /// From the first to the last that came, each load average has a sample every `interval` seconds.
    pub(crate) fn check_no_gap(&self, interval: u64, seed: u64) {
        for metric in ["cpu.load1", "cpu.load5", "cpu.load15"] {
            let stamps: Vec<u64> = self
                .lines
                .keys()
                .filter(|key| key.0 == metric)
                .map(|key| key.1)
                .collect();
            for pair in stamps.windows(2) {
                let gap = pair[1] - pair[0];
                // The first turn is taken at once, the next on the common phase.
                let most = if pair[0] == stamps[0] {
                    2 * interval
                } else {
                    interval
                };
                assert!(
                    gap <= most,
                    "seed {seed:#x}: {metric} lacks {gap} s after {}",
                    pair[0]
                );
            }
        }
    }
}

/// `None` unless the line is whole.
fn key(line: &[u8]) -> Option<Key> {
    let [metric, endpoint, tags, _, stamp] = agent::fields(std::str::from_utf8(line).ok()?)?;
    let key = (format!("{metric}{tags}"), stamp.parse().ok()?);
    (endpoint == "sim").then_some(key)
}

fn show(line: &[u8]) -> String {
    String::from_utf8_lossy(line).into_owned()
}
