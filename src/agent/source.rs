//! Where the configuration comes from: the command line, and a file for what is not given there.

use super::plan;
use crate::base::text::Text;
use crate::config::{self, Command, Config, Document, Error, Lengths, Wrong};
use crate::families::{find, name};
use crate::platform::{self, Errno, SpoolError, TooFew};

/// The file if the command line names none; it need not be there.
const FILE: &[u8] = b"/etc/mini-monitor.json";

/// The command line, and the file.
pub(super) struct Source<A> {
    arguments: A,
    path: &'static [u8],
    is_named: bool,
}

/// Where a configuration file is in the memory that it was read into, if there is one.
pub(super) type Found = Option<Lengths>;

/// What is wrong with a configuration, or with what it asks for.
pub(super) enum Problem<'a> {
    File(Wrong<'a>),
    Flags(Error<'a>),
    /// What it names cannot be had.
    System(&'a [u8], Errno),
    /// There may not be enough descriptors for it.
    Descriptors(TooFew),
    /// The same of the ring's memory.
    Spool(&'a [u8], SpoolError),
}

impl<A: Iterator<Item = &'static [u8]> + Clone> Source<A> {
    /// The arguments, and the file that they name.
    pub(super) fn new(arguments: A, file: Option<&'static [u8]>) -> Self {
        Self {
            arguments,
            path: file.unwrap_or(FILE),
            is_named: file.is_some(),
        }
    }

    /// Reads the file into the memory.
    pub(super) fn load(&self, memory: &mut [u8]) -> Result<Found, Problem<'static>> {
        match config::load(self.path, memory) {
            Ok(lengths) => Ok(Some(lengths)),
            Err(wrong) if !self.is_named && wrong.is_missing() => Ok(None),
            Err(wrong) => Err(Problem::File(wrong)),
        }
    }

    /// The file was there before.
    pub(super) fn missing(&self) -> Problem<'static> {
        Problem::System(self.path, Errno::NOT_FOUND)
    }

    /// Sets what is asked for, by what the memory holds and by the command line.
    #[inline(never)]
    pub(super) fn fill<'a>(
        &self,
        config: &mut Config<'a>,
        memory: &'a [u8],
        found: Found,
    ) -> Result<(), Problem<'a>> {
        let document = found.map(|lengths| Document::new(self.path, memory, lengths));
        if let Some(document) = &document {
            document.apply(config, find, name)?;
        }
        let by_file = plan::check(config);
        let arguments = self.arguments.clone().map(|argument| -> &'a [u8] { argument });
        config::parse(config, arguments, find)?;
        let checked = plan::check(config);
        if let Some(document) = &document {
            match (by_file, checked) {
                (Err(Error::TooLong), Err(Error::TooLong)) => {
                    return Err(document.name_too_long(config).into());
                }
                (Err(Error::NothingRuns), Err(Error::NothingRuns)) => {
                    return Err(document.nothing_runs().into());
                }
                _ => {}
            }
            document.check(config)?;
        }
        if config.command == Command::Once {
            config.print();
        }
        Ok(checked?)
    }
}

impl<'a> From<Wrong<'a>> for Problem<'a> {
    fn from(wrong: Wrong<'a>) -> Self {
        Self::File(wrong)
    }
}

impl<'a> From<Error<'a>> for Problem<'a> {
    fn from(error: Error<'a>) -> Self {
        Self::Flags(error)
    }
}

impl Problem<'_> {
    /// Writes it as one line, without its newline.
    pub(super) fn describe(&self, text: &mut Text) {
        match self {
            Self::File(wrong) => wrong.describe(text),
            Self::Flags(error) => error.describe(text),
            Self::System(what, errno) | Self::Spool(what, SpoolError::System(errno)) => {
                text.put(what);
                text.put(b": ");
                if *errno == Errno::BUSY {
                    text.put(b"another agent has it");
                } else {
                    platform::describe(text, *errno);
                }
            }
            Self::Descriptors([most, needed]) => {
                text.put(b"at most ");
                text.number(*most);
                text.put(b" open files (ulimit -n) are too few: at least ");
                text.number(*needed);
                text.put(b" are needed");
            }
            Self::Spool(path, SpoolError::Beside(errno)) => {
                text.put(path);
                text.put(b".new cannot be made or take its place: ");
                platform::describe(text, *errno);
            }
            Self::Spool(path, SpoolError::Refused(reason)) => {
                text.put(path);
                text.put(b": ");
                text.put(reason.as_bytes());
            }
        }
    }
}
