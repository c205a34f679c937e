//! The configuration: options of the command line and of the configuration file, and custom metrics.

mod command_line;
mod config_file;
mod custom_keys;
mod error;
mod file_reader;
mod kind;
mod options;
mod suggest;
mod value;

pub use command_line::parse;
pub use config_file::{ConfigFile, FILE_MEMORY, FileText, load};
pub use custom_keys::{CUSTOM_MAX, Custom, Line, Number, Origin, Script};
pub use error::ConfigError;
pub(crate) use error::ErrorKind;
pub use options::usage;
pub use value::metric_name;

use crate::base::glob::{Filter, items};
use crate::json::Token;
use crate::platform::Transfer;

/// Most tags.
pub const TAGS_MAX: usize = 32;

/// Most receivers.
pub const TRANSFERS_MAX: usize = 8;

/// Most families.
pub const FAMILIES_MAX: usize = 32;

/// Most names of programs.
const PROCESSES_MAX: usize = 32;
/// Longest name of a program.
const PROCESS_NAME_MAX: usize = 255;

/// Returns the index of the family of a name; with `true`, only of one that has instances.
pub type Find = fn(&[u8], bool) -> Option<usize>;

/// Returns the name of the family of an index.
pub type Name = fn(usize) -> Option<&'static [u8]>;

/// Whether and how often a family runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interval {
    /// At its default interval.
    Default,
    /// Not at all.
    Off,
    /// Each time that this many milliseconds have passed.
    Every(u32),
}

/// What the program does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Command {
    /// Collect and send.
    Run,
    /// Print what would run.
    Check,
    /// Print every metric once.
    Once,
    /// Print the table of metrics.
    List,
    /// Print the version.
    Version,
    /// Print the help.
    Help,
}

/// The configuration.
pub struct Config<'a> {
    /// What the program does.
    pub command: Command,
    /// The same text was accepted before: its directories and users are not looked up again.
    pub is_accepted: bool,
    /// The configuration file that the command line names.
    pub file: Option<&'a [u8]>,
    transfers: [Transfer<'a>; TRANSFERS_MAX],
    transfer_count: usize,
    /// Each endpoint starts with another receiver.
    pub spread: bool,
    /// Milliseconds that a receiver may acknowledge nothing.
    pub timeout: u32,
    /// Log each step.
    pub debug: bool,
    /// Milliseconds between two samples of a family, unless it is a slow one.
    pub interval: u32,
    /// Milliseconds between two flushes.
    pub flush: u32,
    /// The endpoint, if not the host's name.
    pub endpoint: Option<&'a [u8]>,
    tags: [&'a [u8]; TAGS_MAX],
    tag_count: usize,
    /// The last key of the file that sets the endpoint or tags.
    name_key: Token<'a>,
    /// Bytes of the ring.
    pub buffer: usize,
    /// A full ring thins before it drops.
    pub is_thinning: bool,
    /// Milliseconds of acknowledged lines that are sent again after a break.
    pub replay: u32,
    /// The file of the ring, if it is in one.
    pub spool: Option<&'a [u8]>,
    /// The configured interval of each family.
    intervals: [Option<Interval>; FAMILIES_MAX],
    /// Families without a configured interval do not run.
    is_selective: bool,
    filters: [Filter<'a>; FAMILIES_MAX],
    /// A list of patterns: names of programs whose processes are counted.
    pub processes: &'a [u8],
    /// The lease file of dnsmasq.
    pub leases: &'a [u8],
    /// The socket that receives lines of other programs.
    pub listen: Option<&'a [u8]>,
    /// The custom metrics, from index 0 up.
    custom: [Option<Custom<'a>>; CUSTOM_MAX],
    /// The directory that is `/proc`.
    pub proc: &'a [u8],
    /// The directory that is `/sys`.
    pub sys: &'a [u8],
}

impl<'a> Config<'a> {
    /// Returns the receivers, in order of preference. At least one.
    pub fn transfers(&self) -> &[Transfer<'a>] {
        self.transfers.get(..self.transfer_count).unwrap_or_default()
    }

    /// Whether a receiver is a command.
    fn has_command(&self) -> bool {
        let is_command = |transfer: &Transfer| matches!(transfer, Transfer::Command(_));
        self.transfers().iter().any(is_command)
    }

    /// Makes standard output the only receiver.
    pub fn print(&mut self) {
        self.transfers[0] = Transfer::Stdout;
        self.transfer_count = 1;
    }

    /// Returns the tags, in the order given.
    pub fn tags(&self) -> &[&'a [u8]] {
        self.tags.get(..self.tag_count).unwrap_or_default()
    }

    /// Returns whether and how often the family of an index runs.
    pub fn interval_of(&self, family: usize) -> Interval {
        let default = if self.is_selective {
            Interval::Off
        } else {
            Interval::Default
        };
        self.intervals.get(family).copied().flatten().unwrap_or(default)
    }

    /// Returns which instances of each family are collected.
    pub fn filters(&self) -> &[Filter<'a>] {
        &self.filters
    }

    /// Returns the custom metrics, at most [`CUSTOM_MAX`].
    pub fn custom(&self) -> impl Iterator<Item = Custom<'a>> {
        self.custom.iter().map_while(|custom| *custom)
    }

    /// Returns the custom metric of an index.
    pub fn custom_at(&self, index: usize) -> Option<Custom<'a>> {
        self.custom.get(index).copied().flatten()
    }

    /// Adds receivers; standard output must be the only one.
    fn add_transfers(&mut self, text: &'a [u8]) -> Option<()> {
        value::receivers(text, |transfer| {
            *self.transfers.get_mut(self.transfer_count)? = transfer;
            self.transfer_count += 1;
            Some(())
        })?;
        let is_alone = self.transfer_count == 1 || !self.transfers().contains(&Transfer::Stdout);
        is_alone.then_some(())
    }

    fn add_tag(&mut self, text: &'a [u8]) -> Option<()> {
        *self.tags.get_mut(self.tag_count)? = value::not_empty(text)?;
        self.tag_count += 1;
        Some(())
    }

    /// Sets the command if the switch is on.
    fn set_command(&mut self, command: Command, text: &[u8]) -> Option<()> {
        if value::switch(text)? {
            self.command = command;
        }
        Some(())
    }

    /// Parses `cpu,net=1s,wifi=off`. A family without an interval is selected: the others are off then.
    fn set_families(&mut self, list: &[u8], find: Find) -> Option<()> {
        items(list).next()?;
        for item in items(list) {
            let (name, interval) = match value::pair(item) {
                Some((name, b"off")) => (name, Interval::Off),
                Some((name, period)) => (name, Interval::Every(value::duration(period)?)),
                None => {
                    self.is_selective = true;
                    (item, Interval::Default)
                }
            };
            let slot = self.intervals.get_mut(find(name, false)?)?;
            // Selecting a family keeps its interval.
            if interval != Interval::Default || !matches!(slot, Some(Interval::Every(_))) {
                *slot = Some(interval);
            }
        }
        Some(())
    }
}

impl Default for Config<'_> {
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
            name_key: Token::default(),
            buffer: 256 << 10,
            is_thinning: true,
            replay: 10_000,
            spool: None,
            intervals: [None; FAMILIES_MAX],
            is_selective: false,
            filters: [Filter::default(); FAMILIES_MAX],
            processes: b"",
            leases: b"/tmp/dhcp.leases",
            listen: None,
            custom: [None; CUSTOM_MAX],
            proc: b"/proc",
            sys: b"/sys",
        }
    }
}
