//! Readers of `/proc` and `/sys`: files that stay open, lines that are pulled, and parsers of what they hold.

mod error;
mod files;
mod keys;
mod leases;
mod line_buffer;
mod links;
pub mod mounts;
pub mod processes;
pub mod sensors;
mod sysfs;

pub use crate::platform::{
    Discipline, FileSystem, discipline as clock_discipline, monotonic_millis, own_cpu_micros, page_size,
    ticks_per_second, wireless_quality_max,
};
pub use error::{Limit, ReadError, ReadErrorKind, Subject};
pub use files::{Files, ProcFile};
pub use keys::Keys;
pub use links::{InterfaceName, Link, Links};
pub use sysfs::is_physical;

use crate::base::fields::{Fields, fields};
use crate::base::name::Name;
use crate::base::text::Text;
use crate::platform::{Directory, Entries, Errno, file_system as statfs};
use files::BUFFER;
use mounts::MOUNT_POINT_MAX;
use processes::Processes;
use sensors::Sensors;

/// Bytes of a mount point that are kept for an error message.
const FAILED_MOUNT_MAX: usize = 96;

/// The operating system's name, the first tag of each line.
pub const OS: &str = "linux";

/// The larger part of the memory of a [`Host`]. All of it is zero at first, so that parts that are never written take
/// no memory.
#[repr(C)]
pub struct Memory {
    links: Links,
    buffer: [u8; BUFFER],
}

impl Memory {
    /// No file is open.
    pub const EMPTY: Self = Self {
        links: Links::NONE,
        buffer: [0; BUFFER],
    };
}

/// The most bytes of the root of the mount points.
const ROOT_MAX: usize = 128;

/// The roots of `/proc`, `/sys` and the mount points.
pub struct Roots {
    proc: Directory,
    /// Network and mounts are those of its first process, instead of this one's.
    is_other: bool,
    /// A container may have none.
    sys: Option<Directory>,
    mounts: Name<ROOT_MAX>,
}

impl Roots {
    /// Opens the first two.
    pub fn open(proc: &[u8], sys: &[u8], mounts: &[u8]) -> Result<Self, Errno> {
        Ok(Self {
            proc: Directory::open(proc)?,
            is_other: proc != files::PROC,
            sys: Directory::open(sys).ok(),
            mounts: Name::new(mounts.strip_suffix(b"/").unwrap_or(mounts)),
        })
    }
}

/// The machine that the agent reads. Its files stay open between turns.
pub struct Host {
    /// The files of `/proc`.
    pub files: Files,
    /// `/sys`; a container may have none.
    pub sys: Option<Directory>,
    /// The files of the interfaces' links.
    pub links: &'static mut Links,
    /// The pass over the sensors.
    pub sensors: Sensors,
    /// An unfinished pass over the processes.
    pass: Option<Entries>,
    /// The root of the mount points.
    mounts: Name<ROOT_MAX>,
    /// The start of the mount point whose file system could not be asked last.
    pub failed_mount: Name<FAILED_MOUNT_MAX>,
}

impl Host {
    /// A machine with these roots. The files below are opened when they are first read.
    pub fn new(roots: Roots, memory: &'static mut Memory) -> Self {
        Self {
            files: Files::new(roots.proc, roots.is_other, &mut memory.buffer),
            sys: roots.sys,
            mounts: roots.mounts,
            links: &mut memory.links,
            sensors: Sensors::new(),
            pass: None,
            failed_mount: Name::NONE,
        }
    }

    /// Opens the roots of a machine.
    pub fn open(proc: &[u8], sys: &[u8], mounts: &[u8], memory: &'static mut Memory) -> Result<Self, Errno> {
        Ok(Self::new(Roots::open(proc, sys, mounts)?, memory))
    }

    /// Returns the sizes of the file system at a mount point.
    pub fn file_system(&self, point: &[u8]) -> Result<FileSystem, Errno> {
        if self.mounts.is_none() {
            return statfs(point);
        }
        let mut buffer = [0; ROOT_MAX + MOUNT_POINT_MAX];
        let mut path = Text::new(&mut buffer);
        path.put(self.mounts.bytes());
        path.put(point);
        if path.is_cut() {
            return Err(Errno::NAME_TOO_LONG);
        }
        statfs(path.bytes())
    }

    /// Closes all files and reads a machine with other roots from now on.
    pub fn change(&mut self, roots: Roots) {
        self.files.change_root(roots.proc, roots.is_other);
        (self.sys, self.mounts) = (roots.sys, roots.mounts);
        *self.links = Links::NONE;
        self.sensors = Sensors::new();
        self.pass = None;
    }

    /// Continues the pass over the processes, or begins one.
    pub fn processes(&mut self) -> Result<Processes<'_>, ReadError> {
        Processes::new(&self.files.root, &mut self.pass)
    }

    /// Returns whether a pass over the processes is unfinished.
    pub fn is_in_pass(&self) -> bool {
        self.pass.is_some()
    }

    /// Drops unfinished passes.
    pub fn end_passes(&mut self) {
        self.pass = None;
        self.sensors = Sensors::new();
    }

    /// Returns the number of leases in the lease file of this path.
    pub fn leases(&mut self, path: &[u8]) -> Result<u32, ReadError> {
        leases::count(path, self.files.text.buffer)
    }
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
