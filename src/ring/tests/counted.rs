//! Over many connections: streams of whole lines, and counts that equal what no connection has acknowledged.

use super::*;
use crate::ring::thin_level;
use std::collections::{BTreeSet, VecDeque};

/// A connection as the receiver's kernel sees it.
#[derive(Default)]
struct Stream {
    bytes: Vec<u8>,
    acked: usize,
}

impl Stream {
    /// The numbers of the lines that end before a position; holds them to their order.
    fn lines(&self, end: usize, seed: u64) -> Vec<u64> {
        let whole = self.bytes[..end].split_inclusive(|&byte| byte == b'\n');
        let numbers = whole.filter(|line| line.ends_with(b"\n")).map(|text| {
            let number = text.get(..7).and_then(crate::base::decimal::parse_u64);
            let number =
                number.unwrap_or_else(|| panic!("seed {seed:#x}: a cut line: {}", text.escape_ascii()));
            assert_eq!(text, line(number, text.len()), "seed {seed:#x}");
            number
        });
        let numbers: Vec<u64> = numbers.collect();
        assert!(numbers.is_sorted(), "seed {seed:#x}: {numbers:?}");
        numbers
    }
}

fn story(seed: u64, policy: Policy) {
    let mut random = Random(seed);
    let mut below = |bound: usize| random.index(bound);
    let mut store = Store::new(BUFFER_MIN + below(20_000));
    let mut ring = store.ring(policy);
    let (mut stream, mut acknowledged, mut now) = (Stream::default(), BTreeSet::new(), 0);
    let (mut made, mut waiting) = (0, VecDeque::new());
    // How often lines are made, sent, acknowledged and lost with their connection.
    let weights = [10 + below(40), below(20), below(20), below(3)];
    for _ in 0..2_000 {
        now += below(300) as u64;
        let mut choice = below(weights.iter().sum());
        let step = weights.iter().position(|weight| {
            let is_it = choice < *weight;
            choice = choice.wrapping_sub(*weight);
            is_it
        });
        match step.unwrap() {
            0 => {
                let longest = if below(30) == 0 { LINE_MAX } else { 150 };
                ring.push(
                    &line(made, below(longest + 1)),
                    thin_level(now, now + 1 + below(5_000) as u64),
                );
                waiting.push_back(made);
                made += 1;
            }
            1 => {
                let bytes = unsent(&ring);
                let count = below(bytes.len() + 1);
                stream.bytes.extend(&bytes[..count]);
                ring.mark_sent(count);
            }
            2 => {
                stream.acked += below(stream.bytes.len() - stream.acked + 1);
                let is_first = ring.acknowledge((stream.bytes.len() - stream.acked) as u64, now);
                let before = acknowledged.len();
                acknowledged.extend(stream.lines(stream.acked, seed));
                assert_eq!(is_first, acknowledged.len() > before, "seed {seed:#x}");
            }
            _ => {
                stream.lines(stream.bytes.len(), seed);
                stream = Stream::default();
                ring.rewind(now, below(2) == 0);
            }
        }
        let ends = [ring.acked, ring.sent, ring.newest];
        assert!(
            ends.is_sorted() && ring.acked <= ring.ever_acked,
            "seed {seed:#x}: {ends:?}, {}, part {}",
            ring.ever_acked,
            ring.part
        );
        assert!(ring.ever_acked <= ring.newest, "seed {seed:#x}");
    }
    stream.lines(stream.bytes.len(), seed);
    ring.rewind(now, false);
    let mut held = 0;
    let mut position = ring.ever_acked;
    while position < ring.newest {
        position = ring.end_of(position);
        held += 1;
    }
    let counts = ring.counts();
    let lost = made - acknowledged.len() as u64 - held;
    assert_eq!(
        counts.thinned + counts.dropped,
        lost,
        "seed {seed:#x}: {made} made, {held} held"
    );
}

#[test]
fn thinned_and_dropped_counts_equal_the_lines_never_acknowledged() {
    for seed in seeds(100) {
        story(seed, [DROPPING, REPLAYING, THINNING][(seed % 3) as usize]);
    }
}
