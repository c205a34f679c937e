//! The sources of the configuration: the command line, and a file for options that are not given there.

use super::plan::{self, FAMILY_TABLE};
use crate::base::text::Text;
use crate::config::{
    self, Command, Config, ConfigFile, ConfigMemory, ErrorKind, FileText, FreeMemory, Reported,
};
use crate::platform::{Args, Errno, Slot};
use core::mem::discriminant;

/// The file if the command line names none; it need not exist.
const FILE: &[u8] = b"/etc/mini-monitor.json";

/// A configuration, and its memory.
#[repr(C)]
pub(super) struct StoredConfig {
    memory: ConfigMemory,
    config: Slot<{ size_of::<Config>() }>,
}

impl StoredConfig {
    pub(super) const EMPTY: Self = Self {
        memory: ConfigMemory::EMPTY,
        config: Slot::EMPTY,
    };

    /// Returns the default configuration in its place, and its memory.
    // The copy on the stack does not stay there.
    #[inline(never)]
    pub(super) fn reset<'c>(&mut self) -> (&mut Config<'c>, &mut ConfigMemory) {
        (self.config.put(Config::default()), &mut self.memory)
    }
}

/// The command line, and the path of the file.
pub(super) struct Source {
    arguments: Args,
    path: &'static [u8],
    /// The file has to exist: the command line names it, or it existed before.
    pub(super) is_required: bool,
}

impl Source {
    /// Takes the arguments, and the file that they name.
    pub(super) fn new(arguments: Args) -> Self {
        let file = config::last_value(&mut arguments.clone(), "config");
        Self {
            arguments,
            path: file.unwrap_or(FILE),
            is_required: file.is_some(),
        }
    }

    /// Returns the arguments of the command line.
    pub(super) fn arguments(&self) -> Args {
        self.arguments.clone()
    }

    /// Checks the command line alone, and returns its command. After an error it writes the message.
    pub(super) fn command(&self, stored: &mut StoredConfig, message: &mut Text) -> Result<Command, Reported> {
        let (config, memory) = stored.reset();
        let (_, mut memory) = memory.split(0);
        self.parse(config, &mut memory, message)?;
        Ok(config.command)
    }

    /// Sets the options of the command line.
    fn parse<'a>(
        &self,
        config: &mut Config<'a>,
        memory: &mut FreeMemory<'a>,
        message: &mut Text,
    ) -> Result<(), Reported> {
        let mut arguments = self.arguments.clone().map(|argument| -> &'a [u8] { argument });
        config::parse(config, &mut arguments, &FAMILY_TABLE, memory, message)
    }

    /// Returns the path of the file that was read, if there is one.
    pub(super) fn file(&self) -> Option<&'static [u8]> {
        self.is_required.then_some(self.path)
    }

    /// Reads the file. Returns `None` if there is none and none is required. After an error it writes the message.
    pub(super) fn load(
        &self,
        stored: &mut StoredConfig,
        message: &mut Text,
    ) -> Result<Option<FileText>, Reported> {
        match config::load(self.path, &mut stored.memory) {
            Ok(text) => Ok(Some(text)),
            Err(ErrorKind::System(Errno::NOT_FOUND)) if !self.is_required => Ok(None),
            Err(kind) => Err(config::report(kind, Some(self.path), message)),
        }
    }

    /// Sets the options of the file that was loaded, and then those of the command line. After an error it writes the
    /// message.
    pub(super) fn fill<'a>(
        &self,
        stored: &'a mut StoredConfig,
        loaded: Option<FileText>,
        message: &mut Text,
    ) -> Result<&'a Config<'a>, Reported> {
        let (config, memory) = stored.reset();
        let (text, mut memory) = memory.split(loaded.map_or(0, |text| text.length));
        let file = loaded.map(|loaded| ConfigFile::new(self.path, text, loaded.is_private));
        if let Some(file) = &file {
            file.apply(config, &FAMILY_TABLE, &mut memory, message)?;
        }
        let error_of_file = plan::check(config);
        self.parse(config, &mut memory, message)?;
        let error = plan::check(config);
        if let Some(file) = &file {
            // What is wrong without the command line, too, is an error of the file.
            if let (Some((kind, event)), Some((of_file, _))) = (error, error_of_file)
                && discriminant(&kind) == discriminant(&of_file)
            {
                return Err(file.report(kind, event, message));
            }
            file.check(config, message)?;
        }
        if let Some((kind, _)) = error {
            return Err(config::report(kind, None, message));
        }
        if config.command == Command::Once {
            config.print();
        }
        Ok(config)
    }
}
