//! `/proc/loadavg` (`proc(5)`): `0.25 0.11 0.04 2/79 1865`.

use super::{Host, Source, pieces::behind_last};
use crate::base::decimal::Fixed;
use crate::base::fields::fields;
use crate::procfs::{Fault, Flaw, Values};

/// Where the averages end, and the number of all tasks is.
const AVERAGES: usize = 3;

impl Host {
    /// Tasks that want to run or wait for a disk, averaged over 1, 5 and 15 minutes; and all tasks there are.
    pub fn load(&mut self, values: &mut Values) -> Result<(), Fault> {
        let mut is_first = true;
        self.files.read(Source::Loadavg, Flaw::NoAverages, &mut |line| {
            core::mem::take(&mut is_first) && parse(line, values)
        })
    }
}

fn parse(line: &[u8], values: &mut Values) -> bool {
    let mut fields = fields(line);
    for number in 0..AVERAGES {
        let average = fields.next().and_then(Fixed::parse);
        let Some(average) = average.filter(|average| !average.is_negative()) else {
            return false;
        };
        values.set(number, Some(average));
    }
    // Those that run, a slash, and all.
    let tasks = fields.next().unwrap_or_default();
    let behind = behind_last(tasks, b'/');
    values.parse(AVERAGES, tasks.get(behind..).filter(|_| behind > 0));
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &[u8]) -> Option<Values> {
        let mut values = Values::default();
        parse(line, &mut values).then_some(values)
    }

    #[test]
    fn the_first_four_fields_count() {
        let load = read(b"0.25 11.00 0.04 2/79 1865").unwrap();
        assert_eq!(
            [0, 1, 2].map(|number| load.get(number).unwrap()),
            [Fixed::new(25, 2), Fixed::new(1100, 2), Fixed::new(4, 2)]
        );
        assert_eq!(load.whole(3), Some(79));
        assert_eq!(read(b"0.25 0.11 0.04").unwrap().whole(3), None);
        for bad in ["", "0.25 0.11", "a b c", "-1.00 0 0"] {
            assert!(read(bad.as_bytes()).is_none(), "{bad:?}");
        }
    }
}
