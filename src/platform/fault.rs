//! Memory of a file that the kernel takes away, because the file was truncated, or its disk is full or broken. An
//! access is a SIGBUS then, and EFAULT in a system call.
//!
//! Memory without a file replaces the whole mapping, with what the file still has. The ring stands still
//! ([`ring::set_lost`]) until its lines are moved to other memory.

use super::signal;
use crate::ring;
use core::ffi::{c_int, c_void};
use core::sync::atomic::{AtomicBool, AtomicI32, AtomicUsize, Ordering};

/// A mapping of a file.
struct Region {
    /// Its address; 0 if there is none.
    start: AtomicUsize,
    length: AtomicUsize,
    file: AtomicI32,
    is_lost: AtomicBool,
}

/// The ring's own, and a second one while lines move.
static REGIONS: [Region; 2] = [const {
    Region {
        start: AtomicUsize::new(0),
        length: AtomicUsize::new(0),
        file: AtomicI32::new(-1),
        is_lost: AtomicBool::new(false),
    }
}; 2];

/// Registers a mapping of the file of this descriptor, which stays open as long as the mapping.
pub(super) fn watch(memory: &[u8], file: c_int) {
    let is_free = |region: &&Region| region.start.load(Ordering::Relaxed) == 0;
    if let Some(region) = REGIONS.iter().find(is_free) {
        region.length.store(memory.len(), Ordering::Relaxed);
        region.file.store(file, Ordering::Relaxed);
        region.is_lost.store(false, Ordering::Relaxed);
        region.start.store(memory.as_ptr().addr(), Ordering::Release);
    }
}

/// Removes the mapping at this address, before it is unmapped.
pub(super) fn forget(address: usize) {
    for region in &REGIONS {
        if region.start.load(Ordering::Relaxed) == address {
            region.start.store(0, Ordering::Release);
            region.is_lost.store(false, Ordering::Relaxed);
        }
    }
    ring::set_lost(is_lost());
}

/// Returns whether memory has been taken away that is still in use.
fn is_lost() -> bool {
    REGIONS
        .iter()
        .any(|region| region.is_lost.load(Ordering::Relaxed))
}

/// Replaces the mapping that has this address; returns whether there is one. (Called in a signal handler.)
pub(super) fn replace(address: usize) -> bool {
    for region in &REGIONS {
        let start = region.start.load(Ordering::Acquire);
        let length = region.length.load(Ordering::Relaxed);
        let is_here = start != 0 && address.wrapping_sub(start) < length;
        // A replaced mapping has no file that can be truncated.
        if !is_here || region.is_lost.swap(true, Ordering::Relaxed) {
            continue;
        }
        ring::set_lost(true);
        let access = libc::PROT_READ | libc::PROT_WRITE;
        let kind = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED;
        // SAFETY: the pages are those of a mapping that `forget` will be called for before it is unmapped. It stays readable
        // and writable, and any bytes are valid in it.
        let memory = unsafe { libc::mmap(start as *mut c_void, length, access, kind, -1, 0) };
        if memory == libc::MAP_FAILED {
            return false;
        }
        let file = region.file.load(Ordering::Relaxed);
        let mut filled = 0;
        while filled < length {
            let target = (start + filled) as *mut c_void;
            // SAFETY: the rest of the mapping is there and writable. (`pread(2)` may be called in a handler.)
            let count = unsafe { libc::pread(file, target, length - filled, filled as libc::off_t) };
            match usize::try_from(count) {
                Ok(count @ 1..) => filled += count,
                _ => break,
            }
        }
        return true;
    }
    false
}

/// Handles SIGBUS in a mapping. Any other SIGBUS ends the program, as it does without this.
pub(super) fn install_handler() {
    signal::handle(libc::SIGBUS, on_bus_error as *const () as usize);
}

/// Handles SIGBUS: the kernel cannot provide memory, or a process has sent the signal.
extern "C" fn on_bus_error(_: c_int, info: *mut libc::siginfo_t, _: *mut c_void) {
    // SAFETY: the C library always has one of these.
    let errno = unsafe { libc::__errno_location() };
    // SAFETY: it points to this thread's own number.
    let before = unsafe { *errno };
    // SAFETY: with `SA_SIGINFO` the kernel passes a valid pointer, for as long as the handler runs.
    let info = unsafe { &*info };
    // SAFETY: the field is a number whatever has sent the signal, and an address where the kernel has.
    let address = unsafe { info.si_addr() }.addr();
    // Codes of signals that a process has sent are not positive.
    if info.si_code <= 0 || !replace(address) {
        signal::handle(libc::SIGBUS, libc::SIG_DFL);
        // A signal that was sent does not come again by itself. This one is held until the handler ends.
        // SAFETY: it takes nothing.
        let this = unsafe { libc::getpid() };
        // SAFETY: the call takes numbers only.
        unsafe { libc::kill(this, libc::SIGBUS) };
    }
    // SAFETY: as above.
    unsafe { *errno = before };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::memory::map_from;
    use std::fs::File;
    use std::io::{Read, Write};
    use std::os::fd::AsRawFd;
    use std::os::unix::net::UnixStream;
    use std::sync::Mutex;

    const PAGE: usize = 65_536;
    /// There are few regions, and [`is_lost`] is about all of them.
    static ALONE: Mutex<()> = Mutex::new(());

    /// A mapping of three times the longest page, cut off within the second.
    fn cut_off(name: &str) -> (File, &'static mut [u8]) {
        let path = std::env::temp_dir().join(format!("mini-monitor-{name}-{}", std::process::id()));
        let mut options = File::options();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .unwrap();
        std::fs::remove_file(&path).unwrap();
        file.write_all(&vec![b'a'; 3 * PAGE]).unwrap();
        let memory = map_from(file.as_raw_fd(), libc::MAP_SHARED, 3 * PAGE).unwrap();
        watch(memory, file.as_raw_fd());
        memory[0] = b'b';
        assert!(!is_lost());
        file.set_len(PAGE as u64 + 100).unwrap();
        (file, memory)
    }

    fn check(memory: &[u8]) {
        assert!(is_lost());
        assert_eq!(memory[..2], *b"ba");
        assert!(memory[2..PAGE + 100].iter().all(|byte| *byte == b'a'));
        assert!(memory[PAGE + 100..].iter().all(|byte| *byte == 0));
        forget(memory.as_ptr().addr());
        assert!(!is_lost());
    }

    #[test]
    fn an_access_to_a_file_that_was_cut_off_finds_what_is_left() {
        let _alone = ALONE.lock();
        install_handler();
        let (_file, memory) = cut_off("fault");
        memory[2 * PAGE] = 0;
        check(memory);
    }

    #[test]
    fn a_send_from_a_file_that_was_cut_off_goes_on_from_memory() {
        let _alone = ALONE.lock();
        let (_file, memory) = cut_off("send");
        let (mut sender, mut receiver) = UnixStream::pair().unwrap();
        let error = sender.write(&memory[2 * PAGE..][..9]).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::EFAULT));
        assert!(!replace(memory.as_ptr().addr().wrapping_sub(1)));
        assert!(replace(memory[2 * PAGE..].as_ptr().addr()));
        sender.write_all(&memory[2 * PAGE..][..9]).unwrap();
        receiver.read_exact(&mut [1; 9]).unwrap();
        check(memory);
    }
}
