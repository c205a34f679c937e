//! The files of `/proc` that stay open between turns: one system call reads a short one again.

use super::line_buffer::LineBuffer;
use super::{ReadError, ReadErrorKind};
use crate::base::text::Text;
use crate::platform::{Directory, Errno, File};

/// Bytes of the buffer for one file; a longer file is read in pieces. (`net/netstat` has about as much. Of files
/// that it prints record by record the kernel returns at most this much at once.)
pub(super) const BUFFER: usize = 4096;

/// The kernel ends a read of records where the next one does not fit into its page of 4 KiB or more, and no record
/// is half as long: a read this short has seen the file's end.
const SHORT: usize = 2048;

/// Bytes of a file that are read: none of the kernel's is as long, but a file in its place may never end.
const LENGTH_MAX: usize = 16 << 20;

/// How the kernel prints a file, which decides when a read has seen its end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum ReadMode {
    /// In one piece: a read that does not fill the buffer has seen the end.
    Whole,
    /// Record by record, as many as fit into a page: a read may return less than the buffer holds before the end.
    Records,
    /// The same with records of any length: only a read of zero bytes has seen the end.
    LongRecords,
}

/// Declares the files, one row each: name, path below `/proc`, read mode, and what is wrong with one that lacks what it
/// is read for.
macro_rules! files {
    ($($name:ident $path:literal $mode:ident $expectation:literal;)*) => {
        /// A file of `/proc` that stays open.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ProcFile { $(#[doc = concat!("`", $path, "`")] $name),* }

        static FILES: &[(&str, ReadMode, &str)] = &[$(($path, ReadMode::$mode, $expectation)),*];
        const FILE_COUNT: usize = [$($path),*].len();
    };
}

files! {
    Stat           "stat"                                 Whole       "no cpu line";
    Loadavg        "loadavg"                              Whole       "no load averages";
    Meminfo        "meminfo"                              Whole       "no MemTotal";
    Vmstat         "vmstat"                               Records     "no counters";
    Uptime         "uptime"                               Whole       "no number";
    PressureCpu    "pressure/cpu"                         Whole       "no total times";
    PressureIo     "pressure/io"                          Whole       "no total times";
    PressureMemory "pressure/memory"                      Whole       "no total times";
    PressureIrq    "pressure/irq"                         Whole       "no total times";
    NetDev         "net/dev"                              Records     "no interface";
    Snmp           "net/snmp"                             Whole       "no IP counters";
    Netstat        "net/netstat"                          Whole       "no counters";
    Snmp6          "net/snmp6"                            Whole       "no counters";
    Sockstat       "net/sockstat"                         Whole       "no socket counts";
    Softnet        "net/softnet_stat"                     Records     "no counters";
    Arp            "net/arp"                              Records     "no heading";
    Wireless       "net/wireless"                         Records     "no heading";
    ConntrackCount "sys/net/netfilter/nf_conntrack_count" Whole       "no number";
    ConntrackMax   "sys/net/netfilter/nf_conntrack_max"   Whole       "no number";
    FileNr         "sys/fs/file-nr"                       Whole       "no number";
    Entropy        "sys/kernel/random/entropy_avail"      Whole       "no number";
    PidMax         "sys/kernel/pid_max"                   Whole       "no number";
    // A mount with all its options is one record; so is a disk with all its partitions.
    Mountinfo      "self/mountinfo"                       LongRecords "no mounts";
    Diskstats      "diskstats"                            LongRecords "no block device";
    Statm          "self/statm"                           Whole       "no number";
    SmapsRollup    "self/smaps_rollup"                    Whole       "no Rss";
}

impl ProcFile {
    /// Returns the path below `/proc`.
    pub fn path(self) -> &'static str {
        FILES[self as usize].0
    }

    fn mode(self) -> ReadMode {
        FILES[self as usize].1
    }

    /// Returns what is wrong with a file without the content that it is read for.
    pub(super) fn expectation(self) -> &'static str {
        FILES[self as usize].2
    }
}

/// Where the files of this machine are.
pub(super) const PROC: &[u8] = b"/proc";

/// The first process of a machine.
const FIRST_PROCESS: &[u8] = b"1/";
/// The longest path of a file below it.
const PATH_MAX: usize = 32;

/// The files of `/proc`, of which one is read at a time, line by line.
///
/// ```text
/// let lines = files.lines(ProcFile::Vmstat)?;
/// while let Some(line) = lines.next_line() { … }
/// lines.finish(was_found)
/// ```
pub struct Files {
    pub(super) root: Directory,
    /// Whether they are those of the machine that this process runs on, and not of another root.
    pub are_own: bool,
    /// Network and mounts are those of the first process.
    is_other: bool,
    open: [Option<File>; FILE_COUNT],
    /// The file that is read, if it must not stay open.
    unkept: Option<File>,
    /// The file that is read.
    file: ProcFile,
    pub(super) text: LineBuffer,
    /// Offset in the file of the next piece.
    offset: usize,
    is_end: bool,
    /// Why there are no more lines, if it is not the end.
    error: Option<ReadErrorKind>,
}

impl Files {
    /// Files below this root. Each is opened when it is first read, and stays open while there are descriptors
    /// enough.
    pub(super) fn new(root: Directory, is_other: bool, buffer: &'static mut [u8; BUFFER]) -> Self {
        Self {
            are_own: root.is_at(PROC),
            root,
            is_other,
            open: [const { None }; FILE_COUNT],
            unkept: None,
            file: ProcFile::Stat,
            text: LineBuffer::new(buffer),
            offset: 0,
            is_end: true,
            error: None,
        }
    }

    /// Closes all files and opens them again below another root.
    pub(super) fn change_root(&mut self, root: Directory, is_other: bool) {
        self.are_own = root.is_at(PROC);
        (self.root, self.is_other) = (root, is_other);
        self.open = [const { None }; FILE_COUNT];
    }

    /// Begins to read a file as it is now.
    pub fn lines(&mut self, file: ProcFile) -> Result<&mut Self, ReadError> {
        let slot = &mut self.open[file as usize];
        if slot.is_none() {
            match open(&self.root, self.is_other, file) {
                Ok(opened) if opened.may_stay() => *slot = Some(opened),
                Ok(opened) => self.unkept = Some(opened),
                Err(errno) => return Err(ReadError::new(file, errno.into())),
            }
        }
        self.file = file;
        self.text.clear();
        (self.offset, self.is_end, self.error) = (0, false, None);
        Ok(self)
    }

    /// Returns the next line, without its newline; `None` at the end of the file, or after an error, which
    /// [`Files::finish`] returns. The line is valid until the next call.
    ///
    /// A file that ends within a line is an error; where it fits into the buffer, it has no lines then. Of a line longer
    /// than the buffer only the fields that fit are returned.
    pub fn next_line(&mut self) -> Option<&[u8]> {
        loop {
            if let Some(line) = self.text.next_line() {
                return self.text.line(line);
            }
            if self.is_end {
                return None;
            }
            if let Err(kind) = self.read_piece() {
                (self.is_end, self.error) = (true, Some(kind));
                return None;
            }
        }
    }

    /// Ends the reading of the file. Returns an error if it could not be read, or if what it is read for was not found.
    /// Then the file is opened again at the next turn.
    pub fn finish(&mut self, was_found: bool) -> Result<(), ReadError> {
        if !was_found {
            // An error of reading the rest is more exact.
            while self.next_line().is_some() {}
            self.error.get_or_insert(ReadErrorKind::Unexpected);
        }
        self.unkept = None;
        let Some(kind) = self.error.take() else {
            return Ok(());
        };
        self.open[self.file as usize] = None;
        Err(ReadError::new(self.file, kind))
    }

    fn read_piece(&mut self) -> Result<(), ReadErrorKind> {
        let open = &self.open[self.file as usize];
        let Some(file) = open.as_ref().or(self.unkept.as_ref()) else {
            self.is_end = true;
            return Ok(());
        };
        let free = self.text.free();
        let wanted = free.len();
        let length = file.read_at(free, self.offset as u64)?;
        self.offset += length;
        self.is_end = match self.file.mode() {
            ReadMode::Whole => length < wanted,
            ReadMode::Records => length < wanted.min(SHORT),
            ReadMode::LongRecords => length == 0,
        };
        if self.offset == 0 {
            return Err(ReadErrorKind::Empty);
        }
        if self.offset > LENGTH_MAX {
            return Err(ReadErrorKind::TooLong);
        }
        if self.text.add(length) && self.is_end {
            return Err(ReadErrorKind::Truncated);
        }
        Ok(())
    }
}

/// Opens a file. `net` and `self` are of this process, whose name spaces may be those of a container: where `/proc` is that
/// of another root, its first process is asked, unless it is captured files without processes.
fn open(root: &Directory, is_other: bool, file: ProcFile) -> Result<File, Errno> {
    let path = file.path().as_bytes();
    let of_process = match file {
        ProcFile::Mountinfo => path.strip_prefix(b"self/"),
        _ => Some(path).filter(|path| path.starts_with(b"net/")),
    };
    if let Some(rest) = of_process.filter(|_| is_other) {
        let mut buffer = [0; PATH_MAX];
        let mut first = Text::new(&mut buffer);
        first.put(FIRST_PROCESS);
        first.put(rest);
        match root.open_path(first.bytes()) {
            Err(Errno::NOT_FOUND) => {}
            opened => return opened,
        }
    }
    root.open_path(path)
}
