//! Signals: blocked, but while the loop sleeps, so that none is missed and no call is broken off.

use core::ffi::c_int;
use core::mem::MaybeUninit;
use core::ptr::null_mut;
use core::sync::atomic::{AtomicBool, Ordering};

static STOP: AtomicBool = AtomicBool::new(false);

/// Signals that ask the agent to end.
const STOPPING: [c_int; 2] = [libc::SIGTERM, libc::SIGINT];

extern "C" fn on_stop(_: c_int) {
    STOP.store(true, Ordering::Relaxed);
}

/// The set of signals to be blocked while the loop sleeps: those that were blocked at the start.
pub(super) struct SleepMask(libc::sigset_t);

impl SleepMask {
    pub(super) fn as_ptr(&self) -> *const libc::sigset_t {
        &raw const self.0
    }

    /// In a child: signals are to it what they are to any program.
    pub(super) fn restore_in_child(&self) {
        for signal in STOPPING {
            handle(signal, libc::SIG_DFL);
        }
        // SAFETY: the set is one that the kernel gave us.
        unsafe { libc::sigprocmask(libc::SIG_SETMASK, self.as_ptr(), null_mut()) };
    }
}

/// Sets up all signals: SIGTERM and SIGINT are remembered, SIGPIPE is ignored.
pub(super) fn set_up() -> SleepMask {
    handle(libc::SIGPIPE, libc::SIG_IGN);
    let mut blocked = MaybeUninit::<libc::sigset_t>::zeroed();
    let mut before = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: it has room for a set.
    unsafe { libc::sigemptyset(blocked.as_mut_ptr()) };
    for signal in STOPPING {
        handle(signal, on_stop as *const () as libc::sighandler_t);
        // SAFETY: the set was made empty above, and the signals exist.
        unsafe { libc::sigaddset(blocked.as_mut_ptr(), signal) };
    }
    // SAFETY: both point to sets; the call reads the first and writes the second.
    unsafe { libc::sigprocmask(libc::SIG_BLOCK, blocked.as_ptr(), before.as_mut_ptr()) };
    // SAFETY: the call has filled it.
    let mut during_sleep = unsafe { before.assume_init() };
    for signal in STOPPING {
        // Whoever started us may have left them blocked.
        // SAFETY: the set is one that the kernel gave us, and the signals exist.
        unsafe { libc::sigdelset(&raw mut during_sleep, signal) };
    }
    SleepMask(during_sleep)
}

fn handle(signal: c_int, handler: libc::sighandler_t) {
    let action = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: all zeros is a value of it: no flag, an empty set.
    let mut action = unsafe { action.assume_init() };
    action.sa_sigaction = handler;
    // SAFETY: the action is whole, and its handler only stores to an atomic.
    unsafe { libc::sigaction(signal, &raw const action, null_mut()) };
}

/// Whether the user has asked the agent to end since this was last asked.
pub(super) fn take_stop() -> bool {
    STOP.swap(false, Ordering::Relaxed)
}
