//! Linux: `/proc`, and what the C library asks the kernel for.

mod kept;
mod loadavg;
mod meminfo;
mod stat;

use super::{CpuTimes, Fault, LoadAverages, Memory, Trouble};
use crate::sys::{self, Directory, Errno, FileSystem};
use core::ffi::CStr;
use kept::{Extent, Kept};

/// The first tag of each line.
pub const OS: &str = "linux";

/// Room for the text of one file; `meminfo`, the longest that is read whole, has about 1.6 KB.
const BUFFER: usize = 4096;

/// The machine. Its files stay open.
pub struct Host {
    proc: Directory,
    stat: Kept,
    loadavg: Kept,
    meminfo: Kept,
    buffer: [u8; BUFFER],
}

impl Host {
    /// Opens the root of `/proc`; the files below it are opened when they are asked for.
    pub fn open(proc: &[u8]) -> Result<Self, Errno> {
        Ok(Self {
            proc: Directory::open(proc)?,
            stat: Kept::new(c"stat"),
            loadavg: Kept::new(c"loadavg"),
            meminfo: Kept::new(c"meminfo"),
            buffer: [0; BUFFER],
        })
    }

    /// Time of all processors.
    pub fn cpu(&mut self) -> Result<CpuTimes, Fault> {
        // Only its first line is of use: thousands of interrupts may make the file longer than the buffer.
        self.stat
            .read(&self.proc, &mut self.buffer, Extent::Head, stat::parse)
    }

    /// Load averages.
    pub fn load(&mut self) -> Result<LoadAverages, Fault> {
        self.loadavg
            .read(&self.proc, &mut self.buffer, Extent::Whole, loadavg::parse)
    }

    /// Memory.
    pub fn memory(&mut self) -> Result<Memory, Fault> {
        self.meminfo
            .read(&self.proc, &mut self.buffer, Extent::Whole, meminfo::parse)
    }

    /// Sizes of the file system at the mount point, which must be one that does not hang.
    pub fn file_system(&mut self, mount: &'static CStr) -> Result<FileSystem, Fault> {
        sys::file_system(mount.to_bytes()).map_err(|errno| Fault {
            file: mount,
            trouble: Trouble::System(errno),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::path::{Path, PathBuf};

    const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

    fn machines() -> Vec<PathBuf> {
        let entries = fs::read_dir(FIXTURES).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_dir()).collect()
    }

    /// What a host says of one file, printed; `None` after a fault.
    fn said(host: &mut Host, file: &str) -> Option<String> {
        match file {
            "stat" => host.cpu().ok().map(|times| format!("{times:?}")),
            "loadavg" => host.load().ok().map(|load| format!("{load:?}")),
            _ => host.memory().ok().map(|memory| format!("{memory:?}")),
        }
    }

    /// Every prefix, read as the agent reads it: what it says is the whole truth, or nothing.
    #[test]
    fn a_prefix_of_a_file_never_says_anything_else_than_the_file() {
        let folder = std::env::temp_dir().join(format!("mini-monitor-prefixes-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        for machine in machines() {
            for file in ["stat", "loadavg", "meminfo"] {
                let text = fs::read(machine.join("proc").join(file)).unwrap();
                check_prefixes(&folder, file, &text, &machine);
            }
        }
        fs::remove_dir_all(&folder).unwrap();
    }

    fn check_prefixes(folder: &Path, file: &str, text: &[u8], machine: &Path) {
        let path = folder.join(file);
        fs::write(&path, text).unwrap();
        let mut host = Host::open(folder.to_str().unwrap().as_bytes()).unwrap();
        let whole = said(&mut host, file);
        assert!(whole.is_some(), "{}", path.display());
        for length in 0..text.len() {
            fs::write(&path, &text[..length]).unwrap();
            let part = said(&mut host, file);
            let ends_a_line = length > 0 && text[length - 1] == b'\n';
            let is_cut = !ends_a_line && length < BUFFER;
            assert!(
                part.is_none() || part == whole,
                "{length} bytes of {file}, {}",
                machine.display()
            );
            assert!(
                !is_cut || part.is_none(),
                "{length} bytes of {file}, {}",
                machine.display()
            );
        }
    }

    /// Bytes changed at random: any answer but a panic, and nothing that cannot be.
    #[test]
    fn changed_bytes_never_make_a_panic() {
        let mut random = 0x9e37_79b9_7f4a_7c15_u64;
        println!("seed {random:#x}");
        let mut below = |bound: usize| {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            (random % bound as u64) as usize
        };
        for machine in machines() {
            for file in ["stat", "loadavg", "meminfo"] {
                let text = fs::read(machine.join("proc").join(file)).unwrap();
                let text = &text[..text.len().min(BUFFER)];
                for _ in 0..20_000 {
                    let mut changed = text.to_vec();
                    for _ in 0..=below(4) {
                        // The first lines are those that count.
                        let window = 1 + below(300);
                        let at = below(changed.len().min(window));
                        changed[at] = b"0123456789 \n-.x\0\xff"[below(17)];
                    }
                    let _ = stat::parse(&changed);
                    let _ = loadavg::parse(&changed);
                    let _ = meminfo::parse(&changed);
                }
            }
        }
    }
}
