//! The files of `/proc` that stay open between turns: one system call reads a short one again.

use super::ReadError;
use super::file_lines::FileLines;
use crate::platform::{Directory, File};

/// Bytes of the buffer for one file; a longer file is read in pieces. (`net/netstat` has about as much. Of files
/// that it prints record by record the kernel returns at most this much at once.)
pub(super) const BUFFER: usize = 4096;

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

/// Declares the files, one row each: name, path below `/proc`, read mode.
macro_rules! files {
    ($($name:ident $path:literal $mode:ident;)*) => {
        /// A file of `/proc` that stays open.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ProcFile { $(#[doc = concat!("`", $path, "`")] $name),* }

        static FILES: &[(&str, ReadMode)] = &[$(($path, ReadMode::$mode)),*];
        const FILE_COUNT: usize = [$($path),*].len();
    };
}

files! {
    Stat           "stat"                                Whole;
    Loadavg        "loadavg"                             Whole;
    Meminfo        "meminfo"                             Whole;
    Vmstat         "vmstat"                              Records;
    Uptime         "uptime"                              Whole;
    PressureCpu    "pressure/cpu"                        Whole;
    PressureIo     "pressure/io"                         Whole;
    PressureMemory "pressure/memory"                     Whole;
    PressureIrq    "pressure/irq"                        Whole;
    NetDev         "net/dev"                             Records;
    Snmp           "net/snmp"                            Whole;
    Netstat        "net/netstat"                         Whole;
    Snmp6          "net/snmp6"                           Whole;
    Sockstat       "net/sockstat"                        Whole;
    Softnet        "net/softnet_stat"                    Records;
    Arp            "net/arp"                             Records;
    Wireless       "net/wireless"                        Records;
    ConntrackCount "sys/net/netfilter/nf_conntrack_count" Whole;
    ConntrackMax   "sys/net/netfilter/nf_conntrack_max"  Whole;
    FileNr         "sys/fs/file-nr"                      Whole;
    Entropy        "sys/kernel/random/entropy_avail"     Whole;
    PidMax         "sys/kernel/pid_max"                  Whole;
    // A mount with all its options is one record; so is a disk with all its partitions.
    Mountinfo      "self/mountinfo"                      LongRecords;
    Diskstats      "diskstats"                           LongRecords;
    Statm          "self/statm"                          Whole;
}

impl ProcFile {
    /// Returns the path below `/proc`.
    pub fn path(self) -> &'static str {
        FILES[self as usize].0
    }

    pub(super) fn mode(self) -> ReadMode {
        FILES[self as usize].1
    }
}

/// The files of `/proc`, with a buffer for one of them.
pub struct Files {
    pub(super) root: Directory,
    open: [Option<File>; FILE_COUNT],
    pub(super) buffer: &'static mut [u8; BUFFER],
}

impl Files {
    /// Files below this root. Each is opened when it is first read, and stays open while there are descriptors
    /// enough.
    pub(super) fn new(root: Directory, buffer: &'static mut [u8; BUFFER]) -> Self {
        Self {
            root,
            open: [const { None }; FILE_COUNT],
            buffer,
        }
    }

    /// Closes all files and opens them again below another root.
    pub(super) fn change_root(&mut self, root: Directory) {
        self.root = root;
        self.open = [const { None }; FILE_COUNT];
    }

    /// Returns the lines of a file as it is now.
    pub fn lines(&mut self, file: ProcFile) -> Result<FileLines<'_>, ReadError> {
        let slot = &mut self.open[file as usize];
        let mut unkept = None;
        if slot.is_none() {
            let opened = self.root.open_path(file.path().as_bytes());
            let opened = opened.map_err(|errno| ReadError::system(file, errno))?;
            let target = if opened.may_stay() {
                &mut *slot
            } else {
                &mut unkept
            };
            *target = Some(opened);
        }
        Ok(FileLines::new(file, slot, unkept, self.buffer))
    }
}
