//! `/proc/stat` (`proc(5)`, `Documentation/filesystems/proc.rst`).

use super::{Host, Source};
use crate::host::{CpuTimes, Fault, Flaw, Stat};
use crate::num::parse_u64;
use crate::scan::fields;

/// Takes the number and the times of one processor.
pub(super) type TakeCore<'t> = &'t mut dyn FnMut(usize, CpuTimes);

impl Host {
    /// Reads the file, and hands over the times of each processor that is online.
    pub fn stat(&mut self, take_core: TakeCore) -> Result<Stat, Fault> {
        let mut stat = Stat::default();
        let files = &mut self.files;
        files
            .of(Source::Stat)
            .lines(&self.proc, &mut self.buffer, &mut |line| {
                read_line(line, &mut stat, take_core);
            })?;
        self.tasks = Some((self.turn, stat));
        if stat.cpu.is_none() {
            return Err(files.of(Source::Stat).lacks(Flaw::NoTimes));
        }
        Ok(stat)
    }

    /// The same without the processors, and without a second read in the same turn.
    pub fn tasks(&mut self) -> Result<Stat, Fault> {
        match self.tasks {
            Some((turn, stat)) if turn == self.turn => Ok(stat),
            _ => self.stat(&mut |_, _| {}),
        }
    }
}

fn read_line(line: &[u8], stat: &mut Stat, take_core: TakeCore) {
    let mut fields = fields(line);
    let Some(name) = fields.next() else { return };
    let place = match name {
        b"cpu" => {
            stat.cpu = times(fields);
            return;
        }
        b"intr" => &mut stat.interrupts,
        b"ctxt" => &mut stat.switches,
        b"processes" => &mut stat.forks,
        b"procs_running" => &mut stat.running,
        b"procs_blocked" => &mut stat.blocked,
        _ => {
            let number = name.strip_prefix(b"cpu").and_then(parse_u64);
            if let Some(number) = number
                && let Some(times) = times(fields)
            {
                stat.count += 1;
                take_core(usize::try_from(number).unwrap_or(usize::MAX), times);
            }
            return;
        }
    };
    *place = fields.next().and_then(parse_u64);
}

/// `user nice system idle iowait irq softirq steal guest guest_nice`: an old kernel has fewer, four at
/// least, and those that it lacks are 0.
fn times<'t>(fields: impl Iterator<Item = &'t [u8]>) -> Option<CpuTimes> {
    let mut times = [0; 10];
    let mut count = 0;
    for (place, field) in times.iter_mut().zip(fields) {
        *place = parse_u64(field)?;
        count += 1;
    }
    let [
        user,
        nice,
        system,
        idle,
        iowait,
        irq,
        softirq,
        steal,
        guest,
        guest_nice,
    ] = times;
    let sum = |parts: &[u64]| parts.iter().try_fold(0_u64, |sum, part| sum.checked_add(*part));
    (count >= 4).then_some(CpuTimes {
        busy: sum(&[user, nice, system, irq, softirq, steal])?,
        rest: sum(&[idle, iowait])?,
        parts: [
            user,
            nice,
            system,
            idle,
            iowait,
            irq,
            softirq,
            steal,
            sum(&[guest, guest_nice])?,
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Stat, Vec<(usize, CpuTimes)>) {
        let (mut stat, mut cores) = (Stat::default(), Vec::new());
        for line in text.lines() {
            read_line(line.as_bytes(), &mut stat, &mut |number, times| {
                cores.push((number, times))
            });
        }
        (stat, cores)
    }

    #[test]
    fn old_kernels_have_fewer_fields() {
        let shares = |text| read(text).0.cpu.map(|times| (times.busy, times.rest));
        assert_eq!(shares("cpu 1 2 4 8"), Some((7, 8)));
        assert_eq!(shares("cpu  1 2 4 8 16 32 64 128 256 512"), Some((231, 24)));
        assert_eq!(read("cpu 0 0 0 0 0 0 0 0 3 4").0.cpu.unwrap().parts[8], 7);
    }

    #[test]
    fn lines_come_in_any_order_and_processors_may_be_missing() {
        let (stat, cores) =
            read("intr 5 1 2\nctxt 6\ncpu1 1 2 3 4\ncpu4 1 2 3 4\nbtime 9\nprocesses 7\nprocs_running 2\n");
        assert_eq!(
            (stat.interrupts, stat.switches, stat.forks),
            (Some(5), Some(6), Some(7))
        );
        assert_eq!((stat.running, stat.blocked, stat.count), (Some(2), None, 2));
        assert_eq!(cores.iter().map(|core| core.0).collect::<Vec<_>>(), [1, 4]);
    }

    #[test]
    fn what_is_no_line_of_times_gives_none() {
        for bad in [
            "cpu",
            "cpu  1 2 4",
            "cpu  1 2 -4 8",
            "cpu  1 2 4 8 x",
            "cpu  18446744073709551615 1 0 0",
            "cpux 1 2 3 4",
        ] {
            let (stat, cores) = read(bad);
            assert!(stat.cpu.is_none() && cores.is_empty(), "{bad:?}");
        }
    }
}
