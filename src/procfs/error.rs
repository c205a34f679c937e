//! The error of a reader: which file, and what is wrong with it.

use super::ProcFile;
use crate::platform::{Errno, NOT_SUPPORTED};

/// What could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A file of `/proc` that stays open.
    File(ProcFile),
    /// The processes below `/proc`.
    Processes,
    /// The sensors below `/sys/class`.
    Sensors,
    /// The file system of a mount point: [`super::Host::failed_mount`].
    MountPoint,
    /// The lease file.
    Leases,
    /// The kernel's discipline of the clock, `adjtimex(2)`.
    Clock,
}

impl From<ProcFile> for Subject {
    fn from(file: ProcFile) -> Self {
        Self::File(file)
    }
}

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadErrorKind {
    /// A system call failed.
    System(Errno),
    /// The file has no content.
    Empty,
    /// The file ends within a line.
    Truncated,
    /// The file is longer than any of its kind.
    TooLong,
    /// The file lacks what each of its kind has, for example `no MemTotal`.
    Unexpected,
    /// There are more instances than the agent has memory for. The first ones are collected.
    TooMany(Limit),
}

/// A bound on the number of instances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// Processors with a metric each.
    Processors,
    /// Network interfaces.
    Interfaces,
    /// Block devices.
    Devices,
    /// File systems, and the bytes of their names.
    FileSystems,
    /// Mounts, of file systems of any kind.
    Mounts,
    /// Sensors, and the numbers of their devices.
    Sensors,
}

/// Why there is no sample, or not all of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadError {
    /// What could not be read.
    pub subject: Subject,
    /// What is wrong.
    pub kind: ReadErrorKind,
}

impl ReadError {
    /// An error of this subject.
    pub fn new(subject: impl Into<Subject>, kind: ReadErrorKind) -> Self {
        Self {
            subject: subject.into(),
            kind,
        }
    }

    /// Whether the read succeeded, and only the first instances were collected.
    pub fn is_too_many(&self) -> bool {
        matches!(self.kind, ReadErrorKind::TooMany(_))
    }

    /// Whether something could not be read that can be on other machines of this kind: a sandbox may forbid to ask for the
    /// clock for good, and the first of too many instances are collected.
    pub fn is_failure(&self) -> bool {
        !self.is_too_many() && self.subject != Subject::Clock
    }

    /// Returns `Ok` if this kernel lacks the file or does not fill it: then there is no sample, and no error.
    pub fn unless_missing(self) -> Result<(), Self> {
        match self.kind {
            ReadErrorKind::System(Errno::NOT_FOUND | NOT_SUPPORTED) => Ok(()),
            _ => Err(self),
        }
    }

    /// Returns what is wrong with the content; `None` if a system call failed.
    pub fn message(&self) -> Option<&'static str> {
        let message = match (self.kind, self.subject) {
            (ReadErrorKind::System(_), _) => return None,
            (ReadErrorKind::Empty, _) => "empty",
            (ReadErrorKind::Truncated, _) => "truncated",
            (ReadErrorKind::TooLong, Subject::Leases) => "longer than 1 MB",
            (ReadErrorKind::TooLong, _) => "longer than 16 MB",
            (ReadErrorKind::Unexpected, Subject::File(file)) => file.expectation(),
            (ReadErrorKind::Unexpected, _) => "not a regular file",
            (ReadErrorKind::TooMany(limit), _) => match limit {
                Limit::Processors => "more than 256 processors",
                Limit::Interfaces => "more than 64 interfaces",
                Limit::Devices => "more than 64 devices",
                Limit::FileSystems => "more than 64 file systems, or 4 KB of their names",
                Limit::Mounts => "more than 1024 mounts",
                Limit::Sensors => "more than 256 sensors, or a number above 255",
            },
        };
        Some(message)
    }
}

impl From<Errno> for ReadErrorKind {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}
