//! Ends the agent, as it were, at the store of that number.

use std::cell::Cell;

thread_local! {
    static LEFT: Cell<u64> = const { Cell::new(u64::MAX) };
    /// The same for reads and writes, until memory is lost from this byte on.
    static HELD: Cell<(u64, usize)> = const { Cell::new((u64::MAX, 0)) };
    static IS_LOST: Cell<bool> = const { Cell::new(false) };
    /// Nothing has been written since then.
    static IS_PENDING: Cell<bool> = const { Cell::new(false) };
}

pub(crate) fn is_lost() -> bool {
    IS_LOST.get()
}

/// Memory of rings is lost from this byte on, at the access of that number.
pub(super) fn lose(after: u64, from: usize) {
    HELD.set((after, from));
}

/// The memory that is lost is no longer in use.
pub(super) fn recover() {
    HELD.set((u64::MAX, 0));
    IS_LOST.set(false);
    IS_PENDING.set(false);
}

/// Counts an access; says whether memory is lost by it, or was by a read before.
fn access() {
    let (left, from) = HELD.get();
    if left == 0 {
        IS_LOST.set(true);
        IS_PENDING.set(true);
    }
    HELD.set((left.wrapping_sub(1), from));
}

/// Before each write: what is lost is zeros from then on.
pub(crate) fn before_write(memory: &mut [u8]) {
    access();
    wipe(memory);
}

/// Makes zeros of what has been lost.
pub(super) fn wipe(memory: &mut [u8]) {
    if IS_PENDING.replace(false) {
        memory[HELD.get().1..].fill(0);
    }
}

/// After each read, from that index on: the same.
pub(crate) fn after_read(start: usize, bytes: &mut [u8], length: usize) {
    access();
    if IS_PENDING.get() {
        for (at, byte) in bytes.iter_mut().enumerate() {
            if (start + at) % length >= HELD.get().1 {
                *byte = 0;
            }
        }
    }
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
