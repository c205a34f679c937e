//! Files below `/proc/sys`, which hold a number, or a few, on one line.

use super::Host;
use super::kept::Kept;
use crate::host::{Fault, Limits, Tracked};
use crate::num::parse_u64;
use crate::scan::fields;
use crate::sys::Directory;

/// The first fields of a file's first line; an error if the very first is no number.
pub(super) fn numbers<const N: usize>(
    file: &mut Kept,
    root: &Directory,
    buffer: &mut [u8],
) -> Result<[Option<u64>; N], Fault> {
    let mut values = [None; N];
    let mut is_first = true;
    file.lines(root, buffer, &mut |line| {
        if core::mem::take(&mut is_first) {
            for (value, field) in values.iter_mut().zip(fields(line)) {
                *value = parse_u64(field);
            }
        }
    })?;
    match values.first() {
        Some(None) => Err(file.lacks("no number")),
        _ => Ok(values),
    }
}

impl Host {
    /// Tracked connections; an error where the kernel tracks none.
    pub fn tracked(&mut self) -> Result<Tracked, Fault> {
        let (files, buffer) = (&mut self.files, &mut self.buffer);
        let [count] = numbers(&mut files.conntrack_count, &self.proc, buffer)?;
        let [max] = numbers(&mut files.conntrack_max, &self.proc, buffer)?;
        Ok(Tracked { count, max })
    }

    /// What the kernel has to give; what cannot be read stays `None`.
    pub fn limits(&mut self, limits: &mut Limits) -> Result<(), Fault> {
        let (files, buffer) = (&mut self.files, &mut self.buffer);
        let file_nr = numbers(&mut files.file_nr, &self.proc, buffer);
        let entropy = numbers(&mut files.entropy, &self.proc, buffer);
        let pid_max = numbers(&mut files.pid_max, &self.proc, buffer);
        if let Ok([open, _, max]) = file_nr {
            (limits.files_open, limits.files_max) = (open, max);
        }
        limits.entropy = entropy.ok().and_then(|[bits]| bits);
        limits.pids_max = pid_max.ok().and_then(|[max]| max);
        file_nr.and(entropy).and(pid_max).map(|[_]| ())
    }
}
