//! The lease file of dnsmasq (`dnsmasq(8)`, `--dhcp-leasefile`): a line per lease, and one that starts with `duid` if it
//! serves `DHCPv6`.

use super::{ReadError, ReadErrorKind, Subject};
use crate::platform::File;

/// Longest file that is read, in bytes.
const LENGTH_MAX: usize = 1 << 20;

/// Returns the number of leases in the file of this path, which is opened each time: dnsmasq may replace it. The path
/// may be in a folder that others can write to, such as `/tmp`, so only a regular file is read.
pub(super) fn count(path: &[u8], buffer: &mut [u8]) -> Result<u32, ReadError> {
    read(path, buffer).map_err(|kind| ReadError::new(Subject::Leases, kind))
}

fn read(path: &[u8], buffer: &mut [u8]) -> Result<u32, ReadErrorKind> {
    let file = File::open_regular(path)?.ok_or(ReadErrorKind::Unexpected)?;
    let mut counter = Counter::default();
    let mut offset = 0;
    loop {
        let length = file.read_at(buffer, offset as u64)?;
        if length == 0 {
            return Ok(counter.leases);
        }
        counter.add(buffer.get(..length).unwrap_or_default());
        offset += length;
        if offset > LENGTH_MAX {
            return Err(ReadErrorKind::TooLong);
        }
    }
}

/// Counts the lines that start with a digit, the first one of the lease's expiry, and end in a newline.
#[derive(Default)]
struct Counter {
    leases: u32,
    is_inside_line: bool,
    is_lease: bool,
}

impl Counter {
    fn add(&mut self, piece: &[u8]) {
        for byte in piece {
            if *byte == b'\n' {
                self.leases += u32::from(self.is_lease);
                (self.is_inside_line, self.is_lease) = (false, false);
            } else if !self.is_inside_line {
                (self.is_inside_line, self.is_lease) = (true, byte.is_ascii_digit());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leases_are_counted_across_pieces() {
        let text = "1700000000 02:00:00:00:00:01 192.0.2.7 phone 01:02:00:00:00:00:01\n\
                    0 02:00:00:00:00:02 192.0.2.8 * *\n\n\
                    duid 00:01:00:01:2a\n\
                    1700000001 1 2001:db8::7 phone 00:01\n\
                    1700000002 02:00:00";
        for size in 1..text.len() {
            let mut counter = Counter::default();
            for piece in text.as_bytes().chunks(size) {
                counter.add(piece);
            }
            assert_eq!(counter.leases, 3, "pieces of {size}");
        }
    }
}
