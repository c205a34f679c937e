//! `/proc/self/mountinfo` (`proc(5)`):
//! `36 35 98:0 /root /mount\040point rw,noatime master:1 - ext3 /dev/root rw,errors=continue`.

use super::{Host, Source};
use crate::host::{Fault, FileSystem, Flaw};
use crate::num::parse_u64;
use crate::scan::fields;
use crate::sys;

/// Mounts that are asked; of more, the first ones.
const MOUNTS_MAX: usize = 64;
/// Room for their mount points and types.
const NAMES_MAX: usize = 4096;

/// Whether a file system of this mount point and type is wanted.
pub(super) type WantsMount<'w> = &'w dyn Fn(&[u8], &[u8]) -> bool;
/// Takes a mount point, its type, and its sizes.
pub(super) type TakeMount<'t> = &'t mut dyn FnMut(&[u8], &[u8], FileSystem);

impl Host {
    /// Asks each file system that is wanted, once however often it is mounted, in the kernel's order.
    /// One that cannot be asked is a fault, after the others.
    pub fn mounts(&mut self, wants: WantsMount, take: TakeMount) -> Result<(), Fault> {
        let mut mounts = Mounts::new();
        let mut is_empty = true;
        let file = self.files.of(Source::Mountinfo);
        file.lines(&self.proc, &mut self.buffer, &mut |line| {
            if let Some(mount) = parse(line) {
                is_empty = false;
                mounts.add(mount, wants);
            }
        })?;
        if is_empty {
            return Err(file.lacks(Flaw::NoMounts));
        }
        let mut failure = None;
        for (point, kind) in mounts.visible() {
            match sys::file_system(point) {
                Ok(sizes) => take(point, kind, sizes),
                Err(errno) => failure = failure.or(Some(errno)),
            }
        }
        if let Some(errno) = failure {
            return Err(Fault {
                source: Source::MountPoint,
                trouble: errno.into(),
            });
        }
        if mounts.is_over {
            return Err(Flaw::Mounts.of(Source::Mountinfo));
        }
        Ok(())
    }
}

/// A line, its names as they stand there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Mount<'l> {
    device: u64,
    point: &'l [u8],
    kind: &'l [u8],
}

fn parse(line: &[u8]) -> Option<Mount<'_>> {
    let mut fields = fields(line);
    let mut numbers = fields.nth(2)?.split(|&byte| byte == b':');
    let (major, minor) = (parse_u64(numbers.next()?)?, parse_u64(numbers.next()?)?);
    let point = fields.nth(1)?;
    // Options of any number, then a dash.
    fields.find(|field| *field == b"-")?;
    Some(Mount {
        device: major << 32 | minor,
        point,
        kind: fields.next()?,
    })
}

/// File systems that are to be asked.
struct Mounts {
    entries: [Entry; MOUNTS_MAX],
    count: usize,
    names: [u8; NAMES_MAX],
    used: usize,
    is_over: bool,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    device: u64,
    /// Where its mount point and then its type end in the names.
    start: u16,
    middle: u16,
    end: u16,
    /// Something else has been mounted on top of it.
    is_hidden: bool,
}

impl Mounts {
    fn new() -> Self {
        Self {
            entries: [Entry::default(); MOUNTS_MAX],
            count: 0,
            names: [0; NAMES_MAX],
            used: 0,
            is_over: false,
        }
    }

    /// Mounts come in the order in which they were made: one on the same point hides what was there.
    fn add(&mut self, mount: Mount, wants: WantsMount) {
        let start = self.used;
        let Some(middle) = self.decode(start, mount.point) else {
            self.is_over = true;
            return;
        };
        let (names, point) = (&self.names, self.names.get(start..middle));
        for entry in self.entries.iter_mut().take(self.count) {
            let (start, middle) = (usize::from(entry.start), usize::from(entry.middle));
            entry.is_hidden |= names.get(start..middle) == point;
        }
        if !wants(point.unwrap_or_default(), mount.kind) || self.has(mount.device) {
            return;
        }
        let end = self.decode(middle, mount.kind);
        let (Some(end), Some(entry)) = (end, self.entries.get_mut(self.count)) else {
            self.is_over = true;
            return;
        };
        *entry = Entry {
            device: mount.device,
            start: start as u16,
            middle: middle as u16,
            end: end as u16,
            is_hidden: false,
        };
        self.count += 1;
        self.used = end;
    }

    fn has(&self, device: u64) -> bool {
        let mut entries = self.entries.iter().take(self.count);
        entries.any(|entry| entry.device == device && !entry.is_hidden)
    }

    /// Writes the name at the place, with the bytes that its octal escapes (`\040`) stand for; answers
    /// its end.
    fn decode(&mut self, start: usize, name: &[u8]) -> Option<usize> {
        let (mut rest, mut end) = (name, start);
        while let Some((&first, behind)) = rest.split_first() {
            let (byte, behind) = match (first, octal(behind)) {
                (b'\\', Some(escaped)) => escaped,
                _ => (first, behind),
            };
            *self.names.get_mut(end)? = byte;
            (rest, end) = (behind, end + 1);
        }
        Some(end)
    }

    /// The mount point and the type of each.
    fn visible(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let entries = self.entries.iter().take(self.count);
        entries.filter(|entry| !entry.is_hidden).filter_map(|entry| {
            let [start, middle, end] = [entry.start, entry.middle, entry.end].map(usize::from);
            Some((self.names.get(start..middle)?, self.names.get(middle..end)?))
        })
    }
}

/// The byte of three octal digits, and what stands behind them.
fn octal(text: &[u8]) -> Option<(u8, &[u8])> {
    let (digits, behind) = text.split_at_checked(3)?;
    let value = digits.iter().try_fold(0, |value: u32, digit| {
        let digit = char::from(*digit).to_digit(8)?;
        Some(value * 8 + digit)
    })?;
    Some((u8::try_from(value).ok()?, behind))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::builtin;
    use crate::pattern::Choice;

    fn visible(text: &str) -> (Vec<String>, bool) {
        visible_of(text, &|_, kind| kind != b"proc")
    }

    fn visible_of(text: &str, wants: WantsMount) -> (Vec<String>, bool) {
        let mut mounts = Mounts::new();
        for line in text.lines() {
            if let Some(mount) = parse(line.as_bytes()) {
                mounts.add(mount, wants);
            }
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let found = mounts
            .visible()
            .map(|(point, kind)| format!("{} {}", text(point), text(kind)));
        (found.collect(), mounts.is_over)
    }

    /// The mounts of each captured machine, as the disk family chooses them, beside what stands there.
    #[test]
    fn of_a_machine_s_mounts_these_are_asked() {
        let machines = std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures")).unwrap();
        let mut count = 0;
        for machine in machines.map(|entry| entry.unwrap().path()) {
            let Ok(expected) = std::fs::read_to_string(machine.join("mounts.txt")) else {
                assert!(
                    !machine.join("proc/self/mountinfo").exists(),
                    "{}",
                    machine.display()
                );
                continue;
            };
            let text = std::fs::read_to_string(machine.join("proc/self/mountinfo")).unwrap();
            let usual = |point: &[u8], kind: &[u8]| builtin::wants_mount(Choice::default(), point, kind);
            let found = visible_of(&text, &usual).0;
            assert_eq!(
                found,
                expected.lines().collect::<Vec<_>>(),
                "{}",
                machine.display()
            );
            count += 1;
        }
        assert!(count >= 2);
    }

    #[test]
    fn escapes_stand_for_one_byte_each() {
        let line = "36 35 98:0 / /a\\040b\\134\\011c\\012\\0x rw master:1 shared:2 - ext4 /dev/x rw";
        assert_eq!(visible(line).0, ["/a b\\\tc\n\\0x ext4"]);
        assert_eq!(
            visible("1 2 3:4 / /a\\400\\04 rw - ext4 x rw").0,
            ["/a\\400\\04 ext4"]
        );
    }

    #[test]
    fn a_file_system_counts_once_and_a_mount_on_the_same_point_hides_it() {
        let text = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n\
                    2 1 8:1 /home /srv rw - ext4 /dev/sda1 rw\n\
                    3 1 8:2 / /mnt rw - ext4 /dev/sda2 rw\n\
                    4 3 8:3 / /mnt rw - vfat /dev/sda3 rw\n\
                    5 1 8:2 / /again rw - ext4 /dev/sda2 rw\n\
                    6 1 8:4 / /x rw - ext4 /dev/sda4 rw\n\
                    7 6 0:5 / /x rw - proc proc rw\n";
        assert_eq!(visible(text).0, ["/ ext4", "/mnt vfat", "/again ext4"]);
    }

    #[test]
    fn what_is_no_mount_is_none() {
        for bad in [
            "",
            "36 35 98:0 /root /mnt rw",
            "36 35 98:0 /root /mnt rw -",
            "36 35 98 /root /mnt rw - ext4",
            "36 35 x:0 / /mnt rw - ext4 x rw",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn beyond_the_bounds_the_first_ones_stay() {
        let line = |number: usize, point: &str| format!("1 2 7:{number} / {point} rw - ext4 x rw\n");
        let many = |count| (0..count).map(|number| line(number, &format!("/m{number}")));
        let (found, is_over) = visible(&many(64).collect::<String>());
        assert_eq!((found.len(), is_over), (64, false));
        let (found, is_over) = visible(&many(65).collect::<String>());
        assert_eq!((found.len(), is_over), (64, true));
        assert_eq!(found[63], "/m63 ext4");
        let long = line(1, &"/long".repeat(818)) + &line(2, "/short") + &line(3, "/s");
        let (found, is_over) = visible(&long);
        assert_eq!((found.len(), is_over), (1, true));
    }
}
