//! When lines were acknowledged: a receiver that dies has lost what it had not read.

/// Marks in a list. Each covers an eighth of the span of time, and one more is in progress.
const MARKS: usize = 10;
const PARTS: u32 = 8;

/// The times of acknowledgements, as far as they decide how long a line is kept. Three lists: acknowledgements on this
/// connection; first acknowledgements of lines; and the latter with a longer span, counted in the time of the
/// connections that had the lines.
#[derive(Clone, Copy)]
pub(super) struct AckTimes([Marks; 3]);

impl AckTimes {
    /// Creates empty lists, for lines that are kept for `span` milliseconds.
    pub(super) fn new(span: u32) -> Self {
        let mut times = Self([Marks::new(span); 3]);
        times.set_span(span);
        times
    }

    /// Changes the milliseconds for which lines are kept.
    pub(super) fn set_span(&mut self, span: u32) {
        let [current, first, connected] = &mut self.0;
        (current.span, first.span, connected.span) = (span, span, connected_span(span));
    }

    /// Forgets all acknowledgements.
    pub(super) fn clear(&mut self) {
        for marks in &mut self.0 {
            marks.clear();
        }
    }

    /// Notes that lines before `position` are acknowledged now, some of them for the first time if `is_new`. Returns
    /// the position up to which lines need not be kept any longer.
    pub(super) fn acknowledge(&mut self, now: u32, position: usize, is_new: bool) -> Option<usize> {
        let [current, first, connected] = &mut self.0;
        connected.resume(now, position);
        if is_new {
            first.note_and_shorten(now, position);
            connected.note_and_shorten(now, position);
        }
        // The receiver may have died right after its last acknowledgement before this one; this one may have been
        // under way then.
        let last_sign = current.last_sign(now);
        current.note(now, position);
        current.expired(last_sign)
    }

    /// Notes that the connection has ended, and that the receiver has closed it and got all lines if `has_all`. Returns
    /// the position up to which lines need not be repeated.
    pub(super) fn disconnect(&mut self, now: u32, has_all: bool) -> Option<usize> {
        let [current, first, connected] = &mut self.0;
        let last_sign = current.last_sign(now);
        let mut expired = connected.expired(last_sign);
        if has_all {
            expired = expired.max(current.expired(now)).max(first.expired(now));
        }
        connected.pause(last_sign);
        current.clear();
        expired
    }

    /// Adjusts the positions after the records between two positions were removed.
    pub(super) fn close_gap(&mut self, from: usize, to: usize) {
        for marks in &mut self.0 {
            for mark in &mut marks.list {
                if mark.position > from {
                    mark.position = mark.position.max(to) - (to - from);
                }
            }
        }
    }
}

/// Returns the milliseconds for which connections may have had an acknowledged line.
fn connected_span(span: u32) -> u32 {
    // Longer ones could not be distinguished from the future.
    span.saturating_mul(4).min(1 << 30)
}

#[derive(Clone, Copy, Default)]
struct Mark {
    /// When it was started and when it was last moved, in milliseconds. The low bits suffice for differences.
    started: u32,
    moved: u32,
    /// All lines before it were acknowledged by then.
    position: usize,
}

impl Mark {
    /// Turns times into ages, or ages into times.
    fn invert(&mut self, now: u32) {
        self.started = now.wrapping_sub(self.started);
        self.moved = now.wrapping_sub(self.moved);
    }
}

/// Positions with the times of their acknowledgement, the oldest first.
#[derive(Clone, Copy)]
struct Marks {
    /// Milliseconds for which acknowledged lines are kept.
    span: u32,
    list: [Mark; MARKS],
    count: usize,
    /// The marks up to which all lines have been acknowledged again since [`Marks::pause`]; the others hold ages.
    live: usize,
}

impl Marks {
    fn new(span: u32) -> Self {
        Self {
            span,
            list: [Mark::default(); MARKS],
            count: 0,
            live: 0,
        }
    }

    /// Notes that all lines before `position` are acknowledged now.
    fn note(&mut self, now: u32, position: usize) {
        let is_old = |mark: &Mark| is_past(mark.started, self.span / PARTS, now);
        let is_new = self.count < MARKS && self.last().is_none_or(is_old);
        self.count += usize::from(is_new);
        self.live = self.count;
        if let Some(last) = self.list.get_mut(self.count.wrapping_sub(1)) {
            if is_new {
                last.started = now;
            }
            (last.moved, last.position) = (now, position);
        }
    }

    /// Returns when the receiver was alive for certain: at its last acknowledgement, since its silence proves nothing.
    fn last_sign(&self, now: u32) -> u32 {
        let last = self.last().filter(|_| self.span > 0);
        last.map_or(now, |mark| mark.moved)
    }

    fn last(&self) -> Option<&Mark> {
        self.list.get(self.count.wrapping_sub(1))
    }

    /// Returns the position up to which lines were acknowledged longer ago than the span, and forgets it.
    fn expired(&mut self, now: u32) -> Option<usize> {
        let mut position = None;
        while self.live > 0 && is_past(self.list[0].moved, self.span, now) {
            position = Some(self.list[0].position);
            self.remove_first();
        }
        position
    }

    fn clear(&mut self) {
        (self.count, self.live) = (0, 0);
    }

    /// Stops the time from `end` until [`Marks::resume`].
    fn pause(&mut self, end: u32) {
        for mark in self.list.iter_mut().take(core::mem::take(&mut self.live)) {
            mark.invert(end);
        }
    }

    /// Lets the time go on for lines before `position`, which are acknowledged again now.
    fn resume(&mut self, now: u32, position: usize) {
        let paused = self.list.iter_mut().take(self.count).skip(self.live);
        for mark in paused.take_while(|mark| mark.position <= position) {
            mark.invert(now);
            self.live += 1;
        }
    }

    /// Does the same as [`Marks::note`], and removes all but one of the expired marks, which [`Marks::expired`] will
    /// find.
    fn note_and_shorten(&mut self, now: u32, position: usize) {
        self.note(now, position);
        while self.live > 1 && is_past(self.list[1].moved, self.span, now) {
            self.remove_first();
        }
    }

    fn remove_first(&mut self) {
        self.list.copy_within(1.., 0);
        self.count -= 1;
        self.live -= 1;
    }
}

/// Returns whether `span` has passed since `then`. (A time less than 24 days ahead has not.)
fn is_past(then: u32, span: u32, now: u32) -> bool {
    now.wrapping_sub(then.wrapping_add(span)) as i32 >= 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acknowledged_lines_are_kept_for_the_span_and_little_longer() {
        for step in [1, 7, 20, 1_250, 5_000, 11_000] {
            let mut marks = Marks::new(10_000);
            let mut free = 0;
            for now in (0..100_000).step_by(step) {
                marks.note(now, now as usize);
                free = marks.expired(now).map_or(free, |position| position as u32);
                let kept = now - free;
                // At the start nothing has expired.
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
    fn lines_are_kept_while_the_receiver_is_silent() {
        let mut marks = Marks::new(10_000);
        marks.note(0, 100);
        marks.note(9_000, 200);
        // Then it is silent for a minute: its last acknowledged lines may be lost.
        assert_eq!(marks.last_sign(69_000), 9_000);
        assert_eq!(marks.expired(9_000), None);
        marks.note(69_000, 300);
        assert_eq!(marks.expired(marks.last_sign(70_000)), Some(200));
    }

    #[test]
    fn span_of_zero_keeps_nothing() {
        let mut marks = Marks::new(0);
        marks.note(5, 100);
        assert_eq!(marks.expired(5), Some(100));
        assert_eq!(marks.expired(5), None);
    }
}
