//! A file in which something has been damaged.

use super::*;
use crate::ring::words::Word;
use std::collections::BTreeSet;

/// A file with the words and the memory of a ring, and the lines in it.
fn file(seed: u64) -> (Vec<u8>, BTreeSet<Vec<u8>>) {
    let mut random = Random(seed);
    let mut store = Store::new(BUFFER_MIN + random.index(3_000));
    let mut ring = store.ring(DROPPING);
    let count = random.index(300) as u64;
    let mut lines = BTreeSet::new();
    for number in 0..count {
        let longest = if random.index(20) == 0 { LINE_MAX } else { 200 };
        let line = line(number, random.index(longest + 1));
        ring.push(&line, 3);
        lines.insert(line);
    }
    let kept = unsent(&ring);
    lines.retain(|line| kept.windows(7).any(|number| number == &line[..7]));
    (bytes(&store), lines)
}

/// The words in the order of their memory.
fn in_order(words: &Words) -> [&Word; 10] {
    [
        &words.magic,
        &words.capacity,
        &words.oldest,
        &words.newest,
        &words.rewrite,
        &words.clock,
        &words.rewrite_clock,
        &words.sent_mark,
        &words.boot,
        &words.ever_acked,
    ]
}

pub(super) fn bytes(store: &Store) -> Vec<u8> {
    let words = in_order(&store.words).map(|word| (word.get() as u32).to_ne_bytes());
    [words.as_flattened(), &store.memory].concat()
}

/// Reads the words from the start of a file.
fn words_from(bytes: &[u8; size_of::<Words>()]) -> Words {
    let words = Words::default();
    for (word, bytes) in in_order(&words).into_iter().zip(bytes.as_chunks().0) {
        word.set(u32::from_ne_bytes(*bytes) as usize);
    }
    words
}

/// As the agent does it: in place if it is whole, otherwise line by line.
fn opened(file: &[u8], buffer: usize) -> (BTreeSet<Vec<u8>>, Recovered) {
    let mut store = Store::new(buffer);
    if file.len() == size_of::<Words>() + store.memory.len() {
        let (words, memory) = file.split_first_chunk().unwrap();
        store.words = words_from(words);
        store.memory = memory.to_vec();
        let mut ring = Ring::over(&mut store.words, &mut store.memory, DROPPING);
        if let Some(found) = ring.resume() {
            return (lines_and_more(&mut ring), found);
        }
    }
    let mut ring = store.ring(DROPPING);
    let found = salvage(&mut ring, file);
    (lines_and_more(&mut ring), found)
}

/// Its lines; then the ring takes more of them, until it has come round.
fn lines_and_more(ring: &mut Ring) -> BTreeSet<Vec<u8>> {
    let found = lines(ring);
    let count = ring.memory.len() as u64 / 100;
    for number in 0..count {
        ring.push(&line(number, 150), 0);
    }
    assert!(unsent(ring).ends_with(&line(count - 1, 150)));
    found
}

/// From the words and the memory that the file holds.
pub(super) fn salvage(ring: &mut Ring, file: &[u8]) -> Recovered {
    let none = [0; size_of::<Words>()];
    let (words, memory) = file.split_first_chunk().unwrap_or((&none, &[]));
    ring.add((&words_from(words), memory))
}

fn lines(ring: &Ring) -> BTreeSet<Vec<u8>> {
    unsent(ring)
        .split_inclusive(|&byte| byte == b'\n')
        .map(<[u8]>::to_vec)
        .collect()
}

fn buffer_of(file: &[u8]) -> usize {
    file.len() - size_of::<Words>() - Ring::memory_for(0)
}

fn damage(file: &mut Vec<u8>, random: &mut Random) {
    let at = random.index(file.len());
    match random.index(8) {
        0 => file[at] ^= 1 << random.index(8),
        1 => file[at] = b'\n',
        2 => file[at] = random.index(256) as u8,
        // A sector that was never written, or one of another time.
        3 => {
            let end = (at + 512).min(file.len());
            file[at..end].fill(0);
        }
        4 => {
            let from = random.index(file.len());
            let length = random.index(600).min(file.len() - at.max(from));
            file.copy_within(from..from + length, at);
        }
        5 => file.truncate(at),
        // In the words.
        6 => {
            let at = at % size_of::<Words>();
            file[at] ^= 1 << random.index(8);
        }
        _ => {
            for place in &mut file[at..] {
                *place = random.index(256) as u8;
            }
        }
    }
}

#[test]
fn damaged_file_gives_only_whole_lines_that_were_written() {
    let rounds = std::env::var("MUTATIONS").map_or(3_000, |text| text.parse().unwrap());
    let mut kept = 0;
    for (round, seed) in (0..rounds).zip(1..) {
        let seed = 0x9e37_79b9_7f4a_7c15_u64.wrapping_mul(seed);
        let (mut damaged, written) = file(seed);
        let buffer = buffer_of(&damaged);
        let mut random = Random(seed.rotate_left(17));
        for _ in 0..=random.index(3) {
            if !damaged.is_empty() {
                damage(&mut damaged, &mut random);
            }
        }
        let buffer = if random.index(4) == 0 {
            BUFFER_MIN + random.index(8_000)
        } else {
            buffer
        };
        let (found, _) = opened(&damaged, buffer);
        for line in &found {
            // What has left the ring before may come back: a repeat.
            let number = line.get(..7).and_then(crate::base::decimal::parse_u64);
            let whole = number.map(|number| super::line(number, line.len()));
            assert!(
                whole.as_ref() == Some(line),
                "seed {seed:#x}, round {round}: {line:?}"
            );
        }
        kept += usize::from(found.len() * 2 > written.len());
    }
    assert!(kept * 2 > rounds, "little was kept");
}

#[test]
fn one_damaged_byte_costs_at_most_two_lines() {
    for seed in seeds(500) {
        let (mut damaged, written) = file(seed);
        let mut random = Random(seed);
        let at = size_of::<Words>() + random.index(damaged.len() - size_of::<Words>());
        damaged[at] ^= 1 + random.index(255) as u8;
        let (found, said) = opened(&damaged, buffer_of(&damaged));
        let missing = written.difference(&found).count();
        assert!(missing <= 2, "seed {seed:#x}: {missing} are missing");
        assert_eq!(missing > 0, said.damaged > 0, "seed {seed:#x}");
    }
}

#[test]
fn file_of_another_size_gives_all_its_lines() {
    for seed in seeds(200) {
        let (whole, written) = file(seed);
        let (found, said) = opened(&whole, buffer_of(&whole) + 1_000 + seed as usize % 5_000);
        assert_eq!(found, written, "seed {seed:#x}");
        assert_eq!((said.lines as usize, said.damaged), (written.len(), 0));
        // A smaller one keeps the newest.
        let (found, _) = opened(&whole, BUFFER_MIN);
        assert!(found.iter().all(|line| written.contains(line)));
        assert!(written.len() < 30 || found.len() >= 4, "seed {seed:#x}");
    }
}

#[test]
fn moved_ring_is_recovered_unchanged() {
    let mut stores = [BUFFER_MIN, BUFFER_MIN + 99].map(Store::new);
    let [store, other] = &mut stores;
    let mut ring = store.ring(DROPPING);
    ring.push(b"a 10\n", 0);
    ring.push(b"b 11\n", 0);
    ring.mark_sent(5);
    ring.move_to((&mut other.words, &mut other.memory), true);
    let mut next = Ring::over(&mut other.words, &mut other.memory, DROPPING);
    let found = next.resume().expect("a whole ring");
    assert_eq!((found.lines, found.damaged), (2, 0));
    // The first has been sent.
    next.set_clock(20);
    assert_eq!(unsent(&next), b"a 10\nb 31\n");
}

#[test]
fn lines_of_two_rings_of_one_boot_get_one_clock() {
    let mut stores = [BUFFER_MIN; 2].map(Store::new);
    for (store, clock) in stores.iter_mut().zip([20, 50]) {
        let mut ring = store.ring(DROPPING);
        ring.push(b"settled 10\n", 0);
        ring.mark_sent(11);
        ring.set_clock(clock);
        ring.push(format!("a {}\n", clock + 1).as_bytes(), 0);
    }
    let [store, left] = stores;
    let mut next = Store::new(BUFFER_MIN);
    let mut ring = Ring::new(&mut next.words, &mut next.memory, DROPPING);
    ring.add((&store.words, &store.memory));
    assert_eq!(ring.clock(), 20);
    ring.add((&left.words, &left.memory));
    assert_eq!(unsent(&ring), b"settled 10\na 21\nsettled 10\na 21\n");
}

/// A file in which records fill the memory up to so many bytes of its end, and where a rewrite begins.
fn overfull(length: usize, free: usize, rewrite: usize) -> Vec<u8> {
    let store = Store::new(BUFFER_MIN);
    let mut file = bytes(&store)[..size_of::<Words>()].to_vec();
    let end = file.len() + store.memory.len() - free;
    for number in 0.. {
        let left = end - file.len();
        if left == 0 {
            break;
        }
        // What is left has room for one more line, or for none.
        let length = if left < 2 * (HEAD + length) {
            left
        } else {
            HEAD + length
        } - HEAD;
        let line = line(number, length);
        file.extend(Head::new(length, 3).encode(&line));
        file.extend(line);
    }
    let newest = file.len() - size_of::<Words>();
    file.resize(end + free, 0);
    store.words.clear(store.memory.len(), BOOT);
    let words = &store.words;
    words.newest.set(newest);
    words.rewrite.set(rewrite);
    file[..size_of::<Words>()].copy_from_slice(&bytes(&store)[..size_of::<Words>()]);
    file
}

#[test]
fn overfull_ring_gives_its_lines_and_takes_more() {
    for length in [8, 100, 700] {
        for free in [1, 2, 10, 500, SPARE - 1, SPARE] {
            for rewrite in [Words::NO_REWRITE, 0, HEAD + length, 10 * (HEAD + length)] {
                let file = overfull(length, free, rewrite);
                let (found, _) = opened(&file, BUFFER_MIN);
                assert!(found.len() >= 4, "{length}, {free}, {rewrite}: {}", found.len());
            }
        }
    }
}

#[test]
fn file_that_is_no_ring_gives_no_lines() {
    for content in [
        &b""[..],
        b"x",
        b"\n",
        &[0; 31],
        &[0; 32],
        &[0xff; 9_000],
        &[b'\n'; 9_000],
    ] {
        let (found, _) = opened(content, BUFFER_MIN);
        assert!(found.is_empty());
    }
}
