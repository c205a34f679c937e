//! What this machine says, as plain structs. `build.rs` picks the back-end.

#[cfg(host_linux)]
mod linux;

#[cfg(host_linux)]
pub use linux::{Host, OS};

pub use crate::sys::FileSystem;

use crate::num::Fixed;
use crate::sys::Errno;
use core::ffi::CStr;

/// Time that all processors have spent since the start, in ticks (`proc(5)`, `/proc/stat`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTimes {
    /// In anything but `idle`.
    pub busy: u64,
    /// Idle, or waiting for a disk. The kernel may move time from one of the two to the other, so
    /// that each goes back now and then, but their sum does not.
    pub idle: u64,
}

/// Tasks that want to run or wait for a disk, averaged (`proc(5)`, `/proc/loadavg`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadAverages {
    /// Over 1, 5 and 15 minutes.
    pub averages: [Fixed; 3],
}

/// Memory in bytes (`proc(5)`, `/proc/meminfo`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// All that the kernel manages.
    pub total: u64,
    /// To be had without swapping: as the kernel estimates it, or (before Linux 3.14) what is free,
    /// in buffers or in the page cache.
    pub available: u64,
}

/// Why there is no sample.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The file: a path, or a name below the root of `/proc`.
    pub file: &'static CStr,
    /// What is wrong with it.
    pub trouble: Trouble,
}

/// What is wrong with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A system call failed.
    System(Errno),
    /// It holds something else than it should; in words.
    Content(&'static str),
}

impl From<Errno> for Trouble {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}
