//! Signals: requests of the user are blocked and read from a descriptor (`signalfd(2)`), so that the loop can sleep on
//! them, none is missed, and no other call is interrupted.

use super::errno::check;
use super::fault;
use super::fd::Fd;
use crate::platform::{Errno, Signal};
use core::ffi::c_int;
use core::mem::zeroed;
use core::ptr::null_mut;

/// Requests of the user, and the end of a child. `nohup` has the first one ignored so that it does not kill: here it
/// never does.
const REQUESTS: [c_int; 5] = [
    libc::SIGHUP,
    libc::SIGUSR1,
    libc::SIGTERM,
    libc::SIGINT,
    libc::SIGCHLD,
];

/// Signals that would kill where an error is enough: a closed pipe, a file at its limit.
const IGNORED: [c_int; 2] = [libc::SIGPIPE, libc::SIGXFSZ];

/// Makes an error of what would kill the process: a closed pipe, a file at its limit, lost memory of a file.
pub fn survive_errors() {
    for signal in IGNORED {
        handle(signal, libc::SIG_IGN);
    }
    fault::install_handler();
}

/// Blocks the requests, and opens the descriptor that they are read from.
pub(super) fn open() -> Result<Fd, Errno> {
    let mut blocked = empty_set();
    for signal in REQUESTS {
        // The parent may have SIGCHLD ignored, and then a child that has ended cannot be waited for.
        let before = handle(signal, libc::SIG_DFL);
        if signal == libc::SIGINT && before == libc::SIG_IGN {
            // A shell starts a background process so: the Ctrl-C of its terminal is for others.
            handle(signal, libc::SIG_IGN);
            continue;
        }
        // SAFETY: the set is initialized.
        unsafe { libc::sigaddset(&raw mut blocked, signal) };
    }
    // SAFETY: the set is initialized; the signals that were blocked before are not asked for.
    check(unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const blocked, null_mut()) })?;
    let flags = libc::SFD_NONBLOCK | libc::SFD_CLOEXEC;
    // SAFETY: the set is initialized; −1 asks for a new descriptor.
    check(unsafe { libc::signalfd(-1, &raw const blocked, flags) }).map(Fd::new)
}

/// Returns one signal, if one has come.
pub(super) fn next(descriptor: &Fd) -> Option<Signal> {
    // A record starts with the signal's number (`signalfd(2)`).
    let mut record = [0; size_of::<libc::signalfd_siginfo>()];
    let length = descriptor.read(&mut record).ok()?;
    match i32::from_ne_bytes(*record.first_chunk()?) {
        _ if length < record.len() => None,
        libc::SIGHUP => Some(Signal::Reload),
        libc::SIGUSR1 => Some(Signal::Report),
        libc::SIGCHLD => Some(Signal::Child),
        _ => Some(Signal::Stop),
    }
}

/// Handles signals in a child as another program expects it.
pub(super) fn restore_defaults() {
    for signal in IGNORED {
        handle(signal, libc::SIG_DFL);
    }
    let none = empty_set();
    // SAFETY: the set is initialized; the signals that were blocked before are not asked for.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const none, null_mut()) };
}

fn empty_set() -> libc::sigset_t {
    // SAFETY: all zeros is a value of it.
    let mut set = unsafe { zeroed() };
    // SAFETY: the set is writable.
    unsafe { libc::sigemptyset(&raw mut set) };
    set
}

/// Sets how a signal is handled, and returns how it was before.
pub(super) fn handle(signal: c_int, handler: libc::sighandler_t) -> libc::sighandler_t {
    // SAFETY: all zeros is a value of it.
    let (mut action, mut before): (libc::sigaction, libc::sigaction) = unsafe { zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = match signal {
        // A child that stops and goes on is not one that has ended.
        libc::SIGCHLD => libc::SA_NOCLDSTOP,
        // Its handler gets the address.
        libc::SIGBUS => libc::SA_SIGINFO,
        _ => 0,
    };
    // SAFETY: both are valid, and the one handler there is calls only what may be called in one (`signal-safety(7)`, and
    // `mmap(2)`).
    unsafe { libc::sigaction(signal, &raw const action, &raw mut before) };
    before.sa_sigaction
}
