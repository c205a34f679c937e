//! Ends the agent, as it were, at the store of that number.

use std::cell::Cell;

thread_local! {
    static LEFT: Cell<u64> = const { Cell::new(u64::MAX) };
}

pub(crate) fn burn() {
    let left = LEFT.get();
    assert!(left > 0, "killed");
    LEFT.set(left - 1);
}

/// Runs it and kills it when it has made so many stores; says whether it was.
pub(super) fn kills(after: u64, run: impl FnOnce()) -> bool {
    LEFT.set(after);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
    LEFT.set(u64::MAX);
    result.is_err()
}
