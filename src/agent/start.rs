//! From the command line to a running agent.

use super::source::{Found, Problem, Source};
use super::{Agent, Ending, Lines, State, check, reload, spool, writer};
use crate::builtin;
use crate::config::{self, Command, Config, DOCUMENT_MAX};
use crate::host::{self, Host};
use crate::sys::{self, Errno, Kernel, Once, Spool};
use crate::text::{Put, Text};
use crate::world::{Part, World};
use core::mem::ManuallyDrop;

const OK: i32 = 0;
const FAILED: i32 = 1;
/// As Go's flags have it.
const BAD_USAGE: i32 = 2;

/// Longest message about what is wrong.
const MESSAGE_MAX: usize = 1024;

/// The configuration file, and the one that it is replaced with.
static DOCUMENTS: Once<[[u8; DOCUMENT_MAX]; 2]> = Once::new([[0; DOCUMENT_MAX]; 2]);

/// What is large. On the stack it would be written to as a whole, and more than once.
static MEMORY: Once<(builtin::Memory, host::Memory, Lines)> =
    Once::new((builtin::Memory::EMPTY, host::Memory::EMPTY, Lines::EMPTY));

/// Does what the arguments (behind the program's name) ask for; answers the exit status.
pub fn start(arguments: impl Iterator<Item = &'static [u8]> + Clone) -> i32 {
    sys::fill_standard_descriptors();
    let mut config = Config::default();
    if let Err(error) = config::parse(&mut config, arguments.clone(), builtin::find) {
        return complain(&Problem::Flags(error), BAD_USAGE);
    }
    match config.command {
        Command::Help => print_all(config::usage),
        Command::List => print_all(builtin::list),
        Command::Version => print_all(|put| put(concat!(env!("MINI_MONITOR_VERSION"), "\n").as_bytes())),
        Command::Check => start_with_file(&Source::new(arguments, config.file), FAILED),
        Command::Once | Command::Run => start_with_file(&Source::new(arguments, config.file), BAD_USAGE),
    }
}

/// A wrong configuration ends in that status.
fn start_with_file<A>(source: &Source<A>, wrong: i32) -> i32
where
    A: Iterator<Item = &'static [u8]> + Clone,
{
    let Some([memory, spare]) = DOCUMENTS.take() else {
        return FAILED;
    };
    // What is wrong is large: it stays where it is.
    let found = match source.load(memory) {
        Ok(found) => found,
        Err(ref problem) => return complain(problem, wrong),
    };
    match source.config(memory, found) {
        Ok(ref config) if config.command == Command::Check => print_all(|put| check::describe(config, put)),
        Ok(_) => run(source, found, memory, spare),
        Err(ref problem) => complain(problem, wrong),
    }
}

/// Runs with the configuration that has been found in the memory, and was good.
fn run<A>(source: &Source<A>, found: Found, memory: &mut [u8], spare: &mut [u8]) -> i32
where
    A: Iterator<Item = &'static [u8]> + Clone,
{
    let (Some((for_builtin, for_host, lines)), Ok(config)) = (MEMORY.take(), source.config(memory, found))
    else {
        return FAILED;
    };
    // The process ends with them: the kernel closes its files.
    let mut world = ManuallyDrop::new(Kernel::new(config.buffer, config.timeout));
    let mut host = ManuallyDrop::new(Host::open(config.proc, config.sys, for_host));
    let (world, host) = match (&mut *world, &mut *host) {
        (Ok(world), Ok(host)) => (world, host),
        (Err(errno), _) => return fail(b"signals", *errno),
        (_, Err(errno)) => return fail(config.proc, *errno),
    };
    let Some(writer) = writer(&config) else {
        return complain(&Problem::Flags(config::Error::TooLong), BAD_USAGE);
    };
    let (ring, file) = match spool::open(&config, world) {
        Ok((ring, file)) => (ring, ManuallyDrop::new(file)),
        Err(errno) => return fail(spool::name(&config), errno),
    };
    if let (Command::Run, Some(path)) = (config.command, config.listen)
        && let Err(errno) = world.listen(Some(path))
    {
        return fail(path, errno);
    }
    let (seed, now) = (sys::random_seed(), world.now());
    let mut state = ManuallyDrop::new(State::new(&config, for_builtin, lines, writer, ring, seed, now));
    if config.command == Command::Once {
        return status(Agent::new(&config, host, &mut state).once(world));
    }
    Agent::new(&config, host, &mut state).begin(world);
    run_and_reload(source, found, [memory, spare], (&mut state, file, host, world))
}

/// Runs with one configuration after the other.
fn run_and_reload<A>(
    source: &Source<A>,
    mut found: Found,
    [mut memory, mut spare]: [&mut [u8]; 2],
    (state, mut file, host, world): (
        &mut State<'static>,
        ManuallyDrop<Option<Spool>>,
        &mut Host,
        &mut Kernel,
    ),
) -> i32
where
    A: Iterator<Item = &'static [u8]> + Clone,
{
    // It has been good before.
    while let Ok(config) = source.config(memory, found) {
        let ending = Agent::new(&config, host, state).run(world);
        if ending != Ending::Reload {
            return status(ending);
        }
        match &read_again(source, spare) {
            // There is no file.
            Ok((None, _)) if found.is_none() => {}
            Ok((new, now_on)) => {
                if let Err(problem) = reload::follow([&config, now_on], (state, &mut file, host, world)) {
                    log(&problem, world);
                    continue;
                }
                found = *new;
                core::mem::swap(&mut memory, &mut spare);
            }
            Err(problem) => log(problem, world),
        }
    }
    FAILED
}

#[inline(never)]
fn read_again<'a, A>(source: &Source<A>, memory: &'a mut [u8]) -> Result<(Found, Config<'a>), Problem<'a>>
where
    A: Iterator<Item = &'static [u8]> + Clone,
{
    let found = source.load(memory)?;
    Ok((found, source.config(memory, found)?))
}

fn log(problem: &Problem, world: &mut Kernel) {
    let mut buffer = [0; MESSAGE_MAX];
    let mut text = Text::new(&mut buffer);
    problem.describe(&mut text);
    world.log("%; all stays as it was", &[Part::Text(text.bytes())]);
}

fn status(ending: Ending) -> i32 {
    if ending == Ending::Failed { FAILED } else { OK }
}

/// Prints to standard output what `write` hands over piece by piece.
fn print_all(write: impl FnOnce(Put)) -> i32 {
    let mut status = OK;
    write(&mut |piece| {
        if sys::print(1, piece).is_err() {
            status = FAILED;
        }
    });
    status
}

fn complain(problem: &Problem, status: i32) -> i32 {
    say(|text| problem.describe(text), status)
}

/// Says in a line what keeps the agent from running.
fn say(write: impl FnOnce(&mut Text), status: i32) -> i32 {
    let mut buffer = [0; MESSAGE_MAX];
    let mut text = Text::new(&mut buffer);
    write(&mut text);
    text.put(b"\n");
    let _ = sys::print(2, text.bytes());
    status
}

fn fail(what: &[u8], errno: Errno) -> i32 {
    let write = |text: &mut Text| {
        text.put(b"mini-monitor: ");
        Problem::System(what, errno).describe(text);
    };
    say(write, FAILED)
}
