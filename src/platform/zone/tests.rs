use super::*;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::process::{Command, Stdio};
use std::thread;

const ZONES: [&str; 16] = [
    "Europe/Berlin",
    "Europe/Dublin",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Santiago",
    "America/Nuuk",
    "Australia/Lord_Howe",
    "Australia/Adelaide",
    "Pacific/Auckland",
    "Pacific/Kiritimati",
    "Asia/Kathmandu",
    "Asia/Tehran",
    "Africa/Casablanca",
    "Etc/GMT+12",
    "UTC",
];

const RULES: [&str; 10] = [
    "UTC0",
    "<+0545>-5:45",
    "CET-1CEST,M3.5.0,M10.5.0/3",
    "EST5EDT,M3.2.0,M11.1.0",
    "AEST-10AEDT,M10.1.0,M4.1.0/3",
    "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
    "IST-1GMT0,M10.5.0,M3.5.0/1",
    "<-02>2<-01>,M3.5.0/-1,M10.5.0/0",
    "AAA3BBB,J59/0,J300/1:30:15",
    "AAA-3:30BBB-4,59,300/-24",
];

/// Times that are drawn, and those around midnight of New Year.
fn times() -> Vec<u32> {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut times = vec![0, 1, 86_399, 86_400, 0x7fff_ffff, 0x8000_0000, u32::MAX - 1];
    for _ in 0..2_000 {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        times.push(seed as u32);
    }
    for year in 0..130 {
        let start = year * 31_556_952;
        times.extend((start..start + 3 * 86_400).step_by(7_200));
    }
    times
}

/// What `date(1)` makes of the times; nothing where it is not GNU's.
fn dates(zone: &str, times: &[u32]) -> Option<Vec<[u32; 6]>> {
    let mut date = Command::new("date")
        .args(["-f", "-", "+%Y %-m %-d %-H %-M %-S"])
        .env("TZ", zone)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let mut input = date.stdin.take()?;
    let text = times.iter().fold(String::new(), |mut text, time| {
        let _ = writeln!(text, "@{time}");
        text
    });
    let writer = thread::spawn(move || input.write_all(text.as_bytes()));
    let output = date.wait_with_output().ok()?;
    let _ = writer.join();
    if !output.status.success() {
        println!("no such date(1) here");
        return None;
    }
    let line = |line: &str| {
        let numbers: Vec<u32> = line.split(' ').map(|number| number.parse().unwrap()).collect();
        numbers.try_into().unwrap()
    };
    Some(
        String::from_utf8(output.stdout)
            .unwrap()
            .lines()
            .map(line)
            .collect(),
    )
}

/// It is right at each time, and holds as long as it says: also at both ends of that.
fn check(zone: &str, find: &dyn Fn(u32) -> Option<Zone>) {
    let mut times = times();
    for time in times.clone() {
        let found = find(time).unwrap();
        assert!(found.holds(time), "{zone} {time} {found:?}");
        times.extend([found.since, found.until]);
    }
    times.retain(|time| *time != u32::MAX);
    times.sort_unstable();
    times.dedup();
    let Some(dates) = dates(zone, &times) else {
        return;
    };
    assert_eq!(dates.len(), times.len());
    let mut kept = Zone::UNKNOWN;
    for (time, date) in times.iter().zip(dates) {
        assert_eq!(find(*time).unwrap().date(*time), date, "{zone} {time}");
        if !kept.holds(*time) {
            kept = find(*time).unwrap();
        }
        assert_eq!(kept.date(*time), date, "{zone} {time} {kept:?}");
    }
}

fn file(zone: &str) -> Option<Vec<u8>> {
    let file = fs::read(format!("/usr/share/zoneinfo/{zone}"));
    file.inspect_err(|error| println!("{zone}: {error}")).ok()
}

#[test]
fn files_are_read_as_the_c_library_reads_them() {
    for zone in ZONES {
        if let Some(file) = file(zone) {
            check(zone, &|now| by_file(&file, now));
        }
    }
}

#[test]
fn rules_are_read_as_the_c_library_reads_them() {
    for rule in RULES {
        check(rule, &|now| by_rule(rule.as_bytes(), now));
    }
}

#[test]
fn known_times() {
    let date = |rule: &str, now| by_rule(rule.as_bytes(), now).unwrap().date(now);
    let berlin = "CET-1CEST,M3.5.0,M10.5.0/3";
    assert_eq!(date(berlin, 1_503_212_470), [2017, 8, 20, 9, 1, 10]);
    // The last second of winter, the first of summer, and both sides of its end.
    assert_eq!(date(berlin, 1_774_745_999), [2026, 3, 29, 1, 59, 59]);
    assert_eq!(date(berlin, 1_774_746_000), [2026, 3, 29, 3, 0, 0]);
    assert_eq!(date(berlin, 1_792_889_999), [2026, 10, 25, 2, 59, 59]);
    assert_eq!(date(berlin, 1_792_890_000), [2026, 10, 25, 2, 0, 0]);
    assert_eq!(date("EST5", 0), [1969, 12, 31, 19, 0, 0]);
    assert_eq!(Zone::UTC.date(951_782_400), [2000, 2, 29, 0, 0, 0]);
    assert_eq!(Zone::UTC.date(4_107_542_400), [2100, 3, 1, 0, 0, 0]);
    assert_eq!(Zone::UTC.date(u32::MAX), [2106, 2, 7, 6, 28, 15]);
    // Summer for good (RFC 9636, section 3.3.2).
    for now in (0..u32::MAX).step_by(1_000_003) {
        let zone = by_rule(b"XXX3EDT4,0/0,J365/23", now).unwrap();
        assert_eq!(zone.offset, -4 * 3_600, "{now}");
    }
}

/// `date(1)` may take the days from a file in their place, so it is not asked.
#[test]
fn a_rule_without_days_has_those_of_the_usa() {
    for rule in ["CET-1CEST", "XYZ5ABC", "<-02>2<-01>1:30"] {
        let whole = format!("{rule},M3.2.0,M11.1.0");
        for time in times() {
            let found = by_rule(rule.as_bytes(), time);
            assert!(found.is_some(), "{rule}");
            assert_eq!(found, by_rule(whole.as_bytes(), time), "{rule} {time}");
        }
    }
}

#[test]
fn what_is_no_rule_is_none() {
    for rule in [
        "",
        "UTC",
        "Europe/Berlin",
        "1",
        "CET-",
        "<CET-1",
        "<>1",
        "CET-1CEST,M3.5.0",
        "CET-1CEST,M3.5.0,M10.5.0/3 ",
        "CET-1CEST,M13.5.0,M10.5.0",
        "CET-1CEST,M0.5.0,M10.5.0",
        "CET-1CEST,M3.6.0,M10.5.0",
        "CET-1CEST,M3.5.7,M10.5.0",
        "CET-1CEST,M3.5,M10.5.0",
        "CET-1CEST,J0,J366",
        "CET-1CEST,366,1",
        "CET-169",
        "CET-1000",
        "CET-1:99999",
        "CET-1CEST,1/169,2",
    ] {
        assert_eq!(by_rule(rule.as_bytes(), 1_503_212_470), None, "{rule}");
    }
}

/// A file of version 1: type 1 from 1,000 on, type 0 before.
fn small() -> Vec<u8> {
    let mut file = b"TZif".to_vec();
    file.extend([0; 16]);
    for count in [0_u32, 0, 0, 1, 2, 4] {
        file.extend(count.to_be_bytes());
    }
    file.extend(1_000_u32.to_be_bytes());
    file.push(1);
    file.extend([0, 0, 0x0e, 0x10, 0, 0]);
    file.extend([0xff, 0xff, 0xf1, 0xf0, 0, 0]);
    file.extend(b"AAA\0");
    file
}

#[test]
fn old_files_have_no_rule() {
    let file = small();
    let offset = |now| by_file(&file, now).unwrap().offset;
    assert_eq!((offset(0), offset(999), offset(1_000)), (3_600, 3_600, -3_600));
    for length in 0..file.len() {
        assert_eq!(by_file(&file[..length], 0), None, "{length}");
    }
    let mut bad = file;
    bad[48] = 2;
    assert_eq!(by_file(&bad, 1_000), None, "no such type");
}

#[test]
fn nonsense_is_survived() {
    let mut seed = 0x2545_f491_4f6c_dd1d_u64;
    let mut random = move || {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed
    };
    let mut good = 0;
    for file in [Some(small()), file("Europe/Berlin"), file("UTC")]
        .into_iter()
        .flatten()
    {
        for _ in 0..20_000 {
            let mut bytes = file.clone();
            for _ in 0..=random() % 4 {
                let place = random() as usize % bytes.len();
                bytes[place] = random() as u8;
            }
            bytes.truncate(random() as usize % (4 * bytes.len()) + 1);
            let now = random() as u32;
            if let Some(zone) = by_file(&bytes, now) {
                assert!(zone.holds(now), "{zone:?}");
                zone.date(now);
                good += 1;
            }
        }
    }
    assert!(good > 1_000, "{good}");
    for rule in RULES {
        for _ in 0..20_000 {
            let mut bytes = rule.as_bytes().to_vec();
            let place = random() as usize % bytes.len();
            bytes[place] = b"0123456789,./:-+MJ<>A"[random() as usize % 21];
            let now = random() as u32;
            if let Some(zone) = by_rule(&bytes, now) {
                assert!(zone.holds(now), "{zone:?}");
                zone.date(now);
            }
        }
    }
}
