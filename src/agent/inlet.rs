//! What programs of this machine hand in.

use super::ranks::PUSHED;
use super::{Agent, State};
use crate::base::text::hash;
use crate::custom::{PUSHED_MAX, read_line};
use crate::families::is_metric;
use crate::format::Record;
use crate::platform::Platform;

/// Datagrams of one turn: a burst must not keep the loop from all else.
pub(super) const TURN_MAX: usize = 64;
/// The kernel holds no more of them (`net.unix.max_dgram_qlen` is 10 to 512).
const HELD_MAX: usize = 1024;

impl Agent<'_, '_> {
    /// Takes what has come, so many datagrams at most: lines of name, value and tags, or of this agent's own
    /// shape.
    pub(super) fn take_pushed<W: Platform>(&mut self, platform: &mut W, most: usize) {
        // Of a longer datagram nothing is taken.
        let mut buffer = [0; PUSHED_MAX + 1];
        self.state.set_time(self.state.output.now);
        for _ in 0..most {
            let Some(length) = platform.receive(&mut buffer) else {
                return;
            };
            let datagram = buffer
                .get(..length)
                .filter(|datagram| datagram.len() <= PUSHED_MAX);
            let mut is_good = datagram.is_some_and(|datagram| !datagram.is_empty());
            let datagram = datagram.unwrap_or_default();
            for line in datagram.split(|byte| *byte == b'\n') {
                is_good &= read_line(line, &mut |record| self.push(record, platform)).is_some();
            }
            self.state.malformed += u64::from(!is_good);
        }
    }

    /// Takes all that has come, and nothing comes any more.
    pub(super) fn take_last_pushed<W: Platform>(&mut self, platform: &mut W) {
        platform.stop_listening();
        self.take_pushed(platform, HELD_MAX);
    }

    fn push<W: Platform>(&mut self, record: &Record, platform: &mut W) -> Option<()> {
        // What the agent itself measures must not come from elsewhere.
        if is_metric(record.metric) {
            return None;
        }
        let State { output, ranks, .. } = &mut *self.state;
        // Those of one name and tags are thinned among themselves, as far as there are numbers for all.
        let mut number = hash(record.metric);
        for (_, tag) in record.instance {
            number = number.rotate_left(5) ^ hash(tag);
        }
        let number = PUSHED.start + number as usize % PUSHED.len();
        let rank = ranks.of(number, output.now);
        output.push(record, rank, &self.aims, platform)?;
        ranks.note(number, output.now);
        Some(())
    }
}
