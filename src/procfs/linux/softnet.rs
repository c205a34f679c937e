//! `/proc/net/softnet_stat`: a line each processor, hexadecimal columns of 32 bits
//! (`net/core/net-procfs.c`): packets processed, dropped, and turns that ran out of time.

use super::{Host, Source};
use crate::base::fields::fields;
use crate::procfs::{Fault, Flaw, Values};

const COLUMNS: usize = 3;

impl Host {
    /// Packets that the processors took from the network's queues, those dropped there, and how often
    /// a turn was cut short. Each is 32 bits a processor, so their sum may go back.
    pub fn softnet(&mut self, values: &mut Values) -> Result<(), Fault> {
        self.files.read(Source::Softnet, Flaw::NoCounts, &mut |line| {
            let mut fields = fields(line);
            for number in 0..COLUMNS {
                let Some(count) = fields.next().and_then(parse_hex) else {
                    return false;
                };
                values.set_whole(number, values.number(number) + u64::from(count));
            }
            true
        })
    }
}

/// One to eight hexadecimal digits.
fn parse_hex(text: &[u8]) -> Option<u32> {
    if !(1..=8).contains(&text.len()) {
        return None;
    }
    let mut number = 0;
    for byte in text {
        number = number << 4 | char::from(*byte).to_digit(16)?;
    }
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_hexadecimal() {
        assert_eq!(parse_hex(b"00008dda"), Some(0x8dda));
        assert_eq!(parse_hex(b"ffffffff"), Some(u32::MAX));
        for bad in ["", "123456789", "0x12", "-1", "g"] {
            assert_eq!(parse_hex(bad.as_bytes()), None, "{bad:?}");
        }
    }
}
