//! Protocols of the network: `/proc/net/snmp`, `/proc/net/netstat` and `/proc/net/snmp6` (RFC 4293, RFC 4022, RFC 4113;
//! `Documentation/networking/snmp_counter.rst`).

use super::metrics::metrics;
use super::{FamilyContext, FamilyValues, MetricId};
use crate::base::fields::{Fields, fields};
use crate::procfs::{Files, ProcFile, ReadError};

metrics! {
    IN_PACKETS       Counter "ip.in.packets"        "" "IPv4 packets received" from "Ip: InReceives";
    OUT_PACKETS      Counter "ip.out.packets"       "" "IPv4 packets of this machine handed over for sending" from "Ip: OutRequests";
    FORWARDED        Counter "ip.forwarded"         "" "IPv4 packets forwarded" from "Ip: ForwDatagrams";
    IN_DISCARDS      Counter "ip.in.dropped"       "" "IPv4 packets received and discarded, for example for lack of memory" from "Ip: InDiscards";
    OUT_DISCARDS     Counter "ip.out.dropped"      "" "IPv4 packets to be sent and discarded, for example for lack of memory" from "Ip: OutDiscards";
    IN_ERRORS        Counter "ip.in.errors"         "" "IPv4 packets received with a bad header" from "Ip: InHdrErrors";
    IN_PACKETS6      Counter "ip6.in.packets"       "" "IPv6 packets received" from "Ip6InReceives";
    OUT_PACKETS6     Counter "ip6.out.packets"      "" "IPv6 packets of this machine handed over for sending" from "Ip6OutRequests";
    FORWARDED6       Counter "ip6.forwarded"        "" "IPv6 packets forwarded" from "Ip6OutForwDatagrams";
    IN_DISCARDS6     Counter "ip6.in.dropped"      "" "IPv6 packets received and discarded, for example for lack of memory" from "Ip6InDiscards";
    OUT_DISCARDS6    Counter "ip6.out.dropped"     "" "IPv6 packets to be sent and discarded, for example for lack of memory" from "Ip6OutDiscards";
    IN_ERRORS6       Counter "ip6.in.errors"        "" "IPv6 packets received with a bad header" from "Ip6InHdrErrors";
    ICMP_IN          Counter "icmp.in.messages"              "" "ICMP messages received" from "Icmp: InMsgs";
    ICMP_OUT         Counter "icmp.out.messages"             "" "ICMP messages sent" from "Icmp: OutMsgs";
    ICMP_IN_ERRORS   Counter "icmp.in.errors"       "" "bad ICMP messages received" from "Icmp: InErrors";
    UDP_IN           Counter "udp.in.datagrams"               "" "UDP datagrams received over IPv4" from "Udp: InDatagrams";
    UDP_OUT          Counter "udp.out.datagrams"              "" "UDP datagrams sent over IPv4" from "Udp: OutDatagrams";
    UDP_IN_ERRORS    Counter "udp.in.errors"        "" "UDP datagrams over IPv4 that could not be delivered" from "Udp: InErrors";
    UDP_NO_PORTS     Counter "udp.no.ports"         "" "UDP datagrams received over IPv4 for a port without a listener" from "Udp: NoPorts";
    UDP_RCVBUF       Counter "udp.rcvbuf.errors"    "" "UDP datagrams over IPv4 lost because a receive buffer was full" from "Udp: RcvbufErrors";
    UDP_SNDBUF       Counter "udp.sndbuf.errors"    "" "UDP datagrams over IPv4 lost because a send buffer was full" from "Udp: SndbufErrors";
    ICMP6_IN         Counter "icmp6.in.messages"    "" "ICMPv6 messages received" from "Icmp6InMsgs";
    ICMP6_OUT        Counter "icmp6.out.messages"   "" "ICMPv6 messages sent" from "Icmp6OutMsgs";
    ICMP6_IN_ERRORS  Counter "icmp6.in.errors"      "" "bad ICMPv6 messages received" from "Icmp6InErrors";
    UDP6_IN          Counter "udp6.in.datagrams"    "" "UDP datagrams received over IPv6" from "Udp6InDatagrams";
    UDP6_OUT         Counter "udp6.out.datagrams"   "" "UDP datagrams sent over IPv6" from "Udp6OutDatagrams";
    UDP6_IN_ERRORS   Counter "udp6.in.errors"       "" "UDP datagrams over IPv6 that could not be delivered" from "Udp6InErrors";
    UDP6_NO_PORTS    Counter "udp6.no.ports"        "" "UDP datagrams received over IPv6 for a port without a listener" from "Udp6NoPorts";
    UDP6_RCVBUF      Counter "udp6.rcvbuf.errors"   "" "UDP datagrams over IPv6 lost because a receive buffer was full" from "Udp6RcvbufErrors";
    UDP6_SNDBUF      Counter "udp6.sndbuf.errors"   "" "UDP datagrams over IPv6 lost because a send buffer was full" from "Udp6SndbufErrors";
    TCP_ACTIVE       Counter "tcp.active.opens"     "" "TCP connections opened by this machine" from "Tcp: ActiveOpens";
    TCP_PASSIVE      Counter "tcp.passive.opens"    "" "TCP connections opened by others" from "Tcp: PassiveOpens";
    TCP_FAILS        Counter "tcp.attempt.errors"    "" "TCP connections that failed to open" from "Tcp: AttemptFails";
    TCP_RESETS       Counter "tcp.estab.resets"     "" "established TCP connections that were reset" from "Tcp: EstabResets";
    TCP_IN           Counter "tcp.in.segs"          "" "TCP segments received" from "Tcp: InSegs";
    TCP_OUT          Counter "tcp.out.segs"         "" "TCP segments sent" from "Tcp: OutSegs";
    TCP_RETRANS      Counter "tcp.retrans.segs"     "" "TCP segments retransmitted" from "Tcp: RetransSegs";
    TCP_IN_ERRORS    Counter "tcp.in.errors"        "" "bad TCP segments received" from "Tcp: InErrs";
    TCP_OUT_RESETS   Counter "tcp.out.resets"       "" "TCP resets sent" from "Tcp: OutRsts";
    TCP_ESTABLISHED  Gauge   "tcp.established"      "" "TCP connections that are established" from "Tcp: CurrEstab";
    LISTEN_OVERFLOWS Counter "tcp.listen.overflows" "" "TCP connections that found a listener's queue full" from "TcpExt: ListenOverflows";
    LISTEN_DROPS     Counter "tcp.listen.dropped"     "" "TCP connections dropped by a listener for any reason" from "TcpExt: ListenDrops";
    TIMEOUTS         Counter "tcp.timeouts"         "" "TCP retransmission timeouts" from "TcpExt: TCPTimeouts";
    SYN_RETRANS      Counter "tcp.syn.retrans"      "" "TCP SYNs retransmitted" from "TcpExt: TCPSynRetrans";
}

/// The sections of `snmp` and of `netstat`.
const SNMP: [&str; 4] = ["Ip:", "Icmp:", "Udp:", "Tcp:"];
const NETSTAT: [&str; 1] = ["TcpExt:"];
/// The keys of `snmp6` start with one of these.
const SNMP6: [&str; 3] = ["Ip6", "Icmp6", "Udp6"];

/// The most metrics of a section.
const COLUMNS_MAX: usize = 10;

/// Columns of interest, learnt from the headings. They stay the same while the kernel runs.
pub(super) struct Columns {
    snmp: [Section; SNMP.len()],
    netstat: [Section; NETSTAT.len()],
}

/// Columns of interest in a line of values.
struct Section {
    /// The fingerprint of the heading that they were learnt from.
    heading: u32,
    /// Positions in the line, in ascending order, and their metrics.
    columns: [(u8, Option<MetricId>); COLUMNS_MAX],
}

impl Columns {
    pub(super) const NONE: Self = Self {
        snmp: [const { Section::NONE }; SNMP.len()],
        netstat: [const { Section::NONE }; NETSTAT.len()],
    };
}

pub(super) fn collect(cx: &mut FamilyContext) -> Result<(), ReadError> {
    let Columns { snmp, netstat } = &mut cx.collector.memory.columns;
    let (files, values) = (&mut cx.host.files, &mut cx.values);
    let snmp = read_sections(files, ProcFile::Snmp, &SNMP, snmp, values);
    let netstat = read_sections(files, ProcFile::Netstat, &NETSTAT, netstat, values);
    let snmp6 = read_snmp6(files, values);
    snmp?;
    netstat.or_else(ReadError::unless_missing)?;
    snmp6.or_else(ReadError::unless_missing)
}

/// Reads a file in which a line of values follows each heading: `Ip: Forwarding DefaultTTL`, `Ip: 1 64`. The file is
/// done when all sections of interest were read.
fn read_sections(
    files: &mut Files,
    file: ProcFile,
    names: &[&str],
    sections: &mut [Section],
    values: &mut FamilyValues,
) -> Result<(), ReadError> {
    let lines = files.lines(file)?;
    let before = values.count();
    // A file without values of the first section is not what it should be.
    let mut has_first = file == ProcFile::Netstat;
    let mut heading = None;
    let mut unread = (1_u8 << names.len()) - 1;
    while unread != 0
        && let Some(line) = lines.next_line()
    {
        let mut fields = fields(line);
        let name = fields.next().unwrap_or_default();
        let Some(index) = names.iter().position(|known| known.as_bytes() == name) else {
            continue;
        };
        if heading == Some(index) {
            heading = None;
            unread &= !(1 << index);
            sections[index].parse(&mut fields, values);
            has_first |= index == 0 && values.count() > before;
        } else {
            heading = Some(index);
            sections[index].learn(line, names[index], &mut fields);
        }
    }
    lines.finish(has_first)
}

impl Section {
    const NONE: Self = Self {
        heading: 0,
        columns: [(0, None); COLUMNS_MAX],
    };

    /// Learns the columns from a heading unless they are known from an equal one.
    fn learn(&mut self, heading: &[u8], section: &str, names: &mut Fields) {
        let fingerprint = fingerprint(heading);
        if self.heading == fingerprint {
            return;
        }
        *self = Self::NONE;
        self.heading = fingerprint;
        let mut free = self.columns.iter_mut();
        for (position, name) in (0..=u8::MAX).zip(names) {
            if let Some(id) = KEYS.find_in(section.as_bytes(), name)
                && let Some(column) = free.next()
            {
                *column = (position, Some(*id));
            }
        }
    }

    /// Parses the values up to the last column of interest.
    fn parse(&self, fields: &mut Fields, values: &mut FamilyValues) {
        let mut position = 0;
        for (column, id) in &self.columns {
            let Some(id) = id else { return };
            while position < *column {
                fields.next();
                position += 1;
            }
            values.set_u64(*id, fields.next_u64());
            position += 1;
        }
    }
}

/// Reads lines such as `Ip6InReceives 4`.
fn read_snmp6(files: &mut Files, values: &mut FamilyValues) -> Result<(), ReadError> {
    let counts = SNMP6.iter().map(|start| KEYS.count_starting_with(start));
    let wanted = values.count() + counts.sum::<usize>();
    // (The names of the sections have a blank, which no field has.)
    let parse = |line: &[u8], values: &mut FamilyValues| values.set_named(&KEYS, line);
    values
        .read_lines(files, ProcFile::Snmp6, wanted, parse)?
        .finish(true)
}

/// Returns a number that differs between headings, at a fourth of the cost of a hash by bytes. It is not 0.
fn fingerprint(heading: &[u8]) -> u32 {
    let (words, rest) = heading.as_chunks::<4>();
    let words = words.iter().map(|word| u32::from_ne_bytes(*word));
    let rest = rest.iter().map(|byte| u32::from(*byte));
    let start = heading.len() as u32;
    words
        .chain(rest)
        .fold(start, |sum, word| sum.rotate_left(5) ^ word)
        | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(section: &mut Section, heading: &str, line: &str) -> [Option<u64>; 3] {
        let mut values = FamilyValues::NONE;
        let mut names = fields(heading.as_bytes());
        names.next();
        section.learn(heading.as_bytes(), "Icmp:", &mut names);
        section.parse(&mut fields(line.as_bytes()), &mut values);
        [ICMP_IN, ICMP_OUT, ICMP_IN_ERRORS].map(|id| values.get_u64(id))
    }

    #[test]
    fn values_are_found_by_the_names_of_the_heading() {
        let mut section = Section::NONE;
        let heading = "Icmp: OutMsgs New InErrors InMsgs";
        assert_eq!(
            parse(&mut section, heading, "7 99 -1 5"),
            [Some(5), Some(7), None]
        );
        assert_eq!(parse(&mut section, heading, "8 9"), [None, Some(8), None]);
        let other = "Icmp: InMsgs New InErrors OutMsgs";
        assert_eq!(
            parse(&mut section, other, "7 99 1 5"),
            [Some(7), Some(5), Some(1)]
        );
    }

    #[test]
    fn each_key_is_of_a_section_with_room_for_it() {
        let counts = SNMP
            .iter()
            .chain(&NETSTAT)
            .chain(&SNMP6)
            .map(|section| KEYS.count_starting_with(section));
        assert!(counts.clone().all(|count| (1..=COLUMNS_MAX).contains(&count)));
        assert_eq!(counts.sum::<usize>(), KEYS.count());
    }

    #[test]
    fn more_columns_of_a_name_than_metrics_are_left_out() {
        let heading = format!("Icmp: {}", "InMsgs ".repeat(300));
        let line = "3 ".repeat(300);
        let mut section = Section::NONE;
        let found = parse(&mut section, &heading, &line);
        assert_eq!(found, [Some(3), None, None]);
    }
}
