//! Signals: those that ask for something are blocked and read from a descriptor, so that the loop
//! can sleep on them, none is missed, and no other call is broken off.

use super::call::{call, int, long_call};
use super::fault;
use super::fd::Fd;
use crate::platform::{Errno, Signal};
use core::ffi::c_int;

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
        let set = blocked.as_ptr() as usize;
        let arguments = [int(libc::SIG_BLOCK), set, 0, SET_LENGTH, 0, 0];
        // SAFETY: the set is whole; nobody asks for what was blocked before.
        unsafe { long_call(libc::SYS_rt_sigprocmask, &arguments) }?;
        let flags = int(libc::SFD_NONBLOCK | libc::SFD_CLOEXEC);
        // SAFETY: the set is whole; −1 asks for a new descriptor.
        let answer = unsafe { long_call(libc::SYS_signalfd4, &[int(-1), set, SET_LENGTH, flags, 0, 0]) };
        Ok(Self {
            descriptor: Fd::new(answer?),
        })
    }

    /// The same once more: the first number that is free, if there is one.
    pub(super) fn duplicate(&self) -> Result<Fd, Errno> {
        let arguments = [self.descriptor.argument(), int(libc::F_DUPFD_CLOEXEC), 3];
        let [fd, command, least] = arguments;
        // SAFETY: the call takes numbers only.
        unsafe { call(libc::SYS_fcntl, fd, command, least) }.map(Fd::new)
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
    let none: Set = [0; 4];
    let arguments = [
        int(libc::SIG_SETMASK),
        none.as_ptr() as usize,
        0,
        SET_LENGTH,
        0,
        0,
    ];
    // SAFETY: the set is whole; nobody asks for what was blocked before.
    let _ = unsafe { long_call(libc::SYS_rt_sigprocmask, &arguments) };
}

/// A set of signals: a bit each, from the lowest of the first word on. All of ours are there.
type Set = [usize; 4];
/// Bytes of it that the kernel wants to see.
const SET_LENGTH: usize = if cfg!(any(target_arch = "mips", target_arch = "mips64")) {
    16
} else {
    8
};

fn asking() -> Set {
    let mut set = [0; 4];
    for &signal in &ASKING {
        let before = handle(signal, libc::SIG_DFL);
        if signal == libc::SIGINT && before == libc::SIG_IGN {
            // A shell starts what runs in the background so: its terminal's Ctrl-C is not for us.
            handle(signal, libc::SIG_IGN);
            continue;
        }
        set[0] |= 1 << (signal - 1);
    }
    // A script has ended.
    set[0] |= 1 << (libc::SIGCHLD - 1);
    set
}

/// Answers how it was handled before.
fn handle(signal: c_int, handler: libc::sighandler_t) -> libc::sighandler_t {
    // What the kernel has for an action, in words: the handler, which MIPS has behind the flags, flags and a
    // set, and all of the latter are empty.
    let place = usize::from(cfg!(any(target_arch = "mips", target_arch = "mips64")));
    let (mut action, mut before) = ([0; 8], [0; 8]);
    action[place] = handler;
    if signal == libc::SIGCHLD {
        // A child that stops and goes on is not one that has ended.
        action[1 - place] = libc::SA_NOCLDSTOP as usize;
    }
    let (new, old) = (action.as_ptr() as usize, before.as_mut_ptr() as usize);
    // SAFETY: there is room for an action, and neither SIG_IGN nor SIG_DFL runs any code of ours.
    let _ = unsafe { long_call(libc::SYS_rt_sigaction, &[int(signal), new, old, SET_LENGTH, 0, 0]) };
    before[place]
}
