//! The files of `/proc` that stay open between turns: one system call reads a short one again.

use super::lines::Lines;
use super::{ReadError, Subject};
use crate::platform::{Directory, File};

/// Bytes of the buffer for one file; a longer file is read in pieces. (`net/netstat` has about as much. Of files
/// that it prints record by record the kernel returns at most this much at once.)
pub(super) const BUFFER: usize = 4096;

/// A file of `/proc` that stays open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the file of its path")]
pub enum ProcFile {
    Stat,
    Loadavg,
    Meminfo,
    Vmstat,
    Uptime,
    PressureCpu,
    PressureIo,
    PressureMemory,
    PressureIrq,
    NetDev,
    Snmp,
    Netstat,
    Snmp6,
    Sockstat,
    Softnet,
    Arp,
    Wireless,
    ConntrackCount,
    ConntrackMax,
    FileNr,
    Entropy,
    PidMax,
    Mountinfo,
    Diskstats,
    Statm,
}

/// How the kernel prints a file, which decides when a read has seen its end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ReadMode {
    /// In one piece: a read that does not fill the buffer has seen the end.
    Whole,
    /// Record by record, as many as fit into a page: a read may return less than the buffer holds before the end.
    Records,
    /// The same with records of any length: only a read of zero bytes has seen the end.
    LongRecords,
}

impl ProcFile {
    const COUNT: usize = Self::Statm as usize + 1;

    /// Returns the path below `/proc`.
    pub fn path(self) -> &'static str {
        self.path_and_mode().0
    }

    pub(super) fn mode(self) -> ReadMode {
        self.path_and_mode().1
    }

    fn path_and_mode(self) -> (&'static str, ReadMode) {
        use ReadMode::{LongRecords, Records, Whole};
        match self {
            Self::Stat => ("stat", Whole),
            Self::Loadavg => ("loadavg", Whole),
            Self::Meminfo => ("meminfo", Whole),
            Self::Vmstat => ("vmstat", Records),
            Self::Uptime => ("uptime", Whole),
            Self::PressureCpu => ("pressure/cpu", Whole),
            Self::PressureIo => ("pressure/io", Whole),
            Self::PressureMemory => ("pressure/memory", Whole),
            Self::PressureIrq => ("pressure/irq", Whole),
            Self::NetDev => ("net/dev", Records),
            Self::Snmp => ("net/snmp", Whole),
            Self::Netstat => ("net/netstat", Whole),
            Self::Snmp6 => ("net/snmp6", Whole),
            Self::Sockstat => ("net/sockstat", Whole),
            Self::Softnet => ("net/softnet_stat", Records),
            Self::Arp => ("net/arp", Records),
            Self::Wireless => ("net/wireless", Records),
            Self::ConntrackCount => ("sys/net/netfilter/nf_conntrack_count", Whole),
            Self::ConntrackMax => ("sys/net/netfilter/nf_conntrack_max", Whole),
            Self::FileNr => ("sys/fs/file-nr", Whole),
            Self::Entropy => ("sys/kernel/random/entropy_avail", Whole),
            Self::PidMax => ("sys/kernel/pid_max", Whole),
            // A mount with all its options is one record; so is a disk with all its partitions.
            Self::Mountinfo => ("self/mountinfo", LongRecords),
            Self::Diskstats => ("diskstats", LongRecords),
            Self::Statm => ("self/statm", Whole),
        }
    }

    fn error(self, errno: crate::platform::Errno) -> ReadError {
        ReadError::system(Subject::File(self), errno)
    }
}

/// The files of `/proc`, with a buffer for one of them.
pub struct Files {
    pub(super) root: Directory,
    open: [Option<File>; ProcFile::COUNT],
    pub(super) buffer: &'static mut [u8; BUFFER],
}

impl Files {
    /// Files below this root. Each is opened when it is first read, and stays open while there are descriptors
    /// enough.
    pub(super) fn new(root: Directory, buffer: &'static mut [u8; BUFFER]) -> Self {
        Self {
            root,
            open: [const { None }; ProcFile::COUNT],
            buffer,
        }
    }

    /// Closes all files and opens them again below another root.
    pub(super) fn change_root(&mut self, root: Directory) {
        self.root = root;
        self.open = [const { None }; ProcFile::COUNT];
    }

    /// Returns the lines of a file as it is now.
    pub fn lines(&mut self, file: ProcFile) -> Result<Lines<'_>, ReadError> {
        let slot = &mut self.open[file as usize];
        let mut unkept = None;
        if slot.is_none() {
            let opened = self.root.open_path(file.path().as_bytes());
            let opened = opened.map_err(|errno| file.error(errno))?;
            let target = if opened.may_stay() {
                &mut *slot
            } else {
                &mut unkept
            };
            *target = Some(opened);
        }
        Ok(Lines::new(file, slot, unkept, self.buffer))
    }
}
