//! The kernel takes memory of the ring away, at any access.

use super::*;

/// A line with the record's first index in the memory.
fn held(ring: &Ring) -> Vec<(usize, Vec<u8>)> {
    let mut lines = Vec::new();
    let mut position = 0;
    while position < ring.newest {
        let mut line = vec![0; ring.head(position).length()];
        ring.read(position + HEAD, &mut line);
        lines.push((ring.index(position), line));
        position = ring.end_of(position);
    }
    lines
}

/// What may happen to a ring.
fn step(ring: &mut Ring, random: &mut Random, number: u64) {
    match random.index(8) {
        0..4 => ring.push(&line(number, 8 + random.index(200)), random.index(5) as u8),
        4 => {
            let waiting = pieces(ring, 5_000).len();
            // What has been lost is not sent.
            if !is_lost() {
                ring.mark_sent(random.index(waiting + 1));
            }
        }
        5 => _ = ring.acknowledge(random.index(500) as u64, number * 50),
        6 if random.index(20) == 0 => ring.rewind(number * 50, random.index(2) == 0),
        7 if random.index(20) == 0 => ring.set_clock(ring.clock() + 1),
        _ => {}
    }
}

/// One of the policies; the lines have no stamps.
fn any_policy(random: &mut Random) -> Policy {
    Policy {
        restamp: |_, _| {},
        ..[DROPPING, REPLAYING, THINNING][random.index(3)]
    }
}

/// A ring that has been through much.
fn used<'s>(store: &'s mut Store, random: &mut Random) -> (Ring<'s>, u64) {
    let mut ring = store.ring(any_policy(random));
    let count = random.index(400) as u64;
    for number in 0..count {
        step(&mut ring, random, number);
    }
    (ring, count)
}

#[test]
fn rescue_keeps_lines_of_remaining_memory_and_counts_the_others() {
    for seed in seeds(2_000) {
        let mut random = Random(seed);
        let mut stores = [BUFFER_MIN + random.index(2_000); 2].map(Store::new);
        let [store, other] = &mut stores;
        let (mut ring, number) = used(store, &mut random);
        let acked = ring.index(ring.acked);
        let before = held(&ring);
        // A connection that ends takes along what it has acknowledged.
        let waiting = before.iter().skip_while(|(index, _)| *index != acked);
        let before: Vec<_> = waiting.cloned().collect();
        let from = random.index(ring.memory.len() + 1);
        fuse::lose(0, from);
        for number in number..number + random.index(4) as u64 {
            step(&mut ring, &mut random, number);
        }
        let (waiting, dropped) = (ring.unacked_lines, ring.counts().dropped);
        fuse::wipe(ring.memory);
        fuse::recover();
        ring.rescue((&mut other.words, &mut other.memory), false);
        let after = held(&ring);
        for (index, line) in &before {
            let is_left = index + HEAD + line.len() <= from;
            let is_there = after.iter().any(|(_, other)| other == line);
            // Of a line that was lost in part the rest may have been zeros before.
            assert!(is_there || !is_left, "seed {seed:#x}: {line:?} is missing");
        }
        let again = after
            .iter()
            .filter(|(index, _)| *index >= ring.ever_acked)
            .count() as u64;
        assert_eq!(ring.counts().dropped - dropped, waiting - again, "seed {seed:#x}");
        // It works as any other.
        for number in 10_000..10_100 {
            ring.push(&line(number, 100), 0);
        }
        assert!(unsent(&ring).ends_with(&line(10_099, 100)));
    }
}

#[test]
fn count_of_unacknowledged_lines_is_always_exact() {
    for seed in seeds(200) {
        let mut random = Random(seed);
        let mut store = Store::new(BUFFER_MIN + random.index(2_000));
        let mut ring = store.ring(any_policy(&mut random));
        for number in 0..500 {
            step(&mut ring, &mut random, number);
            let known = ring.ever_acked.max(ring.acked);
            let (mut position, mut waiting) = (0, 0);
            while position < ring.newest {
                position = ring.end_of(position);
                waiting += u64::from(position > known);
            }
            assert_eq!(ring.unacked_lines, waiting, "seed {seed:#x}, step {number}");
        }
    }
}

#[test]
fn memory_lost_at_any_access_gives_only_whole_pushed_lines() {
    for seed in seeds(4_000) {
        let mut random = Random(seed);
        let mut stores = [BUFFER_MIN + random.index(2_000); 2].map(Store::new);
        let [store, other] = &mut stores;
        let (mut ring, number) = used(store, &mut random);
        fuse::lose(random.index(3_000) as u64, random.index(ring.memory.len()));
        for number in number..number + 60 {
            step(&mut ring, &mut random, number);
        }
        fuse::wipe(ring.memory);
        fuse::recover();
        ring.rescue((&mut other.words, &mut other.memory), false);
        for (_, text) in held(&ring) {
            let number = crate::base::decimal::parse_u64(&text[..7]).unwrap();
            assert_eq!(text, line(number, text.len()), "seed {seed:#x}");
        }
    }
}

#[test]
fn overwritten_memory_does_not_panic() {
    for seed in seeds(2_000) {
        let mut random = Random(seed);
        let mut store = Store::new(BUFFER_MIN + random.index(2_000));
        let (mut ring, number) = used(&mut store, &mut random);
        let value = [0, b'\n', 0xff, random.index(256) as u8][random.index(4)];
        let from = random.index(ring.memory.len());
        let end = from + random.index(ring.memory.len() - from + 1);
        ring.memory[from..end].fill(value);
        for number in number..number + 300 {
            step(&mut ring, &mut random, number);
        }
    }
}
