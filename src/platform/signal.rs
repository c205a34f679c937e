//! Signals: those that ask for something are blocked and read from a descriptor, so that the loop
//! can sleep on them, none is missed, and no other call is broken off.

use super::errno::check;
use super::fault;
use super::fd::Fd;
use crate::platform::{Errno, Signal};
use core::ffi::c_int;
use core::mem::{MaybeUninit, zeroed};
use core::ptr::{from_mut, null_mut};

/// Signals that ask for something. `nohup` has the first one ignored so that it does not kill: here it
/// never does.
const ASKING: [c_int; 4] = [libc::SIGHUP, libc::SIGUSR1, libc::SIGTERM, libc::SIGINT];

/// Signals that would kill where an error says enough: a closed pipe, a file at its limit.
const IGNORED: [c_int; 2] = [libc::SIGPIPE, libc::SIGXFSZ];

pub(super) struct Signals {
    descriptor: Fd,
}

impl Signals {
    /// Sets up all signals of the process. A child keeps those blocked that ask for something: they
    /// are meant for the agent, also when all processes of its name or of its terminal get one.
    pub(super) fn take_over() -> Result<Self, Errno> {
        for &signal in &IGNORED {
            handle(signal, libc::SIG_IGN);
        }
        // Whoever started us may ignore it, and then a child that has ended cannot be waited for.
        handle(libc::SIGCHLD, libc::SIG_DFL);
        fault::mend();
        let blocked = asking();
        // SAFETY: the set is whole; the signals that were blocked before are not asked for.
        check(unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const blocked, null_mut()) })?;
        let flags = libc::SFD_NONBLOCK | libc::SFD_CLOEXEC;
        // SAFETY: the set is whole; −1 asks for a new descriptor.
        let descriptor = check(unsafe { libc::signalfd(-1, &raw const blocked, flags) })?;
        Ok(Self {
            descriptor: Fd::new(descriptor),
        })
    }

    /// The same once more: the first number that is free, if there is one.
    pub(super) fn duplicate(&self) -> Result<Fd, Errno> {
        // SAFETY: the call takes numbers only.
        check(unsafe { libc::fcntl(self.descriptor.number(), libc::F_DUPFD_CLOEXEC, 3) }).map(Fd::new)
    }

    /// To sleep on.
    pub(super) fn number(&self) -> c_int {
        self.descriptor.number()
    }

    /// Takes one signal, if one has come.
    pub(super) fn take(&self) -> Option<Signal> {
        // The number is what a record starts with (`signalfd(2)`).
        let mut record = [0; 128];
        self.descriptor
            .read(&mut record)
            .ok()
            .filter(|&read| read == record.len())?;
        Some(match i32::from_ne_bytes(*record.first_chunk()?) {
            libc::SIGHUP => Signal::Reload,
            libc::SIGUSR1 => Signal::Report,
            libc::SIGCHLD => Signal::Child,
            _ => Signal::Stop,
        })
    }
}

/// In a child that becomes another program: signals are as that expects them.
pub(super) fn give_back() {
    for signal in IGNORED {
        handle(signal, libc::SIG_DFL);
    }
    let none = empty_set();
    // SAFETY: the set is whole; the signals that were blocked before are not asked for.
    unsafe { libc::sigprocmask(libc::SIG_SETMASK, &raw const none, null_mut()) };
}

fn empty_set() -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: there is room for a set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    // SAFETY: the call has filled it.
    unsafe { set.assume_init() }
}

/// The signals that are read from the descriptor.
fn asking() -> libc::sigset_t {
    let mut set = empty_set();
    // A script has ended: SIGCHLD.
    for signal in ASKING.into_iter().chain([libc::SIGCHLD]) {
        let before = handle(signal, libc::SIG_DFL);
        if signal == libc::SIGINT && before == libc::SIG_IGN {
            // A shell starts what runs in the background so: its terminal's Ctrl-C is not for us.
            handle(signal, libc::SIG_IGN);
            continue;
        }
        // SAFETY: the set is whole.
        unsafe { libc::sigaddset(from_mut(&mut set), signal) };
    }
    set
}

/// Sets how a signal is handled, and returns how it was before.
fn handle(signal: c_int, handler: libc::sighandler_t) -> libc::sighandler_t {
    // SAFETY: all zeros is a value of it.
    let (mut action, mut before): (libc::sigaction, libc::sigaction) = unsafe { zeroed() };
    action.sa_sigaction = handler;
    if signal == libc::SIGCHLD {
        // A child that stops and goes on is not one that has ended.
        action.sa_flags = libc::SA_NOCLDSTOP;
    }
    // SAFETY: both are whole, and neither SIG_IGN nor SIG_DFL runs any code of ours.
    unsafe { libc::sigaction(signal, &raw const action, &raw mut before) };
    before.sa_sigaction
}
