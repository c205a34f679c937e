//! `/proc/[pid]/stat` (`proc(5)`): `1 (init) S 0 1 1 …`.

use super::{Host, Subject, behind_last, sysfs::open};
use crate::base::decimal::parse_u64;
use crate::base::fields::fields;
use crate::platform::{Directory, Entries};
use crate::procfs::{Fault, Process};

/// Processes that are looked at in one turn.
const TURN_MAX: usize = 1024;

/// Where the fields are, counted from behind the name.
const STATE: usize = 0;
const USER_TICKS: usize = 11;
const SYSTEM_TICKS: usize = 12;
const PAGES: usize = 21;

impl Host {
    /// Goes on with a pass over the processes, or begins one, and looks at a thousand of them, if there are so
    /// many. A process that ends meanwhile is left out.
    pub fn processes(&mut self, take: &mut dyn FnMut(&Process)) -> Result<(), Fault> {
        let fault = |errno| Fault::system(Subject::Processes, errno);
        let proc = &self.files.root;
        // At its end, and after an error, it does not go back.
        let mut pass = match self.pass.take() {
            Some(pass) => pass,
            None => Entries::new(proc.open_directory(b".").map_err(fault)?),
        };
        let mut count = 0;
        while count < TURN_MAX {
            let Some(name) = pass.next_name().map_err(fault)? else {
                return Ok(());
            };
            if name.iter().all(u8::is_ascii_digit) {
                count += 1;
                look(proc, name, take);
            }
        }
        self.pass = Some(pass);
        Ok(())
    }

    /// The next pass begins anew.
    pub fn end_pass(&mut self) {
        self.pass = None;
    }

    /// Whether a pass has not seen all of them.
    pub fn is_in_pass(&self) -> bool {
        self.pass.is_some()
    }
}

fn look(proc: &Directory, number: &[u8], take: &mut dyn FnMut(&Process)) {
    let mut buffer = [0; 1024];
    let Some(file) = open(proc, &[number, b"/stat"]) else {
        return;
    };
    let length = file.read_at(&mut buffer, 0).unwrap_or(0);
    if let Some(process) = parse(buffer.get(..length).unwrap_or_default()) {
        take(&process);
    }
}

/// The name stands in parentheses, and may have any byte in it.
fn parse(text: &[u8]) -> Option<Process<'_>> {
    let open = text.iter().position(|&byte| byte == b'(')?;
    let behind = behind_last(text, b')');
    let mut fields = fields(text.get(behind..)?);
    let state = fields.nth(STATE)?;
    let user_ticks = parse_u64(fields.nth(USER_TICKS - STATE - 1)?)?;
    let system_ticks = parse_u64(fields.nth(SYSTEM_TICKS - USER_TICKS - 1)?)?;
    let pages = parse_u64(fields.nth(PAGES - SYSTEM_TICKS - 1)?)?;
    // More than any kernel says; sums of less fit, also in milliseconds and bytes.
    if (user_ticks | system_ticks | pages) >> 40 != 0 {
        return None;
    }
    Some(Process {
        name: text.get(open + 1..behind.checked_sub(1)?)?,
        is_dead: matches!(state, [b'Z' | b'X' | b'x']),
        ticks: user_ticks + system_ticks,
        pages,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const BEHIND: &str =
        "S 1 2 2 0 -1 4194304 100 200 3 4 50 25 7 8 20 0 1 0 900 10000000 321 18446744073709551615 0";

    #[test]
    fn the_name_may_have_blanks_and_parentheses() {
        for name in ["init", "a) b(c", "kworker/0:1-events", "", "(x)"] {
            let line = format!("42 ({name}) {BEHIND}\n");
            let process = parse(line.as_bytes()).unwrap();
            assert_eq!(process.name, name.as_bytes());
            assert_eq!((process.ticks, process.pages), (75, 321));
            assert!(!process.is_dead);
        }
    }

    #[test]
    fn a_zombie_is_dead_and_what_is_cut_is_none() {
        let zombie = format!("42 (init) {}", BEHIND.replace('S', "Z"));
        assert!(parse(zombie.as_bytes()).unwrap().is_dead);
        for bad in [
            "",
            "42 (init",
            "42 )init( S 1 2",
            "42 (init) S 1 2 2 0 -1 4194304 100 200 3 4 50 25 7 8 20 0 1 0 900 10000000",
            &format!("42 (init) {}", BEHIND.replace("321", "-1")),
            &format!("42 (init) {}", BEHIND.replace(" 50 ", " 18446744073709551615 ")),
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
