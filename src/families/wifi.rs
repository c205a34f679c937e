//! Reception of wireless interfaces: `/proc/net/wireless` (`net/wireless/wext-proc.c`),
//! ` wlan0: 0000   54.  -56.  -256  …`, where a point marks a new value. Kernels without the wireless extensions lack
//! the file.

use super::emitter::InterfaceLimit;
use super::metrics::metrics;
use super::{FamilyContext, FamilyValues, MetricId};
use crate::base::decimal::Fixed;
use crate::procfs::{ProcFile, ReadError, split_name, wireless_quality_max};

metrics! {
    QUALITY     Gauge "wifi.quality"     ""    "quality of an interface's wireless link (iface=), out of wifi.quality.max";
    QUALITY_MAX Gauge "wifi.quality.max" ""    "highest quality that the driver of a wireless interface (iface=) reports, usually 70";
    SIGNAL      Gauge "wifi.signal"      "dBm" "signal level of an interface's wireless link";
    NOISE       Gauge "wifi.noise"       "dBm" "noise level of an interface's wireless link, if the driver reports one";
}

/// The metrics of the columns after the status.
const COLUMNS: [MetricId; 3] = [QUALITY, SIGNAL, NOISE];

pub(super) fn collect(cx: &mut FamilyContext) -> Result<(), ReadError> {
    collect_interfaces(cx).or_else(ReadError::unless_missing)
}

fn collect_interfaces(cx: &mut FamilyContext) -> Result<(), ReadError> {
    let mut limit = InterfaceLimit::default();
    let mut values = FamilyValues::NONE;
    let mut has_heading = false;
    // The driver is asked for it by a call, which only reaches an interface of this machine.
    let asks_driver = cx.host.files.are_own;
    let lines = cx.host.files.lines(ProcFile::Wireless)?;
    while let Some(line) = lines.next_line() {
        has_heading |= line.starts_with(b"Inter-");
        if let Some(name) = parse(line, &mut values)
            && cx.emitter.wants(name)
            && limit.admit(|| false)
        {
            let max = asks_driver.then(|| wireless_quality_max(name)).flatten();
            values.set_u64(QUALITY_MAX, max.map(u64::from));
            cx.emitter.emit(&[name], &values);
        }
    }
    lines.finish(has_heading)?;
    limit.check(ProcFile::Wireless)
}

/// Parses a line. A level below zero is in dBm; others are in a unit of the driver's own, or unknown. −256 is printed
/// where the driver reports nothing. The kernel has one byte for each (`struct iw_quality`).
fn parse<'l>(line: &'l [u8], values: &mut FamilyValues) -> Option<&'l [u8]> {
    let (name, mut fields) = split_name(line)?;
    fields.next();
    for id in COLUMNS {
        let field = fields.next()?;
        // `54.`, `-56` or `0`.
        let level =
            Fixed::parse(field.strip_suffix(b".").unwrap_or(field)).filter(|level| level.is_whole())?;
        let fits = level.parts().0 < 256 && level.is_negative() == (id != QUALITY);
        values.set(id, Some(level).filter(|_| fits));
    }
    Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_that_are_not_dbm_give_no_sample() {
        let values = |numbers: &str| {
            let line = format!(" wlan0: {numbers}        0      0      0      0      0        0");
            let mut values = FamilyValues::NONE;
            assert_eq!(parse(line.as_bytes(), &mut values), Some(b"wlan0".as_slice()));
            (values.get(QUALITY), values.get(SIGNAL), values.get(NOISE))
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
            let mut values = FamilyValues::NONE;
            assert!(parse(bad.as_bytes(), &mut values).is_none(), "{bad:?}");
        }
    }
}
