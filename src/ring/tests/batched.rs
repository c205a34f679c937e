//! Batches: what was sent together is sent again together.

use super::*;

const ALL: Bounds = Bounds::NONE;

/// The numbers of the lines of the next batch, and the batch.
fn batch(ring: &Ring, bounds: Bounds) -> (Vec<u64>, Batch) {
    let mut numbers = Vec::new();
    let batch = ring.batch(bounds, &mut |line| {
        numbers.push(std::str::from_utf8(&line[..7]).unwrap().parse().unwrap());
        true
    });
    assert_eq!(numbers.len(), batch.lines);
    (numbers, batch)
}

#[test]
fn repeats_lines_sent_before_and_new_lines_are_apart() {
    let mut store = Store::new(64 << 10);
    let mut ring = store.ring(REPLAYING);
    for number in 0..3 {
        ring.push(&line(number, 50), 0);
    }
    let (numbers, first) = batch(&ring, ALL);
    assert_eq!((numbers, first.bytes), (vec![0, 1, 2], 150));
    ring.mark_sent(first.bytes);
    assert!(!ring.is_repeat() && ring.has_unacked_sent_lines());
    ring.acknowledge(0, 1_000);
    assert!(!ring.has_unacked_sent_lines());
    for number in 3..5 {
        ring.push(&line(number, 50), 0);
    }
    let (numbers, second) = batch(&ring, ALL);
    assert_eq!(numbers, [3, 4]);
    ring.mark_sent(second.bytes);
    for number in 5..7 {
        ring.push(&line(number, 50), 0);
    }
    // The connection ends without an answer.
    ring.rewind(2_000, true);
    let (numbers, repeats) = batch(&ring, ALL);
    assert_eq!(numbers, [0, 1, 2]);
    assert!(ring.is_repeat());
    ring.mark_sent(repeats.bytes);
    ring.acknowledge(0, 2_000);
    let (numbers, again) = batch(&ring, ALL);
    assert_eq!(numbers, [3, 4]);
    assert!(!ring.is_repeat());
    ring.mark_sent(again.bytes);
    ring.acknowledge(0, 2_000);
    assert_eq!(batch(&ring, ALL).0, [5, 6]);
}

#[test]
fn dropped_lines_are_counted_unless_they_were_acknowledged() {
    let mut store = Store::new(4 << 10);
    let mut ring = store.ring(REPLAYING);
    // The lines go around the end of the memory.
    for number in 0..30 {
        ring.push(&line(number, 100), 0);
        if number == 14 {
            let first = batch(&ring, ALL).1;
            ring.mark_sent(first.bytes);
            ring.acknowledge(0, 100_000);
        }
    }
    for number in 30..36 {
        ring.push(&line(number, 100), 0);
    }
    ring.rewind(100_000, true);
    let held = batch(&ring, ALL).0;
    let (first, before) = (held[0], held.len() as u64);
    assert!(first < 14 && before > 2, "{held:?}");
    // One of the repeats is sent: it stays.
    let sent = batch(&ring, Bounds { lines: 1, bytes: 200 }).1;
    ring.mark_sent(sent.bytes);
    let goes = |number: u64| number <= 13 || number == 20 || number == 21 || number == 35;
    ring.drop_lines(&mut |line| goes(std::str::from_utf8(&line[..7]).unwrap().parse().unwrap()));
    assert_eq!(ring.counts().misdated, 3);
    assert_eq!(batch(&ring, ALL).0, [14]);
    ring.retract();
    assert_eq!(batch(&ring, ALL).0, [first, 14]);
    let repeats = batch(&ring, ALL).1;
    ring.mark_sent(repeats.bytes);
    ring.acknowledge(0, 100_000);
    let expected: Vec<u64> = (15..36).filter(|number| !goes(*number)).collect();
    assert_eq!(batch(&ring, ALL).0, expected);
    ring.drop_lines(&mut |_| false);
    assert_eq!(ring.counts().misdated, 3);
}

#[test]
fn batch_keeps_its_bounds_but_has_one_line() {
    let mut store = Store::new(64 << 10);
    let mut ring = store.ring(DROPPING);
    for number in 0..10 {
        ring.push(&line(number, 100), 0);
    }
    let of = |lines, bytes| batch(&ring, Bounds { lines, bytes }).0.len();
    assert_eq!(
        [of(3, usize::MAX), of(100, 350), of(100, 10), of(0, 1000)],
        [3, 3, 1, 0]
    );
    let mut left = 4;
    let batch = ring.batch(ALL, &mut |_| {
        left -= 1;
        left > 0
    });
    assert_eq!((batch.lines, batch.bytes), (3, 300));
}

#[test]
fn retracted_lines_are_sent_again_without_those_before() {
    let mut store = Store::new(64 << 10);
    let mut ring = store.ring(REPLAYING);
    for number in 0..6 {
        ring.push(&line(number, 100), 0);
    }
    ring.mark_sent(200);
    ring.acknowledge(0, 1_000);
    ring.mark_sent(300);
    let mut stage = [0; LINE_MAX];
    assert!(ring.oldest_in_flight(&mut stage).starts_with(b"0000002"));
    ring.retract();
    assert!(!ring.in_flight() && ring.oldest_in_flight(&mut stage).is_empty());
    assert_eq!(batch(&ring, ALL).0, [2, 3, 4], "the same lines again");
}

#[test]
fn lines_around_the_end_of_the_memory_are_whole_in_batches() {
    let mut store = Store::new(BUFFER_MIN);
    let mut ring = store.ring(DROPPING);
    let mut next = 0;
    for number in 0..500 {
        ring.push(&line(number, 100 + number as usize % 97), 0);
        if number % 7 == 6 {
            let (numbers, batch) = batch(&ring, ALL);
            assert_eq!(numbers, (next..=number).collect::<Vec<_>>());
            next = number + 1;
            ring.mark_sent(batch.bytes);
            ring.acknowledge(0, 0);
        }
    }
}

#[test]
fn line_of_the_highest_rank_is_the_newest_or_the_oldest_new_one() {
    let mut store = Store::new(BUFFER_MIN);
    let mut ring = store.ring(REPLAYING);
    let mut stage = [0; LINE_MAX];
    assert_eq!(ring.line_of_highest_rank(false, &mut |_| 1, &mut stage), b"");
    let mut found = |ring: &Ring, is_oldest: bool, ranks: [u8; 2]| {
        let mut rank = |line: &[u8]| ranks[usize::from(line[0] - b'a')];
        let line = ring.line_of_highest_rank(is_oldest, &mut rank, &mut stage);
        String::from_utf8(line.to_vec()).unwrap()
    };
    for text in [b"a1\n", b"b1\n", b"a2\n", b"b2\n"] {
        ring.push(text, 0);
    }
    let mut all = |ring: &Ring, is_oldest| {
        [[2, 1], [1, 1], [1, 0], [0, 1], [0, 0]].map(|ranks| found(ring, is_oldest, ranks))
    };
    assert_eq!(all(&ring, false), ["a2\n", "b2\n", "a2\n", "b2\n", ""]);
    assert_eq!(all(&ring, true), ["a1\n", "a1\n", "a1\n", "b1\n", ""]);
    // Three of the lines are repeats.
    ring.mark_sent(9);
    ring.acknowledge(0, 0);
    ring.rewind(0, false);
    assert_eq!(all(&ring, false), ["a2\n", "b2\n", "a2\n", "b2\n", ""]);
    assert_eq!(all(&ring, true), ["a2\n", "b2\n", "a2\n", "b2\n", ""]);
}
