//! Readers of `/proc` and `/sys`: files that stay open, lines that are pulled, and parsers of what they hold.

mod error;
mod file_lines;
mod files;
mod keys;
mod leases;
mod links;
pub mod mounts;
pub mod processes;
pub mod sensors;
mod sysfs;

pub use crate::platform::{
    Discipline, FileSystem, discipline as clock_discipline, file_system as statfs, own_cpu_micros, page_size,
    ticks_per_second,
};
pub use error::{ReadError, ReadErrorKind, Subject};
pub use file_lines::FileLines;
pub use files::{Files, ProcFile};
pub use keys::Keys;
pub use links::{InterfaceName, Link, Links};

use crate::base::fields::{Fields, fields};
use crate::base::name::Name;
use crate::platform::{Directory, Entries, Errno};
use files::BUFFER;
use processes::Processes;
use sensors::Devices;

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

/// The machine that the agent reads. Its files stay open between turns.
pub struct Host {
    /// The files of `/proc`.
    pub files: Files,
    /// `/sys`; a container may have none.
    pub sys: Option<Directory>,
    /// The files of the interfaces' links.
    pub links: &'static mut Links,
    /// An unfinished pass over the processes.
    pass: Option<Entries>,
    /// The start of the mount point whose file system could not be asked last.
    failed_mount: Name<FAILED_MOUNT_MAX>,
}

impl Host {
    /// A machine with these roots. The files below are opened when they are first read.
    pub fn new(roots: Roots, memory: &'static mut Memory) -> Self {
        Self {
            files: Files::new(roots.proc, &mut memory.buffer),
            sys: roots.sys,
            links: &mut memory.links,
            pass: None,
            failed_mount: Name::NONE,
        }
    }

    /// Opens the roots of a machine.
    pub fn open(proc: &[u8], sys: &[u8], memory: &'static mut Memory) -> Result<Self, Errno> {
        Ok(Self::new(Roots::open(proc, sys)?, memory))
    }

    /// Closes all files and reads a machine with other roots from now on.
    pub fn change(&mut self, roots: Roots) {
        self.files.change_root(roots.proc);
        self.sys = roots.sys;
        *self.links = Links::NONE;
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

    /// Drops an unfinished pass over the processes.
    pub fn end_pass(&mut self) {
        self.pass = None;
    }

    /// Returns the devices of a class.
    pub fn devices(&self, class: sensors::Class) -> Devices {
        Devices::open(self.sys.as_ref(), class)
    }

    /// Returns the number of leases in the lease file of this path.
    pub fn leases(&mut self, path: &[u8]) -> Result<u32, ReadError> {
        leases::count(path, self.files.buffer)
    }

    /// Returns the error that the file system of this mount point cannot be asked for its sizes.
    pub fn mount_error(&mut self, point: &[u8], errno: Errno) -> ReadError {
        self.failed_mount = Name::new(point.get(..FAILED_MOUNT_MAX).unwrap_or(point));
        ReadError::system(Subject::MountPoint, errno)
    }

    /// Returns the mount point of the last [`Host::mount_error`], or its start.
    pub fn failed_mount(&self) -> &[u8] {
        self.failed_mount.bytes()
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
