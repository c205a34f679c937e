//! `/proc/net/snmp`, `/proc/net/netstat` and `/proc/net/snmp6` (RFC 4293, RFC 4022, RFC 4113;
//! `Documentation/networking/snmp_counter.rst`).

use super::{
    Host, Source,
    names::{Names, Section, names, section},
};
use crate::base::fields::fields;
use crate::procfs::{Fault, Flaw, Values};

/// Counts since the start, but the connections that are established, which are a number of now.
///
/// Packets in, out and forwarded; discarded on the way in and out; with a bad header. Messages in and out;
/// bad ones. Datagrams in and out; bad ones, for no port, and those that found a full buffer in and out. Opens
/// by us and by others, failed ones, resets of connections, segments in, out and sent again, bad ones, resets
/// sent; connections that are established.
const SNMP: &[Section] = &[
    Section {
        word: b"Ip:",
        names: names![0: "InReceives" "OutRequests" "ForwDatagrams" "InDiscards" "OutDiscards" "InHdrErrors"],
    },
    Section {
        word: b"Icmp:",
        names: names![12: "InMsgs" "OutMsgs" "InErrors"],
    },
    Section {
        word: b"Udp:",
        names: names![
            15: "InDatagrams" "OutDatagrams" "InErrors" "NoPorts" "RcvbufErrors" "SndbufErrors"
        ],
    },
    Section {
        word: b"Tcp:",
        names: names![
            21: "ActiveOpens" "PassiveOpens" "AttemptFails" "EstabResets" "InSegs" "OutSegs" "RetransSegs"
            "InErrs" "OutRsts" "CurrEstab"
        ],
    },
];
/// Connections that found a full queue, all that were dropped there; time-outs; SYNs sent again.
const NETSTAT: &[Section] = &[Section {
    word: b"TcpExt:",
    names: names![31: "ListenOverflows" "ListenDrops" "TCPTimeouts" "TCPSynRetrans"],
}];
/// What is told of IP, of version 6.
const SNMP6: Names = names![
    6: "Ip6InReceives" "Ip6OutRequests" "Ip6OutForwDatagrams" "Ip6InDiscards" "Ip6OutDiscards"
    "Ip6InHdrErrors"
];

/// The most names of a section.
const SECTION_MAX: usize = 10;

impl Host {
    /// Counts of the network's protocols; those of a protocol that this kernel lacks, or of a file
    /// that cannot be read, are none.
    pub fn protocols(&mut self, values: &mut Values) -> Result<(), Fault> {
        let mut pair = Pair::default();
        let snmp = self.files.read(Source::Snmp, Flaw::NoIp, &mut |line| {
            pair.take(line, SNMP, values) == Some(0)
        });
        let netstat = self.files.read(Source::Netstat, Flaw::NoCounts, &mut |line| {
            pair.take(line, NETSTAT, values);
            true
        });
        let snmp6 = self.files.read(Source::Snmp6, Flaw::NoCounts, &mut |line| {
            SNMP6.take(line, values);
            true
        });
        snmp?;
        netstat.or_else(Fault::unless_missing)?;
        snmp6.or_else(Fault::unless_missing)
    }
}

/// A line of names, and below it one of values: `Ip: Forwarding DefaultTTL`, `Ip: 1 64`.
#[derive(Default)]
struct Pair {
    /// The columns of the names that are of use, from 1 up; 0 where there is none.
    columns: [u8; SECTION_MAX],
    /// The section whose names have come, and whose values have not.
    section: Option<usize>,
}

impl Pair {
    /// The section of which a value has been taken.
    fn take(&mut self, line: &[u8], sections: &'static [Section], values: &mut Values) -> Option<usize> {
        let mut fields = fields(line);
        let number = section(sections, fields.next())?;
        let names = &sections.get(number)?.names;
        let has_names = self.section == Some(number);
        self.section = if has_names { None } else { Some(number) };
        let mut has_value = false;
        for column in 1..=u8::MAX {
            let Some(field) = fields.next() else { break };
            if has_names {
                if let Some(place) = self.columns.iter().position(|other| *other == column) {
                    has_value |= values.parse(names.first + place, Some(field));
                }
            } else if let Some(number) = names.number(field)
                && let Some(place) = self.columns.get_mut(number - names.first)
            {
                *place = column;
            }
        }
        if has_names {
            self.columns = [0; SECTION_MAX];
        }
        has_value.then_some(number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_by_name_and_not_by_place() {
        let (mut pair, mut values) = (Pair::default(), Values::default());
        for line in ["Icmp: OutMsgs New InErrors InMsgs", "Icmp: 7 99 -1 5"] {
            pair.take(line.as_bytes(), SNMP, &mut values);
        }
        assert_eq!(
            [12, 13, 14].map(|number| values.whole(number)),
            [Some(5), Some(7), None]
        );
    }
}
