//! Datagrams of other programs, received by the listener.

use super::thin_levels::RECEIVED;
use super::{Agent, Cx};
use crate::base::text::hash;
use crate::custom::{PUSHED_MAX, read_line};
use crate::families::is_metric;
use crate::format::Sample;
use crate::platform::Platform;

/// Datagrams that are collected in one turn: a burst does not keep the loop from other work.
pub(super) const DATAGRAMS_MAX: usize = 64;
/// The kernel holds no more of them (`net.unix.max_dgram_qlen` is 10 to 512).
const HELD_MAX: usize = 1024;

impl Agent<'_> {
    /// Collects at most `most` waiting datagrams: lines of name, value and tags, or lines that another agent has
    /// written.
    pub(super) fn collect_received<P: Platform>(&mut self, most: usize, cx: &mut Cx<P>) {
        // A longer datagram is malformed as a whole.
        let mut buffer = [0; PUSHED_MAX + 1];
        self.set_time(self.now);
        for _ in 0..most {
            self.make_room(cx);
            let Some(length) = cx.platform.receive(&mut buffer) else {
                return;
            };
            let datagram = buffer
                .get(..length)
                .filter(|datagram| datagram.len() <= PUSHED_MAX);
            let mut is_good = datagram.is_some_and(|datagram| !datagram.is_empty());
            let datagram = datagram.unwrap_or_default();
            for line in datagram.split(|byte| *byte == b'\n') {
                is_good &= read_line(line, &mut |sample| self.push_received(sample, cx)).is_some();
            }
            self.malformed += u64::from(!is_good);
        }
    }

    /// Stops the listener, and collects all that it has received.
    pub(super) fn collect_last_received<P: Platform>(&mut self, cx: &mut Cx<P>) {
        cx.platform.stop_listening();
        self.collect_received(HELD_MAX, cx);
    }

    fn push_received<P: Platform>(&mut self, sample: &Sample, cx: &mut Cx<P>) -> Option<()> {
        // The agent's own metrics cannot be forged.
        if is_metric(sample.metric) {
            return None;
        }
        // Lines of one name and tags are thinned among themselves, as far as there are numbers for all.
        let mut number = hash(sample.metric);
        for (_, tag) in sample.instance {
            number = number.rotate_left(5) ^ hash(tag);
        }
        let number = RECEIVED.start + number as usize % RECEIVED.len();
        let thin_level = self.thin_levels.of(number, self.now);
        self.output.push(sample, thin_level, cx)?;
        self.thin_levels.note(number, self.now);
        Some(())
    }
}
