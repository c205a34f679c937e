//! The state of a ring that outlives the agent: a few words, each stored by one instruction.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering, compiler_fence};

/// The kernel has taken memory of a ring away, perhaps during a call: reads may return other bytes than were written.
static IS_LOST: AtomicBool = AtomicBool::new(false);

/// Notes that memory of a ring has been lost, or that lost memory is no longer in use.
pub fn set_lost(is_lost: bool) {
    IS_LOST.store(is_lost, Ordering::Relaxed);
}

/// Returns whether earlier reads may have returned other bytes than were written.
pub fn is_lost() -> bool {
    #[cfg(test)]
    return super::tests::fuse::is_lost();
    #[cfg(not(test))]
    {
        // A signal handler sets it during a read.
        compiler_fence(Ordering::SeqCst);
        IS_LOST.load(Ordering::Relaxed)
    }
}

/// Identifies a spool and its version.
const MAGIC: u32 = u32::from_be_bytes(*b"mms\x03");
/// Identifies a spool whose words are being written.
const UNFINISHED: u32 = u32::from_be_bytes(*b"mms\0");

/// The words before the memory of a ring. Positions are indexes of that memory.
#[derive(Default)]
#[repr(C)]
pub struct Words {
    pub(super) magic: Word,
    pub(super) capacity: Word,
    pub(super) oldest: Word,
    pub(super) newest: Word,
    /// The start of the records that a rewrite in progress has moved; [`Words::NO_REWRITE`] without one.
    pub(super) rewrite: Word,
    /// Seconds from the monotonic clock to the stamps of lines that are not settled.
    pub(super) clock: Word,
    /// The same after the rewrite in progress.
    pub(super) rewrite_clock: Word,
    /// The end of the lines that have ever been sent, at least in part.
    pub(super) sent_mark: Word,
    /// The boot of the lines that are not settled.
    pub boot: Word,
    /// The end of the lines that have ever been acknowledged.
    pub(super) ever_acked: Word,
}

impl Words {
    pub(super) const NO_REWRITE: usize = u32::MAX as usize;

    /// Writes the words of an empty ring in `capacity` bytes.
    pub(super) fn clear(&self, capacity: usize, boot: u32) {
        // Until the last store this is a spool, but not a ring.
        self.magic.set(UNFINISHED as usize);
        self.capacity.set(capacity);
        self.oldest.set(0);
        self.newest.set(0);
        self.rewrite.set(Self::NO_REWRITE);
        self.clock.set(0);
        self.rewrite_clock.set(0);
        self.sent_mark.set(0);
        self.boot.set(boot as usize);
        self.ever_acked.set(0);
        self.magic.set(MAGIC as usize);
    }

    /// Returns the clock of the lines that are appended now.
    pub(super) fn last_clock(&self) -> usize {
        if self.rewrite.get() == Self::NO_REWRITE {
            self.clock.get()
        } else {
            self.rewrite_clock.get()
        }
    }

    /// Returns whether the bytes start like a spool, of any version and byte order.
    pub fn are_at(bytes: &[u8]) -> bool {
        let is_magic = |magic: u32| magic & !0x1f == UNFINISHED;
        let magic = bytes.first_chunk().copied().map(u32::from_ne_bytes);
        magic.is_some_and(|magic| is_magic(magic) || is_magic(magic.swap_bytes()))
    }

    /// Returns whether these can be the words of a ring in `length` bytes, or in the first part of them.
    pub(super) fn can_be_of(&self, length: usize) -> bool {
        let capacity = self.capacity.get();
        self.magic.get() == MAGIC as usize
            && capacity <= length
            && self.oldest.get() < capacity
            && self.newest.get() < capacity
    }
}

/// Reads from an index in memory whose end is followed by its start.
pub(super) fn read(memory: &[u8], at: usize, bytes: &mut [u8]) {
    if let Some(whole) = memory.get(at..at + bytes.len()) {
        return bytes.copy_from_slice(whole);
    }
    let (head, tail) = bytes.split_at_mut(memory.len() - at);
    head.copy_from_slice(&memory[at..]);
    tail.copy_from_slice(&memory[..tail.len()]);
}

/// A word of 32 bits. The next agent finds the last stored value, and everything that was written before it.
#[derive(Default)]
#[repr(transparent)]
pub struct Word(AtomicU32);

impl Word {
    /// Returns the value.
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed) as usize
    }

    /// Stores a value below 2^32.
    pub fn set(&self, value: usize) {
        #[cfg(test)]
        super::tests::fuse::burn();
        // The next agent runs after this one has ended, when all stores are visible. Only the compiler has to keep their
        // order.
        compiler_fence(Ordering::SeqCst);
        self.0.store(value as u32, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
    }
}
