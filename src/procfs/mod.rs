//! Readers of `/proc` and `/sys`: files that stay open, lines that are pulled, and parsers of what they hold.

mod arp;
mod error;
mod files;
mod keys;
mod leases;
mod lines;
mod links;
mod mounts;
mod processes;
mod sensors;
mod sysfs;
mod values;

pub use crate::platform::{
    Discipline, FileSystem, discipline as clock_discipline, own_cpu_micros, page_size, ticks_per_second,
};
pub use error::{ReadError, ReadErrorKind, Subject};
pub use files::{Files, ProcFile};
pub use keys::Keys;
pub use lines::Lines;
pub use links::Links;
pub use values::{FamilyValues, MetricId, SKIP, VALUES_MAX};

use crate::base::fields::{Fields, fields};
use crate::base::name::Name;
use crate::platform::{Directory, Entries, Errno};
use files::BUFFER;

/// The operating system's name, the first tag of each line.
pub const OS: &str = "linux";

/// The larger part of what a host needs. All of it is zero at first, so that what nobody writes to takes no
/// memory.
#[repr(C)]
pub struct Memory {
    links: Links,
    buffer: [u8; BUFFER],
}

impl Memory {
    /// Nothing is known of links.
    pub const EMPTY: Self = Self {
        links: Links::NONE,
        buffer: [0; BUFFER],
    };
}

/// The roots of `/proc` and `/sys`.
pub struct Roots {
    proc: Directory,
    /// A container may have none.
    sys: Option<Directory>,
}

impl Roots {
    /// Opens both.
    pub fn open(proc: &[u8], sys: &[u8]) -> Result<Self, Errno> {
        Ok(Self {
            proc: Directory::open(proc)?,
            sys: Directory::open(sys).ok(),
        })
    }
}

/// The machine. Its files stay open.
pub struct Host {
    /// The files of `/proc`.
    pub files: Files,
    /// `/sys`; a container may have none.
    pub sys: Option<Directory>,
    /// The files of the interfaces' links.
    pub links: &'static mut Links,
    /// A pass over the processes that is under way.
    pass: Option<Entries>,
    /// The mount point that could not be asked last, and its length.
    failed_mount: Name<96>,
}

impl Host {
    /// The machine that is seen through these roots; the files below are opened when they are asked for.
    pub fn new(roots: Roots, memory: &'static mut Memory) -> Self {
        Self {
            files: Files::new(roots.proc, &mut memory.buffer),
            sys: roots.sys,
            links: &mut memory.links,
            pass: None,
            failed_mount: Name::NONE,
        }
    }

    /// Opens the roots, and sees the machine through them.
    pub fn open(proc: &[u8], sys: &[u8], memory: &'static mut Memory) -> Result<Self, Errno> {
        Ok(Self::new(Roots::open(proc, sys)?, memory))
    }

    /// Sees the machine through other roots from now on.
    pub fn change(&mut self, roots: Roots) {
        self.files.change_root(roots.proc);
        self.sys = roots.sys;
        *self.links = Links::NONE;
        self.pass = None;
    }
}

/// Takes the values of instances of a family, such as interfaces.
pub trait Take {
    /// Whether the instance of that name is wanted.
    fn wants(&self, name: &[u8]) -> bool;

    /// Takes the values of the instance of that name.
    fn take(&mut self, name: &[u8], values: &Values);
}

/// A process (`proc(5)`, `/proc/[pid]/stat`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process<'a> {
    /// The name of its program, cut to 15 bytes by the kernel.
    pub name: &'a [u8],
    /// It has ended, and nobody has asked how.
    pub is_dead: bool,
    /// Processor time that it has used, in [`ticks_per_second`], below 2⁴¹.
    pub ticks: u64,
    /// Memory that it has resident, in pages of [`page_size`], below 2⁴⁰.
    pub pages: u64,
}

/// Whether a file system is asked for its sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Nobody wants to know.
    Never,
    /// It may wait for others, and so is not asked, nor is what is mounted below it.
    NeverAsItMayWait,
    /// It is asked, if the way to it is free.
    Usual,
    /// The user has named it: it is asked in any case.
    Named,
}

/// Splits `  eth0: 57209635 …` or, as old kernels print it, `eth0:57209635 …` into the name and the fields after it. The
/// name may have a colon in it (an alias), numbers have none. `None` if there is no name with a colon.
pub fn split_name(line: &[u8]) -> Option<(&[u8], Fields<'_>)> {
    let line = line.trim_ascii_start();
    let first = fields(line).next()?;
    let colon = first
        .iter()
        .rposition(|&byte| byte == b':')
        .filter(|colon| *colon > 0)?;
    Some((line.get(..colon)?, fields(line.get(colon + 1..)?)))
}

/// The name of an interface, of at most 15 bytes (`IFNAMSIZ`).
pub type InterfaceName = Name<16>;

// Until all readers are converted.
pub(crate) type Values = FamilyValues;
pub(crate) type Fault = ReadError;
pub(crate) type Source = ProcFile;
pub(crate) struct Flaw;
#[allow(non_upper_case_globals, dead_code)]
impl Flaw {
    pub(crate) const Empty: &str = "empty";
    pub(crate) const CutShort: &str = "cut short";
    pub(crate) const TooLong: &str = "longer than 16 MB";
    pub(crate) const TooManyLeases: &str = "longer than 1 MB";
    pub(crate) const NoFile: &str = "not a regular file";
    pub(crate) const NoNumber: &str = "no number";
    pub(crate) const NoCounts: &str = "no counts";
    pub(crate) const NoTimes: &str = "no line of all processors";
    pub(crate) const NoAverages: &str = "no load averages";
    pub(crate) const NoTotal: &str = "no MemTotal";
    pub(crate) const NoAvailable: &str = "neither MemAvailable nor MemFree, Buffers and Cached";
    pub(crate) const NoTotals: &str = "no totals";
    pub(crate) const NoInterface: &str = "no interface";
    pub(crate) const NoIp: &str = "no counts of IP";
    pub(crate) const NoSockets: &str = "no sockets";
    pub(crate) const NoHeading: &str = "no heading";
    pub(crate) const NoMounts: &str = "no mounts";
    pub(crate) const NoDisk: &str = "no disk";
    pub(crate) const Processors: &str = "more than 256 processors";
    pub(crate) const Interfaces: &str = "more than 64 interfaces";
    pub(crate) const Disks: &str = "more than 64 devices";
    pub(crate) const Mounts: &str = "more than 64 file systems, or 4 KB of their names";
    pub(crate) const Sensors: &str = "more than 256 sensors, or a number above 255";
}

impl Files {
    pub(super) fn read(
        &mut self,
        file: ProcFile,
        message: &'static str,
        take: &mut dyn FnMut(&[u8]) -> bool,
    ) -> Result<(), ReadError> {
        let mut lines = self.lines(file)?;
        let mut was_found = false;
        while let Some(line) = lines.next_line()? {
            was_found |= take(line);
        }
        lines.expect(was_found, message)
    }
}

/// The place behind the last byte of that kind; the start if there is none.
#[inline(never)]
pub(super) fn behind_last(text: &[u8], wanted: u8) -> usize {
    text.iter()
        .rposition(|&byte| byte == wanted)
        .map_or(0, |at| at + 1)
}
