//! What this machine says, as plain structs. `build.rs` picks the back-end.

#[cfg(host_linux)]
mod linux;

#[cfg(host_linux)]
pub use linux::{Host, OS, Protocols, Source};

pub use crate::sys::{Discipline, FileSystem};

use crate::num::Fixed;
use crate::sys::{Errno, NOT_SUPPORTED};
use crate::text::words;

/// Time of one processor, or of all, since the start, in ticks (`proc(5)`, `/proc/stat`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTimes {
    /// In anything but `rest`.
    pub busy: u64,
    /// Idle, or waiting for a disk. The kernel may move time from one of the two to the other, so
    /// that each goes back now and then, but their sum does not.
    pub rest: u64,
    /// User, nice, system, idle, iowait, irq, softirq, steal, guest; guest is contained in user and nice.
    pub parts: [u64; 9],
}

/// What `/proc/stat` says beside the single processors; what this kernel does not tell is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stat {
    /// Times of all processors.
    pub cpu: Option<CpuTimes>,
    /// Processors that are online.
    pub count: u64,
    /// Context switches since the start.
    pub switches: Option<u64>,
    /// Interrupts since the start.
    pub interrupts: Option<u64>,
    /// Processes and threads made since the start.
    pub forks: Option<u64>,
    /// Tasks that run or want to.
    pub running: Option<u64>,
    /// Tasks that wait for a disk.
    pub blocked: Option<u64>,
}

/// Tasks that want to run or wait for a disk, averaged (`proc(5)`, `/proc/loadavg`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadAverages {
    /// Over 1, 5 and 15 minutes.
    pub averages: [Fixed; 3],
    /// All tasks there are.
    pub tasks: Option<u64>,
}

/// Memory in bytes; what this kernel does not tell is `None` (`proc(5)`, `/proc/meminfo`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// All that the kernel manages.
    pub total: Option<u64>,
    /// Used by nobody.
    pub free: Option<u64>,
    /// To be had without swapping: as the kernel estimates it, or (before Linux 3.14) what is free,
    /// in buffers or cached.
    pub available: Option<u64>,
    /// Cached blocks of devices.
    pub buffers: Option<u64>,
    /// Cached pages of files.
    pub cached: Option<u64>,
    /// Shared memory and `tmpfs`.
    pub shmem: Option<u64>,
    /// The kernel's own structures.
    pub slab: Option<u64>,
    /// Swap space.
    pub swap_total: Option<u64>,
    /// Swap space that is free.
    pub swap_free: Option<u64>,
}

/// Counts of sockets (`proc(5)`, `/proc/net/sockstat`).
pub const SOCKETS: usize = 8;

/// Resources that tasks wait for: processors, disks, memory, interrupts.
pub const RESOURCES: usize = 4;

/// Connections that the packet filter tracks (`Documentation/networking/nf_conntrack-sysctl.rst`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tracked {
    /// Now.
    pub count: Option<u64>,
    /// At the most.
    pub max: Option<u64>,
}

/// What the kernel has to give (`Documentation/admin-guide/sysctl`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Open files.
    pub files_open: Option<u64>,
    /// Open files at the most.
    pub files_max: Option<u64>,
    /// Bits of entropy.
    pub entropy: Option<u64>,
    /// The number that process numbers stay below.
    pub pids_max: Option<u64>,
}

/// Counts of one interface since it was made (`proc(5)`, `/proc/net/dev`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes, packets, errors, dropped, fifo errors, frame errors, multicast packets.
    pub received: [u64; 7],
    /// Bytes, packets, errors, dropped, fifo errors, collisions, carrier losses.
    pub sent: [u64; 7],
}

/// The state of an interface's link; what its driver does not tell is `None`
/// (`Documentation/ABI/testing/sysfs-class-net`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Link {
    /// Whether there is a carrier.
    pub is_up: Option<bool>,
    /// Its speed in Mbit/s.
    pub megabits: Option<u64>,
}

/// Counts of one block device since the start (`Documentation/admin-guide/iostats.rst`); on 32-bit
/// machines, most of them go back to 0 at 2³².
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Disk {
    /// The kernel's number for it.
    pub device: u64,
    /// Reads that are done.
    pub reads: u64,
    /// Bytes read.
    pub read_bytes: Option<u64>,
    /// Milliseconds that all reads took, each counted.
    pub read_millis: u64,
    /// Writes that are done.
    pub writes: u64,
    /// Bytes written.
    pub written_bytes: Option<u64>,
    /// Milliseconds that all writes took, each counted.
    pub write_millis: u64,
    /// Milliseconds in which there was something to do.
    pub busy_millis: u64,
    /// Reads and writes that are under way.
    pub in_flight: u64,
}

/// The reception of a wireless interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wireless {
    /// In the driver's own unit, most often of 70.
    pub quality: Option<Fixed>,
    /// dBm.
    pub signal: Option<Fixed>,
    /// dBm.
    pub noise: Option<Fixed>,
}

/// What a sensor says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// Degrees Celsius.
    Temperature(Fixed),
    /// Turns a minute.
    Fan(u64),
}

/// A process (`proc(5)`, `/proc/[pid]/stat`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process<'a> {
    /// The name of its program, cut to 15 bytes by the kernel.
    pub name: &'a [u8],
    /// It has ended, and nobody has asked how.
    pub is_dead: bool,
    /// Milliseconds of processor time that it has used.
    pub cpu_millis: u64,
    /// Bytes of memory that it has resident.
    pub resident: u64,
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

/// Longest name of an interface (`IFNAMSIZ`).
const INTERFACE_NAME_MAX: usize = 16;

/// The name of an interface; the default is none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InterfaceName {
    bytes: [u8; INTERFACE_NAME_MAX],
    length: u8,
}

impl InterfaceName {
    /// Keeps the name; `None` if it is longer than the kernel's are.
    pub fn new(name: &[u8]) -> Option<Self> {
        let mut bytes = [0; INTERFACE_NAME_MAX];
        bytes.get_mut(..name.len())?.copy_from_slice(name);
        Some(Self {
            bytes,
            length: name.len() as u8,
        })
    }

    /// The name.
    #[inline(never)]
    pub fn bytes(&self) -> &[u8] {
        self.bytes.get(..usize::from(self.length)).unwrap_or_default()
    }
}

/// Where a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// Below the root of `/proc`.
    Proc,
    /// Below the root of `/sys`.
    Sys,
    /// It is a mount point.
    Mount,
    /// It is the lease file.
    Leases,
}

/// Why there is no sample, or not of all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What is at fault.
    pub source: Source,
    /// What is wrong with it.
    pub trouble: Trouble,
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// A system call failed.
    System(Errno),
    /// It holds something else than it should.
    Content(Flaw),
}

words! {
    /// What is wrong with what a file holds.
    pub enum Flaw {
        Empty "empty";
        CutShort "cut short";
        TooLong "longer than 16 MB";
        NoNumber "no number";
        NoCounts "no counts";
        NoTimes "no line of all processors";
        NoAverages "no load averages";
        NoTotal "no MemTotal";
        NoAvailable "neither MemAvailable nor MemFree, Buffers and Cached";
        NoTotals "no totals";
        NoInterface "no interface";
        NoIp "no counts of IP";
        NoSockets "no sockets";
        NoHeading "no heading";
        NoMounts "no mounts";
        NoDisk "no disk";
        Processors "more than 256 processors";
        Interfaces "more than 64 interfaces";
        Disks "more than 64 devices";
        Mounts "more than 64 file systems, or 4 KB of their names";
        Sensors "more than 256 sensors, or a number above 255";
    }
}

impl Flaw {
    /// The flaw, as a fault of that source.
    pub fn of(self, source: Source) -> Fault {
        Fault {
            source,
            trouble: Trouble::Content(self),
        }
    }
}

impl From<Errno> for Trouble {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}

impl Fault {
    /// Whether nothing is broken: there is more than has room, and the first of it is taken.
    pub fn is_too_much(&self) -> bool {
        matches!(self.trouble, Trouble::Content(flaw) if flaw as u8 >= Flaw::Processors as u8)
    }

    /// A file that this kernel lacks, or does not want to fill, is no fault: there is no sample of what
    /// it would hold.
    pub fn unless_missing(self) -> Result<(), Self> {
        match self.trouble {
            Trouble::System(Errno::NOT_FOUND | NOT_SUPPORTED) => Ok(()),
            _ => Err(self),
        }
    }
}
