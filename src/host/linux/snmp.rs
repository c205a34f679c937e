//! `/proc/net/snmp`, `/proc/net/netstat` and `/proc/net/snmp6` (RFC 4293, RFC 4022, RFC 4113;
//! `Documentation/networking/snmp_counter.rst`).

use super::{
    Host, Source,
    names::{Names, names},
};
use crate::host::{Fault, Flaw};
use crate::num::parse_u64;
use crate::scan::fields;

const IP: Names<6> = names![
    "InReceives",
    "OutRequests",
    "ForwDatagrams",
    "InDiscards",
    "OutDiscards",
    "InHdrErrors",
];
const IP6: Names<6> = names![
    "Ip6InReceives",
    "Ip6OutRequests",
    "Ip6OutForwDatagrams",
    "Ip6InDiscards",
    "Ip6OutDiscards",
    "Ip6InHdrErrors",
];
const ICMP: Names<3> = names!["InMsgs", "OutMsgs", "InErrors"];
const UDP: Names<6> = names![
    "InDatagrams",
    "OutDatagrams",
    "InErrors",
    "NoPorts",
    "RcvbufErrors",
    "SndbufErrors",
];
const TCP: Names<10> = names![
    "ActiveOpens",
    "PassiveOpens",
    "AttemptFails",
    "EstabResets",
    "InSegs",
    "OutSegs",
    "RetransSegs",
    "InErrs",
    "OutRsts",
    "CurrEstab",
];
const TCP_MORE: Names<4> = names!["ListenOverflows", "ListenDrops", "TCPTimeouts", "TCPSynRetrans",];

/// Counts since the start, but the connections that are established, which are a number of now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Protocols {
    /// Packets in, out and forwarded; discarded on the way in and out; with a bad header.
    pub ip: [Option<u64>; 6],
    /// The same of version 6.
    pub ip6: [Option<u64>; 6],
    /// Messages in and out; bad ones.
    pub icmp: [Option<u64>; 3],
    /// Datagrams in and out; bad ones, for no port, and those that found a full buffer in and out.
    pub udp: [Option<u64>; 6],
    /// Opens by us and by others, failed ones, resets of connections, segments in, out and sent
    /// again, bad ones, resets sent; connections that are established.
    pub tcp: [Option<u64>; 10],
    /// Connections that found a full queue, all that were dropped there; time-outs; SYNs sent again.
    pub tcp_more: [Option<u64>; 4],
}

impl Host {
    /// Counts of the network's protocols; those of a protocol that this kernel lacks, or of a file
    /// that cannot be read, stay `None`.
    pub fn protocols(&mut self, all: &mut Protocols) -> Result<(), Fault> {
        let (files, buffer) = (&mut self.files, &mut self.buffer);
        let [mut ip, mut icmp, mut udp, mut tcp, mut more] = [const { Pair::NONE }; 5];
        let snmp = files
            .of(Source::Snmp)
            .lines(&self.proc, buffer, &mut |line| match prefix(line) {
                Some(b"Ip") => ip.take(line, &IP, &mut all.ip),
                Some(b"Icmp") => icmp.take(line, &ICMP, &mut all.icmp),
                Some(b"Udp") => udp.take(line, &UDP, &mut all.udp),
                Some(b"Tcp") => tcp.take(line, &TCP, &mut all.tcp),
                _ => {}
            });
        let netstat = files.of(Source::Netstat).lines(&self.proc, buffer, &mut |line| {
            if prefix(line) == Some(b"TcpExt") {
                more.take(line, &TCP_MORE, &mut all.tcp_more);
            }
        });
        let snmp6 = files.of(Source::Snmp6).lines(&self.proc, buffer, &mut |line| {
            let mut fields = fields(line);
            if let Some(place) = IP6.place(fields.next(), &mut all.ip6) {
                *place = fields.next().and_then(parse_u64);
            }
        });
        snmp?;
        if all.ip == [None; 6] {
            return Err(files.of(Source::Snmp).lacks(Flaw::NoIp));
        }
        netstat.or_else(Fault::unless_missing)?;
        snmp6.or_else(Fault::unless_missing)
    }
}

fn prefix(line: &[u8]) -> Option<&[u8]> {
    line.split(|&byte| byte == b':').next()
}

/// A line of names, and below it one of values: `Ip: Forwarding DefaultTTL`, `Ip: 1 64`.
struct Pair {
    /// The columns of the names that are of use, from 1 up; 0 where there is none.
    columns: [u8; 16],
    has_names: bool,
}

impl Pair {
    const NONE: Self = Self {
        columns: [0; 16],
        has_names: false,
    };

    fn take<const N: usize>(&mut self, line: &[u8], names: &Names<N>, values: &mut [Option<u64>; N]) {
        for (column, field) in fields(line).enumerate().skip(1).take(usize::from(u8::MAX)) {
            if self.has_names {
                let is_here = |wanted: &u8| usize::from(*wanted) == column;
                let place = self
                    .columns
                    .iter()
                    .position(is_here)
                    .and_then(|number| values.get_mut(number));
                if let Some(place) = place {
                    *place = parse_u64(field);
                }
            } else if let Some(place) = names
                .number(field)
                .and_then(|number| self.columns.get_mut(number))
            {
                *place = column as u8;
            }
        }
        self.has_names = !self.has_names;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_name_and_not_by_place() {
        let (mut pair, mut values) = (Pair::NONE, [None; 3]);
        for line in ["Icmp: OutMsgs New InErrors InMsgs", "Icmp: 7 99 -1 5"] {
            pair.take(line.as_bytes(), &ICMP, &mut values);
        }
        assert_eq!(values, [Some(5), Some(7), None]);
    }
}
