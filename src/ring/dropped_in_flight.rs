//! Lines that left the ring in flight. Whether they are lost is known when they are acknowledged or their connection ends.

/// The most lines that may leave the ring in flight.
const LINES_MAX: usize = 256;

/// A queue of the lengths of these lines.
#[derive(Clone, Copy)]
pub(super) struct DroppedInFlight {
    lengths: [u16; LINES_MAX],
    first: usize,
    count: usize,
    /// Their sum.
    bytes: usize,
}

impl DroppedInFlight {
    pub(super) const NONE: Self = Self {
        lengths: [0; LINES_MAX],
        first: 0,
        count: 0,
        bytes: 0,
    };

    pub(super) fn is_full(&self) -> bool {
        self.count == LINES_MAX
    }

    /// Adds a line of `length` bytes that left the ring after the others. The queue must not be full.
    pub(super) fn push(&mut self, length: usize) {
        self.lengths[(self.first + self.count) % LINES_MAX] = length as u16;
        self.count += 1;
        self.bytes += length;
    }

    /// Removes the lines that have been acknowledged whole, now that all bytes but the last `unacked` have been. Returns
    /// how many there were.
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

    /// Removes all lines, which are lost. Returns how many there were.
    pub(super) fn take_lost(&mut self) -> u64 {
        self.bytes = 0;
        core::mem::take(&mut self.count) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_is_acknowledged_with_its_last_byte() {
        let mut dropped_in_flight = DroppedInFlight::NONE;
        for length in [10, 20, 30] {
            dropped_in_flight.push(length);
        }
        assert_eq!(dropped_in_flight.acknowledge(60), 0);
        assert_eq!(dropped_in_flight.acknowledge(51), 0);
        assert_eq!(dropped_in_flight.acknowledge(50), 1);
        assert_eq!(dropped_in_flight.acknowledge(31), 0);
        assert_eq!(dropped_in_flight.acknowledge(0), 2);
        assert_eq!(dropped_in_flight.take_lost(), 0);
    }

    #[test]
    fn full_queue_takes_lines_again_after_acknowledgements() {
        let mut dropped_in_flight = DroppedInFlight::NONE;
        for round in 0..3 {
            while !dropped_in_flight.is_full() {
                dropped_in_flight.push(100);
            }
            assert_eq!(
                dropped_in_flight.acknowledge(5_550),
                LINES_MAX as u64 - 56,
                "round {round}"
            );
        }
        assert_eq!(dropped_in_flight.take_lost(), 56);
        assert_eq!(dropped_in_flight.acknowledge(0), 0);
    }
}
