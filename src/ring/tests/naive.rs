//! Against a naive model that keeps a list of lines.

use super::*;

/// What the ring should do, with a list in place of positions.
struct Naive {
    capacity: usize,
    memory: usize,
    lines: Vec<Vec<u8>>,
    sent: usize,
    part: usize,
    dropped: u64,
    /// Lengths of lines that left in flight, and are not acknowledged.
    evicted: Vec<usize>,
}

impl Naive {
    fn bytes(lines: &[Vec<u8>]) -> usize {
        lines.iter().map(|line| HEAD + line.len()).sum()
    }

    fn push(&mut self, line: Vec<u8>) {
        self.fit(HEAD + line.len());
        self.lines.push(line);
    }

    /// Evicts lines until `free` bytes are free.
    fn fit(&mut self, free: usize) {
        while let wanted = (Self::bytes(&self.lines) + free).saturating_sub(self.capacity)
            && wanted > 0
        {
            let is_part_sent = self.sent == 0 && self.part > 0;
            if is_part_sent || self.sent > 0 && self.evicted.len() == 256 {
                self.drop_unsent(wanted);
                continue;
            }
            let length = self.lines.remove(0).len();
            if self.sent == 0 {
                self.dropped += 1;
            } else {
                self.evicted.push(length);
            }
            self.sent = self.sent.saturating_sub(1);
        }
    }

    /// The oldest of those that wait whole go, as many as free a sixteenth.
    fn drop_unsent(&mut self, wanted: usize) {
        let first = self.sent + usize::from(self.part > 0);
        let mut freed = 0;
        while freed < wanted.max(self.memory / 16) && self.lines.len() > first {
            freed += self.lines.remove(first).len() + HEAD;
            self.dropped += 1;
        }
    }

    fn in_flight(&self) -> usize {
        self.lines[..self.sent].concat().len() + self.part
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
        let lost = unacked.saturating_sub(self.in_flight());
        while let Some(length) = self.evicted.first()
            && self.evicted.iter().sum::<usize>() - length >= lost
        {
            self.evicted.remove(0);
        }
        let mut arrived = self.in_flight().saturating_sub(unacked);
        let mut whole = 0;
        while self.lines.get(whole).is_some_and(|line| line.len() <= arrived) {
            arrived -= self.lines[whole].len();
            whole += 1;
        }
        self.lines.drain(..whole);
        self.sent -= whole;
    }

    fn rewind(&mut self) {
        (self.sent, self.part) = (0, 0);
        self.dropped += std::mem::take(&mut self.evicted).len() as u64;
    }
}

/// What came over one connection: whole lines, each later than the one before.
fn check_stream(stream: &[u8], seed: u64) {
    let mut last = None;
    for text in crate::base::fields::lines(stream) {
        let number = text.get(..7).and_then(crate::base::decimal::parse_u64);
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
    let mut random = Random(seed);
    let mut below = |bound: usize| random.index(bound);
    let (mut buffer, mut other) = (BUFFER_MIN + below(3000), BUFFER_MIN + below(3000));
    let mut stores = [buffer, other].map(Store::new);
    let [store, spare] = &mut stores;
    let mut ring = store.ring(DROPPING);
    let mut spare = (&mut spare.words, &mut spare.memory[..]);
    let mut naive = Naive {
        capacity: buffer + 2 * HEAD,
        memory: Ring::memory_for(buffer),
        lines: Vec::new(),
        sent: 0,
        part: 0,
        dropped: 0,
        evicted: Vec::new(),
    };
    let mut stream = Vec::new();
    for number in 0..5_000 {
        match below(7) {
            0..4 => {
                let longest = if below(10) == 0 { LINE_MAX } else { 200 };
                let new = line(number, below(longest + 1));
                ring.push(&new, 0);
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
                // LogArg of what is in flight may have left the ring: then it is more than is held.
                let unacked = below(naive.in_flight() + 500);
                ring.acknowledge(unacked as u64, 0);
                naive.acknowledge(unacked);
            }
            _ if below(4) == 0 => {
                check_stream(&stream, seed);
                stream.clear();
                ring.rewind(0, true);
                naive.rewind();
            }
            _ if below(4) == 0 => {
                spare = ring.move_to(spare, below(2) == 0);
                (buffer, other) = (other, buffer);
                naive.capacity = buffer + 2 * HEAD;
                naive.fit(0);
                naive.memory = Ring::memory_for(buffer);
            }
            _ => {}
        }
        assert!(unsent(&ring) == naive.unsent(), "seed {seed:#x}, step {number}");
        assert_eq!(
            ring.counts().dropped,
            naive.dropped,
            "seed {seed:#x}, step {number}"
        );
        assert_eq!(ring.queued(), Naive::bytes(&naive.lines));
    }
    check_stream(&stream, seed);
}

#[test]
fn ring_agrees_with_a_naive_model() {
    for seed in seeds(40) {
        against_naive(seed);
    }
}
