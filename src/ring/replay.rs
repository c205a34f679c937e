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

impl Mark {
    /// Makes ages of times, or times of ages.
    fn turn(&mut self, now: u32) {
        self.begun = now.wrapping_sub(self.begun);
        self.moved = now.wrapping_sub(self.moved);
    }
}

/// Up to where all had been acknowledged when.
#[derive(Clone)]
pub(super) struct Marks {
    /// Milliseconds for which what was acknowledged is kept.
    pub(super) span: u32,
    list: [Mark; MARKS],
    count: usize,
    /// Marks up to which all has been acknowledged again since [`Marks::pause`]; the others have ages for times.
    live: usize,
}

impl Marks {
    pub(super) fn new(span: u32) -> Self {
        Self {
            span,
            list: [Mark::default(); MARKS],
            count: 0,
            live: 0,
        }
    }

    /// All before `position` is acknowledged now.
    pub(super) fn note(&mut self, now: u32, position: usize) {
        let has_room = self.count < MARKS;
        let is_old = |mark: &Mark| is_past(mark.begun, self.span / PARTS, now);
        let is_new = has_room && self.last().is_none_or(is_old);
        self.count += usize::from(is_new);
        self.live = self.count;
        if let Some(last) = self.list.get_mut(self.count.wrapping_sub(1)) {
            if is_new {
                last.begun = now;
            }
            (last.moved, last.position) = (now, position);
        }
    }

    /// When the receiver was there for sure: not now, of which its silence since then says nothing.
    pub(super) fn heard(&self, now: u32) -> u32 {
        let last = self.last().filter(|_| self.span > 0);
        last.map_or(now, |mark| mark.moved)
    }

    fn last(&self) -> Option<&Mark> {
        self.list.get(self.count.wrapping_sub(1))
    }

    /// Up to where all was acknowledged longer ago than the span; each is told once.
    pub(super) fn expired(&mut self, now: u32) -> Option<usize> {
        let mut position = None;
        while self.live > 0 && is_past(self.list[0].moved, self.span, now) {
            position = Some(self.list[0].position);
            self.remove_first();
        }
        position
    }

    /// Nothing is known of what was acknowledged when.
    pub(super) fn clear(&mut self) {
        (self.count, self.live) = (0, 0);
    }

    /// The connection has ended, and was heard last at `end`. Time does not count until what was acknowledged is
    /// acknowledged again.
    pub(super) fn pause(&mut self, end: u32) {
        for mark in self.list.iter_mut().take(core::mem::take(&mut self.live)) {
            mark.turn(end);
        }
    }

    /// All before `position` is acknowledged again now.
    pub(super) fn resume(&mut self, now: u32, position: usize) {
        let paused = self.list.iter_mut().take(self.count).skip(self.live);
        for mark in paused.take_while(|mark| mark.position <= position) {
            mark.turn(now);
            self.live += 1;
        }
    }

    /// Leaves one mark of what was acknowledged longer ago than the span: [`Marks::expired`] finds it.
    pub(super) fn shorten(&mut self, now: u32) {
        while self.live > 1 && is_past(self.list[1].moved, self.span, now) {
            self.remove_first();
        }
    }

    fn remove_first(&mut self) {
        self.list.copy_within(1.., 0);
        self.count -= 1;
        self.live -= 1;
    }

    /// The records between these positions are gone.
    pub(super) fn close_gap(&mut self, from: usize, to: usize) {
        for mark in self.list.iter_mut().filter(|mark| mark.position > from) {
            mark.position = mark.position.max(to) - (to - from);
        }
    }

    /// All positions are smaller by as much.
    pub(super) fn move_down(&mut self, by: usize) {
        for mark in &mut self.list {
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
