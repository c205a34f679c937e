//! The files that stay open.

use super::kept::Kept;
use crate::host::Place;
use crate::text::words;

words! {
    /// What values come from: files of `/proc`, and what else may fail.
    pub enum Source {
        Stat "stat";
        Loadavg "loadavg";
        Meminfo "meminfo";
        Vmstat "vmstat";
        Uptime "uptime";
        PressureCpu "pressure/cpu";
        PressureIo "pressure/io";
        PressureMemory "pressure/memory";
        PressureIrq "pressure/irq";
        NetDev "net/dev";
        Snmp "net/snmp";
        Netstat "net/netstat";
        Snmp6 "net/snmp6";
        Sockstat "net/sockstat";
        Softnet "net/softnet_stat";
        Arp "net/arp";
        Wireless "net/wireless";
        ConntrackCount "sys/net/netfilter/nf_conntrack_count";
        ConntrackMax "sys/net/netfilter/nf_conntrack_max";
        FileNr "sys/fs/file-nr";
        Entropy "sys/kernel/random/entropy_avail";
        PidMax "sys/kernel/pid_max";
        Mountinfo "self/mountinfo";
        Diskstats "diskstats";
        Statm "self/statm";
        Processes "";
        Sensors "class";
        MountPoint "";
        Leases "";
    }
}

impl Source {
    /// Where it is.
    pub fn place(self) -> Place {
        match self {
            Self::Sensors => Place::Sys,
            Self::MountPoint => Place::Mount,
            Self::Leases => Place::Leases,
            _ => Place::Proc,
        }
    }
}

/// Files of `/proc` below `Processes`.
const KEPT: usize = Source::Processes as usize;

pub(super) struct Files([Kept; KEPT]);

impl Files {
    pub(super) fn new() -> Self {
        Self(core::array::from_fn(|number| Kept::new(Source::ALL[number])))
    }

    /// The file of that name; one that is kept.
    pub(super) fn of(&mut self, source: Source) -> &mut Kept {
        &mut self.0[source as usize]
    }
}
