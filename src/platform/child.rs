//! A child in a process group of its own: a command of the user's, or a look-up.

use super::errno::{WOULD_BLOCK, check};
use super::fd::{BESIDE_SCRIPT, Fd, control, pause};
use super::file::{Directory, Entries, open};
use super::socket::pipe;
use super::{environment, signal, user};
use crate::base::decimal::parse_u64;
use crate::base::fields::until;
use crate::base::text::Text;
use crate::platform::{Ended, Errno};
use core::ffi::{c_char, c_int, c_uint};
use core::mem::MaybeUninit;
use core::ptr::null;

/// A child process that has not been waited for.
pub(super) struct Child {
    number: libc::pid_t,
}

/// Milliseconds that a killed child has to end; most end at once.
const END: u32 = 50;

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
        // SAFETY: this program has one thread, so the child may do whatever the parent could.
        let number = check(unsafe { libc::fork() })?;
        if number == 0 {
            let mut buffer = [0; TEXT_MAX];
            let mut variables = Text::new(&mut buffer);
            if is_program {
                signal::give_back();
            }
            if set_up(user, &mut variables, streams).is_some() {
                // A change of user resets it, so it comes last.
                end_with(parent, if is_program { libc::SIGTERM } else { libc::SIGKILL });
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
            self.wait(END);
        }
        self.reap()
    }

    /// Returns how it has ended, if it has; nothing is left of it then.
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

/// Sends a signal to a child, or by its negative number to its group; returns whether a process got it. The number is
/// not reused before the child has been waited for.
fn kill(number: libc::pid_t, signal: c_int) -> bool {
    // SAFETY: the call takes numbers only.
    unsafe { libc::kill(number, signal) == 0 }
}

const LEFT_MAX: usize = 16;

/// Children that could not be ended, until they have.
pub(super) struct Left([Option<Child>; LEFT_MAX]);

impl Left {
    pub(super) const NONE: Self = Self([const { None }; LEFT_MAX]);

    /// Returns whether there is no room for another child: then none may be started.
    pub(super) fn is_full(&self) -> bool {
        self.0.iter().all(Option::is_some)
    }

    /// Ends the child, or keeps it.
    pub(super) fn end(&mut self, child: Child) {
        if child.end().is_none()
            && let Some(place) = self.0.iter_mut().find(|place| place.is_none())
        {
            *place = Some(child);
        }
    }

    /// Drops the children that have ended.
    pub(super) fn reap(&mut self) {
        for place in &mut self.0 {
            if place.as_ref().is_some_and(|child| child.reap().is_some()) {
                *place = None;
            }
        }
    }
}

/// A command whose output is read while it runs.
pub(super) struct Script {
    pub(super) child: Child,
    /// Its standard output, until it is closed.
    pub(super) output: Option<Fd>,
    /// Its standard error, until it is closed; none if there are too few descriptors for it.
    pub(super) errors: Option<Fd>,
    first_error: FirstLine,
}

impl Script {
    /// Starts the shell with these arguments.
    pub(super) fn start(
        arguments: &mut dyn Iterator<Item = &[u8]>,
        user: Option<&[u8]>,
    ) -> Result<Self, Errno> {
        let (output, theirs) = pipe()?;
        if !output.leaves(BESIDE_SCRIPT) {
            return Err(Errno(libc::EMFILE));
        }
        let errors = pipe().ok().filter(|(errors, _)| errors.leaves(BESIDE_SCRIPT));
        let (errors, their_errors) = errors.unzip();
        Ok(Self {
            child: Child::start(arguments, user, [None, Some(&theirs), their_errors.as_ref()])?,
            output: Some(output),
            errors,
            first_error: FirstLine::NONE,
        })
    }

    /// Reads output; returns its length, 0 at its end, `None` if there is none yet.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> Option<usize> {
        match self.output.as_ref()?.read(buffer) {
            Err(WOULD_BLOCK) => None,
            Ok(length @ 1..) => Some(length),
            _ => {
                self.output = None;
                Some(0)
            }
        }
    }

    /// Reads a bounded piece of the standard error, of which the first line is kept; returns that line as far as it is
    /// known.
    pub(super) fn read_errors(&mut self) -> &[u8] {
        let mut buffer = [0; ERRORS_PIECE];
        for _ in 0..ERRORS_PIECES {
            match self.errors.as_ref().map(|errors| errors.read(&mut buffer)) {
                Some(Ok(length @ 1..)) => self.first_error.push(&buffer[..length]),
                None | Some(Err(WOULD_BLOCK)) => break,
                _ => self.errors = None,
            }
        }
        self.first_error
            .text
            .get(..self.first_error.length)
            .unwrap_or_default()
    }
}

/// Bytes of a piece of a script's standard error, and pieces that are read at once: as much as a pipe holds.
const ERRORS_PIECE: usize = 2048;
const ERRORS_PIECES: usize = 32;
/// Bytes of its first line that are kept.
const FIRST_LINE_MAX: usize = 120;

/// The first line of a text that is not blank.
struct FirstLine {
    text: [u8; FIRST_LINE_MAX],
    length: usize,
    is_whole: bool,
}

impl FirstLine {
    const NONE: Self = Self {
        text: [0; FIRST_LINE_MAX],
        length: 0,
        is_whole: false,
    };

    /// Continues the text.
    fn push(&mut self, bytes: &[u8]) {
        for byte in bytes {
            if self.is_whole || self.length == 0 && byte.is_ascii_whitespace() {
                continue;
            }
            match self.text.get_mut(self.length) {
                Some(slot) if *byte != b'\n' => {
                    *slot = *byte;
                    self.length += 1;
                }
                _ => self.is_whole = true,
            }
        }
    }
}

/// Bytes of all arguments, and how many there are.
const TEXT_MAX: usize = 2048 + "sh\0".len();
const ARGUMENTS_MAX: usize = 32;

/// Ends this process at once: no destructor runs.
pub fn exit(status: c_int) -> ! {
    // SAFETY: the call takes a number and does not come back.
    unsafe { libc::_exit(status) }
}

/// Makes this process get a signal when its parent ends, even if the parent is killed (`PR_SET_PDEATHSIG`).
fn end_with(parent: libc::pid_t, signal: c_int) {
    // SAFETY: the call takes numbers only.
    unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, signal as libc::c_ulong) };
    // SAFETY: the call takes nothing. It answers 0 where the parent is in another name space of processes.
    let now = unsafe { libc::getppid() };
    if now != parent && now != 0 {
        exit(126);
    }
}

/// Takes the agent's terminal and descriptors away from the child; `None` if that fails. With a user the child
/// gets that user's rights and environment, and nothing else.
fn set_up(user: Option<&[u8]>, variables: &mut Text, streams: Streams) -> Option<()> {
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
    user::become_user(user, variables)?;
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

/// Becomes the shell, with these variables or the agent's own; returns if that fails.
fn execute(arguments: &mut dyn Iterator<Item = &[u8]>, variables: Option<&[u8]>) {
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
        // SAFETY: texts that end in NUL, and two lists of such that end in null.
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
    control(number, libc::F_SETFL, 0).ok().map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_line_that_is_not_blank_is_kept_and_cut() {
        let first = |pieces: &[&str]| {
            let mut line = FirstLine::NONE;
            for piece in pieces {
                line.push(piece.as_bytes());
            }
            String::from_utf8(line.text[..line.length].to_vec()).unwrap()
        };
        assert_eq!(first(&[]), "");
        assert_eq!(
            first(&["\n \n\tsh: 1: ", "no: not found\nmore\n"]),
            "sh: 1: no: not found"
        );
        assert_eq!(first(&["a", "\n", "b"]), "a");
        assert_eq!(first(&[&"x".repeat(500), "y\n", "z"]), "x".repeat(FIRST_LINE_MAX));
    }
}
