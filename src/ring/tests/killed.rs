//! The agent is killed at any store, and the next one goes on.

use super::*;
use crate::ring::evict::thin_level;

/// What a line of these tests says: its number, when it was made, and its stamp.
fn stamped(number: u64, made: usize, clock: usize, length: usize) -> Vec<u8> {
    let mut line = line(number, length);
    let end = line.len() - 1;
    line.splice(
        end..end,
        format!(" {made:03} {:02}", made % 10 + clock).into_bytes(),
    );
    line
}

/// All lines from the oldest on, also those that have been acknowledged.
fn held(ring: &Ring) -> Vec<String> {
    let mut lines = Vec::new();
    let mut position = 0;
    while position < ring.newest {
        let mut line = vec![0; ring.head(position).length()];
        ring.read(position + HEAD, &mut line);
        lines.push(String::from_utf8(line).unwrap());
        position = ring.end_of(position);
    }
    lines
}

fn number(line: &str) -> u64 {
    line[..7].parse().unwrap()
}

/// What happens to a ring; `told` gets its lines after each step.
fn story(seed: u64, ring: &mut Ring, steps: usize, told: &mut dyn FnMut(Vec<String>)) {
    let mut random = Random(seed);
    let mut made = 0;
    for step in 0..steps {
        match random.index(16) {
            0..10 => {
                let length = 8 + random.index(150);
                let level = thin_level(made, made + 1);
                made += 1;
                ring.push(&stamped(made, step, ring.clock(), length), level);
            }
            10..12 => {
                let waiting = unsent(ring).len();
                ring.mark_sent(random.index(waiting / 4 + 1));
            }
            12..14 => _ = ring.acknowledge(random.index(1000) as u64, step as u64 * 100),
            14 => ring.rewind(step as u64 * 100, random.index(2) == 0),
            _ => {
                // Up and down, so that two digits are enough.
                let clock = if ring.clock() < 40 { ring.clock() + 17 } else { 3 };
                ring.set_clock(clock);
            }
        }
        told(held(ring));
    }
}

fn resumed(store: &mut Store, boot: u32) -> (Ring<'_>, Recovered) {
    let policy = Policy { boot, ..THINNING };
    let mut ring = Ring::over(&mut store.words, &mut store.memory, policy);
    let found = ring.resume().expect("a whole ring");
    (ring, found)
}

/// A ring of this boot with so many lines, and the clock at 20.
fn filled(store: &mut Store, count: u64) -> Ring<'_> {
    let mut ring = store.ring(THINNING);
    ring.set_clock(20);
    for number in 0..count {
        ring.push(&stamped(number, 5, 20, 40), 0);
    }
    ring
}

#[test]
fn killed_agent_leaves_every_line_whole_and_in_order() {
    let mut kills = 0;
    for seed in seeds(400) {
        let mut random = Random(seed);
        let after = random.index(3_000) as u64;
        let buffer = BUFFER_MIN + random.index(1_000);
        let mut store = Store::new(buffer);
        let mut before = vec![Vec::new()];
        let mut ring = store.ring(THINNING);
        let killed = fuse::kills(after, || {
            story(seed, &mut ring, 500, &mut |lines| before.push(lines));
        });
        kills += u32::from(killed);
        // What would have come of the step, had nobody killed it.
        let mut twin = Store::new(buffer);
        let mut twin = twin.ring(THINNING);
        let mut after = Vec::new();
        let steps = before.len().min(500);
        story(seed, &mut twin, steps, &mut |lines| after = lines);
        let before = before.pop().unwrap();

        let (ring, found) = resumed(&mut store, BOOT);
        let lines = held(&ring);
        assert_eq!((found.damaged, found.undated), (0, 0), "seed {seed:#x}");
        let numbers: Vec<u64> = lines.iter().map(|line| number(line)).collect();
        assert!(numbers.is_sorted(), "seed {seed:#x}: {numbers:?}");
        let of = |lines: &[String]| lines.iter().map(|line| number(line)).collect::<Vec<_>>();
        for number in of(&before) {
            let stays = of(&after).contains(&number);
            assert!(
                !stays || numbers.contains(&number),
                "seed {seed:#x}: {number} is missing"
            );
        }
        for line in &lines {
            let is_known = of(&before).contains(&number(line)) || of(&after).contains(&number(line));
            assert!(is_known, "seed {seed:#x}: {line} has come back");
        }
    }
    assert!(kills > 200, "{kills}");
}

#[test]
fn killed_change_of_the_clock_is_finished_by_the_next_agent() {
    let mut halves = 0;
    for after in 0..200 {
        let mut store = Store::new(BUFFER_MIN);
        let mut ring = filled(&mut store, 30);
        fuse::kills(after, || ring.set_clock(50));
        let (mut ring, _) = resumed(&mut store, BOOT);
        let clock = ring.clock();
        assert!(clock == 20 || clock == 50);
        halves += u32::from(clock == 50 && after < 60);
        let all = |ring: &Ring, stamp: usize| {
            let lines = held(ring);
            assert!(lines.len() >= 30);
            for line in lines {
                assert!(line.ends_with(&format!(" 005 {stamp}\n")), "{after}: {line:?}");
            }
        };
        all(&ring, 5 + clock);
        ring.set_clock(30);
        all(&ring, 35);
    }
    assert!(halves > 20, "none was killed in the middle");
}

#[test]
fn lines_of_an_earlier_boot_keep_their_stamps_after_any_kill() {
    for after in 0..120 {
        let mut store = Store::new(BUFFER_MIN);
        filled(&mut store, 30);
        fuse::kills(after, || _ = resumed(&mut store, BOOT + 1));
        let (mut ring, found) = resumed(&mut store, BOOT + 1);
        assert!(found.lines >= 30);
        assert_eq!(ring.clock(), 0);
        ring.push(&stamped(30, 5, 0, 40), 0);
        ring.set_clock(60);
        let lines = held(&ring);
        let (last, first) = lines.split_last().unwrap();
        assert!(last.ends_with(" 005 65\n"), "{last}");
        assert!(
            first.iter().all(|line| line.ends_with(" 005 25\n")),
            "{after}: {first:?}"
        );
    }
}

#[test]
fn undated_lines_of_an_earlier_boot_are_removed() {
    let mut store = Store::new(BUFFER_MIN);
    let mut ring = store.ring(THINNING);
    ring.push(&stamped(1, 5, 0, 40), 0);
    ring.push(&stamped(2, 5, 50, 40), 0);
    let policy = Policy {
        boot: BOOT + 1,
        is_dated: |line| line.ends_with(b"55\n"),
        ..THINNING
    };
    let mut ring = Ring::over(&mut store.words, &mut store.memory, policy);
    let found = ring.resume().unwrap();
    assert_eq!((found.lines, found.undated), (1, 1));
    assert_eq!(held(&ring).len(), 1);
}

#[test]
fn next_agent_repeats_sent_lines_with_the_same_stamp() {
    for after in 0..200 {
        let mut store = Store::new(BUFFER_MIN);
        // Around the end of the memory.
        let mut ring = filled(&mut store, 150);
        let first = number(&held(&ring)[0]);
        let length = stamped(0, 5, 20, 40).len();
        ring.mark_sent(10 * length + 1);
        let touched = first..=first + 10;
        fuse::kills(after, || ring.set_clock(40));
        let (mut ring, _) = resumed(&mut store, BOOT);
        let clock = ring.clock();
        ring.set_clock(60);
        for line in held(&ring) {
            let stamp = if touched.contains(&number(&line)) { 25 } else { 65 };
            let ending = format!(" 005 {stamp}\n");
            assert!(
                line.ends_with(&ending),
                "{after}, {clock}: {line:?}, sent: {touched:?}"
            );
        }
    }
}

#[test]
fn full_ring_killed_in_a_rewrite_has_each_line_once() {
    for (length, after) in [60, 1_000, 1_500, LINE_MAX]
        .into_iter()
        .flat_map(|length| (0..150).map(move |after| (length, after)))
    {
        let mut store = Store::new(BUFFER_MIN);
        let mut ring = store.ring(THINNING);
        ring.set_clock(20);
        let mut count = 0;
        while ring.free() >= HEAD + length {
            ring.push(&stamped(count, 5, 20, length - 7), 0);
            count += 1;
        }
        fuse::kills(after, || ring.set_clock(50));
        let (mut ring, _) = resumed(&mut store, BOOT);
        let numbers: Vec<u64> = held(&ring).iter().map(|line| number(line)).collect();
        assert!(
            numbers.iter().copied().eq(0..count),
            "{length}, {after}: {numbers:?}"
        );
        for number in count..count + 100 {
            ring.push(&line(number, 120), 0);
        }
        let last = held(&ring).pop().unwrap();
        assert_eq!(number(&last), count + 99);
    }
}

#[test]
fn killed_rewrite_is_finished_in_a_buffer_of_another_size() {
    for after in 0..150 {
        let mut store = Store::new(BUFFER_MIN);
        let mut ring = filled(&mut store, 30);
        fuse::kills(after, || ring.set_clock(50));
        let mut file = salvaged::bytes(&store);
        if after % 2 == 0 {
            // It has been made longer, and then the next agent was killed, too.
            file.resize(file.len() + 3_000, 0);
        }
        let mut other = Store::new(BUFFER_MIN + 3_000);
        let mut ring = other.ring(THINNING);
        let found = salvaged::salvage(&mut ring, &file);
        assert_eq!((found.damaged, found.undated), (0, 0), "{after}");
        let lines = held(&ring);
        let numbers: Vec<u64> = lines.iter().map(|line| number(line)).collect();
        assert!(numbers.is_sorted() && numbers.len() >= 30, "{after}: {numbers:?}");
        let end = format!(" 005 {}\n", 5 + ring.clock());
        assert!(
            lines.iter().all(|line| line.ends_with(&end)),
            "{after}: {lines:?}"
        );
    }
}
