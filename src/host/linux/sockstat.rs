//! `/proc/net/sockstat` (`proc(5)`): `TCP: inuse 1 orphan 0 tw 0 alloc 1 mem 319`.

use super::Host;
use crate::host::{Fault, Sockets};
use crate::num::parse_u64;
use crate::scan::fields;

impl Host {
    /// Sockets of version 4, and all that are in use.
    pub fn sockets(&mut self) -> Result<Sockets, Fault> {
        let mut sockets = Sockets::default();
        let file = &mut self.files.sockstat;
        file.lines(&self.proc, &mut self.buffer, &mut |line| {
            read_line(line, &mut sockets)
        })?;
        if sockets == Sockets::default() {
            return Err(file.lacks("no sockets"));
        }
        Ok(sockets)
    }
}

fn read_line(line: &[u8], sockets: &mut Sockets) {
    let mut fields = fields(line);
    let protocol = fields.next();
    while let (Some(name), Some(value)) = (fields.next(), fields.next()) {
        let place = match (protocol, name) {
            (Some(b"sockets:"), b"used") => &mut sockets.used,
            (Some(b"TCP:"), b"inuse") => &mut sockets.tcp_in_use,
            (Some(b"TCP:"), b"orphan") => &mut sockets.tcp_orphans,
            (Some(b"TCP:"), b"tw") => &mut sockets.tcp_time_wait,
            (Some(b"TCP:"), b"alloc") => &mut sockets.tcp_allocated,
            (Some(b"TCP:"), b"mem") => &mut sockets.tcp_pages,
            (Some(b"UDP:"), b"inuse") => &mut sockets.udp_in_use,
            (Some(b"UDP:"), b"mem") => &mut sockets.udp_pages,
            _ => continue,
        };
        *place = parse_u64(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_values_come_in_pairs() {
        let mut sockets = Sockets::default();
        for line in [
            "sockets: used 10",
            "TCP: tw 3 inuse 1 new 9 alloc",
            "UDP: inuse x mem 2",
            "UDPLITE: inuse 7",
        ] {
            read_line(line.as_bytes(), &mut sockets);
        }
        let expected = Sockets {
            used: Some(10),
            tcp_time_wait: Some(3),
            tcp_in_use: Some(1),
            udp_pages: Some(2),
            ..Sockets::default()
        };
        assert_eq!(sockets, expected);
    }
}
