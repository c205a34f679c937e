//! Signals: those that ask for something are blocked and read from a descriptor, so that the loop
//! can sleep on them, none is missed, and no other call is broken off.

use super::errno::check_length;
use super::fd::Fd;
use crate::world::{Errno, Signal};
use core::ffi::c_int;
use core::mem::{MaybeUninit, size_of};
use core::ptr::null_mut;

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
        for signal in IGNORED {
            handle(signal, libc::SIG_IGN);
        }
        // Whoever started us may ignore it, and then a child that has ended cannot be waited for.
        handle(libc::SIGCHLD, libc::SIG_DFL);
        let blocked = asking();
        // SAFETY: the set is whole; nobody asks for what was blocked before.
        unsafe { libc::sigprocmask(libc::SIG_BLOCK, &raw const blocked, null_mut()) };
        let flags = libc::SFD_NONBLOCK | libc::SFD_CLOEXEC;
        // SAFETY: the set is whole; −1 asks for a new descriptor.
        let answer = unsafe { libc::signalfd(-1, &raw const blocked, flags) };
        Ok(Self {
            descriptor: Fd::from_answer(answer)?,
        })
    }

    /// To sleep on.
    pub(super) fn number(&self) -> c_int {
        self.descriptor.number()
    }

    /// Takes one signal, if one has come.
    pub(super) fn take(&self) -> Option<Signal> {
        let mut signal = MaybeUninit::<libc::signalfd_siginfo>::zeroed();
        let length = size_of::<libc::signalfd_siginfo>();
        // SAFETY: there is room for what the length says.
        let answer = unsafe { libc::read(self.number(), signal.as_mut_ptr().cast(), length) };
        check_length(answer).ok().filter(|&read| read == length)?;
        // SAFETY: all zeros is a value of it, and the call above has filled it.
        Some(match unsafe { signal.assume_init() }.ssi_signo as c_int {
            libc::SIGHUP => Signal::Retry,
            libc::SIGUSR1 => Signal::Report,
            _ => Signal::Stop,
        })
    }
}

fn asking() -> libc::sigset_t {
    let mut set = MaybeUninit::<libc::sigset_t>::zeroed();
    // SAFETY: it has room for a set.
    unsafe { libc::sigemptyset(set.as_mut_ptr()) };
    for signal in ASKING {
        let before = handle(signal, libc::SIG_DFL);
        if signal == libc::SIGINT && before == libc::SIG_IGN {
            // A shell starts what runs in the background so: its terminal's Ctrl-C is not for us.
            handle(signal, libc::SIG_IGN);
            continue;
        }
        // SAFETY: the set was made empty above, and the signals exist.
        unsafe { libc::sigaddset(set.as_mut_ptr(), signal) };
    }
    // SAFETY: made empty, and added to.
    unsafe { set.assume_init() }
}

/// Answers how it was handled before.
fn handle(signal: c_int, handler: libc::sighandler_t) -> libc::sighandler_t {
    // SAFETY: the signals exist, and neither SIG_IGN nor SIG_DFL runs any code of ours.
    unsafe { libc::signal(signal, handler) }
}
