//! `/proc/net/sockstat` (`proc(5)`): `TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 319`.

use super::{
    Host, Source,
    names::{Section, names, section},
};
use crate::base::fields::fields;
use crate::procfs::{Fault, Flaw, Values};

/// Sockets of all kinds that are in use; of TCP those that are not closed, those that no process
/// holds, those that wait for the last packets, all, and their pages of memory; of UDP those in use,
/// and their pages. TCP and UDP of version 4.
const SECTIONS: &[Section] = &[
    Section {
        word: b"sockets:",
        names: names![0: "used"],
    },
    Section {
        word: b"TCP:",
        names: names![1: "inuse" "orphan" "tw" "alloc" "mem"],
    },
    Section {
        word: b"UDP:",
        names: names![6: "inuse" "mem"],
    },
];

impl Host {
    /// Counts of sockets.
    pub fn sockets(&mut self, values: &mut Values) -> Result<(), Fault> {
        self.files.read(Source::Sockstat, Flaw::NoSockets, &mut |line| {
            read_line(line, values)
        })
    }
}

fn read_line(line: &[u8], values: &mut Values) -> bool {
    let mut fields = fields(line);
    let mut is_of_use = false;
    if let Some(section) = section(SECTIONS, fields.next()).and_then(|number| SECTIONS.get(number)) {
        while let Some(is_one) = section.names.take_pair(&mut fields, values) {
            is_of_use |= is_one;
        }
    }
    is_of_use
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_come_in_pairs() {
        let mut values = Values::default();
        for line in [
            "sockets: used 10",
            "TCP: tw 3 inuse 1 new 9 alloc",
            "UDP: inuse x mem 2",
            "UDPLITE: inuse 7",
        ] {
            read_line(line.as_bytes(), &mut values);
        }
        let expected = [Some(10), Some(1), None, Some(3), None, None, None, Some(2)];
        assert_eq!(
            [0, 1, 2, 3, 4, 5, 6, 7].map(|number| values.whole(number)),
            expected
        );
    }
}
