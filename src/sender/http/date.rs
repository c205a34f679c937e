//! Dates of HTTP (RFC 9110, section 5.6.7).

use crate::base::decimal::parse_u64;

const MONTHS: &[u8; 36] = b"JanFebMarAprMayJunJulAugSepOctNovDec";

/// Parses `Wed, 21 Oct 2015 07:28:00 GMT`, the one form that servers may write, as seconds since 1970.
pub(super) fn http_date(text: &[u8]) -> Option<u64> {
    let date = text.get(5..).filter(|date| date.len() == 24)?;
    let number = |from: usize, to: usize| parse_u64(date.get(from..to)?);
    let month = MONTHS.chunks(3).position(|month| date.get(3..6) == Some(month))? as u64;
    let (day, year) = (number(0, 2)?, number(7, 11)?);
    let (hour, minute, second) = (number(12, 14)?, number(15, 17)?, number(18, 20)?);
    let is_valid = (1..=31).contains(&day) && year >= 1970 && hour < 24 && minute < 60 && second <= 60;
    let is_valid = is_valid && date.get(20..) == Some(b" GMT");
    is_valid.then_some(())?;
    // Days since 1970, by years that begin in March: the day of a leap year is their last one.
    let (year, month) = if month < 2 {
        (year - 1, month + 10)
    } else {
        (year, month - 2)
    };
    let days = 365 * year + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1;
    Some(86_400 * (days - 719_468) + 3_600 * hour + 60 * minute + second)
}

#[cfg(test)]
mod tests {
    use super::http_date;

    #[test]
    fn dates_are_seconds_since_1970() {
        for (text, seconds) in [
            ("Thu, 01 Jan 1970 00:00:00 GMT", 0),
            ("Wed, 21 Oct 2015 07:28:00 GMT", 1_445_412_480),
            ("Thu, 29 Feb 2024 23:59:59 GMT", 1_709_251_199),
            ("Fri, 01 Mar 2024 00:00:00 GMT", 1_709_251_200),
            ("Tue, 31 Dec 2024 00:00:00 GMT", 1_735_603_200),
        ] {
            assert_eq!(http_date(text.as_bytes()), Some(seconds), "{text}");
        }
        for text in [
            "",
            "0",
            "Wed, 21 Oct 2015 07:28:00 CET",
            "Wed, 21 Okt 2015 07:28:00 GMT",
            "Wed, 00 Oct 2015 07:28:00 GMT",
        ] {
            assert_eq!(http_date(text.as_bytes()), None, "{text}");
        }
    }
}
