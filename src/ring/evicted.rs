//! Lines that left the ring while they were in flight: whether they were lost is known only when they are
//! acknowledged or their connection ends.

/// Lines that are kept account of. More than this many do not leave the ring in flight.
const LINES_MAX: usize = 256;

/// The lengths of these lines, first in, first out.
#[derive(Clone)]
pub(super) struct Evicted {
    lengths: [u16; LINES_MAX],
    first: usize,
    count: usize,
    /// Their sum.
    bytes: usize,
}

impl Evicted {
    pub(super) const NONE: Self = Self {
        lengths: [0; LINES_MAX],
        first: 0,
        count: 0,
        bytes: 0,
    };

    pub(super) fn is_full(&self) -> bool {
        self.count == LINES_MAX
    }

    /// Adds a line of `length` bytes, the oldest in flight after those that are there. There is room for it.
    pub(super) fn push(&mut self, length: usize) {
        self.lengths[(self.first + self.count) % LINES_MAX] = length as u16;
        self.count += 1;
        self.bytes += length;
    }

    /// All bytes but the last `unacked` have been acknowledged: removes the whole lines among them, and
    /// returns how many these are.
    pub(super) fn acknowledge(&mut self, unacked: usize) -> u64 {
        let before = self.count;
        while self.count > 0 {
            let length = usize::from(self.lengths[self.first]);
            if self.bytes - length < unacked {
                break;
            }
            self.bytes -= length;
            self.first = (self.first + 1) % LINES_MAX;
            self.count -= 1;
        }
        (before - self.count) as u64
    }

    /// Removes all lines, which are lost; returns how many there were.
    pub(super) fn give_up(&mut self) -> u64 {
        self.bytes = 0;
        core::mem::take(&mut self.count) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_acknowledged_with_its_last_byte() {
        let mut evicted = Evicted::NONE;
        for length in [10, 20, 30] {
            evicted.push(length);
        }
        assert_eq!(evicted.acknowledge(60), 0);
        assert_eq!(evicted.acknowledge(51), 0);
        assert_eq!(evicted.acknowledge(50), 1);
        assert_eq!(evicted.acknowledge(31), 0);
        assert_eq!(evicted.acknowledge(0), 2);
        assert_eq!(evicted.give_up(), 0);
    }

    #[test]
    fn as_many_lines_as_fit_are_kept_account_of_round_and_round() {
        let mut evicted = Evicted::NONE;
        for round in 0..3 {
            while !evicted.is_full() {
                evicted.push(100);
            }
            assert_eq!(evicted.acknowledge(5_550), LINES_MAX as u64 - 56, "round {round}");
        }
        assert_eq!(evicted.give_up(), 56);
        assert_eq!(evicted.acknowledge(0), 0);
    }
}
