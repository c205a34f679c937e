//! The files of `/proc` that stay open: one system call reads one again, as long as it fits into the
//! buffer.

use super::pieces::{Pieces, TakeLine};
use crate::base::text::words;
use crate::platform::{Directory, File};
use crate::procfs::{Code, Fault, Flaw, Place};

/// Room for the text of one file; a longer one is read in pieces. (`net/netstat` has about as much; of records
/// the kernel shows no more at once.)
pub(super) const BUFFER: usize = 4096;

words! {
    /// What values come from: files of `/proc`, and what else may fail.
    pub enum Source {
        Stat "stat";
        Loadavg "loadavg";
        Meminfo "meminfo";
        Vmstat "vmstat";
        Uptime "uptime";
        PressureCpu "pressure/cpu";
        PressureIo "pressure/io";
        PressureMemory "pressure/memory";
        PressureIrq "pressure/irq";
        NetDev "net/dev";
        Snmp "net/snmp";
        Netstat "net/netstat";
        Snmp6 "net/snmp6";
        Sockstat "net/sockstat";
        Softnet "net/softnet_stat";
        Arp "net/arp";
        Wireless "net/wireless";
        ConntrackCount "sys/net/netfilter/nf_conntrack_count";
        ConntrackMax "sys/net/netfilter/nf_conntrack_max";
        FileNr "sys/fs/file-nr";
        Entropy "sys/kernel/random/entropy_avail";
        PidMax "sys/kernel/pid_max";
        Mountinfo "self/mountinfo";
        Diskstats "diskstats";
        Statm "self/statm";
        Processes "";
        Sensors "class";
        MountPoint "";
        Leases "";
    }
}

impl Source {
    /// Where it is.
    pub fn place(self) -> Place {
        match self {
            Self::Sensors => Place::Sys,
            Self::MountPoint => Place::Mount,
            Self::Leases => Place::Leases,
            _ => Place::Proc,
        }
    }
}

/// Files of `/proc` below `Processes`.
const KEPT: usize = Source::Processes as usize;

/// The files of `/proc`, with room for the text of one of them.
pub(super) struct Files {
    pub(super) proc: Directory,
    kept: [Option<File>; KEPT],
    pub(super) buffer: &'static mut [u8; BUFFER],
}

impl Files {
    /// They are opened when they are asked for, and stay open if there are descriptors enough.
    pub(super) fn new(proc: Directory, buffer: &'static mut [u8; BUFFER]) -> Self {
        Self {
            proc,
            kept: [const { None }; KEPT],
            buffer,
        }
    }

    /// They are opened anew, below another root.
    pub(super) fn change(&mut self, proc: Directory) {
        self.proc = proc;
        self.kept = [const { None }; KEPT];
    }

    /// Hands over a file's lines, without their newlines, to what says whether a line is of use. After an
    /// error the file is opened anew, and it is one, the flaw, if no line has been of use.
    ///
    /// A file that is cut within a line is an error; where it fits into the buffer, none of its
    /// lines is handed over then. Of a line longer than the buffer the fields that fit are.
    pub(super) fn read(&mut self, source: Source, flaw: Flaw, take: TakeLine) -> Result<(), Fault> {
        let result = self.lines(source, take);
        let code = match result {
            Ok(true) => return Ok(()),
            Ok(false) => flaw.into(),
            Err(code) => code,
        };
        self.close(source);
        Err(code.of(source))
    }

    /// The file is opened anew when it is asked for next.
    pub(super) fn close(&mut self, source: Source) {
        if let Some(file) = self.kept.get_mut(source as usize) {
            *file = None;
        }
    }

    /// Says whether a line has been of use.
    fn lines(&mut self, source: Source, take: TakeLine) -> Result<bool, Code> {
        let Some(place) = self.kept.get_mut(source as usize) else {
            return Ok(false);
        };
        let mut passing = None;
        let file = match place {
            Some(file) => file,
            none => {
                let file = self.proc.open_path(source.text())?;
                let place = if file.may_stay() { none } else { &mut passing };
                place.insert(file)
            }
        };
        let shape = Shape::of(source);
        let mut pieces = Pieces::default();
        let mut offset = 0;
        loop {
            let room = self.buffer.get_mut(pieces.held..).unwrap_or_default();
            let (asked, length) = (room.len(), file.read_at(room, offset as u64)?);
            let is_end = match shape {
                Shape::Whole => length < asked,
                Shape::Records => length < asked.min(SHORT),
                Shape::LongRecords => length == 0,
            };
            offset += length;
            if offset == 0 {
                return Err(Flaw::Empty.into());
            }
            if offset > LENGTH_MAX {
                return Err(Flaw::TooLong.into());
            }
            if !pieces.take(self.buffer, length, is_end, take) {
                return Err(Flaw::CutShort.into());
            }
            if is_end {
                return Ok(pieces.is_of_use);
            }
        }
    }
}

/// How the kernel shows a file.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    /// In one piece: a read that leaves room in the buffer has seen its end.
    Whole,
    /// Record by record, as many as fit into a page: a read may end before the file does.
    Records,
    /// The same with records of any length: only a read of nothing has seen the end.
    LongRecords,
}

impl Shape {
    fn of(source: Source) -> Self {
        match source {
            Source::Vmstat | Source::NetDev | Source::Softnet | Source::Arp | Source::Wireless => {
                Self::Records
            }
            // A disk with all its partitions is one record; so is a mount with all its options.
            Source::Diskstats | Source::Mountinfo => Self::LongRecords,
            _ => Self::Whole,
        }
    }
}

/// The kernel ends a read of records where the next one does not fit into its page of 4 KiB or
/// more, and no record is half as long: a read this short has seen the file's end.
const SHORT: usize = 2048;

/// Bytes of a file that are read: none of the kernel's is that long, but what stands in its place may
/// never end.
const LENGTH_MAX: usize = 16 << 20;
