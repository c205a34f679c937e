//! What has been acknowledged lately: a receiver that dies has lost what it had not read.

/// Marks that are kept; a span of time is told apart in eighths, and one is always begun.
const MARKS: usize = 10;
const PARTS: u32 = 8;

#[derive(Clone, Copy, Default)]
struct Mark {
    /// When it was begun, and when it was last moved, in milliseconds: the low bits are enough to tell how
    /// long ago.
    begun: u32,
    moved: u32,
    /// All before this was acknowledged by then.
    position: usize,
}

/// Up to where all had been acknowledged when.
pub(super) struct Marks {
    /// Milliseconds for which what was acknowledged is kept.
    span: u32,
    list: [Mark; MARKS],
    count: usize,
}

impl Marks {
    pub(super) fn new(span: u32) -> Self {
        Self {
            span,
            list: [Mark::default(); MARKS],
            count: 0,
        }
    }

    /// All before `position` is acknowledged now.
    pub(super) fn note(&mut self, now: u32, position: usize) {
        let last = self.count.saturating_sub(1);
        let is_new = self.count == 0 || is_past(self.list[last].begun, self.span / PARTS, now);
        if is_new && self.count < MARKS {
            self.list[self.count] = Mark {
                begun: now,
                moved: now,
                position,
            };
            self.count += 1;
        } else {
            self.list[last].moved = now;
            self.list[last].position = position;
        }
    }

    /// When the receiver was there for sure: not now, of which its silence since then says nothing.
    pub(super) fn heard(&self, now: u32) -> u32 {
        let last = self.list[..self.count].last();
        last.filter(|_| self.span > 0).map_or(now, |mark| mark.moved)
    }

    /// Up to where all was acknowledged longer ago than the span; each is told once.
    pub(super) fn expired(&mut self, now: u32) -> Option<usize> {
        let old = |mark: &&Mark| is_past(mark.moved, self.span, now);
        let expired = self.list[..self.count].iter().take_while(old).count();
        let position = self.list[..expired].last()?.position;
        self.list.copy_within(expired..self.count, 0);
        self.count -= expired;
        Some(position)
    }

    /// Nothing that was acknowledged is kept any more.
    pub(super) fn clear(&mut self) {
        self.count = 0;
    }

    /// All positions are smaller by as much.
    pub(super) fn move_down(&mut self, by: usize) {
        for mark in &mut self.list[..self.count] {
            mark.position = mark.position.saturating_sub(by);
        }
    }
}

/// Whether so long has passed since then. (What is less than 24 days ahead has not.)
fn is_past(then: u32, span: u32, now: u32) -> bool {
    now.wrapping_sub(then.wrapping_add(span)) as i32 >= 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_acknowledged_is_kept_for_the_span_and_little_longer() {
        for step in [1, 7, 20, 1_250, 5_000, 11_000] {
            let mut marks = Marks::new(10_000);
            let mut free = 0;
            for now in (0..100_000).step_by(step) {
                marks.note(now, now as usize);
                free = marks.expired(now).map_or(free, |position| position as u32);
                let kept = now - free;
                // At the start nothing has been expired.
                assert!(
                    kept >= 10_000 || now < 10_000 || free == 0,
                    "{step}: {kept} at {now}"
                );
                assert!(
                    kept <= 10_000 + 1_250 + 2 * step as u32,
                    "{step}: {kept} at {now}"
                );
            }
        }
    }

    #[test]
    fn a_silent_receiver_costs_nothing_of_what_was_kept() {
        let mut marks = Marks::new(10_000);
        marks.note(0, 100);
        marks.note(9_000, 200);
        // Then it says nothing for a minute: what it had acknowledged last may be lost.
        assert_eq!(marks.heard(69_000), 9_000);
        assert_eq!(marks.expired(9_000), None);
        marks.note(69_000, 300);
        assert_eq!(marks.expired(marks.heard(70_000)), Some(200));
    }

    #[test]
    fn a_span_of_nothing_keeps_nothing() {
        let mut marks = Marks::new(0);
        marks.note(5, 100);
        assert_eq!(marks.expired(5), Some(100));
        assert_eq!(marks.expired(5), None);
    }
}
