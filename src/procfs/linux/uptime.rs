//! `/proc/uptime` (`proc(5)`): `350735.47 234388.90`; and the state of the clock.

use super::{Host, Source};
use crate::base::decimal::Fixed;
use crate::base::fields::fields;
use crate::platform;
use crate::procfs::{Discipline, Fault, Flaw, Values};

impl Host {
    /// Seconds since the start, suspend included, whatever the wall clock says.
    pub fn uptime(&mut self, values: &mut Values) -> Result<(), Fault> {
        self.files.read(Source::Uptime, Flaw::NoNumber, &mut |line| {
            let seconds = fields(line).next().and_then(Fixed::parse);
            let seconds = seconds.filter(|seconds| !seconds.is_negative());
            values.set(0, seconds);
            seconds.is_some()
        })
    }

    /// How the kernel disciplines the wall clock; a container may not be allowed to ask.
    pub fn clock(&self) -> Option<Discipline> {
        platform::discipline().ok()
    }
}
