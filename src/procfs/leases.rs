//! The lease file of dnsmasq (`dnsmasq(8)`, `--dhcp-leasefile`): a line each lease, and one that starts
//! with `duid` where it serves `DHCPv6`.

use super::Host;
use crate::platform::File;
use crate::procfs::{Fault, Flaw, ReadErrorKind, Subject};

/// Bytes of the longest file that is read.
const LENGTH_MAX: usize = 1 << 20;

impl Host {
    /// Leases in the file of that path, which is opened anew: it may be replaced. Others may have put something
    /// else there, in `/tmp` for instance: only a regular file is read.
    pub fn leases(&mut self, path: &[u8]) -> Result<u32, Fault> {
        count(path, self.files.buffer).map_err(|kind| Fault {
            subject: Subject::Leases,
            kind,
        })
    }
}

fn count(path: &[u8], buffer: &mut [u8]) -> Result<u32, ReadErrorKind> {
    let file = File::open_regular(path)?.ok_or(ReadErrorKind::Content(Flaw::NoFile))?;
    let mut lines = Lines::default();
    let mut offset = 0;
    loop {
        let length = file.read_at(buffer, offset as u64)?;
        if length == 0 {
            return Ok(lines.leases);
        }
        lines.take(buffer.get(..length).unwrap_or_default());
        offset += length;
        if offset > LENGTH_MAX {
            return Err(ReadErrorKind::Content(Flaw::TooManyLeases));
        }
    }
}

/// Counts the lines that start with a digit, the time of a lease, and that have an end.
#[derive(Default)]
struct Lines {
    leases: u32,
    is_inside: bool,
    is_lease: bool,
}

impl Lines {
    fn take(&mut self, piece: &[u8]) {
        for byte in piece {
            if *byte == b'\n' {
                self.leases += u32::from(self.is_lease);
                (self.is_inside, self.is_lease) = (false, false);
            } else if !self.is_inside {
                (self.is_inside, self.is_lease) = (true, byte.is_ascii_digit());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_are_counted_however_the_pieces_fall() {
        let text = "1700000000 02:00:00:00:00:01 192.0.2.7 phone 01:02:00:00:00:00:01\n\
                    0 02:00:00:00:00:02 192.0.2.8 * *\n\n\
                    duid 00:01:00:01:2a\n\
                    1700000001 1 2001:db8::7 phone 00:01\n\
                    1700000002 02:00:00";
        for size in 1..text.len() {
            let mut lines = Lines::default();
            for piece in text.as_bytes().chunks(size) {
                lines.take(piece);
            }
            assert_eq!(lines.leases, 3, "pieces of {size}");
        }
    }
}
