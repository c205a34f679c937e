//! Files below `/proc/sys`, which hold a number, or a few, on one line.

use super::{Host, Source};
use crate::host::{Fault, Flaw, Limits, Tracked};
use crate::num::parse_u64;
use crate::scan::fields;

impl Host {
    /// Takes the first fields of a file's first line; an error if the very first is no number.
    #[inline(never)]
    pub(super) fn numbers(&mut self, source: Source, values: &mut [Option<u64>]) -> Result<(), Fault> {
        let file = self.files.of(source);
        let mut is_first = true;
        file.lines(&self.proc, &mut self.buffer, &mut |line| {
            if core::mem::take(&mut is_first) {
                for (value, field) in values.iter_mut().zip(fields(line)) {
                    *value = parse_u64(field);
                }
            }
        })?;
        match values.first() {
            Some(None) => Err(file.lacks(Flaw::NoNumber)),
            _ => Ok(()),
        }
    }

    fn number(&mut self, source: Source) -> Result<Option<u64>, Fault> {
        let mut value = [None];
        self.numbers(source, &mut value)?;
        Ok(value[0])
    }

    /// Tracked connections; an error where the kernel tracks none.
    pub fn tracked(&mut self) -> Result<Tracked, Fault> {
        Ok(Tracked {
            count: self.number(Source::ConntrackCount)?,
            max: self.number(Source::ConntrackMax)?,
        })
    }

    /// What the kernel has to give; what cannot be read stays `None`.
    pub fn limits(&mut self, limits: &mut Limits) -> Result<(), Fault> {
        let mut files = [None; 3];
        let file_nr = self.numbers(Source::FileNr, &mut files);
        let entropy = self.number(Source::Entropy);
        let pid_max = self.number(Source::PidMax);
        [limits.files_open, _, limits.files_max] = files;
        limits.entropy = entropy.ok().flatten();
        limits.pids_max = pid_max.ok().flatten();
        file_nr.and(entropy).and(pid_max).map(|_| ())
    }
}
