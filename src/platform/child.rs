//! A child in a process group of its own: a command of the user's, or a look-up.

use super::child_setup::{TEXT_MAX, execute, set_parent_death_signal, set_up};
use super::errno::check;
use super::fd::{Fd, pause};
use super::signal;
use crate::base::text::Text;
use crate::platform::{Ended, Errno};
use core::ffi::c_int;
use core::mem::MaybeUninit;

/// A child process that has not been waited for.
pub(super) struct Child {
    number: libc::pid_t,
}

/// Milliseconds that a killed child has to end; most end at once.
const END_MILLIS: u32 = 50;

/// The standard input, output and error of a child; `/dev/null` stands in for a missing one.
pub(super) type Streams<'a> = [Option<&'a Fd>; 3];

impl Child {
    /// Starts the shell with these arguments, as that user if one is named.
    pub(super) fn start(
        arguments: &mut dyn Iterator<Item = &[u8]>,
        user: Option<&[u8]>,
        streams: Streams,
    ) -> Result<Self, Errno> {
        Self::fork(true, user, streams, &mut |variables| {
            execute(arguments, variables)
        })
    }

    /// Starts a child that calls `run`, as that user if one is named and then with the variables for it, and ends. With
    /// `is_program`, `run` becomes another program; a child that stays this one ignores what is meant for the agent, as
    /// when all processes of its name or of its service get a signal, and is killed when the agent ends.
    pub(super) fn fork(
        is_program: bool,
        user: Option<&[u8]>,
        streams: Streams,
        run: &mut dyn FnMut(Option<&[u8]>),
    ) -> Result<Self, Errno> {
        // SAFETY: the call takes nothing.
        let parent = unsafe { libc::getpid() };
        // SAFETY: this program has one thread, so no lock is held in the child, which may do whatever the parent could.
        let number = check(unsafe { libc::fork() })?;
        if number == 0 {
            let mut buffer = [0; TEXT_MAX];
            let mut variables = Text::new(&mut buffer);
            if is_program {
                signal::restore_defaults();
            }
            if set_up(user, &mut variables, streams).is_some() {
                // A change of user resets it, so it comes last.
                set_parent_death_signal(parent, if is_program { libc::SIGTERM } else { libc::SIGKILL });
                run(user.map(|_| variables.bytes()));
            }
            exit(126);
        }
        Ok(Self { number })
    }

    /// Waits for its end, at most for that many milliseconds.
    pub(super) fn wait(&self, millis: u32) {
        for _ in 0..millis {
            if self.has_ended() {
                return;
            }
            pause(1);
        }
    }

    /// Returns whether it has ended (`waitid(2)`); its number stays its own.
    pub(super) fn has_ended(&self) -> bool {
        let mut about = MaybeUninit::<libc::siginfo_t>::zeroed();
        let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        // SAFETY: the call may write to the whole of its answer.
        let answer = unsafe {
            libc::waitid(
                libc::P_PID,
                self.number as libc::id_t,
                about.as_mut_ptr(),
                options,
            )
        };
        // SAFETY: all zeros is a value of it, and stands for a child that has not ended.
        answer == -1 || unsafe { about.assume_init() }.si_signo != 0
    }

    /// Sends SIGTERM to its group, and to the child itself if it has left the group.
    pub(super) fn ask_to_end(&self) {
        // SAFETY: the call takes a number.
        if unsafe { libc::getpgid(self.number) } != self.number {
            kill(self.number, libc::SIGTERM);
        }
        kill(-self.number, libc::SIGTERM);
    }

    /// Kills it and its group; returns how the child itself has ended, or `None` if it has not: the signal does not
    /// reach a child of another user, nor one that waits for a dead disk.
    pub(super) fn end(&self) -> Option<Ended> {
        // It may have left its group, or not come to it yet; once it is dead the group gets no new members.
        let is_allowed = kill(self.number, libc::SIGKILL);
        if kill(-self.number, libc::SIGKILL) || is_allowed {
            self.wait(END_MILLIS);
        }
        self.reap()
    }

    /// Returns how it has ended, if it has; nothing is left of it then.
    fn reap(&self) -> Option<Ended> {
        let mut status: c_int = 0;
        // SAFETY: the status is writable.
        if unsafe { libc::waitpid(self.number, &raw mut status, libc::WNOHANG) } == 0 {
            return None;
        }
        Some(if libc::WIFSIGNALED(status) {
            Ended::Signal(libc::WTERMSIG(status) as u8)
        } else {
            Ended::Exit(libc::WEXITSTATUS(status) as u8)
        })
    }
}

/// Sends a signal to a child, or by its negative number to its group; returns whether a process got it. The number is
/// not reused before the child has been waited for.
fn kill(number: libc::pid_t, signal: c_int) -> bool {
    // SAFETY: the call takes numbers only.
    unsafe { libc::kill(number, signal) == 0 }
}

const UNREAPED_MAX: usize = 16;

/// Killed children that have not ended yet: the kernel delays that of a child that waits for a dead disk.
pub(super) struct Unreaped([Option<Child>; UNREAPED_MAX]);

impl Unreaped {
    pub(super) const NONE: Self = Self([const { None }; UNREAPED_MAX]);

    /// Returns whether there are as many as can be kept: then no other child may be started.
    pub(super) fn is_full(&self) -> bool {
        self.0.iter().all(Option::is_some)
    }

    /// Ends the child, or keeps it.
    pub(super) fn end(&mut self, child: Child) {
        if child.end().is_none()
            && let Some(slot) = self.0.iter_mut().find(|slot| slot.is_none())
        {
            *slot = Some(child);
        }
    }

    /// Drops the children that have ended.
    pub(super) fn reap(&mut self) {
        for slot in &mut self.0 {
            if slot.as_ref().is_some_and(|child| child.reap().is_some()) {
                *slot = None;
            }
        }
    }
}

/// Ends this process at once: no destructor runs.
pub fn exit(status: c_int) -> ! {
    // SAFETY: the call takes a number and does not come back.
    unsafe { libc::_exit(status) }
}
