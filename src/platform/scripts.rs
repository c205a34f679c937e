//! Scripts: commands whose output is read while they run.

use super::child::Child;
use super::descriptors::BESIDE_SCRIPT;
use super::errno::WOULD_BLOCK;
use super::fd::Fd;
use super::socket::pipe;
use crate::platform::{Ended, Errno, SCRIPTS_MAX};
use libc::pollfd;

/// A script that has been started.
struct Script {
    child: Child,
    /// Its standard output, until it is closed.
    output: Option<Fd>,
}

/// The running scripts by their indices.
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

    /// Fills in the descriptors to watch and the script of each, and returns their count.
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

    /// Reads output: its length, 0 at its end, `None` if there is none yet.
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

    /// Ends the script and all of its group; `None` if it has not ended yet. Its output is no longer read.
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
