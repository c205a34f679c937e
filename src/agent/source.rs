//! The sources of the configuration: the command line, and a file for options that are not given there.

use super::plan;
use crate::base::text::Text;
use crate::config::{self, Command, Config, ConfigError, ConfigFile, FileText};
use crate::families::{find, name};
use crate::platform::{self, Errno, SpoolError, TooFew};

/// The file if the command line names none; it need not exist.
const FILE: &[u8] = b"/etc/mini-monitor.json";

/// The file's text in the memory that it was read into, if there is a file.
pub(super) type Found = Option<FileText>;

/// The command line, and the path of the file.
pub(super) struct Source<A> {
    arguments: A,
    path: &'static [u8],
    is_named: bool,
}

/// An error of the configuration, or of what it names.
pub(super) enum Problem<'a> {
    Config(ConfigError<'a>),
    /// What it names is not available.
    System(&'a [u8], Errno),
    /// There may not be enough descriptors for it.
    Descriptors(TooFew),
    /// The memory of the ring is not available.
    Spool(&'a [u8], SpoolError),
}

impl<A: Iterator<Item = &'static [u8]> + Clone> Source<A> {
    /// Takes the arguments, and the file that they name.
    pub(super) fn new(arguments: A, file: Option<&'static [u8]>) -> Self {
        Self {
            arguments,
            path: file.unwrap_or(FILE),
            is_named: file.is_some(),
        }
    }

    /// Reads the file into the memory. Returns `None` if there is none and none is named.
    pub(super) fn load(&self, memory: &mut [u8]) -> Result<Found, Problem<'static>> {
        match config::load(self.path, memory) {
            Ok(text) => Ok(Some(text)),
            Err(error) if !self.is_named && error.is_missing_file() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Returns the error of a file that existed before.
    pub(super) fn missing(&self) -> Problem<'static> {
        Problem::System(self.path, Errno::NOT_FOUND)
    }

    /// Sets the options of the file, and then those of the command line.
    #[inline(never)]
    pub(super) fn fill<'a>(
        &self,
        config: &mut Config<'a>,
        memory: &'a mut [u8],
        found: Found,
    ) -> Result<(), Problem<'a>> {
        let mut file = found.map(|text| ConfigFile::new(self.path, memory, text));
        if let Some(file) = &mut file {
            file.apply(config, find, name)?;
        }
        let checked_file = plan::check(config);
        let arguments = self.arguments.clone().map(|argument| -> &'a [u8] { argument });
        config::parse(config, arguments, find)?;
        let checked = plan::check(config);
        if let Some(file) = &file {
            // What is wrong without the command line, too, is an error of the file.
            if let (Err(kind), true) = (checked, checked == checked_file) {
                return Err(file.error(kind, config).into());
            }
            file.check(config)?;
        }
        if config.command == Command::Once {
            config.print();
        }
        Ok(checked.map_err(ConfigError::of_command_line)?)
    }
}

impl<'a> From<ConfigError<'a>> for Problem<'a> {
    fn from(error: ConfigError<'a>) -> Self {
        Self::Config(error)
    }
}

impl Problem<'_> {
    /// Writes the error as one line, without its newline.
    pub(super) fn describe(&self, text: &mut Text) {
        match self {
            Self::Config(error) => error.describe(text),
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
