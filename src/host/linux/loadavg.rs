//! `/proc/loadavg` (`proc(5)`): `0.25 0.11 0.04 2/79 1865`.

use super::{Host, Source};
use crate::host::{Fault, Flaw, LoadAverages};
use crate::num::{Fixed, parse_u64};
use crate::scan::fields;

impl Host {
    /// Load averages.
    pub fn load(&mut self) -> Result<LoadAverages, Fault> {
        let mut load = None;
        let file = self.files.of(Source::Loadavg);
        file.lines(&self.proc, &mut self.buffer, &mut |line| {
            load = load.or(parse(line))
        })?;
        load.ok_or_else(|| file.lacks(Flaw::NoAverages))
    }
}

fn parse(line: &[u8]) -> Option<LoadAverages> {
    let mut fields = fields(line);
    let mut average = || Fixed::parse(fields.next()?).filter(|average| !average.is_negative());
    let averages = [average()?, average()?, average()?];
    let mut tasks = fields.next().unwrap_or_default().split(|&byte| byte == b'/');
    Some(LoadAverages {
        averages,
        tasks: tasks.nth(1).and_then(parse_u64),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_four_fields_count() {
        let load = parse(b"0.25 11.00 0.04 2/79 1865").unwrap();
        assert_eq!(
            load.averages,
            [Fixed::new(25, 2), Fixed::new(1100, 2), Fixed::new(4, 2)]
        );
        assert_eq!(load.tasks, Some(79));
        assert_eq!(parse(b"0.25 0.11 0.04").unwrap().tasks, None);
        for bad in ["", "0.25 0.11", "a b c", "-1.00 0 0"] {
            assert!(parse(bad.as_bytes()).is_none(), "{bad:?}");
        }
    }
}
