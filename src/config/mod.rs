//! The configuration: options of the command line and of the configuration file, and custom metrics.

mod command_line;
mod custom_keys;
mod error;
mod family_keys;
mod file;
mod format;
mod headers;
mod help;
mod kind;
mod list;
mod memory;
mod options;
mod receivers;
#[cfg(test)]
mod reference;
mod suggest;
mod tags;
mod value;
mod via;

pub use command_line::{Repeated, is_help, last_value, parse, repeated};
pub use custom_keys::{CUSTOM_MAX, Custom, Number, NumberLine, Script};
pub use error::Reported;
pub(crate) use error::{ErrorKind, report};
pub use file::ConfigFile;
pub use format::Format;
use headers::{Headers, NO_HEADERS};
pub use help::help;
pub(crate) use memory::load;
pub use memory::{ConfigMemory, FileText, FreeMemory};
use options::{KEY_COUNT, OPTIONS};
pub use value::metric_name;

use crate::base::glob::{Filter, items};
use crate::platform::{TRANSFERS_MAX, Transfer};
use error::ErrorKind::{
    ListsTooLong, NoInstances, OtherCommand, StdoutAlone, TooManyReceivers, TooManyTags, UnknownFamily, Value,
};
use error::ValueError::{NotOfKind, Part};
use error::ValueResult;
use kind::ValueKind;
use list::List;
use options::SetterContext;
use value::set;

/// Most tags.
pub const TAGS_MAX: usize = 32;

/// Most families.
pub const FAMILIES_MAX: usize = 32;

/// Most names of programs.
const PROCESSES_MAX: usize = 32;
/// Longest name of a program.
const PROCESS_NAME_MAX: usize = 255;

/// Returns the name of an index.
pub type NameAt = fn(usize) -> Option<&'static [u8]>;

/// Looks up the tables of the metric families.
pub struct FamilyTable {
    /// Returns the index of the family of a name; with `true`, only of one that has instances.
    pub find: fn(&[u8], bool) -> Option<usize>,
    /// Returns the name of the family of an index.
    pub name: NameAt,
    /// Returns the index of the family that has metrics of such a name, or part of a name.
    pub find_by_metric: fn(&[u8]) -> Option<usize>,
    /// Returns whether a built-in metric has that name.
    pub is_metric: fn(&[u8]) -> bool,
    /// Returns whether tags of built-in metrics have that key.
    pub is_reserved_tag: fn(&[u8]) -> bool,
}

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
}

impl Command {
    fn flag(self) -> &'static [u8] {
        match self {
            Self::Run => b"",
            Self::Check => b"-check",
            Self::Once => b"-once",
            Self::List => b"-list",
            Self::Version => b"-version",
        }
    }
}

/// The configuration.
pub struct Config<'a> {
    /// What the program does.
    pub command: Command,
    transfers: List<Transfer<'a>, TRANSFERS_MAX>,
    /// The form of the samples; the receiver decides where it is not given.
    pub format: Option<Format>,
    /// The text for the shell through which connections go, if it is given.
    pub via: Option<&'a [u8]>,
    /// Headers of requests to the first receiver that takes them.
    headers: Headers<'a>,
    /// Headers of requests to the receiver of an index, which only the file can give.
    own_headers: [Headers<'a>; TRANSFERS_MAX],
    /// Bodies of requests are compressed.
    pub gzip: bool,
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
    tags: List<&'a [u8], TAGS_MAX>,
    /// For error messages: the numbers of the file's events that last set headers, endpoint or tags, and families.
    pub(crate) header_event: u32,
    pub(crate) name_event: u32,
    pub(crate) families_event: u32,
    /// Bytes of the ring.
    pub buffer: usize,
    /// A full ring thins before it drops.
    pub is_thinning: bool,
    /// Milliseconds of acknowledged lines that are sent again after a break, if they are given.
    replay: Option<u32>,
    /// Milliseconds after which an unsent line is dropped; 0 for never.
    pub max_age: u32,
    /// The file of the ring, if it is in one.
    pub spool: Option<&'a [u8]>,
    /// The configured interval of each family.
    intervals: [Option<Interval>; FAMILIES_MAX],
    /// Families without a configured interval do not run.
    is_selective: bool,
    filters: [Filter<'a>; FAMILIES_MAX],
    /// Families whose `only` and `ignore` were given, one bit each: the next patterns are added.
    only_given: u32,
    ignore_given: u32,
    /// A list of patterns: names of programs whose processes are counted.
    pub processes: &'a [u8],
    /// The lease file of dnsmasq.
    pub leases: &'a [u8],
    /// The user that the agent becomes.
    pub user: Option<&'a [u8]>,
    /// The socket that receives lines of other programs.
    pub listen: Option<&'a [u8]>,
    custom: List<&'a Custom<'a>, CUSTOM_MAX>,
    /// The directory that is `/proc`.
    pub proc: &'a [u8],
    /// The directory that is `/sys`.
    pub sys: &'a [u8],
    /// The directory that the mount points are below.
    pub root: &'a [u8],
    /// The last text of each option that may stand in the file.
    given: [Option<&'a [u8]>; KEY_COUNT],
}

impl<'a> Config<'a> {
    /// Returns the receivers, in order of preference. At least one.
    pub fn transfers(&self) -> &[Transfer<'a>] {
        self.transfers.all()
    }

    /// Whether commands are given for connections.
    pub fn has_command(&self) -> bool {
        let is_command = |transfer: &Transfer| matches!(transfer, Transfer::Command(_));
        self.via.is_some() || self.transfers().iter().any(is_command)
    }

    /// Whether connections are commands, or go through commands.
    pub fn connects_by_command(&self) -> bool {
        let is_tunnel = |transfer: &Transfer| self.via_for(transfer).is_some();
        self.has_command() || self.transfers().iter().any(is_tunnel)
    }

    /// Whether a receiver takes requests of HTTP.
    pub fn has_http(&self) -> bool {
        self.first_http().is_some()
    }

    /// Returns the index of the first receiver that takes requests of HTTP.
    fn first_http(&self) -> Option<usize> {
        let is_http = |transfer: &Transfer| matches!(transfer, Transfer::Http { .. });
        self.transfers().iter().position(is_http)
    }

    /// Returns the milliseconds of acknowledged lines that are sent again after a break. A database may answer a request
    /// before the lines are on its disk.
    pub fn replay(&self) -> u32 {
        self.replay
            .unwrap_or(if self.has_http() { 15_000 } else { 10_000 })
    }

    /// Makes standard output the only receiver.
    pub fn print(&mut self) {
        self.transfers = List::one(Transfer::Stdout);
    }

    /// Returns the form in which a receiver gets samples.
    pub fn format_for(&self, receiver: &Transfer) -> Format {
        self.format.unwrap_or_else(|| Format::of(receiver))
    }

    /// Returns the headers of requests to the receiver of an index.
    pub fn headers_of(&self, index: usize) -> &[&'a [u8]] {
        let own = self.own_headers.get(index).map_or([].as_slice(), List::all);
        if own.is_empty() && self.first_http() == Some(index) {
            return self.headers.all();
        }
        own
    }

    /// Returns the headers that no receiver gets: none takes requests.
    pub fn unused_headers(&self) -> &[&'a [u8]] {
        if self.has_http() { &[] } else { self.headers.all() }
    }

    /// Whether the first receiver that takes requests has headers of its own, and others are given for it.
    pub(crate) fn has_headers_twice(&self) -> bool {
        let own = self.first_http().and_then(|index| self.own_headers.get(index));
        own.is_some_and(|own| !own.all().is_empty()) && !self.headers.all().is_empty()
    }

    /// Sets the form; `auto` is the default.
    fn set_format(&mut self, name: &[u8]) -> ValueResult<'a> {
        self.format = None;
        if name != b"auto" {
            self.format = Some(Format::parse(name).ok_or(NotOfKind)?);
        }
        Ok(())
    }

    /// Whether the lines go to standard output, and to nothing else.
    pub fn is_printed(&self) -> bool {
        self.command == Command::Once || self.transfers() == [Transfer::Stdout] && self.spool.is_none()
    }

    /// Returns the tags, in the order given.
    pub fn tags(&self) -> &[&'a [u8]] {
        self.tags.all()
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
    pub fn custom(&self) -> impl Iterator<Item = &'a Custom<'a>> {
        self.custom.all().iter().copied()
    }

    /// Returns the custom metric of an index.
    pub fn custom_at(&self, index: usize) -> Option<&'a Custom<'a>> {
        self.custom.all().get(index).copied()
    }

    /// Returns name and text of each option that has one value, and another one than by default.
    pub fn settings(&self) -> impl Iterator<Item = (&'static str, &'a [u8])> {
        let texts = OPTIONS.iter().zip(self.given);
        texts.filter_map(|(option, text)| Some((option.name, text.filter(|text| option.is_changed(text))?)))
    }

    /// Keeps the text of a value of the option of an index, for [`Config::settings`].
    fn keep(&mut self, index: usize, text: &'a [u8]) {
        // Those of the command line alone are no settings.
        if let Some(given) = self.given.get_mut(index) {
            *given = Some(text);
        }
    }

    /// Removes the values of an option of this kind if it collects several.
    fn clear(&mut self, kind: ValueKind) {
        match kind {
            ValueKind::Receivers => {
                self.transfers.clear();
                self.own_headers = [NO_HEADERS; TRANSFERS_MAX];
            }
            ValueKind::Tag => self.tags.clear(),
            ValueKind::Header => self.headers.clear(),
            ValueKind::Families => {
                self.intervals = [None; FAMILIES_MAX];
                self.is_selective = false;
            }
            ValueKind::Programs => self.processes = b"",
            _ => {}
        }
    }

    /// Adds receivers; standard output must be the only one.
    fn add_transfers(&mut self, text: &'a [u8]) -> ValueResult<'a> {
        receivers::receivers(text, |transfer| self.add_transfer(transfer, NO_HEADERS))
    }

    /// Adds a receiver with headers of its own.
    fn add_transfer(&mut self, transfer: Transfer<'a>, headers: Headers<'a>) -> ValueResult<'a> {
        let index = self.transfers().len();
        let pushed = self.transfers.push(transfer);
        pushed.ok_or(Part(TooManyReceivers, b""))?;
        self.own_headers[index] = headers;
        if index > 0 && self.transfers().contains(&Transfer::Stdout) {
            return Err(Part(StdoutAlone, b""));
        }
        Ok(())
    }

    /// Adds a tag; `none`, the default, removes those before.
    fn add_tag(&mut self, text: &'a [u8], families: &FamilyTable) -> ValueResult<'a> {
        if text == b"none" {
            self.tags.clear();
            return Ok(());
        }
        tags::check_tag(text, self.tags().iter().copied(), families)?;
        self.tags.push(text).ok_or(Part(TooManyTags, text))
    }

    /// Sets the command if the switch is on; there may be only one.
    fn set_command(&mut self, command: Command, text: &'a [u8]) -> ValueResult<'a> {
        if value::switch(text).ok_or(NotOfKind)? {
            if self.command != Command::Run && self.command != command {
                return Err(Part(OtherCommand, self.command.flag()));
            }
            self.command = command;
        } else if self.command == command {
            self.command = Command::Run;
        }
        Ok(())
    }

    /// Adds the patterns of `net=eth*,br-lan` to the family's instances that are collected; `none`, the default, removes
    /// all.
    fn add_only(&mut self, text: &'a [u8], cx: &mut SetterContext<'_, 'a>) -> ValueResult<'a> {
        if text == b"none" {
            for filter in &mut self.filters {
                filter.only = None;
            }
            return Ok(());
        }
        let (family, patterns) = family_patterns(text, cx.families)?;
        let filter = self.filters.get_mut(family).ok_or(NotOfKind)?;
        let before = filter.only.filter(|_| self.only_given & 1 << family != 0);
        let joined = cx.memory.join(before.unwrap_or_default(), patterns);
        filter.only = Some(joined.ok_or(Part(ListsTooLong, text))?);
        self.only_given |= 1 << family;
        Ok(())
    }

    /// Adds the patterns of `net=eth*,br-lan` to the family's instances that are left out.
    fn add_ignored(&mut self, text: &'a [u8], cx: &mut SetterContext<'_, 'a>) -> ValueResult<'a> {
        let (family, patterns) = family_patterns(text, cx.families)?;
        let filter = self.filters.get_mut(family).ok_or(NotOfKind)?;
        if self.ignore_given & 1 << family == 0 {
            filter.ignore = b"";
        }
        let joined = cx.memory.join(filter.ignore, patterns);
        filter.ignore = joined.ok_or(Part(ListsTooLong, text))?;
        self.ignore_given |= 1 << family;
        Ok(())
    }

    /// Adds names of programs; `none`, the default, removes those before.
    fn add_processes(&mut self, text: &'a [u8], cx: &mut SetterContext<'_, 'a>) -> ValueResult<'a> {
        if text == b"none" {
            self.processes = b"";
            return Ok(());
        }
        items(text).next().ok_or(NotOfKind)?;
        let joined = cx.memory.join(self.processes, text);
        let joined = joined.ok_or(Part(ListsTooLong, text))?;
        set(&mut self.processes, value::programs(joined))
    }

    /// Parses `cpu,net=1s,wifi=off`. A family without an interval is selected: the others are off then.
    /// `all` is the default.
    fn set_families(&mut self, list: &'a [u8], families: &FamilyTable) -> ValueResult<'a> {
        items(list).next().ok_or(NotOfKind)?;
        for item in items(list) {
            if item == b"all" {
                self.clear(ValueKind::Families);
                continue;
            }
            let (name, period) =
                value::pair(item).map_or((item, None), |(name, period)| (name, Some(period)));
            let family = (families.find)(name, false).ok_or(Part(UnknownFamily, name))?;
            let interval = match period {
                None => Interval::Default,
                Some(b"off") => Interval::Off,
                Some(period) => {
                    let millis = value::duration(period);
                    Interval::Every(millis.ok_or(Part(Value(ValueKind::FamilyInterval), period))?)
                }
            };
            self.is_selective |= period.is_none();
            let slot = self.intervals.get_mut(family).ok_or(NotOfKind)?;
            // Selecting a family keeps its interval.
            if period.is_some() || !matches!(slot, Some(Interval::Every(_))) {
                *slot = Some(interval);
            }
        }
        Ok(())
    }
}

/// Parses `net=eth*,br-lan` into the index of the family, which has instances, and the patterns.
fn family_patterns<'a>(text: &'a [u8], families: &FamilyTable) -> ValueResult<'a, (usize, &'a [u8])> {
    let (name, list) = value::pair(text).ok_or(NotOfKind)?;
    (families.find)(name, false).ok_or(Part(UnknownFamily, name))?;
    let family = (families.find)(name, true).ok_or(Part(NoInstances, name))?;
    Ok((family, value::patterns(list).ok_or(NotOfKind)?))
}

impl Default for Config<'_> {
    fn default() -> Self {
        Self {
            command: Command::Run,
            transfers: List::one(Transfer::Tcp {
                host: b"127.0.0.1",
                port: 6000,
            }),
            format: None,
            via: None,
            headers: NO_HEADERS,
            own_headers: [NO_HEADERS; TRANSFERS_MAX],
            gzip: false,
            spread: false,
            timeout: 30_000,
            debug: false,
            interval: 5_000,
            flush: 5_000,
            endpoint: None,
            tags: List::empty(b""),
            header_event: 0,
            name_event: 0,
            families_event: 0,
            buffer: 256 << 10,
            is_thinning: true,
            replay: None,
            max_age: 0,
            spool: None,
            intervals: [None; FAMILIES_MAX],
            is_selective: false,
            filters: [Filter::default(); FAMILIES_MAX],
            only_given: 0,
            ignore_given: 0,
            processes: b"",
            leases: b"/tmp/dhcp.leases",
            user: None,
            listen: None,
            custom: List::empty(&Custom::NONE),
            proc: b"/proc",
            sys: b"/sys",
            root: b"/",
            given: [None; KEY_COUNT],
        }
    }
}
