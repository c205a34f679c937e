//! Linux: `/proc`, and what the C library asks the kernel for.

mod kept;
mod loadavg;
mod meminfo;
mod stat;

use super::{CpuTimes, Fault, LoadAverages, Memory, Trouble};
use crate::sys::{self, Directory, Errno, FileSystem};
use core::ffi::CStr;
use kept::{Extent, Kept};

/// The first tag of each line.
pub const OS: &str = "linux";

/// Room for the text of one file; `meminfo`, the longest that is read whole, has about 1.6 KB.
const BUFFER: usize = 4096;

/// The machine. Its files stay open.
pub struct Host {
    proc: Directory,
    stat: Kept,
    loadavg: Kept,
    meminfo: Kept,
    buffer: [u8; BUFFER],
}

impl Host {
    /// Opens the root of `/proc`; the files below it are opened when they are asked for.
    pub fn open(proc: &[u8]) -> Result<Self, Errno> {
        Ok(Self {
            proc: Directory::open(proc)?,
            stat: Kept::new(c"stat"),
            loadavg: Kept::new(c"loadavg"),
            meminfo: Kept::new(c"meminfo"),
            buffer: [0; BUFFER],
        })
    }

    /// Time of all processors.
    pub fn cpu(&mut self) -> Result<CpuTimes, Fault> {
        // Only its first line is of use: thousands of interrupts may make the file longer than the buffer.
        self.stat
            .read(&self.proc, &mut self.buffer, Extent::Head, stat::parse)
    }

    /// Load averages.
    pub fn load(&mut self) -> Result<LoadAverages, Fault> {
        self.loadavg
            .read(&self.proc, &mut self.buffer, Extent::Whole, loadavg::parse)
    }

    /// Memory.
    pub fn memory(&mut self) -> Result<Memory, Fault> {
        self.meminfo
            .read(&self.proc, &mut self.buffer, Extent::Whole, meminfo::parse)
    }

    /// Sizes of the file system at the mount point, which must be one that does not hang.
    pub fn file_system(&mut self, mount: &'static CStr) -> Result<FileSystem, Fault> {
        sys::file_system(mount.to_bytes()).map_err(|errno| Fault {
            file: mount,
            trouble: Trouble::System(errno),
        })
    }
}
