//! Values for people: three significant digits and a unit, such as `3.4 %`, `12.3 MB/s`, `41.5 °C` or `3 d 4 h`.

use crate::base::decimal::{Fixed, digit_count, divide};
use crate::base::text::Text;

/// Prefixes of units (SI), each a thousand times the one before.
const PREFIXES: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];

/// Whole numbers below this are written in full.
const COUNT_MAX: u64 = 100_000;

/// Seconds that stand for a moment since 1970, and not for a span: no machine runs for 31 years.
const MOMENT_MIN: u64 = 1_000_000_000;

/// Writes a value with its unit, as a metric's table names it; empty for a plain count. `is_rate`: the value is per
/// second.
pub fn put_value(text: &mut Text, value: Fixed, unit: &str, is_rate: bool) {
    match (unit, is_rate) {
        ("percent", _) => put_percent(text, value),
        // A second of time in each second is all of the time.
        ("s", true) => put_moved(text, value, 2, put_percent),
        ("ms", true) => put_moved(text, value, -1, put_percent),
        ("us", true) => put_moved(text, value, -4, put_percent),
        ("s", false) => put_time(text, value),
        ("ms", false) => put_moved(text, value, -3, put_time),
        ("us", false) => put_moved(text, value, -6, put_time),
        ("bytes", _) => put_scaled(text, value, "B", is_rate),
        ("celsius", _) => put_scaled(text, value, "°C", is_rate),
        // Most counters of errors stand still: no unit, so that the others stand out.
        ("", true) if value.parts() == (0, 0, 0) => text.put(b"0"),
        (_, false) if value.is_whole() && value.parts().0 < COUNT_MAX && unit != "bit/s" => {
            text.fixed(value);
            put_unit(text, &[unit]);
        }
        _ => put_scaled(text, value, unit, is_rate),
    }
}

/// Writes a value that is multiplied by 10^`places` first; one that exceeds any number is `-`.
fn put_moved(text: &mut Text, value: Fixed, places: i8, put: fn(&mut Text, Fixed)) {
    match value.moved(places) {
        Some(value) => put(text, value),
        None => text.put(b"-"),
    }
}

/// Writes a percentage with one decimal.
fn put_percent(text: &mut Text, value: Fixed) {
    put_moved(text, value, 1, |text, tenths| {
        let (whole, fraction, scale) = tenths.parts();
        let is_half = scale > 0 && 2 * fraction >= 10_u64.pow(scale.into());
        put_sign(text, tenths);
        let (whole, tenth) = divide(whole.saturating_add(is_half.into()), 10);
        text.number(whole);
        text.put(b".");
        text.number(tenth);
        text.put(" %".as_bytes());
    });
}

fn put_sign(text: &mut Text, value: Fixed) {
    if value.is_negative() {
        text.put(b"-");
    }
}

/// Writes three significant digits with a decimal prefix before the unit.
fn put_scaled(text: &mut Text, value: Fixed, unit: &str, is_rate: bool) {
    let (_, mut digits, divisor) = value.ratio();
    let mut places = if digits == 0 {
        0
    } else {
        digit_count(divisor.into()) as i32 - 1
    };
    while digits >= 10_000 {
        (digits, places) = (divide(digits, 10).0, places - 1);
    }
    if digits >= 1_000 {
        (digits, places) = (divide(digits + 5, 10).0, places - 1);
    }
    if digits >= 1_000 {
        (digits, places) = (100, places - 1);
    }
    // The point stands after the last three digits that make a thousand.
    let thousands = (2 - places).max(0) / 3;
    let decimals = places + 3 * thousands;
    put_sign(text, value);
    let (whole, fraction) = divide(digits, 10_u64.pow(decimals.max(0) as u32));
    text.number(whole);
    if decimals > 0 {
        text.put(b".");
        text.padded(fraction, decimals as usize);
    }
    let prefix = PREFIXES.get(thousands as usize).copied().unwrap_or_default();
    put_unit(text, &[prefix, unit, if is_rate { "/s" } else { "" }]);
}

/// Writes the parts of a unit after a blank, if there are any.
fn put_unit(text: &mut Text, parts: &[&str]) {
    let mut separator = " ";
    for part in parts.iter().filter(|part| !part.is_empty()) {
        text.put(separator.as_bytes());
        text.put(part.as_bytes());
        separator = "";
    }
}

/// Writes seconds: a span in its two largest units, or a moment as a date.
fn put_time(text: &mut Text, value: Fixed) {
    let (seconds, ..) = value.parts();
    if seconds >= MOMENT_MIN {
        return put_date(text, seconds);
    }
    if seconds < 60 {
        let (places, unit) = match value.ratio() {
            (_, 0, _) => (0, "s"),
            _ if seconds > 0 => (0, "s"),
            (_, number, divisor) if number >= u64::from(divisor / 1_000) => (3, "ms"),
            _ => (6, "µs"),
        };
        return match value.moved(places) {
            Some(value) => put_scaled(text, value, unit, false),
            None => text.put(b"-"),
        };
    }
    put_sign(text, value);
    let units = [(86_400, " d"), (3_600, " h"), (60, " min"), (1, " s")];
    let first = units
        .iter()
        .position(|(length, _)| seconds >= *length)
        .unwrap_or(0);
    let mut rest = seconds;
    for (index, (length, name)) in units.iter().skip(first).take(2).enumerate() {
        let (number, after) = divide(rest, *length);
        rest = after;
        if number > 0 {
            text.put(if index > 0 { b" " } else { b"" });
            text.number(number);
            text.put(name.as_bytes());
        }
    }
}

/// Writes a moment in seconds since 1970, such as `2026-11-30 09:43:14 UTC`.
pub fn put_date(text: &mut Text, seconds: u64) {
    let (days, time) = divide(seconds, 86_400);
    // Years begin in March here, so that a leap day is the last one of its year; 400 years have 146097 days.
    let (era, day) = divide(days + 719_468, 146_097);
    let day = day as u32;
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = u64::from(year) + 400 * era + u64::from(month <= 2);
    let time = time as u32;
    text.padded(year, 4);
    for (separator, part) in [
        (b"-", month),
        (b"-", day),
        (b" ", time / 3_600),
        (b":", time / 60 % 60),
        (b":", time % 60),
    ] {
        text.put(separator);
        text.padded(part.into(), 2);
    }
    text.put(b" UTC");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(write: impl FnOnce(&mut Text)) -> String {
        let mut buffer = [0; 64];
        let mut text = Text::new(&mut buffer);
        write(&mut text);
        assert!(!text.is_cut());
        String::from_utf8(text.bytes().to_vec()).unwrap()
    }

    fn shown(value: &str, unit: &str, is_rate: bool) -> String {
        let value = Fixed::parse(value.as_bytes()).unwrap();
        written(|text| put_value(text, value, unit, is_rate))
    }

    #[test]
    fn value_has_three_digits_and_a_unit() {
        for (value, unit, expected) in [
            ("3.4499", "percent", "3.4 %"),
            ("3.45", "percent", "3.5 %"),
            ("99.96", "percent", "100.0 %"),
            ("0", "percent", "0.0 %"),
            ("0", "bytes", "0 B"),
            ("999", "bytes", "999 B"),
            ("1000", "bytes", "1.00 kB"),
            ("1234", "bytes", "1.23 kB"),
            ("1235", "bytes", "1.24 kB"),
            ("9994", "bytes", "9.99 kB"),
            ("9995", "bytes", "10.0 kB"),
            ("99950", "bytes", "100 kB"),
            ("999499", "bytes", "999 kB"),
            ("999500", "bytes", "1.00 MB"),
            ("1204000000", "bytes", "1.20 GB"),
            ("18446744073709551615", "bytes", "18.4 EB"),
            ("1000000000", "bit/s", "1.00 Gbit/s"),
            ("41", "celsius", "41 °C"),
            ("41.25", "celsius", "41.3 °C"),
            ("-5.25", "celsius", "-5.25 °C"),
            ("256", "bits", "256 bits"),
            ("-56", "dBm", "-56 dBm"),
            ("1200", "rpm", "1200 rpm"),
            ("99999", "", "99999"),
            ("100000", "", "100 k"),
            ("0.15", "", "0.15"),
            ("12.3456", "", "12.3"),
            ("0.0004", "", "0.0004"),
            ("-21.5", "", "-21.5"),
            ("18446744073709551615", "", "18.4 E"),
        ] {
            assert_eq!(shown(value, unit, false), expected, "{value} {unit}");
        }
    }

    #[test]
    fn rate_is_per_second_and_that_of_time_a_percentage() {
        for (value, unit, expected) in [
            ("12345678", "bytes", "12.3 MB/s"),
            ("0", "bytes", "0 B/s"),
            ("1234", "", "1.23 k/s"),
            ("0.5", "", "0.5 /s"),
            ("0", "", "0"),
            ("500000", "us", "50.0 %"),
            ("12", "ms", "1.2 %"),
            ("0.25", "s", "25.0 %"),
        ] {
            assert_eq!(shown(value, unit, true), expected, "{value} {unit}");
        }
    }

    #[test]
    fn span_has_its_two_largest_units_and_a_moment_is_a_date() {
        for (value, unit, expected) in [
            ("0", "s", "0 s"),
            ("0.0000015", "s", "1.5 µs"),
            ("850", "us", "850 µs"),
            ("12345", "us", "12.3 ms"),
            ("-12345", "us", "-12.3 ms"),
            ("59.94", "s", "59.9 s"),
            ("60", "s", "1 min"),
            ("184", "s", "3 min 4 s"),
            ("3600", "s", "1 h"),
            ("3660", "s", "1 h 1 min"),
            ("3601", "s", "1 h"),
            ("274000000", "ms", "3 d 4 h"),
            ("-274000000", "ms", "-3 d 4 h"),
            ("999999999", "s", "11574 d 1 h"),
            ("1796031794", "s", "2026-11-30 09:43:14 UTC"),
        ] {
            assert_eq!(shown(value, unit, false), expected, "{value} {unit}");
        }
    }

    #[test]
    fn dates_follow_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (951_868_800, "2000-03-01 00:00:00 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
            (4_107_456_000, "2100-02-28 00:00:00 UTC"),
        ] {
            assert_eq!(written(|text| put_date(text, seconds)), expected);
        }
    }
}
