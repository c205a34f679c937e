//! What outlives the agent beside the lines: a few words, each stored by one instruction.

use core::sync::atomic::{AtomicBool, AtomicU32, Ordering, compiler_fence};

/// The kernel has taken memory away, also in the midst of a call: what is read there need not be what was written.
static IS_LOST: AtomicBool = AtomicBool::new(false);

/// Says that memory of a ring has been lost, or that it is no longer in use.
pub fn set_lost(is_lost: bool) {
    IS_LOST.store(is_lost, Ordering::Relaxed);
}

/// Whether what was read before this may be something else than what was written.
pub(super) fn is_lost() -> bool {
    #[cfg(test)]
    return super::tests::fuse::is_lost();
    #[cfg(not(test))]
    {
        // A signal handler sets it, during a read.
        compiler_fence(Ordering::SeqCst);
        IS_LOST.load(Ordering::Relaxed)
    }
}

/// Says that this is a spool, and of which version.
const MAGIC: u32 = u32::from_be_bytes(*b"mms\x03");
/// The same without a version: the words are being written.
const UNFINISHED: u32 = u32::from_be_bytes(*b"mms\0");

/// The words before the memory of a ring. Offsets are into that memory.
#[derive(Default)]
#[repr(C)]
pub struct Words {
    pub(super) magic: Word,
    pub(super) capacity: Word,
    pub(super) oldest: Word,
    pub(super) newest: Word,
    /// Where the records begin that a lap under way has moved; [`Words::NO_LAP`] if there is none.
    pub(super) lap: Word,
    /// Seconds from the monotonic clock to the stamps of lines that are not settled.
    pub(super) clock: Word,
    /// The same once the lap under way is done.
    pub(super) lap_clock: Word,
    /// The lines before it have been sent, at least in part.
    pub(super) touched: Word,
    /// Which boot the lines are of that are not settled.
    pub boot: Word,
    /// The lines before it have been acknowledged.
    pub(super) known: Word,
}

impl Words {
    pub(super) const NO_LAP: usize = u32::MAX as usize;

    /// An empty ring over so many bytes.
    pub fn clear(&self, capacity: usize) {
        // Until the end it is none, but a spool.
        self.magic.set(UNFINISHED as usize);
        self.capacity.set(capacity);
        self.oldest.set(0);
        self.newest.set(0);
        self.lap.set(Self::NO_LAP);
        self.clock.set(0);
        self.lap_clock.set(0);
        self.touched.set(0);
        self.boot.set(0);
        self.known.set(0);
        self.magic.set(MAGIC as usize);
    }

    /// Takes all lines out of the ring, by one store.
    pub(super) fn empty(&self) {
        self.oldest.set(self.newest.get());
    }

    /// Whether they are those of a spool, of whichever version or order of bytes.
    pub fn are_of_a_spool(&self) -> bool {
        Self::is_magic(self.magic.get() as u32)
    }

    /// Whether bytes begin like those of a spool.
    pub fn are_at(bytes: &[u8]) -> bool {
        let magic = bytes.first_chunk().copied();
        magic.is_some_and(|magic| Self::is_magic(u32::from_ne_bytes(magic)))
    }

    fn is_magic(magic: u32) -> bool {
        [magic, magic.swap_bytes()]
            .iter()
            .any(|magic| magic & !0x1f == UNFINISHED)
    }

    /// Whether the words can be those of a ring over so many bytes, or over the first of them.
    pub(super) fn can_be_of(&self, length: usize) -> bool {
        let capacity = self.capacity.get();
        self.magic.get() == MAGIC as usize
            && capacity <= length
            && self.oldest.get() < capacity
            && self.newest.get() < capacity
    }

    /// The words as they stood at the start of a file.
    #[cfg(test)]
    pub(super) fn from_bytes(bytes: &[u8; size_of::<Self>()]) -> Self {
        let (words, _) = bytes.as_chunks::<4>();
        let mut words = words.iter();
        let mut word = || {
            let bytes = words.next().copied().unwrap_or_default();
            Word(AtomicU32::new(u32::from_ne_bytes(bytes)))
        };
        // In the order in which they lie there.
        Self {
            magic: word(),
            capacity: word(),
            oldest: word(),
            newest: word(),
            lap: word(),
            clock: word(),
            lap_clock: word(),
            touched: word(),
            boot: word(),
            known: word(),
        }
    }
}

/// Reads from a place in memory whose end is followed by its start.
pub(super) fn read(memory: &[u8], at: usize, bytes: &mut [u8]) {
    if let Some(whole) = memory.get(at..at + bytes.len()) {
        return bytes.copy_from_slice(whole);
    }
    let (head, tail) = bytes.split_at_mut(memory.len() - at);
    head.copy_from_slice(&memory[at..]);
    tail.copy_from_slice(&memory[..tail.len()]);
}

/// A word of 32 bits that the next agent will find as it was stored last; what was written before it is
/// there, too.
#[derive(Default)]
#[repr(transparent)]
pub struct Word(AtomicU32);

impl Word {
    /// Its value.
    pub fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed) as usize
    }

    /// Stores a value, all but the lowest 32 bits of which are 0.
    pub fn set(&self, value: usize) {
        #[cfg(test)]
        super::tests::fuse::burn();
        // The next agent runs when this one has ended, by when all that its instructions have stored is
        // there: only the compiler has to keep their order.
        compiler_fence(Ordering::SeqCst);
        self.0.store(value as u32, Ordering::Relaxed);
        compiler_fence(Ordering::SeqCst);
    }
}
