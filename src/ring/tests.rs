//! The ring: against a naive model that keeps a list of lines, thinned over long outages, and killed at
//! every store.

mod batched;
mod counted;
pub(super) mod fuse;
mod killed;
mod lasting;
mod lost;
mod naive;
mod salvaged;
mod thinned;

use super::*;
use crate::base::random::Random;

/// The boot of the rings.
const BOOT: u32 = 7;

const DROPPING: Policy = Policy {
    is_thinning: false,
    replay: 0,
    is_checked: true,
    boot: BOOT,
    restamp,
    is_dated: |_| true,
};
const REPLAYING: Policy = Policy {
    is_thinning: false,
    replay: 10_000,
    is_checked: true,
    boot: BOOT,
    restamp,
    is_dated: |_| true,
};
const THINNING: Policy = Policy {
    is_thinning: true,
    replay: 10_000,
    is_checked: true,
    boot: BOOT,
    restamp,
    is_dated: |_| true,
};

impl Ring<'_> {
    /// Appends a line of at most [`LINE_MAX`] bytes that ends in its only `\n`.
    fn push(&mut self, line: &[u8], thin_level: u8) {
        self.push_with(thin_level, |buffer| {
            buffer.get_mut(..line.len())?.copy_from_slice(line);
            Some(line.len())
        });
    }
}

/// Words and memory for a ring, as a file would hold them.
struct Store {
    words: Words,
    memory: Vec<u8>,
}

impl Store {
    fn new(buffer: usize) -> Self {
        Self {
            words: Words::default(),
            memory: vec![0; Ring::memory_for(buffer)],
        }
    }

    fn ring(&mut self, policy: Policy) -> Ring<'_> {
        Ring::new(&mut self.words, &mut self.memory, policy)
    }
}

fn seeds(count: u64) -> impl Iterator<Item = u64> {
    (1..=count).map(|seed| {
        let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        println!("seed {seed:#x}");
        seed
    })
}

/// A line of `length` bytes (at least 8) that carries its number.
fn line(number: u64, length: usize) -> Vec<u8> {
    let mut line = format!("{number:07}").into_bytes();
    line.resize(length.max(8) - 1, b'.');
    line.push(b'\n');
    line
}

fn unsent(ring: &Ring) -> Vec<u8> {
    let all = pieces(ring, usize::MAX);
    // A bounded part of it is the same, and as much as the bound allows.
    let most = all.len() / 3;
    let part = pieces(ring, most);
    assert!(all.starts_with(&part));
    let next = all[part.len()..].iter().position(|&byte| byte == b'\n');
    assert!(part.len() <= most.max(LINE_MAX) && next.is_none_or(|next| part.len() + next + 1 > most));
    all
}

fn pieces(ring: &Ring, bytes_max: usize) -> Vec<u8> {
    let mut pieces = vec![[].as_slice(); ring.unsent_length() / 2 + 2];
    ring.unsent(&mut pieces, bytes_max).concat()
}

/// Sends and acknowledges all.
fn deliver(ring: &mut Ring, now: u64) -> Vec<u8> {
    let all = unsent(ring);
    ring.mark_sent(all.len());
    ring.acknowledge(0, now);
    all
}

#[test]
fn lines_come_out_in_order_and_again_after_a_rewind() {
    let mut store = Store::new(BUFFER_MIN);
    let mut ring = store.ring(DROPPING);
    ring.push(b"one\n", 0);
    ring.push(b"two\n", 0);
    assert_eq!(unsent(&ring), b"one\ntwo\n");
    ring.mark_sent(6);
    assert_eq!(unsent(&ring), b"o\n");
    assert!(ring.in_flight());
    ring.rewind(0, true);
    assert_eq!(unsent(&ring), b"one\ntwo\n");
}

#[test]
fn lines_are_written_in_place_anywhere_and_refused_ones_change_nothing() {
    let mut store = Store::new(BUFFER_MIN);
    let mut ring = store.ring(DROPPING);
    let mut stream = Vec::new();
    // Long enough to pass the end of the memory at many offsets.
    for number in 0..300 {
        let line = line(number, 150 + number as usize);
        assert_eq!(ring.push_with(0, |_| None), None);
        let length = ring.push_with(0, |buffer| {
            assert_eq!(buffer.len(), LINE_MAX);
            buffer.fill(b'?');
            buffer[..line.len()].copy_from_slice(&line);
            Some(line.len())
        });
        assert_eq!(length, Some(line.len()));
        assert_eq!(unsent(&ring), line);
        stream.extend(deliver(&mut ring, 0));
    }
    let expected: Vec<u8> = (0..300)
        .flat_map(|number| line(number, 150 + number as usize))
        .collect();
    assert!(stream == expected);
    assert_eq!((ring.counts().arrived, ring.counts().dropped), (300, 0));
}

#[test]
fn unsent_lines_fill_the_pieces_that_there_are() {
    let mut store = Store::new(BUFFER_MIN);
    let mut ring = store.ring(DROPPING);
    for number in 0..8 {
        ring.push(&line(number, 100), 0);
    }
    let bytes = |count: usize, bytes_max: usize| {
        let mut pieces = vec![[].as_slice(); count];
        ring.unsent(&mut pieces, bytes_max).concat().len()
    };
    // A line may take two.
    assert_eq!(
        [bytes(0, 800), bytes(1, 800), bytes(5, 800), bytes(9, 800)],
        [0, 0, 400, 800]
    );
    assert_eq!([bytes(9, 1), bytes(9, 299), bytes(9, 300)], [100, 200, 300]);
}

#[test]
fn new_connection_starts_at_the_first_unacknowledged_line() {
    let mut store = Store::new(BUFFER_MIN);
    let mut ring = store.ring(DROPPING);
    ring.push(b"one\n", 0);
    ring.push(b"two\n", 0);
    ring.mark_sent(8);
    assert!(!ring.acknowledge(5, 0), "no whole line has arrived");
    assert!(ring.acknowledge(2, 0), "all of the first has");
    assert!(!ring.acknowledge(2, 0));
    ring.rewind(0, true);
    assert_eq!(unsent(&ring), b"two\n");
    assert_eq!((ring.queued(), ring.counts().dropped), (4 + HEAD, 0));
    assert_eq!(ring.counts().arrived, 1);
}

#[test]
fn recently_acknowledged_lines_are_repeated_unless_the_receiver_closed_properly() {
    let mut store = Store::new(BUFFER_MIN);
    let mut ring = store.ring(REPLAYING);
    for second in 0..60 {
        ring.push(&line(second, 10), 0);
        deliver(&mut ring, second * 1_000);
    }
    ring.rewind(60_000, false);
    let again = unsent(&ring);
    let first: u64 = std::str::from_utf8(&again[..7]).unwrap().parse().unwrap();
    assert!((48..=50).contains(&first), "from {first} on");
    assert!(again.ends_with(b"0000059..\n"));
    // A proxy may close in order for a receiver that died.
    deliver(&mut ring, 61_000);
    ring.push(&line(60, 10), 0);
    deliver(&mut ring, 65_000);
    ring.rewind(72_000, true);
    assert_eq!(unsent(&ring), line(60, 10));
}

#[test]
fn receiver_that_acknowledges_only_repeats_gets_half_of_them_each_time() {
    let mut store = Store::new(BUFFER_MIN);
    let mut ring = store.ring(REPLAYING);
    for second in 0..60 {
        ring.push(&line(second, 10), 0);
        deliver(&mut ring, second * 1_000);
    }
    ring.push(&line(60, 10), 0);
    let repeats = |ring: &mut Ring, takes: usize| {
        ring.rewind(60_000, false);
        let count = unsent(ring).len() / 10 - 1;
        ring.mark_sent(takes * 10);
        ring.acknowledge(0, 60_000);
        count
    };
    let counts: Vec<usize> = (0..5).map(|_| repeats(&mut ring, 1)).collect();
    assert!((10..=13).contains(&counts[0]), "{counts:?}");
    for pair in counts.windows(2) {
        assert_eq!(pair[1], pair[0] / 2, "{counts:?}");
    }
    assert_eq!(counts[4], 0, "{counts:?}");
    // It has taken the new line: what it had acknowledged lately is repeated again.
    assert!(repeats(&mut ring, 0) > 1);
    // One that takes nothing at all does not say that these are too many.
    assert!(repeats(&mut ring, 0) > 1);
}

#[test]
fn repeats_to_a_receiver_that_resets_soon_are_bounded() {
    let mut store = Store::new(1 << 20);
    let mut ring = store.ring(REPLAYING);
    let (mut number, mut sent) = (0, 0);
    for connection in 0..100 {
        // Nine seconds with a line in each, and an outage that does not count.
        for second in 0..9 {
            let now = connection * 60_000 + second * 1_000;
            ring.push(&line(number, 10), 0);
            number += 1;
            sent += deliver(&mut ring, now).len();
        }
        ring.rewind(connection * 60_000 + 9_000, false);
        // What connections have had for less than the span is repeated, whatever happened between them.
        let kept = unsent(&ring).len() / 10;
        assert!(kept >= 10.min(number as usize), "{kept} lines");
        assert!(kept <= 9 * 6, "{kept} lines after connection {connection}");
    }
    assert!(sent as u64 / 10 <= 7 * number, "{sent} bytes for {number} lines");
}

#[test]
fn acknowledged_lines_are_evicted_first_and_not_counted() {
    for policy in [DROPPING, THINNING] {
        let mut store = Store::new(BUFFER_MIN);
        let mut ring = store.ring(Policy {
            replay: 10_000,
            ..policy
        });
        for number in 0..3 {
            ring.push(&line(number, 1000), 0);
        }
        deliver(&mut ring, 0);
        ring.rewind(0, false);
        // Of the repeats, one is in flight, and of one a byte.
        ring.mark_sent(1001);
        for number in 3..7 {
            // It has room for four lines, and one that is part-sent stays.
            assert_eq!(ring.is_short_for(1000), number == 6);
            ring.push(&line(number, 1000), 0);
            let counts = ring.counts();
            assert_eq!(counts.thinned + counts.dropped > 0, number == 6);
        }
    }
}

#[test]
fn line_dropped_in_flight_counts_only_without_acknowledgement() {
    let mut store = Store::new(BUFFER_MIN);
    let mut ring = store.ring(DROPPING);
    for number in 0..4 {
        ring.push(&line(number, 1000), 0);
    }
    ring.mark_sent(4000);
    for number in 4..7 {
        ring.push(&line(number, 1000), 0);
    }
    // Of the three that went, all of the first and a part of the second have arrived.
    assert!(ring.acknowledge(2_500, 0));
    assert_eq!((ring.counts().arrived, ring.counts().dropped), (1, 0));
    ring.rewind(0, false);
    assert_eq!((ring.counts().arrived, ring.counts().dropped), (1, 2));
    assert!(unsent(&ring).starts_with(b"0000003"));
}

#[test]
fn acknowledged_lines_are_kept_while_the_receiver_is_stalled() {
    let mut store = Store::new(BUFFER_MIN);
    let mut ring = store.ring(REPLAYING);
    ring.push(&line(0, 10), 0);
    deliver(&mut ring, 0);
    ring.push(&line(1, 10), 0);
    ring.mark_sent(10);
    for second in 1..60 {
        assert!(!ring.acknowledge(10, second * 1_000));
    }
    ring.rewind(60_000, false);
    assert!(unsent(&ring).starts_with(b"0000000"));
}

#[test]
fn full_ring_drops_and_counts_the_oldest() {
    let mut store = Store::new(BUFFER_MIN);
    let mut ring = store.ring(DROPPING);
    for number in 0..20 {
        ring.push(&line(number, 1000), 0);
    }
    assert_eq!(ring.counts().dropped, 16);
    assert!(unsent(&ring).starts_with(b"0000016"));
}

#[test]
fn full_ring_evicts_acknowledged_lines_before_it_thins() {
    let mut store = Store::new(BUFFER_MIN);
    let mut ring = store.ring(THINNING);
    for number in 0..2 {
        ring.push(&line(number, 1000), 0);
    }
    deliver(&mut ring, 0);
    for number in 2..6 {
        ring.push(&line(number, 1000), 0);
    }
    assert_eq!(ring.counts().dropped + ring.counts().thinned, 0);
    ring.rewind(0, false);
    assert!(unsent(&ring).starts_with(b"0000002"));
}

#[test]
fn line_sent_in_part_is_never_cut() {
    let mut store = Store::new(BUFFER_MIN);
    let mut ring = store.ring(DROPPING);
    for number in 0..4 {
        ring.push(&line(number, 1000), 0);
    }
    ring.mark_sent(1);
    let mut stream = vec![b'0'];
    for number in 4..40 {
        ring.push(&line(number, 1000), 0);
    }
    stream.extend(unsent(&ring));
    let expected: Vec<u8> = [0, 37, 38, 39]
        .iter()
        .flat_map(|&number| line(number, 1000))
        .collect();
    assert!(stream == expected);
    assert_eq!(ring.counts().dropped, 36);
}

#[test]
fn lines_dropped_in_flight_count_when_the_connection_ends() {
    let mut store = Store::new(BUFFER_MIN);
    let mut ring = store.ring(DROPPING);
    for number in 0..4 {
        ring.push(&line(number, 1000), 0);
    }
    ring.mark_sent(4000);
    ring.push(&line(4, 1000), 0);
    assert_eq!(ring.counts().dropped, 0);
    ring.rewind(0, true);
    assert_eq!(ring.counts().dropped, 1);
    ring.mark_sent(4000);
    ring.push(&line(5, 1000), 0);
    ring.acknowledge(3000, 0);
    ring.rewind(0, true);
    assert_eq!(ring.counts().dropped, 1, "it has arrived after all");
}

/// Stamps are the last two digits before the newline here.
fn restamp(line: &mut [u8], seconds: i64) {
    let end = line.len() - 1;
    let text = std::str::from_utf8(&line[end - 2..end]).unwrap();
    let stamp = text.parse::<i64>().unwrap() + seconds;
    line[end - 2..end].copy_from_slice(format!("{stamp:02}").as_bytes());
}

#[test]
fn set_clock_restamps_only_unsent_lines() {
    let mut store = Store::new(BUFFER_MIN);
    let mut ring = store.ring(REPLAYING);
    for text in ["a 10\n", "b 11\n", "c 12\n", "d 13\n"] {
        ring.push(text.as_bytes(), 0);
    }
    // The first has arrived, the second is in flight, of the third a byte.
    ring.mark_sent(11);
    ring.acknowledge(6, 0);
    let mut other = Store::new(BUFFER_MIN);
    ring.move_to((&mut other.words, &mut other.memory), true);
    ring.set_clock(20);
    assert_eq!(unsent(&ring), b" 12\nd 33\n");
    ring.push(b"e 34\n", 0);
    ring.set_clock(15);
    assert_eq!(unsent(&ring), b" 12\nd 28\ne 29\n");
    ring.acknowledge(1, 0);
    ring.rewind(0, false);
    assert_eq!(unsent(&ring), b"a 10\nb 11\nc 12\nd 28\ne 29\n");
    ring.set_clock(16);
    assert_eq!(unsent(&ring), b"a 10\nb 11\nc 12\nd 29\ne 30\n");
}
