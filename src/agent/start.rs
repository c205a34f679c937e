//! From the command line to a running agent.

use super::check::{self, Found, Series};
use super::source::{Document, Source, report_spool, report_system};
use super::{Agent, Ending, Memory, endpoint, ring_memory};
use crate::base::text::{Put, Text};
use crate::config::{self, Command, Config};
use crate::families;
use crate::platform::{self, Args, Errno, Kernel, LogArg, Once, Platform, Spool, SpoolError, TooFew};
use crate::procfs::{Host, Roots};
use crate::ring;

const OK: i32 = 0;
/// The exit status if the configuration file is wrong, or what the configuration names is not available.
const FAILED: i32 = 1;
/// The exit status after a wrong command line, as in Go.
const BAD_USAGE: i32 = 2;
/// The exit status if standard output is closed or full.
const OUTPUT_FAILED: i32 = 3;

/// The start of each message about what is wrong with the start.
const PREFIX: &[u8] = b"mini-monitor: ";

/// Longest message about what is wrong.
const MESSAGE_MAX: usize = 1024;

/// Memory that is not on the stack, where it would be written to as a whole.
#[repr(C)]
struct Large {
    agent: Memory,
    message: [u8; MESSAGE_MAX],
    /// The configuration that the first one is replaced with, and the first one.
    documents: [Document; 2],
}

static LARGE: Once<Large> = Once::new(Large {
    agent: Memory::EMPTY,
    message: [0; MESSAGE_MAX],
    documents: [Document::EMPTY; 2],
});

/// Runs the command that the arguments (without the program's name) ask for.
pub fn start(arguments: Args) -> ! {
    platform::fill_standard_descriptors();
    platform::survive_errors();
    let Some(large) = LARGE.take() else {
        platform::exit(FAILED);
    };
    let mut message = Text::new(&mut large.message);
    message.put(PREFIX);
    if arguments.clone().any(config::is_help) {
        print_all(message, config::help);
    }
    let source = Source::new(arguments);
    let Ok(command) = source.command(&mut large.documents[1], &mut message) else {
        complain(message, BAD_USAGE);
    };
    match command {
        Command::List => print_all(message, families::list),
        Command::Version => print_all(message, |put| {
            put(concat!(env!("MINI_MONITOR_VERSION"), "\n").as_bytes())
        }),
        Command::Check | Command::Once | Command::Run => {}
    }
    run(source, large)
}

/// Runs with one configuration after the other.
fn run(mut source: Source, large: &'static mut Large) -> ! {
    let [second, first] = &mut large.documents;
    let mut message = Text::new(&mut large.message);
    message.put(PREFIX);
    let loaded = source.load(first, &mut message);
    let filled = loaded.and_then(|loaded| {
        source.is_required |= loaded.is_some();
        source.fill(first, loaded, &mut message)
    });
    let mut config = match filled {
        Ok(config) => config,
        Err(error) => complain(message, if error.is_usage { BAD_USAGE } else { FAILED }),
    };
    if config.command == Command::Check {
        check(config, &source, &mut large.agent, message);
    }
    let mut platform = match Kernel::new(config.buffer, config.timeout) {
        Ok(platform) => platform,
        Err(errno) => no_signals(errno, message),
    };
    let mut spool = None;
    let mut agent = open(
        config,
        &mut large.agent,
        &mut platform,
        &mut spool,
        source.file(),
        message,
    );
    if config.command == Command::Once {
        platform::exit(status(agent.once(config, &mut platform)));
    }
    agent.begin(config, &mut platform);
    let mut running = Running {
        agent: &mut agent,
        platform: &mut platform,
        spool: &mut spool,
        source,
        buffer: &mut large.message,
    };
    // Two documents take turns, so that one stays in force until the next one is.
    loop {
        let next = loop {
            if let Some(next) = running.run(config, second) {
                break next;
            }
        };
        config = loop {
            if let Some(config) = running.run(next, first) {
                break config;
            }
        };
    }
}

/// Fails as a start would, or prints what would run. It opens what a start opens, in the same order, and changes nothing.
fn check(config: &Config, source: &Source, memory: &'static mut Memory, message: Text) -> ! {
    // The first descriptors of a start are those of signals and log.
    if let Err(errno) = platform::reserve_descriptor() {
        no_signals(errno, message);
    }
    let _ = platform::reserve_descriptor();
    let mut host = match Host::open(config.proc, config.sys, config.root, &mut memory.host) {
        Ok(host) => host,
        Err(errno) => unavailable("proc", config.proc, errno, message),
    };
    let has_socket = match config.listen.map(platform::check_listener).transpose() {
        Ok(is_in_use) => is_in_use == Some(true),
        Err(errno) => unavailable("listen", config.listen.unwrap_or_default(), errno, message),
    };
    if let Err((what, errno)) = drop_rights(config, source.file()) {
        unavailable("user", what, errno, message);
    }
    let has_spool = match ring_memory::check(config) {
        Ok(is_in_use) => is_in_use,
        Err(error) => no_ring(config, error, message),
    };
    if let Err(too_few) = platform::check_descriptors(config.connects_by_command()) {
        too_few_descriptors(too_few, message);
    }
    endpoint::set_names(config, &mut memory.writer);
    let found = Found {
        file: source.file(),
        in_use: [
            config.spool.filter(|_| has_spool),
            config.listen.filter(|_| has_socket),
        ],
    };
    let series = Series::count(config, &mut memory.writer, &mut host, &mut memory.families);
    print_all(message, |put| {
        check::warn_of_repeated(source.arguments(), put);
        check::describe(config, &found, series, &host, put);
    })
}

/// Opens everything that the configuration asks for.
// Copies of the large parts are not on the stack of the loop.
#[inline(never)]
fn open(
    config: &Config,
    memory: &'static mut Memory,
    platform: &mut Kernel,
    spool: &mut Option<Spool>,
    file: Option<&[u8]>,
    message: Text,
) -> Agent<'static> {
    let roots = match Roots::open(config.proc, config.sys, config.root) {
        Ok(roots) => roots,
        Err(errno) => unavailable("proc", config.proc, errno, message),
    };
    if let (Command::Run, Some(path)) = (config.command, config.listen) {
        match platform.next_listener(Some(path)) {
            Ok(Some(listener)) => platform.change_listener(listener),
            Ok(None) => {}
            Err(errno) => unavailable("listen", path, errno, message),
        }
    }
    if let Err((what, errno)) = drop_rights(config, file) {
        platform.stop_listening();
        unavailable("user", what, errno, message);
    }
    let ring = match ring_memory::open(config, platform) {
        Ok((ring, opened)) => {
            *spool = opened;
            ring
        }
        Err(error) => {
            platform.stop_listening();
            no_ring(config, error, message)
        }
    };
    if let Err(too_few) = platform::check_descriptors(config.connects_by_command()) {
        platform.stop_listening();
        too_few_descriptors(too_few, message);
    }
    let (seed, now) = (platform::random(), platform.now());
    Agent::new(config, roots, memory, ring, seed, now)
}

/// Becomes the configured user, who has to be able to read the file of the configuration again, and to make files beside
/// the spool. After an error returns what it is about.
fn drop_rights<'c>(config: &'c Config, file: Option<&'c [u8]>) -> Result<(), (&'c [u8], Errno)> {
    let Some(user) = config.user else {
        return Ok(());
    };
    platform::drop_to_user(user).map_err(|errno| (user, errno))?;
    if let Some(path) = file {
        platform::check_readable(path).map_err(|errno| (path, errno))?;
    }
    if let Some(path) = ring_memory::path(config) {
        platform::check_directory(path).map_err(|errno| (path, errno))?;
    }
    Ok(())
}

/// A running agent, and what it runs on.
struct Running<'r> {
    agent: &'r mut Agent<'static>,
    platform: &'r mut Kernel,
    /// The file that the ring is in.
    spool: &'r mut Option<Spool>,
    source: Source,
    /// Memory for a message.
    buffer: &'r mut [u8],
}

impl Running<'_> {
    /// Runs with this configuration. Returns the next one, in that document, if that is in force from now on.
    fn run<'a>(&mut self, config: &Config, document: &'a mut Document) -> Option<&'a Config<'a>> {
        let ending = self.agent.run(config, self.platform);
        if ring::is_lost() {
            self.agent.rescue(config, self.spool, self.platform);
        }
        match ending {
            Ending::Lost => None,
            Ending::Reload => self.reload(config, document),
            ending => platform::exit(status(ending)),
        }
    }

    /// Reads the configuration again, and adopts what it says. After an error all stays as it was.
    // Its large variables are not on the stack of the loop.
    #[inline(never)]
    fn reload<'a>(&mut self, before: &Config, document: &'a mut Document) -> Option<&'a Config<'a>> {
        let mut message = Text::new(self.buffer);
        let next = self.source.load(document, &mut message).and_then(|loaded| {
            if loaded.is_none() {
                self.agent
                    .reopen([before, before], self.spool, self.platform, &mut message)?;
                return Ok(None);
            }
            let next = self.source.fill(document, loaded, &mut message)?;
            self.agent
                .reload([before, next], self.spool, self.platform, &mut message)?;
            self.source.is_required = true;
            Ok(Some(next))
        });
        next.unwrap_or_else(|_| {
            self.platform.log(
                "%; the previous configuration stays in force",
                &[LogArg::Text(message.bytes())],
            );
            None
        })
    }
}

fn status(ending: Ending) -> i32 {
    match ending {
        Ending::Failed => FAILED,
        Ending::OutputFailed => OUTPUT_FAILED,
        _ => OK,
    }
}

/// Prints to standard output the pieces that `write` passes, up to the first error. A reader that has gone needs no
/// message.
fn print_all(mut message: Text, write: impl FnOnce(Put)) -> ! {
    let mut result = Ok(());
    write(&mut |piece| {
        if result.is_ok() {
            result = platform::print(1, piece);
        }
    });
    match result {
        Ok(()) => platform::exit(OK),
        Err(Errno::BROKEN_PIPE) => platform::exit(OUTPUT_FAILED),
        Err(errno) => {
            message.put(b"standard output: ");
            platform::describe(&mut message, errno);
            complain(message, OUTPUT_FAILED)
        }
    }
}

/// Prints the message to standard error.
fn complain(message: Text, status: i32) -> ! {
    let _ = platform::print(2, message.into_line());
    platform::exit(status)
}

/// Fails because of the machine, with the message that `write` writes.
fn fail(mut message: Text, write: impl FnOnce(&mut Text)) -> ! {
    write(&mut message);
    complain(message, FAILED)
}

/// Fails because what an option names is not available.
fn unavailable(option: &str, what: &[u8], errno: Errno, message: Text) -> ! {
    fail(message, |text| {
        report_system(option, what, errno, text);
    })
}

/// Fails because the memory of the ring is not available.
fn no_ring(config: &Config, error: SpoolError, message: Text) -> ! {
    fail(message, |text| {
        report_spool(config, error, text);
    })
}

/// Fails because of the limit of open files.
fn too_few_descriptors([most, needed]: TooFew, message: Text) -> ! {
    fail(message, |text| {
        text.put(b"at most ");
        text.number(most);
        text.put(b" open files (ulimit -n) are too few: at least ");
        text.number(needed);
        text.put(b" are needed");
    })
}

fn no_signals(errno: Errno, message: Text) -> ! {
    fail(message, |text| {
        text.put(b"signals: ");
        platform::describe(text, errno);
    })
}
