//! The ring against a naive model that keeps a list of lines.

use super::*;

/// A line of `length` bytes (at least 8) that carries its number.
fn line(number: u64, length: usize) -> Vec<u8> {
    let mut line = format!("{number:07}").into_bytes();
    line.resize(length.max(8) - 1, b'.');
    line.push(b'\n');
    line
}

fn unsent(ring: &Ring) -> Vec<u8> {
    let (first, second) = ring.unsent();
    [first, second].concat()
}

#[test]
fn lines_come_out_as_they_went_in() {
    let mut memory = [0; CAPACITY_MIN];
    let mut ring = Ring::new(&mut memory);
    ring.push(b"one\n");
    ring.push(b"two\n");
    assert_eq!(unsent(&ring), b"one\ntwo\n");
    ring.mark_sent(6);
    assert_eq!(unsent(&ring), b"o\n");
    assert!(ring.in_flight());
    ring.rewind();
    assert_eq!(unsent(&ring), b"one\ntwo\n");
}

#[test]
fn a_new_connection_starts_at_the_first_line_not_known_to_have_arrived() {
    let mut memory = [0; CAPACITY_MIN];
    let mut ring = Ring::new(&mut memory);
    ring.push(b"one\n");
    ring.push(b"two\n");
    ring.mark_sent(8);
    assert!(!ring.acknowledge(5), "no whole line has arrived");
    assert!(ring.acknowledge(2), "all of the first has");
    assert!(!ring.acknowledge(2));
    ring.rewind();
    assert_eq!(unsent(&ring), b"two\n");
    assert_eq!((ring.queued(), ring.dropped()), (4, 0));
}

#[test]
fn a_full_ring_drops_the_oldest_and_counts_them() {
    let mut memory = [0; CAPACITY_MIN];
    let mut ring = Ring::new(&mut memory);
    for number in 0..20 {
        ring.push(&line(number, 1000));
    }
    assert_eq!(ring.dropped(), 16);
    assert!(unsent(&ring).starts_with(b"0000016"));
}

#[test]
fn a_part_sent_line_is_never_cut() {
    let mut memory = [0; CAPACITY_MIN];
    let mut ring = Ring::new(&mut memory);
    for number in 0..4 {
        ring.push(&line(number, 1000));
    }
    ring.mark_sent(1);
    let mut stream = vec![b'0'];
    for number in 4..40 {
        ring.push(&line(number, 1000));
    }
    stream.extend(unsent(&ring));
    let expected: Vec<u8> = [0, 37, 38, 39]
        .iter()
        .flat_map(|&number| line(number, 1000))
        .collect();
    assert!(stream == expected);
    assert_eq!(ring.dropped(), 36);
}

#[test]
fn lines_given_up_in_flight_count_only_when_the_connection_breaks() {
    let mut memory = [0; CAPACITY_MIN];
    let mut ring = Ring::new(&mut memory);
    for number in 0..4 {
        ring.push(&line(number, 1000));
    }
    ring.mark_sent(4000);
    ring.push(&line(4, 1000));
    assert_eq!(ring.dropped(), 0);
    ring.rewind();
    assert_eq!(ring.dropped(), 1);
    ring.mark_sent(4000);
    ring.push(&line(5, 1000));
    ring.acknowledge(3000);
    ring.rewind();
    assert_eq!(ring.dropped(), 1, "it has arrived after all");
}

/// What the ring should do, with a list in place of positions.
struct Naive {
    capacity: usize,
    lines: Vec<Vec<u8>>,
    acked: usize,
    sent: usize,
    part: usize,
    dropped: u64,
    unproven: u64,
}

impl Naive {
    fn bytes(lines: &[Vec<u8>]) -> usize {
        lines.iter().map(Vec::len).sum()
    }

    fn push(&mut self, line: Vec<u8>) {
        while Self::bytes(&self.lines) + line.len() > self.capacity {
            if self.sent == 0 && self.part > 0 {
                self.lines.remove(1);
                self.dropped += 1;
                continue;
            }
            self.lines.remove(0);
            if self.sent == 0 {
                self.dropped += 1;
            } else if self.acked == 0 {
                self.unproven += 1;
            }
            self.sent = self.sent.saturating_sub(1);
            self.acked = self.acked.saturating_sub(1);
        }
        self.lines.push(line);
    }

    fn in_flight(&self) -> usize {
        Self::bytes(&self.lines[..self.sent]) + self.part
    }

    fn unsent(&self) -> Vec<u8> {
        self.lines[self.sent..].concat()[self.part..].to_vec()
    }

    fn send(&mut self, count: usize) {
        self.part += count;
        while self
            .lines
            .get(self.sent)
            .is_some_and(|line| self.part >= line.len())
        {
            self.part -= self.lines[self.sent].len();
            self.sent += 1;
        }
    }

    fn acknowledge(&mut self, unacked: usize) {
        let Some(mut arrived) = self.in_flight().checked_sub(unacked) else {
            return;
        };
        self.unproven = 0;
        let mut whole = 0;
        while self.lines.get(whole).is_some_and(|line| line.len() <= arrived) {
            arrived -= self.lines[whole].len();
            whole += 1;
        }
        self.acked = self.acked.max(whole);
    }

    fn rewind(&mut self) {
        (self.sent, self.part) = (self.acked, 0);
        self.dropped += std::mem::take(&mut self.unproven);
    }
}

/// What came over one connection: whole lines, each later than the one before.
fn check_stream(stream: &[u8], seed: u64) {
    let mut last = None;
    for text in crate::scan::lines(stream) {
        let number = text.get(..7).and_then(crate::num::parse_u64);
        assert!(
            number.is_some() && number > last,
            "seed {seed:#x}: cut or out of order"
        );
        assert!(
            text[7..].iter().all(|&byte| byte == b'.'),
            "seed {seed:#x}: a line cut in two"
        );
        last = number;
    }
}

fn against_naive(seed: u64) {
    let mut random = seed;
    let mut below = |bound: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        (random % bound as u64) as usize
    };
    let capacity = CAPACITY_MIN + below(3000);
    let mut memory = vec![0; capacity];
    let mut ring = Ring::new(&mut memory);
    let mut naive = Naive {
        capacity,
        lines: Vec::new(),
        acked: 0,
        sent: 0,
        part: 0,
        dropped: 0,
        unproven: 0,
    };
    let mut stream = Vec::new();
    for number in 0..5_000 {
        match below(7) {
            0..4 => {
                let longest = if below(10) == 0 { LINE_MAX } else { 200 };
                let new = line(number, below(longest + 1));
                ring.push(&new);
                naive.push(new);
            }
            4 => {
                let waiting = unsent(&ring);
                let count = below(waiting.len() + 1);
                stream.extend(&waiting[..count]);
                ring.mark_sent(count);
                naive.send(count);
            }
            5 => {
                // Part of what is in flight may have left the ring: then it is more than is held.
                let unacked = below(naive.in_flight() + 500);
                ring.acknowledge(unacked as u64);
                naive.acknowledge(unacked);
            }
            _ if below(4) == 0 => {
                check_stream(&stream, seed);
                stream.clear();
                ring.rewind();
                naive.rewind();
            }
            _ => {}
        }
        assert!(unsent(&ring) == naive.unsent(), "seed {seed:#x}, step {number}");
        assert_eq!(ring.dropped(), naive.dropped, "seed {seed:#x}, step {number}");
        assert_eq!(ring.unsent_length(), naive.unsent().len());
        assert_eq!(ring.queued(), Naive::bytes(&naive.lines[naive.acked..]));
    }
    check_stream(&stream, seed);
}

#[test]
fn agrees_with_a_naive_model() {
    for seed in 1..=40_u64 {
        let seed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        println!("seed {seed:#x}");
        against_naive(seed);
    }
}
