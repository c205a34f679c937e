//! Local time, by `TZ`, `/etc/localtime` or, as `OpenWrt` has it, `/etc/TZ`.

use super::clock::wall_seconds;
use super::file::File;
use crate::base::text::Text;
use crate::platform::zone::{Zone, by_file, by_rule};
use core::ffi::{CStr, c_char};

/// The largest file of the time zone database has 3.5 KB.
const FILE_MAX: usize = 4_096;

unsafe extern "C" {
    /// POSIX; the `libc` crate does not declare it.
    static environ: *const *const c_char;
}

/// The time zone as far as it has been found: no file is read until the offset changes.
pub(super) struct LocalTime(Zone);

impl LocalTime {
    /// Nothing is found yet.
    pub(super) const UNKNOWN: Self = Self(Zone::UNKNOWN);

    /// Year, month, day, hour, minute and second here, now.
    pub(super) fn now(&mut self) -> [u32; 6] {
        let now = wall_seconds();
        if !self.0.holds(now) {
            self.0 = find(now).unwrap_or(Zone::UTC);
        }
        self.0.date(now)
    }
}

fn find(now: u32) -> Option<Zone> {
    match variable(b"TZ=") {
        None => in_file(b"/etc/localtime", now).or_else(|| in_file(b"/etc/TZ", now)),
        Some([b':', path @ ..]) => in_database(path, now),
        Some(text) => by_rule(text, now).or_else(|| in_database(text, now)),
    }
}

fn in_database(name: &[u8], now: u32) -> Option<Zone> {
    let mut buffer = [0; 256];
    let mut path = Text::new(&mut buffer);
    if !name.starts_with(b"/") {
        path.put(b"/usr/share/zoneinfo/");
    }
    path.put(name);
    in_file(path.bytes(), now)
}

/// A file of the time zone database, or a rule in its first line.
#[inline(never)]
fn in_file(path: &[u8], now: u32) -> Option<Zone> {
    let mut buffer = [0; FILE_MAX];
    let length = File::open(path).ok()?.read_at(&mut buffer, 0).ok()?;
    let content = buffer.get(..length)?;
    // There are no blanks in a rule, but some may be behind it.
    by_file(content, now).or_else(|| by_rule(content.split(|byte| *byte <= b' ').next()?, now))
}

/// The value of a variable of the environment; `start` is its name with `=` behind it.
fn variable(start: &[u8]) -> Option<&'static [u8]> {
    // SAFETY: nobody writes to it.
    let mut place = unsafe { environ };
    loop {
        // SAFETY: it points to pointers, and behind the last one is null.
        let text = unsafe { *place };
        if text.is_null() {
            return None;
        }
        // SAFETY: text that ends in NUL, and stays as it is while this program runs.
        let text = unsafe { CStr::from_ptr(text) };
        if let Some(value) = text.to_bytes().strip_prefix(start) {
            return Some(value);
        }
        // SAFETY: the null pointer is not yet met.
        place = unsafe { place.add(1) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{env, fs, process};

    #[test]
    fn a_rule_is_the_first_line_of_a_file() {
        let path = env::temp_dir().join(format!("mini-monitor-zone-{}", process::id()));
        let found = |content: &str| {
            fs::write(&path, content).unwrap();
            let found = in_file(path.as_os_str().as_encoded_bytes(), 0);
            fs::remove_file(&path).unwrap();
            found
        };
        let rule = "CET-1CEST,M3.5.0,M10.5.0/3";
        let expected = by_rule(rule.as_bytes(), 0);
        assert!(expected.is_some());
        for end in ["", "\n", "\r\n", " \t\n", "\n\n", "\n# x\n"] {
            assert_eq!(found(&format!("{rule}{end}")), expected, "{end:?}");
        }
        for content in ["", "\n", "\nUTC0\n", "Europe/Berlin\n"] {
            assert_eq!(found(content), None, "{content:?}");
        }
    }
}
