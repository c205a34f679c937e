//! A command of the user's: a child in a process group of its own.

use super::entries::Entries;
use super::errno::check;
use super::fd::{Fd, poll};
use super::file::{Directory, open};
use super::{environment, signal, user};
use crate::base::decimal::parse_u64;
use crate::base::fields::until;
use crate::base::text::Text;
use crate::platform::{Ended, Errno};
use core::ffi::{c_char, c_int, c_uint};
use core::mem::MaybeUninit;
use core::ptr::null;

/// A child that runs, or has ended and not been waited for.
pub(super) struct Child {
    number: libc::pid_t,
}

/// Milliseconds from killing it to its end, which is there at once if there is nothing odd about it.
const END: u32 = 50;

/// Where its standard input, output and error lead; `/dev/null` in place of those that are missing.
pub(super) type Streams<'a> = [Option<&'a Fd>; 3];

impl Child {
    /// Starts the shell with these arguments, as that user if one is named.
    pub(super) fn start(
        arguments: &mut dyn Iterator<Item = &[u8]>,
        user: Option<&[u8]>,
        streams: Streams,
    ) -> Result<Self, Errno> {
        Self::fork(|parent| in_child(parent, arguments, user, streams))
    }

    /// Splits off a child that does this, which is given its parent's number, and then ends.
    pub(super) fn fork(in_child: impl FnOnce(libc::pid_t)) -> Result<Self, Errno> {
        // SAFETY: the call takes nothing.
        let parent = unsafe { libc::getpid() };
        // SAFETY: this program has one thread, so the child may do whatever the parent could.
        let number = check(unsafe { libc::fork() })?;
        if number == 0 {
            in_child(parent);
            exit(126);
        }
        Ok(Self { number })
    }

    /// Waits for it to end by itself for up to the given milliseconds.
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
        let mut about = MaybeUninit::<libc::siginfo_t>::zeroed();
        let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
        // SAFETY: there is room for what the call writes.
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

    /// Asks it and all of its group to end; the child itself once.
    pub(super) fn ask_to_end(&self) {
        // SAFETY: the call takes a number.
        if unsafe { libc::getpgid(self.number) } != self.number {
            kill(self.number, libc::SIGTERM);
        }
        kill(-self.number, libc::SIGTERM);
    }

    /// Ends it and all of its group that is still there, and says how the child itself has ended; `None` if it still
    /// has not. One that has become another user's does not mind, nor one that waits for a dead disk.
    pub(super) fn end(&self) -> Option<Ended> {
        // It may have left its group, or not come to it yet; once it is dead the group gets no new members.
        let is_allowed = kill(self.number, libc::SIGKILL);
        if kill(-self.number, libc::SIGKILL) || is_allowed {
            self.wait(END);
        }
        self.reap()
    }

    /// How it has ended, if it has: then nothing is left of it.
    fn reap(&self) -> Option<Ended> {
        let mut status: c_int = 0;
        // SAFETY: there is room for the status.
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

/// Sends a signal to a child, or by its negative number to the group that has its number; says whether there was one
/// to get it. The number is nobody else's as long as the child has not been waited for.
fn kill(number: libc::pid_t, signal: c_int) -> bool {
    // SAFETY: the call takes numbers only.
    unsafe { libc::kill(number, signal) == 0 }
}

/// Those that are kept in mind.
const LEFT_MAX: usize = 16;

/// Children that could not be ended, until they have.
pub(super) struct Left([Option<Child>; LEFT_MAX]);

impl Left {
    pub(super) const NONE: Self = Self([const { None }; LEFT_MAX]);

    /// Whether there is no room for another one: then none is to be started.
    pub(super) fn is_full(&self) -> bool {
        self.0.iter().all(Option::is_some)
    }

    /// Ends the child, or keeps it in mind.
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

/// Bytes of all arguments, and how many there are.
const TEXT_MAX: usize = 2048 + "sh\0".len();
const ARGUMENTS_MAX: usize = 32;

/// What the child does, all of it.
fn in_child(
    parent: libc::pid_t,
    arguments: &mut dyn Iterator<Item = &[u8]>,
    user: Option<&[u8]>,
    streams: Streams,
) {
    // Another user's gets a session of its own, too: it must not write to the terminal of who has started the agent.
    if user.is_some() {
        // SAFETY: the call takes nothing.
        unsafe { libc::setsid() };
    } else {
        // SAFETY: the call takes numbers only.
        unsafe { libc::setpgid(0, 0) };
    }
    signal::give_back();
    let mut buffer = [0; TEXT_MAX];
    let mut variables = Text::new(&mut buffer);
    if set_up(user, &mut variables, streams).is_some() {
        // (Another user's would not have it before.)
        end_with(parent, libc::SIGTERM);
        run(arguments, user.map(|_| variables.bytes()));
    }
}

/// Ends this process at once, and runs nothing of the parent's.
fn exit(status: c_int) -> ! {
    // SAFETY: the call takes a number and does not come back.
    unsafe { libc::_exit(status) }
}

/// Has this process get the signal when its parent ends, which may have been killed; if that has happened already,
/// ends it.
pub(super) fn end_with(parent: libc::pid_t, signal: c_int) {
    // SAFETY: the call takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal as libc::c_ulong) };
    // SAFETY: the call takes nothing. It answers 0 where the parent is in another name space of processes.
    let now = unsafe { libc::getppid() };
    if now != parent && now != 0 {
        exit(126);
    }
}

/// Leaves behind what the program is not to have of the agent; `None` if that fails. With a user it gets that user's
/// rights and environment, and nothing else.
fn set_up(user: Option<&[u8]>, variables: &mut Text, streams: Streams) -> Option<()> {
    let nowhere = open(b"/dev/null", libc::O_RDWR).ok()?;
    for (number, stream) in streams.into_iter().enumerate() {
        become_standard(stream.unwrap_or(&nowhere), number as c_int)?;
    }
    drop(nowhere);
    close_others()?;
    let Some(user) = user else {
        return Some(());
    };
    // SAFETY: the call takes a number only.
    unsafe { libc::umask(0o022) };
    // SAFETY: a text that ends in NUL.
    check(unsafe { libc::chdir(c"/".as_ptr()) }).ok()?;
    // Its keys are the agent's; where there are none the call fails.
    // SAFETY: the call takes a number and no name.
    unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            libc::KEYCTL_JOIN_SESSION_KEYRING,
            null::<c_char>(),
        )
    };
    variables.put(b"PATH=/usr/sbin:/usr/bin:/sbin:/bin\0SHELL=/bin/sh\0HOME=");
    user::become_user(user, variables)?;
    for name in [b"\0USER=".as_slice(), b"\0LOGNAME="] {
        variables.put(name);
        variables.put(user);
    }
    variables.put(b"\0");
    (!variables.is_cut()).then_some(())
}

/// Closes all descriptors but the standard ones, those that the agent itself has inherited among them; `None` if it
/// cannot. (`close_range(2)` came with Linux 5.9.)
pub(super) fn close_others() -> Option<()> {
    // SAFETY: the call takes numbers only, and no descriptor is used after it.
    if unsafe { libc::syscall(libc::SYS_close_range, 3, c_uint::MAX, 0) } == 0 {
        return Some(());
    }
    let all = Directory::open(b"/proc/self/fd").ok()?;
    let own = all.number();
    let mut entries = Entries::new(all);
    while let Some(name) = entries.next_name().ok()? {
        if let Some(number @ 3..) = parse_u64(name)
            && number as c_int != own
        {
            drop(Fd::new(number as c_int));
        }
    }
    Some(())
}

/// Becomes the shell, with these variables or the agent's own; comes back if it cannot.
fn run(arguments: &mut dyn Iterator<Item = &[u8]>, variables: Option<&[u8]>) {
    let mut buffer = [0; TEXT_MAX];
    let mut text = Text::new(&mut buffer);
    text.put(b"sh\0");
    for argument in arguments {
        text.put(until(argument, 0));
        text.put(b"\0");
    }
    if text.is_cut() {
        return;
    }
    let (Some(arguments), Some(own)) = (pointers(text.bytes()), pointers(variables.unwrap_or_default()))
    else {
        return;
    };
    let variables = if variables.is_some() {
        own.as_ptr()
    } else {
        environment::all()
    };
    // SAFETY: texts that end in NUL, and two lists of such that end in null.
    unsafe { libc::execve(c"/bin/sh".as_ptr(), arguments.as_ptr(), variables) };
}

/// The starts of the texts, each of which ends in NUL, and null behind the last one; `None` if they are too many.
fn pointers(texts: &[u8]) -> Option<[*const c_char; ARGUMENTS_MAX + 2]> {
    let mut pointers = [null(); ARGUMENTS_MAX + 2];
    for (number, text) in texts.split_inclusive(|byte| *byte == 0).enumerate() {
        *pointers.get_mut(..=ARGUMENTS_MAX)?.get_mut(number)? = text.as_ptr().cast();
    }
    Some(pointers)
}

/// Makes it one of the standard descriptors, which stays open in the command and waits.
pub(super) fn become_standard(fd: &Fd, number: c_int) -> Option<()> {
    // SAFETY: the calls take numbers only.
    check(unsafe { libc::dup3(fd.number(), number, 0) }).ok()?;
    // SAFETY: as above.
    check(unsafe { libc::fcntl(number, libc::F_SETFL, 0) }).ok()?;
    Some(())
}
