//! `/proc/net/wireless` (`net/wireless/wext-proc.c`): ` wlan0: 0000   54.  -56.  -256  …`, where a
//! point says that the value is new. Kernels without the wireless extensions do not have it.

use super::{Host, Source};
use crate::host::{Fault, Flaw, Wireless};
use crate::num::Fixed;
use crate::scan::fields;

impl Host {
    /// Hands over the name and the reception of each wireless interface.
    pub fn wireless(&mut self, take: &mut dyn FnMut(&[u8], Wireless)) -> Result<(), Fault> {
        let file = self.files.of(Source::Wireless);
        let mut has_heading = false;
        file.lines(&self.proc, &mut self.buffer, &mut |line| match parse(line) {
            Some((name, wireless)) => take(name, wireless),
            None => has_heading |= line.starts_with(b"Inter-"),
        })?;
        if has_heading {
            Ok(())
        } else {
            Err(file.lacks(Flaw::NoHeading))
        }
    }
}

fn parse(line: &[u8]) -> Option<(&[u8], Wireless)> {
    let colon = line.iter().rposition(|&byte| byte == b':')?;
    let (name, numbers) = (line.get(..colon)?.trim_ascii(), line.get(colon + 1..)?);
    let mut fields = fields(numbers).skip(1);
    let mut value = || level(fields.next()?);
    let (quality, signal, noise) = (value()?, value()?, value()?);
    let wireless = Wireless {
        quality: Some(quality).filter(|quality| !quality.is_negative() && fits(*quality)),
        signal: dbm(signal),
        noise: dbm(noise),
    };
    (!name.is_empty()).then_some((name, wireless))
}

/// `54.`, `-56` or `0`.
#[inline(never)]
fn level(field: &[u8]) -> Option<Fixed> {
    let value = Fixed::parse(field.strip_suffix(b".").unwrap_or(field))?;
    value.is_whole().then_some(value)
}

/// A level below zero is in dBm; others are in a unit of the driver's own, or not known. −256 is what
/// comes out where the driver says nothing.
fn dbm(level: Fixed) -> Option<Fixed> {
    (level.is_negative() && fits(level)).then_some(level)
}

/// The kernel has one byte for each (`struct iw_quality`).
fn fits(value: Fixed) -> bool {
    value.parts().0 < 256
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_below_zero_are_dbm_and_others_are_not_known() {
        let values = |numbers: &str| {
            let line = format!(" wlan0: {numbers}        0      0      0      0      0        0");
            let (name, wireless) = parse(line.as_bytes()).unwrap();
            assert_eq!(name, b"wlan0");
            (wireless.quality, wireless.signal, wireless.noise)
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
            assert!(parse(bad.as_bytes()).is_none(), "{bad:?}");
        }
    }
}
