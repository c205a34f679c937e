//! What this machine says, as plain structs. `build.rs` picks the back-end.

#[cfg(host_linux)]
mod linux;

#[cfg(host_linux)]
pub use linux::{Host, Memory, OS, Roots, Source};

pub use crate::platform::{Discipline, FileSystem, page_size, ticks_per_second};

use crate::base::decimal::{Fixed, parse_u64};
use crate::base::name::Name;
use crate::base::text::words;
use crate::platform::{Errno, NOT_SUPPORTED};
use core::num::{NonZeroU16, NonZeroU32};

/// The most metrics that a family has.
pub const VALUES_MAX: usize = 36;

/// The values of a family's metrics, in the order of its table; none of those that this kernel does not tell.
/// A reader of the host fills in what its file says, the family what comes of that.
pub struct Values([Option<Fixed>; VALUES_MAX]);

impl Default for Values {
    fn default() -> Self {
        Self([None; VALUES_MAX])
    }
}

// Each of these is called from many places.
impl Values {
    /// Sets one; there is no place behind the last.
    #[inline(never)]
    pub fn set(&mut self, number: usize, value: Option<Fixed>) {
        if let Some(place) = self.0.get_mut(number) {
            *place = value;
        }
    }

    /// Sets one to a whole number.
    #[inline(never)]
    pub fn set_whole(&mut self, number: usize, value: u64) {
        self.set(number, Some(Fixed::whole(value)));
    }

    /// Sets one to the whole number that the text is, or to nothing; says whether it is one.
    #[inline(never)]
    pub fn parse(&mut self, number: usize, text: Option<&[u8]>) -> bool {
        let value = text.and_then(parse_u64).map(Fixed::whole);
        self.set(number, value);
        value.is_some()
    }

    /// The value of one.
    pub fn get(&self, number: usize) -> Option<Fixed> {
        self.0.get(number).copied().flatten()
    }

    /// The value of one, as far as it is whole.
    #[inline(never)]
    pub fn whole(&self, number: usize) -> Option<u64> {
        self.get(number).map(|value| value.parts().0)
    }

    /// The value of one, as far as it is whole; 0 where there is none.
    #[inline(never)]
    pub fn number(&self, number: usize) -> u64 {
        self.whole(number).unwrap_or_default()
    }

    /// Multiplies one; what gets too large is none.
    #[inline(never)]
    pub fn multiply(&mut self, number: usize, factor: u32) {
        let product = self
            .whole(number)
            .and_then(|value| value.checked_mul(factor.into()));
        self.set(number, product.map(Fixed::whole));
    }

    /// Sets one to what is left of another without a third: 0 where that is more, nothing where one of
    /// them is not known.
    #[inline(never)]
    pub fn subtract(&mut self, number: usize, from: usize, what: usize) {
        if let (Some(from), Some(what)) = (self.whole(from), self.whole(what)) {
            self.set_whole(number, from.saturating_sub(what));
        }
    }

    /// Sets one to the share in percent that another has in a third, where both are known.
    #[inline(never)]
    pub fn share(&mut self, number: usize, part: usize, total: usize) {
        let share = match (self.whole(part), self.whole(total)) {
            (Some(part), Some(total)) => Fixed::percent(part, total),
            _ => None,
        };
        self.set(number, share);
    }
}

/// Takes the values of instances of a family, such as interfaces.
pub trait Take {
    /// Whether the instance of that name is wanted.
    fn wants(&self, name: &[u8]) -> bool;

    /// Takes the values of the instance of that name.
    fn take(&mut self, name: &[u8], values: &Values);
}

/// Time of one processor, or of all, since the start, in ticks (`proc(5)`, `/proc/stat`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CpuTimes {
    /// Busy, and idle or waiting for a disk. The kernel may move time from one of the last two to the other,
    /// so that each goes back now and then, but their sum does not.
    pub sums: [u64; 2],
    /// User, nice, system, idle, iowait, irq, softirq, steal, guest; guest is contained in user and nice.
    pub parts: [u64; 9],
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

/// The name of an interface, of at most 15 bytes (`IFNAMSIZ`).
pub type InterfaceName = Name<16>;

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

/// Why there is no sample, or not of all. It goes through every reader, so it is one word: the number of the
/// source above that of the trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fault(NonZeroU32);

/// The number of a trouble: a system error's (on MIPS there is one of 1133) or, with `FLAW`, a flaw's; below
/// it a bit that is always set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Code(NonZeroU16);

const FLAW: u16 = 0x8000;

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
        TooManyLeases "longer than 1 MB";
        NoFile "not a regular file";
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
        Code::from(self).of(source)
    }
}

impl From<Flaw> for Code {
    fn from(flaw: Flaw) -> Self {
        Self(NonZeroU16::MIN | FLAW | (flaw as u16) << 1)
    }
}

impl From<Errno> for Code {
    fn from(errno: Errno) -> Self {
        Self(NonZeroU16::MIN | (errno.0 as u16) << 1)
    }
}

impl Code {
    fn of(self, source: Source) -> Fault {
        Fault(NonZeroU32::from(self.0) | (source as u32) << 16)
    }
}

impl Fault {
    /// A system call failed.
    pub fn system(source: Source, errno: Errno) -> Self {
        Code::from(errno).of(source)
    }

    /// What is at fault.
    pub fn source(self) -> Source {
        let number = (self.0.get() >> 16) as usize;
        Source::ALL.get(number).copied().unwrap_or(Source::Stat)
    }

    fn code(self) -> u16 {
        self.0.get() as u16
    }

    /// What is wrong.
    pub fn trouble(self) -> Trouble {
        let (is_flaw, number) = (self.code() & FLAW != 0, (self.code() & !FLAW) >> 1);
        match Flaw::ALL.get(usize::from(number)) {
            Some(flaw) if is_flaw => Trouble::Content(*flaw),
            _ => Trouble::System(Errno(number.into())),
        }
    }

    /// Whether it is this flaw.
    fn is(self, flaw: Flaw) -> bool {
        self.code() == Code::from(flaw).0.get()
    }

    /// Whether nothing is broken: there is more than has room, and the first of it is taken.
    pub fn is_too_much(&self) -> bool {
        self.code() >= Code::from(Flaw::Processors).0.get()
    }

    /// A file that this kernel lacks, or does not want to fill, is no fault: there is no sample of what
    /// it would hold.
    pub fn unless_missing(self) -> Result<(), Self> {
        let is = |errno| self.code() == Code::from(errno).0.get();
        if is(Errno::NOT_FOUND) || is(NOT_SUPPORTED) {
            Ok(())
        } else {
            Err(self)
        }
    }
}
