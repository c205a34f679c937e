//! `/proc/loadavg` (`proc(5)`): `0.25 0.11 0.04 2/79 1865`.

use crate::host::LoadAverages;
use crate::num::Fixed;
use crate::scan::{fields, lines};

/// Reads the first three fields.
pub(super) fn parse(text: &[u8]) -> Result<LoadAverages, &'static str> {
    lines(text).next().and_then(averages).ok_or("no load averages")
}

fn averages(line: &[u8]) -> Option<LoadAverages> {
    let mut fields = fields(line);
    let mut average = || Fixed::parse(fields.next()?).filter(|average| !average.is_negative());
    Some(LoadAverages {
        averages: [average()?, average()?, average()?],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_three_fields_count() {
        let expected = [Fixed::new(25, 2), Fixed::new(1100, 2), Fixed::new(4, 2)];
        let parsed = parse(b"0.25 11.00 0.04 2/79 1865\n").map(|load| load.averages);
        assert_eq!(parsed, Ok(expected));
        for bad in [
            "",
            "0.25 0.11 0.04 2/79 1865",
            "0.25 0.11\n",
            "a b c\n",
            "-1.00 0 0\n",
            "\n",
        ] {
            assert!(parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
    }
}
