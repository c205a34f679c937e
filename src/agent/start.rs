//! From the command line to a running agent.

use super::check::{self, Series};
use super::source::{Found, Problem, Source};
use super::{Agent, Ending, Lines, State, reload, spool, writer};
use crate::builtin;
use crate::config::{self, Command, Config, DOCUMENT_MAX};
use crate::host::{self, Host};
use crate::sys::{self, Errno, Kernel, Once, Spool};
use crate::text::{Put, Text};
use crate::world::{Part, Transfer, World};
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

/// What a running agent has, whatever its configuration is.
pub(super) struct Running {
    pub(super) world: Kernel,
    pub(super) host: Host,
    pub(super) state: State<'static>,
    /// The file that the ring is in.
    pub(super) file: Option<Spool>,
}

/// Does what the arguments (behind the program's name) ask for; answers the exit status.
pub fn start(arguments: impl Iterator<Item = &'static [u8]> + Clone) -> i32 {
    sys::fill_standard_descriptors();
    let (command, file) = match asked_for(arguments.clone()) {
        Ok(asked_for) => asked_for,
        Err(status) => return status,
    };
    let wrong = match command {
        Command::Help => return print_all(config::usage),
        Command::List => return print_all(builtin::list),
        Command::Version => {
            return print_all(|put| put(concat!(env!("MINI_MONITOR_VERSION"), "\n").as_bytes()));
        }
        Command::Check => FAILED,
        Command::Once | Command::Run => BAD_USAGE,
    };
    start_with_file(&Source::new(arguments, file), wrong)
}

/// What the command line says of what to do, and the file that it names; or the exit status if it is wrong.
// What is large here is not under all that follows.
#[cold]
#[inline(never)]
fn asked_for(
    arguments: impl Iterator<Item = &'static [u8]>,
) -> Result<(Command, Option<&'static [u8]>), i32> {
    let mut config = Config::default();
    match config::parse(&mut config, arguments, builtin::find) {
        Ok(()) => Ok((config.command, config.file)),
        Err(error) => Err(complain(&Problem::Flags(error), BAD_USAGE)),
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
    // The process ends with it: the kernel closes its files.
    let mut running = ManuallyDrop::new(None);
    if let Err(status) = open_all(source, memory, found, wrong, &mut running) {
        return status;
    }
    match &mut *running {
        Some(running) => run(source, found, [memory, spare], running),
        None => FAILED,
    }
}

/// Opens what the configuration asks for that has been found in the memory, unless it is only to be looked at or
/// something cannot be had: then that is said, and this is the exit status.
// What is large here is not under all that follows.
#[cold]
#[inline(never)]
fn open_all<A>(
    source: &Source<A>,
    memory: &[u8],
    found: Found,
    wrong: i32,
    running: &mut Option<Running>,
) -> Result<(), i32>
where
    A: Iterator<Item = &'static [u8]> + Clone,
{
    let mut config = Config::default();
    let checked = source.fill(&mut config, memory, found);
    let done = checked.and_then(|()| {
        if config.command == Command::Check {
            return check(&config).map(Some);
        }
        open(&config, running)?;
        Ok(None)
    });
    match done {
        Ok(None) => Ok(()),
        Ok(Some(status)) => Err(status),
        Err(ref problem @ (Problem::System(..) | Problem::Descriptors(_))) => Err(fail(problem)),
        Err(ref problem) => Err(complain(problem, wrong)),
    }
}

/// Prints what would run; answers the exit status.
fn check<'a>(config: &Config<'a>) -> Result<i32, Problem<'a>> {
    let (for_builtin, for_host, _) = MEMORY.take().ok_or(Problem::System(b"memory", Errno::BUSY))?;
    let host = Host::open(config.proc, config.sys, for_host);
    let mut host = host.map_err(|errno| Problem::System(config.proc, errno))?;
    let writer = writer(config).ok_or(config::Error::TooLong)?;
    let series = Series::count(config, writer, &mut host, for_builtin);
    Ok(print_all(|put| check::describe(config, &series, put)))
}

/// Opens what the configuration asks for.
fn open<'a>(config: &Config<'a>, running: &mut Option<Running>) -> Result<(), Problem<'a>> {
    let system = |what: &'a [u8]| move |errno| Problem::System(what, errno);
    let memory = MEMORY.take().ok_or(Errno::BUSY).map_err(system(b"memory"))?;
    let (for_builtin, for_host, lines) = memory;
    let mut world = Kernel::new(config.buffer, config.timeout).map_err(system(b"signals"))?;
    let host = Host::open(config.proc, config.sys, for_host).map_err(system(config.proc))?;
    let writer = writer(config).ok_or(config::Error::TooLong)?;
    let (ring, file) = spool::open(config, &mut world).map_err(system(spool::name(config)))?;
    if let (Command::Run, Some(path)) = (config.command, config.listen)
        && let Some(inlet) = world.next_inlet(Some(path)).map_err(system(path))?
    {
        world.change_inlet(inlet);
    }
    let has_command = |transfer| matches!(transfer, Transfer::Command(_));
    let has_command = config.transfers().iter().copied().any(has_command);
    world
        .check_descriptors(has_command)
        .map_err(Problem::Descriptors)?;
    let (seed, now) = (sys::random_seed(), world.now());
    let state = State::new(config, for_builtin, lines, writer, ring, seed, now);
    *running = Some(Running {
        world,
        host,
        state,
        file,
    });
    Ok(())
}

/// Runs with one configuration after the other.
#[inline(never)]
fn run<A>(
    source: &Source<A>,
    mut found: Found,
    [mut memory, mut spare]: [&mut [u8]; 2],
    running: &mut Running,
) -> i32
where
    A: Iterator<Item = &'static [u8]> + Clone,
{
    let mut is_first = true;
    loop {
        let mut config = Config::default();
        // It has been good before.
        if source.fill(&mut config, memory, found).is_err() {
            return FAILED;
        }
        let mut agent = Agent::new(&config, &mut running.host, &mut running.state);
        if config.command == Command::Once {
            return status(agent.once(&mut running.world));
        }
        let begun = if core::mem::take(&mut is_first) {
            agent.begin(&mut running.world)
        } else {
            None
        };
        #[cfg(in_order)]
        sys::forget_start();
        let ending = begun.unwrap_or_else(|| agent.run(&mut running.world));
        if ending != Ending::Reload {
            return status(ending);
        }
        match follow(source, spare, (&config, found.is_some()), running) {
            Ok(Some(new)) => {
                found = new;
                core::mem::swap(&mut memory, &mut spare);
            }
            Ok(None) => {}
            Err(ref problem) => log(problem, &mut running.world),
        }
    }
}

/// Goes on with what the file says now, which is read into the memory; if there is one.
#[cold]
#[inline(never)]
fn follow<'a, A>(
    source: &Source<A>,
    memory: &'a mut [u8],
    (before, had_file): (&Config<'a>, bool),
    running: &mut Running,
) -> Result<Option<Found>, Problem<'a>>
where
    A: Iterator<Item = &'static [u8]> + Clone,
{
    let found = source.load(memory)?;
    match found {
        None if had_file => return Err(source.missing()),
        None => return Ok(None),
        Some(_) => {}
    }
    let mut now_on = Config::default();
    source.fill(&mut now_on, memory, found)?;
    reload::follow([before, &now_on], running)?;
    Ok(Some(found))
}

#[cold]
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

#[cold]
fn complain(problem: &Problem, status: i32) -> i32 {
    say(|text| problem.describe(text), status)
}

/// Says in a line what keeps the agent from running.
fn say(write: impl FnOnce(&mut Text), status: i32) -> i32 {
    let mut buffer = [0; MESSAGE_MAX];
    let mut text = Text::new(&mut buffer);
    write(&mut text);
    let _ = sys::print(2, text.into_line());
    status
}

#[cold]
fn fail(problem: &Problem) -> i32 {
    let write = |text: &mut Text| {
        text.put(b"mini-monitor: ");
        problem.describe(text);
    };
    say(write, FAILED)
}
