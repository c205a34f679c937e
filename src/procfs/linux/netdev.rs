//! `/proc/net/dev` (`proc(5)`), and what `/sys/class/net` adds.

use super::row::{NO, named, row};
use super::{Host, Source};
use crate::procfs::{Fault, Flaw, Take, Values};

/// The metrics of the columns: bytes, packets, errors, dropped, fifo errors, frame errors, compressed and
/// multicast packets received; bytes, packets, errors, dropped, fifo errors, collisions, carrier losses,
/// compressed packets sent.
const COLUMNS: [u8; 16] = [0, 1, 2, 3, 4, 5, NO, 6, 7, 8, 9, 10, 11, 12, 13, NO];
const RECEIVED: usize = 1;
const SENT: usize = 8;

impl Host {
    /// Hands over each interface that is wanted, in the kernel's order: its counts since it was made, and the
    /// state of its link.
    pub fn interfaces(&mut self, take: &mut dyn Take) -> Result<(), Fault> {
        let (links, sys) = (&mut *self.links, &self.sys);
        let mut values = Values::default();
        // The loopback at the least is always there.
        let result = self.files.read(Source::NetDev, Flaw::NoInterface, &mut |line| {
            let Some(name) = parse(line, &mut values) else {
                return false;
            };
            if take.wants(name) {
                let packets = values.number(RECEIVED).wrapping_add(values.number(SENT));
                if let Some(sys) = sys {
                    links.look(sys, name, packets as u32, &mut values);
                }
                take.take(name, &values);
            }
            true
        });
        links.end_round();
        result
    }
}

/// `  eth0: 57209635    2801 …` or, from an old kernel, `eth0:57209635 2801 …`. The lines of headings have
/// bars, and no number behind a colon.
fn parse<'l>(line: &'l [u8], values: &mut Values) -> Option<&'l [u8]> {
    let (name, mut numbers) = named(line)?;
    (row(&mut numbers, &COLUMNS, values) == COLUMNS.len()).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_be_glued_to_their_numbers() {
        let numbers = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16";
        let mut values = Values::default();
        for line in [format!("  eth0: {numbers}"), format!("eth0:{numbers}")] {
            assert_eq!(parse(line.as_bytes(), &mut values), Some(b"eth0".as_slice()));
            let found: Vec<_> = (0..15).map_while(|number| values.whole(number)).collect();
            assert_eq!(found, [1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13, 14, 15]);
        }
        let alias = format!("eth0:1:{numbers}");
        assert_eq!(parse(alias.as_bytes(), &mut values), Some(b"eth0:1".as_slice()));
        for bad in [
            "",
            "eth0:",
            ": 1 2 3",
            " face |bytes    packets",
            "eth0: 1 2 3",
            &format!(":{numbers}"),
            &numbers.replace("1 ", "x "),
        ] {
            assert!(parse(bad.as_bytes(), &mut values).is_none(), "{bad:?}");
        }
    }
}
