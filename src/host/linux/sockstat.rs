//! `/proc/net/sockstat` (`proc(5)`): `TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 319`.

use super::{Host, Source};
use crate::host::{Fault, Flaw, SOCKETS};
use crate::num::parse_u64;
use crate::scan::fields;

/// A protocol, and one of its numbers.
const NAMES: [[&[u8]; 2]; SOCKETS] = [
    [b"sockets:", b"used"],
    [b"TCP:", b"inuse"],
    [b"TCP:", b"orphan"],
    [b"TCP:", b"tw"],
    [b"TCP:", b"alloc"],
    [b"TCP:", b"mem"],
    [b"UDP:", b"inuse"],
    [b"UDP:", b"mem"],
];

impl Host {
    /// Sockets of all kinds that are in use; of TCP those that are not closed, those that no process
    /// holds, those that wait for the last packets, all, and their pages of memory; of UDP those in use,
    /// and their pages. TCP and UDP of version 4.
    pub fn sockets(&mut self) -> Result<[Option<u64>; SOCKETS], Fault> {
        let mut sockets = [None; SOCKETS];
        let file = self.files.of(Source::Sockstat);
        file.lines(&self.proc, &mut self.buffer, &mut |line| {
            read_line(line, &mut sockets)
        })?;
        if sockets == [None; SOCKETS] {
            return Err(file.lacks(Flaw::NoSockets));
        }
        Ok(sockets)
    }
}

fn read_line(line: &[u8], sockets: &mut [Option<u64>; SOCKETS]) {
    let mut fields = fields(line);
    let Some(protocol) = fields.next() else { return };
    while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
        let number = NAMES.iter().position(|known| *known == [protocol, name]);
        if let Some(place) = number.and_then(|number| sockets.get_mut(number)) {
            *place = parse_u64(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_come_in_pairs() {
        let mut sockets = [None; SOCKETS];
        for line in [
            "sockets: used 10",
            "TCP: tw 3 inuse 1 new 9 alloc",
            "UDP: inuse x mem 2",
            "UDPLITE: inuse 7",
        ] {
            read_line(line.as_bytes(), &mut sockets);
        }
        let expected = [Some(10), Some(1), None, Some(3), None, None, None, Some(2)];
        assert_eq!(sockets, expected);
    }
}
