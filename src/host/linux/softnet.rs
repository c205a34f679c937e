//! `/proc/net/softnet_stat`: a line each processor, hexadecimal columns of 32 bits
//! (`net/core/net-procfs.c`): packets processed, dropped, and turns that ran out of time.

use super::{Host, Source};
use crate::host::{Fault, Flaw};
use crate::scan::fields;

impl Host {
    /// Packets that the processors took from the network's queues, those dropped there, and how often
    /// a turn was cut short. Each is 32 bits a processor, so their sum may go back.
    pub fn softnet(&mut self) -> Result<[u64; 3], Fault> {
        let mut sums = None;
        let file = self.files.of(Source::Softnet);
        file.lines(&self.proc, &mut self.buffer, &mut |line| {
            if let Some(counts) = parse(line) {
                let sums = sums.get_or_insert([0_u64; 3]);
                for (sum, count) in sums.iter_mut().zip(counts) {
                    *sum += count;
                }
            }
        })?;
        sums.ok_or_else(|| file.lacks(Flaw::NoCounts))
    }
}

fn parse(line: &[u8]) -> Option<[u64; 3]> {
    let mut counts = [0; 3];
    let mut fields = fields(line);
    for count in &mut counts {
        *count = parse_hex(fields.next()?)?;
    }
    Some(counts)
}

/// One to eight hexadecimal digits.
fn parse_hex(text: &[u8]) -> Option<u64> {
    if !(1..=8).contains(&text.len()) {
        return None;
    }
    text.iter().try_fold(0, |number, &byte| {
        let digit = char::from(byte).to_digit(16)?;
        Some(number * 16 + u64::from(digit))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_hexadecimal() {
        assert_eq!(parse_hex(b"00008dda"), Some(0x8dda));
        assert_eq!(parse_hex(b"ffffffff"), Some(u64::from(u32::MAX)));
        for bad in ["", "123456789", "0x12", "-1", "g"] {
            assert_eq!(parse_hex(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
