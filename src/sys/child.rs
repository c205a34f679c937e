//! A command of the user's: a child in a process group of its own.

use super::call::{call, int, long_call};
use super::fd::{Fd, poll};
use super::file::{open, with_c_path};
use super::signal;
use crate::world::Errno;
use core::ffi::{c_char, c_int};
use core::ptr::null;

unsafe extern "C" {
    /// What a command finds in its environment (`environ(7)`).
    static environ: *const *const c_char;
}

/// A command that runs, or has ended and not been waited for.
pub(super) struct Child {
    group: usize,
    has_ended: bool,
}

impl Child {
    /// Starts the command in a shell, with that standard input. What it prints goes nowhere, what it
    /// complains of goes where the log goes.
    pub(super) fn start(command: &[u8], input: &Fd) -> Result<Self, Errno> {
        let child = fork()?;
        if child == 0 {
            in_child(command, input);
        }
        // The child does it too: whoever comes first.
        set_group(child, child);
        Ok(Self {
            group: child,
            has_ended: false,
        })
    }

    /// Waits for it to end by itself, at most so many milliseconds.
    pub(super) fn wait(&mut self, millis: u32) {
        const STEP: u32 = 10;
        for _ in 0..millis / STEP {
            self.has_ended = self.reap(libc::WNOHANG);
            if self.has_ended {
                return;
            }
            poll(&mut [], Some(u64::from(STEP) * 1_000_000));
        }
    }

    /// Takes its exit status; whether there is one.
    fn reap(&self, options: c_int) -> bool {
        // SAFETY: no status is asked for.
        let answer = unsafe { long_call(libc::SYS_wait4, &[self.group, 0, int(options), 0, 0, 0]) };
        answer != Ok(0)
    }
}

impl Drop for Child {
    /// Ends all of its group, unless it has ended by itself.
    fn drop(&mut self) {
        if self.has_ended {
            return;
        }
        // SAFETY: the call takes numbers only. The group has the child's number, which is nobody else's as long
        // as the child has not been waited for.
        let _ = unsafe { call(libc::SYS_kill, self.group.wrapping_neg(), int(libc::SIGKILL), 0) };
        // SIGKILL cannot be put off, so this does not wait long.
        self.reap(0);
    }
}

/// Splits off a child: its process number here, 0 there.
pub(super) fn fork() -> Result<usize, Errno> {
    // SAFETY: this program has one thread, and the child does nothing that the C library would have to know of.
    unsafe { long_call(libc::SYS_clone, &[int(libc::SIGCHLD), 0, 0, 0, 0, 0]) }
}

fn set_group(process: usize, group: usize) {
    // SAFETY: the call takes numbers only.
    let _ = unsafe { call(libc::SYS_setpgid, process, group, 0) };
}

/// What the child does, all of it.
fn in_child(command: &[u8], input: &Fd) -> ! {
    set_group(0, 0);
    // Nobody is there to end it when the agent has been killed.
    // SAFETY: the call takes numbers only.
    let _ = unsafe {
        call(
            libc::SYS_prctl,
            int(libc::PR_SET_PDEATHSIG),
            int(libc::SIGTERM),
            0,
        )
    };
    signal::give_back();
    if let Ok(nowhere) = open(b"/dev/null", libc::O_WRONLY) {
        become_standard(&nowhere, 1);
    }
    become_standard(input, 0);
    let _ = with_c_path(command, |command| {
        let arguments = [c"sh".as_ptr(), c"-c".as_ptr(), command.as_ptr(), null()];
        // SAFETY: nobody changes the environment, which ends in null.
        let environment = unsafe { environ };
        let shell = c"/bin/sh".as_ptr() as usize;
        // SAFETY: three texts that end in NUL, two lists of them that end in null.
        unsafe {
            call(
                libc::SYS_execve,
                shell,
                arguments.as_ptr() as usize,
                environment as usize,
            )
        }
    });
    // SAFETY: ends this process at once, and runs nothing of the parent's.
    unsafe { libc::_exit(127) }
}

/// Makes it one of the standard descriptors, which stays open in the command and waits.
fn become_standard(fd: &Fd, number: usize) {
    // SAFETY: the calls take numbers only.
    let _ = unsafe { call(libc::SYS_dup3, fd.argument(), number, 0) };
    // SAFETY: as above.
    let _ = unsafe { call(libc::SYS_fcntl, number, int(libc::F_SETFL), 0) };
}
