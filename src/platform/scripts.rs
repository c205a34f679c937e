//! Commands that print something, which is read while they run.

use super::child::Child;
use super::descriptors::BESIDE_SCRIPT;
use super::errno::WOULD_BLOCK;
use super::fd::Fd;
use super::socket::pipe;
use crate::platform::{Ended, Errno, SCRIPTS_MAX};
use libc::pollfd;

/// One that has been started.
struct Script {
    child: Child,
    /// Until it has closed it.
    output: Option<Fd>,
}

/// Those that run, by their numbers.
pub(super) struct Scripts([Option<Script>; SCRIPTS_MAX]);

impl Scripts {
    pub(super) const NONE: Self = Self([const { None }; SCRIPTS_MAX]);

    /// Starts the shell with these arguments under that number.
    pub(super) fn start(
        &mut self,
        number: usize,
        arguments: &mut dyn Iterator<Item = &[u8]>,
        user: Option<&[u8]>,
    ) -> Result<(), Errno> {
        let (output, theirs) = pipe()?;
        if !output.leaves(BESIDE_SCRIPT) {
            return Err(Errno(libc::EMFILE));
        }
        let child = Child::start(arguments, user, [None, Some(&theirs), None])?;
        if let Some(place) = self.0.get_mut(number) {
            *place = Some(Script {
                child,
                output: Some(output),
            });
        }
        Ok(())
    }

    /// Adds what is to be watched: how many there are then, and the script of each.
    pub(super) fn watch(&self, entries: &mut [pollfd], numbers: &mut [u8; SCRIPTS_MAX]) -> usize {
        let outputs = self.0.iter().enumerate();
        let outputs =
            outputs.filter_map(|(number, script)| Some((number, script.as_ref()?.output.as_ref()?)));
        let mut count = 0;
        for ((number, output), (entry, place)) in outputs.zip(entries.iter_mut().zip(numbers)) {
            (entry.fd, entry.events) = (output.number(), libc::POLLIN);
            *place = number as u8;
            count += 1;
        }
        count
    }

    /// What it has printed: so many bytes, 0 if it has closed its output; `None` if there is nothing yet.
    pub(super) fn read(&mut self, number: usize, buffer: &mut [u8]) -> Option<usize> {
        let output = &mut self.0.get_mut(number)?.as_mut()?.output;
        match output.as_ref()?.read(buffer) {
            Err(WOULD_BLOCK) => None,
            Ok(length) if length > 0 => Some(length),
            _ => {
                *output = None;
                Some(0)
            }
        }
    }

    pub(super) fn has_ended(&self, number: usize) -> bool {
        self.child(number).is_none_or(Child::has_ended)
    }

    pub(super) fn ask_to_end(&self, number: usize) {
        if let Some(child) = self.child(number) {
            child.ask_to_end();
        }
    }

    /// Ends all that is left of it; `None` if that takes longer: nothing more is read of it then.
    pub(super) fn end(&mut self, number: usize) -> Option<Ended> {
        let place = self.0.get_mut(number)?;
        let script = place.as_mut()?;
        script.output = None;
        let ended = script.child.end()?;
        *place = None;
        Some(ended)
    }

    fn child(&self, number: usize) -> Option<&Child> {
        Some(&self.0.get(number)?.as_ref()?.child)
    }
}
