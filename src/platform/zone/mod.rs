//! Local time: how far it is ahead of UTC, by a rule or by a file of the time zone database.

use crate::base::fields::take;

/// Seconds of a day.
const DAY: i32 = 86_400;
/// No clock is further from UTC, and no rule from its day (RFC 9636, section 3.3.2): a week, in seconds.
const OFFSET_MAX: i32 = 7 * DAY;
/// The year that days are counted from: local time may be behind UTC, and that starts in 1970.
const FIRST_YEAR: u32 = 1969;
/// Its first day was a Wednesday.
const FIRST_WEEKDAY: u32 = 3;
const MONTHS: [u8; 12] = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

/// When summer time starts and ends if a rule does not say it, as the C libraries have it: those of the USA.
const USUAL_DAYS: &[u8] = b",M3.2.0,M11.1.0";

/// How far local time is ahead of UTC, and for how long. Times are in seconds since 1970, up to 2106.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Zone {
    /// In seconds.
    offset: i32,
    since: u32,
    until: u32,
}

impl Zone {
    /// No offset, for good.
    pub const UTC: Self = Self::fixed(0);
    /// What holds at no time.
    pub const UNKNOWN: Self = Self {
        offset: 0,
        since: 1,
        until: 0,
    };

    const fn fixed(offset: i32) -> Self {
        Self {
            offset,
            since: 0,
            until: u32::MAX,
        }
    }

    /// Whether it is of that time.
    pub fn holds(&self, now: u32) -> bool {
        self.since <= now && now <= self.until
    }

    /// Year, month, day, hour, minute and second of that time.
    pub fn date(&self, now: u32) -> [u32; 6] {
        let (days, second) = split(now, self.offset);
        let (year, mut day) = year_of(days);
        let mut month = 0;
        while day >= month_days(year, month) {
            day -= month_days(year, month);
            month += 1;
        }
        [
            year,
            month + 1,
            day + 1,
            second / 3_600,
            second / 60 % 60,
            second % 60,
        ]
    }
}

/// The days since [`FIRST_YEAR`], and the second of the day, of a time moved by an offset.
fn split(now: u32, offset: i32) -> (u32, u32) {
    let second = (now % DAY as u32) as i32 + offset;
    let days = (now / DAY as u32 + 365) as i32 + second.div_euclid(DAY);
    (days as u32, second.rem_euclid(DAY) as u32)
}

/// The year, and the day of the year from 0 up.
fn year_of(days: u32) -> (u32, u32) {
    let (mut year, mut day) = (FIRST_YEAR, days);
    while day >= year_days(year) {
        day -= year_days(year);
        year += 1;
    }
    (year, day)
}

/// 2100 is the only year in reach that would be a leap year and is none.
fn is_leap(year: u32) -> bool {
    year.is_multiple_of(4) && year != 2100
}

fn year_days(year: u32) -> u32 {
    365 + u32::from(is_leap(year))
}

/// Months are counted from 0 up; what is behind the last one has no end.
fn month_days(year: u32, month: u32) -> u32 {
    let days = MONTHS.get(month as usize);
    days.map_or(u32::MAX, |days| {
        u32::from(*days) + u32::from(month == 1 && is_leap(year))
    })
}

/// By a rule such as `CET-1CEST,M3.5.0,M10.5.0/3` (POSIX, `TZ`; RFC 9636, section 3.3.2); nothing if it is none.
pub fn by_rule(text: &[u8], now: u32) -> Option<Zone> {
    let mut rule = Rule {
        rest: text,
        is_wrong: false,
    };
    rule.name();
    let standard = -rule.time();
    if rule.rest.is_empty() {
        return (!rule.is_wrong).then_some(Zone::fixed(standard));
    }
    rule.name();
    let summer = match rule.rest {
        [] | [b',', ..] => standard + 3_600,
        _ => -rule.time(),
    };
    if rule.rest.is_empty() {
        rule.rest = USUAL_DAYS;
    }
    let (days, second) = split(now, standard);
    let (year, day) = year_of(days);
    // Seconds since the year began, in standard time.
    let moment = day as i32 * DAY + second as i32;
    let start = rule.day(year, days - day);
    let end = rule.day(year, days - day) - (summer - standard);
    if rule.is_wrong || !rule.rest.is_empty() {
        return None;
    }
    let is_summer = if start < end {
        start <= moment && moment < end
    } else {
        moment < end || start <= moment
    };
    let (mut low, mut high) = (0, year_days(year) as i32 * DAY);
    for &change in &[start, end] {
        if change <= moment {
            low = low.max(change);
        } else {
            high = high.min(change);
        }
    }
    Some(Zone {
        offset: if is_summer { summer } else { standard },
        since: now.saturating_sub((moment - low) as u32),
        until: now.saturating_add((high - moment - 1) as u32),
    })
}

/// What is left of a rule, and whether something in it is not as it should be: that is looked at once, at its
/// end.
struct Rule<'t> {
    rest: &'t [u8],
    is_wrong: bool,
}

impl Rule<'_> {
    #[inline(never)]
    fn eat(&mut self, byte: u8) -> bool {
        if self.rest.first() != Some(&byte) {
            return false;
        }
        take(&mut self.rest, 1).is_some()
    }

    /// It is wrong without that byte.
    #[inline(never)]
    fn expect(&mut self, byte: u8) {
        self.is_wrong |= !self.eat(byte);
    }

    /// Letters, or anything in angle brackets.
    fn name(&mut self) {
        let is_quoted = self.eat(b'<');
        let mut length = 0;
        while let Some(byte) = self.rest.first()
            && (if is_quoted {
                *byte != b'>'
            } else {
                byte.is_ascii_alphabetic()
            })
        {
            length += take(&mut self.rest, 1).map_or(0, <[u8]>::len);
        }
        self.is_wrong |= length == 0;
        if is_quoted {
            self.expect(b'>');
        }
    }

    /// A number within bounds, at most 999.
    #[inline(never)]
    fn number(&mut self, least: i32, most: i32) -> i32 {
        let (mut number, mut digits) = (0, 0);
        while let [digit @ b'0'..=b'9', rest @ ..] = self.rest {
            number = (number * 10 + i32::from(digit - b'0')).min(1_000);
            digits += 1;
            self.rest = rest;
        }
        self.is_wrong |= digits == 0 || number < least || number > most;
        number
    }

    /// Seconds: hours, and with colons before them minutes and seconds.
    #[inline(never)]
    fn time(&mut self) -> i32 {
        let is_negative = self.eat(b'-');
        if !is_negative {
            self.eat(b'+');
        }
        let mut seconds = self.number(0, 999) * 3_600;
        for unit in &[60, 1] {
            if !self.eat(b':') {
                break;
            }
            seconds += self.number(0, 999) * unit;
        }
        self.is_wrong |= seconds > OFFSET_MAX;
        if is_negative { -seconds } else { seconds }
    }

    /// When a change is: seconds since the year began, whose first day has that number.
    #[inline(never)]
    fn day(&mut self, year: u32, first: u32) -> i32 {
        self.expect(b',');
        let day = if self.eat(b'M') {
            self.weekday(year, first)
        } else if self.eat(b'J') {
            let day = self.number(1, 365);
            // The first of March is the 60th day in each year.
            day - i32::from(!(is_leap(year) && day >= 60))
        } else {
            self.number(0, 365)
        };
        day * DAY + if self.eat(b'/') { self.time() } else { 2 * 3_600 }
    }

    /// Month, week and weekday: the last one of the month in week 5.
    fn weekday(&mut self, year: u32, first: u32) -> i32 {
        let month = self.number(1, 12) as u32;
        self.expect(b'.');
        let week = self.number(1, 5) as u32;
        self.expect(b'.');
        let weekday = self.number(0, 6) as u32;
        if self.is_wrong {
            return 0;
        }
        let month = month - 1;
        let before: u32 = (0..month).map(|month| month_days(year, month)).sum();
        let first_weekday = (first + before + FIRST_WEEKDAY) % 7;
        let mut day = (weekday + 7 - first_weekday) % 7 + 7 * (week - 1);
        if day >= month_days(year, month) {
            day -= 7;
        }
        (before + day) as i32
    }
}

/// By a file of the time zone database (RFC 9636, section 3); nothing if it is none.
pub fn by_file(file: &[u8], now: u32) -> Option<Zone> {
    let mut rest = file;
    let (mut times, mut kinds, mut infos): (&[u8], &[u8], &[u8]) = Default::default();
    let mut width = 0;
    // The second block has the same and more, in times of eight bytes; an old file has none.
    while width == 0 || width == 4 && !rest.is_empty() {
        width += 4;
        let header: &[u8; 44] = take(&mut rest, 44)?.first_chunk()?;
        if !header.starts_with(b"TZif") {
            return None;
        }
        // Of 32 bits each, but a file has not so many.
        let count = |at: usize| usize::from(u16::from_be_bytes([header[at + 2], header[at + 3]]));
        times = take(&mut rest, count(32) * width)?;
        kinds = take(&mut rest, count(32))?;
        infos = take(&mut rest, count(36) * 6)?;
        take(
            &mut rest,
            count(40) + count(28) * (width + 4) + count(24) + count(20),
        )?;
    }
    let mut zone = Zone::UTC;
    let mut kind = 0;
    for next in kinds {
        let time = moment(take(&mut times, width)?)?;
        if time > now {
            zone.until = time - 1;
            break;
        }
        zone.since = time;
        kind = *next;
    }
    // Behind the last change a rule goes on.
    if zone.until == u32::MAX
        && let Some(rule) = rest.strip_prefix(b"\n")
        && let Some(by_rule) = by_rule(rule.strip_suffix(b"\n")?, now)
    {
        return Some(Zone {
            since: zone.since.max(by_rule.since),
            ..by_rule
        });
    }
    let offset = infos.get(6 * usize::from(kind)..)?.first_chunk()?;
    zone.offset = i32::from_be_bytes(*offset);
    (zone.offset.unsigned_abs() <= OFFSET_MAX as u32).then_some(zone)
}

/// A time of four or eight bytes, moved to the first or last second that there is.
fn moment(time: &[u8]) -> Option<u32> {
    let low = i32::from_be_bytes(*time.last_chunk()?);
    let high = if time.len() == 8 {
        i32::from_be_bytes(*time.first_chunk()?)
    } else {
        low >> 31
    };
    Some(match high {
        0 => low as u32,
        1.. => u32::MAX,
        _ => 0,
    })
}

#[cfg(test)]
mod tests;
