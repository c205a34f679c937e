//! What the user asks for: the flags, checked, with errors that a person can act on.

mod apply;
mod command_line;
mod cursor;
mod custom;
mod file;
mod flags;
mod grammar;
mod nearest;
mod place;
mod settings;
mod takes;
mod tape;
mod value;
mod wrong;

pub use command_line::{Error, parse};
pub use custom::{CUSTOM_MAX, Custom, Line, Number, Origin, Script, metric_name};
pub use file::{DOCUMENT_MAX, Document, Lengths, load, parse as parse_file};
pub use flags::{FLAGS, Flag, usage};

use tape::Tokens;
pub use wrong::Wrong;

use crate::base::glob::Choice;
use crate::platform::Transfer;

/// Tags that can be given.
pub const TAGS_MAX: usize = 32;

/// Transfers that can be given.
pub const TRANSFERS_MAX: usize = 8;

/// Families that can be spoken of, by their numbers.
pub const FAMILIES_MAX: usize = 32;

/// Longest name of an endpoint.
const NAME_MAX: usize = 255;

/// Names of processes that can be asked for.
const PROCESSES_MAX: usize = 32;
/// Longest of these names.
const PROCESS_NAME_MAX: usize = 255;

/// The number of the family of a name; asked with `true`, only if there is something to choose in it.
pub type Find = fn(&[u8], bool) -> Option<usize>;

/// The name of the family of a number, as long as there are some.
pub type Name = fn(usize) -> Option<&'static [u8]>;

/// Whether a family runs, and how often.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turns {
    /// At its own interval.
    Usual,
    /// Not at all.
    Off,
    /// After so many milliseconds.
    Every(u32),
}

/// What to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Collect and send.
    Run,
    /// Say what would run.
    Check,
    /// Print every metric once.
    Once,
    /// Print the table of metrics.
    List,
    /// Print the version.
    Version,
    /// Print the flags.
    Help,
}

/// How to do it.
pub struct Config<'a> {
    /// What to do.
    pub command: Command,
    /// The same text was accepted before: its directories and users are not looked up again.
    pub is_accepted: bool,
    /// The file that the command line names to take the rest from.
    pub file: Option<&'a [u8]>,
    transfers: [Transfer<'a>; TRANSFERS_MAX],
    transfer_count: usize,
    /// The first transfer of a round is another one on each endpoint.
    pub spread: bool,
    /// Milliseconds that a TCP peer may acknowledge nothing.
    pub timeout: u32,
    /// Log each step.
    pub debug: bool,
    /// Milliseconds between two turns of a family, unless it is a slow one.
    pub interval: u32,
    /// Milliseconds between two flushes.
    pub flush: u32,
    /// The endpoint, if not the host's name.
    pub endpoint: Option<&'a [u8]>,
    tags: [&'a [u8]; TAGS_MAX],
    tag_count: usize,
    /// The token of the file that is the last key of what names this machine.
    name_at: usize,
    /// Bytes of the ring.
    pub buffer: usize,
    /// A full ring thins before it drops.
    pub is_thinning: bool,
    /// Milliseconds of acknowledged lines that are sent again after a break.
    pub replay: u32,
    /// The file that the ring is in, if it is in one.
    pub spool: Option<&'a [u8]>,
    /// What was said of each family.
    turns: [Option<Turns>; FAMILIES_MAX],
    /// Families of which nothing was said do not run.
    is_selective: bool,
    choices: [Choice<'a>; FAMILIES_MAX],
    /// A list of patterns: names of processes to be told of.
    pub processes: &'a [u8],
    /// The lease file of dnsmasq.
    pub leases: &'a [u8],
    /// The socket at which lines are handed in, if there is one.
    pub listen: Option<&'a [u8]>,
    /// The list of metrics of the user's own, behind its start: it is read through anew each time.
    custom: Tokens<'a>,
    /// Where the kernel's `/proc` is.
    pub proc: &'a [u8],
    /// Where the kernel's `/sys` is.
    pub sys: &'a [u8],
}

impl<'a> Config<'a> {
    /// Where the lines go: the first of these that takes a connection. At least one.
    pub fn transfers(&self) -> &[Transfer<'a>] {
        self.transfers.get(..self.transfer_count).unwrap_or_default()
    }

    /// Whether the lines may go to a command.
    fn has_command(&self) -> bool {
        let is_command = |transfer: &Transfer| matches!(transfer, Transfer::Command(_));
        self.transfers().iter().any(is_command)
    }

    /// The lines go to standard output, and nowhere else.
    pub fn print(&mut self) {
        self.transfers[0] = Transfer::Stdout;
        self.transfer_count = 1;
    }

    /// The tags, in the order given.
    pub fn tags(&self) -> &[&'a [u8]] {
        self.tags.get(..self.tag_count).unwrap_or_default()
    }

    /// Whether the family of that number runs, and how often.
    pub fn turns(&self, family: usize) -> Turns {
        let unsaid = if self.is_selective {
            Turns::Off
        } else {
            Turns::Usual
        };
        self.turns.get(family).copied().flatten().unwrap_or(unsaid)
    }

    /// Which instances of each family are wanted.
    pub fn choices(&self) -> &[Choice<'a>] {
        &self.choices
    }

    /// Metrics of the user's own, at most [`CUSTOM_MAX`].
    pub fn custom(&self) -> impl Iterator<Item = Custom<'a>> {
        custom::all(self.custom.clone())
    }

    /// The metric of the user's own of that number.
    #[inline(never)]
    pub fn custom_at(&self, number: usize) -> Option<Custom<'a>> {
        self.custom().nth(number)
    }

    /// Adds transfers to those that there are; standard output stands alone.
    fn add_transfers(&mut self, text: &'a [u8]) -> Option<()> {
        value::transfers(text, |transfer| {
            *self.transfers.get_mut(self.transfer_count)? = transfer;
            self.transfer_count += 1;
            Some(())
        })?;
        let is_alone = self.transfer_count == 1 || !self.transfers().contains(&Transfer::Stdout);
        is_alone.then_some(())
    }

    fn add_tag(&mut self, tag: &'a [u8]) -> Option<()> {
        *self.tags.get_mut(self.tag_count)? = tag;
        self.tag_count += 1;
        Some(())
    }
}

impl Default for Config<'_> {
    // What it is put together from goes from the stack again.
    #[inline(never)]
    fn default() -> Self {
        Self {
            command: Command::Run,
            is_accepted: false,
            file: None,
            transfers: [Transfer::Tcp {
                host: b"127.0.0.1",
                port: 6000,
            }; TRANSFERS_MAX],
            transfer_count: 1,
            spread: false,
            timeout: 30_000,
            debug: false,
            interval: 5_000,
            flush: 5_000,
            endpoint: None,
            tags: [&[]; TAGS_MAX],
            tag_count: 0,
            name_at: 0,
            buffer: 256 << 10,
            is_thinning: true,
            replay: 10_000,
            spool: None,
            turns: [None; FAMILIES_MAX],
            is_selective: false,
            choices: [Choice::default(); FAMILIES_MAX],
            processes: b"",
            leases: b"/tmp/dhcp.leases",
            listen: None,
            custom: Tokens::NONE,
            proc: b"/proc",
            sys: b"/sys",
        }
    }
}
