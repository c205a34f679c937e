//! `/proc/net/wireless` (`net/wireless/wext-proc.c`): ` wlan0: 0000   54.  -56.  -256  …`, where a
//! point says that the value is new. Kernels without the wireless extensions do not have it.

use super::row::named;
use super::{Host, Source};
use crate::base::decimal::Fixed;
use crate::procfs::{Fault, Flaw, Take, Values};

/// Quality in the driver's own unit, most often of 70; signal and noise in dBm.
const LEVELS: usize = 3;

impl Host {
    /// Hands over the reception of each wireless interface that is wanted.
    pub fn wireless(&mut self, take: &mut dyn Take) -> Result<(), Fault> {
        let mut values = Values::default();
        self.files.read(Source::Wireless, Flaw::NoHeading, &mut |line| {
            if let Some(name) = parse(line, &mut values)
                && take.wants(name)
            {
                take.take(name, &values);
            }
            line.starts_with(b"Inter-")
        })
    }
}

/// A level below zero is in dBm; others are in a unit of the driver's own, or not known. −256 is what
/// comes out where the driver says nothing. The kernel has one byte for each (`struct iw_quality`).
fn parse<'l>(line: &'l [u8], values: &mut Values) -> Option<&'l [u8]> {
    let (name, mut fields) = named(line)?;
    fields.next();
    for number in 0..LEVELS {
        let field = fields.next()?;
        // `54.`, `-56` or `0`.
        let level =
            Fixed::parse(field.strip_suffix(b".").unwrap_or(field)).filter(|level| level.is_whole())?;
        let fits = level.parts().0 < 256 && level.is_negative() == (number > 0);
        values.set(number, Some(level).filter(|_| fits));
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_below_zero_are_dbm_and_others_are_not_known() {
        let values = |numbers: &str| {
            let line = format!(" wlan0: {numbers}        0      0      0      0      0        0");
            let mut values = Values::default();
            assert_eq!(parse(line.as_bytes(), &mut values), Some(b"wlan0".as_slice()));
            (values.get(0), values.get(1), values.get(2))
        };
        let whole = |number| Some(Fixed::whole(number));
        let below = |number| Some(Fixed::signed(number, 0));
        assert_eq!(
            values("0000   54.  -56.  -92."),
            (whole(54), below(-56), below(-92))
        );
        assert_eq!(values("0000   70.  -1.  -256"), (whole(70), below(-1), None));
        assert_eq!(values("0000    0    0    0"), (whole(0), None, None));
        assert_eq!(values("0000   54.  200.  161."), (whole(54), None, None));
        assert_eq!(values("0000   -1.  -256. 0"), (None, None, None));
        for bad in [
            "",
            " wlan0: 0000 54. -56.",
            " : 0000 54. -56. -256",
            " wlan0: 0000 5.4 -56. -256",
            " face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22",
        ] {
            assert!(parse(bad.as_bytes(), &mut Values::default()).is_none(), "{bad:?}");
        }
    }
}
