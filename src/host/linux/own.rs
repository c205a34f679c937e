//! The agent itself: `/proc/self/statm` (`proc(5)`), and the clock of its processor time.

use super::{Host, Source};
use crate::host::Fault;
use crate::sys;

impl Host {
    /// Bytes of memory that this process has resident.
    pub fn own_memory(&mut self) -> Result<Option<u64>, Fault> {
        let mut pages = [None; 2];
        self.numbers(Source::Statm, &mut pages)?;
        Ok(pages[1].and_then(|pages| pages.checked_mul(sys::page_size())))
    }

    /// Microseconds of processor time that this process has used.
    pub fn own_cpu_micros(&self) -> Option<u64> {
        sys::own_cpu_micros()
    }
}
