//! Linux: `/proc`, and what the C library asks the kernel for.

mod arp;
mod diskstats;
mod files;
mod leases;
mod links;
mod loadavg;
mod meminfo;
mod mounts;
mod names;
mod netdev;
mod number;
mod pieces;
mod pressure;
mod processes;
mod row;
mod sensors;
mod snmp;
mod sockstat;
mod softnet;
mod stat;
mod sysfs;
mod uptime;
mod vmstat;
mod wireless;

pub use files::Source;

use crate::base::decimal::Fixed;
use crate::base::name::Name;
use crate::platform::{Directory, Entries, Errno};
use files::{BUFFER, Files};
use links::Links;

/// The first tag of each line.
pub const OS: &str = "linux";

/// The larger part of what a host needs. All of it is zero at first, so that what nobody writes to takes no
/// memory.
#[repr(C)]
pub struct Memory {
    links: Links,
    buffer: [u8; BUFFER],
}

impl Memory {
    /// Nothing is known of links.
    pub const EMPTY: Self = Self {
        links: Links::NONE,
        buffer: [0; BUFFER],
    };
}

/// The roots of `/proc` and `/sys`.
pub struct Roots {
    proc: Directory,
    /// A container may have none.
    sys: Option<Directory>,
}

impl Roots {
    /// Opens both.
    pub fn open(proc: &[u8], sys: &[u8]) -> Result<Self, Errno> {
        Ok(Self {
            proc: Directory::open(proc)?,
            sys: Directory::open(sys).ok(),
        })
    }
}

/// The machine. Its files stay open.
pub struct Host {
    files: Files,
    sys: Option<Directory>,
    links: &'static mut Links,
    /// A pass over the processes that is under way.
    pass: Option<Entries>,
    /// The mount point that could not be asked last.
    failed_mount: Name<96>,
    turn: u32,
    /// Tasks that run, and that wait for a disk, and in which turn that was: two families ask for it.
    tasks: [Option<Fixed>; 2],
    tasks_turn: u32,
}

impl Host {
    /// The machine that is seen through these roots; the files below are opened when they are asked for.
    pub fn new(roots: Roots, memory: &'static mut Memory) -> Self {
        Self {
            files: Files::new(roots.proc, &mut memory.buffer),
            sys: roots.sys,
            links: &mut memory.links,
            pass: None,
            failed_mount: Name::NONE,
            turn: 1,
            tasks: [None; 2],
            tasks_turn: 0,
        }
    }

    /// Opens the roots, and sees the machine through them.
    pub fn open(proc: &[u8], sys: &[u8], memory: &'static mut Memory) -> Result<Self, Errno> {
        Ok(Self::new(Roots::open(proc, sys)?, memory))
    }

    /// Sees the machine through other roots from now on.
    pub fn change(&mut self, roots: Roots) {
        self.files.change(roots.proc);
        self.sys = roots.sys;
        *self.links = Links::NONE;
        self.pass = None;
    }

    /// What was read before is old now.
    pub fn begin_turn(&mut self) {
        self.turn = self.turn.wrapping_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::procfs::{Fault, Take, Values};
    use std::fs;
    use std::path::{Path, PathBuf};

    const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures");

    fn machines() -> Vec<PathBuf> {
        let entries = fs::read_dir(FIXTURES).unwrap().map(|entry| entry.unwrap().path());
        entries.filter(|path| path.is_dir()).collect()
    }

    struct Nobody;

    impl Take for Nobody {
        fn wants(&self, _: &[u8]) -> bool {
            true
        }

        fn take(&mut self, _: &[u8], _: &Values) {}
    }

    /// Asks the host for what a file holds; the words of a fault are of no matter.
    type Ask = fn(&mut Host) -> Result<(), Fault>;

    const FILES: [(&str, Ask); 23] = [
        ("stat", |host| {
            host.stat(&mut Values::default(), &mut None, &mut |_, _| {})
        }),
        ("loadavg", |host| host.load(&mut Values::default())),
        ("meminfo", |host| host.memory(&mut Values::default())),
        ("uptime", |host| host.uptime(&mut Values::default())),
        ("vmstat", |host| host.vm(&mut Values::default())),
        ("pressure/cpu", |host| host.pressure(&mut Values::default())),
        ("pressure/io", |host| host.pressure(&mut Values::default())),
        ("pressure/memory", |host| host.pressure(&mut Values::default())),
        ("net/dev", |host| host.interfaces(&mut Nobody)),
        ("net/snmp", |host| host.protocols(&mut Values::default())),
        ("net/netstat", |host| host.protocols(&mut Values::default())),
        ("net/snmp6", |host| host.protocols(&mut Values::default())),
        ("net/sockstat", |host| host.sockets(&mut Values::default())),
        ("net/softnet_stat", |host| host.softnet(&mut Values::default())),
        ("sys/net/netfilter/nf_conntrack_count", |host| {
            host.tracked(&mut Values::default())
        }),
        ("sys/net/netfilter/nf_conntrack_max", |host| {
            host.tracked(&mut Values::default())
        }),
        ("sys/fs/file-nr", |host| host.limits(&mut Values::default())),
        ("self/mountinfo", |host| {
            host.mounts(&|_, _| crate::procfs::Ask::Never, &mut |_, _, _, _| {})
        }),
        ("self/statm", |host| host.own_memory(0, &mut Values::default())),
        ("diskstats", |host| host.disks(&mut |_, _, _| {})),
        ("net/arp", |host| host.neighbours(&mut |_| {})),
        ("net/wireless", |host| host.wireless(&mut Nobody)),
        ("sys/kernel/pid_max", |host| host.limits(&mut Values::default())),
    ];

    /// For each file of each machine: calls `check` with a copy of the machine that may be spoilt.
    fn for_each_file(name: &str, check: impl Fn(&mut Host, &Path, Ask)) {
        let copy = std::env::temp_dir().join(format!("mini-monitor-{name}-{}", std::process::id()));
        for machine in machines() {
            for (file, ask) in FILES {
                for (other, _) in FILES
                    .iter()
                    .filter(|(other, _)| machine.join("proc").join(other).exists())
                {
                    fs::create_dir_all(copy.join(other).parent().unwrap()).unwrap();
                    fs::copy(machine.join("proc").join(other), copy.join(other)).unwrap();
                }
                let memory = Box::leak(Box::new(Memory::EMPTY));
                let mut host = Host::open(copy.to_str().unwrap().as_bytes(), b"/nowhere", memory).unwrap();
                if copy.join(file).exists() {
                    check(&mut host, &copy.join(file), ask);
                }
            }
            fs::remove_dir_all(&copy).unwrap();
        }
    }

    /// Every prefix, read as the agent reads it.
    #[test]
    fn a_cut_file_says_nothing() {
        for_each_file("prefixes", |host, file, ask| {
            let text = fs::read(file).unwrap();
            for length in 0..text.len() {
                fs::write(file, &text[..length]).unwrap();
                // A file cut between two lines cannot be told from one of another kernel.
                let ends_a_line = length > 0 && text[length - 1] == b'\n';
                // Without block devices there is no line of one.
                let may_be_empty = length == 0 && file.ends_with("diskstats");
                let said = ask(host);
                assert!(
                    ends_a_line || may_be_empty || said.is_err(),
                    "{length} bytes of {}",
                    file.display()
                );
            }
        });
    }
}
