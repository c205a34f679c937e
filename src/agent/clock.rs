//! The wall clock, which may be wrong, held against the monotonic one, which knows nothing of dates.

use crate::num::divide;
use crate::world::World;

/// When this program was built, or its version released: seconds since 1970. It is never earlier.
const BUILT: u64 = parse(env!("MINI_MONITOR_DATE"));
/// The last second that 32 bits can count.
const LAST: u64 = u32::MAX as u64;
/// Milliseconds by which the wall clock may move without anybody taking it for a step.
const SLACK: u64 = 1_000;

const fn parse(text: &str) -> u64 {
    let (mut number, mut place) = (0, 0);
    while place < text.len() {
        let digit = text.as_bytes()[place].wrapping_sub(b'0');
        assert!(digit < 10, "MINI_MONITOR_DATE is not a number");
        number = number * 10 + digit as u64;
        place += 1;
    }
    number
}

/// Whether a clock that shows so many milliseconds since 1970 can be right.
#[inline(never)]
pub(super) fn is_plausible(millis: u64) -> bool {
    (BUILT * 1_000..(LAST + 1) * 1_000).contains(&millis)
}

/// What a look at both clocks has shown.
pub(super) struct Look {
    /// The stamp of a sample taken now: seconds since 1970; since the machine's start, if it has never
    /// been known better.
    pub(super) time: u64,
    /// The wall clock can be right.
    pub(super) is_right: bool,
    /// It has stepped: seconds from the monotonic clock to the stamps from now on.
    pub(super) step: Option<u32>,
}

/// What is known of the wall clock.
pub(super) struct Clock {
    /// Milliseconds from the monotonic clock to it, as it was when it last stepped.
    offset: u64,
}

impl Clock {
    /// The stamps so far are so many seconds from the monotonic clock.
    pub(super) fn new(seconds: usize) -> Self {
        Self {
            offset: seconds as u64 * 1_000,
        }
    }

    pub(super) fn look<W: World>(&mut self, world: &mut W, now: u64) -> Look {
        let mut wall = world.wall();
        let mut step = None;
        if self.has_stepped(wall, now) {
            // Or else we have been kept waiting between the two.
            let now = world.now();
            wall = world.wall();
            if is_plausible(wall) && self.has_stepped(wall, now) {
                self.offset = wall - now.min(wall);
                step = Some(divide(self.offset + 500, 1_000).0 as u32);
            }
        }
        let is_right = is_plausible(wall);
        let time = if is_right { wall } else { now + self.offset };
        Look {
            time: divide(time, 1_000).0,
            is_right,
            step,
        }
    }

    #[inline(never)]
    fn has_stepped(&self, wall: u64, now: u64) -> bool {
        let difference = wall.wrapping_sub(now + self.offset);
        difference.wrapping_add(SLACK) > 2 * SLACK
    }
}
