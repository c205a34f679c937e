//! The bytes that may be sent before the next flush: all, unless there is a backlog. A server that was away gets it at
//! four times the pace of the new lines, the oldest first: some servers refuse what is older than the newest.

/// How many times faster than new lines a backlog is sent.
const CATCH_UP: usize = 4;

/// Bytes of records.
pub(in crate::sender) struct Allowance {
    /// Those that may be sent before the next flush, beside repeats.
    left: usize,
    /// Those that the ring has got at the last flush, between two flushes, and when there last were any.
    pushed: u64,
    fresh: usize,
    usual: usize,
}

impl Allowance {
    pub(super) const NONE: Self = Self {
        left: 0,
        pushed: 0,
        fresh: 0,
        usual: 0,
    };

    pub(super) fn left(&self) -> usize {
        self.left
    }

    /// Notes at a flush how many bytes the ring has got so far.
    pub(in crate::sender) fn note_pushed(&mut self, pushed: u64) {
        self.fresh = (pushed - self.pushed) as usize;
        self.pushed = pushed;
        if self.fresh > 0 {
            self.usual = self.fresh;
        }
    }

    /// Begins a flush; without a limit if it is urgent. Allowances do not add up while an answer is late: all of them would be
    /// used at once after it.
    pub(super) fn begin(&mut self, unsent: usize, in_flight: usize, is_urgent: bool) {
        let left = self.left.saturating_sub(in_flight).max(CATCH_UP * self.fresh);
        self.left = in_flight + if is_urgent { unsent } else { left.min(unsent) };
    }

    /// Ends all limits.
    pub(in crate::sender) fn lift(&mut self) {
        self.left = usize::MAX;
    }

    pub(super) fn on_connected(&mut self) {
        if self.left == 0 {
            self.left = CATCH_UP * self.usual;
        }
    }

    pub(super) fn spend(&mut self, bytes: usize) {
        self.left = self.left.saturating_sub(bytes);
    }

    pub(super) fn end(&mut self) {
        self.left = 0;
    }
}
