//! Files that hold a number, or a few, on one line: below `/proc/sys`, and `/proc/self/statm` (`proc(5)`).

use super::row::{NO, row};
use super::{Host, Source};
use crate::base::fields::fields;
use crate::platform;
use crate::procfs::{Fault, Flaw, Values};

impl Host {
    /// Takes the columns of a file's first line; an error if the very first is no number.
    #[inline(never)]
    fn numbers(&mut self, source: Source, metrics: &[u8], values: &mut Values) -> Result<(), Fault> {
        let mut is_first = true;
        self.files.read(source, Flaw::NoNumber, &mut |line| {
            core::mem::take(&mut is_first) && row(&mut fields(line), metrics, values) > 0
        })
    }

    /// Connections that the packet filter tracks, and can track at the most
    /// (`Documentation/networking/nf_conntrack-sysctl.rst`); an error where it tracks none.
    pub fn tracked(&mut self, values: &mut Values) -> Result<(), Fault> {
        self.numbers(Source::ConntrackCount, &[0], values)?;
        self.numbers(Source::ConntrackMax, &[1], values)
    }

    /// What the kernel has to give (`Documentation/admin-guide/sysctl`): open files, those at the most, bits of
    /// entropy, the number that process numbers stay below.
    pub fn limits(&mut self, values: &mut Values) -> Result<(), Fault> {
        let files = self.numbers(Source::FileNr, &[0, NO, 1], values);
        let entropy = self.numbers(Source::Entropy, &[2], values);
        let pid_max = self.numbers(Source::PidMax, &[3], values);
        files.and(entropy).and(pid_max)
    }

    /// Bytes of memory that this process has resident, as the value of that metric.
    pub fn own_memory(&mut self, metric: usize, values: &mut Values) -> Result<(), Fault> {
        let result = self.numbers(Source::Statm, &[NO, metric as u8], values);
        values.multiply(metric, platform::page_size() as u32);
        result
    }

    /// Microseconds of processor time that this process has used.
    pub fn own_cpu_micros(&self) -> Option<u64> {
        platform::own_cpu_micros()
    }
}
