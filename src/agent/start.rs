//! From the command line to a running agent.

use super::{Agent, Ending, check, plan, spool, writer};
use crate::builtin;
use crate::config::{self, Command, Config, Document, Wrong};
use crate::host::{self, Host};
use crate::sys::{self, Errno, Kernel, Once};
use crate::text::{Put, Text};
use crate::world::World;
use core::mem::ManuallyDrop;

const OK: i32 = 0;
const FAILED: i32 = 1;
/// As Go's flags have it.
const BAD_USAGE: i32 = 2;

/// The configuration file if the command line names none; it need not be there.
const FILE: &[u8] = b"/etc/mini-monitor.json";

/// What is large. On the stack it would be written to as a whole, and more than once.
static MEMORY: Once<(builtin::Memory, host::Memory)> =
    Once::new((builtin::Memory::EMPTY, host::Memory::EMPTY));

/// Does what the arguments (behind the program's name) ask for; answers the exit status.
pub fn start(arguments: impl Iterator<Item = &'static [u8]> + Clone) -> i32 {
    sys::fill_standard_descriptors();
    let mut config = Config::default();
    if let Err(error) = config::parse(&mut config, arguments.clone(), builtin::find) {
        return complain(error, BAD_USAGE);
    }
    match config.command {
        Command::Help => print_all(config::usage),
        Command::List => print_all(builtin::list),
        Command::Version => print_all(|put| put(concat!(env!("MINI_MONITOR_VERSION"), "\n").as_bytes())),
        _ => start_with_file(&mut config, arguments),
    }
}

/// Reads the file, and once more what stands before it: the command line.
fn start_with_file<'a>(config: &mut Config<'a>, arguments: impl Iterator<Item = &'a [u8]>) -> i32 {
    let status = if config.command == Command::Check {
        FAILED
    } else {
        BAD_USAGE
    };
    let memory = match sys::map(config::DOCUMENT_MAX) {
        Ok(memory) => memory,
        Err(errno) => return fail(b"-config", errno),
    };
    match Document::load(config.file.unwrap_or(FILE), memory) {
        Ok(document) => {
            *config = Config::default();
            if let Err(wrong) = document.apply(config, builtin::find) {
                return complain_of(wrong, status);
            }
            if let Err(error) = config::parse(config, arguments, builtin::find) {
                return complain(error, status);
            }
        }
        Err(wrong) if config.file.is_none() && wrong.is_missing() => {}
        Err(wrong) => return complain_of(wrong, status),
    }
    if let Err(error) = plan::check(config) {
        return complain(error, status);
    }
    match config.command {
        Command::Check => print_all(|put| check::describe(config, put)),
        Command::Once => {
            config.print();
            run(config)
        }
        _ => run(config),
    }
}

fn run(config: &Config) -> i32 {
    let Some((for_builtin, for_host)) = MEMORY.take() else {
        return FAILED;
    };
    // The process ends with them: the kernel closes its files.
    let mut world = ManuallyDrop::new(Kernel::new(config.buffer, config.timeout));
    let mut host = ManuallyDrop::new(Host::open(config.proc, config.sys, for_host));
    match (&mut *world, &mut *host) {
        (Ok(world), Ok(host)) => run_with(config, world, host, for_builtin),
        (Err(errno), _) => fail(b"signals", *errno),
        (_, Err(errno)) => fail(config.proc, *errno),
    }
}

fn run_with(
    config: &Config,
    world: &mut Kernel,
    host: &mut Host,
    memory: &'static mut builtin::Memory,
) -> i32 {
    let Some(writer) = writer(config) else {
        return complain(config::Error::TooLong, BAD_USAGE);
    };
    let ring = match spool::open(config, world) {
        Ok(ring) => ring,
        Err(errno) => return fail(spool::path(config).unwrap_or(b"-buffer"), errno),
    };
    let now = world.now();
    let seed = sys::random_seed();
    let mut agent = ManuallyDrop::new(Agent::new(config, host, memory, writer, ring, seed, now));
    let ending = match config.command {
        Command::Once => agent.once(world),
        _ => agent.run(world),
    };
    match ending {
        Ending::Done => OK,
        Ending::Failed => FAILED,
    }
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

fn complain(error: config::Error, status: i32) -> i32 {
    say(|text| error.describe(text), status)
}

fn complain_of(wrong: Wrong, status: i32) -> i32 {
    say(|text| wrong.describe(text), status)
}

/// Says in a line what keeps the agent from running.
fn say(write: impl FnOnce(&mut Text), status: i32) -> i32 {
    let mut buffer = [0; 1024];
    let mut text = Text::new(&mut buffer);
    write(&mut text);
    text.put(b"\n");
    let _ = sys::print(2, text.bytes());
    status
}

fn fail(what: &[u8], errno: Errno) -> i32 {
    let write = |text: &mut Text| {
        text.put(b"mini-monitor: ");
        text.put(what);
        text.put(b": ");
        if errno == Errno::BUSY {
            text.put(b"another agent has it");
        } else {
            sys::describe(text, errno);
        }
    };
    say(write, FAILED)
}
