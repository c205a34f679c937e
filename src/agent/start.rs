//! From the command line to a running agent.

use super::{Agent, Ending, HOST_NAME_MAX, spool, writer};
use crate::builtin;
use crate::config::{self, Command, Config};
use crate::format::json::Writer;
use crate::host::{self, Host, OS};
use crate::sys::{self, Errno, Kernel, Once};
use crate::text::{Put, Text};
use crate::world::World;
use core::mem::ManuallyDrop;

const OK: i32 = 0;
const FAILED: i32 = 1;
/// As Go's flags have it.
const BAD_USAGE: i32 = 2;

/// What is large. On the stack it would be written to as a whole, and more than once.
static MEMORY: Once<(builtin::Memory, host::Memory)> =
    Once::new((builtin::Memory::EMPTY, host::Memory::EMPTY));

/// Does what the arguments (behind the program's name) ask for; answers the exit status.
pub fn start(arguments: impl Iterator<Item = &'static [u8]>) -> i32 {
    sys::fill_standard_descriptors();
    let mut config = Config::default();
    if let Err(error) = config::parse(&mut config, arguments, builtin::find) {
        return complain(error);
    }
    match config.command {
        Command::Help => print_all(config::usage),
        Command::List => print_all(builtin::list),
        Command::Version => print_all(|put| put(concat!(env!("MINI_MONITOR_VERSION"), "\n").as_bytes())),
        Command::Once => {
            config.print();
            run(&config)
        }
        Command::Run => run(&config),
    }
}

fn run(config: &Config) -> i32 {
    // A host name of the worst kind has to fit too: it may come later.
    let worst = config.endpoint.unwrap_or(&[1; HOST_NAME_MAX]);
    if Writer::new(worst, OS, config.tags()).is_none() {
        return complain(config::Error::TooLong);
    }
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
        return complain(config::Error::TooLong);
    };
    let ring = match spool::open(config, world) {
        Ok(ring) => ring,
        Err(errno) => return fail(spool::path(config).unwrap_or(b"-buffer"), errno),
    };
    let now = world.now();
    let seed = sys::random_seed();
    let mut agent = ManuallyDrop::new(Agent::new(config, host, memory, writer, ring, seed, now));
    if !agent.has_families() {
        return complain(config::Error::NothingRuns);
    }
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
fn print_all(write: fn(Put)) -> i32 {
    let mut status = OK;
    write(&mut |piece| {
        if sys::print(1, piece).is_err() {
            status = FAILED;
        }
    });
    status
}

fn complain(error: config::Error) -> i32 {
    let mut buffer = [0; 512];
    let mut text = Text::new(&mut buffer);
    error.describe(&mut text);
    let _ = sys::print(2, text.bytes());
    BAD_USAGE
}

fn fail(what: &[u8], errno: Errno) -> i32 {
    let mut buffer = [0; 512];
    let mut text = Text::new(&mut buffer);
    text.put(b"mini-monitor: ");
    text.put(what);
    text.put(b": ");
    if errno == Errno::BUSY {
        text.put(b"another agent has it");
    } else {
        sys::describe(&mut text, errno);
    }
    text.put(b"\n");
    let _ = sys::print(2, text.bytes());
    FAILED
}
