//! The agent itself: `/proc/self/statm` (`proc(5)`), `getrusage(2)`'s clock.

use super::Host;
use super::number::numbers;
use crate::host::Fault;
use crate::sys;

impl Host {
    /// Bytes of memory that this process has resident.
    pub fn own_memory(&mut self) -> Result<Option<u64>, Fault> {
        let [_, pages] = numbers(&mut self.files.statm, &self.proc, &mut self.buffer)?;
        Ok(pages.and_then(|pages| pages.checked_mul(sys::page_size())))
    }

    /// Microseconds of processor time that this process has used.
    pub fn own_cpu_micros(&self) -> Option<u64> {
        sys::own_cpu_micros()
    }
}
