//! `/proc/uptime` (`proc(5)`): `350735.47 234388.90`; and the state of the clock.

use super::{Host, Source};
use crate::host::{Discipline, Fault, Flaw};
use crate::num::Fixed;
use crate::scan::fields;
use crate::sys;

impl Host {
    /// Seconds since the start, suspend included, whatever the wall clock says.
    pub fn uptime(&mut self) -> Result<Fixed, Fault> {
        let mut uptime = None;
        let file = self.files.of(Source::Uptime);
        file.lines(&self.proc, &mut self.buffer, &mut |line| {
            let first = fields(line).next().and_then(Fixed::parse);
            uptime = uptime.or(first.filter(|seconds| !seconds.is_negative()));
        })?;
        uptime.ok_or_else(|| file.lacks(Flaw::NoNumber))
    }

    /// How the kernel disciplines the wall clock; a container may not be allowed to ask.
    pub fn clock(&self) -> Option<Discipline> {
        sys::discipline().ok()
    }
}
