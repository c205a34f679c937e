//! `/proc/net/dev` (`proc(5)`), and what `/sys/class/net` adds.

use super::{Host, Source};
use crate::host::{Fault, Flaw, Link, Traffic};
use crate::num::parse_u64;
use crate::scan::fields;

/// Takes an interface's name, its counts and its link.
pub(super) type TakeInterface<'t> = &'t mut dyn FnMut(&[u8], Traffic, Link);

impl Host {
    /// Hands over each interface that is wanted, in the kernel's order.
    pub fn interfaces(&mut self, wants: &dyn Fn(&[u8]) -> bool, take: TakeInterface) -> Result<(), Fault> {
        let (file, links, sys) = (self.files.of(Source::NetDev), &mut self.links, &self.sys);
        let mut is_empty = true;
        let result = file.lines(&self.proc, &mut self.buffer, &mut |line| {
            let interface = parse(line);
            is_empty &= interface.is_none();
            if let Some((name, traffic)) = interface.filter(|(name, _)| wants(name)) {
                let packets = traffic.received[1].wrapping_add(traffic.sent[1]);
                let link = sys.as_ref().map(|sys| links.link(sys, name, packets));
                take(name, traffic, link.unwrap_or_default());
            }
        });
        links.end_round();
        result?;
        // The loopback at the least is always there.
        if is_empty {
            Err(file.lacks(Flaw::NoInterface))
        } else {
            Ok(())
        }
    }
}

/// `  eth0: 57209635    2801 …` or, from an old kernel, `eth0:57209635 2801 …`; a name may have a colon
/// in it (an alias), numbers have none. The lines of headings have bars, and no number behind a colon.
fn parse(line: &[u8]) -> Option<(&[u8], Traffic)> {
    let colon = line.iter().rposition(|&byte| byte == b':')?;
    let (name, numbers) = (line.get(..colon)?.trim_ascii(), line.get(colon + 1..)?);
    let mut counts = [0; 16];
    let mut fields = fields(numbers);
    for count in &mut counts {
        *count = parse_u64(fields.next()?)?;
    }
    let [received @ .., _, _, _, _, _, _, _, _] = counts;
    let [_, _, _, _, _, _, _, _, sent @ ..] = counts;
    let [bytes, packets, errors, dropped, fifo, frame, _, multicast] = received;
    let received = [bytes, packets, errors, dropped, fifo, frame, multicast];
    let [bytes, packets, errors, dropped, fifo, collisions, carrier, _] = sent;
    let sent = [bytes, packets, errors, dropped, fifo, collisions, carrier];
    (!name.is_empty()).then_some((name, Traffic { received, sent }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_may_be_glued_to_their_numbers() {
        let numbers = "1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16";
        for line in [format!("  eth0: {numbers}"), format!("eth0:{numbers}")] {
            let (name, traffic) = parse(line.as_bytes()).unwrap();
            assert_eq!(name, b"eth0");
            assert_eq!(traffic.received, [1, 2, 3, 4, 5, 6, 8]);
            assert_eq!(traffic.sent, [9, 10, 11, 12, 13, 14, 15]);
        }
        let alias = format!("eth0:1:{numbers}");
        assert_eq!(parse(alias.as_bytes()).unwrap().0, b"eth0:1");
        for bad in [
            "",
            "eth0:",
            ": 1 2 3",
            " face |bytes    packets",
            "eth0: 1 2 3",
            &format!(":{numbers}"),
            &numbers.replace("1 ", "x "),
        ] {
            assert!(parse(bad.as_bytes()).is_none(), "{bad:?}");
        }
    }
}
