//! A command of the user's: a child in a process group of its own.

use super::call::{call, int, long_call};
use super::fd::{Fd, poll};
use super::file::open;
use super::{signal, user};
use crate::text::Text;
use crate::world::{Ended, Errno};
use core::ffi::{c_char, c_int};
use core::ptr::null;

unsafe extern "C" {
    /// What a command finds in its environment (`environ(7)`).
    static environ: *const *const c_char;
}

/// A command that runs, or has ended and not been waited for.
pub(super) struct Child {
    group: usize,
}

/// Milliseconds from killing it to its end, which is there at once if there is nothing odd about it.
const END: u32 = 50;

/// Where its standard streams lead: those that are not here, nowhere.
#[derive(Clone, Copy)]
pub(super) struct Streams<'a> {
    pub(super) input: Option<&'a Fd>,
    pub(super) output: Option<&'a Fd>,
    /// What it complains of goes where the log goes.
    pub(super) has_errors: bool,
}

impl Child {
    /// Starts the shell with these arguments, as that user if one is named.
    pub(super) fn start(
        arguments: &mut dyn Iterator<Item = &[u8]>,
        user: Option<&[u8]>,
        streams: Streams,
    ) -> Result<Self, Errno> {
        let child = fork()?;
        if child == 0 {
            in_child(arguments, user, streams);
        }
        // The child does it too: whoever comes first.
        set_group(child, child);
        Ok(Self { group: child })
    }

    /// Waits for it to end by itself, at most so many milliseconds.
    pub(super) fn wait(&self, millis: u32) {
        for _ in 0..millis {
            if self.has_ended() {
                return;
            }
            poll(&mut [], Some(1_000_000));
        }
    }

    /// Whether it has ended (`waitid(2)`); its number stays its own.
    pub(super) fn has_ended(&self) -> bool {
        let mut about = [0_u32; 32];
        let options = int(libc::WEXITED | libc::WNOHANG | libc::WNOWAIT);
        let arguments = [
            libc::P_PID as usize,
            self.group,
            about.as_mut_ptr() as usize,
            options,
            0,
            0,
        ];
        // SAFETY: there is room for a siginfo, of 128 bytes.
        let answer = unsafe { long_call(libc::SYS_waitid, &arguments) };
        // A signal's number is the first of it, if there is any.
        answer.is_err() || about[0] != 0
    }

    /// Asks all of its group to end.
    pub(super) fn ask_to_end(&self) {
        self.signal(libc::SIGTERM);
    }

    /// Ends all of its group that is still there, and says how the command itself has ended; `None` if it still
    /// has not. One that has become another user's does not mind, nor one that waits for a dead disk.
    pub(super) fn end(&self) -> Option<Ended> {
        if self.signal(libc::SIGKILL) {
            self.wait(END);
        }
        self.reap()
    }

    /// How it has ended, if it has: then nothing is left of it.
    fn reap(&self) -> Option<Ended> {
        let mut status: c_int = 0;
        let place = &raw mut status as usize;
        // SAFETY: there is room for the status.
        let answer = unsafe { long_call(libc::SYS_wait4, &[self.group, place, int(libc::WNOHANG), 0, 0, 0]) };
        if answer == Ok(0) {
            return None;
        }
        Some(if libc::WIFSIGNALED(status) {
            Ended::Signal(libc::WTERMSIG(status) as u8)
        } else {
            Ended::Exit(libc::WEXITSTATUS(status) as u8)
        })
    }

    /// Says whether that is not forbidden.
    fn signal(&self, signal: c_int) -> bool {
        // SAFETY: the call takes numbers only. The group has the child's number, which is nobody else's as long
        // as the child has not been waited for.
        let answer = unsafe { call(libc::SYS_kill, self.group.wrapping_neg(), int(signal), 0) };
        answer != Err(Errno(libc::EPERM))
    }
}

/// Those that are kept in mind.
const LEFT_MAX: usize = 16;

/// Commands that could not be ended, until they have: of more than there is room for, nobody asks again.
pub(super) struct Left([Option<Child>; LEFT_MAX]);

impl Left {
    pub(super) const NONE: Self = Self([const { None }; LEFT_MAX]);

    /// Ends the command, or keeps it in mind.
    pub(super) fn end(&mut self, child: Child) {
        if child.end().is_none()
            && let Some(place) = self.0.iter_mut().find(|place| place.is_none())
        {
            *place = Some(child);
        }
    }

    /// Looks after all.
    pub(super) fn reap(&mut self) {
        for place in &mut self.0 {
            if place.as_ref().is_some_and(|child| child.reap().is_some()) {
                *place = None;
            }
        }
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

/// Bytes of all arguments, and how many there are.
const TEXT_MAX: usize = 2048;
const ARGUMENTS_MAX: usize = 32;

/// What the child does, all of it.
fn in_child(arguments: &mut dyn Iterator<Item = &[u8]>, user: Option<&[u8]>, streams: Streams) -> ! {
    set_group(0, 0);
    signal::give_back();
    if let Ok(nowhere) = open(b"/dev/null", libc::O_RDWR) {
        become_standard(streams.input.unwrap_or(&nowhere), 0);
        become_standard(streams.output.unwrap_or(&nowhere), 1);
        if !streams.has_errors {
            become_standard(&nowhere, 2);
        }
        if user.is_none_or(|user| user::become_user(user).is_some()) {
            // Nobody else is there to end it when the agent has been killed. (Another user would not have it.)
            // SAFETY: the call takes numbers only.
            let _ = unsafe {
                call(
                    libc::SYS_prctl,
                    int(libc::PR_SET_PDEATHSIG),
                    int(libc::SIGTERM),
                    0,
                )
            };
            run(arguments);
        }
    }
    // SAFETY: ends this process at once, and runs nothing of the parent's.
    unsafe { libc::_exit(126) }
}

/// Becomes the shell; comes back if it cannot.
fn run(arguments: &mut dyn Iterator<Item = &[u8]>) {
    let mut buffer = [0; TEXT_MAX];
    let mut text = Text::new(&mut buffer);
    let mut starts = [0; ARGUMENTS_MAX];
    let mut count = 0;
    for argument in arguments {
        let Some(start) = starts.get_mut(count) else {
            return;
        };
        *start = text.bytes().len();
        text.put(argument);
        text.put(b"\0");
        count += 1;
    }
    if text.is_cut() {
        return;
    }
    let text = text.into_bytes();
    // The shell's name, the arguments, and null.
    let mut pointers = [null(); ARGUMENTS_MAX + 2];
    pointers[0] = c"sh".as_ptr();
    for (place, start) in pointers
        .iter_mut()
        .skip(1)
        .zip(starts.get(..count).unwrap_or_default())
    {
        *place = text.get(*start..).unwrap_or_default().as_ptr().cast();
    }
    // SAFETY: nobody changes the environment, which ends in null.
    let environment = unsafe { environ } as usize;
    let (shell, pointers) = (c"/bin/sh".as_ptr() as usize, pointers.as_ptr() as usize);
    // SAFETY: texts that end in NUL, and two lists of such that end in null.
    let _ = unsafe { call(libc::SYS_execve, shell, pointers, environment) };
}

/// Makes it one of the standard descriptors, which stays open in the command and waits.
fn become_standard(fd: &Fd, number: usize) {
    // SAFETY: the calls take numbers only.
    let _ = unsafe { call(libc::SYS_dup3, fd.argument(), number, 0) };
    // SAFETY: as above.
    let _ = unsafe { call(libc::SYS_fcntl, number, int(libc::F_SETFL), 0) };
}
