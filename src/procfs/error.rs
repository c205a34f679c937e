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
    /// The content is not as expected, for example `no MemTotal`.
    Content(&'static str),
    /// There is more than the agent has memory for, for example `more than 64 interfaces`. The first ones are
    /// collected.
    TooMany(&'static str),
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
    /// A system call failed.
    pub fn system(subject: impl Into<Subject>, errno: Errno) -> Self {
        Self {
            subject: subject.into(),
            kind: ReadErrorKind::System(errno),
        }
    }

    /// There is more than the agent has memory for.
    pub fn too_many(subject: impl Into<Subject>, message: &'static str) -> Self {
        Self {
            subject: subject.into(),
            kind: ReadErrorKind::TooMany(message),
        }
    }

    /// Whether the read succeeded, and only the first instances were collected.
    pub fn is_too_many(&self) -> bool {
        matches!(self.kind, ReadErrorKind::TooMany(_))
    }

    /// Returns `Ok` if this kernel lacks the file or does not fill it: then there is no sample, and no error.
    pub fn unless_missing(self) -> Result<(), Self> {
        match self.kind {
            ReadErrorKind::System(Errno::NOT_FOUND | NOT_SUPPORTED) => Ok(()),
            _ => Err(self),
        }
    }
}

impl From<Errno> for ReadErrorKind {
    fn from(errno: Errno) -> Self {
        Self::System(errno)
    }
}

impl ReadErrorKind {
    /// Returns what is wrong with the content; `None` if a system call failed.
    pub fn message(self) -> Option<&'static str> {
        match self {
            Self::System(_) => None,
            Self::Empty => Some("empty"),
            Self::Content(message) | Self::TooMany(message) => Some(message),
        }
    }
}
