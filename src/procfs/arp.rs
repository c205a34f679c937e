//! `/proc/net/arp` (`proc(5)`): `192.0.2.1 0x1 0x2 02:fc:00:00:00:05 * eth0`, below a heading.

use super::{Host, Source};
use crate::base::fields::fields;
use crate::procfs::{Fault, Flaw};

impl Host {
    /// Hands over the interface of each entry of the table of IPv4 neighbours.
    pub fn neighbours(&mut self, take: &mut dyn FnMut(&[u8])) -> Result<(), Fault> {
        self.files.read(Source::Arp, Flaw::NoHeading, &mut |line| {
            if let Some(interface) = parse(line) {
                take(interface);
            }
            line.starts_with(b"IP address")
        })
    }
}

fn parse(line: &[u8]) -> Option<&[u8]> {
    let mut fields = fields(line);
    let address = fields.next()?;
    let is_address = address.iter().all(|byte| byte.is_ascii_digit() || *byte == b'.');
    let interface = fields.nth(4)?;
    (is_address && fields.next().is_none()).then_some(interface)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sixth_field_of_an_entry_is_its_interface() {
        let entry = b"192.0.2.1        0x1         0x2         02:fc:00:00:00:05     *        br-lan";
        assert_eq!(parse(entry), Some(b"br-lan".as_slice()));
        for bad in [
            "",
            "IP address       HW type     Flags       HW address            Mask     Device",
            "192.0.2.1 0x1 0x2 02:fc:00:00:00:05 *",
            "192.0.2.1 0x1 0x2 02:fc:00:00:00:05 * eth0 more",
        ] {
            assert_eq!(parse(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
