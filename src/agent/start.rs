//! From the command line to a running agent.

use super::check::{self, Series};
use super::source::{Found, Problem, Source};
use super::{Agent, Ending, Lines, ring_memory, writer};
use crate::base::text::{Put, Text};
use crate::config::{self, Command, Config, ConfigError, ErrorKind, FILE_MEMORY};
use crate::families;
use crate::platform::{self, Errno, Kernel, Once, Spool};
use crate::platform::{LogArg, Platform, Transfer};
use crate::procfs::{self, Host};
use core::mem::ManuallyDrop;

const OK: i32 = 0;
const FAILED: i32 = 1;
/// The exit status after a bad command line, as in Go.
const BAD_USAGE: i32 = 2;

/// Longest message about what is wrong.
const MESSAGE_MAX: usize = 1024;

/// The configuration file, and the one that it is replaced with.
static DOCUMENTS: Once<[[u8; FILE_MEMORY]; 2]> = Once::new([[0; FILE_MEMORY]; 2]);

/// Large memory. On the stack it would be written to as a whole, and more than once.
static MEMORY: Once<(families::Memory, procfs::Memory, Lines)> =
    Once::new((families::Memory::EMPTY, procfs::Memory::EMPTY, Lines::EMPTY));

/// A running agent, and what it runs on.
struct Running {
    platform: Kernel,
    agent: Agent<'static>,
    /// The file that the ring is in.
    file: Option<Spool>,
    /// Nothing has been collected yet.
    is_new: bool,
}

/// Runs the command that the arguments (without the program's name) ask for; returns the exit status.
pub fn start(arguments: impl Iterator<Item = &'static [u8]> + Clone) -> i32 {
    platform::fill_standard_descriptors();
    let (command, file) = match asked_for(arguments.clone()) {
        Ok(asked_for) => asked_for,
        Err(status) => return status,
    };
    let wrong = match command {
        Command::Help => return print_all(config::usage),
        Command::List => return print_all(families::list),
        Command::Version => {
            return print_all(|put| put(concat!(env!("MINI_MONITOR_VERSION"), "\n").as_bytes()));
        }
        Command::Check => FAILED,
        Command::Once | Command::Run => BAD_USAGE,
    };
    start_with_file(&Source::new(arguments, file), wrong)
}

/// Returns the command and the file that the command line names; the exit status if it is wrong.
// Its large variables are not on the stack of the loop.
#[cold]
#[inline(never)]
fn asked_for(
    arguments: impl Iterator<Item = &'static [u8]>,
) -> Result<(Command, Option<&'static [u8]>), i32> {
    let mut config = Config::default();
    match config::parse(&mut config, arguments, families::find) {
        Ok(()) => Ok((config.command, config.file)),
        Err(error) => Err(complain(&error.into(), BAD_USAGE)),
    }
}

/// Runs with one configuration after the other. Two documents take turns, so that one stays in force until the next
/// one is. A wrong configuration at the start ends in the status `wrong`.
fn start_with_file<A>(source: &Source<A>, wrong: i32) -> i32
where
    A: Iterator<Item = &'static [u8]> + Clone,
{
    let Some([document, spare]) = DOCUMENTS.take() else {
        return FAILED;
    };
    let (mut document, mut spare) = (document, spare);
    // A problem is large: it stays where it is.
    let mut found = match source.load(document) {
        Ok(found) => found,
        Err(ref problem) => return complain(problem, wrong),
    };
    let mut has_file = found.is_some();
    // The process ends with it: the kernel closes its files.
    let mut running = ManuallyDrop::new(None);
    loop {
        let mut config = Config::default();
        // It is filled once more after a reload.
        config.is_accepted = running.is_some();
        if let Err(status) = open_all(source, (document, found), wrong, &mut config, &mut running) {
            return status;
        }
        let Some(running) = &mut *running else {
            return FAILED;
        };
        found = loop {
            if let Some(status) = run(&config, running) {
                return status;
            }
            match reload(source, spare, (&config, has_file), running) {
                Ok(Some(found)) => break found,
                Ok(None) => {}
                Err(ref problem) => log(problem, &mut running.platform),
            }
        };
        has_file |= found.is_some();
        core::mem::swap(&mut document, &mut spare);
    }
}

/// Sets the configuration, and opens what it asks for unless the agent runs already. Returns the exit status if nothing
/// is to run, or after a problem, which it prints.
// Its large variables are not on the stack of the loop.
#[cold]
#[inline(never)]
fn open_all<'a, A>(
    source: &Source<A>,
    (document, found): (&'a mut [u8], Found),
    wrong: i32,
    config: &mut Config<'a>,
    running: &mut Option<Running>,
) -> Result<(), i32>
where
    A: Iterator<Item = &'static [u8]> + Clone,
{
    let opened = source.fill(config, document, found).and_then(|()| match running {
        Some(_) => Ok(None),
        None => open(config, running),
    });
    match opened {
        Ok(None) => Ok(()),
        Ok(Some(status)) => Err(status),
        Err(ref problem @ (Problem::System(..) | Problem::Spool(..) | Problem::Descriptors(_))) => {
            Err(fail(problem))
        }
        Err(ref problem) => Err(complain(problem, wrong)),
    }
}

/// Opens everything that the configuration asks for. For `-check`, prints what would run instead, and returns the exit
/// status.
fn open<'a>(config: &Config<'a>, running: &mut Option<Running>) -> Result<Option<i32>, Problem<'a>> {
    let system = |what: &'a [u8]| move |errno| Problem::System(what, errno);
    let memory = MEMORY.take().ok_or(Errno::BUSY).map_err(system(b"memory"))?;
    let (for_builtin, for_host, lines) = memory;
    // The log gets its descriptor first. (`-check` leaves signals and log alone.)
    let mut platform = None;
    if config.command != Command::Check {
        platform = Some(Kernel::new(config.buffer, config.timeout).map_err(system(b"signals"))?);
    }
    let mut host = Host::open(config.proc, config.sys, for_host).map_err(system(config.proc))?;
    let error = ConfigError::of_command_line(ErrorKind::NameTooLong);
    let mut writer = writer(config).ok_or(error)?;
    let Some(mut platform) = platform else {
        let series = Series::count(config, &mut writer, &mut host, for_builtin);
        return Ok(Some(print_all(|put| check::describe(config, &series, put))));
    };
    let opened = ring_memory::open(config, &mut platform);
    let (ring, file) = opened.map_err(|error| Problem::Spool(ring_memory::name(config), error))?;
    if let (Command::Run, Some(path)) = (config.command, config.listen)
        && let Some(listener) = platform.next_listener(Some(path)).map_err(system(path))?
    {
        platform.change_listener(listener);
    }
    let has_command = |transfer| matches!(transfer, Transfer::Command(_));
    let has_command = config.transfers().iter().copied().any(has_command);
    platform
        .check_descriptors(has_command)
        .map_err(Problem::Descriptors)?;
    let (seed, now) = (platform::random_seed(), platform.now());
    let memory = super::Memory {
        families: for_builtin,
        lines,
    };
    *running = Some(Running {
        agent: Agent::new(config, host, memory, writer, ring, seed, now),
        platform,
        file,
        is_new: true,
    });
    Ok(None)
}

/// Runs with this configuration. Returns the exit status at the end; `None` if the configuration is to be read again.
#[inline(never)]
fn run(config: &Config, running: &mut Running) -> Option<i32> {
    let Running {
        platform,
        agent,
        file,
        is_new,
    } = running;
    if config.command == Command::Once {
        return Some(status(agent.once(config, platform)));
    }
    let mut begun = if core::mem::take(is_new) {
        agent.begin(config, platform)
    } else {
        None
    };
    loop {
        let ending = begun.take().unwrap_or_else(|| agent.run(config, platform));
        if platform.has_lost_memory() {
            agent.rescue(config, file, platform);
        }
        match ending {
            Ending::Lost => {}
            Ending::Reload => return None,
            ending => return Some(status(ending)),
        }
    }
}

/// Reads the file into `memory`, and adopts what it says. Returns what was found if the document is in force from now
/// on; `None` if there is no file, and was none before. After an error all stays as it was.
#[cold]
#[inline(never)]
fn reload<'a, A>(
    source: &Source<A>,
    memory: &'a mut [u8],
    (before, has_file): (&'a Config<'a>, bool),
    running: &mut Running,
) -> Result<Option<Found>, Problem<'a>>
where
    A: Iterator<Item = &'static [u8]> + Clone,
{
    let Running {
        platform,
        agent,
        file,
        ..
    } = running;
    let found = source.load(memory)?;
    if found.is_none() {
        if has_file {
            return Err(source.missing());
        }
        agent.reopen([before, before], file, platform)?;
        return Ok(None);
    }
    let mut next = Config::default();
    source.fill(&mut next, memory, found)?;
    agent.reload([before, &next], file, platform)?;
    Ok(Some(found))
}

#[cold]
fn log(problem: &Problem, platform: &mut Kernel) {
    let mut buffer = [0; MESSAGE_MAX];
    let mut text = Text::new(&mut buffer);
    problem.describe(&mut text);
    platform.log(
        "%; the previous configuration stays in force",
        &[LogArg::Text(text.bytes())],
    );
}

fn status(ending: Ending) -> i32 {
    if ending == Ending::Failed { FAILED } else { OK }
}

/// Prints to standard output the pieces that `write` passes.
fn print_all(write: impl FnOnce(Put)) -> i32 {
    let mut status = OK;
    write(&mut |piece| {
        if platform::print(1, piece).is_err() {
            status = FAILED;
        }
    });
    status
}

#[cold]
fn complain(problem: &Problem, status: i32) -> i32 {
    print_error(|text| problem.describe(text), status)
}

/// Prints a line to standard error, and returns the status.
fn print_error(write: impl FnOnce(&mut Text), status: i32) -> i32 {
    let mut buffer = [0; MESSAGE_MAX];
    let mut text = Text::new(&mut buffer);
    write(&mut text);
    let _ = platform::print(2, text.into_line());
    status
}

#[cold]
fn fail(problem: &Problem) -> i32 {
    let write = |text: &mut Text| {
        text.put(b"mini-monitor: ");
        problem.describe(text);
    };
    print_error(write, FAILED)
}
