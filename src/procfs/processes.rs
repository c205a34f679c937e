//! Processes: `/proc/[pid]/stat` (`proc(5)`), such as `1 (init) S 0 1 1 …`.

use super::sysfs::open;
use super::{ReadError, Subject};
use crate::base::decimal::parse_u64;
use crate::base::fields::fields;
use crate::platform::{Directory, Entries, Errno};

/// Processes that are read in one turn.
const TURN_MAX: usize = 1024;

/// A process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Process<'a> {
    /// The name of its program, which the kernel cuts to 15 bytes; since Linux 4.18 it does not cut those of its threads.
    pub name: &'a [u8],
    /// Whether it is a thread of the kernel.
    pub is_kernel_thread: bool,
    /// Whether it has ended, and its parent has not waited for it yet.
    pub is_dead: bool,
    /// Processor time that it has used, in ticks, below 2⁴¹.
    pub ticks: u64,
    /// Resident memory in pages, below 2⁴⁰.
    pub pages: u64,
}

/// The processes, pulled one at a time: a thousand in each turn, until a pass over all of them has ended.
pub struct Processes<'h> {
    proc: &'h Directory,
    /// The pass that goes on at the next turn; `None` once it has ended.
    pass: &'h mut Option<Entries>,
    count: usize,
    buffer: [u8; 1024],
}

impl<'h> Processes<'h> {
    /// Goes on with the pass, or begins one.
    pub(super) fn new(proc: &'h Directory, pass: &'h mut Option<Entries>) -> Result<Self, ReadError> {
        if pass.is_none() {
            let folder = proc.open_directory(b".").map_err(error)?;
            *pass = Some(Entries::new(folder));
        }
        Ok(Self {
            proc,
            pass,
            count: 0,
            buffer: [0; 1024],
        })
    }

    /// Returns the text of the next process's file, or `None` at the end of the turn or of the pass. A process that ends
    /// meanwhile has none.
    pub fn next_text(&mut self) -> Result<Option<&[u8]>, ReadError> {
        let length = loop {
            let Some(pass) = self.pass.as_mut().filter(|_| self.count < TURN_MAX) else {
                return Ok(None);
            };
            match pass.next_name() {
                Ok(Some(name)) if name.iter().all(u8::is_ascii_digit) => {
                    self.count += 1;
                    let file = open(self.proc, &[name, b"/stat"]);
                    if let Some(Ok(length)) = file.map(|file| file.read_at(&mut self.buffer, 0)) {
                        break length;
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => {
                    *self.pass = None;
                    return Ok(None);
                }
                Err(errno) => {
                    *self.pass = None;
                    return Err(error(errno));
                }
            }
        };
        Ok(self.buffer.get(..length))
    }
}

fn error(errno: Errno) -> ReadError {
    ReadError::new(Subject::Processes, errno.into())
}

/// Parses the text of a process's file, `pid (name) state …`: user and system time are the 14th and 15th field, resident
/// memory the 24th. The name may have any byte in it.
pub fn parse(text: &[u8]) -> Option<Process<'_>> {
    let open = text.iter().position(|&byte| byte == b'(')?;
    let close = text.iter().rposition(|&byte| byte == b')')?;
    let name = text.get(open + 1..close)?;
    let mut fields = fields(text.get(close + 1..)?);
    let state = fields.next()?;
    // `PF_KTHREAD` (`include/linux/sched.h`) of the flags, the 9th field.
    let is_kernel_thread = parse_u64(fields.nth(5)?)? & 0x0020_0000 != 0;
    fields.nth(3)?;
    let (user_ticks, system_ticks) = (fields.next_u64()?, fields.next_u64()?);
    fields.nth(7)?;
    let pages = fields.next_u64()?;
    // More than any kernel prints. Sums of smaller numbers fit into 64 bits, also in milliseconds and bytes.
    if (user_ticks | system_ticks | pages) >> 40 != 0 {
        return None;
    }
    Some(Process {
        name,
        is_kernel_thread,
        is_dead: matches!(state, [b'Z' | b'X' | b'x']),
        ticks: user_ticks + system_ticks,
        pages,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIELDS: &str =
        "S 1 2 2 0 -1 4194304 100 200 3 4 50 25 7 8 20 0 1 0 900 10000000 321 18446744073709551615 0";

    #[test]
    fn name_may_have_blanks_and_parentheses() {
        for name in ["init", "a) b(c", "kworker/0:1-events", "", "(x)"] {
            let line = format!("42 ({name}) {FIELDS}\n");
            let process = parse(line.as_bytes()).unwrap();
            assert_eq!(process.name, name.as_bytes());
            assert_eq!((process.ticks, process.pages), (75, 321));
            assert!(!process.is_dead);
        }
    }

    #[test]
    fn zombie_is_dead_and_truncated_text_is_refused() {
        let zombie = format!("42 (init) {}", FIELDS.replace('S', "Z"));
        assert!(parse(zombie.as_bytes()).unwrap().is_dead);
        for bad in [
            "",
            "42 (init",
            "42 )init( S 1 2",
            "42 (init) S 1 2 2 0 -1 4194304 100 200 3 4 50 25 7 8 20 0 1 0 900 10000000",
            &format!("42 (init) {}", FIELDS.replace("321", "-1")),
            &format!("42 (init) {}", FIELDS.replace(" 50 ", " 18446744073709551615 ")),
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad:?}");
        }
    }

    #[test]
    fn pass_over_more_processes_than_a_turn_reads_is_continued() {
        let root = std::env::temp_dir().join(format!("mini-monitor-processes-{}", std::process::id()));
        for id in 1..=9 {
            std::fs::create_dir_all(root.join(id.to_string())).unwrap();
            std::fs::write(root.join(format!("{id}/stat")), format!("{id} (init) {FIELDS}\n")).unwrap();
        }
        // Not a process, and one that has ended.
        std::fs::create_dir_all(root.join("self")).unwrap();
        std::fs::create_dir_all(root.join("99999")).unwrap();
        let proc = Directory::open(root.to_str().unwrap().as_bytes()).unwrap();
        let mut pass = None;
        let mut turn = || {
            let mut processes = Processes::new(&proc, &mut pass).unwrap();
            processes.count = TURN_MAX - 6;
            let mut found = Vec::new();
            while let Some(text) = processes.next_text().unwrap() {
                assert_eq!(parse(text).unwrap().name, b"init");
                found.push(text[0]);
            }
            (found, pass.is_some())
        };
        let (first, is_unfinished) = turn();
        assert!(first.len() >= 5 && is_unfinished);
        let (second, is_unfinished) = turn();
        let mut all = [first.clone(), second].concat();
        all.sort_unstable();
        assert_eq!((all.as_slice(), is_unfinished), (b"123456789".as_slice(), false));
        assert_eq!(turn(), (first, true), "the next pass begins");
        std::fs::remove_dir_all(root).unwrap();
    }
}
