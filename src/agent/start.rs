//! From the command line to a running agent.

use super::check::{self, Series};
use super::resources::{self, report_signals};
use super::source::{Source, StoredConfig};
use super::{Agent, Ending, Memory, endpoint};
use crate::base::text::{Put, Text};
use crate::config::{self, Command, Config, Reported};
use crate::families;
use crate::platform::{self, Args, Errno, Kernel, LogArg, Once, Platform, Spool};
use crate::procfs::Host;
use crate::ring;
use core::convert::Infallible;

const OK: i32 = 0;
/// The exit status if the configuration file is wrong, or what the configuration names is not available.
const FAILED: i32 = 1;
/// The exit status after a wrong command line, as in Go.
const BAD_USAGE: i32 = 2;
/// The exit status if standard output is closed or full.
const OUTPUT_FAILED: i32 = 3;

/// Longest message about what is wrong.
const MESSAGE_MAX: usize = 1024;

/// Memory that is not on the stack, where it would be written to as a whole.
#[repr(C)]
struct Large {
    agent: Memory,
    message: [u8; MESSAGE_MAX],
    /// The configuration that the first one is replaced with, and the first one.
    stored: [StoredConfig; 2],
}

static LARGE: Once<Large> = Once::new(Large {
    agent: Memory::EMPTY,
    message: [0; MESSAGE_MAX],
    stored: [StoredConfig::EMPTY; 2],
});

/// The exit status after an error whose message is written.
struct ExitStatus(i32);

impl From<Reported> for ExitStatus {
    fn from(error: Reported) -> Self {
        Self(if error.is_usage { BAD_USAGE } else { FAILED })
    }
}

/// Runs the command that the arguments (without the program's name) ask for.
pub fn start(arguments: Args) -> ! {
    platform::fill_standard_descriptors();
    platform::survive_errors();
    let Some(large) = LARGE.take() else {
        platform::exit(FAILED);
    };
    let mut message = Text::new(&mut large.message);
    message.put(b"mini-monitor: ");
    let Err(ExitStatus(status)) = execute(arguments, &mut large.stored, &mut large.agent, &mut message);
    let _ = platform::print(2, message.into_line());
    platform::exit(status)
}

/// Executes the command. After an error it writes the message.
fn execute(
    arguments: Args,
    stored: &'static mut [StoredConfig; 2],
    memory: &'static mut Memory,
    message: &mut Text<'static>,
) -> Result<Infallible, ExitStatus> {
    let [second, first] = stored;
    let mut source = source(arguments, second, message)?;
    let loaded = source.load(first, message)?;
    source.is_required |= loaded.is_some();
    let mut config = source.fill(first, loaded, message)?;
    if config.command == Command::Check {
        return check(config, &source, memory, message);
    }
    let mut platform = match Kernel::new(config.buffer, config.timeout) {
        Ok(platform) => platform,
        Err(errno) => return Err(report_signals(errno, message).into()),
    };
    let mut spool = None;
    let (roots, ring) = resources::open(config, &mut platform, &mut spool, source.file(), message)?;
    let (seed, now) = (platform::random(), platform.now());
    let mut agent = Agent::new(config, roots, memory, ring, seed, now);
    if config.command == Command::Once {
        platform::exit(status(agent.once(config, &mut platform)));
    }
    agent.begin(config, &mut platform);
    let mut running = Running {
        agent: &mut agent,
        platform: &mut platform,
        spool: &mut spool,
        source,
        message,
    };
    // Two stored configurations take turns, so that one stays in force until the next one is.
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

/// Returns the source of the configuration, unless a command needs none: it prints, and ends.
fn source(arguments: Args, stored: &mut StoredConfig, message: &mut Text) -> Result<Source, ExitStatus> {
    if arguments.clone().any(config::is_help) {
        return Err(print_all(&mut config::help, message));
    }
    let source = Source::new(arguments);
    match source.command(stored, message)? {
        Command::List => Err(print_all(&mut families::list, message)),
        Command::Version => {
            let version = concat!(env!("MINI_MONITOR_VERSION"), "\n");
            Err(print_all(&mut |put| put(version.as_bytes()), message))
        }
        Command::Check | Command::Once | Command::Run => Ok(source),
    }
}

/// Prints what would run, or fails as a start would.
// Its large variables are not on the stack of the loop.
#[inline(never)]
fn check(
    config: &Config,
    source: &Source,
    memory: &'static mut Memory,
    message: &mut Text,
) -> Result<Infallible, ExitStatus> {
    let (roots, found) = resources::check(config, source.file(), message)?;
    endpoint::set_names(config, &mut memory.writer);
    let mut host = Host::new(roots, &mut memory.host);
    let mut series = Series::count(config, &mut memory.writer, &mut host, &mut memory.families);
    let describe = &mut |put: Put| {
        check::warn_of_repeated(source.arguments(), put);
        check::describe(config, &found, &mut series, &host, put);
    };
    Err(print_all(describe, message))
}

/// A running agent, and what it runs on.
struct Running<'r> {
    agent: &'r mut Agent<'static>,
    platform: &'r mut Kernel,
    /// The file that the ring is in.
    spool: &'r mut Option<Spool>,
    source: Source,
    /// Memory for a message.
    message: &'r mut Text<'static>,
}

impl Running<'_> {
    /// Runs with this configuration. Returns the next one, stored there, if that is in force from now on.
    fn run<'a>(&mut self, config: &Config, stored: &'a mut StoredConfig) -> Option<&'a Config<'a>> {
        let ending = self.agent.run(config, self.platform);
        if ring::is_lost() {
            self.agent.rescue(config, self.spool, self.platform);
        }
        match ending {
            Ending::Lost => None,
            Ending::Reload => self.reload(config, stored),
            ending => platform::exit(status(ending)),
        }
    }

    /// Reads the configuration again, and adopts what it says. After an error all stays as it was.
    // Its large variables are not on the stack of the loop.
    #[inline(never)]
    fn reload<'a>(&mut self, before: &Config, stored: &'a mut StoredConfig) -> Option<&'a Config<'a>> {
        self.message.truncate(0);
        self.try_reload(before, stored).unwrap_or_else(|_| {
            let message = LogArg::Text(self.message.bytes());
            self.platform
                .log("%; the previous configuration stays in force", &[message]);
            None
        })
    }

    fn try_reload<'a>(
        &mut self,
        before: &Config,
        stored: &'a mut StoredConfig,
    ) -> Result<Option<&'a Config<'a>>, Reported> {
        let (spool, platform, message) = (&mut *self.spool, &mut *self.platform, &mut *self.message);
        let loaded = self.source.load(stored, message)?;
        if loaded.is_none() {
            self.agent.reopen([before, before], spool, platform, message)?;
            return Ok(None);
        }
        let next = self.source.fill(stored, loaded, message)?;
        self.agent.reload([before, next], spool, platform, message)?;
        self.source.is_required = true;
        Ok(Some(next))
    }
}

fn status(ending: Ending) -> i32 {
    match ending {
        Ending::Failed => FAILED,
        Ending::OutputFailed => OUTPUT_FAILED,
        _ => OK,
    }
}

/// Prints to standard output the pieces that `write` passes, and ends. Returns the status after an error, whose message it
/// writes; a reader that has gone needs none.
fn print_all(write: &mut dyn FnMut(Put), message: &mut Text) -> ExitStatus {
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
            platform::describe(message, errno);
            ExitStatus(OUTPUT_FAILED)
        }
    }
}
