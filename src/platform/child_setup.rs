//! What a child does between `fork(2)` and `execve(2)`.

use super::child::{Streams, exit};
use super::directory::{Directory, Entries};
use super::errno::check;
use super::fd::{Fd, fcntl};
use super::file::open;
use super::{environment, user};
use crate::base::decimal::parse_u64;
use crate::base::fields::until;
use crate::base::text::Text;
use core::ffi::{c_char, c_int, c_uint};
use core::ptr::null;

/// Bytes of all arguments, and how many there are.
pub(super) const TEXT_MAX: usize = 2048 + "sh\0".len();
const ARGUMENTS_MAX: usize = 32;

/// Makes this process get a signal when its parent ends, even if the parent is killed (`PR_SET_PDEATHSIG`).
pub(super) fn set_parent_death_signal(parent: libc::pid_t, signal: c_int) {
    // SAFETY: with this option the call takes a number.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal as libc::c_ulong) };
    // SAFETY: the call takes nothing. It answers 0 where the parent is in another name space of processes.
    let now = unsafe { libc::getppid() };
    if now != parent && now != 0 {
        exit(126);
    }
}

/// Takes the agent's terminal and descriptors away from the child; `None` if that fails. With a user the child
/// gets that user's rights and environment, and nothing else.
pub(super) fn set_up(user: Option<&[u8]>, variables: &mut Text, streams: Streams) -> Option<()> {
    // A child of another user must not write to the terminal that the agent was started from.
    if user.is_some() {
        // SAFETY: the call takes nothing.
        unsafe { libc::setsid() };
    } else {
        // SAFETY: the call takes numbers only.
        unsafe { libc::setpgid(0, 0) };
    }
    for (number, stream) in streams.into_iter().enumerate() {
        match stream {
            Some(stream) => become_standard(stream, number as c_int)?,
            None => become_standard(&open(b"/dev/null", libc::O_RDWR).ok()?, number as c_int)?,
        }
    }
    close_others()?;
    let Some(user) = user else {
        return Some(());
    };
    // SAFETY: the call takes a number only.
    unsafe { libc::umask(0o022) };
    // SAFETY: a text that ends in NUL.
    check(unsafe { libc::chdir(c"/".as_ptr()) }).ok()?;
    // The keys are the agent's; the call fails on kernels without keys.
    // SAFETY: the call takes a number and no name.
    unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            libc::KEYCTL_JOIN_SESSION_KEYRING,
            null::<c_char>(),
        )
    };
    for part in [b"PATH=", environment::PATH, b"\0SHELL=/bin/sh\0HOME="] {
        variables.put(part);
    }
    user::change_user(user, false, variables)?;
    for name in [b"\0USER=".as_slice(), b"\0LOGNAME="] {
        variables.put(name);
        variables.put(user);
    }
    variables.put(b"\0");
    (!variables.is_cut()).then_some(())
}

/// Closes all descriptors but the standard ones, also those that the agent has inherited; `None` if that fails.
/// (`close_range(2)` came with Linux 5.9.)
fn close_others() -> Option<()> {
    // SAFETY: the call takes numbers only. The child uses none of these descriptors, and drops no `Fd` of its parent.
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

/// Becomes the shell, with these variables or the agent's own; returns if that fails.
pub(super) fn execute(arguments: &mut dyn Iterator<Item = &[u8]>, variables: Option<&[u8]>) {
    let mut buffer = [0; TEXT_MAX];
    let mut text = Text::new(&mut buffer);
    text.put(b"sh\0");
    for argument in arguments {
        text.put(until(argument, 0));
        text.put(b"\0");
    }
    let arguments = pointers(text.bytes());
    let own = pointers(variables.unwrap_or_default());
    let variables = if variables.is_some() {
        own.as_ptr()
    } else {
        environment::all()
    };
    // The last pointer is null unless the arguments are too many.
    if !text.is_cut() && arguments[ARGUMENTS_MAX + 1].is_null() {
        // SAFETY: a path that ends in NUL, and two lists of such texts that end in null; all of them outlive the call.
        unsafe { libc::execve(c"/bin/sh".as_ptr(), arguments.as_ptr(), variables) };
    }
}

/// Returns pointers to the texts, each of which ends in NUL, and null after the last one.
fn pointers(texts: &[u8]) -> [*const c_char; ARGUMENTS_MAX + 2] {
    let mut pointers = [null(); ARGUMENTS_MAX + 2];
    let texts = texts.split_inclusive(|byte| *byte == 0);
    for (pointer, text) in pointers.iter_mut().zip(texts) {
        *pointer = text.as_ptr().cast();
    }
    pointers
}

/// Duplicates it to a standard descriptor, which stays open in a command, and whose calls wait.
fn become_standard(fd: &Fd, number: c_int) -> Option<()> {
    // SAFETY: the calls take numbers only.
    check(unsafe { libc::dup3(fd.number(), number, 0) }).ok()?;
    fcntl(number, libc::F_SETFL, 0).ok().map(drop)
}
